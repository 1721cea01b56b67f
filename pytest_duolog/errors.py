"""Every exception of the package; each carries its facts as attributes, and its text is made from them.

    DuologError
    ├── ConfigurationError     a marker, option, setting or model name is wrong
    ├── TranscriptError        a file is not a transcript
    ├── EndpointError          a model could not be asked, or its answer could not be used
    │   └── LocalModelError    the embedded model is missing a piece or does not start
    ├── DialogueError          a dialogue ended in an error; holds the transcript so far
    └── CassetteError          anything about a recording
        ├── CassetteMismatch   this request is not in the cassette
        ├── UnusedMessages     the dialogue ended before the cassette did
        ├── UnreadableCassette the file is damaged, of a newer format, or another test's
        └── SecretInRecording  the recording would have held a key
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_duolog.transcript import Transcript


class DuologError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(DuologError, ValueError):
    """A marker, option, setting or model name is wrong; the text names it and what is accepted."""


class TranscriptError(DuologError, ValueError):
    """A file or a string is not a transcript; the text says where it stops being one."""


def lines_of(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """A title, then one indented `label: value` line a fact; facts with an empty value are left out.

    Lines after the first of a value are indented below it.
    """
    width = max((len(label) for label, value in facts if value), default=0) + 1
    rows = [title]
    for label, value in facts:
        if value:
            head, *rest = value.splitlines()
            rows.append(f"  {label + ':':<{width}}  {head}")
            rows.extend(f"  {'':<{width}}  {line}" for line in rest)
    return "\n".join(rows)


def shorten(text: str, limit: int = 120) -> str:
    """`repr` of a text; one longer than `limit` characters is cut and its length is shown."""
    if len(text) <= limit:
        return repr(text)
    return f"{text[:limit]!r}… ({len(text)} characters)"
