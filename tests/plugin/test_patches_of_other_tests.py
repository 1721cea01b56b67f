"""What a test patches in the whole process does not reach the live dialogues of the tests after it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_duolog.recording.journal_file import read_journal

# It answers a neighbour only when the test before it has patched something, and says when it has answered all of it.
SERVER = """
import json, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

asked = {}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        which = body["model"]
        until = time.monotonic() + 20
        while not Path(f"patched-{which}").exists() and time.monotonic() < until:
            time.sleep(0.005)
        text = f"Answer {len(body['messages'])} to {len(self.headers['authorization'])} characters of a key."
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        content = json.dumps({"choices": [choice], "model": which}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        asked[which] = asked.get(which, 0) + 1
        if asked[which] == 2:
            Path(f"answered-{which}").touch()

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
Path("port").write_text(str(server.server_port))
server.serve_forever()
"""

TESTS = """
import asyncio, contextlib, locale, os, pathlib, random, shutil, socket, sys, tempfile, time, uuid, warnings
import datetime
import pytest

sleep, clock, exists = time.sleep, time.monotonic, os.path.exists
HERE = os.getcwd()

class Refused(socket.socket):
    def __new__(cls, *args, **kwargs):
        raise RuntimeError("a test tried to use socket.socket")

def refuse(*args, **options):
    raise RuntimeError("refused")

class OddPolicy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        raise RuntimeError("no event loop")

@contextlib.contextmanager
def attribute(owner, name, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value)
        yield

@contextlib.contextmanager
def environment(**variables):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value) if value else patch.delenv(name)
        yield

@contextlib.contextmanager
def other_folder():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    yield
    os.chdir(HERE)

@contextlib.contextmanager
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield

@contextlib.contextmanager
def odd_policy():
    usual = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(OddPolicy())
    yield
    asyncio.set_event_loop_policy(usual)

@contextlib.contextmanager
def other_locale():
    usual = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8", "C"):
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, name)
            break
    yield
    locale.setlocale(locale.LC_ALL, usual)

@contextlib.contextmanager
def seeded():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    yield
    assert random.random() == expected  # nobody else has drawn

@contextlib.contextmanager
def closed_stdout():
    with open(os.devnull, "w") as nowhere:
        pass
    with attribute(sys, "stdout", nowhere), attribute(sys, "stderr", nowhere):
        yield

PATCHES = {
    "monotonic": lambda: attribute(time, "monotonic", lambda: 1_767_225_600.0),
    "time": lambda: attribute(time, "time", lambda: 1.0),
    "counter": lambda: attribute(time, "perf_counter", lambda: -5.0),
    "sleep": lambda: attribute(time, "sleep", refuse),
    "socket": lambda: attribute(socket, "socket", Refused),
    "lookup": lambda: attribute(socket, "getaddrinfo", refuse),
    "connect": lambda: attribute(socket.socket, "connect", refuse),
    "connection": lambda: attribute(socket, "create_connection", refuse),
    "seed": seeded,
    "uuid": lambda: attribute(uuid, "uuid4", lambda: uuid.UUID(int=0)),
    "address": lambda: environment(OPENAI_BASE_URL="http://127.0.0.1:9/v1"),
    "key": lambda: environment(OPENAI_API_KEY="another-key-of-somebody"),
    "nokey": lambda: environment(OPENAI_API_KEY=""),
    "proxy": lambda: environment(ALL_PROXY="http://127.0.0.1:9", no_proxy="x", http_proxy="http://127.0.0.1:9"),
    "certificates": lambda: environment(SSL_CERT_FILE="/nowhere.pem"),
    "policy": odd_policy,
    "home": lambda: attribute(pathlib.Path, "home", refuse),
    "folder": other_folder,
    "stdout": closed_stdout,
    "warnings": no_warnings,
    "locale": other_locale,
}

def wait_for(name):
    until = clock() + 20
    while not exists(os.path.join(HERE, name)):
        assert clock() < until, name
        sleep(0.005)

def meddling(name, patch):
    def test(dialogue):
        with patch():
            open(os.path.join(HERE, f"patched-{name}"), "w").close()
            wait_for(f"answered-{name}")
            sleep(0.05)  # it is recorded, and the dialogue comes to its end
        assert dialogue.messages
    return pytest.mark.dialogue(model="scripted:counter", turns=1)(test)

def neighbour(name):
    def test(dialogue):
        assert [message.content for message in dialogue.messages[1:]] == [
            "Answer 1 to 26 characters of a key.", "Answer 3 to 26 characters of a key.",
        ]
    return pytest.mark.dialogue(model=f"openai:{name}", turns=1)(test)

for name, patch in PATCHES.items():
    globals()[f"test_{name}"] = meddling(name, patch)
    globals()[f"test_{name}_neighbour"] = neighbour(name)
"""
N_PATCHES = TESTS.split("PATCHES = {")[1].split("\n}", maxsplit=1)[0].count('\n    "')


@pytest.fixture
def server(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server in a process of its own, which the patches do not reach."""
    process = subprocess.Popen([sys.executable, "-c", SERVER])
    while not (Path("port").exists() and Path("port").read_text()):
        time.sleep(0.01)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{Path('port').read_text()}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-account")
    yield
    process.kill()
    process.wait()


def test_a_live_dialogue_does_not_notice_what_the_test_before_it_patches(
    pytester: pytest.Pytester, server: None
) -> None:
    pytester.makepyfile(test_it=TESTS)
    result = pytester.runpytest_subprocess(
        "-p",
        "no:cacheprovider",
        "--record-mode=once",
        "--duolog-concurrency=4",
        "-W",
        "ignore::DeprecationWarning",
    )
    result.assert_outcomes(passed=2 * N_PATCHES)
    journals = [read_journal(path) for path in Path().rglob("*.jsonl") if "neighbour" in path.name]
    assert len(journals) == N_PATCHES
    now = time.time()
    for journal in journals:
        assert len(journal.interactions) == 2
        assert all(0 <= (one.latency_ms or 0) < 60_000 for one in journal.interactions)
        recorded = time.mktime(time.strptime(str(journal.header["recorded"])[:19], "%Y-%m-%dT%H:%M:%S"))
        assert abs(recorded - time.timezone - now) < 600


def test_the_environment_of_a_dialogue_that_was_begun_is_kept_and_others_wait(
    pytester: pytest.Pytester, server: None
) -> None:
    """A variable that fixtures of the running test have set may be gone when the next test runs."""
    for name in ("one", "two"):
        Path(f"patched-{name}").touch()
    pytester.makepyfile(
        test_it="""
        import os, pytest

        @pytest.fixture
        def other_key(monkeypatch):
            monkeypatch.setenv("OPENAI_API_KEY", "another-key-of-somebody")

        @pytest.mark.dialogue(model="openai:one", turns=1)
        def test_one(other_key, dialogue):
            assert "30 characters" in dialogue.messages[1].content

        @pytest.mark.dialogue(model="openai:two", turns=1)
        def test_two(dialogue):
            assert "26 characters" in dialogue.messages[1].content
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=2)
