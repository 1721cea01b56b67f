"""Reads files of scenarios: YAML, JSON, TOML, CSV and JSON Lines.

A file is a list of rows, or has up to three sections: `scenarios` (the rows), `matrix` (arguments with several values,
each of which is combined with every row) and `defaults` (values for rows that do not set them). CSV and JSON Lines have
only rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pytest_duolog.display import among_known, and_more, from_here, shorten
from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.scenarios.rows import (
    SAMPLING,
    Axis,
    Choice,
    ScenarioRow,
    completed,
    crossed,
    digest,
    flat_names,
    label_of,
    labels,
    n_crossed,
    nested,
)
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.written.places import Misread, Place, Way, Written
from pytest_duolog.transcripts.text_file import read_text

# The reader of each kind of file: a module of `written` and its function.
READERS: Mapping[str, tuple[str, str]] = {
    ".yaml": ("yaml_file", "read"),
    ".yml": ("yaml_file", "read"),
    ".json": ("json_file", "read"),
    ".toml": ("toml_file", "read"),
    ".csv": ("csv_file", "read"),
    ".jsonl": ("json_file", "read_lines"),
    ".ndjson": ("json_file", "read_lines"),
}
SECTIONS = ("scenarios", "matrix", "defaults")
MOST_MISTAKES = 20
MOST_CELLS = 100_000
LONGEST_ID = 80
# The values of CSV fields, which are text.
WHOLE = ("turns", "grace", "max_tokens", "seed", "token_budget", "samples", "gives_up_after", "wording")
REAL = ("temperature", "top_p", "seconds_budget", "cost_budget", "min_pass_rate")
MANY = ("stop_phrases", "stop_on")
NAMED = ("facts", "secrets")
BETWEEN = "|"


def read_scenarios(path: Path) -> list[ScenarioRow]:
    """The scenarios of a file, in order, each row with each combination of the matrix.

    Raises ConfigurationError that names every mistake as `file:line:column: problem`.
    """
    kind = path.suffix.lower()
    if kind not in READERS:
        raise ConfigurationError(f"{from_here(path)}: scenarios are read from {', '.join(READERS)} files")
    try:
        text = read_text(path)
    except TranscriptError as error:
        raise ConfigurationError(str(error)) from None
    module, function = READERS[kind]
    read: Callable[[str], Written] = getattr(
        import_module(f"pytest_duolog.scenarios.written.{module}"), function
    )
    try:
        written = read(text)
    except Misread as error:
        raise ConfigurationError(_told(path, error.place, error.problem)) from None
    table = _Table(path, written, is_text=kind == ".csv")
    rows = table.rows()
    if table.mistakes:
        shown = [_told(path, *mistake) for mistake in sorted(set(table.mistakes))]
        raise ConfigurationError(
            "\n".join([*shown[:MOST_MISTAKES], *and_more(len(shown), MOST_MISTAKES, "mistakes")])
        )
    return rows


def _told(path: Path, place: Place, problem: str) -> str:
    return f"{from_here(path)}:{place.line}:{place.column}: {problem}"


@dataclass
class _Table:
    """Makes rows from the content of a file; afterwards `mistakes` has all mistakes."""

    path: Path
    written: Written
    is_text: bool
    mistakes: list[tuple[Place, str]] = field(default_factory=list)

    def rows(self) -> list[ScenarioRow]:
        """The rows with all combinations of the matrix, if there is no mistake."""
        sections = self._sections()
        if self.mistakes:
            return []
        defaults = self._values(sections.get("defaults"), ("defaults",), what="defaults")
        axes = list(self._axes(sections.get("matrix")))
        given = sections.get("scenarios")
        way: Way = ("scenarios",) if isinstance(self.written.value, dict) else ()
        if given is not None and not isinstance(given, list):
            self._wrong(way, f"the scenarios must be a list of rows (got {given!r:.60})")
            return []
        rows = [self._row(row, (*way, number)) for number, row in enumerate(given or ())]
        if not rows and not axes and not self.mistakes:
            self._wrong((), "the file has no scenarios")
        self._check_effect(defaults, axes, rows)
        n_cells = n_crossed(max(1, len(rows)), axes)
        if n_cells > MOST_CELLS:
            self._wrong(("matrix",), f"the matrix has {n_cells:,} combinations (at most {MOST_CELLS:,})")
        if self.mistakes:
            return []
        return self._cells(defaults, axes, rows or [(ScenarioRow("", {}), ("matrix",))])

    def _wrong(self, way: Way, problem: str) -> None:
        self.mistakes.append((self.written.place(way), problem))

    def _sections(self) -> Mapping[str, Any]:
        value = self.written.value
        if value is None:
            value = []
        if isinstance(value, list):
            return {"scenarios": value}
        if not isinstance(value, dict):
            self._wrong(
                (), f"the file must be a list of scenarios, or have the sections {', '.join(SECTIONS)}"
            )
            return {}
        for name in value:
            if name not in SECTIONS:
                self._wrong((name,), f"unknown section {shorten(name, 40)}{among_known(name, SECTIONS)}")
        return value

    def _values(self, given: Any, way: Way, *, what: str) -> dict[str, Any]:
        """The arguments of a scenario as they are written; mistakes are noted."""
        if given is None:
            return {}
        if not isinstance(given, dict):
            self._wrong(way, f"{what} must be names with values (got {given!r:.60})")
            return {}
        for name in given:
            side, dot, inner = name.partition(".")
            if dot and isinstance(speaker := given.get(side), dict) and inner in speaker:
                self._wrong((*way, name), f"{name} is set twice: {side} also has {inner}")
        values = nested({name: value for name, value in given.items() if name not in SAMPLING})
        self._check(values, way)
        return values

    def _check(self, values: Mapping[str, Any], way: Way) -> None:
        try:
            Scenario.build(values, beside=("id", *SAMPLING))
        except ConfigurationError as error:
            for where, line in error.mistakes:
                self._wrong(self._way_to(way, where), line)

    def _way_to(self, way: Way, where: Sequence[str]) -> Way:
        """The path to an argument in a row; a speaker's may be written as `a.system`, or as `system` for both."""
        inner = tuple(int(part) if part.isdigit() else part for part in where)
        ways = [(*way, *inner), (*way, ".".join(where[:2]), *inner[2:]), (*way, *inner[1:])]
        n_known = len(way) + (2 if where and where[0] in SIDES else 1)
        known = (found for found in ways if found[: min(n_known, len(found))] in self.written.places)
        return next(known, ways[0])

    def _row(self, given: Any, way: Way) -> tuple[ScenarioRow, Way]:
        if not isinstance(given, dict):
            self._wrong(way, f"a row must be names with values (got {given!r:.60})")
            return ScenarioRow("", {}), way
        if self.is_text:
            given = {name: _of_text(name, value) for name, value in given.items()}
        plain = dict(given)
        row_id = self._id(plain.pop("id", None), way) if "id" in plain else ""
        values = self._values(plain, way, what="a row")
        sampling = {name: plain[name] for name in SAMPLING if name in plain}
        self._check_sampling(sampling, way)
        place = self.written.place(way)
        return ScenarioRow(
            row_id, values, sampling, f"{from_here(self.path)}:{place.line}:{place.column}"
        ), way

    def _id(self, given: Any, way: Way) -> str:
        text = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
        if text != text.strip() or not 0 < len(text) <= LONGEST_ID or not text.isprintable():
            self._wrong(
                (*way, "id"), f"an id must be 1 to {LONGEST_ID} printable characters (got {given!r:.60})"
            )
        return text

    def _check_sampling(self, sampling: Mapping[str, Any], way: Way) -> None:
        samples, rate, claim = (sampling.get(name) for name in SAMPLING)
        if "samples" in sampling and (
            not isinstance(samples, int) or isinstance(samples, bool) or samples < 1
        ):
            self._wrong((*way, "samples"), f"samples: must be a whole number above 0 (got {samples!r:.60})")
        if "min_pass_rate" in sampling and (
            not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate <= 1
        ):
            self._wrong(
                (*way, "min_pass_rate"), f"min_pass_rate: must be above 0 and at most 1 (got {rate!r:.60})"
            )
        if "claim" in sampling and not isinstance(claim, str):
            self._wrong((*way, "claim"), f"claim: must be a text (got {claim!r:.60})")

    def _axes(self, given: Any) -> Iterator[Axis]:
        if given is None:
            return
        if not isinstance(given, dict):
            self._wrong(("matrix",), f"a matrix must be names with lists of values (got {given!r:.60})")
            return
        for name, values in given.items():
            way: Way = ("matrix", name)
            if isinstance(values, list):
                named = [
                    (number, label, value)
                    for number, (label, value) in enumerate(zip(labels(values), values, strict=True))
                ]
            elif isinstance(values, dict):
                named = [(key, str(key), value) for key, value in values.items()]
            else:
                self._wrong(
                    way, f"{name}: must be a list of values, or names with values (got {values!r:.60})"
                )
                continue
            if not named:
                self._wrong(way, f"{name}: has no values")
            seen: list[Any] = []
            for key, label, value in named:
                if any(value == other and type(value) is type(other) for other in seen):
                    self._wrong((*way, key), f"{name}: this value occurs twice ({value!r:.60})")
                seen.append(value)
                if label != label.strip() or not label or not label.isprintable():
                    self._wrong(
                        (*way, key), f"{name}: a name must be printable characters (got {label!r:.60})"
                    )
                self._check_choice(name, value, (*way, key))
            yield Axis(name, [Choice(label, value) for _, label, value in named])

    def _check_choice(self, name: str, value: Any, way: Way) -> None:
        try:
            Scenario.build(nested({name: value}))
        except ConfigurationError as error:
            for where, line in error.mistakes:
                side_only = name in SIDES and len(where) > 1
                inner = where[1:] if side_only else ()
                self._wrong((*way, *inner), line)

    def _check_effect(
        self, defaults: Mapping[str, Any], axes: Sequence[Axis], rows: Sequence[tuple[ScenarioRow, Way]]
    ) -> None:
        """Note values without effect."""
        on_axes = {
            name: axis.name
            for axis in axes
            for choice in axis.choices
            for name in flat_names({axis.name: choice.value})
        }
        for row, way in rows:
            for name in sorted(flat_names(row.values) & on_axes.keys()):
                self._wrong(
                    self._way_to(way, name.split(".")),
                    f"{name} has no effect: the matrix sets it (axis {on_axes[name]})",
                )
        for name in sorted(flat_names(defaults)):
            way = self._way_to(("defaults",), name.split("."))
            if name in on_axes:
                self._wrong(way, f"{name} has no effect: the matrix sets it (axis {on_axes[name]})")
            elif rows and all(name in flat_names(row.values) for row, _ in rows):
                self._wrong(way, f"{name} has no effect: every scenario sets it")

    def _cells(
        self, defaults: Mapping[str, Any], axes: Sequence[Axis], rows: Sequence[tuple[ScenarioRow, Way]]
    ) -> list[ScenarioRow]:
        cells: list[ScenarioRow] = []
        first: dict[str, Place] = {}
        automatic: set[str] = set()
        for row, way in rows:
            place = self.written.place(way)
            row_id = row.id
            if not row_id and row.values:
                row_id = label_of(row.values)
                if row_id in automatic:  # the first of two equal ones keeps the plain id
                    row_id = f"{row_id}-{digest(dict(row.values))}"
                automatic.add(row_id)
            whole = ScenarioRow(
                row_id,
                completed(defaults, row.values),
                row.sampling,
                row.place or _told(self.path, place, "").rstrip(": "),
            )
            for cell in crossed([whole], axes):
                if cell.id in first:
                    of_other = f"line {first[cell.id].line}"
                    self._wrong((*way, "id"), f"the id {cell.id!r} occurs twice: {of_other} has it, too")
                first.setdefault(cell.id, self.written.place((*way, "id")))
                self._check(cell.values, way)
                cells.append(cell)
        return cells


def _of_text(name: str, text: str) -> Any:
    """The value of a CSV field; a wrong number stays text and is reported later."""
    plain = name.partition(".")[2] if name.partition(".")[0] in SIDES else name
    try:
        if plain in WHOLE:
            return int(text)
        if plain in REAL:
            return float(text)
    except ValueError:
        return text
    if plain in NAMED and ":" in text:
        pairs = (part.partition(":") for part in text.split(BETWEEN))
        return {key.strip(): value.strip() for key, _, value in pairs}
    return [part.strip() for part in text.split(BETWEEN)] if plain in MANY else text
