"""Warns about dialogue markers without effect, on tests without a dialogue."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import cache
from typing import Any

import pytest

from pytest_duolog.display import printable

NAME = "dialogue"


def find_unused_markers(config: pytest.Config, items: Iterable[pytest.Item]) -> list[pytest.CollectReport]:
    """Warn about every dialogue marker that no test uses; returns a failed report for each if warnings are errors."""
    return [
        report
        for node in _unused(items)
        for report in warned_once(
            config, _complaint(node), str(node.path), line=_line(node), nodeid=node.nodeid
        )
    ]


def warned_once(
    config: pytest.Config, message: str, path: str, *, line: int = 1, nodeid: str = "duolog"
) -> list[pytest.CollectReport]:
    """Warn about something in the file `path`; returns a failed report if warnings are errors.

    An error raised here would end a worker of pytest-xdist without a message. All workers collect the same tests, so
    only the first one warns.
    """
    is_first = getattr(config, "workerinput", {"workerid": "gw0"})["workerid"] == "gw0"
    with nullcontext() if is_first else warnings.catch_warnings(record=True):
        try:
            warnings.warn_explicit(message, pytest.PytestWarning, path, line)
        except pytest.PytestWarning as error:
            return [pytest.CollectReport(nodeid, "failed", longrepr=str(error), result=[])]
    return []


def _unused(items: Iterable[pytest.Item]) -> Iterator[pytest.Item | pytest.Collector]:
    """Tests, classes and modules whose marker applies to no test with a fixture named `dialogue`."""

    @cache
    def above(node: Any) -> tuple[Any, ...]:
        return () if node is None else (*above(node.parent), *_marked(node))

    used, idle = set[Any](), dict[Any, None]()
    for item in items:
        marked = (*above(item.parent), *_marked(item))
        if marked and NAME in getattr(item, "fixturenames", ()):
            used.update(marked)
        elif marked and not _may_ask_for_fixtures(item):
            idle.update(dict.fromkeys(marked))
    by_place = {(node.path, _line(node)): node for node in idle if node not in used}
    yield from by_place.values()


def _marked(node: Any) -> tuple[Any, ...]:
    return (node,) if any(mark.name == NAME for mark in node.own_markers) else ()


def _may_ask_for_fixtures(item: Any) -> bool:
    """Whether a test or one of its fixtures can ask for the dialogue while it runs (`request.getfixturevalue`)."""
    info = getattr(item, "_fixtureinfo", None)
    return info is not None and ("request" in info.argnames or has_fixture_with_dialogue(item))


def has_fixture_with_dialogue(item: pytest.Item) -> bool:
    """Whether a fixture of the test takes the dialogue, or asks for it by name, and so may look at it at any time."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = [made for found in (info.name2fixturedefs.values() if info else ()) for made in found]
    return any(NAME in definition.argnames or _asks_by_name(definition.func) for definition in definitions)


def _asks_by_name(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and "getfixturevalue" in code.co_names and NAME in code.co_consts


def _line(node: Any) -> int:
    reportinfo = getattr(node, "reportinfo", None)
    return (reportinfo()[1] or 0) + 1 if reportinfo else 1


def _complaint(node: pytest.Item | pytest.Collector) -> str:
    from unittest import TestCase  # noqa: PLC0415  # only for mistakes

    name = printable(getattr(node, "originalname", "") or node.name)
    who = "the test does not take" if isinstance(node, pytest.Item) else "none of its tests takes"
    owner = getattr(node, "cls", None)
    advice = "Add the argument"
    if isinstance(owner, type) and issubclass(owner, TestCase):
        advice = "Methods of unittest.TestCase take no fixtures: write a function or a plain class"
    why = f"{who} the `dialogue` fixture"
    return f"@pytest.mark.dialogue on {name} has no effect: {why}. {advice}, or remove the marker"
