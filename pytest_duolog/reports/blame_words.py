"""Which side of a dialogue carries a failure, as text and as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_duolog.display import counted
from pytest_duolog.gate.blame import (
    ADVISED_POWER,
    MOST_ADVISED,
    UNDECIDED,
    BlameDecision,
    Carrier,
    Cell,
    Comparison,
    Onset,
    copies_by_pairing,
    onset_of,
    rounds_to_name,
)
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.reports.dialogue_view import percent_text
from pytest_duolog.reports.numbers import percent
from pytest_duolog.results.arm import AnyArm, Pairing
from pytest_duolog.results.record import RunRecord, Sample
from pytest_duolog.stats.intervals import Interval, wilson_interval
from pytest_duolog.transcripts.transcript import TranscriptSpeaker


@dataclass(frozen=True)
class BlameRow:
    """One pairing: the models of both sides, and in how many dialogues it failed, with a 95 % interval."""

    arm: Pairing
    models: tuple[str, str]
    cell: Cell

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the rate at which it fails."""
        return wilson_interval(*self.cell)

    @property
    def drawn(self) -> tuple[str, str, str]:
        """The rate, and the beginning and the width of its interval, in percent of the picture's width."""
        low, high = self.interval
        rate = self.cell.n_failed / self.cell.n if self.cell.n else 0.0
        return percent_text(100 * rate), percent_text(100 * low), percent_text(100 * (high - low))

    @property
    def pairing(self) -> str:
        """The models as `a + b`."""
        return " + ".join(self.models)

    @property
    def failed(self) -> str:
        """The counts."""
        return f"{self.cell.n_failed} of {self.cell.n}"

    @property
    def rate(self) -> str:
        """The rate with its interval; empty without dialogues."""
        if not self.cell.n:
            return ""
        low, high = self.interval
        rate = self.cell.n_failed / self.cell.n
        return f"{percent(rate)}, 95 % interval {percent(low)} to {percent(high)}"


@dataclass(frozen=True)
class Blame:
    """The answer about one scenario, with the names that its dialogues have."""

    scenario: str
    decided: BlameDecision
    samples: Sequence[Sample]

    @cached_property
    def speakers(self) -> tuple[str, str]:
        """The names of both sides."""
        for found in map(_speakers, self.samples):
            if found:
                a, b = found
                return a.name, b.name
        return "side a", "side b"

    @cached_property
    def rows(self) -> list[BlameRow]:
        """The four pairings."""
        models: dict[AnyArm, tuple[str, str]] = {}
        for sample in self.samples:
            if found := _speakers(sample):
                a, b = (speaker.model or "not known" for speaker in found)
                models.setdefault(sample.arm, (a, b))
        return [
            BlameRow(arm, models.get(arm, ("not run", "not run")), self.decided.cells[arm]) for arm in Pairing
        ]

    @property
    def is_named(self) -> bool:
        """Whether a side is named."""
        return self.decided.carrier is not Carrier.UNKNOWN

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        decided = self.decided
        if not self.is_named:
            rounds = f" (round {decided.wanted[0]} is next)" if decided.wanted else ""
            return f"CANNOT TELL: {decided.why}{rounds}"
        place = 0 if decided.carrier is Carrier.A else 1
        model = self.rows[0].models[place]
        return f"BLAME: {self.speakers[place]} ({model}): {decided.why}"

    @cached_property
    def onset(self) -> Onset | None:
        """Where the failure begins, in the dialogues with both suspects."""
        return onset_of(sample for sample in self.samples if sample.arm is Pairing.BOTH)

    @property
    def onset_words(self) -> str:
        """Where the failure begins, as text; empty if nothing says so."""
        onset = self.onset
        if onset is None:
            return ""
        middle, low, high = onset.messages
        where = f"message {middle:g}"
        if low != high:
            interval = "95 % interval " if onset.n > FEWEST_WITH_INTERVAL else "from "
            where += f" (median of {counted(onset.n, 'dialogue')}; {interval}{low:g} to {high:g})"
        said = ", ".join(f"{name} in {n} of {onset.n}" for name, n in onset.speakers)
        untold = f"; {onset.n_untold} more failed without evidence" if onset.n_untold else ""
        return f"the failure begins in {where}, said by {said}{untold}"

    @property
    def comparison_words(self) -> Iterator[tuple[str, str]]:
        """Each comparison and its p-value."""
        pairings = {row.arm: row.pairing for row in self.rows}
        for comparison in self.decided.comparisons:
            yield f"{pairings[comparison.more]} against {pairings[comparison.less]}", _p_words(comparison)

    @cached_property
    def advice(self) -> str:
        """How many dialogues more would name a side; empty if there is an answer already."""
        decided = self.decided
        if decided.wanted or decided.why not in UNDECIDED:
            return ""
        found = rounds_to_name(decided)
        if found is None:
            return f"as seen so far, no side is worse, or more than {MOST_ADVISED} rounds would be needed to name it"
        carrier, n_rounds = found
        name = self.speakers[carrier is Carrier.B]
        more = counted(len(Pairing) * (n_rounds - decided.n_rounds), "dialogue")
        return (
            f"if the rates are those seen, {more} more name {name} in {percent(ADVISED_POWER)} of runs: "
            f"--duolog-rounds={n_rounds} continues this one"
        )

    @property
    def copies(self) -> list[tuple[str, int]]:
        """The pairings that gave copies, and in how many rounds, the most first."""
        found = copies_by_pairing(self.samples)
        return sorted(
            ((row.pairing, found[row.arm]) for row in self.rows if row.arm in found), key=lambda one: -one[1]
        )

    @property
    def lines(self) -> Iterator[str]:
        """The whole answer, line by line."""
        yield f"{self.scenario}: {self.headline}"
        width = max(len(row.pairing) for row in self.rows)
        for row in self.rows:
            yield f"  {row.pairing:<{width}}  failed in {row.failed}{f' ({row.rate})' if row.rate else ''}"
        if self.decided.n_rounds:
            yield from (f"  {names}: {p}" for names, p in self.comparison_words)
            yield (
                f"  {percent(self.decided.level)} is the level of this look; every claim needs two comparisons that "
                "both reach it"
            )
        if self.onset_words:
            yield f"  {self.onset_words}"
        if self.advice:
            yield f"  {self.advice}"
        left_out = self.decided.n_left_out
        if left_out:
            yield f"  {counted(left_out, 'round')} with errors or copies do not count"
        for pairing, n in self.copies:
            yield f"  {pairing} said again what it had said before, in {counted(n, 'round')}"
        yield (
            f"  {counted(self.decided.n_rounds, 'round')} of at most {self.decided.plan.max_rounds}; if neither "
            f"suspect is worse than the other, a side is named in at most 5 % of runs"
        )


# With more values than this, a median has an interval of 95 %.
FEWEST_WITH_INTERVAL = 5


def _speakers(sample: Sample) -> tuple[TranscriptSpeaker, ...]:
    return sample.dialogues[0].transcript.speakers if sample.dialogues else ()


def _p_words(comparison: Comparison) -> str:
    return "p < 0.0001" if comparison.p < 0.0001 else f"p = {comparison.p:.4f}"


def carrier_words(decided: BlameDecision, samples: Sequence[Sample]) -> str:
    """The answer about one scenario in one sentence."""
    return Blame("", decided, samples).headline


def blames_of(record: RunRecord, decided: RecordDecision) -> list[Blame]:
    """The answers of a record with blame, in the order of its plan."""
    samples: dict[str, list[Sample]] = {scenario: [] for scenario in decided.blames}
    for sample in record.samples:
        samples[sample.scenario].append(sample)
    return [Blame(scenario, found, samples[scenario]) for scenario, found in decided.blames.items()]


def blame_words(record: RunRecord, decided: RecordDecision) -> Iterator[str]:
    """The whole text about a record with blame, and what to do with it."""
    for blame in blames_of(record, decided):
        yield from blame.lines


def blame_rows(blames: Iterable[Blame]) -> list[Mapping[str, object]]:
    """The answers as plain data, for JSON; message numbers count from 1, rates are between 0 and 1."""
    return [
        {
            "scenario": blame.scenario,
            "carrier": blame.decided.carrier.value,
            "why": blame.decided.why.name.lower(),
            "speakers": list(blame.speakers),
            "rounds": blame.decided.n_rounds,
            "max_rounds": blame.decided.plan.max_rounds,
            "left_out": blame.decided.n_left_out,
            "copies": dict(blame.copies),
            "pairings": [
                {
                    "suspects": row.arm.value,
                    "models": list(row.models),
                    "failed": row.cell.n_failed,
                    "dialogues": row.cell.n,
                    "interval": list(row.interval),
                }
                for row in blame.rows
            ],
            "level": blame.decided.level,
            "rounds_to_name": (advised := rounds_to_name(blame.decided))
            and {"side": advised[0].value, "rounds": advised[1]},
            "comparisons": [
                {"more": found.more.value, "less": found.less.value, "p": found.p}
                for found in blame.decided.comparisons
            ],
            "onset": blame.onset
            and {
                "message": blame.onset.messages.median,
                "low": blame.onset.messages.low,
                "high": blame.onset.messages.high,
                "dialogues": blame.onset.n,
                "speakers": dict(blame.onset.speakers),
            },
        }
        for blame in blames
    ]
