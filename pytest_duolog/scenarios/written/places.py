"""Places of values in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# The keys and list positions that lead to a value, from the outside in.
Way = tuple[str | int, ...]


class Place(NamedTuple):
    """A line and a column, both from 1; in CSV the column is the number of the field."""

    line: int
    column: int


FIRST = Place(1, 1)


class Misread(ValueError):
    """The file cannot be read; `place` is where the problem is."""

    def __init__(self, place: Place, problem: str) -> None:
        self.place = place
        self.problem = problem
        super().__init__(problem)


@dataclass(frozen=True)
class Written:
    """The content of a file as plain values, and the places of its parts."""

    value: Any
    places: Mapping[Way, Place] = field(default_factory=dict)

    def place(self, way: Way) -> Place:
        """The place of this part, or of the nearest part around it whose place is known."""
        return next((found for n in range(len(way), -1, -1) if (found := self.places.get(way[:n]))), FIRST)
