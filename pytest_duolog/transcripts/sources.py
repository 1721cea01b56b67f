"""Finds the dialogues in a file: the name, place and transcript of each.

The format is recognised by the content of the file, not by its name: Markdown, dialogues written by hand, JSON in one
of the formats of `readers`, a list of such values, JSON Lines with one value on each line, or a trace of another
program (`traces`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_duolog.display import listed, shorten
from pytest_duolog.errors import TranscriptError
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.chat_entries import CONTENT_KEYS, is_chat_log
from pytest_duolog.transcripts.langchain import is_langchain
from pytest_duolog.transcripts.markdown import from_markdown_with_lines
from pytest_duolog.transcripts.readers import reader_of, readers
from pytest_duolog.transcripts.text_file import read_text
from pytest_duolog.transcripts.traces.found import is_trace, trace_in, values_of
from pytest_duolog.transcripts.transcript import Transcript

ID_KEYS = ("id", "conversation_id", "uuid")
# The first line may be damaged; a dialogue among so many lines shows that each line is to be one.
LOOKED_AT = 20


class OwnFile(StrEnum):
    """Files of this package that are not transcripts, by a key of their first line."""

    CASSETTE = "duolog"
    RECORD = "duolog_record"
    HISTORY = "duolog_history"


# Messages for these files where only transcripts are read.
_OWN_FILES = {
    OwnFile.CASSETTE: "a recording (cassette), not a transcript; `duolog check FILE` reads it",
    OwnFile.RECORD: "a run record, not a transcript; `duolog check FILE` reads it, and `duolog rejudge` "
    "judges its dialogues again",
    OwnFile.HISTORY: "a history of builds, which has no dialogues; `duolog history FOLDER` reads it",
}
_SPACE = re.compile(r"\s*")
# An object or a list; `[2026-03-01 10:00] Ann: Hello.` and the table of a TOML file are none.
_JSON_START = re.compile(
    r"\s*(?:\{|\[\s*(?:[\[\]{\"]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*(?:[,\]]|\Z)|(?:true|false|null)\b|\Z))"
)
# The beginning of a plain vcrpy cassette.
_VCR_START = "interactions:"


@dataclass(frozen=True)
class Source:
    """One dialogue of a file: its name, its place and its transcript.

    `id` is the id in the file, else the file's name, with a number if the file holds several. `line` is the first line
    of the dialogue, from 1. `message_lines` has the first line of each message if the format gives each message its own
    lines; otherwise it is empty.
    """

    id: str
    file: str
    line: int
    transcript: Transcript
    message_lines: Sequence[int] = ()

    def line_of(self, number: int) -> int:
        """The first line of message `number` (from 1); if it is not known, the first line of the dialogue."""
        return self.message_lines[number - 1] if 0 < number <= len(self.message_lines) else self.line

    def without_secrets(self, redacted: Callable[[Any], Any]) -> Source:
        """The same without secrets in its name and its transcript; `redacted` replaces them in plain data."""
        return replace(self, id=redacted(self.id), transcript=self.transcript.without_secrets(redacted))

    def with_topic(self, topic: str | None) -> Source:
        """The same with `topic`, unless the dialogue states its own topic."""
        if topic is None or self.transcript.topic:
            return self
        return replace(self, transcript=self.transcript.model_copy(update={"topic": topic}))


@dataclass(frozen=True)
class Unreadable:
    """A dialogue that could not be read: its place and the reason.

    `is_ours` is true for files that pytest-duolog wrote for another purpose. `is_text` is false for what may not be
    read, or is not text in UTF-8.
    """

    file: str
    line: int
    problem: str
    is_ours: bool = False
    is_text: bool = field(default=True, compare=False)


def read_file(path: Path) -> list[Source | Unreadable]:
    """The dialogues of a file, in order; an Unreadable stands for each one that cannot be read."""
    try:
        return read_sources(read_text(path), file=str(path))
    except TranscriptError as error:
        return [Unreadable(str(path), 1, str(error).removeprefix(f"{path}: "))]


def dialogue_of(path: Path, id_: str | None) -> Transcript:
    """The dialogue of a file with this id, or its only one. Raises TranscriptError for none, and for several."""
    found = read_file(path)
    dialogues = [item for item in found if isinstance(item, Source)]
    if not dialogues:
        problem = next((item.problem for item in found if isinstance(item, Unreadable)), "it has no dialogue")
        raise TranscriptError(f"{path}: {problem}")
    known = listed([repr(name) for name in dict.fromkeys(item.id for item in dialogues)], 8)
    if id_ is None and len(dialogues) > 1:
        raise TranscriptError(
            f"{path}: it has {len(dialogues)} dialogues; choose one with conversation=... (there are {known})"
        )
    chosen = [item.transcript for item in dialogues if id_ in (None, item.id)]
    if not chosen:
        raise TranscriptError(f"{path}: it has no dialogue {id_!r} (there are {known})")
    if len(chosen) > 1:
        raise TranscriptError(
            f"{path}: it has {len(chosen)} dialogues with the id {id_!r}; give each an id of its own"
        )
    return chosen[0]


def read_sources(text: str, *, file: str) -> list[Source | Unreadable]:
    """The dialogues of a file's text, in order; `file` is the path to show."""
    return list(each_source(text, file=file))


def each_source(text: str, *, file: str) -> Iterator[Source | Unreadable]:
    """The same one by one, so that nobody has to keep them all."""
    stem = Path(file).stem
    text = text.removeprefix("\ufeff")
    if text.startswith(_VCR_START):
        problem = (
            "a plain vcrpy recording, not a transcript; `duolog cassettes import` converts it to a cassette"
        )
        yield Unreadable(file, 1, problem, is_ours=True)
        return
    if not _JSON_START.match(text) and not is_json_lines(text.split("\n", LOOKED_AT + 1)):
        yield _guarded(file, 1, lambda: _of_markdown(text, file, stem))
        return
    if own := own_file(text):
        yield Unreadable(file, 1, _OWN_FILES[own], is_ours=True)
        return
    yield from _of_json(text, file, stem)


def _of_json(text: str, file: str, stem: str) -> Iterator[Source | Unreadable]:
    try:
        value = parsed(text)
    except ValueError as error:
        values, damaged = _values_one_after_another(text)
        if not values:
            yield from _json_lines(text, file, stem, error)
            return
        yield from _of_trace(values, file)
        for at in damaged:
            line = text.count("\n", 0, at) + 1
            yield Unreadable(
                file, line, "not JSON: the spans in this line are missing, maybe from dialogues above"
            )
        return
    if is_trace(value):
        yield from _of_trace(values_of(value), file)
        return
    if isinstance(value, list) and reader_of(value) is None:
        for at, entry in enumerate(value, start=1):
            yield _guarded(file, 1, lambda at=at, entry=entry: _of_value(entry, file, 1, f"{stem}:{at}"))  # type: ignore[misc]
        return
    yield _guarded(file, 1, lambda: _of_value(value, file, 1, stem))


def source_of(line: bytes, file: str, number: int, name: str) -> Source | Unreadable:
    """The dialogue in one line of JSON Lines; `name` is its id if it has none of its own."""
    return _guarded(file, number, lambda: _of_value(parsed(line), file, number, name))


def source_of_value(value: Any, file: str, number: int, name: str) -> Source | Unreadable:
    """The dialogue in one JSON value, which stands in this line of a file."""
    return _guarded(file, number, lambda: _of_value(value, file, number, name))


def is_json_lines(lines: Iterable[str]) -> bool:
    """Whether each of these lines of a file is to be a dialogue in JSON.

    The first line decides. If it is no JSON, such as the rest of a line that a program was writing when its file was
    moved away, a dialogue on one of the next lines does.
    """
    shown = filter(str.strip, lines)
    first = next(shown, "").strip()
    if first in ("", "{", "["):
        return False
    try:
        value = parsed(first)
    except ValueError:
        return any(map(_is_dialogue_line, islice(shown, LOOKED_AT)))
    if isinstance(value, list):
        return reader_of(value) is not None and not is_trace(value)
    return isinstance(value, dict) and not own_file(first) and not is_trace(value)


def _is_dialogue_line(line: str) -> bool:
    try:
        return isinstance(value := parsed(line), dict | list) and reader_of(value) is not None
    except ValueError:
        return False


def own_file(text: str) -> OwnFile | None:
    """The kind of this package's file that has this text; None if it is another file."""
    first = text.lstrip("\ufeff \t\r\n").partition("\n")[0]
    keys = parsed(first) if _is_json_object(first) else {}
    return next((own for own in OwnFile if isinstance(keys.get(own.value), int)), None)


def _guarded(file: str, line: int, read: Callable[[], Source]) -> Source | Unreadable:
    try:
        return read()
    except TranscriptError as error:
        return Unreadable(file, error.line or line, error.problem.splitlines()[0])
    except json.JSONDecodeError as error:
        return Unreadable(file, line, f"not JSON: {error}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Unreadable(file, line, str(error).splitlines()[0])


def _of_markdown(text: str, file: str, name: str) -> Source:
    transcript, lines = from_markdown_with_lines(text)
    return Source(name, file, 1, transcript, lines)


def _json_lines(text: str, file: str, stem: str, error: ValueError) -> Iterator[Source | Unreadable]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) == 1 or not is_json_lines(line for _, line in lines):
        yield Unreadable(file, 1, f"not JSON: {error}")
        return
    for number, line in lines:
        yield _guarded(
            file,
            number,
            lambda number=number, line=line: _of_value(  # type: ignore[misc]
                parsed(line), file, number, f"{stem}:{number}"
            ),
        )


def _values_one_after_another(text: str) -> tuple[list[Any], list[int]]:
    """The values of a trace as JSON Lines or as JSON after JSON, and where it is damaged; none if it is no trace."""
    decoder = json.JSONDecoder()
    values: list[Any] = []
    damaged: list[int] = []
    at: int | None = len(text) - len(text.lstrip())
    while at is not None and at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            damaged.append(at)
            at = _next_span(text, at)
            continue
        if not values and not is_trace(value):
            break
        values += values_of(value)
        found = _SPACE.match(text, end)
        at = found.end() if found else end
    return values, damaged


def _next_span(text: str, at: int) -> int | None:
    """Where the next line begins that is a span or a trace as a whole."""
    while at := text.find("\n", at) + 1:
        end = text.find("\n", at)
        try:
            if is_trace(parsed(text[at:] if end < 0 else text[at:end])):
                return at
        except ValueError:
            pass
    return None


def _of_trace(values: Sequence[Any], file: str) -> Iterator[Source | Unreadable]:
    try:
        found = trace_in(values).dialogues()
    except TranscriptError as error:
        yield Unreadable(file, 1, error.problem.splitlines()[0])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield Unreadable(file, 1, f"not a trace that can be read: {error}".splitlines()[0])
    else:
        for name, one in found:
            if isinstance(one, TranscriptError):
                problem = f"{name}: {one.problem}" if name else one.problem
                yield Unreadable(file, 1, problem.splitlines()[0])
            else:
                yield Source(name, file, 1, one)


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(parsed(line), dict)
    except ValueError:
        return False


def _of_value(value: Any, file: str, line: int, name: str) -> Source:
    reader = reader_of(value)
    if reader is None:
        raise TranscriptError(_no_dialogue(value))
    named = value if isinstance(value, dict) else {}
    found = next((str(named[key]) for key in ID_KEYS if named.get(key) not in (None, "")), name)
    return Source(found, file, line, reader.read(value))


def _no_dialogue(value: Any) -> str:
    if not isinstance(value, dict):
        return f"not a dialogue: {shorten(repr(value), 60)}"
    if not value:
        return "not a dialogue: an object without keys"
    has_text = is_langchain(value) or any(isinstance(value.get(key), str | list) for key in CONTENT_KEYS)
    if has_text and is_chat_log([value]):
        return (
            "one message, not a dialogue: put the messages of a dialogue into one list, one dialogue on "
            "each line"
        )
    expected = sorted({key for reader in readers() for key in reader.keys})
    if known := [repr(key) for key in expected if key in value]:
        return f"not a dialogue: no one list of messages with text under {' or '.join(known)}"
    keys = shorten(", ".join(value), 80)
    return f"not a dialogue: no {', '.join(map(repr, expected))} among its keys {keys}"
