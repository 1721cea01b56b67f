"""Scenarios as rows of a table, and the matrix of rows and axes.

A row has an id, which is part of the names of tests and recordings. Rows and values that are added after it do not
change its id.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, NamedTuple

from pytest_duolog.dataclass import dataclass
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.storage.json_text import canonical

# Arguments about the number of samples and the pass rate, which are not part of the scenario.
SAMPLING = ("samples", "min_pass_rate", "claim")
LONGEST_LABEL = 24
# A label is made from the first of these arguments that exists.
TELLING = ("opener", "topic", "system", "model", "a.model", "b.model")


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario of a table: its id, its arguments, and its place in the file.

    `sampling` are `samples`, `min_pass_rate` and `claim`, if it sets them.
    """

    id: str
    values: Mapping[str, Any]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    def __repr__(self) -> str:
        return f"<scenario {self.id!r}>"


class Choice(NamedTuple):
    """A value of an axis, and its label in ids."""

    label: str
    value: Any


class Axis(NamedTuple):
    """An argument of a scenario with several values."""

    name: str
    choices: Sequence[Choice]

    @classmethod
    def of(cls, name: str, values: Iterable[Any], redact: Callable[[str], str]) -> Axis:
        """An axis whose values get names from their first words, without what `redact` takes out."""
        values = list(values)
        named = labels(redact(value) if isinstance(value, str) else value for value in values)
        return cls(name, [Choice(*pair) for pair in zip(named, values, strict=True)])


def crossed(rows: Sequence[ScenarioRow], axes: Sequence[Axis]) -> Iterator[ScenarioRow]:
    """Every row with every value of every axis; the last axis changes fastest."""
    for row in rows:
        for choices in itertools.product(*(axis.choices for axis in axes)):
            values = row.values
            for axis, choice in zip(axes, choices, strict=True):
                values = completed(values, nested({axis.name: choice.value}))
            parts = [row.id, *(choice.label for choice in choices)]
            yield replace(row, id="-".join(filter(None, parts)), values=values)


def n_crossed(n_rows: int, axes: Sequence[Axis]) -> int:
    """How many rows `crossed` makes of `n_rows` rows."""
    return n_rows * math.prod(len(axis.choices) for axis in axes)


def completed(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with more of them, which win; only what a speaker has of its own wins over a value for both."""
    shared = {name: more[name] for name in Scenario.shared_with_speakers if name in more}
    return {**Scenario.changed(values, {name: more[name] for name in more if name not in shared}), **shared}


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with `a.system` as part of `a`, and a plain model as a speaker with this model."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        side, dot, inner = name.partition(".")
        if side not in SIDES:
            found[name] = value
        elif dot:
            found[side] = {**_fields(found.get(side)), inner: value}
        else:
            found[side] = (
                {**_fields(value), **_fields(found.get(side))} if isinstance(value, str | dict) else value
            )
    return found


def flat_names(values: Mapping[str, Any]) -> set[str]:
    """The names of arguments, with those of speakers as `a.system`."""
    return {
        f"{name}.{inner}" if inner else name
        for name, value in nested(values).items()
        for inner in (value if name in SIDES and isinstance(value, dict) else [""])
    }


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"model": value}
    return value if isinstance(value, dict) else {}


def labels(values: Iterable[Any]) -> list[str]:
    """A unique short name for each value; the first of two equal ones keeps the plain name."""
    found: list[str] = []
    for value in values:
        label = label_of(value)
        found.append(f"{label}-{digest(value)}" if label in found else label)
    return found


def label_of(value: Any) -> str:
    """The label of a value in an id: its first words, in lower case."""
    if isinstance(value, Mapping):
        flat = {
            name: inner
            for side, part in nested(value).items()
            for name, inner in (
                {f"{side}.{key}": one for key, one in part.items()}
                if isinstance(part, dict)
                else {side: part}
            ).items()
        }
        value = next((flat[name] for name in TELLING if flat.get(name)), next(iter(flat.values()), None))
    words = slug(str("none" if value is None else value))
    if len(words) > LONGEST_LABEL:
        words = words[: LONGEST_LABEL + 1].rpartition("-")[0] or words[:LONGEST_LABEL]
    return words.strip("-.") or digest(value)


def slug(text: str) -> str:
    """A text as a part of an id or a file name: lower-case letters, digits, `.` and `-`; it may be empty."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def digest(value: Any) -> str:
    """A few characters of a hash that identify a value."""
    return hashlib.sha256(canonical(value)).hexdigest()[:6]
