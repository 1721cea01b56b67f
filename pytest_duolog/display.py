"""Text that people read: numbers with their nouns, long text cut, model text made harmless for terminals."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# `::command::` at the start of a line, and `##[command]` anywhere: GitHub Actions, Azure Pipelines and TeamCity obey
# them. What GitLab and Travis obey has an escape character in it.
_LOG_COMMAND = r"(?m)^[^\S\n]*:(?=:)|##(?=\[|vso\[|teamcity\[)"


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


def from_here(path: Path) -> str:
    """The path as a person in the working directory would type it."""
    try:
        here = Path.cwd()
    except OSError:  # a test has removed it
        return str(path)
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def shorten(text: str, limit: int = 120) -> str:
    """`repr` of a text; one longer than `limit` characters is cut and its length is shown."""
    if len(text) <= limit:
        return repr(text)
    return f"{text[:limit]!r}… ({len(text)} characters)"


def printable(text: str) -> str:
    """`text` with everything that a terminal, or a CI system that reads the log, would act on spelled out.

    Line feeds and tabs stay, and so do spaces of every width and the two joiners that Persian and emoji need.
    """
    shown = "".join(map(_spelled_out, text))
    return re.sub(_LOG_COMMAND, lambda found: found[0][:-1] + f"\\x{ord(found[0][-1]):x}", shown)


def _spelled_out(character: str) -> str:
    is_harmless = (
        character.isprintable() or character in "\n\t\u200c\u200d" or unicodedata.category(character) == "Zs"
    )
    return character if is_harmless else character.encode("unicode_escape").decode()


def counted(n: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def and_more(n: int, most: int, what: str = "") -> list[str]:
    """What says that the first `most` of `n` things are shown and how many are not; nothing if all are."""
    return [f"and {n - most} more {what}".rstrip()] if n > most else []


def listed(names: Sequence[str], most: int = 5, *, between: str = ", ") -> str:
    """The first few names, and how many more there are."""
    return " ".join([between.join(names[:most]), *and_more(len(names), most)])


def wrong_fields(error: ValidationError) -> str:
    """What pydantic found wrong, on one line: `field: problem`, parted by semicolons."""
    found = [
        (".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, "))
        for problem in error.errors()
    ]
    return "; ".join(f"{where}: {what}" if where else what for where, what in found)
