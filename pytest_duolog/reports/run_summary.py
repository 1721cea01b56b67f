"""The end of a run in a terminal: the whole text about its record if it is short, else the worst scenarios."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_duolog.display import counted
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.reports.scenario_rows import headline, scenario_rows
from pytest_duolog.reports.tries_words import mean_tries_words
from pytest_duolog.reports.wording import error_words, plan_words, record_words
from pytest_duolog.results.record import RunRecord

# How many lines the record may use of the 40 lines at the end of a run, and in a quiet run.
MOST_LINES = 24
QUIET_LINES = 4
# How many lines explain the plans, and how many name damage or missing samples, if there is no room for all.
MOST_EXPLAINED = 4
MOST_DAMAGES = 3


def summary_lines(record: RunRecord, decided: RecordDecision, *, is_quiet: bool = False) -> Iterator[str]:
    """The text about the samples of a run; omitted lines are counted."""
    most = QUIET_LINES if is_quiet else MOST_LINES
    lines = list(record_words(record, decided))
    if len(lines) <= most:
        yield from lines
    elif decided.pairs is not None or decided.blames:
        yield from lines[: most - 1]
        command = "blame" if decided.blames else "gate"
        yield f"and {counted(len(lines) - most + 1, 'more line')}: duolog {command} prints them"
    else:
        yield from _of_many(record, decided, is_quiet=is_quiet)


def _of_many(record: RunRecord, decided: RecordDecision, *, is_quiet: bool) -> Iterator[str]:
    """The verdict, the scenarios from the worst on, and the meaning of their plans once."""
    yield headline(decided)
    if is_quiet:
        return
    explained = list(
        dict.fromkeys(line for one in decided.scenarios.values() for line in plan_words(one.plan))
    )
    tries = mean_tries_words(record, decided)
    last = [*explained[:MOST_EXPLAINED], *tries, *record.damage[:MOST_DAMAGES], *error_words(record)]
    rows = scenario_rows(record, decided)
    shown = rows[: MOST_LINES - len(last) - 2]
    yield from (f"{row.scenario}: {row.words}" for row in shown)
    if hidden := rows[len(shown) :]:
        n_passed = sum(row.decision is Decision.PASS for row in hidden)
        passed = "all of them PASS" if n_passed == len(hidden) else f"{n_passed} of them PASS"
        yield f"and {counted(len(hidden), 'more scenario')}, {passed}: duolog gate prints them"
    yield from (f"  {line}" for line in last)
