"""Two dialogues aligned by message: what both say, and what only one of them says."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

from pytest_duolog.display import counted, shorten
from pytest_duolog.reports.call_words import told_in_order
from pytest_duolog.reports.dialogue_text import LEAST_TEXT, Ink, Page, one_line, stop_words, wrapped
from pytest_duolog.reports.pair_view import marked_words
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.transcript import Message

# Of more equal messages running, this many on either side of a difference are shown.
CONTEXT = 2
LONGEST_VALUE = 80
# Words are listed if they differ in so few places.
MOST_WORDS = 6


@dataclass(frozen=True)
class DialogueDiff:
    """The differences between two dialogues."""

    one: FiledDialogue
    two: FiledDialogue

    @property
    def is_same(self) -> bool:
        """Whether both have the same messages, speakers and end."""
        return not self._facts and all(kind == "equal" for kind, *_ in self._steps)

    @cached_property
    def _facts(self) -> list[tuple[str, str, str]]:
        """What is not a message and differs: its name and both values."""
        return [
            (name, one, two)
            for name, one, two in (
                (name, *(side.get(name, "not there") for side in sides))
                for sides in [[_facts_of(self.one), _facts_of(self.two)]]
                for name in dict.fromkeys([*sides[0], *sides[1]])
            )
            if one != two
        ]

    @cached_property
    def _steps(self) -> Sequence[tuple[str, int, int, int, int]]:
        """How the messages of the first become those of the second, as in `difflib`."""
        keys = [[message.said() for message in side] for side in self._messages]
        return difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes()

    @property
    def _messages(self) -> tuple[Sequence[Message], Sequence[Message]]:
        return self.one.source.transcript.messages, self.two.source.transcript.messages

    def lines(self, page: Page) -> Iterator[str]:
        """The differences line by line; nothing that a model wrote reaches a terminal as anything but text."""
        yield from wrapped(f"- {_name(self.one)}", page.width, ink=(page, Ink.FIRST))
        yield from wrapped(f"+ {_name(self.two)}", page.width, ink=(page, Ink.SECOND))
        yield ""
        for name, one, two in self._facts:
            yield from wrapped(f"{name}: {one} -> {two}", page.width)
        if self._facts:
            yield ""
        if self.is_same:
            yield page.ink(f"the same: {counted(len(self._messages[0]), 'message')}", Ink.GOOD)
            return
        shown = _Shown(page, *self._messages)
        for at, (kind, i, j, k, m) in enumerate(self._steps):
            if kind == "equal":
                first, last = at == 0, at == len(self._steps) - 1
                yield from shown.equal(i, j, k, before=not first, after=not last)
            else:
                yield from shown.different(range(i, j), range(k, m))
        yield ""
        n_same = sum(j - i for kind, i, j, _, _ in self._steps if kind == "equal")
        counts = (counted(len(side), "message") for side in self._messages)
        yield f"{' and '.join(counts)}, {n_same} the same"


@dataclass(frozen=True)
class _Shown:
    """Messages of two dialogues on a page."""

    page: Page
    one: Sequence[Message]
    two: Sequence[Message]

    def equal(self, start: int, end: int, other: int, *, before: bool, after: bool) -> Iterator[str]:
        """Equal messages; of many, those beside a difference and how many there are between."""
        head = CONTEXT if before else 0
        tail = CONTEXT if after else 0
        numbers = list(range(start, end))
        hidden = [] if self.page.is_full else numbers[head : len(numbers) - tail]
        if len(hidden) <= 1:
            hidden = []
        for number in numbers:
            if number not in hidden:
                yield from self._message(" ", number, other + number - start, self.one[number], Ink.FAINT)
            elif number == hidden[0]:
                yield self.page.ink(f"  ... {counted(len(hidden), 'message')} the same", Ink.FAINT)

    def different(self, left: range, right: range) -> Iterator[str]:
        """Messages that only one of the two has, those that stand in each other's place together."""
        for i, k in zip_longest(left, right):
            if i is not None:
                yield from self._message("-", i, None, self.one[i], Ink.FIRST)
            if k is not None:
                yield from self._message("+", None, k, self.two[k], Ink.SECOND)
            if i is not None and k is not None:
                yield from self._words(self.one[i].content, self.two[k].content)

    def _words(self, one: str, two: str) -> Iterator[str]:
        """The words that only one of two texts has, where most of them are the same."""
        marked = marked_words(one, two)
        only = [[text.strip() for is_only, text in pieces if is_only] for pieces in marked]
        if (
            sum(map(len, only))
            and any(not is_only for is_only, _ in marked[0])
            and sum(map(len, only)) <= MOST_WORDS
        ):
            parts = [
                f"{sign} {shorten(text, LONGEST_VALUE)}"
                for sign, texts in zip("-+", only, strict=True)
                for text in texts
            ]
            yield from wrapped(f"    only: {', '.join(parts)}", self.page.width, ink=(self.page, Ink.STRONG))

    def _message(
        self,
        sign: str,
        i: int | None,
        k: int | None,
        message: Message,
        ink: Ink,
    ) -> Iterator[str]:
        width = len(str(max(len(self.one), len(self.two))))
        number = (k if i is None else i) or 0
        other = f" ({k + 1})" if i is not None and k is not None and i != k else ""
        head = f"{sign} {number + 1:>{width}}{other}  {one_line(message.speaker)}: "
        indent = " " * (width + 4)
        room = max(LEAST_TEXT, self.page.width - len(indent))
        said = list(told_in_order(message, is_full=True)) or [("(empty)", False)]
        for part, (text, _) in enumerate(said):
            for at, line in enumerate(wrapped(f"{head}{text}" if part == 0 else text, room)):
                yield self.page.ink(line if part == at == 0 else f"{indent}{line}", ink)


def _name(dialogue: FiledDialogue) -> str:
    place = f" ({dialogue.source.file}:{dialogue.source.line})" if dialogue.source.file else ""
    return one_line(f"{dialogue.source.id}{place}")


def _facts_of(dialogue: FiledDialogue) -> dict[str, str]:
    transcript = dialogue.source.transcript
    facts = {"end": stop_words(transcript), "topic": transcript.topic or "none"}
    for speaker in transcript.speakers:
        facts[f"model of {speaker.name}"] = speaker.model or "not known"
        facts[f"{speaker.name} was told"] = shorten(speaker.system or "nothing", LONGEST_VALUE)
    for verdict in dialogue.verdicts:
        facts[verdict.property] = verdict.outcome.value
    return facts
