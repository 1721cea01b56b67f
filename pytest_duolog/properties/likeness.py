"""Which messages read like those of a kind, by learned weights: what properties of roles ask besides phrases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_duolog.detectors import learned
from pytest_duolog.detectors.learned import NOBODY, Part, Spoken
from pytest_duolog.display import shorten
from pytest_duolog.properties.spoken import Numbered
from pytest_duolog.properties.verdict import Evidence
from pytest_duolog.topics import learned as meant
from pytest_duolog.topics.meanings import NOT_COMPARED, can_read_meanings

_MOST_QUOTED = 80


def alike(kind: str, said: Sequence[Numbered], parts: Mapping[str, Part] | None = None) -> list[Evidence]:
    """The messages that read like those of a kind, quoted from the piece that says so most clearly.

    `parts` are those of the speakers, by name. With the extra `topic`, meanings are read besides words.
    """
    spoken = [Spoken(one.content, (parts or {}).get(one.speaker, NOBODY)) for _, one in said]
    read = meant.first_of if can_read_meanings() else learned.first_of
    pieces = read(kind, spoken)
    return [
        Evidence(number, one.speaker, one.content[max(0, one.content.find(piece)) :])
        for (number, one), piece in zip(said, pieces, strict=True)
        if piece is not None
    ]


def told(found: Sequence[Evidence], like: str) -> str:
    """What an explanation says of the first of these messages, and of what could not be seen."""
    if found:
        return f"; message {found[0].message} reads like {like}: {shorten(found[0].quote, _MOST_QUOTED)}"
    return "" if can_read_meanings() else NOT_COMPARED
