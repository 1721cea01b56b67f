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
