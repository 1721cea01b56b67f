"""Dialogues in files: our Markdown and JSON, and the chat formats of others.

What a file holds is told from its content, not from its name:

- Markdown in the founding format, and its JSON twin (`conversation`)
- the JSON that `Transcript.to_json` writes
- chat JSON: an object with `messages`, or the bare list of them; a message has `role` or `speaker`, and `content` or
  `text`
- ShareGPT: an object with `conversations`, whose messages have `from` and `value`
- a list of such objects, and JSON Lines with one a line

To read another format, add a function to `_VALUE_READERS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.errors import TranscriptError
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.markdown import from_markdown_with_lines
from pytest_duolog.transcripts.transcript import Message, Transcript, TranscriptSpeaker, read_text

SYSTEM_ROLES = ("system", "developer")
ID_KEYS = ("id", "conversation_id", "uuid")
SPEAKER_KEYS = ("speaker", "role", "from", "name")
# Roles that several agents of one chat share; who spoke is their message's `name`.
SHARED_ROLES = ("user", "assistant")
CONTENT_KEYS = ("text", "content", "value", "message")


# Files of our own that are no transcripts, by a key of their first line.
_OWN_FILES = {
    "duolog": "a recording (cassette) and no transcript; the test that plays it judges its dialogue",
    "duolog_record": "a run record and no transcript; `duolog rejudge` judges its dialogues",
}


@dataclass(frozen=True)
class Source:
    """One dialogue of a file: its name, where it stands, and what it says.

    `id` is the one the file gives, else the file's name, with a number where the file holds several. `line` is where
    the dialogue begins, from 1; `message_lines` has the line of each message where the format gives messages lines
    of their own, and is empty otherwise.
    """

    id: str
    file: str
    line: int
    transcript: Transcript
    message_lines: Sequence[int] = ()

    def line_of(self, number: int) -> int:
        """The line on which message `number` (from 1) begins, or else the dialogue."""
        return self.message_lines[number - 1] if 0 < number <= len(self.message_lines) else self.line

    def with_topic(self, topic: str | None) -> Source:
        """The same, about `topic` if it does not say what it is about."""
        if topic is None or self.transcript.topic:
            return self
        return replace(self, transcript=self.transcript.model_copy(update={"topic": topic}))


@dataclass(frozen=True)
class Unreadable:
    """A dialogue that could not be read, where it stands, and why.

    `is_ours` tells files that pytest-duolog wrote for another purpose.
    """

    file: str
    line: int
    problem: str
    is_ours: bool = False


def read_file(path: Path) -> list[Source | Unreadable]:
    """The dialogues of a file, in order; what cannot be read is among them with its reason."""
    try:
        return read_sources(read_text(path), file=str(path))
    except TranscriptError as error:
        return [Unreadable(str(path), 1, str(error).removeprefix(f"{path}: "))]


def read_sources(text: str, *, file: str) -> list[Source | Unreadable]:
    """The dialogues of a file's text, in order; `file` is its path as people know it."""
    stem = Path(file).stem
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] not in ("{", "["):
        return [_guarded(file, 1, lambda: _of_markdown(text, file, stem))]
    if problem := _own_file(text):
        return [Unreadable(file, 1, problem, is_ours=True)]
    try:
        value = parsed(text)
    except ValueError as error:
        return list(_json_lines(text, file, stem, error))
    if isinstance(value, list) and not _is_messages(value):
        return [
            _guarded(file, 1, lambda at=at, entry=entry: _of_value(entry, file, 1, f"{stem}:{at}"))  # type: ignore[misc]
            for at, entry in enumerate(value, start=1)
        ]
    return [_guarded(file, 1, lambda: _of_value(value, file, 1, stem))]


def _own_file(text: str) -> str | None:
    """What a file of our own is that is no transcript."""
    first = text.lstrip().partition("\n")[0]
    keys = parsed(first) if _is_json_object(first) else {}
    return next((problem for key, problem in _OWN_FILES.items() if isinstance(keys.get(key), int)), None)


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
    if len(lines) == 1 or not _is_json_object(lines[0][1]):
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


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(parsed(line), dict)
    except ValueError:
        return False


def _of_value(value: Any, file: str, line: int, name: str) -> Source:
    if isinstance(value, list):
        value = {"messages": value}
    if not isinstance(value, dict):
        raise TranscriptError(f"not a dialogue: {shorten(repr(value), 60)}")
    found = next((str(value[key]) for key in ID_KEYS if value.get(key) not in (None, "")), name)
    reader = next((reader for key, reader in _VALUE_READERS.items() if key in value), None)
    if isinstance(value.get("format"), int):
        reader = Transcript.from_value
    if reader is None:
        if _is_messages([value]):
            raise TranscriptError(
                "one message and no dialogue: put the messages of a dialogue into one list, a dialogue a line"
            )
        expected = ", ".join(repr(key) for key in ("messages", "conversation", "conversations"))
        raise TranscriptError(f"not a dialogue: no {expected} among its keys {shorten(', '.join(value), 80)}")
    return Source(found, file, line, reader(value))


def _of_chat(value: dict[str, Any]) -> Transcript:
    return _of_messages(value["messages"], value)


def _of_sharegpt(value: dict[str, Any]) -> Transcript:
    return _of_messages(value["conversations"], value)


# By the key that tells the format; the first that is there decides.
_VALUE_READERS: Mapping[str, Callable[[dict[str, Any]], Transcript]] = {
    "conversation": Transcript.from_value,
    "messages": _of_chat,
    "conversations": _of_sharegpt,
}


def _of_messages(entries: Any, record: Mapping[str, Any]) -> Transcript:
    if not _is_messages(entries):
        raise TranscriptError(f"its messages are not a list of objects: {shorten(repr(entries), 60)}")
    said = [_message(number, entry) for number, entry in enumerate(entries, start=1)]
    system = _system_prompt(record, [message for message in said if message.speaker in SYSTEM_ROLES])
    messages = tuple(message for message in said if message.speaker not in SYSTEM_ROLES)
    names = dict.fromkeys(message.speaker for message in messages)
    topic = record.get("topic")
    return Transcript(
        speakers=tuple(
            TranscriptSpeaker(name=name, system=system if name in ("assistant", "gpt") else None)
            for name in names
        ),
        messages=messages,
        topic=topic if isinstance(topic, str) and topic.strip() else None,
    )


def _is_messages(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and any(key in entry for key in SPEAKER_KEYS) and not _is_dialogue(entry)
        for entry in value
    )


def _is_dialogue(entry: Mapping[str, Any]) -> bool:
    return any(isinstance(entry.get(key), list) for key in _VALUE_READERS)


def _message(number: int, entry: Mapping[str, Any]) -> Message:
    speaker = next((entry[key] for key in SPEAKER_KEYS if entry.get(key) is not None), None)
    if speaker in SHARED_ROLES and isinstance(name := entry.get("name"), str) and name.strip():
        speaker = name
    if not isinstance(speaker, str | int):
        raise TranscriptError(f"message {number} has no speaker ({' or '.join(map(repr, SPEAKER_KEYS))})")
    content = next((entry[key] for key in CONTENT_KEYS if entry.get(key) is not None), "")
    text = "\n".join(filter(None, (_text(content), _tool_calls(entry.get("tool_calls")))))
    return Message(speaker=str(speaker), content=text)


def _text(content: Any) -> str:
    """The words of a message: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(_text, content)))
    if isinstance(content, dict):
        return _text(content.get("text", ""))
    return json.dumps(content)


def _tool_calls(calls: Any) -> str:
    if not isinstance(calls, list):
        return ""
    functions = [call.get("function", call) for call in calls if isinstance(call, dict)]
    return "\n".join(
        f"[{function.get('name', 'tool')}({_text(function.get('arguments', ''))})]"
        for function in functions
        if isinstance(function, dict)
    )


def _system_prompt(record: Mapping[str, Any], messages: Sequence[Message]) -> str | None:
    given = record.get("system")
    parts = [message.content for message in messages] + ([given] if isinstance(given, str) else [])
    return "\n".join(parts) or None
