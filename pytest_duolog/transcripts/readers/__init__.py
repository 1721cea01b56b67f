"""Formats of dialogues in JSON files, one module each: what tells it, and how it is read.

A module has a `READER`. What a file holds is told from its content, not from its name. Chat formats of others only say
where their entries are; `chat_log` makes a transcript of those.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from pytest_duolog.transcripts.transcript import Transcript


class Reader(NamedTuple):
    """One format. `accepts` tells it from the value of a JSON text, `read` raises TranscriptError for a damaged one.

    `keys` are those by which people know it. A vague one is asked last: its keys mean other things elsewhere.
    """

    keys: tuple[str, ...]
    accepts: Callable[[Any], bool]
    read: Callable[[Any], Transcript]
    is_vague: bool = False


@cache
def readers() -> tuple[Reader, ...]:
    """Every format, in the order in which they are asked."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return tuple(sorted((module.READER for module in modules), key=lambda reader: reader.is_vague))


def reader_of(value: Any) -> Reader | None:
    """The reader of a JSON value; None if nobody knows it."""
    return next((reader for reader in readers() if reader.accepts(value)), None)
