"""Reports of runs as Markdown, for a step summary of GitHub Actions or the comment of a bot.

Text from models and from other outside sources is only text: every punctuation mark becomes a character reference, so
that it cannot be a link, image, table or tag, and mentions and references to issues do not work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pytest_duolog.display import printable
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.reports.scenario_rows import Place, ScenarioRow, headline, scenario_rows
from pytest_duolog.reports.wording import SIGNS, error_words, pairs_words, plan_words
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.record import RunRecord

# GitHub rejects a summary of more than a megabyte, and a comment has at most 64 kB.
MAX_BYTES = 60_000
# The largest size of the table.
TABLE_BYTES = 30_000
# The size that is reserved for the lines about omitted parts.
RESERVED_BYTES = 1000
LONGEST_NAME = 200
# The largest numbers of different plans that are explained, and of damages that are listed.
MOST_EXPLAINED = 6
LONGEST_TEXT = 500

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_CALLING = re.compile(r"[@#]")
# A character without width: after `@` or `#` it prevents a mention or a reference.
_WORD_JOINER = "\u2060"


def inert(text: str, limit: int = LONGEST_TEXT) -> str:
    """Markdown that shows a text on one line, without any other effect."""
    return references(_CALLING.sub(rf"\g<0>{_WORD_JOINER}", _one_line(text, limit)))


def code(text: str, limit: int = LONGEST_TEXT) -> str:
    """The same as inline code, which can be copied unchanged because it has no mentions."""
    return f"<code>{references(_one_line(text, limit))}</code>"


def _one_line(text: str, limit: int) -> str:
    words = " ".join(printable(text).split())
    return words if len(words) <= limit else f"{words[:limit]}… ({len(words)} characters)"


def references(text: str) -> str:
    """A text with every punctuation mark as a character reference."""
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", text)


def report_text(
    record: RunRecord,
    decided: RecordDecision,
    places: Mapping[str, Place],  # noqa: ARG001  # a summary links to no file
) -> str:
    """The verdict, a table of the scenarios, the worst first, and the first failures; at most 60,000 bytes."""
    return as_markdown(record, decided)


def as_markdown(record: RunRecord, decided: RecordDecision, *, after_headline: Sequence[str] = ()) -> str:
    """The same, with these lines below the verdict."""
    rows = scenario_rows(record, decided)
    title = f"## {inert(headline(decided), 2 * LONGEST_TEXT)}"
    head = [title, "", *after_headline, *_paragraph(record, decided), ""]
    table = list(_fitting(_table(decided, rows), TABLE_BYTES, "scenarios"))
    room = MAX_BYTES - _size([*head, *table]) - RESERVED_BYTES
    failures = list(_fitting(map(_failure_text, _blamed(rows)), room, "scenarios with failures"))
    return "\n".join([*head, *table, "", *failures]) + "\n"


def _paragraph(record: RunRecord, decided: RecordDecision) -> Iterator[str]:
    if decided.pairs is not None:
        _, *explained = pairs_words(decided.pairs, record.header.plan)
        yield from (f"- {inert(line)}" for line in explained)
    plans = {line for verdict in decided.scenarios.values() for line in plan_words(verdict.plan)}
    yield from (f"- {inert(line)}" for line in sorted(plans)[:MOST_EXPLAINED])
    yield from (f"- {inert(line)}" for line in [*record.damage[:MOST_EXPLAINED], *error_words(record)])


def _table(decided: RecordDecision, rows: Iterable[ScenarioRow]) -> Iterator[str]:
    arms = tuple(Arm) if decided.pairs is not None else (Arm.BASELINE,)
    titles = ["scenario", *(arm.value if decided.pairs is not None else "passed" for arm in arms), "verdict"]
    yield f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}"
    for row in rows:
        counts = ("{} of {}".format(*row.passed[arm]) for arm in arms)
        cells = [code(row.scenario, LONGEST_NAME), *counts, f"{SIGNS[row.decision]} {inert(row.words)}"]
        yield f"| {' | '.join(cells)} |"


def _blamed(rows: Iterable[ScenarioRow]) -> list[ScenarioRow]:
    return [row for row in rows if row.decision is not Decision.PASS and row.failures]


def _failure_text(row: ScenarioRow) -> str:
    lines = [f"### {code(row.scenario, LONGEST_NAME)}", ""]
    for sample in row.failures:
        arm = f" of the {sample.arm}" if row.in_gate else ""
        lines.append(f"- sample {sample.number}{arm}: {code(sample.why or 'failed')}")
        if evidence := sample.first_evidence:
            number, message = evidence
            lines.append(
                f"  - message {number}, {code(message.speaker, LONGEST_NAME)}: {code(message.content)}"
            )
    return "\n".join([*lines, ""])


def _fitting(parts: Iterable[str], room: int, what: str) -> Iterator[str]:
    """As many parts as fit, and the number of the others."""
    n_left_out = 0
    for part in parts:
        room -= _size([part])
        if n_left_out or room < 0:
            n_left_out += 1
        else:
            yield part
    if n_left_out:
        yield f"\nand {n_left_out} more {what}"


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
