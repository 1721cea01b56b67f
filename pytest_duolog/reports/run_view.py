"""What the page of many dialogues shows, as plain values: the matrix, the list, counts, and what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from statistics import median
from typing import NamedTuple

from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.blame_words import Blame
from pytest_duolog.reports.cost_rows import CostRow, costs_of
from pytest_duolog.reports.dialogue_view import DialogueView, percent_text, row_of
from pytest_duolog.reports.survival_view import SurvivalSection
from pytest_duolog.results.filed import FiledDialogue

# The largest numbers of squares in a cell and on a page; a cell with more has a bar.
MOST_SQUARES = 20
MOST_SQUARES_OF_PAGE = 1000
# So many dialogues are listed, those that fail first.
MOST_LISTED = 1000


@dataclass(frozen=True)
class Cell:
    """The samples of one scenario in one column, each with its most important dialogue; errors are left out."""

    dialogues: Sequence[DialogueView]

    @cached_property
    def measured(self) -> list[DialogueView]:
        """One dialogue for each sample: the first in which a property does not hold, or the first."""
        samples: dict[object, DialogueView] = {}
        for view in self.dialogues:
            sample = view.dialogue.sample
            key = view.ident if view.dialogue.outcome is None or sample is None else sample
            if view.is_measured and (
                key not in samples or (view.dialogue.broken and not samples[key].dialogue.broken)
            ):
                samples[key] = view
        return list(samples.values())

    @property
    def n_passed(self) -> int:
        """How many passed."""
        return sum(not view.is_failed for view in self.measured)

    @property
    def share(self) -> str:
        """The share that passed, in percent, for a bar."""
        return percent_text(100 * self.n_passed / len(self.measured)) if self.measured else "0"


@dataclass(frozen=True)
class ShortNames:
    """Names without their common beginning `prefix`; `short` has the rest of each."""

    prefix: str
    short: Mapping[str, str]


def short_names(names: Iterable[str]) -> ShortNames:
    """Short names of tests: only parameters if all are of one test, else the tests of one module."""
    given = list(dict.fromkeys(names))
    parts = [name.partition("[") for name in given]
    if (
        len(given) > 1
        and len({test for test, *_ in parts}) == 1
        and all(name.endswith("]") for name in given)
    ):
        return ShortNames(parts[0][0], {name: part[2][:-1] for name, part in zip(given, parts, strict=True)})
    modules = {name.partition("[")[0].rpartition("::")[0] for name in given}
    is_one = len(modules) == 1 and "" not in modules
    prefix = f"{modules.pop()}::" if is_one else _common_folder(modules)
    return ShortNames(prefix, {name: name[len(prefix) :] for name in given})


def _common_folder(modules: Iterable[str]) -> str:
    """The folder, with its slash, that all these modules of tests are in; empty if there is none."""
    folders = [module.split("/")[:-1] for module in modules]
    same = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "".join(f"{parts[0]}/" for parts in same)


class Judged(NamedTuple):
    """In how many dialogues a property holds, fails, and could not be measured; in the order of `Outcome`."""

    holds: int
    fails: int
    unmeasured: int

    @property
    def words(self) -> str:
        """The counts as text; unmeasured dialogues count neither as hold nor as fail."""
        if not any(self):
            return "not checked"
        found = f"{self.holds} of {self.holds + self.fails}"
        return f"{found}, {self.unmeasured} not measured" if self.unmeasured else found


@dataclass(frozen=True)
class RunView:
    """A page about many dialogues. `question`, `answer` and `reason` are the decision, if there is one.

    `blames` are the answers of a run with blame.
    """

    title: str
    dialogues: Sequence[DialogueView]
    state: str
    question: str
    answer: str
    reason: str
    explained: Sequence[str] = ()
    blames: Sequence[Blame] = ()

    @cached_property
    def failures(self) -> list[DialogueView]:
        """Those that failed, the longest after their goodbye first."""
        failed = [view for view in self.dialogues if view.is_failed]
        return sorted(failed, key=lambda view: (-(view.n - (view.reading.goodbye or view.n)), view.title))

    @cached_property
    def errors(self) -> list[DialogueView]:
        """The errors, which say nothing about the models."""
        return [view for view in self.dialogues if not view.is_measured]

    @cached_property
    def passes(self) -> list[DialogueView]:
        """Those that passed."""
        return [view for view in self.dialogues if view.is_measured and not view.is_failed]

    @cached_property
    def listed(self) -> set[str]:
        """The names in links of those that have a line: those that fail, then errors, as many as a page takes."""
        views = [*self.failures, *self.errors, *self.passes]
        return {view.ident for view in views[:MOST_LISTED]}

    def shown(self, views: Sequence[DialogueView]) -> list[DialogueView]:
        """Those of some dialogues that have a line."""
        return [view for view in views if view.ident in self.listed]

    @property
    def n_left_out(self) -> int:
        """How many of those that have a line have no messages on the page."""
        return sum(not view.is_kept for view in self.shown(self.dialogues))

    @property
    def n_unlisted(self) -> int:
        """How many have no line."""
        return len(self.dialogues) - len(self.listed)

    @property
    def n_without_messages(self) -> int:
        """How many dialogues a search on the page does not see."""
        return self.n_left_out + self.n_unlisted

    def squares(self, cell: Cell) -> Sequence[DialogueView]:
        """What is drawn one by one; nothing of a cell, or a page, with too many."""
        is_small = len(cell.measured) <= MOST_SQUARES and len(self.dialogues) <= MOST_SQUARES_OF_PAGE
        return cell.measured if is_small else ()

    @cached_property
    def columns(self) -> list[str]:
        """Arms of a gate; else models, if a scenario ran with several; else one."""
        return list(dict.fromkeys(self._column(view.dialogue) for view in self.dialogues))

    @cached_property
    def _are_models_columns(self) -> bool:
        models: dict[str, set[str]] = {}
        for view in self.dialogues:
            models.setdefault(row_of(view.dialogue), set()).add(view.dialogue.models)
        return any(len(found) > 1 for found in models.values())

    def _column(self, dialogue: FiledDialogue) -> str:
        if dialogue.arm:
            return dialogue.arm
        return dialogue.models if self._are_models_columns else "samples"

    @cached_property
    def names(self) -> ShortNames:
        """The names of the scenarios."""
        return short_names(name for name, _ in self.rows)

    @cached_property
    def rows(self) -> list[tuple[str, list[Cell]]]:
        """The matrix: the scenarios that failed most first."""
        found: dict[str, dict[str, list[DialogueView]]] = {}
        for view in self.dialogues:
            found.setdefault(row_of(view.dialogue), {}).setdefault(self._column(view.dialogue), []).append(
                view
            )
        rows = [
            (name, [Cell(cells.get(column, ())) for column in self.columns]) for name, cells in found.items()
        ]
        return sorted(rows, key=lambda row: -max(len(cell.measured) - cell.n_passed for cell in row[1]))

    @property
    def properties(self) -> list[tuple[str, list[Judged]]]:
        """For each property and column: in how many dialogues it holds."""
        counts: Counter[tuple[str, str, Outcome]] = Counter(
            (verdict.property, self._column(view.dialogue), verdict.outcome)
            for view in self.dialogues
            for verdict in view.dialogue.verdicts
        )
        return [
            (
                name,
                [Judged(*(counts[name, column, outcome] for outcome in Outcome)) for column in self.columns],
            )
            for name in dict.fromkeys(name for name, *_ in counts)
        ]

    @property
    def stops(self) -> list[tuple[str, list[int]]]:
        """For each reason to stop and column: how many dialogues."""
        counts = Counter((_stop(view.dialogue), self._column(view.dialogue)) for view in self.dialogues)
        reasons = sorted({reason for reason, _ in counts})
        return [(reason, [counts[reason, column] for column in self.columns]) for reason in reasons]

    @property
    def lengths(self) -> list[tuple[str, str, str, str]]:
        """For each scenario: messages, goodbyes, loops, each from the least to the most with the median."""
        by_row: dict[str, list[DialogueView]] = {}
        for view in self.dialogues:
            by_row.setdefault(row_of(view.dialogue), []).append(view)
        return [
            (
                name,
                _range([view.n for view in views]),
                _range([view.reading.goodbye for view in views if view.reading.goodbye]),
                _range([view.reading.main_loop.first for view in views if view.reading.main_loop]),
            )
            for name, views in by_row.items()
        ]

    @cached_property
    def survival(self) -> SurvivalSection:
        """How soon something happened in the dialogues."""
        return SurvivalSection.of(view.dialogue for view in self.dialogues)

    @property
    def costs(self) -> list[CostRow]:
        """The costs of each role and model."""
        return costs_of(view.dialogue for view in self.dialogues)


def _range(values: Sequence[int]) -> str:
    if not values:
        return "none"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}, median {median(values):g}"


def _stop(dialogue: FiledDialogue) -> str:
    stop = dialogue.source.transcript.stop_reason
    return stop.kind.value.replace("_", " ") if stop else "not recorded"
