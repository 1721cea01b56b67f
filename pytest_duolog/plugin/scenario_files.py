"""Parametrizes tests with files of scenarios: one test for each row, with the row's id."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin.collection import FILE, SCENARIO_FIXTURE, has_fixture, marks_of


def scenario_params(path: str | os.PathLike[str]) -> list[Any]:
    """The rows of a file of scenarios as `pytest.param` values, each with its id.

    Use them with `@pytest.mark.parametrize("duolog_scenario", scenario_params("scenarios.yaml"))`. A relative path is
    relative to the calling module. Raises ConfigurationError that names every mistake as `file:line:column: problem`.
    """
    caller = sys._getframe(1).f_globals.get("__file__")  # noqa: SLF001  # where a person would look for the file
    return _params(Path(caller).parent / path if caller else Path(path))


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Make one test for each row of the file in a test's markers, if there is one."""
    item: Any = metafunc.definition
    params, mistake = None, ""
    try:
        path = _file_of(item)
        params = _params(item.path.parent / path) if path else None
    except ConfigurationError as error:
        mistake = str(error)
    if mistake:  # not inside `except`: pytest would show both errors
        pytest.fail(printable(f"{item.nodeid}: wrong dialogue\n{mistake}"), pytrace=False)
    if params is not None:
        metafunc.parametrize(SCENARIO_FIXTURE, params)


def _file_of(item: pytest.Item) -> str | os.PathLike[str] | None:
    """The file in the nearest marker; raises ConfigurationError if it is not a path or has no effect."""
    given = [values[FILE] for _, values in marks_of(item) if FILE in values]
    path = given[-1] if given else None
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"{FILE}: must be the path of a file (got {path!r:.60})")
    if has_fixture(item, SCENARIO_FIXTURE):
        raise ConfigurationError(
            f"{FILE}={path!r}: the project also has a {SCENARIO_FIXTURE} fixture, but only one of "
            f"them can set the scenario; remove one, or use params=scenario_params({path!r}) in the "
            "fixture"
        )
    return path


def _params(path: Path) -> list[Any]:
    from pytest_duolog.scenarios.files import read_scenarios  # noqa: PLC0415  # most tests have no file

    return [pytest.param(row, id=row.id) for row in read_scenarios(path)]
