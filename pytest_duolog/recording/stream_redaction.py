"""Replaces secrets in streams: a model sends its text in pieces, and a key may be split over several events.

The texts at one place of the events (`choices.0.delta.content`, `delta.text`) are read as one text. A secret in it is
replaced by a marker in its first event and removed from the others, so that the joined pieces contain the marker.
Events without a secret do not change.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.storage.json_text import parsed

# A line of server-sent events (its field and the rest), or of newline-delimited JSON.
_BEGINNINGS = ("data:", "{", "[", '"')
_DATA = re.compile(r"(data: ?)(.*)", re.DOTALL)
_LINE_END = re.compile(r"(\r\n|\n|\r)")


# What tells texts apart that are sent at the same time: several answers, blocks of one, calls of tools.
INDEXES = ("index", "output_index", "content_index")


class _Index(int):
    """A number that stands in an event, not the place of an event's part."""


class _Event(NamedTuple):
    """A line with a piece of the stream: the text `before` it, and its value, which is JSON or text."""

    line: int
    before: str
    value: Any
    is_json: bool


def without_secrets_in_stream(text: str, redactor: Redactor) -> str:
    """A stream without secrets, including those that span several events; other text is returned unchanged."""
    parts = _LINE_END.split(text)  # lines and line ends in turn
    events = [event for number in range(0, len(parts), 2) if (event := _event_of(number, parts[number]))]
    changed = without_secrets_in_list([event.value for event in events], redactor)
    for event, value in zip(events, changed, strict=True):
        if value != event.value:
            parts[event.line] = event.before + (
                _spelled(value, parts[event.line]) if event.is_json else value
            )
    return "".join(parts)


def without_secrets_in_list(values: list[Any], redactor: Redactor) -> list[Any]:
    """The same for a stream that is one JSON list of events."""
    return [redactor.json(value) for value in _changed(values, redactor)]


def _event_of(number: int, line: str) -> _Event | None:
    if not line.startswith(_BEGINNINGS):
        return None
    data = _DATA.fullmatch(line)
    before, content = (data[1], data[2]) if data else ("", line)
    try:
        value = parsed(content)
    except ValueError:
        value = None
    if isinstance(value, dict | list | str):
        return _Event(number, before, value, is_json=True)
    return _Event(number, before, content, is_json=False) if data and content != "[DONE]" else None


def _spelled(value: Any, line: str) -> str:
    """JSON in the spelling of the line: with or without spaces, in ASCII or not."""
    separators = (", ", ": ") if re.search(r'": ', line) else (",", ":")
    return json.dumps(value, ensure_ascii=line.isascii(), separators=separators)


def _changed(values: list[Any], redactor: Redactor) -> list[Any]:
    """The events without secrets that are split between them.

    An `index` may tell several texts at one place apart, as the answers of a request for many do, or number the events:
    the pieces are read in both ways.
    """
    places: dict[tuple[str | int, ...], list[int]] = defaultdict(list)
    texts: list[str] = []

    def take(value: Any, place: tuple[str | int, ...]) -> Any:
        if isinstance(value, str):
            places[place].append(len(texts))
            plain = tuple(part for part in place if not isinstance(part, _Index))
            if plain != place:
                places[plain].append(len(texts))
            texts.append(value)
        return value

    for value in values:
        _each_text(value, (), take)
    shown = list(texts)
    # Answers first: several that are read as one text may look like another key, and parts of theirs would stay.
    for numbers in (places[place] for place in sorted(places, key=_is_of_all)):
        if len(numbers) > 1:
            pieces = redactor.pieces([shown[number] for number in numbers])
            for number, piece in zip(numbers, pieces, strict=True):
                shown[number] = piece
    if shown == texts:
        return values
    left = iter(shown)
    return [_each_text(value, (), lambda _text, _place: next(left)) for value in values]


def _is_of_all(place: tuple[str | int, ...]) -> bool:
    return not any(isinstance(part, _Index) for part in place)


def _each_text(
    value: Any, place: tuple[str | int, ...], change: Callable[[Any, tuple[str | int, ...]], Any]
) -> Any:
    """The value with each of its texts changed, in order."""
    if isinstance(value, dict):
        place = (*place, *(_Index(value[name]) for name in INDEXES if isinstance(value.get(name), int)))
        return {name: _each_text(item, (*place, name), change) for name, item in value.items()}
    if isinstance(value, list):
        return [_each_text(item, (*place, number), change) for number, item in enumerate(value)]
    return change(value, place) if isinstance(value, str) else value
