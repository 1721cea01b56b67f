"""What the HTML report shows of a dialogue, as plain values: the templates compute nothing and detect nothing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_duolog.display import counted
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.call_words import call_title
from pytest_duolog.reports.dialogue_text import stop_words
from pytest_duolog.results.dialogue_result import short_name
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.reading import Fold, Phase, PhaseKind, Reading, folds, hidden_in, phases, story
from pytest_duolog.results.record import SampleOutcome
from pytest_duolog.transcripts.transcript import Message, ToolCall

# A longer message shows its beginning, and the rest when it is asked for.
LONG_WORDS = 90
LONG_CHARACTERS = 900
HEAD_CHARACTERS = 300
# What a verdict cites, and a goodbye, are shown whole up to this many times the length.
EVIDENCE_TIMES = 4
# A skyline has at most so many bars.
MOST_BARS = 800
# Of a cell, so many dialogues that pass are kept beside all that fail.
KEPT_PASSES = 3
# What the messages of a page may take, in bytes, so that it opens at once and fits into a mail; failures come first.
# Beside its text a message takes about so many.
MOST_BYTES = 1_000_000
MESSAGE_BYTES = 260
MOST_QUOTED = 90
# A call that was made after words is told with the last ones of them, so many characters.
AFTER = 40

# So much of one message is on a page, and so much of a tool's call or of reasoning.
MOST_TEXT = 100_000
MOST_ASIDE = 10_000

_SENTENCE_END = re.compile(r"[.!?:](?=\s)|\n")


@dataclass(frozen=True)
class Part:
    """A text on a page: its beginning, the rest of a long one, and how many characters of it are not on the page."""

    head: str
    rest: str = ""
    n_cut: int = 0

    @property
    def n_rest(self) -> int:
        """How many words the rest has."""
        return len(self.rest.split())


@dataclass(frozen=True)
class MessageView:
    """One message: its text, what the margin says, and what was not said aloud."""

    number: int
    speaker: str
    side: int
    part: Part
    note: str
    is_bad: bool
    is_inside: bool
    failures: Sequence[str]
    asides: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class FoldView:
    """Messages of a loop that are folded away, and what they are."""

    words: str
    messages: Sequence[MessageView]


Block = Phase | MessageView | FoldView


@dataclass(frozen=True)
class Skyline:
    """One bar a message, as SVG paths in a box of `n` by 100, and the same turned for the rail.

    `new` are words that nobody had said, `old` the others, `stale` the messages of loops. `topic` is how close
    the talk from each message on is to a stated topic, `drift` the same where it leaves it; both are empty without one.
    """

    n: int
    new: str
    old: str
    stale: str
    turned_new: str
    turned_old: str
    turned_stale: str
    topic: str
    drift: str
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

    @property
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
            parts.append(", ".join(short_name(verdict) for verdict in self.dialogue.broken))
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
    def jumps(self) -> list[tuple[int, str]]:
        """Where a reader wants to go: each message with the words for it."""
        reading, loop = self.reading, self.reading.main_loop
        found = []
        if reading.goodbye is not None:
            found.append((reading.goodbye, f"message {reading.goodbye}, the goodbye"))
        if loop is not None:
            found.append((loop.first, f"message {loop.first}, nothing new from here on"))
        return found

    @property
    def blocks(self) -> Iterator[Block]:
        """Its messages, with marks where a part begins, and folded stretches."""
        cited = self.dialogue.cited
        starts = {phase.first: phase for phase in phases(self.reading) if phase.kind is not PhaseKind.TALK}
        fold_of: dict[int, Fold] = {
            number: fold for fold in folds(self.reading) for number in hidden_in(fold, cited)
        }
        folded: list[MessageView] = []
        for number, message in self.dialogue.source.transcript.numbered():
            if number in starts:
                yield starts[number]
            view = self._message(number, message, list(cited.get(number, ())))
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
        is_evidence = bool(failures) or number == self.reading.goodbye
        return MessageView(
            number,
            message.speaker,
            min(names.index(message.speaker), 2),
            part_of(message.content, n_times=EVIDENCE_TIMES if is_evidence else 1),
            self.reading.note(number),
            bool(failures) or (number == self.reading.goodbye and self.is_failed),
            is_inside,
            failures,
            list(asides_of(message)),
        )


def asides_of(message: Message) -> Iterator[tuple[str, str]]:
    """What a message brings besides its text, each as a title and its text."""
    if message.reasoning:
        yield "reasoning", _cut(message.reasoning)
    yield from _calls(message)
    if message.finish not in (None, "end", "tool"):
        n = message.usage.tokens_written if message.usage else 0
        after = f" after {counted(n, 'token')}" if n else ""
        yield (
            f"cut off{after}" if message.finish == "truncated" else f"the model stopped: {message.finish}",
            "",
        )


def _calls(message: Message) -> Iterator[tuple[str, str]]:
    """The calls in their order, each with the words before it."""
    before: str | ToolCall | None = None
    for part in message.in_order():
        if isinstance(part, ToolCall):
            title = call_title(part, before if isinstance(before, ToolCall) else None)[:MOST_QUOTED]
            after = f" after “…{before[-AFTER:]}”" if isinstance(before, str) else ""
            failed = ", failed" if part.is_error else ""
            result = "" if part.result is None else f"\n→ {_cut(part.result)}"
            yield f"{title}{failed}{after}", f"{_cut(part.arguments)}{result}"
        before = part


def _cut(text: str) -> str:
    n = len(text) - MOST_ASIDE
    return text if n <= 0 else f"{text[:MOST_ASIDE]}\n({counted(n, 'more character')})"


def is_failed(dialogue: FiledDialogue) -> bool:
    """Whether the sample failed; without a run, whether a property does not hold."""
    if dialogue.outcome is not None:
        return dialogue.outcome is SampleOutcome.FAILED
    return any(verdict.outcome is Outcome.FAILS for verdict in dialogue.verdicts)


def part_of(text: str, *, n_times: int = 1) -> Part:
    """A text for a page, without runs of blank lines; a long one is cut after a sentence if one ends nearby.

    `n_times` as much counts as long.
    """
    n_cut = max(0, len(text) - MOST_TEXT)
    text = re.sub(r"\n[ \t\r]*\n(?:[ \t\r]*\n)+", "\n\n", text[:MOST_TEXT].strip())
    if len(text) <= n_times * LONG_CHARACTERS and len(text.split()) <= n_times * LONG_WORDS:
        return Part(text, n_cut=n_cut)
    ends = [found.end() for found in _SENTENCE_END.finditer(text, 0, HEAD_CHARACTERS)]
    cut = ends[-1] if ends else HEAD_CHARACTERS
    return Part(text[:cut].rstrip(), text[cut:].strip(), n_cut)


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
    topic: dict[bool, list[str]] = {True: [], False: []}
    closest = max((share for share in reading.topic if share), default=1.0)
    for at, number in enumerate(numbers):
        share = reading.topic[number - 1] if reading.topic else None
        if share is not None:
            height = max(3, round(100 * share / closest))
            topic[reading.is_off_topic(number)].append(f"M{at},{100 - height}v{height}h.7V{100 - height}z")
    spans = [
        Span(
            phase,
            percent_text(100 * (phase.first - 1) / n),
            percent_text(100 * phase.last / n),
            percent_text(50 * (phase.first - 1 + phase.last) / n),
            percent_text(100 * len(phase) / n),
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
        "".join(topic[False]),
        "".join(topic[True]),
        spans,
    )


def percent_text(value: float) -> str:
    """A share of 100, to a tenth, as SVG takes it."""
    return f"{value:.1f}".removesuffix(".0")


def views_of(dialogues: Iterable[FiledDialogue], *, room: int = MOST_BYTES) -> list[DialogueView]:
    """The dialogues of a page: those that fail keep their messages, and of each cell the first few that pass.

    If there is not room for all of these, in bytes, the last ones do without.
    """
    given = list(dialogues)
    n_kept: Counter[tuple[str, str, str]] = Counter()
    kept: set[int] = set()
    for at in sorted(range(len(given)), key=lambda at: not is_failed(given[at])):
        dialogue = given[at]
        cell = (row_of(dialogue), dialogue.arm, dialogue.models)
        size = _size(dialogue)
        if (is_failed(dialogue) or n_kept[cell] < KEPT_PASSES) and (size <= room or not kept):
            kept.add(at)
            room -= size
            n_kept[cell] += not is_failed(dialogue)
    return [DialogueView(f"d{at + 1}", dialogue, at in kept) for at, dialogue in enumerate(given)]


def _size(dialogue: FiledDialogue) -> int:
    """About how many bytes its messages take on a page."""
    return size_of(dialogue.source.transcript.messages)


def size_of(messages: Iterable[Message]) -> int:
    """About how many bytes messages take on a page."""
    return sum(len(message.content[:MOST_TEXT].encode()) + MESSAGE_BYTES for message in messages)


def row_of(dialogue: FiledDialogue) -> str:
    """The scenario of a dialogue; its name, where no test held it."""
    return dialogue.test or dialogue.source.id
