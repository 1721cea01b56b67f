"""Text that people read: counts with their nouns, shortened text, and model text that cannot control a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# `::command::` at the start of a line, and `##[command]` anywhere: GitHub Actions, Azure Pipelines and TeamCity execute
# them. The commands of GitLab and Travis contain an escape character.
_LOG_COMMAND = r"(?m)^[^\S\n]*:(?=:)|##(?=\[|vso\[|teamcity\[)"


def lines_of(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """A title, then one indented line `label: value` for each fact; facts with an empty value are left out.

    Further lines of a value are indented below its first one.
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
    """The path relative to the working directory, as the user would type it."""
    try:
        here = Path.cwd()
    except OSError:  # a test has removed the working directory
        return str(path)
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def shorten(text: str, limit: int = 120) -> str:
    """`repr` of a text; if it is longer than `limit` characters, it is cut and its length is shown."""
    return cut(text, limit, repr)


def cut(text: str, limit: int, form: Callable[[str], str] = str) -> str:
    """`form` of a text; if it is longer than `limit` characters, it is cut and its length is shown."""
    return form(text) if len(text) <= limit else f"{form(text[:limit])}… ({len(text)} characters)"


def printable(text: str) -> str:
    """`text` with visible escapes for everything that a terminal or a CI system would execute.

    Line feeds, tabs, spaces of every width and the two joiners that Persian and emoji need are kept.
    """
    shown = "\n".join(
        line if line.isprintable() else "".join(map(_spelled_out, line)) for line in text.split("\n")
    )
    return re.sub(_LOG_COMMAND, lambda found: found[0][:-1] + f"\\x{ord(found[0][-1]):x}", shown)


def _spelled_out(character: str) -> str:
    is_harmless = (
        character.isprintable() or character in "\t\u200c\u200d" or unicodedata.category(character) == "Zs"
    )
    return character if is_harmless else character.encode("unicode_escape").decode()


def counted(n: int, one: str, many: str = "") -> str:
    """A count with its noun: `counted(1, "test")` is `1 test`, `counted(2, "test")` is `2 tests`."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def and_more(n: int, most: int, what: str = "") -> list[str]:
    """`and K more WHAT` if only the first `most` of `n` things are shown; an empty list if all are."""
    return [f"and {n - most} more {what}".rstrip()] if n > most else []


def did_you_mean(name: str, known: Collection[str], *, least: float = 0.6) -> str:
    """`; did you mean 'x'?` if a known name is like `name`, by difflib's ratio (0 to 1); otherwise nothing."""
    import difflib  # noqa: PLC0415  # only for mistakes

    near = difflib.get_close_matches(name, known, n=1, cutoff=least)
    return f"; did you mean {near[0]!r}?" if near else ""


def among_known(name: str, known: Collection[str]) -> str:
    """What follows an unknown name: the known one that is like it, if any, and all of them in their order."""
    return f"{did_you_mean(name, known)} (known: {', '.join(known)})"


def listed(names: Sequence[str], most: int = 5, *, between: str = ", ") -> str:
    """The first `most` names, and how many more there are."""
    return " ".join([between.join(names[:most]), *and_more(len(names), most)])


def wrong_fields(error: ValidationError) -> str:
    """The problems that pydantic found, on one line: `field: problem`, separated by semicolons."""
    return "; ".join(map(wrong_field, error.errors()))


def wrong_field(problem: ErrorDetails) -> str:
    """One of these problems."""
    where, what = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
    # Of dataclasses, pydantic says this in other words than of models.
    if problem["type"] == "unexpected_keyword_argument":
        what = "Extra inputs are not permitted"
    elif problem["type"] == "dataclass_type":
        what = what.replace("a dictionary or an instance", "a valid dictionary or instance")
    return f"{where}: {what}" if where else what
