"""A pair of dialogues side by side, as plain values: the messages of both sides, and their differences."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, zip_longest

from pytest_duolog.display import counted
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.dialogue_view import Part, asides_of, part_of, size_of
from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult, broken
from pytest_duolog.results.record import Sample, SampleOutcome, n_passed
from pytest_duolog.transcripts.transcript import Message

# Of more messages running that are the same on both sides, the last two are shown; of more that only one side has, the
# first four.
MOST_SAME = 4
SHOWN_SAME = 2
MOST_ALONE = 6
SHOWN_ALONE = 4
# Words are marked only in texts that have something in common, and that are short enough to be compared.
LEAST_ALIKE = 0.2
MOST_COMPARED_WORDS = 400

WORDS = {
    SampleOutcome.PASSED: ("passed", "passes"),
    SampleOutcome.FAILED: ("failed", "fails"),
    SampleOutcome.ERROR: ("ended in an error", "ends in an error"),
}


@dataclass(frozen=True)
class Side:
    """What one side says in a message: pieces of text, true where the other side has nothing like it; then the rest."""

    pieces: Sequence[tuple[bool, str]]
    part: Part
    asides: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PairRow:
    """One message number of a pair. A side is None where it had ended; `ends` is the first such row."""

    number: int
    speaker: str
    baseline: Side | None
    candidate: Side | None
    is_same: bool
    is_bad: bool = False
    ends: bool = False

    @property
    def kind(self) -> str:
        """What rows of a stretch have in common."""
        if self.is_same:
            return "same"
        return "both" if self.baseline and self.candidate else "baseline" if self.baseline else "candidate"


@dataclass(frozen=True)
class PairFold:
    """Rows that are folded away, and what they are."""

    words: str
    rows: Sequence[PairRow]


@dataclass(frozen=True)
class PairView:
    """One pair of a gate. `dialogues` are the baseline's and the candidate's, None where a record keeps none."""

    number: int
    result: str
    problem: str
    dialogues: tuple[DialogueResult, DialogueResult] | None

    @property
    def broken(self) -> list[PropertyResult]:
        """The verdicts on the candidate's dialogue that are not good."""
        return [] if self.dialogues is None else broken(self.dialogues[1].verdicts)

    @property
    def size(self) -> int:
        """About how many bytes it takes on a page."""
        return sum(size_of(side.transcript.messages) for side in self.dialogues or ())

    @property
    def mark(self) -> str:
        """What the marked message is."""
        return "first bad message" if self._cited else "first difference"

    @property
    def _cited(self) -> int | None:
        n = len(self.dialogues[1].transcript) if self.dialogues else 0
        numbers = [citation.message for verdict in self.broken for citation in verdict.evidence]
        return min((number for number in numbers if 0 < number <= n), default=None)

    @property
    def is_alike(self) -> bool:
        """Whether both sides say the same throughout."""
        return all(row.is_same for row in self._rows)

    @property
    def blocks(self) -> Iterator[PairRow | PairFold]:
        """The messages by their numbers, with folds where both say the same for long or one goes on alone."""
        for kind, found in groupby(self._rows, key=lambda row: row.kind):
            run = list(found)
            if kind == "same" and len(run) > MOST_SAME:
                hidden = run[:-SHOWN_SAME]
                yield from _folded(hidden, f"{counted(len(hidden), 'message')} the same on both sides")
                yield from run[-SHOWN_SAME:]
            elif kind in ("baseline", "candidate") and len(run) > MOST_ALONE:
                yield from run[:SHOWN_ALONE]
                hidden = run[SHOWN_ALONE:]
                yield from _folded(hidden, f"{counted(len(hidden), 'more message')} of the {kind}")
            else:
                yield from run

    @cached_property
    def _rows(self) -> Sequence[PairRow]:
        return list(self._compared())

    def _compared(self) -> Iterator[PairRow]:
        if self.dialogues is None:
            return
        baseline, candidate = (side.transcript.messages for side in self.dialogues)
        bad, ended = self._cited, min(len(baseline), len(candidate)) + 1
        is_failed = bool(self.problem or self.broken)
        for number, (one, two) in enumerate(zip_longest(baseline, candidate), start=1):
            is_same = one is not None and two is not None and _said(one) == _said(two)
            if bad is None and not is_same and is_failed:
                bad = number
            left, right = sides(one, two)
            speaker = next(message.speaker for message in (two, one) if message is not None)
            yield PairRow(number, speaker, left, right, is_same, number == bad, number == ended)


def pair_of(number: int, baseline: Sequence[Sample], candidate: Sample, name: str | None = None) -> PairView:
    """A pair: the candidate's sample next to the baseline samples for it, of which the first one is shown.

    Of several dialogues of a test it shows the one called `name`; without a name the first in which a property fails.
    """
    before = (
        WORDS[baseline[0].outcome][0]
        if len(baseline) == 1
        else f"{n_passed(baseline)} of {len(baseline)} stored passed"
    )
    now = WORDS[candidate.outcome][1]
    result = f"{before}, now {now}"
    if len(baseline) == 1 and baseline[0].outcome is candidate.outcome:
        result = f"both {now.replace('ends', 'end').removesuffix('s').replace('passe', 'pass')}"
    return PairView(number, result, _problem(candidate), _dialogues(baseline, candidate, name))


def _problem(sample: Sample) -> str:
    """Why a sample did not pass; the line that failed, where a verdict beside it says the rest."""
    if sample.passed:
        return ""
    told = any(
        sample.problem.startswith(f"{verdict.property} {verdict.outcome}") for verdict in sample.verdicts
    )
    return sample.asserted if told else sample.why


def _dialogues(
    baseline: Sequence[Sample], candidate: Sample, name: str | None
) -> tuple[DialogueResult, DialogueResult] | None:
    def is_meant(dialogue: DialogueResult) -> bool:
        return name is None or dialogue.name == name

    meant = list(filter(is_meant, candidate.dialogues))
    fails = (
        dialogue
        for dialogue in meant
        if any(verdict.outcome is Outcome.FAILS for verdict in dialogue.verdicts)
    )
    two = next(fails, meant[0] if meant else None)
    for sample in baseline:
        for one in sample.dialogues:
            if two is not None and one.name == two.name:
                return one, two
    return None


def _said(message: Message) -> tuple[object, ...]:
    return *message.said(), message.finish == "truncated"


def sides(one: Message | None, two: Message | None) -> tuple[Side | None, Side | None]:
    """A message of each side; words are marked that the other one does not have."""
    left = part_of(one.content) if one else None
    right = part_of(two.content) if two else None
    pieces = [(False, left.head)] if left else [], [(False, right.head)] if right else []
    if left and right and not left.rest and not right.rest:
        pieces = marked_words(left.head, right.head)
    return (
        Side(pieces[0], left, list(asides_of(one))) if one and left else None,
        Side(pieces[1], right, list(asides_of(two))) if two and right else None,
    )


def marked_words(one: str, two: str) -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
    """Both texts in pieces, with those marked that the other has not; nothing is marked where little is alike."""
    words = [re.findall(r"\s*\S+", text) for text in (one, two)]
    plain = [(False, one)], [(False, two)]
    if max(map(len, words)) > MOST_COMPARED_WORDS:
        return plain
    bare = [[word.strip() for word in text] for text in words]
    match = difflib.SequenceMatcher(None, bare[0], bare[1], autojunk=False)
    if match.ratio() < LEAST_ALIKE:
        return plain
    left: list[tuple[bool, str]] = []
    right: list[tuple[bool, str]] = []
    for kind, i, j, k, m in match.get_opcodes():
        if j > i:
            left.append((kind != "equal", "".join(words[0][i:j])))
        if m > k:
            right.append((kind != "equal", "".join(words[1][k:m])))
    return left, right


def _folded(rows: Sequence[PairRow], words: str) -> Iterator[PairRow | PairFold]:
    """The rows in folds; one that must be seen stays outside."""
    for is_bad, found in groupby(rows, key=lambda row: row.is_bad):
        run = list(found)
        if is_bad:
            yield from run
        else:
            yield PairFold(words if len(run) == len(rows) else counted(len(run), "more message"), run)
