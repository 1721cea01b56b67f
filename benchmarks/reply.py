"""CPU of one live reply: bare httpx, this package without pytest, and this package in pytest.

    python benchmarks/reply.py [--dialogues 200] [--replies 10] [--in-flight 50] [--repeat 5]
                               [--contestants httpx httpx-each duolog pytest]

A canned server on loopback answers at once. `httpx` holds the same chats with one `AsyncClient` for all of them,
`httpx-each` with one for each, as separate tests would; both only keep the texts. `duolog` records each dialogue into a
cassette with redaction, retries and everything else, `pytest` does so in tests. All run in processes of their own, in
turns, with all dialogues and with a tenth of them; the difference of the least CPU times, divided by the number of
replies between them, is the price of one reply, without start-up. Read the ratios; the milliseconds are this
machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from live import DUOLOG_TEST, OURS, SERVER, Load, run, run_pytest

CONTESTANTS = ("httpx", "httpx-each", "duolog", "pytest")


def openers(n: int) -> list[str]:
    """The first message of each dialogue."""
    return [f"Hello number {number}." for number in range(n)]


async def bare(load: Load, in_flight: int, *, shares_client: bool) -> None:
    """The chats by httpx alone."""
    import httpx

    places = asyncio.Semaphore(in_flight)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    context = httpx.create_ssl_context()  # reading certificates is no part of a reply

    async def chat(client: httpx.AsyncClient, opener: str) -> None:
        history = [opener]
        for number in range(load.replies):
            messages = [
                {"role": ("user", "assistant")[(number + at) % 2], "content": text}
                for at, text in enumerate(history)
            ]
            answer = await client.post(url, json={"model": "m", "messages": messages})
            history.append(answer.json()["choices"][0]["message"]["content"])

    async def hold(shared: httpx.AsyncClient, opener: str) -> None:
        async with places:
            if shares_client:
                await chat(shared, opener)
            else:
                async with httpx.AsyncClient(limits=limits, verify=context) as client:
                    await chat(client, opener)

    async with httpx.AsyncClient(limits=limits, verify=context) as shared:
        await asyncio.gather(*(hold(shared, opener) for opener in openers(load.dialogues)))


def recorded(load: Load, in_flight: int, folder: Path) -> None:
    """The chats by this package, recorded in `folder`."""
    from contextlib import closing

    from pytest_duolog import Speaker
    from pytest_duolog.recording.record_mode import RecordMode
    from pytest_duolog.running.runner import DialogueRun
    from pytest_duolog.running.session import Session
    from pytest_duolog.running.talks import TalkFolder
    from pytest_duolog.scenarios.scenario import Scenario
    from pytest_duolog.settings import Settings

    settings = Settings.merge(
        record_mode="once",
        concurrency=in_flight,
        model_options=[],
        model_ini=[],
        stop_on=(),
        pyproject=None,
        budget="",
    )

    talks = TalkFolder(folder)

    async def hold(session: Session, opener: str) -> None:
        scenario = Scenario(
            a=Speaker("A", model="openai:m"),
            b=Speaker("B", model="openai:m"),
            opener=opener,
            turns=load.replies // 2,
            stop_on=(),
        )
        location = talks.location(opener, scenario, 1)
        cassette = session.open_recording(scenario, location, RecordMode.ONCE, before_asking=lambda: None)
        run = DialogueRun(scenario, observers=[cassette])
        await session.run_async(run, cassette)
        assert len(run.messages) == load.replies + 1

    with closing(Session(settings, root=folder)) as session:
        from functools import partial

        futures = [
            session.scheduler.start(partial(hold, session, opener)) for opener in openers(load.dialogues)
        ]
        for future in futures:
            future.result()


def work(contestant: str, load: Load, in_flight: int, folder: Path) -> None:
    """All chats of one contestant, in this process."""
    if contestant == "duolog":
        recorded(load, in_flight, folder)
    else:
        asyncio.run(bare(load, in_flight, shares_client=contestant == "httpx"))


def cpu_s(contestant: str, load: Load, in_flight: int, port: int) -> float:
    """Seconds of CPU of a process that holds the chats."""
    if contestant == "pytest":
        options = (*OURS, "--record-mode=all", f"--duolog-concurrency={in_flight}")
        return run_pytest(load.test(DUOLOG_TEST), port, *options)[1]
    with tempfile.TemporaryDirectory() as name:
        numbers = map(str, (load.dialogues, load.replies, in_flight))
        command = [sys.executable, __file__, "--work", contestant, *numbers, name]
        return run(command, Path(name), port)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dialogues", type=int, default=200)
    parser.add_argument("--replies", type=int, default=10, help="an even number")
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        contestant, *numbers, folder = given.work
        dialogues, replies, in_flight = map(int, numbers)
        work(contestant, Load(dialogues, replies), in_flight, Path(folder))
        return
    many, few = Load(given.dialogues, given.replies), Load(given.dialogues // 10, given.replies)
    server = subprocess.Popen([sys.executable, "-c", SERVER, "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        rounds = [
            {
                (name, load): cpu_s(name, load, given.in_flight, port)
                for name in given.contestants
                for load in (many, few)
            }
            for _ in range(given.repeat)
        ]
    finally:
        server.terminate()
        server.wait()
    least = {key: min(row[key] for row in rounds) for key in rounds[0]}
    n_between = (many.dialogues - few.dialogues) * given.replies
    prices = {name: 1000 * (least[name, many] - least[name, few]) / n_between for name in given.contestants}
    first = next(iter(prices.values()))
    for name, price in prices.items():
        print(f"{name:<12} {price:>6.2f} ms a reply  {price / first:>5.2f} x {given.contestants[0]}")


if __name__ == "__main__":
    main()
