"""The rows of docs/properties.md: what the page calls each property, with an example and its defaults."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

from pytest_duolog.properties import PropertyMethods
from pytest_duolog.properties.base import Property

PAGE = Path(__file__).parents[2].joinpath("docs", "properties.md").read_text("utf-8")


class Row(NamedTuple):
    """One property: its method as an example calls it, and what its last column says."""

    call: str
    defaults: str

    @property
    def method(self) -> str:
        return self.call.partition("(")[0]

    def example(self) -> Property:
        """The property that the example asks for."""
        call = ast.parse(self.call, mode="eval").body
        assert isinstance(call, ast.Call)
        keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        made: Property = getattr(_Making(), self.method)(*map(ast.literal_eval, call.args), **keywords)
        return made


class _Making(PropertyMethods):
    """Gives the property that a method makes, and checks nothing."""

    def satisfies(self, *checks: Any) -> Any:
        return checks[0]


def _rows() -> dict[str, Row]:
    table = PAGE[PAGE.index("| property, method |") :].partition("\n\n")[0]
    rows = {}
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if named := re.match(r"`(\w+)`, `(.+)`$", cells[0]):
            rows[named[1]] = Row(named[2], cells[-1])
    return rows


ROWS = _rows()
EXAMPLES = [row.example() for row in ROWS.values()]
