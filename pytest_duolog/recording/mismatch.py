"""Finds the recorded request that is most similar to a new one, and their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.display import and_more, shorten
from pytest_duolog.recording.interaction import Body, Interaction, SentRequest
from pytest_duolog.recording.journal import common_start
from pytest_duolog.storage.json_text import is_same

MOST_DIFFERENCES = 3


def nearest(sent: SentRequest, message_number: int, recorded: Sequence[Interaction]) -> Interaction | None:
    """The recorded interaction most similar to `sent`: by the longest common history, message number and length."""
    return max(
        recorded,
        key=lambda interaction: (
            interaction.request.has_address_of(sent),
            common_start(interaction.request.body.pieces, sent.body.pieces),
            interaction.message_number == message_number,
            len(interaction.request.body.pieces) == len(sent.body.pieces),
        ),
        default=None,
    )


def differences(recorded: SentRequest, sent: SentRequest) -> list[str]:
    """The differences, at most three; each has lines with the field, the recorded value and the sent value."""
    found = [
        *_pair("method", recorded.method, sent.method),
        *([] if recorded.has_address_of(sent) else _pair("address", recorded.uri, sent.uri)),
        *_header_differences(recorded, sent),
        *_body_differences(recorded.body, sent.body),
    ]
    return [*found[:MOST_DIFFERENCES], *and_more(len(found), MOST_DIFFERENCES)]


def _header_differences(recorded: SentRequest, sent: SentRequest) -> list[str]:
    if recorded.is_early:
        return []
    found = _value_differences("", recorded.decisive_headers, sent.decisive_headers)
    return [f"header {line}" for line in found]


def _body_differences(recorded: Body, sent: Body) -> list[str]:
    if recorded.raw is not None or sent.raw is not None:
        return _pair(
            "body", recorded.content().decode("utf-8", "replace"), sent.content().decode("utf-8", "replace")
        )
    found = _value_differences("", recorded.fields, sent.fields)
    if recorded.pieces == sent.pieces:
        return found
    name = sent.history_name or recorded.history_name or "history"
    start = common_start(recorded.pieces, sent.pieces)
    if start == min(len(recorded.pieces), len(sent.pieces)):
        return found + _pair(name, f"{len(recorded.pieces)} messages", f"{len(sent.pieces)} messages")
    where = f"{name}[{start}]"
    return found + _value_differences(where, recorded.history()[start], sent.history()[start])


def _value_differences(where: str, recorded: Any, sent: Any) -> list[str]:
    if isinstance(recorded, Mapping) and isinstance(sent, Mapping):
        names = sorted({*recorded, *sent})
        return [
            line
            for name in names
            for line in _value_differences(
                f"{where}.{name}".lstrip("."), recorded.get(name, ABSENT), sent.get(name, ABSENT)
            )
        ]
    if _are_objects(recorded) and _are_objects(sent):
        if len(recorded) != len(sent):
            return _pair(where, f"{len(recorded)} items", f"{len(sent)} items")
        pairs = enumerate(zip(recorded, sent, strict=True))
        return [line for at, (was, now) in pairs for line in _value_differences(f"{where}[{at}]", was, now)]
    return _pair(where or "body", recorded, sent)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


class _Absent:
    def __repr__(self) -> str:
        return "(missing)"


ABSENT = _Absent()


def _pair(where: str, recorded: Any, sent: Any) -> list[str]:
    if ABSENT not in (recorded, sent) and is_same(recorded, sent):
        return []
    old, new = _around_difference(recorded, sent)
    return [f"{where}\n  recorded: {old}\n  sent:     {new}"]


def _around_difference(recorded: Any, sent: Any) -> tuple[str, str]:
    """Both values; long texts start shortly before their first difference."""
    if not (isinstance(recorded, str) and isinstance(sent, str)):
        return (
            shorten(recorded) if isinstance(recorded, str) else repr(recorded),
            shorten(sent) if isinstance(sent, str) else repr(sent),
        )
    start = max(0, common_start(recorded, sent) - 40)
    lead = "…" if start else ""
    return lead + shorten(recorded[start:]), lead + shorten(sent[start:])
