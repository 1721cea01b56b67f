"""Tests of one kind are checked together, with the same result as each on its own."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from pytest_duolog.plugin.collection import cell_like, cell_of
from pytest_duolog.plugin.matrix import Cell

TESTS = """
import pytest
from pytest_duolog import Persona, Speaker

pytestmark = pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=2)
TEXTS = ["Hello.", "Bonjour à tous.", "你好", "", "  ", "Hello."]
ANN, BEN = Speaker("Ann", model="scripted:echo"), Persona("Ben", goal="a refund", model="scripted:echo")

@pytest.mark.parametrize("opener", TEXTS)
def test_openers(dialogue, opener): ...

@pytest.mark.parametrize("topic", ["refunds", "trains"])
@pytest.mark.parametrize("opener", TEXTS)
def test_topics(dialogue, opener, topic): ...

@pytest.mark.parametrize("opener", [
    "Hello.", pytest.param("Hello there.", marks=pytest.mark.dialogue(turns=5)), None, "Good day."])
def test_own_marks(dialogue, opener): ...

@pytest.mark.parametrize("b", [ANN, BEN])
@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("opener", ["Hello.", "Good day."])
@pytest.mark.dialogue(a=Speaker("Cleo", model="scripted:counter"))
def test_speakers(dialogue, opener, turns, b): ...

@pytest.mark.parametrize("duolog_scenario", [{"opener": "One."}, {"opener": "Two."}, {"turns": 3}])
def test_in_code(dialogue, duolog_scenario): ...

class TestFixture:
    @pytest.fixture
    def opener(self, request): return request.param.upper()

    @pytest.mark.parametrize("opener", ["Hello.", "Good day."], indirect=True)
    def test_made_by_a_fixture(self, dialogue, opener): ...
"""


def test_tests_read_together_have_the_dialogues_of_tests_read_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    reader = _Reader()
    assert pytester.inline_run("--collect-only", plugins=[reader]).ret == pytest.ExitCode.OK
    assert reader.together == reader.alone
    assert reader.n_kinds < len(reader.alone) - 10


class _Reader:
    """Reads the collected tests in both ways."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        alike: dict[Hashable, Cell] = {}
        self.together = [_facts(cell_like(item, alike)) for item in session.items]
        self.alone = [_facts(cell_of(item)) for item in session.items]
        self.n_kinds = len(alike)


def _facts(cell: Cell) -> tuple[object, ...]:
    return cell.item, cell.asked, cell.idle, cell.parameters


@pytest.mark.parametrize(
    ("wrong", "words"), [("\\ud800", "not text"), (5, "valid string")], ids=["half", "number"]
)
def test_one_wrong_value_among_good_ones_is_named(
    pytester: pytest.Pytester, wrong: object, words: str
) -> None:
    value = f'"{wrong}"' if isinstance(wrong, str) else wrong
    pytester.makepyfile(f"""
import pytest

@pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1)
@pytest.mark.parametrize("opener", ["Hello.", "Good day.", {value}], ids=["one", "two", "three"])
def test_it(dialogue, opener):
    dialogue.messages
""")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_it[[]three[]]*: wrong dialogue*", f"*opener*{words}*"])


def test_a_marker_that_a_hook_adds_to_one_of_many_tests_takes_effect(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
import pytest

def pytest_collection_modifyitems(items):
    items[1].add_marker(pytest.mark.dialogue(samples=3))
""")
    pytester.makepyfile("""
import pytest

@pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1)
@pytest.mark.parametrize("opener", ["Hello.", "Good day.", "Good evening."])
def test_it(dialogue, opener):
    dialogue.messages
""")
    result = pytester.runpytest("-v")
    result.stdout.fnmatch_lines(["*test_it[[]Good day.[]], sample 3: *"])
    result.stdout.no_fnmatch_line("*test_it[[]Hello.[]], sample*")
