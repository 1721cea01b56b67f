"""Dialogues that begin early get what the fixtures of their own test give, or wait for them."""

from __future__ import annotations

import json

import pytest

from tests.chat_server import ChatServer

CONFTEST = """
import json
import pytest

def marking(mark):
    def mark_request(request):
        request.body = json.dumps({{**json.loads(request.body), "mark": mark}}).encode()
        return request
    return {{"before_record_request": mark_request}}

{fixtures}
"""
TESTS = """
import pytest

@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=1, stop_on=())
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(4)])
def test_it(opener, dialogue):
    assert len(dialogue.messages) == 3
"""
FIXTURES = {
    "of the session": (
        """
@pytest.fixture(scope="session")
def duolog_vcr_config():
    return marking("all")
""",
        {"all"},
    ),
    "of each module": (
        """
@pytest.fixture(scope="module")
def duolog_vcr_config(request):
    return marking(request.module.__name__)
""",
        {"test_one", "test_two"},
    ),
    "of each class, outside of classes": (
        """
@pytest.fixture(scope="class")
def duolog_vcr_config(request):
    return marking(request.module.__name__)
""",
        {"test_one", "test_two"},
    ),
    "from a fixture with parameters": (
        """
@pytest.fixture(scope="session", params=["north", "south"], autouse=True)
def side(request):
    return request.param

@pytest.fixture(scope="session")
def duolog_vcr_config(side):
    return marking(side)
""",
        {"north", "south"},
    ),
}


@pytest.mark.parametrize(("fixtures", "marks"), FIXTURES.values(), ids=FIXTURES)
def test_hooks_of_a_fixture_change_every_recording(
    pytester: pytest.Pytester, chat_server: ChatServer, fixtures: str, marks: set[str]
) -> None:
    pytester.makeconftest(CONFTEST.format(fixtures=fixtures))
    pytester.makepyfile(test_one=TESTS, test_two=TESTS)
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once")
    assert result.ret == pytest.ExitCode.OK
    found: set[str] = set()
    for path in pytester.path.rglob("*.jsonl"):
        if path.parent.name in {"test_one", "test_two"}:
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            own = {str(line["request"]["json"].get("mark")) for line in lines if "request" in line}
            names = {mark for mark in marks if mark in (str(path.parent.name), "all") or mark in path.name}
            assert own == names, path.name
            found |= own
    assert found == marks


HOOK = """
import os
import pytest

def pytest_configure(config):
    config.addinivalue_line("markers", "key(name): sets the key of the test")

def {hook}:
    mark = item.get_closest_marker("key")
    os.environ["OPENAI_API_KEY"] = mark.args[0] if mark else "sk-first"
"""
MARKED = """
import pytest

@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=1, stop_on=())
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(3)])
def test_first(opener, dialogue):
    assert len(dialogue.messages) == 3

@pytest.mark.key("sk-second")
@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=1, stop_on=())
@pytest.mark.parametrize("opener", [f"Later {n}." for n in range(3)])
def test_second(opener, dialogue):
    assert len(dialogue.messages) == 3
"""


@pytest.mark.parametrize("hook", ["pytest_runtest_setup(item)", "pytest_runtest_protocol(item, nextitem)"])
def test_dialogues_wait_for_hooks_of_the_project(
    pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody")
    pytester.makeconftest(HOOK.format(hook=hook))
    pytester.makepyfile(MARKED)
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once")
    result.assert_outcomes(passed=6)
    pairs = zip(chat_server.requests, chat_server.headers, strict=True)
    asked = {
        (body["messages"][0]["content"].split()[0], headers["authorization"])
        for body, headers in pairs
        if len(body["messages"]) == 1
    }
    assert asked == {("Opener", "Bearer sk-first"), ("Later", "Bearer sk-second")}
