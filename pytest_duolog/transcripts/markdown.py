"""Reads and writes transcripts as Markdown, in the format of the first published two-model dialogues.

    # LLM Dialogue Transcript

    Date: 2026-02-13 13:11
    Model A: google/gemma-3-27b-it
    Model B: google/gemma-3-27b-it
    Turns: 50
    System prompt: You are an AI in conversation with another AI.
    Opener: Hello.

    ## Conversation

    Model A: Hello.

    Model B: Hello to you as well.

A speaker with a name of its own has a header line `Speaker A: Alice`, and its messages begin with that name. A reply
that did not end by itself is marked, `Alice [truncated]: ...`. Reasoning comes before a reply as `<think>...</think>`,
then the tools that were used for it, each with its arguments and, if known, its result; a blank line parts the rounds
of a message:

    Bob: <call>find_order {"number": 3}</call>
    <result>{"state": "sent"}</result>
    It is on its way.

If a call stands after words, failed or has no words, the file has the line `Format: duolog 2`; `bodies` has its form.

Reading is lenient. Writing is strict: every transcript reads back the same, whatever a model wrote. If text would be
misread (a line like `Bob: ...`, blank space around a message, a carriage return, an escape sequence), its critical
character is written as an entity, `&#27;`, which Markdown shows as that character. A file with such entities, or with
tools, has the line `Format: duolog 1`; in a file without that line both are ordinary text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from pytest_duolog.display import shorten
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts import by_hand
from pytest_duolog.transcripts.bodies import needs_format_2, read_body, written_body
from pytest_duolog.transcripts.escapes import ENTITY, entity, escaped_line, escaped_name, unescaped
from pytest_duolog.transcripts.transcript import (
    DEFAULT_NAMES,
    FinishReason,
    Message,
    StopKind,
    StopReason,
    Transcript,
    TranscriptSpeaker,
)

TITLE = "# LLM Dialogue Transcript"
HEADING = "## Conversation"
# Format history: 1, the first; 2, with calls where they were made, errors and rounds (see `bodies`).
FORMATS = {"duolog 1": 1, "duolog 2": 2}

# The marks of a conflict that git could not solve, in their order.
CONFLICT = ("<<<<<<< ", "=======", ">>>>>>> ")

# Finish reasons that are written; `end` is the default and is not written.
MARKED = tuple(reason for reason in get_args(FinishReason) if reason != "end")
MARK = rf"(?: \[({'|'.join(MARKED)})\])?"

DATE_FORMAT = "%Y-%m-%d %H:%M"
HEADER_LINE = re.compile(r"([A-Za-z][A-Za-z ]{0,40}): ?(.*)", re.DOTALL)
FIELDS = (
    *("Date", "Turns", "System prompt", "Opener", "Topic", "Format"),
    *("Stop reason", "Stopped by", "Stop detail"),
)
SIDED_FIELD = re.compile(r"(Model|Speaker|System prompt) ([A-Z]+)")

Plain = Callable[[str], str]


# Writing


def to_markdown(transcript: Transcript) -> str:
    """The transcript as the text of a Markdown file; it ends with a line feed."""
    header = [f"{name}: {value}".rstrip() for name, value in _header(transcript)]
    starts = _start_pattern(escaped_name(speaker.name) for speaker in transcript.speakers)
    version = 2 if any(map(needs_format_2, transcript.messages)) else 1
    body = [_block(message, starts, version) for message in transcript.messages]
    has_calls = any(message.tool_calls for message in transcript.messages)
    if has_calls or any(ENTITY.search(part) for part in (*header, *body)):
        header.append(f"Format: duolog {version}")
    return "\n\n".join([TITLE, "\n".join(header), HEADING, *body]) + "\n"


def to_snapshot(transcript: Transcript) -> str:
    """The same without the date: recording the same words again changes nothing."""
    return to_markdown(transcript.model_copy(update={"recorded_at": None}))


def _header(transcript: Transcript) -> Iterator[tuple[str, str]]:
    if transcript.recorded_at is not None:
        yield "Date", _date_text(transcript.recorded_at)
    yield from _speaker_fields(transcript.speakers)
    if transcript.turns is not None:
        yield "Turns", str(transcript.turns)
    yield from _system_prompts(transcript.speakers)
    if transcript.opener is not None:
        yield "Opener", escaped_line(transcript.opener)
    if transcript.topic is not None:
        yield "Topic", escaped_line(transcript.topic)
    if transcript.stop_reason is not None:
        yield from _stop_fields(transcript.stop_reason)


def _speaker_fields(speakers: Sequence[TranscriptSpeaker]) -> Iterator[tuple[str, str]]:
    for side, speaker in _sides(speakers):
        if speaker.model is not None:
            yield f"Model {side}", escaped_line(speaker.model)
    for side, speaker in _sides(speakers):
        if speaker.model is None or speaker.name != f"Model {side}":
            yield f"Speaker {side}", escaped_line(speaker.name)


def _stop_fields(stop: StopReason) -> Iterator[tuple[str, str]]:
    yield "Stop reason", stop.kind.value.replace("_", " ")
    if stop.speaker is not None:
        yield "Stopped by", escaped_line(stop.speaker)
    if stop.detail:
        yield "Stop detail", escaped_line(stop.detail)


def _system_prompts(speakers: Sequence[TranscriptSpeaker]) -> Iterator[tuple[str, str]]:
    prompts = {speaker.system for speaker in speakers}
    if len(prompts) == 1 and None not in prompts:
        yield "System prompt", escaped_line(str(prompts.pop()))
        return
    for side, speaker in _sides(speakers):
        if speaker.system is not None:
            yield f"System prompt {side}", escaped_line(speaker.system)


def _block(message: Message, starts: re.Pattern[str], version: int) -> str:
    mark = f" [{message.finish}]" if message.finish in MARKED else ""
    lines = written_body(message, version=version).split("\n")
    safe = [lines[0], *(entity(line[0]) + line[1:] if starts.match(line) else line for line in lines[1:])]
    return (
        f"{escaped_name(message.speaker)}{mark}: ".rstrip(" ")
        + (" " if safe != [""] else "")
        + "\n".join(safe)
    )


def _date_text(date: datetime) -> str:
    return f"{date.astimezone(UTC).strftime(DATE_FORMAT)} UTC" if date.tzinfo else date.strftime(DATE_FORMAT)


# Reading


@dataclass
class _Found:
    """The fields of a header: plain ones, and fields by side; false if there is no field and no heading."""

    has_heading: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    sides: dict[str, dict[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.has_heading or self.fields or self.sides)

    def take(self, line: str, *, is_certain: bool = True) -> bool:
        """Whether the line is a header field.

        Above a heading, an unknown field is a header field too; without a heading it may be a message: `Alice: Hello.`
        """
        match = HEADER_LINE.fullmatch(line)
        if match is None:
            return False
        if not (is_certain or match[1] in FIELDS or SIDED_FIELD.fullmatch(match[1])):
            return False
        sided = SIDED_FIELD.fullmatch(match[1])
        if sided:
            self.sides.setdefault(sided[2], {})[sided[1]] = match[2]
        else:
            self.fields[match[1]] = match[2]
        return True


def from_markdown(text: str) -> Transcript:
    """The transcript in a Markdown file's text.

    Blank space around messages is ignored, header fields may be missing, and unknown ones are skipped. Raises
    TranscriptError with the line if the text is not a transcript or has a newer format.
    """
    return from_markdown_with_lines(text)[0]


def from_markdown_with_lines(text: str) -> tuple[Transcript, tuple[int, ...]]:
    """The transcript in a Markdown file's text, and the number of the first line of each message, from 1."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    _refuse_conflict(lines)
    header, first = _read_header(lines)
    version = _version(header.fields.get("Format"))
    unescape: Plain = unescaped if version else str
    speakers = _speakers(header, unescape)
    if header.sides or _begins_as_founding(lines, first):
        found = list(_read_messages(lines, first, [speaker.name for speaker in speakers], version))
    else:
        found, speakers = by_hand.read_messages(lines, first), ()
    messages = tuple(message for _, message in found)
    if not (messages or header):
        raise TranscriptError("not a transcript: no header, no conversation", line=1)
    speakers = speakers if messages or header.sides else ()
    try:
        transcript = Transcript(
            speakers=speakers, messages=messages, **_plain_fields(header.fields, unescape)
        )
    except ValueError as error:
        raise TranscriptError(f"the header does not fit: {error}") from error
    return transcript, tuple(line for line, _ in found)


def _refuse_conflict(lines: Sequence[str]) -> None:
    """Raises TranscriptError if git has left a conflict: the words of both sides would be read as one dialogue."""
    marks = iter(CONFLICT)
    mark, begin = next(marks), 0
    for number, line in enumerate(lines, start=1):
        if line.startswith(mark):
            begin, mark = begin or number, next(marks, "")
            if not mark:
                raise TranscriptError("an unresolved merge conflict begins here: keep one side", line=begin)


def _begins_as_founding(lines: Sequence[str], first: int) -> bool:
    """Whether the first message is from a speaker without a name of its own."""
    begin = next((line for line in lines[first:] if line.strip()), "")
    return _start_pattern(DEFAULT_NAMES).match(begin) is not None


def _read_header(lines: Sequence[str]) -> tuple[_Found, int]:
    """The header, and the index of the first line after it."""
    found = _Found()
    heading = next((index for index, line in enumerate(lines) if line.strip() == HEADING), None)
    if heading is not None:
        found.has_heading = True
        for line in lines[:heading]:
            found.take(line.strip())
        return found, heading + 1
    index = next(
        (index for index, line in enumerate(lines) if line.strip() and line.strip() != TITLE), len(lines)
    )
    start = index
    while index < len(lines) and found.take(lines[index].strip(), is_certain=False):
        index += 1
    return (found, index) if found.fields else (_Found(), start)


def _version(file_format: str | None) -> int:
    """The number of the file's format; 0 if it states none."""
    if file_format is None:
        return 0
    if file_format not in FORMATS:
        known = " and ".join(map(repr, FORMATS))
        raise TranscriptError(
            f"unknown format {shorten(file_format)}; this version reads {known}: upgrade pytest-duolog"
        )
    return FORMATS[file_format]


def _speakers(header: _Found, unescape: Plain) -> tuple[TranscriptSpeaker, ...]:
    sides = header.sides or {"A": {}, "B": {}}
    shared = header.fields.get("System prompt")
    return tuple(
        TranscriptSpeaker(
            name=unescape(fields.get("Speaker", f"Model {side}")),
            model=unescape(fields["Model"]) if "Model" in fields else None,
            system=unescape(prompt) if (prompt := fields.get("System prompt", shared)) is not None else None,
        )
        for side, fields in sorted(sides.items(), key=lambda item: (len(item[0]), item[0]))
    )


def _plain_fields(fields: Mapping[str, str], unescape: Plain) -> dict[str, Any]:
    turns = fields.get("Turns", "")
    return {
        "stop_reason": _stop_reason(fields, unescape),
        "turns": int(turns) if turns.isascii() and turns.isdigit() and len(turns) < 10 else None,
        "opener": unescape(fields["Opener"]) if "Opener" in fields else None,
        "topic": unescape(fields["Topic"]) if "Topic" in fields else None,
        "recorded_at": _date(fields.get("Date", "")),
    }


def _stop_reason(fields: Mapping[str, str], unescape: Plain) -> StopReason | None:
    kind = fields.get("Stop reason", "").replace(" ", "_")
    if kind not in set(StopKind):
        return None
    speaker = fields.get("Stopped by")
    return StopReason(
        kind=StopKind(kind),
        speaker=None if speaker is None else unescape(speaker),
        detail=unescape(fields.get("Stop detail", "")),
    )


def _date(text: str) -> datetime | None:
    try:
        date = datetime.strptime(text.removesuffix(" UTC"), DATE_FORMAT)  # noqa: DTZ007  # not every file says its zone
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if text.endswith(" UTC") else date


def _read_messages(
    lines: Sequence[str], first: int, names: Sequence[str], version: int
) -> Iterator[tuple[int, Message]]:
    """The messages, each with the number of its first line."""
    spelled = {escaped_name(name) if version else name: name for name in names}
    starts = _start_pattern(spelled)
    block: list[str] = []
    speaker, mark, begin, is_after_blank = "", None, 0, True
    for number, line in enumerate(lines[first:], start=first + 1):
        start = starts.match(line) if is_after_blank else None
        is_after_blank = not line.strip()
        if start:
            if block:
                yield begin, _message(speaker, mark, block, version)
            speaker, mark, begin = spelled[start[1]], start[2], number
            block = [line[start.end() :]]
        elif block:
            block.append(line)
        elif line.strip():
            expected = " or ".join(f"'{name}:'" for name in list(spelled)[:4])
            raise TranscriptError(f"expected {expected}, found {shorten(line, 60)}", line=number)
    if block:
        yield begin, _message(speaker, mark, block, version)


def _message(speaker: str, mark: Any, block: Sequence[str], version: int) -> Message:
    return Message(speaker=speaker, finish=mark, **read_body(block, version=version)._asdict())


# Both


def _start_pattern(names: Any) -> re.Pattern[str]:
    """Matches the beginning of a message: a name, perhaps a mark, a colon."""
    known = sorted(set(names), key=len, reverse=True)
    return re.compile(rf"({'|'.join(map(re.escape, known))}){MARK}:" if known else r"(?!)")


def _sides(speakers: Sequence[TranscriptSpeaker]) -> Iterator[tuple[str, TranscriptSpeaker]]:
    return ((_side(index), speaker) for index, speaker in enumerate(speakers))


def _side(index: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    letters = ""
    while index >= 0:
        index, letter = divmod(index, 26)
        letters = chr(ord("A") + letter) + letters
        index -= 1
    return letters
