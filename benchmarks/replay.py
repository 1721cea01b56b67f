"""Cost of recording and replaying one dialogue: bytes, CPU seconds and memory, beside plain vcrpy.

    python benchmarks/replay.py [--replies 10 50 100 200 400 800] [--repeat 3]
                                [--contestants client vcrpy vcrpy+body duolog pytest-recording duolog-pytest]

Every figure is taken in a process of its own, all contestants in one run, on the same dialogue (150 words a
reply, the whole history sent with each request) through the same chat client. `client` is that client with no
recording at all: the floor. `vcrpy` is vcrpy with its default matching, which ignores the body; `vcrpy+body`
compares bodies for equality; `pytest-recording` is its marker in a pytest process, beside `duolog-pytest`, the
`dialogue` fixture in one. All replay in turns, round after round, and the least of each counts, so that a machine's
busy minute falls on all of them alike. Read the ratios; the seconds are this machine's.

pytest-recording is looked for in `.venv/neighbours`, where make puts it, and left out where it is missing. With 800
replies, vcrpy takes minutes: `--contestants client duolog` leaves it out.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONTESTANTS = ("client", "vcrpy", "vcrpy+body", "duolog")
PYTEST_CONTESTANTS = ("pytest-recording", "duolog-pytest")
NEIGHBOURS = Path(sys.prefix) / "neighbours"
WORDS_PER_REPLY = 150
# Beyond this many replies plain vcrpy files take hundreds of megabytes.
MOST_PLAIN_REPLIES = 800


@functools.cache
def reply_text(number: int) -> str:
    """150 words that depend on the number alone."""
    words = random.Random(number)
    return " ".join(
        "".join(words.choices("abcdefghijklmnop", k=words.randint(3, 8))) for _ in range(WORDS_PER_REPLY)
    )


def answering_transport():  # type: ignore[no-untyped-def]
    """A server in memory that costs next to nothing: prepared answers, one after the other."""
    import httpx

    numbers = itertools.count()

    def answer(_: httpx.Request) -> httpx.Response:
        message = {"role": "assistant", "content": reply_text(next(numbers))}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "x", "model": "m", "choices": [choice], "usage": {}})

    return httpx.MockTransport(answer)


class ClientLine:
    """Posts through a chat client of httpx's, as somebody without this package would."""

    def __init__(self, client) -> None:  # type: ignore[no-untyped-def]
        self._client = client

    async def post(self, question):  # type: ignore[no-untyped-def]
        """The answer."""
        from pytest_duolog.endpoints.line_client import http_answer

        response = await self._client.post(question.url, content=question.content(), headers=question.headers)
        return http_answer(response, response.content)


async def talk(line, replies: int, base_url: str, observers=()) -> str:  # type: ignore[no-untyped-def]
    """Run the dialogue over `line`; returns its last message."""
    from pytest_duolog.endpoints.base import EndpointConfig
    from pytest_duolog.endpoints.openai_chat import OpenAIChat
    from pytest_duolog.running.runner import DialogueRun
    from pytest_duolog.scenarios.scenario import Scenario
    from pytest_duolog.scenarios.speaker import Speaker

    endpoint = OpenAIChat(EndpointConfig("openai", "m", base_url, line))
    scenario = Scenario(
        a=Speaker("Alice", model="openai:m"), b=Speaker("Bob", model="openai:m"), turns=replies // 2
    )
    run = DialogueRun(scenario, observers=observers)
    await run.finish_async({"a": endpoint, "b": endpoint})
    return run.messages[-1].content


async def talk_by_client(replies: int) -> None:
    """Run the dialogue through a client of httpx's, with answers in memory."""
    import httpx

    async with httpx.AsyncClient(transport=answering_transport()) as client:
        await talk(ClientLine(client), replies, "https://api.openai.com/v1")


def work(contestant: str, phase: str, replies: int, folder: Path) -> dict[str, float]:
    """One measurement, in this process."""
    # imports are not what is measured
    import httpx  # noqa: F401

    import pytest_duolog.running.session  # noqa: F401

    if contestant == "duolog":
        from pytest_duolog.endpoints.line_client import TransportLine
        from pytest_duolog.recording.cassette import Cassette
        from pytest_duolog.recording.hooks import VcrHooks
        from pytest_duolog.recording.naming import CassetteLocation
        from pytest_duolog.recording.record_mode import RecordMode
        from pytest_duolog.recording.redaction import Redactor
        from pytest_duolog.recording.transport import RecordedLine

        async def run() -> None:
            location = CassetteLocation(folder / "test_bench", f"test_{replies}", ["openai:m"])
            mode = RecordMode.REWRITE if phase == "record" else RecordMode.NONE
            cassette = Cassette(
                location,
                mode=mode,
                header={"duolog": 1, "test": location.owner},
                redactor=Redactor({}),
                hooks=VcrHooks({}),
                base_urls={},
                test_argument="",
            )
            from pytest_duolog.transcripts.transcript import StopKind, StopReason

            line = RecordedLine(cassette, TransportLine(answering_transport()))
            await talk(line, replies, "duolog://openai", [cassette])
            cassette.finish(StopReason(kind=StopKind.TURNS), replies + 1)
            cassette.close()
    elif contestant == "client":

        async def run() -> None:
            await talk_by_client(replies)
    else:
        import vcr

        recorder = vcr.VCR(record_mode="all" if phase == "record" else "none")
        recorder.register_matcher("equal_body", lambda one, other: one.body == other.body)
        match_on = {"match_on": ["method", "equal_body"]} if contestant == "vcrpy+body" else {}
        path = str(folder / f"{contestant}_{replies}.yaml")

        async def run() -> None:
            with recorder.use_cassette(path, **match_on):
                await talk_by_client(replies)

    for number in range(replies):
        reply_text(number)
    started = time.process_time()
    asyncio.run(run())
    return {
        "cpu_s": time.process_time() - started,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


TEST_FILE = """
import asyncio, sys
import pytest
sys.path.insert(0, {here!r})
from replay import answering_transport, talk_by_client

@pytest.mark.vcr
def test_recording():
    asyncio.run(talk_by_client({replies}))

@pytest.mark.dialogue(model="openai:m", turns={replies} // 2)
def test_duolog(dialogue, monkeypatch):
    import pytest_duolog.endpoints.live
    monkeypatch.setattr(pytest_duolog.endpoints.live, "LiveTransport", lambda *given, **more: answering_transport())
    assert len(dialogue.messages) == {replies} + 1
"""


def pytest_run(contestant: str, phase: str, replies: int, folder: Path) -> dict[str, float]:
    """CPU seconds and memory of a whole pytest process with one test."""
    here = str(Path(__file__).parent)
    (folder / "test_bench.py").write_text(TEST_FILE.format(here=here, replies=replies))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = vcr\n")
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if contestant == "pytest-recording":
        environ["PYTHONPATH"] = str(NEIGHBOURS)
        plugin, name = "pytest_recording.plugin", "test_recording"
    else:
        plugin, name = "pytest_duolog.plugin", "test_duolog"
    mode = "--record-mode=" + ("once" if phase == "record" else "none")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin, mode]
    command.append(f"test_bench.py::{name}")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    pid = subprocess.Popen(command, cwd=folder, env=environ, **quiet).pid  # type: ignore[call-overload]
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{contestant} failed: {' '.join(command)} in {folder}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024}


def measured(contestant: str, phase: str, replies: int, folder: Path) -> dict[str, float]:
    """One run in a fresh process."""
    if contestant in PYTEST_CONTESTANTS:
        return pytest_run(contestant, phase, replies, folder)
    command = [sys.executable, __file__, "--work", contestant, phase, str(replies), str(folder)]
    return json.loads(subprocess.check_output(command))  # type: ignore[no-any-return]


def size_of(contestant: str, replies: int, folder: Path) -> int:
    """Bytes of what was recorded; nobody is compared who recorded nothing."""
    patterns = {
        "duolog": f"test_bench/test_{replies}.*",
        "pytest-recording": "cassettes/test_bench/test_recording*",
        "duolog-pytest": "cassettes/test_bench/test_duolog*",
    }
    pattern = patterns.get(contestant, f"{contestant}_{replies}.yaml")
    size = sum(path.stat().st_size for path in folder.glob(pattern))
    if not size and contestant != "client":
        raise SystemExit(f"{contestant} recorded nothing in {folder}")
    return size


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replies", type=int, nargs="+", default=[10, 50, 100, 200, 400, 800])
    parser.add_argument("--repeat", type=int, default=3)
    everybody = (*CONTESTANTS, *PYTEST_CONTESTANTS)
    parser.add_argument("--contestants", nargs="+", choices=everybody, default=everybody)
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        contestant, phase, replies, folder = arguments.work
        print(json.dumps(work(contestant, phase, int(replies), Path(folder))))
        return
    print(
        f"{'replies':>7}  {'contestant':<17} {'bytes':>11} {'record s':>9} {'replay s':>9} {'MB':>6}  replay ÷ duolog"
    )
    for replies in arguments.replies:
        with tempfile.TemporaryDirectory() as name:
            taking_part = [one for one in arguments.contestants if takes_part(one, replies)]
            show(taking_part, replies, Path(name), arguments.repeat)


def show(contestants: list[str], replies: int, folder: Path, repeat: int) -> None:
    """Measure the contestants at one length and print their rows."""
    recorded = {name: measured(name, "record", replies, folder)["cpu_s"] for name in contestants}
    rounds = [
        {name: measured(name, "replay", replies, folder) for name in contestants} for _ in range(repeat)
    ]
    least = {
        name: {unit: min(row[name][unit] for row in rounds) for unit in ("cpu_s", "mb")}
        for name in contestants
    }
    for name in contestants:
        replay_s = least[name]["cpu_s"]
        ours = least.get("duolog-pytest" if name in PYTEST_CONTESTANTS else "duolog")
        ratio = f"{replay_s / ours['cpu_s']:>6.2f}" if ours else ""
        print(
            f"{replies:>7}  {name:<17} {size_of(name, replies, folder):>11,} {recorded[name]:>9.3f} "
            f"{replay_s:>9.3f} {least[name]['mb']:>6.0f}  {ratio}",
            flush=True,
        )


def takes_part(contestant: str, replies: int) -> bool:
    """Whether a contestant is installed, and writes files of a size that a disk can bear."""
    if contestant == "pytest-recording" and not (NEIGHBOURS / "pytest_recording").is_dir():
        return False
    return replies <= MOST_PLAIN_REPLIES or contestant in ("client", "duolog", "duolog-pytest")


if __name__ == "__main__":
    main()
