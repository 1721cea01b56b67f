r"""Shows the verdict of a failed assertion once: short in pytest's message, in full below it.

pytest writes the repr of a verdict into the message of an `assert` up to three times, its lines joined by a literal
`\n`, and then the dialogue of a failed test shows it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from _pytest.assertion.rewrite import (
    _saferepr,
)  # pytest (9.2) writes this into the message; it has no hook for a single value

from pytest_duolog.display import printable
from pytest_duolog.plugin import CLAIMS, SITE
from pytest_duolog.properties.verdict import Outcome, Verdict

# The message has at most this many characters of a verdict, which is two lines of a narrow terminal.
LONGEST_BRIEF = 90
# At most this many characters of a line of code are kept.
LONGEST_LINE = 300
# A line about the origin of a value; for a verdict it is the called method, which the source shows.
_WHERE = re.compile(r"\s*\+\s+(?=where |and   )")


def tell_verdicts_once(item: pytest.Item, error: BaseException) -> None:
    """Shorten the message of a failed assertion about verdicts; those that no dialogue shows are shown in full."""
    if not (isinstance(error, AssertionError) and len(error.args) == 1 and isinstance(error.args[0], str)):
        return
    message = error.args[0]
    dialogues = item.stash[SITE].dialogues if SITE in item.stash else ()
    shown = [claim.verdict for made in dialogues for claim in made.claims]
    others = [claim.verdict for claim in item.stash.get(CLAIMS, ())]
    for verdict in [*shown, *others]:
        is_below = verdict in shown and verdict.outcome is not Outcome.HOLDS
        message = _without_repeats(message, _saferepr(verdict), brief(verdict) if is_below else repr(verdict))
    error.args = (message,)


def brief(verdict: Verdict) -> str:
    """The verdict on one line of at most `LONGEST_BRIEF` characters."""
    text = printable(f"{verdict.property} {verdict.outcome}: {verdict.explanation}").replace("\n", " ")
    if len(text) <= LONGEST_BRIEF:
        return text
    return f"{text[:LONGEST_BRIEF].rpartition(' ')[0] or text[:LONGEST_BRIEF]} …"


def _without_repeats(message: str, long: str, short: str) -> str:
    """The message with `short` instead of `long`, and without the lines about its origin."""
    if long not in message:
        return message
    kept: list[str] = []
    dropped_depth: int | None = None
    for line in message.split("\n"):
        where = _WHERE.match(line)
        depth = where.end() if where else 0
        if where and (long in line or (dropped_depth is not None and depth > dropped_depth)):
            dropped_depth = min(depth, dropped_depth or depth)
            continue
        dropped_depth = None
        kept.append(line.replace(long, short))
    return "\n".join(kept)


def said_by(message: str, verdicts: Iterable[Verdict]) -> str:
    """What the property says that a message is about, with the evidence, on one line; empty if it is about none."""
    about = re.sub(r"^(?:AssertionError: )?assert (?:not )?", "", message)
    for verdict in verdicts:
        if about.startswith(f"{verdict.property} {verdict.outcome}: "[:LONGEST_BRIEF]):
            return "; ".join(" ".join(line.split()) for line in repr(verdict).splitlines())
    return ""


def asserted_line(report: pytest.TestReport) -> str:
    """The failed line of the test, as the report quotes it; empty if it quotes none."""
    marked = [line[1:].strip() for line in str(report.longrepr).splitlines() if line.startswith(">   ")]
    return marked[-1][:LONGEST_LINE] if marked else ""
