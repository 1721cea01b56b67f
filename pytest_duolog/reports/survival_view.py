"""Loops, goodbyes and drifts as survival data, for pages and for text: curves with bands, and numbers at risk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_duolog.display import counted
from pytest_duolog.reports.dialogue_view import percent_text
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.survival import Condition, Event, Lifetimes, survival_of
from pytest_duolog.stats.intervals import Interval
from pytest_duolog.stats.survival import Curve

# So many groups have a curve; those beyond are in the table only, because more lines cannot be told apart.
MOST_CURVES = 4
MOST_TICKS = 7
STEPS_OF_TICKS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000)
# So many lines of text are printed about groups.
MOST_LINES = 6

TITLES = {Event.LOOP: "First loop", Event.GOODBYE: "First goodbye", Event.DRIFT: "First drift off topic"}
WITHOUT = {Event.LOOP: "no loop yet", Event.GOODBYE: "no goodbye yet", Event.DRIFT: "still on topic"}


@dataclass(frozen=True)
class SurvivalSection:
    """The section of a page about how soon something happened: a view for each event, and the copies left out."""

    views: Sequence[SurvivalView]
    n_copies: int

    @classmethod
    def of(cls, dialogues: Iterable[FiledDialogue]) -> SurvivalSection:
        """The section about these dialogues; without views if nothing happened in them."""
        found = survival_of(dialogues)
        return cls([SurvivalView(lifetimes) for lifetimes in found.lifetimes], found.n_copies)


@dataclass(frozen=True)
class GroupRow:
    """One group: its counts, its mean, the numbers at risk at the ticks, and its curve if it has one.

    `line` is a step path and `band` an area, in a box as wide as the messages and 100 high; `at` is the CSS class.
    """

    label: str
    counts: str
    median: str
    mean: str
    difference: str
    at_risk: Sequence[int]
    at: int | None = None
    line: str = ""
    band: str = ""


@dataclass(frozen=True)
class SurvivalView:
    """The picture and the table of one event in groups."""

    lifetimes: Lifetimes

    @property
    def title(self) -> str:
        """The event."""
        return TITLES[self.lifetimes.event]

    @property
    def by(self) -> str:
        """The condition in which the groups differ; empty for one group."""
        condition = self.lifetimes.condition
        return "" if condition is Condition.NONE else f"by {condition}"

    @property
    def without(self) -> str:
        """What the height of the curve is the share of."""
        return WITHOUT[self.lifetimes.event]

    @property
    def until(self) -> int:
        """The message up to which means are taken."""
        return self.lifetimes.until

    @property
    def confidence(self) -> str:
        """The confidence of bands and intervals."""
        (curve, *_) = self.lifetimes.curves.values()
        return f"{100 * curve.confidence:g} %"

    @property
    def test(self) -> str:
        """The result of the log-rank test as text; empty for one group."""
        return test_words(self.lifetimes)

    @property
    def over(self) -> str:
        """Over which tests the curves are standardised, and what is left out; empty for one test."""
        return over_words(self.lifetimes)

    @cached_property
    def end(self) -> int:
        """The last message of the picture."""
        return max(curve.last for curve in self.lifetimes.curves.values())

    @cached_property
    def ticks(self) -> list[tuple[int, str]]:
        """Round message numbers with their places, in percent of the width."""
        step = next((step for step in STEPS_OF_TICKS if self.end / step < MOST_TICKS), self.end)
        return [(at, percent_text(100 * at / self.end)) for at in range(0, self.end + 1, step)]

    @cached_property
    def rows(self) -> list[GroupRow]:
        """The groups; the first one is what the others are compared with."""
        return list(self._rows())

    def _rows(self) -> Iterator[GroupRow]:
        for number, (label, curve) in enumerate(self.lifetimes.curves.items()):
            mean = curve.mean_until(self.until)
            difference = self.lifetimes.differences.get(label)
            is_drawn = number < MOST_CURVES
            yield GroupRow(
                label,
                f"{curve.n_events} of {curve.n}",
                "more than half have none" if curve.median is None else str(curve.median),
                f"{mean.mean:.1f} ({mean.interval.low:.1f} to {mean.interval.high:.1f})",
                difference_words(difference.difference, difference.interval) if difference else "",
                [curve.at_risk(max(1, at)) for at, _ in self.ticks],
                number if is_drawn else None,
                line_of(curve) if is_drawn else "",
                band_of(curve) if is_drawn else "",
            )


def line_of(curve: Curve) -> str:
    """The curve as a step path; it ends at the last observation."""
    path = "M0,0"
    for step in curve.steps:
        path += f"H{step.time}V{percent_text(100 - 100 * step.survival)}"
    return path


def band_of(curve: Curve) -> str:
    """The area of the pointwise band; before the first step it has the height that the first step begins with."""
    steps = curve.steps
    path, back, before = "M0,0", "", steps[-1].time
    for step in steps:
        path += f"H{step.time}V{percent_text(100 - 100 * step.interval.high)}"
    for step in reversed(steps):
        back += f"H{before}V{percent_text(100 - 100 * step.interval.low)}"
        before = step.time
    return f"{path}{back}H{before}V0Z" if before else path


def difference_words(difference: float, interval: Interval) -> str:
    """A difference of means with its interval."""
    middle, low, high = (round(value, 1) + 0.0 for value in (difference, *interval))  # avoids -0.0
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def over_words(lifetimes: Lifetimes) -> str:
    """Which tests the curves, means and differences are of; empty if there is nothing to say."""
    if not lifetimes.is_comparable:
        return "the groups share no test, so their difference would be that of the tests, too"
    left = lifetimes.n_left_out
    if lifetimes.n_tests == 1 and not left:
        return ""
    is_left = f"; {counted(left, 'dialogue')} of other tests left out" if left else ""
    tests = counted(lifetimes.n_tests, "test")
    return f"over {tests} with all else equal, each with the same weight in every group{is_left}"


def test_words(lifetimes: Lifetimes) -> str:
    """The p-value of the test, and what to know about it; empty without a test."""
    if lifetimes.test is None:
        return ""
    adjusted = "" if lifetimes.adjusted_p == lifetimes.test.p else ", adjusted for the tests beside it"
    rough = f"; rough, with {counted(lifetimes.n_events, 'event')}" if lifetimes.is_rough else ""
    return f"log-rank p {p_words(lifetimes.adjusted_p)}{adjusted}{rough}"


def p_words(p: float) -> str:
    """A p-value; it is never rounded down to 0."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def survival_words(dialogues: Iterable[FiledDialogue]) -> Iterator[str]:
    """A line for each event and condition; nothing if nothing happened, or there is nothing to compare."""
    found = [lifetimes for lifetimes in survival_of(dialogues).lifetimes if lifetimes.test]
    for lifetimes in found[:MOST_LINES]:
        happened = ", ".join(
            f"{label} {curve.n_events} of {curve.n}" for label, curve in lifetimes.curves.items()
        )
        means = ", ".join(
            f"{curve.mean_until(lifetimes.until).mean:.1f}" for curve in lifetimes.curves.values()
        )
        differences = [
            difference_words(found.difference, found.interval) for found in lifetimes.differences.values()
        ]
        change = f", difference {differences[0]}" if len(differences) == 1 else ""
        over = f"; {words}" if (words := over_words(lifetimes)) else ""
        yield (
            f"{TITLES[lifetimes.event].lower()} by {lifetimes.condition}: {happened}; mean number of messages until "
            f"then, within {lifetimes.until}: {means}{change}{over}; {test_words(lifetimes)} (descriptive)"
        )
