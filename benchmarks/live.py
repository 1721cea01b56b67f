"""Speed of recording many dialogues from a slow server, beside plain pytest with vcrpy.

    python benchmarks/live.py [--dialogues 200] [--replies 10] [--latency-ms 50] [--in-flight 50]
                              [--contestants duolog httpx vcrpy xdist] [--share 0.1] [--workers 2]

A canned server on loopback answers every request after the latency, with the next of 500 texts of about 150 words that
are the same in every run. `httpx` is the floor: a process that holds the same chats with a client for each, so many in
flight, without pytest and without keeping anything. Each other contestant is a whole pytest process that
runs one test a dialogue and records it: `duolog` with its scheduler, `vcrpy` one dialogue after the other through
vcrpy and the same client, `xdist` the same with pytest-xdist's workers. These rivals get only a share of the dialogues
(they would take minutes) and are compared by dialogues a second. The ideal is the time in which nothing is waited for
but the server, with so many dialogues in flight; start-up, collection and recording come on top of it. Seconds of CPU
tell what a busy machine hides. Plugins that a contestant does not need are not loaded.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER = """
import asyncio, itertools, json, random, sys
latency = float(sys.argv[1])
PARTS = (
    "I,You,We,The agent,Our team,Your bank,The customer,Somebody from support,My colleague,The courier".split(","),
    "can check,has confirmed,will change,could not find,would rather keep,is looking at,just received".split(","),
    "the order,your booking,a refund of $49.90,the invoice from 12 May,that address,the red suitcase,order #A-20417,"
    "the account of O'Neill,a new password,3 of the 4 parcels,the terms (see section 2)".split(","),
    "before Friday,after the call,without a fee,at 10:30,if it's still open,as we agreed,in the café,today".split(","),
)

def answer(number):
    draws = random.Random(number)
    sentences = [" ".join(map(draws.choice, PARTS)) + draws.choice(".?!") for _ in range(16)]  # 150 words or so
    text = " ".join(sentences[:8]) + "\\n\\n" + " ".join(sentences[8:])
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500}
    content = json.dumps({"id": f"chatcmpl-{number}", "model": "m", "choices": [choice], "usage": usage}).encode()
    head = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(content)
    return head + content

answers = itertools.cycle([answer(number) for number in range(500)])

class Canned(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.received, self.expected = transport, b"", None
    def data_received(self, data):
        self.received += data
        if self.expected is None and b"\\r\\n\\r\\n" in self.received:
            head, _, _ = self.received.partition(b"\\r\\n\\r\\n")
            length = next(line for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:"))
            self.expected = len(head) + 4 + int(length.split(b":")[1])
        if self.expected is not None and len(self.received) >= self.expected:
            self.received, self.expected = b"", None
            asyncio.get_running_loop().call_later(latency, self.transport.write, next(answers))

async def serve():
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(serve())
"""

DUOLOG_TEST = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(a=Speaker("A", model="openai:m"), b=Speaker("B", model="openai:m"), opener_by="a",
                      turns={turns}, stop_on=())
@pytest.mark.parametrize("opener", [f"Hello number {{n}}." for n in range({dialogues})])
def test_dialogue(opener, dialogue):
    assert len(dialogue.messages) == {messages}
"""

VCRPY_TEST = """
import os, httpx, pytest, vcr

@pytest.mark.parametrize("opener", [f"Hello number {{n}}." for n in range({dialogues})])
def test_dialogue(opener, tmp_path_factory):
    history = [opener]
    with vcr.use_cassette(f"cassettes/{{abs(hash(opener))}}.yaml", record_mode="all"), httpx.Client() as client:
        for number in range({replies}):
            messages = [{{"role": ("user", "assistant")[(number + at) % 2], "content": text}}
                        for at, text in enumerate(history)]
            answer = client.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions",
                                 json={{"model": "m", "messages": messages}})
            history.append(answer.json()["choices"][0]["message"]["content"])
    assert len(history) == {messages}
"""


OURS = ("-p", "duolog", "-p", "syrupy", "-p", "anyio")


@dataclass(frozen=True)
class Load:
    """What has to be done: so many dialogues of so many replies."""

    dialogues: int
    replies: int

    def test(self, template: str) -> str:
        """A test module with one test a dialogue."""
        return template.format(
            dialogues=self.dialogues,
            replies=self.replies,
            messages=self.replies + 1,
            turns=self.replies // 2,
        )


def run_pytest(test: str, port: int, *options: str) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and peak MB of a pytest process that passes `test`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_it.py").write_text(test, "utf-8")
        (folder / "pytest.ini").write_text("[pytest]\naddopts = -q -p no:cacheprovider\n", "utf-8")
        return run([sys.executable, "-m", "pytest", *options], folder, port)


def run_httpx(load: Load, in_flight: int, port: int) -> tuple[float, float, float]:
    """The same of a process that holds the chats of `load` with bare httpx."""
    work = Path(__file__).with_name("reply.py")
    numbers = map(str, (load.dialogues, load.replies, in_flight))
    with tempfile.TemporaryDirectory() as name:
        return run([sys.executable, str(work), "--work", "httpx-each", *numbers, name], Path(name), port)


def run(command: Sequence[str], folder: Path, port: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and peak MB of a process in `folder` that asks the server on `port`."""
    environ = {
        **os.environ,
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": "none-needed",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "",  # users compile nothing either
    }
    started = time.perf_counter()
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = 0  # it has been waited for
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit((folder / "out.txt").read_text()[-3000:])
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dialogues", type=int, default=200)
    parser.add_argument("--replies", type=int, default=10, help="an even number")
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--share", type=float, default=0.1, help="of the dialogues that the rivals get")
    parser.add_argument("--workers", type=int, default=2, help="of pytest-xdist")
    contestants = ("duolog", "httpx", "vcrpy", "xdist")
    parser.add_argument("--contestants", nargs="+", choices=contestants, default=contestants)
    given = parser.parse_args()
    load = Load(given.dialogues, given.replies)
    share = Load(max(1, round(given.dialogues * given.share)), given.replies)
    runs = {
        "duolog": (
            load,
            DUOLOG_TEST,
            (*OURS, "--record-mode=all", f"--duolog-concurrency={given.in_flight}"),
        ),
        "vcrpy": (share, VCRPY_TEST, ()),
        "xdist": (share, VCRPY_TEST, ("-p", "xdist", f"-n{given.workers}")),
    }
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(given.latency_ms / 1000)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        ideal = given.dialogues * given.replies * given.latency_ms / 1000 / given.in_flight
        columns = ("dialogues", "seconds", "dialogues/s", "x ideal", "CPU s", "peak MB")
        print(f"{'':<10} " + " ".join(f"{column:>11}" for column in columns))
        print(
            f"{'ideal':<10} {given.dialogues:>11} {ideal:>11.2f} {given.dialogues / ideal:>11.1f} {1:>11.2f}"
        )
        for name in given.contestants:
            if name == "httpx":
                work, measured = load, run_httpx(load, given.in_flight, port)
            else:
                work, template, options = runs[name]
                measured = run_pytest(work.test(template), port, *options)
            seconds, cpu_s, megabytes = measured
            rate = work.dialogues / seconds
            print(
                f"{name:<10} {work.dialogues:>11} {seconds:>11.2f} {rate:>11.1f} "
                f"{given.dialogues / ideal / rate:>11.2f} {cpu_s:>11.2f} {megabytes:>11.0f}"
            )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
