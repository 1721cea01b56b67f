"""Formats of dialogues in JSON files, one module each: how a format is recognised and how it is read.

Each module has a `READER`. A format is recognised by the content of a file, not by its name. For chat formats of other
programs a reader only finds the entries; `chat_log` makes a transcript from them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from pytest_duolog.transcripts.transcript import Transcript


class Reader(NamedTuple):
    """One format. `accepts` recognises its JSON value; `read` raises TranscriptError for a damaged one.

    `keys` are shown to users. A reader with `is_vague` is tried last, because other formats use its keys with another
    meaning.
    """

    keys: tuple[str, ...]
    accepts: Callable[[Any], bool]
    read: Callable[[Any], Transcript]
    is_vague: bool = False


@cache
def readers() -> tuple[Reader, ...]:
    """Every format, in the order in which they are tried."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return tuple(sorted((module.READER for module in modules), key=lambda reader: reader.is_vague))


def reader_of(value: Any) -> Reader | None:
    """The reader of a JSON value; None if no reader accepts it."""
    return next((reader for reader in readers() if reader.accepts(value)), None)
