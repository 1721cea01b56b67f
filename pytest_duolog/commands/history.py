"""`duolog history`: pass rates, loops, cost and latency build after build, and where they changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from pytest_duolog.commands.dialogue_paths import wanted_text
from pytest_duolog.commands.pages import page_text, put_out
from pytest_duolog.commands.redaction import project_path, project_redactor
from pytest_duolog.display import counted, did_you_mean, listed, printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.history.folder import Folder, read_folder
from pytest_duolog.history.trends import Trends, trends_of
from pytest_duolog.reports.history_words import history_json, history_lines

TEXT, JSON, HTML = "text", "json", "html"
INI_KEY = "duolog_history"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog history`."""
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="FOLDER",
        help="the folder that pytest writes with --duolog-history (default: duolog_history in the ini file)",
    )
    parser.add_argument(
        "-k",
        dest="text",
        type=wanted_text,
        metavar="TEXT",
        help="show only scenarios with this text in their id; case does not matter",
    )
    parser.add_argument(
        "--since",
        metavar="BUILD",
        help="leave out the builds before this one, for example to accept a change",
    )
    parser.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="take the scenario OLD as an earlier part of NEW; can be given several times",
    )
    parser.add_argument(
        "--format", choices=(TEXT, JSON, HTML), default=TEXT, help="the format of the report (default text)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the report to this file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the history; 0 if nothing is worse than before, 1 if something is, 2 if something could not be counted."""
    path = arguments.folder or project_path(INI_KEY)
    if path is None:
        raise ConfigurationError(
            f"no folder: name the one that pytest writes with --duolog-history, or set {INI_KEY} in the ini file"
        )
    folder = _without_secrets(read_folder(path))
    for problem in (*folder.damage, *folder.mixed, *folder.reruns):
        print(printable(f"duolog: {problem}"), file=sys.stderr)
    if not folder.lines:
        raise ConfigurationError(
            f"{path} has no history{' that can be read' if folder.damage else ' yet'}: run pytest with "
            f"--duolog-history {path} and models that answer"
        )
    names = _names(arguments.rename, {line.scenario for line in folder.lines})
    _refuse_side_by_side(folder, names)
    trends = trends_of(_since(folder.renamed(names), arguments.since))
    shown = _selected(trends, arguments.text or "")
    what = counted(len(shown.series), "series", "series")
    put_out(_text(shown, arguments), arguments.output, what)
    return 2 if folder.damage or folder.mixed else int(bool(shown.worse))


def _names(given: list[str], known: set[str]) -> dict[str, str]:
    """The last names by the old ones; raises ConfigurationError for an unknown name, a second one, or a circle."""
    found: dict[str, str] = {}
    for pair in given:
        names = next((names for names in _splits(pair) if known.issuperset(names)), None)
        if names is None:
            unknown = [name for name in pair.split("=", 1) if name not in known]
            hint = did_you_mean(unknown[-1], known) if unknown else ""
            raise ConfigurationError(
                f"--rename: {pair!r} is not OLD=NEW, the ids of two scenarios of this history{hint}"
            )
        old, new = names
        if old in found:
            raise ConfigurationError(f"--rename: {old} is given twice, as {found[old]} and as {new}")
        found[old] = new
    return {old: _last_name(old, found) for old in found}


def _last_name(old: str, names: Mapping[str, str]) -> str:
    """The name at the end of a chain of renames; raises ConfigurationError if it has no end."""
    chain = [old]
    while (name := names.get(chain[-1])) is not None:
        if name in chain:
            raise ConfigurationError(
                f"--rename: {' = '.join([*chain, name])} is a circle; leave out one of them"
            )
        chain.append(name)
    return chain[-1]


def _refuse_side_by_side(folder: Folder, names: Mapping[str, str]) -> None:
    """Raises ConfigurationError if scenarios that would be one have samples in one build: all but one would be lost."""
    first: dict[tuple[str, str], str] = {}
    for line in folder.lines:
        name = names.get(line.scenario, line.scenario)
        other = first.setdefault((name, line.build), line.scenario) if line.samples else line.scenario
        if other != line.scenario:
            raise ConfigurationError(
                f"--rename: {other} and {line.scenario} cannot be one scenario: both have samples in build "
                f"{line.build}"
            )


def _splits(pair: str) -> Iterator[tuple[str, str]]:
    """The two sides of each equals sign; ids of parametrized tests may have some of their own."""
    return ((pair[:at], pair[at + 1 :]) for at, character in enumerate(pair) if character == "=")


def _without_secrets(folder: Folder) -> Folder:
    """The folder without what the project calls a secret now; the same texts are in many lines."""
    redacted = lru_cache(maxsize=None)(project_redactor().text)
    return replace(
        folder,
        lines=[line.without_secrets(redacted) for line in folder.lines],
        damage=tuple(map(redacted, folder.damage)),
        mixed=tuple(map(redacted, folder.mixed)),
        reruns=tuple(map(redacted, folder.reruns)),
    )


def _since(folder: Folder, build: str | None) -> Folder:
    """The folder from the first line of a build on; its name may be shortened."""
    if build is None:
        return folder
    names = list(dict.fromkeys(line.build for line in folder.lines))
    meant = [name for name in names if name == build] or [name for name in names if name.startswith(build)]
    if len(meant) != 1:
        problem = f"{len(meant)} builds begin with it" if meant else "there is no such build"
        raise ConfigurationError(f"--since {build}: {problem}; the last ones are {listed(names[:-6:-1])}")
    at = next(number for number, line in enumerate(folder.lines) if line.build == meant[0])
    return replace(folder, lines=folder.lines[at:])


def _selected(trends: Trends, text: str) -> Trends:
    """The trends of the scenarios with this text; the tests are those of all of them."""
    found = [series for series in trends.series if text.casefold() in series.scenario.casefold()]
    if text and not found:
        raise ConfigurationError(
            f"none of {counted(len(trends.series), 'series', 'series')} has {text!r} in its id"
        )
    return replace(trends, series=found)


def _text(trends: Trends, arguments: argparse.Namespace) -> str:
    if arguments.format == JSON:
        return history_json(trends)
    if arguments.format == HTML:
        from pytest_duolog.reports.report import history_text  # noqa: PLC0415  # only for a page

        return history_text(trends)
    return page_text(partial(history_lines, trends), arguments.output)
