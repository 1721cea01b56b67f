"""Files of scenarios as parameters of tests: one test a row, with the row's id."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin.collection import FILE, SCENARIO_FIXTURE, has_fixture, marks_of
from pytest_duolog.scenarios.files import read_scenarios


def scenario_params(path: str | os.PathLike[str]) -> list[Any]:
    """The rows of a file of scenarios as pytest's params, each with its id.

    They are for `@pytest.mark.parametrize("duolog_scenario", scenario_params("scenarios.yaml"))`; a relative path
    starts at the module that calls this. Raises ConfigurationError that names everything wrong as
    `file:line:column: problem`.
    """
    caller = sys._getframe(1).f_globals.get("__file__")  # noqa: SLF001  # where a person would look for the file
    return _params(Path(caller).parent / path if caller else Path(path))


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Make one test of each row of the file that the markers of a test name, if they name one."""
    item: Any = metafunc.definition
    try:
        path = _file_of(item)
        params = _params(item.path.parent / path) if path else None
    except ConfigurationError as error:
        pytest.fail(printable(f"{item.nodeid}: wrong scenarios\n{error}"), pytrace=False)
    if params is not None:
        metafunc.parametrize(SCENARIO_FIXTURE, params)


def _file_of(item: pytest.Item) -> str | os.PathLike[str] | None:
    """The file that the nearest marker names; raises ConfigurationError for what is none, or changes nothing."""
    given = [values[FILE] for _, values in marks_of(item) if FILE in values]
    path = given[-1] if given else None
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"{FILE}: the path of a file is meant (got {path!r:.60})")
    if has_fixture(item, SCENARIO_FIXTURE):
        raise ConfigurationError(
            f"{FILE}={path!r}: the project has a {SCENARIO_FIXTURE} fixture, too, and only one of them can set the "
            f"scenario; leave one out, or give the fixture params=scenario_params({path!r})"
        )
    return path


def _params(path: Path) -> list[Any]:
    return [pytest.param(row, id=row.id) for row in read_scenarios(path)]
