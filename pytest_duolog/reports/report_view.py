"""What the pages of the HTML report show, as plain values: the templates compute nothing and detect nothing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from pytest_duolog.display import counted
from pytest_duolog.properties.base import Outcome
from pytest_duolog.reports.dialogue_text import stop_words
from pytest_duolog.results.dialogue_result import PropertyResult
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.reading import Fold, Phase, PhaseKind, Reading, folds, hidden_in, phases, story
from pytest_duolog.results.record import SampleOutcome
from pytest_duolog.transcripts.transcript import Message, Usage

# A longer message shows its beginning, and the rest when it is asked for.
LONG_WORDS = 90
LONG_CHARACTERS = 900
HEAD_CHARACTERS = 300
# A skyline has at most so many bars, and a cell at most so many squares.
MOST_BARS = 800
MOST_SQUARES = 20
# Of a cell, so many dialogues that pass are kept beside all that fail.
KEPT_PASSES = 3
# What the messages of a page may take, in bytes, so that it opens at once and fits into a mail; failures come first.
# Beside its text a message takes about so many.
MOST_BYTES = 1_000_000
MESSAGE_BYTES = 260
MOST_QUOTED = 90

_SENTENCE_END = re.compile(r"[.!?:](?=\s)|\n")


@dataclass(frozen=True)
class MessageView:
    """One message: its beginning, the rest of a long one, what the margin says, and what was not said aloud."""

    number: int
    speaker: str
    side: int
    head: str
    rest: str
    note: str
    is_bad: bool
    is_inside: bool
    failures: Sequence[str]
    asides: Sequence[tuple[str, str]]

    @property
    def n_rest(self) -> int:
        """How many words the rest has."""
        return len(self.rest.split())


@dataclass(frozen=True)
class FoldView:
    """Messages of a loop that are folded away, and what they are."""

    words: str
    messages: Sequence[MessageView]


Block = Phase | MessageView | FoldView


@dataclass(frozen=True)
class Skyline:
    """One bar a message, as SVG paths in a box of `n` by 100, and the same turned for the rail.

    `new` are words that nobody had said, `old` the others, `stale` the messages of loops.
    """

    n: int
    new: str
    old: str
    stale: str
    turned_new: str
    turned_old: str
    turned_stale: str
    spans: Sequence[Span]


@dataclass(frozen=True)
class Span:
    """Where a part of a dialogue lies, in percent of its length."""

    phase: Phase
    start: str
    end: str
    middle: str
    width: str


@dataclass(frozen=True)
class DialogueView:
    """One dialogue of a page; `ident` is its name in links, `is_kept` whether its messages are on the page."""

    ident: str
    dialogue: FiledDialogue
    is_kept: bool = True

    @cached_property
    def reading(self) -> Reading:
        """What its messages bring."""
        return self.dialogue.reading

    @property
    def title(self) -> str:
        """What it is called."""
        return self.dialogue.source.id

    @property
    def n(self) -> int:
        """How many messages it has."""
        return len(self.reading)

    @property
    def is_failed(self) -> bool:
        """Whether its sample failed or, outside of runs, a property does not hold."""
        return is_failed(self.dialogue)

    @property
    def is_measured(self) -> bool:
        """Whether it says anything of the models."""
        return self.dialogue.outcome is not SampleOutcome.ERROR

    @property
    def story(self) -> tuple[str, str]:
        """What happens in it."""
        return story(self.reading)

    @property
    def is_bad(self) -> bool:
        """Whether the end of its story is bad news."""
        return self.is_failed or bool(self.reading.loops)

    @property
    def facts(self) -> str:
        """Who speaks, how long, and why it ended."""
        transcript = self.dialogue.source.transcript
        speakers = ", ".join(
            f"{speaker.name} is {speaker.model}" if speaker.model else speaker.name
            for speaker in transcript.speakers
        )
        return " · ".join(filter(None, [speakers, counted(self.n, "message"), stop_words(transcript)]))

    @property
    def gist(self) -> str:
        """Why it is worth a look, in a few words."""
        reading, loop = self.reading, self.reading.main_loop
        parts = []
        if reading.goodbye is not None:
            after = self.n - reading.goodbye
            parts.append(f"goodbye in {reading.goodbye}" + (f", {after} after it" if after else ""))
        if loop is not None:
            parts.append(f"loop from {loop.first}")
        if not parts and self.dialogue.broken:
            parts.append(", ".join(_short(verdict.property) for verdict in self.dialogue.broken))
        return "; ".join(parts) or self.dialogue.problem or counted(self.n, "message")

    @property
    def systems(self) -> Iterator[tuple[str, str]]:
        """What the speakers were told."""
        for speaker in self.dialogue.source.transcript.speakers:
            yield speaker.name, speaker.system or "nothing"

    @cached_property
    def skyline(self) -> Skyline:
        """Its picture."""
        return _skyline(self.reading)

    @property
    def again(self) -> list[tuple[int, int, str]]:
        """What is said most often: times, the first message, its beginning."""
        said = Counter(of for of in self.reading.repeats if of is not None)
        messages = self.dialogue.source.transcript.messages
        return [
            (times + 1, number, messages[number - 1].content.strip()[:MOST_QUOTED])
            for number, times in said.most_common(5)
        ]

    @property
    def blocks(self) -> Iterator[Block]:
        """Its messages, with marks where a part begins, and folded stretches."""
        cited = _cited(self.dialogue.broken)
        starts = {phase.first: phase for phase in phases(self.reading) if phase.kind is not PhaseKind.TALK}
        fold_of: dict[int, Fold] = {
            number: fold for fold in folds(self.reading) for number in hidden_in(fold, cited)
        }
        folded: list[MessageView] = []
        for number, message in self.dialogue.source.transcript.numbered():
            if number in starts:
                yield starts[number]
            view = self._message(number, message, cited.get(number, ()))
            if number not in fold_of:
                yield view
                continue
            folded.append(view)
            if number + 1 not in fold_of:
                yield FoldView(fold_of[number].words, folded)
                folded = []

    def _message(self, number: int, message: Message, failures: Sequence[str]) -> MessageView:
        names = [speaker.name for speaker in self.dialogue.source.transcript.speakers]
        is_inside = self.reading.is_inside(number)
        head, rest = _split(re.sub(r"\n\s*\n(\s*\n)+", "\n\n", message.content.strip()))
        return MessageView(
            number,
            message.speaker,
            min(names.index(message.speaker), 2),
            head,
            rest,
            self.reading.note(number),
            bool(failures) or (number == self.reading.goodbye and self.is_failed),
            is_inside,
            failures,
            list(_asides(message)),
        )


def _asides(message: Message) -> Iterator[tuple[str, str]]:
    if message.reasoning:
        yield "reasoning", message.reasoning
    for call in message.tool_calls:
        result = "" if call.result is None else f"\n→ {call.result}"
        yield f"tool {call.name}", f"{call.arguments}{result}"
    if message.finish not in (None, "end", "tool"):
        yield f"the model stopped: {message.finish}", ""


def is_failed(dialogue: FiledDialogue) -> bool:
    """Whether the sample failed; without a run, whether a property does not hold."""
    if dialogue.outcome is not None:
        return dialogue.outcome is SampleOutcome.FAILED
    return any(verdict.outcome is Outcome.FAILS for verdict in dialogue.verdicts)


def _cited(broken: Iterable[PropertyResult]) -> Mapping[int, Sequence[str]]:
    found: dict[int, list[str]] = {}
    for verdict in broken:
        for citation in verdict.evidence:
            names = found.setdefault(citation.message, [])
            if (name := _short(verdict.property)) not in names:
                names.append(name)
    return found


def _short(name: str) -> str:
    return name.partition("(")[0] or name


def _split(text: str) -> tuple[str, str]:
    """The beginning of a long text, cut after a sentence if one ends nearby, and the rest."""
    if len(text) <= LONG_CHARACTERS and len(text.split()) <= LONG_WORDS:
        return text, ""
    ends = [found.end() for found in _SENTENCE_END.finditer(text, 0, HEAD_CHARACTERS)]
    cut = ends[-1] if ends else HEAD_CHARACTERS
    return text[:cut].rstrip(), text[cut:].strip()


def _skyline(reading: Reading) -> Skyline:
    n = len(reading)
    step = max(1, math.ceil(n / MOST_BARS))
    numbers = range(1, n + 1, step)
    top = max(reading.words, default=0) or 1
    flat: dict[str, list[str]] = {"new": [], "old": [], "stale": []}
    turned: dict[str, list[str]] = {"new": [], "old": [], "stale": []}
    for at, number in enumerate(numbers):
        words, new = reading.words[number - 1], reading.new[number - 1]
        height = max(3, round(100 * math.sqrt(words / top)))
        if reading.is_inside(number):
            pieces = [("stale", 0, height)]
        else:
            part = round(height * new / words) if words else 0
            pieces = [("new", 0, part), ("old", part, height)]
        for kind, low, high in pieces:
            if high > low:
                flat[kind].append(f"M{at},{100 - low}v{low - high}h.7V{100 - low}z")
                turned[kind].append(f"M{low},{at}h{high - low}v.7H{low}z")
    spans = [
        Span(
            phase,
            _short_number(100 * (phase.first - 1) / n),
            _short_number(100 * phase.last / n),
            _short_number(50 * (phase.first - 1 + phase.last) / n),
            _short_number(100 * len(phase) / n),
        )
        for phase in phases(reading)
    ]
    joined = {kind: "".join(paths) for kind, paths in flat.items()}
    sideways = {kind: "".join(paths) for kind, paths in turned.items()}
    return Skyline(
        len(numbers) or 1,
        joined["new"],
        joined["old"],
        joined["stale"],
        sideways["new"],
        sideways["old"],
        sideways["stale"],
        spans,
    )


def _short_number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True)
class Cell:
    """The dialogues of one scenario in one column."""

    dialogues: Sequence[DialogueView]

    @property
    def measured(self) -> list[DialogueView]:
        """Those that say something of the models."""
        return [view for view in self.dialogues if view.is_measured]

    @property
    def n_passed(self) -> int:
        """How many passed."""
        return sum(not view.is_failed for view in self.measured)

    @property
    def share(self) -> str:
        """The share that passed, in percent, for a bar."""
        return _short_number(100 * self.n_passed / len(self.measured)) if self.measured else "0"

    @property
    def squares(self) -> Sequence[DialogueView]:
        """What is drawn one by one; nothing of a cell with too many."""
        return self.measured if len(self.measured) <= MOST_SQUARES else ()


@dataclass(frozen=True)
class CostRow:
    """What one model was asked for."""

    model: str
    replies: int
    usage: Usage
    seconds: float | None


@dataclass(frozen=True)
class RunView:
    """A page of many dialogues. `question`, `answer` and `reason` say what was decided, if anything was."""

    title: str
    dialogues: Sequence[DialogueView]
    state: str
    question: str
    answer: str
    reason: str
    explained: Sequence[str] = ()

    @property
    def failures(self) -> list[DialogueView]:
        """Those that failed, the longest after their goodbye first."""
        failed = [view for view in self.dialogues if view.is_failed]
        return sorted(failed, key=lambda view: (-(view.n - (view.reading.goodbye or view.n)), view.title))

    @property
    def errors(self) -> list[DialogueView]:
        """Those that say nothing of the models."""
        return [view for view in self.dialogues if not view.is_measured]

    @property
    def passes(self) -> list[DialogueView]:
        """Those that passed."""
        return [view for view in self.dialogues if view.is_measured and not view.is_failed]

    @property
    def n_left_out(self) -> int:
        """How many have no messages on the page."""
        return sum(not view.is_kept for view in self.dialogues)

    @cached_property
    def columns(self) -> list[str]:
        """Arms of a gate; else models, if a scenario was held with several; else one."""
        return list(dict.fromkeys(self._column(view.dialogue) for view in self.dialogues))

    @cached_property
    def _are_models_columns(self) -> bool:
        models: dict[str, set[str]] = {}
        for view in self.dialogues:
            models.setdefault(_row(view.dialogue), set()).add(models_of(view.dialogue))
        return any(len(found) > 1 for found in models.values())

    def _column(self, dialogue: FiledDialogue) -> str:
        if dialogue.arm:
            return dialogue.arm
        return models_of(dialogue) if self._are_models_columns else "samples"

    @property
    def prefix(self) -> str:
        """What the names of all scenarios begin with, up to their tests."""
        prefixes = {name.rpartition("::")[0] for name, _ in self.rows}
        return f"{prefixes.pop()}::" if len(prefixes) == 1 and "" not in prefixes else ""

    @cached_property
    def rows(self) -> list[tuple[str, list[Cell]]]:
        """The matrix: the scenarios that failed most first."""
        found: dict[str, dict[str, list[DialogueView]]] = {}
        for view in self.dialogues:
            found.setdefault(_row(view.dialogue), {}).setdefault(self._column(view.dialogue), []).append(view)
        rows = [
            (name, [Cell(cells.get(column, ())) for column in self.columns]) for name, cells in found.items()
        ]
        return sorted(rows, key=lambda row: -max(len(cell.measured) - cell.n_passed for cell in row[1]))

    @property
    def properties(self) -> list[tuple[str, list[tuple[int, int]]]]:
        """For each property and column: in how many dialogues it holds, of how many."""
        names = dict.fromkeys(
            verdict.property for view in self.dialogues for verdict in view.dialogue.verdicts
        )
        counts: Counter[tuple[str, str, bool]] = Counter(
            (verdict.property, self._column(view.dialogue), verdict.outcome is Outcome.HOLDS)
            for view in self.dialogues
            for verdict in view.dialogue.verdicts
        )
        return [
            (
                name,
                [
                    (counts[name, column, True], counts[name, column, True] + counts[name, column, False])
                    for column in self.columns
                ],
            )
            for name in names
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
            by_row.setdefault(_row(view.dialogue), []).append(view)
        return [
            (
                name,
                _range([view.n for view in views]),
                _range([view.reading.goodbye for view in views if view.reading.goodbye]),
                _range([view.reading.main_loop.first for view in views if view.reading.main_loop]),
            )
            for name, views in by_row.items()
        ]

    @property
    def costs(self) -> list[CostRow]:
        """What each model was asked for."""
        messages: dict[str, list[Message]] = {}
        for view in self.dialogues:
            transcript = view.dialogue.source.transcript
            models = {speaker.name: speaker.model or speaker.name for speaker in transcript.speakers}
            for message in transcript.messages:
                if message.usage is not None or message.latency_ms is not None:
                    messages.setdefault(models[message.speaker], []).append(message)
        return [CostRow(model, len(found), _sum(found), _latency(found)) for model, found in messages.items()]


def _sum(messages: Iterable[Message]) -> Usage:
    return sum((message.usage for message in messages if message.usage), Usage())


def _latency(messages: Iterable[Message]) -> float | None:
    known = [message.latency_ms / 1000 for message in messages if message.latency_ms is not None]
    return median(known) if known else None


def _range(values: Sequence[int]) -> str:
    if not values:
        return "none"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}, median {median(values):g}"


def _stop(dialogue: FiledDialogue) -> str:
    stop = dialogue.source.transcript.stop_reason
    return stop.kind.value.replace("_", " ") if stop else "not recorded"


def _row(dialogue: FiledDialogue) -> str:
    return dialogue.test or dialogue.source.id


def models_of(dialogue: FiledDialogue) -> str:
    """The models of a dialogue; its speakers, where no model is known."""
    speakers = dialogue.source.transcript.speakers
    return ", ".join(dict.fromkeys(speaker.model or speaker.name for speaker in speakers))


def views_of(dialogues: Iterable[FiledDialogue]) -> list[DialogueView]:
    """The dialogues of a page: those that fail keep their messages, and of each cell the first few that pass.

    If there is not room for all of these, the last ones do without.
    """
    given = list(dialogues)
    n_kept: Counter[tuple[str, str, str]] = Counter()
    kept: set[int] = set()
    room = MOST_BYTES
    for at in sorted(range(len(given)), key=lambda at: not is_failed(given[at])):
        dialogue = given[at]
        cell = (_row(dialogue), dialogue.arm, models_of(dialogue))
        size = _size(dialogue)
        if (is_failed(dialogue) or n_kept[cell] < KEPT_PASSES) and (size <= room or not kept):
            kept.add(at)
            room -= size
            n_kept[cell] += not is_failed(dialogue)
    return [DialogueView(f"d{at + 1}", dialogue, at in kept) for at, dialogue in enumerate(given)]


def _size(dialogue: FiledDialogue) -> int:
    """About how many bytes its messages take on a page."""
    messages = dialogue.source.transcript.messages
    return sum(len(message.content.encode()) + MESSAGE_BYTES for message in messages)
