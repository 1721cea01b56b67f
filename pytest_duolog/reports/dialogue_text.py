"""Dialogues as text for a terminal: a summary in one line, then the messages with notes in the margin.

Model text goes through `printable` line by line, so that no wrapped line begins with a command.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pytest_duolog.display import counted, printable
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.call_words import told_in_order
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.reading import PhaseKind, folds, hidden_in, phases, story
from pytest_duolog.transcripts.transcript import Message, Transcript

LONGEST_NAME = 16
# The smallest number of columns of text, also on a narrower terminal.
LEAST_TEXT = 20
# A word is broken after so many characters; the time of `textwrap` grows with the square of their number.
_LONG_WORD = re.compile(r"\S{4000}")


class Ink(StrEnum):
    """The styles of text, as colour codes of terminals."""

    STRONG = "1"
    FAINT = "2"
    BAD = "31"
    GOOD = "34"
    FIRST = "36"
    SECOND = "35"
    OTHER = "33"


SPEAKER_INKS = (Ink.FIRST, Ink.SECOND, Ink.OTHER)


@dataclass(frozen=True)
class Page:
    """The output for dialogues: its width in columns, whether it has colours, and whether everything is shown."""

    width: int = 100
    is_coloured: bool = False
    is_full: bool = False

    def ink(self, text: str, *inks: Ink) -> str:
        """The text in these styles, if there are colours."""
        return f"\x1b[{';'.join(inks)}m{text}\x1b[0m" if self.is_coloured and text else text


def dialogue_lines(dialogue: FiledDialogue, page: Page) -> Iterator[str]:
    """The lines of the dialogue; model text cannot control the terminal."""
    yield from _head(dialogue, page)
    yield ""
    yield from _Talk(dialogue, page).lines()


def _head(dialogue: FiledDialogue, page: Page) -> Iterator[str]:
    source, reading = dialogue.source, dialogue.reading
    transcript = source.transcript
    place = f" ({source.file}:{source.line})" if source.file else ""
    yield page.ink(one_line(source.id), Ink.STRONG) + page.ink(one_line(place), Ink.FAINT)
    is_bad = bool(reading.loops) or any(verdict.outcome is Outcome.FAILS for verdict in dialogue.verdicts)
    yield from wrapped(" ".join(story(reading)), page.width, ink=(page, Ink.BAD if is_bad else Ink.GOOD))
    parts = [
        f"{phase.words} ({phase.first} to {phase.last})" if phase.kind is PhaseKind.LOOP else phase.words
        for phase in phases(reading)
    ]
    yield from wrapped(", ".join(parts), page.width)
    yield from wrapped("; ".join(_facts(dialogue)), page.width, ink=(page, Ink.FAINT))
    settings = ", ".join(f"{name} = {value}" for name, value in dialogue.parameters.items())
    if settings:
        yield from wrapped(settings, page.width, ink=(page, Ink.FAINT))
    if page.is_full:
        for speaker in transcript.speakers:
            if speaker.system:
                yield from wrapped(f"system prompt of {speaker.name}: {speaker.system}", page.width)
    if dialogue.outcome is not None:
        yield from wrapped(f"{dialogue.outcome.value} {dialogue.problem}".rstrip(), page.width)
    for verdict in dialogue.verdicts:
        ink = Ink.GOOD if verdict.outcome is Outcome.HOLDS else Ink.BAD
        said = f"{verdict.property} {verdict.outcome.value}: {verdict.explanation}"
        yield from wrapped(said, page.width, ink=(page, ink))
    for notice in dialogue.notices:
        yield from wrapped(f"note: {notice}", page.width)


def _facts(dialogue: FiledDialogue) -> Iterator[str]:
    transcript = dialogue.source.transcript
    speakers = [
        f"{speaker.name} is {speaker.model}" if speaker.model else speaker.name
        for speaker in transcript.speakers
    ]
    if speakers:
        yield ", ".join(speakers)
    yield counted(len(transcript), "message")
    yield stop_words(transcript)
    usage = transcript.usage
    if usage.tokens_read or usage.tokens_written:
        yield f"{usage.tokens_read} tokens read, {usage.tokens_written} written"
    if usage.cost is not None:
        yield f"cost {usage.cost:g}"


def stop_words(transcript: Transcript) -> str:
    """Why a dialogue ended, as text."""
    stop = transcript.stop_reason
    return f"stopped by {stop}" if stop else "no stop reason recorded"


class _Talk:
    """The messages of one dialogue on a page."""

    def __init__(self, dialogue: FiledDialogue, page: Page) -> None:
        self._dialogue = dialogue
        self._page = page
        self._reading = dialogue.reading
        transcript = dialogue.source.transcript
        names = [speaker.name for speaker in transcript.speakers]
        self._inks = {name: SPEAKER_INKS[min(at, len(SPEAKER_INKS) - 1)] for at, name in enumerate(names)}
        longest = max((len(one_line(name)) for name in names), default=0)
        self._name_width = min(longest, LONGEST_NAME)
        self._number_width = len(str(len(transcript)))
        self._cited = dialogue.cited

    def lines(self) -> Iterator[str]:
        """The messages in order, with a line at the beginning of each part and one for each fold."""
        starts = {phase.first: phase for phase in phases(self._reading) if phase.kind is not PhaseKind.TALK}
        found = [] if self._page.is_full else folds(self._reading)
        fold_of = {number: fold for fold in found for number in hidden_in(fold, self._cited)}
        for number, message in self._dialogue.source.transcript.numbered():
            if phase := starts.get(number):
                is_loop = phase.kind is PhaseKind.LOOP
                words = (
                    f"nothing new from here on: {phase.words}, {phase.first} to {phase.last}"
                    if is_loop
                    else phase.words
                )
                ink = (self._page, Ink.BAD if is_loop else Ink.STRONG)
                yield from wrapped(f"{f'-- {words} ':-<{self._page.width}}", self._page.width, ink=ink)
            if number not in fold_of:
                yield from self._message(number, message)
            elif number + 1 not in fold_of:
                fold = fold_of[number]
                first = next(at for at in range(number, 0, -1) if at - 1 not in fold_of)
                yield from self._folded(number - first + 1, f"{first} to {number}", fold.words)

    def _folded(self, n: int, where: str, what: str) -> Iterator[str]:
        text = f"... {n} more like it ({where}): {what}; --full shows them"
        for line in wrapped(text, max(LEAST_TEXT, self._page.width - self._indent)):
            yield self._bar(is_inside=True) + " " * (self._indent - 2) + self._page.ink(line, Ink.BAD)

    @property
    def _indent(self) -> int:
        return 2 + self._number_width + 2 + self._name_width + 2

    def _bar(self, *, is_inside: bool) -> str:
        return self._page.ink("| ", Ink.BAD) if is_inside else "  "

    def _message(self, number: int, message: Message) -> Iterator[str]:
        page, is_inside = self._page, self._reading.is_inside(number)
        note = ", ".join(filter(None, [self._reading.note(number), *self._failed_here(number)]))
        bar = self._bar(is_inside=is_inside)
        name = one_line(message.speaker)
        shown = name if len(name) <= self._name_width else name[: self._name_width - 1] + "~"
        head = f"{page.ink(f'{number:>{self._number_width}}', Ink.FAINT)}  " + page.ink(
            f"{shown:<{self._name_width}}", self._inks.get(message.speaker, Ink.OTHER)
        )
        width = max(LEAST_TEXT, page.width - self._indent)
        ink = Ink.BAD if is_inside or self._failed_here(number) else Ink.STRONG
        said = list(told_in_order(message, is_full=page.is_full)) or [("(empty)", False)]
        content, is_call = said[0]
        if note and width - len(note) - 2 >= LEAST_TEXT:
            first, *rest = _paragraphs(content, width, len(note) + 2)
            gap = " " * (width - len(note) - len(first))
            rest = [page.ink(line, Ink.FAINT) for line in rest] if is_call else rest
            first = f"{page.ink(first, Ink.FAINT) if is_call else first}{gap}{page.ink(note, ink)}"
        else:  # the terminal is too narrow for a margin
            above = [*wrapped(note, width, ink=(page, ink))] if note else []
            first, *rest = [*above, *self._part(content, width, is_call=is_call)]
        yield f"{bar}{head}  {first}".rstrip()
        more = (line for text, is_call in said[1:] for line in self._part(text, width, is_call=is_call))
        below = [*rest, *more, *self._asides(number, message, width)]
        for line in below:
            yield f"{bar}{' ' * (self._indent - 2)}{line}".rstrip()

    def _part(self, text: str, width: int, *, is_call: bool) -> Iterator[str]:
        if is_call:
            yield from wrapped(text, width, ink=(self._page, Ink.FAINT))
        else:
            yield from _paragraphs(text, width, 0)

    def _asides(self, number: int, message: Message, width: int) -> Iterator[str]:
        """Reasoning and other facts of the message, and quotes from verdicts."""
        page = self._page
        if message.reasoning:
            n = len(message.reasoning.split())
            text = (
                f"[reasoning: {message.reasoning}]" if page.is_full else f"[reasoning, {counted(n, 'word')}]"
            )
            yield from wrapped(text, width, ink=(page, Ink.FAINT))
        if message.finish not in (None, "end", "tool"):
            yield page.ink(f"[the model stopped: {message.finish}]", Ink.FAINT)
        for name, quotes in self._cited.get(number, {}).items():
            for quote in quotes:
                yield from wrapped(f"{name}: {quote}", width, ink=(page, Ink.BAD))

    def _failed_here(self, number: int) -> list[str]:
        return [f"<- {one_line(name)}" for name in self._cited.get(number, {})]


def one_line(text: str) -> str:
    """A text without line breaks, harmless for terminals."""
    return printable(" ".join(text.split()) if "\n" in text else text)


def wrapped(text: str, width: int, *, ink: tuple[Page, Ink] | None = None) -> Iterator[str]:
    """A text in lines of at most `width` columns, in a colour, harmless for terminals."""
    for line in _paragraphs(text, width, 0):
        yield line if ink is None else ink[0].ink(line, ink[1])


def _paragraphs(text: str, width: int, reserved: int) -> list[str]:
    """The text in lines of at most `width` columns, the first shorter by `reserved`; several blank lines become one."""
    lines: list[str] = []
    for paragraph in _LONG_WORD.sub(r"\g<0>\n", printable(text).expandtabs(4)).split("\n"):
        indent = " " * reserved if not lines else ""
        made = textwrap.wrap(
            paragraph,
            width,
            initial_indent=indent,
            replace_whitespace=False,
            drop_whitespace=True,
            break_on_hyphens=False,
        )
        if made and not lines:
            made[0] = made[0][reserved:]
        if made or (lines and lines[-1]):
            lines += made or [""]
    return [printable(line) for line in lines] or [""]
