"""Texts name options that there are: what is advised in a command can be done there."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_duolog
from pytest_duolog.cli import COMMANDS, _parser

PACKAGE = Path(pytest_duolog.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+[a-z](?![\w-])")
# In a text with one of these words, an option may be that of another program or command.
OTHERS = re.compile(r"\b(?:pytest|git|iconv|pip|duolog [a-z]+)\b")


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = set()
    for action in parser._actions:
        found.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            found.update(*map(options_of, action.choices.values()))
    return found


def options_of_command(name: str) -> set[str]:
    [commands] = [
        action for action in _parser([name])._actions if isinstance(action, argparse._SubParsersAction)
    ]
    return options_of(commands.choices[name])


def texts(path: Path) -> Iterator[str]:
    """What a module may say: its strings without docstrings, and without arguments of other programs."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | parts:
            yield node.value


def test_options_of_pytest_that_texts_name_are_there(pytestconfig: pytest.Config):
    known = vars(pytestconfig.option)
    named = {
        option
        for path in PACKAGE.rglob("*.py")
        for text in texts(path)
        for option in OPTION.findall(text)
        if option.startswith("--duolog")
    }
    own = {"--duolog-inventory", "--duolog-shrink-output", "--duolog-shrink-rate"}  # of plugins for commands
    assert {name for name in named - own if name.lstrip("-").replace("-", "_") not in known} == set()


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_a_command_names_its_own_options(command: str):
    own = options_of_command(command)
    modules = [PACKAGE / "commands" / f"{command}.py", *(PACKAGE / "commands").glob(f"{command}_*.py")]
    wrong = [
        (path.name, option)
        for path in modules
        for text in texts(path)
        if " " in text and not OTHERS.search(text)
        for option in OPTION.findall(text)
        if option not in own and (command == "talk" or not option.startswith("--duolog-"))
    ]
    assert wrong == []
