"""What is public of the formulas is used by the package, or says in the docs what it is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pytest_duolog.stats

ROOT = Path(__file__).parents[2]
SOURCES = {path: path.read_text("utf-8") for path in (ROOT / "pytest_duolog").rglob("*.py")}
PAGE = (ROOT / "docs" / "statistics.md").read_text("utf-8")


def defined() -> list[str]:
    modules = [path for path in SOURCES if path.parent.name == "stats"]
    nodes = [node for path in modules for node in ast.parse(SOURCES[path]).body]
    return [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]


@pytest.mark.parametrize("name", defined())
def test_every_formula_is_used_or_public(name: str) -> None:
    uses = sum(len(re.findall(rf"\b{name}\b", text)) for text in SOURCES.values())
    assert uses > 1, f"{name} is used nowhere: remove it, or make it public with a row in docs/statistics.md"


@pytest.mark.parametrize("name", pytest_duolog.stats.__all__)
def test_public_formula_is_there_and_in_the_docs(name: str) -> None:
    assert getattr(pytest_duolog.stats, name).__doc__
    assert f"`{name}" in PAGE
