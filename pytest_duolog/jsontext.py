"""JSON in one canonical spelling, with a chat history encoded only once.

Canonical means: keys sorted, no spaces, text as UTF-8. Two requests are the same exactly when these bytes
are. A dialogue sends its whole history with every message, so encoding it anew each time would be quadratic
work; here each message is encoded once and the pieces are joined.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_duolog.perspective import ChatMessage

# What is nested deeper is no message; the limit is far below Python's own, at which every step of the way could fail.
DEEPEST = 100

ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parsed(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises ValueError if it is none, and RecursionError if it is nested more than `DEEPEST` deep.
    """
    value = json.loads(text)
    brackets = (b"[", b"{") if isinstance(text, bytes) else ("[", "{")
    if sum(map(text.count, brackets)) > DEEPEST:  # type: ignore[arg-type]  # both are of one type
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        if depth > DEEPEST:
            raise RecursionError(f"nested more than {DEEPEST} deep")
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON. A lone surrogate, which UTF-8 cannot hold, becomes `?`."""
    return ENCODER.encode(value).encode("utf-8", "replace")


def is_same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON; to Python `1`, `1.0` and `True` are equal, and a tuple is no list."""
    return canonical(left) == canonical(right)


def canonical_object(fields: Mapping[str, Any], history_name: str, pieces: Iterable[bytes]) -> bytes:
    """The object of `fields` with a list under `history_name` whose elements are canonical already."""
    before = canonical({name: value for name, value in fields.items() if name < history_name})[1:-1]
    after = canonical({name: value for name, value in fields.items() if name > history_name})[1:-1]
    opening = b'{%s"%s":[' % (before + b"," if before else b"", history_name.encode())
    closing = b"]%s}" % (b"," + after if after else b"")
    # The history is long: it is copied twice, not more.
    return b"".join((opening, b",".join(pieces), closing))


class HistoryEncoder(dict[ChatMessage, bytes]):
    """Encodes request bodies that differ only in a growing list of chat messages.

    Maps each message to its canonical JSON, which is made when first looked up; `shape` is what a protocol
    makes of a message.
    """

    def __init__(self, history_name: str, shape: Callable[[ChatMessage], Any] = ChatMessage._asdict) -> None:
        super().__init__()
        self._name = history_name
        self._shape = shape

    def __missing__(self, message: ChatMessage) -> bytes:
        piece = self[message] = canonical(self._shape(message))
        return piece

    def pieces(self, messages: Iterable[ChatMessage]) -> list[bytes]:
        """Each message as canonical JSON."""
        return list(map(self.__getitem__, messages))

    def encode(self, fields: Mapping[str, Any], messages: Iterable[ChatMessage]) -> bytes:
        """The canonical body of a request."""
        return canonical_object(fields, self._name, self.pieces(messages))


class HistoryBody(NamedTuple):
    """A request body in parts, so that whoever stores or compares it need not take it apart again.

    `fields` is all of it but the history, which stands under `history_name` and has one element a message,
    made by `shape`.
    """

    fields: Mapping[str, Any]
    history_name: str
    messages: Sequence[ChatMessage]
    shape: Callable[[ChatMessage], Any]
