"""What a protocol tells its recorder about its JSON; and request bodies whose chat history is encoded only once.

A dialogue sends its whole history with every message, so encoding it anew each time would be quadratic work; here each
message is encoded once and the pieces are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pytest_duolog.storage.json_text import canonical
from pytest_duolog.transcripts.perspective import ChatMessage


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

    Maps each message to its canonical JSON, which is made when first looked up; `entry` is what a protocol
    makes of a message.
    """

    def __init__(self, history_name: str, entry: Callable[[ChatMessage], Any] = ChatMessage._asdict) -> None:
        super().__init__()
        self._name = history_name
        self._entry = entry

    def __missing__(self, message: ChatMessage) -> bytes:
        piece = self[message] = canonical(self._entry(message))
        return piece

    def pieces(self, messages: Iterable[ChatMessage]) -> list[bytes]:
        """Each message as canonical JSON."""
        return list(map(self.__getitem__, messages))

    def encode(self, fields: Mapping[str, Any], messages: Iterable[ChatMessage]) -> bytes:
        """The canonical body of a request."""
        return canonical_object(fields, self._name, self.pieces(messages))


class AnswerForm(Protocol):
    """What a protocol knows of the JSON in its answers; a recorder knows no provider's fields."""

    def kept(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """An answer's body as it is recorded: without what changes with every answer and means nothing."""
        ...

    def served_model(self, body: Mapping[str, Any]) -> str | None:
        """The model that an answer says it is from; None if it says nothing."""
        ...


class HistoryBody(NamedTuple):
    """A request body in parts, so that whoever stores or compares it need not take it apart again.

    `fields` is all of it but the history, which stands under `history_name` and has one element a message,
    made by `entry`. `answers` is what is known of the answer.
    """

    fields: Mapping[str, Any]
    history_name: str
    messages: Sequence[ChatMessage]
    entry: Callable[[ChatMessage], Any]
    answers: AnswerForm
