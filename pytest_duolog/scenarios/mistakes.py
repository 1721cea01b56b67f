"""What is said of wrong arguments of scenarios and speakers."""

from __future__ import annotations

from typing import Any

from pytest_duolog.display import among_known, shorten
from pytest_duolog.errors import ConfigurationError, Mistake

# The arguments of a scenario that have arguments of their own.
SPEAKERS = ("a", "b")


def unknown_argument(name: str, known: list[str]) -> Mistake:
    """The mistake of an argument that does not exist."""
    shown = name if name.isidentifier() else shorten(name)
    return Mistake((name,), f"{shown}: unknown argument{among_known(name, sorted(known))}")


def mistakes_in(problem: Any) -> list[Mistake]:
    """The mistakes that pydantic found in one place; for a speaker, those of its arguments."""
    parts = tuple(str(part) for part in problem["loc"] if part not in ("str", "callable"))
    where = ".".join(parts)
    if isinstance(cause := problem.get("ctx", {}).get("error"), ConfigurationError) and where in SPEAKERS:
        return [
            Mistake((*parts, *mistake.where), f"{where}.{mistake.line}") for mistake in cause.mistakes
        ] or [Mistake(parts, f"{where}.{line}") for line in str(cause).splitlines()]
    message = problem["msg"].removeprefix("Value error, ")
    is_shown = where and problem["type"] != "missing" and parts[-1] != "tools"  # functions say nothing
    value = f" (got {problem['input']!r:.120})" if is_shown else ""
    return [Mistake(parts, f"{where}: {message}{value}" if where else message)]
