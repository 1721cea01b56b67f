"""What a protocol tells the recorder about its JSON, and request bodies that encode each message only once.

A dialogue sends its whole history with every message. Encoding all of it each time would be quadratic work, so each
message is encoded once and the pieces are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pytest_duolog.storage.json_text import canonical
from pytest_duolog.transcripts.perspective import ChatMessage, Entry


def canonical_object(fields: Mapping[str, Any], history_name: str, pieces: Iterable[bytes]) -> bytes:
    """The canonical JSON of `fields` with a list of `pieces`, which are canonical already, under `history_name`."""
    before = canonical({name: value for name, value in fields.items() if name < history_name})[1:-1]
    after = canonical({name: value for name, value in fields.items() if name > history_name})[1:-1]
    opening = b'{%s"%s":[' % (before + b"," if before else b"", history_name.encode())
    closing = b"]%s}" % (b"," + after if after else b"")
    # The history is long, so it is copied only twice.
    return b"".join((opening, b",".join(pieces), closing))


class HistoryEncoder(dict[Entry, bytes]):
    """Encodes request bodies that differ only in a growing list of chat messages.

    Maps each message to its canonical JSON, which is computed at the first lookup; `entry` is the protocol's function
    that converts a message.
    """

    def __init__(self, history_name: str, entry: Callable[[Any], Any] = ChatMessage._asdict) -> None:
        super().__init__()
        self._name = history_name
        self._entry = entry

    def __missing__(self, message: Entry) -> bytes:
        piece = self[message] = canonical(self._entry(message))
        return piece

    def pieces(self, messages: Iterable[Entry]) -> list[bytes]:
        """Each message as canonical JSON."""
        return list(map(self.__getitem__, messages))

    def encode(self, fields: Mapping[str, Any], messages: Iterable[Entry]) -> bytes:
        """The canonical body of a request."""
        return canonical_object(fields, self._name, self.pieces(messages))


class AnswerForm(Protocol):
    """What a protocol knows about the JSON of its responses; the recorder knows no provider's fields."""

    def kept(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body of a response as it is recorded: without fields that change each time and have no meaning."""
        ...

    def served_model(self, body: Mapping[str, Any]) -> str | None:
        """The model that the response names; None if it names none."""
        ...

    def response_id(self, body: Mapping[str, Any]) -> str | None:
        """What differs in every response that is not from a cache; None if there is nothing."""
        ...


class HistoryBody(NamedTuple):
    """A request body in parts, so that it need not be parsed to store or compare it.

    `fields` is the body without the history. The history is a list under `history_name` with one element for each
    message, made by `entry` and encoded by `encoder`. `answers` describes the response.
    """

    fields: Mapping[str, Any]
    history_name: str
    messages: Sequence[Entry]
    entry: Callable[[Any], Any]
    answers: AnswerForm
    encoder: HistoryEncoder
