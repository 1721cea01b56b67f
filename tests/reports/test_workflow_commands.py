"""Commands of GitHub Actions: ours are whole, nobody else's get through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.scenario_rows import Place
from pytest_duolog.reports.workflow_commands import annotation_lines, commands_stopped, workflow_command
from pytest_duolog.results.record import RunRecord
from tests.hostile import HOSTILE
from tests.run_records import bar_record, gate_record

COMMAND = re.compile(r"::(error|warning)( [a-z]+=[^:,\n\r]*(,[a-z]+=[^:,\n\r]*)*)?::[^\n\r]*")


def lines(record: RunRecord, places: dict[str, Place] | None = None) -> list[str]:
    return list(annotation_lines(record, decide_record(record), places or {}))


def test_blocked_gate_is_named_with_the_place_of_what_got_worse() -> None:
    record = gate_record({f"t.py::t{n}": ("+" * 10, "+" * 10 if n else "-" * 10) for n in range(5)})
    said = (
        "got worse by 100 points; baseline 10 of 10 passed; candidate 0 of 10 passed%0A"
        "t.py::t0, sample 1 of the candidate: no reason given%0A"
        "t.py::t0, sample 2 of the candidate: no reason given"
    )
    verdict = "BLOCK: 1 of 5 scenarios got worse: t.py::t0"
    assert lines(record, {"t.py::t0": Place("app/t.py", 7)}) == [
        f"::error title=gate of dialogues::{verdict}",
        f"::error file=app/t.py,line=7,title=t.py%3A%3At0::{said}",
    ]


def test_inconclusive_gate_is_a_warning() -> None:
    (line,) = lines(gate_record({"a": ("+", "+")}))
    assert line.startswith("::warning title=gate of dialogues::INCONCLUSIVE: ")


def test_nothing_is_said_of_a_pass() -> None:
    assert lines(bar_record({"a": "+" * 12})) == []


@pytest.mark.parametrize(
    ("n_bad", "n_lines", "last"), [(8, 8, "FAIL"), (9, 8, "and 2 more"), (30, 8, "and 23 more")]
)
def test_no_more_than_eight_and_the_rest_is_counted(n_bad: int, n_lines: int, last: str) -> None:
    found = lines(bar_record({f"t{n}": "--" for n in range(n_bad)}))
    assert len(found) == n_lines
    assert last in found[-1]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_cannot_leave_its_command(text: str) -> None:
    line = workflow_command("error", text, file=text, line=1, title=text)
    assert COMMAND.fullmatch(line)
    assert len(line.splitlines()) == 1


@given(st.text(), st.text())
def test_any_text_is_one_command(text: str, title: str) -> None:
    line = workflow_command("error", text, title=title)
    assert COMMAND.fullmatch(line)
    assert len(line.splitlines()) == 1


def test_commands_are_stopped_by_a_word_made_anew() -> None:
    written: list[str] = []
    for _ in range(2):
        with commands_stopped(written.append):
            written.append("::error::owned")
    begun = [line.removeprefix("::stop-commands::") for line in written[::3]]
    assert written[2::3] == [f"::{token}::" for token in begun]
    assert len(set(begun)) == 2
    assert all(len(token) == 32 for token in begun)


def test_commands_are_taken_again_after_an_error() -> None:
    written: list[str] = []
    with pytest.raises(ZeroDivisionError), commands_stopped(written.append):
        raise ZeroDivisionError
    assert written[1] == f"::{written[0].removeprefix('::stop-commands::')}::"
