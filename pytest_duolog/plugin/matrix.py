"""Finds parametrized tests whose cases all run the same dialogue: the parameter has no effect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from pytest_duolog.display import counted
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.values import Idle

LONGEST_VALUES = 120


class Cell(NamedTuple):
    """A collected test with the dialogue that it will run.

    `scenario` is that of a test of its kind, with its models and without settings that are not sent to them; `texts`
    are its own values in it. `idle` are values that have no effect; `parameters` are the names of its parametrized
    arguments that belong to the scenario.
    """

    item: pytest.Item
    scenario: Scenario
    idle: Sequence[Idle]
    parameters: Sequence[str]
    texts: Mapping[str, str] = MappingProxyType({})

    @property
    def asked(self) -> Scenario:
        """Its scenario."""
        return self.scenario.model_copy(update=self.texts)


def same_cells(cells: Iterable[Cell]) -> Iterator[tuple[Cell, str]]:
    """The first cell of each test in which a parametrized argument has no effect, with the error message."""
    tests: dict[tuple[Any, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        tests[cell.item.parent, getattr(cell.item, "originalname", "")].append(cell)
    for found in tests.values():
        for name in found[0].parameters:
            groups = list(_groups(found, name))
            if any(len(group) > 1 for group in groups) and all(map(_is_one_dialogue, groups)):
                yield found[0], _complaint(name, max(groups, key=len))


def _complaint(name: str, cells: Sequence[Cell]) -> str:
    values = ", ".join(repr(_parameters(cell)[name]) for cell in cells)
    return (
        f"{name} (parametrized) has no effect: {counted(len(cells), 'case')} run the same dialogue "
        f"({values:.{LONGEST_VALUES}}); to run one dialogue many times, use samples="
    )


def _groups(cells: Sequence[Cell], name: str) -> Iterator[list[Cell]]:
    """Groups of cells that differ only in one argument, or in those that are parametrized together with it."""
    given = list(map(_parameters, cells))
    # Values need not be comparable; pytest passes the given objects themselves.
    columns = {other: [id(values[other]) for values in given] for other in given[0]}
    n_values = len(set(columns[name]))
    apart = [
        column for column in columns.values() if len(set(zip(columns[name], column, strict=True))) != n_values
    ]
    groups: dict[tuple[int, ...], list[Cell]] = defaultdict(list)
    for cell, *row in zip(cells, *apart, strict=True):
        groups[tuple(row)].append(cell)
    yield from groups.values()


def _is_one_dialogue(cells: Sequence[Cell]) -> bool:
    return all(cell.asked == cells[0].asked for cell in cells)


def _parameters(cell: Cell) -> Mapping[str, Any]:
    return cell.item.callspec.params  # type: ignore[attr-defined, no-any-return]  # it is parametrized
