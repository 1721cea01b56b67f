"""Live dialogues of coming tests run beside the present one, and nothing else changes for it."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.plugin import prefetch
from tests.chat_server import ChatServer, plain_answer

MATRIX = """
import pytest
from pytest_duolog import Speaker

{before}

@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=1, opener_by="a", stop_on=())
@pytest.mark.parametrize("opener", [f"Opener {{n}}." for n in range({n})])
{marker}
def test_it(opener, dialogue{fixtures}):
    {body}
    assert len(dialogue.messages) == 3
"""


class Crowd:
    """Answers of the server, and how many dialogues waited for one at the same time.

    Nobody is answered before `expected` dialogues wait.
    """

    def __init__(self, server: ChatServer, *, expected: int = 1) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._expected = expected
        self._has_met = threading.Event()
        self.most = 0
        server.answer = self._answer

    def _answer(self, body: dict[str, Any]) -> str:
        with self._lock:
            self._waiting += 1
            self.most = max(self.most, self._waiting)
            if self.most >= self._expected:
                self._has_met.set()
        self._has_met.wait(60)
        time.sleep(0.01)  # whoever comes when nobody may come is seen
        with self._lock:
            self._waiting -= 1
        return plain_answer(body)


@pytest.fixture
def matrix(pytester: pytest.Pytester, chat_server: ChatServer):
    def run(*options: str, n: int = 6, **parts: str) -> pytest.RunResult:
        parts = {"before": "", "marker": "", "fixtures": "", "body": "", **parts}
        pytester.makepyfile(MATRIX.format(n=n, **parts))
        return pytester.runpytest("-p", "no:cacheprovider", *(options or ("--record-mode=once",)))

    return run


def opened(server: ChatServer) -> set[str]:
    """The dialogues that asked for anything."""
    return {
        message["content"]
        for request in server.requests
        for message in request["messages"]
        if message["content"].startswith("Opener ")
    }


def test_coming_dialogues_run_beside_the_first(matrix, chat_server: ChatServer):
    crowd = Crowd(chat_server, expected=2)
    matrix("--record-mode=once", "--duolog-concurrency=4").assert_outcomes(passed=6)
    assert 2 <= crowd.most <= 5  # the first test's own, and four of coming ones
    assert len(chat_server.requests) == 12


@pytest.mark.parametrize(
    "options", [("--duolog-concurrency=1",), ("-o", "duolog_concurrency=1")], ids=["option", "ini"]
)
def test_one_at_a_time(matrix, chat_server: ChatServer, options: tuple[str, ...]):
    crowd = Crowd(chat_server)
    matrix("--record-mode=once", *options).assert_outcomes(passed=6)
    assert crowd.most == 1


@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_wrong_number_is_refused(matrix, value: str):
    result = matrix("--record-mode=once", f"--duolog-concurrency={value}")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*duolog_concurrency: '{value}' is not a whole number above 0*"])


OWN_FIXTURE = "@pytest.fixture\ndef own(): pass"
EARLY_MODULE_FIXTURE = "@pytest.fixture(scope='module')\ndef own(): pass"


@pytest.mark.parametrize(
    ("parts", "is_early"),
    [
        ({"fixtures": ", tmp_path, request, duolog_snapshot", "body": "str(tmp_path)"}, True),
        ({"fixtures": ", own", "before": EARLY_MODULE_FIXTURE}, True),
        ({"fixtures": ", own", "before": OWN_FIXTURE}, False),
        ({"before": "@pytest.fixture(autouse=True)\ndef own(): pass"}, False),
        ({"fixtures": ", monkeypatch"}, False),
        ({"before": "@pytest.fixture\ndef duolog_scenario(): return {}"}, False),
        ({"before": "@pytest.fixture\ndef duolog_vcr_config(): return {}"}, False),
        ({"marker": "@pytest.mark.skipif(False, reason='never')"}, False),
        ({"marker": "@pytest.mark.xfail(False, reason='never')"}, False),
        ({"marker": "@pytest.mark.dialogue(b=Speaker('B', model=lambda messages: 'Hm.'))"}, False),
        ({"marker": "@pytest.mark.dialogue(b='scripted:echo')"}, True),
    ],
    ids=lambda value: "".join(value.values())[-48:] if isinstance(value, dict) else None,
)
def test_only_what_the_test_cannot_change_begins_early(
    matrix, chat_server: ChatServer, parts: dict[str, str], is_early: bool
):
    crowd = Crowd(chat_server, expected=2 if is_early else 1)
    matrix(**parts).assert_outcomes(passed=6)
    assert (crowd.most > 1) is is_early


@pytest.mark.slow
def test_stop_at_the_first_failure_wastes_little(matrix, chat_server: ChatServer):
    Crowd(chat_server)
    result = matrix(
        "--record-mode=once", "--duolog-concurrency=2", "-x", n=40, body="assert not dialogue.messages"
    )
    result.assert_outcomes(failed=1)
    assert len(opened(chat_server)) <= 1 + 2 * 2


def test_a_test_that_does_not_look_gives_its_dialogue_up(matrix, chat_server: ChatServer):
    Crowd(chat_server)
    result = matrix(body="return")
    result.assert_outcomes(failed=6)
    result.stdout.fnmatch_lines(["the test did not use its dialogue*"])
    result.stdout.no_fnmatch_line("*never awaited*")


def recorded(folder: Path) -> dict[str, list[str]]:
    """What is said in each cassette."""
    return {
        path.name: re.findall(r"m hears [^\"]*", path.read_text("utf-8")) for path in folder.rglob("*.jsonl")
    }


def test_recordings_do_not_depend_on_who_is_answered_first(matrix, chat_server: ChatServer, pytester):
    def hasten_the_last(body: dict[str, Any]) -> str:
        number = next(int(m["content"][7]) for m in body["messages"] if m["content"].startswith("Opener "))
        threading.Event().wait((6 - number) / 100)
        return plain_answer(body)

    matrix("--record-mode=rewrite", "--duolog-concurrency=1").assert_outcomes(passed=6)
    one_by_one = recorded(pytester.path)
    chat_server.answer = hasten_the_last
    matrix("--record-mode=rewrite", "--duolog-concurrency=6").assert_outcomes(passed=6)
    assert recorded(pytester.path) == one_by_one
    matrix("--record-mode=none").assert_outcomes(passed=6)


def test_failed_dialogue_fails_its_own_test_only(matrix, chat_server: ChatServer):
    def refuse_one(body: dict[str, Any]) -> Any:
        return (400, b"{}") if "Opener 3." in str(body["messages"]) else plain_answer(body)

    chat_server.answer = refuse_one
    result = matrix()
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["FAILED *test_it?Opener 3.*"])


def test_async_tests_wait_for_what_has_begun(pytester: pytest.Pytester, chat_server: ChatServer):
    crowd = Crowd(chat_server, expected=2)
    source = MATRIX.format(n=6, before="", marker="@pytest.mark.asyncio", fixtures="", body="await dialogue")
    pytester.makepyfile(source.replace("def test_it", "async def test_it"))
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=6)
    assert crowd.most > 1


@pytest.mark.slow
def test_workers_of_xdist_record_and_replay_the_same(matrix, chat_server: ChatServer):
    matrix("--record-mode=once", "-n2").assert_outcomes(passed=6)
    assert len(opened(chat_server)) == 6
    chat_server.close()
    matrix("--record-mode=none").assert_outcomes(passed=6)


def test_worker_of_xdist_begins_the_dialogues_of_its_next_tests(matrix, chat_server: ChatServer):
    """As soon as a first one has told the controller that there are dialogues."""
    crowd = Crowd(chat_server, expected=4)
    meet = chat_server.answer

    def answer(body: dict[str, Any]) -> str:
        is_early = any(f"Opener {n}." in str(body["messages"]) for n in (0, 1))
        return plain_answer(body) if is_early else meet(body)

    chat_server.answer = answer
    matrix("--record-mode=once", "-n1").assert_outcomes(passed=6)
    assert crowd.most == 4
    assert len(chat_server.requests) == 12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "most"),
    [(("--dist=worksteal",), 2), (("--maxschedchunk=1",), 2), (("--duolog-concurrency=3",), 4)],
    ids=["worksteal", "own chunks", "places"],
)
def test_worker_of_xdist_begins_only_what_stays_with_it(matrix, chat_server, options, most: int):
    crowd = Crowd(chat_server, expected=2)
    matrix("--record-mode=once", "-n2", *options, n=12).assert_outcomes(passed=12)
    assert 2 <= crowd.most <= 2 * most
    assert len(chat_server.requests) == 24


@pytest.mark.slow
def test_worker_of_xdist_begins_the_samples_of_its_next_test(matrix, chat_server: ChatServer):
    crowd = Crowd(chat_server, expected=2)
    matrix(
        "--record-mode=once", "-n1", n=2, marker="@pytest.mark.dialogue(samples=1, min_pass_rate=0.5)"
    ).assert_outcomes(passed=2)
    assert crowd.most == 2
    assert len(chat_server.requests) == 4


@pytest.mark.parametrize(
    "dist", ["load", *(pytest.param(name, marks=pytest.mark.slow) for name in ("loadscope", "worksteal"))]
)
def test_no_worker_of_xdist_asks_for_what_another_one_runs(matrix, chat_server: ChatServer, dist: str):
    Crowd(chat_server)
    matrix("--record-mode=once", "-n2", f"--dist={dist}", n=12).assert_outcomes(passed=12)
    assert len(chat_server.requests) == 24


def test_stop_at_the_first_failure_wastes_as_little_in_a_worker(matrix, chat_server: ChatServer):
    Crowd(chat_server)
    result = matrix(
        *("--record-mode=once", "-n1", "--duolog-concurrency=2", "-x"),
        n=12,
        body="assert not dialogue.messages",
    )
    result.assert_outcomes(failed=1)
    assert len(opened(chat_server)) <= 1 + 2 * 2


# The first test tells the controller that there are dialogues, so all others begin; a later one crashes its worker.
CRASH = """
    dialogue.messages
    is_first = not Path("first").exists()
    Path("first").touch()
    while not is_first and not Path("crashed").exists():
        if sum('{"end":' in path.read_text() for path in Path().rglob("cassettes/**/*.jsonl")) == 6:
            Path("crashed").touch()
            os._exit(1)
        time.sleep(0.02)
"""


def test_what_a_crashed_worker_has_finished_is_not_asked_again(matrix, chat_server: ChatServer):
    Crowd(chat_server)
    before = "import os\nimport time\nfrom pathlib import Path"
    matrix("--record-mode=once", "-n1", before=before, body=CRASH).assert_outcomes(passed=5, failed=1)
    assert len(chat_server.requests) == 12
    matrix("--record-mode=none", before=before, body=CRASH).assert_outcomes(passed=6)


def test_each_coming_test_is_examined_once(matrix, monkeypatch: pytest.MonkeyPatch, chat_server: ChatServer):
    """Else every test would pay for all those in sight, which with many places at a time are hundreds."""
    examined: list[str] = []
    scenario_of = prefetch.scenario_of
    monkeypatch.setattr(prefetch, "scenario_of", lambda item: examined.append(item.name) or scenario_of(item))
    matrix(
        n=12,
        marker="@pytest.mark.dialogue(b=pytest_duolog.Speaker('B', model=lambda messages: 'Hm.'))",
        before="import pytest_duolog",
    ).assert_outcomes(passed=12)
    assert sorted(examined) == sorted(set(examined))


def test_no_more_run_at_a_time_than_files_may_be_open(pytester: pytest.Pytester, chat_server: ChatServer):
    resource = pytest.importorskip("resource")
    crowd = Crowd(chat_server, expected=2)
    pytester.makepyfile(MATRIX.format(n=80, before="", marker="", fixtures="", body=""))
    pytester.makeconftest(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        """
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 100
    options = ("-p", "no:cacheprovider", "--record-mode=once", "--duolog-concurrency=70")
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=80)
    assert 2 <= crowd.most <= 13
