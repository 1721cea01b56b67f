"""Writes the pages of the reference that the code itself knows: names, options, commands and file formats."""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

import pytest_duolog
from pytest_duolog import cli, errors, properties, stats
from pytest_duolog.history.line import Asked, HistoryLine
from pytest_duolog.plugin import pytest_addoption
from pytest_duolog.recording import journal
from pytest_duolog.results.dialogue_result import Citation, DialogueResult, PropertyResult
from pytest_duolog.results.record import Look, Sample
from pytest_duolog.transcripts.stored import Record
from pytest_duolog.transcripts.transcript import Message, StopReason, ToolCall, ToolDefinition, Transcript
from pytest_duolog.transcripts.usage import Usage

MODELS = {
    "Transcript": (Transcript, Message, ToolCall, ToolDefinition, Usage, StopReason),
    "Run record": (Sample, DialogueResult, PropertyResult, Citation, Look),
    "History of builds": (HistoryLine, Asked),
}


def write_pages(folder: Path) -> None:
    """Write every generated page into `folder`; a page that is already right is left as it is."""
    folder.mkdir(exist_ok=True)
    pages = {"api": api(), "options": pytest_options(), "commands": commands(), "formats": formats()}
    for name, lines in pages.items():
        path, text = folder / f"{name}.md", "\n".join(lines) + "\n"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


# Names


def api() -> Iterator[str]:
    """Every public name, by what it is for."""
    yield "# Python names"
    yield ""
    yield "Import the names of the first four parts from `pytest_duolog`, those of the last from `pytest_duolog.stats`."
    for title, names in _groups().items():
        yield from ("", f"## {title}")
        for name in names:
            yield from _documented(name)
    yield from ("", "## Statistics")
    for name in stats.__all__:
        yield from _documented(f"stats.{name}")


def _groups() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in pytest_duolog.__all__:
        value = getattr(pytest_duolog, name)
        if name in properties.__all__:
            groups["Properties and verdicts"].append(name)
        elif value.__module__ == errors.__name__:
            groups["Errors"].append(name)
        elif ".endpoints." in value.__module__:
            groups["Models"].append(name)
        else:
            groups["Scenarios, dialogues and transcripts"].append(name)
    return dict(sorted(groups.items(), key=lambda group: list(_ORDER).index(group[0])))


_ORDER = ("Scenarios, dialogues and transcripts", "Models", "Properties and verdicts", "Errors")


def _documented(name: str) -> Iterator[str]:
    value = import_module("pytest_duolog")
    for part in name.split("."):
        value = getattr(value, part)
    yield from ("", "```{eval-rst}")
    if inspect.isclass(value):
        yield f".. autoclass:: pytest_duolog.{name}"
        yield "   :members:"
        yield "   :exclude-members: model_config, check, model_post_init"
        if name in {"Dialogue", "Transcript"}:  # the properties are listed once, as classes
            yield "   :inherited-members: Record, PropertyMethods"
    else:
        yield f".. autofunction:: pytest_duolog.{name}"
    yield "```"


# Options of pytest


@dataclass
class Options:
    """Stands in for pytest's parser, and remembers what it is given."""

    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def getgroup(self, _name: str, _title: str) -> Options:
        return self

    def addoption(self, name: str, **more: Any) -> None:
        self.options[name] = more

    def addini(self, name: str, text: str, **_more: Any) -> None:
        self.keys[name] = text


def pytest_options() -> Iterator[str]:
    """What `pytest --help` says of this plugin."""
    given = Options()
    pytest_addoption(given)  # type: ignore[arg-type]  # all that is asked of a parser
    yield "# Options of pytest"
    yield ""
    yield "An option beats its key in the ini file. [Options, settings and names](../settings.md) says more about each."
    yield from ("", "| option | ini key | what it does |", "| --- | --- | --- |")
    for name, more in given.options.items():
        key = name.removeprefix("--").replace("-", "_")
        shown = f"`{name} {more['metavar']}`" if more.get("metavar") else f"`{name}`"
        yield f"| {shown} | {f'`{key}`' if key in given.keys else ''} | {_cell(more['help'])} |"
    for key, text in given.keys.items():
        if "--" + key.replace("_", "-") not in given.options:
            yield f"| | `{key}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")


# The command line tool


def commands() -> Iterator[str]:
    """The help of `duolog` and of each of its commands."""
    os.environ["COLUMNS"] = "96"
    os.environ["NO_COLOR"] = "1"
    yield "# The `duolog` command"
    yield from _help(cli._parser([]))
    for command in cli.COMMANDS:
        yield from ("", f"## `duolog {command.name}`")
        yield from _help(_parser_of(cli._parser([command.name]), command.name))


def _parser_of(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    (actions,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    found: argparse.ArgumentParser = actions.choices[name]
    return found


def _help(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from ("", "```text", parser.format_help().strip(), "```")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and parser.prog != "duolog":
            for inner in action.choices.values():
                yield from _help(inner)


# Files


def formats() -> Iterator[str]:
    """The fields of everything that is written as JSON."""
    yield "# File formats"
    yield ""
    yield "Each format has a number. A newer version of pytest-duolog reads every older number."
    yield from ("", "## Cassette", "", "```text", inspect.getdoc(journal) or "", "```")
    for title, models in MODELS.items():
        yield from ("", f"## {title}")
        for model in models:
            yield from _fields(model)


def _fields(model: type[Record]) -> Iterator[str]:
    yield from ("", f"### `{model.__name__}`", "", inspect.getdoc(model) or "", "")
    yield from ("| field | type | default |", "| --- | --- | --- |")
    types = get_type_hints(model)
    for found in fields(model):
        value = found.default.default if isinstance(found.default, FieldInfo) else found.default
        default = "required" if value is MISSING else f"`{_plain(value)}`"
        yield f"| `{found.name}` | `{_cell(_type_name(types[found.name]))}` | {default} |"


def _plain(value: object) -> str:
    return repr(value.value if isinstance(value, Enum) else value)


def _type_name(annotation: Any) -> str:
    """A type as people write it, without modules and without what only validates."""
    text = (
        annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    )
    text = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])|\btyping\.|\bdatetime\.", "", text)
    return re.sub(r"^Optional\[(.*)\]$", r"\1 | None", text)
