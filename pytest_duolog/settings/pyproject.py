"""Finds the `[tool.duolog]` table in pyproject.toml; `project_table` reads it, if there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.endpoints.rate_limiter import Limit
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.speaker import DEFAULT_MODEL

if TYPE_CHECKING:
    from pytest_duolog.scenarios.variants import Variant


class ProjectValues(NamedTuple):
    """The values of the table; those of a project without one are the defaults."""

    default_model: str = DEFAULT_MODEL
    models: Mapping[str, str] = {}
    providers: Mapping[str, Provider] = {}
    variants: Mapping[str, Variant] = {}
    patience: Patience = Patience()
    limits: Mapping[str, Limit] = {}


def nearest_pyproject() -> Path | None:
    """The nearest pyproject.toml, in the working directory or above it, for its [tool.duolog]."""
    here = Path.cwd()
    paths = (folder / "pyproject.toml" for folder in (here, *here.parents))
    return next((path for path in paths if path.is_file()), None)


def table_in(pyproject: Path | None) -> Any:
    """The parsed `[tool.duolog]` table of a pyproject.toml; None if there is none.

    Raises ConfigurationError if the file cannot be read, or has the table under another name.
    """
    if pyproject is None or not pyproject.is_file():
        return None
    import tomllib  # noqa: PLC0415  # a project may have none

    try:
        tools: Any = tomllib.loads(pyproject.read_text("utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{pyproject} cannot be read: {error}") from None
    if not isinstance(tools, dict):
        return tools
    for name in tools:
        if name != "duolog" and re.sub("[-_.]", "", name.lower()) in {"duolog", "pytestduolog"}:
            raise ConfigurationError(f"{pyproject}: [tool.{name}] is not read; call the table [tool.duolog]")
    return tools.get("duolog")


def values_of_project(pyproject: Path | None) -> ProjectValues:
    """What a pyproject.toml sets; raises ConfigurationError for wrong values."""
    table = table_in(pyproject)
    if table is None:
        return ProjectValues()
    from pytest_duolog.settings.project_table import ProjectTable, values_of  # noqa: PLC0415  # few projects have one

    return values_of(ProjectTable.checked(table, pyproject))
