"""The folder of the history: a file of JSON Lines for each build, which is never changed.

A line holds one scenario of one build (`history.line`). The name of a file has the time, the build and a hash of its
content, so that two builds never write one file, and folders are merged by copying files. What cannot be read is left
out and named; every other line counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_duolog.display import counted, cut, from_here, wrong_fields
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.history.line import FORMAT_KEY, HISTORY_FORMAT, HistoryLine
from pytest_duolog.storage.json_text import in_utf8, parsed
from pytest_duolog.storage.line_file import Lines, read_lines, replacing, what_to_do

SUFFIX = ".jsonl"
# What the marks of a conflict begin with that git could not solve.
CONFLICT = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")
# Shards and repeated runs of one build are not further apart than this.
LONGEST_BUILD_TIME = timedelta(days=1)
# What a second run of a build means, and several builds of one name.
ONCE = "only the first line of each scenario counts; another build needs a name of its own (--duolog-build)"
MIXED = (
    "only the first line of each scenario counts, so later runs may be missing: give each build a name of its own "
    "(--duolog-build), also in the files that are there, or delete the files of runs that were only repeated"
)
LONGEST_NAME = 60
NAME_DIGITS = 8
# The number of a format is shown up to so many characters.
MOST_DIGITS = 20


@dataclass(frozen=True)
class Folder:
    """The content of a folder: its lines by time, each once, and what is wrong with it.

    `n_copies` is the number of lines that another line of the same build, scenario and models stands for: the first
    one with live samples, or else the first one. `mixed` says which names of builds several builds have, `reruns` which
    builds were run again after more than a day.
    """

    lines: Sequence[HistoryLine]
    damage: Sequence[str] = ()
    n_copies: int = 0
    mixed: Sequence[str] = ()
    reruns: Sequence[str] = ()

    def renamed(self, names: Mapping[str, str]) -> Folder:
        """The same with the new name of each renamed scenario; `names` has them by the old ones."""
        lines = [
            line.model_copy(update={"scenario": names.get(line.scenario, line.scenario)})
            for line in self.lines
        ]
        once = _once(lines)
        return replace(self, lines=once, n_copies=self.n_copies + len(lines) - len(once))


def read_folder(folder: Path) -> Folder:
    """The history in a folder and its subfolders; raises ConfigurationError if there is no such folder."""
    if not folder.is_dir():
        raise ConfigurationError(
            f"{folder} is not a folder: name the one that pytest writes with --duolog-history"
        )
    lines: list[HistoryLine] = []
    damage: list[str] = []
    refused: list[OSError] = []
    files = [
        Path(name, file) for name, *own in os.walk(folder, onerror=refused.append) for file in chain(*own)
    ]
    damage += (f"{from_here(Path(error.filename))}: cannot be read: {error.strerror}" for error in refused)
    for path in sorted(
        path for path in files if path.name.endswith(SUFFIX) and not path.name.startswith(".")
    ):
        found, problems = _read_file(path)
        lines += found
        damage += (f"{from_here(path)}: {problem}" for problem in problems)
    lines.sort(key=lambda line: line.moment)  # files of one moment stay in the order of their names
    once = _once(lines)
    builds: dict[str, list[HistoryLine]] = defaultdict(list)
    for line in lines:
        builds[line.build].append(line)
    return Folder(
        once,
        damage,
        len(lines) - len(once),
        [f"build {name} is {problem}; {MIXED}" for name, own in builds.items() if (problem := _mix(own))],
        [f"build {name} {rerun}" for name, own in builds.items() if (rerun := _rerun(own))],
    )


def _mix(lines: Sequence[HistoryLine]) -> str:
    """How the lines of one name are those of several builds; empty if they are of one."""
    n_commits = len({line.commit for line in lines if line.commit})
    n_days = 0 if _have_one_commit(lines) else _days(lines)
    return " and ".join(
        [f"of {n_commits} commits"] * (n_commits > 1) + [f"spread over {n_days} days"] * (n_days > 0)
    )


def _rerun(lines: Sequence[HistoryLine]) -> str:
    """Over how many days a build was run again; empty for one that was run on one day, and for several builds."""
    n_days = _days(lines) if _have_one_commit(lines) else 0
    return f"was run again on its commit, over {n_days} days: {ONCE}" if n_days else ""


def _have_one_commit(lines: Sequence[HistoryLine]) -> bool:
    return all(line.commit and line.commit == lines[0].commit for line in lines)


def _days(lines: Sequence[HistoryLine]) -> int:
    """The number of days over which some lines are spread; 0 if one build may last as long."""
    moments = [line.moment for line in lines]
    span = max(moments) - min(moments)
    return ceil(span / LONGEST_BUILD_TIME) if span > LONGEST_BUILD_TIME else 0


def _once(lines: Sequence[HistoryLine]) -> list[HistoryLine]:
    """The lines in the same order, without those that another one stands for."""
    first: dict[object, HistoryLine] = {}
    for line in lines:
        key = (line.build, line.scenario, line.arm, line.models)
        if key not in first or (line.samples and not first[key].samples):
            first[key] = line
    kept = set(map(id, first.values()))
    return [line for line in lines if id(line) in kept]


def _read_file(path: Path) -> tuple[list[HistoryLine], list[str]]:
    """The lines of a file, and what is wrong with the others."""
    try:
        content = read_lines(path)
    except OSError as error:
        return [], [f"it cannot be read: {error.strerror}; {what_to_do(error)}"]
    lines: list[HistoryLine] = []
    problems: list[tuple[int, str]] = []
    for number, text in enumerate(_texts(content), start=1):
        if text.strip():
            try:
                lines.append(_line(text, is_torn=number > len(content.whole)))
            except ValueError as error:
                problems.append((number, str(error)))
    return lines, list(_grouped(problems))


def _texts(content: Lines) -> Iterator[bytes]:
    yield from content.whole
    if content.torn:
        yield content.torn


def _grouped(problems: Sequence[tuple[int, str]]) -> Iterator[str]:
    """Each problem with the number of its first line, and of how many more."""
    for problem, n in Counter(problem for _, problem in problems).items():
        first = next(number for number, found in problems if found == problem)
        more = f" and {counted(n - 1, 'more line')}" if n > 1 else ""
        yield f"line {first}{more}: {problem}"


def _line(text: bytes, *, is_torn: bool) -> HistoryLine:
    """The line; raises ValueError that says what is wrong with it."""
    if text.startswith(CONFLICT):
        raise ValueError(
            "the mark of a conflict that git could not solve; keep the lines of both sides and delete the marks"
        )
    try:
        value: Any = parsed(text)
    except ValueError:
        advice = "it ends there: copy the file again" if is_torn else "restore the file, or delete the line"
        raise ValueError(f"not whole JSON; {advice}") from None
    number = value.pop(FORMAT_KEY, None) if isinstance(value, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError("not a line of a history; move other files to another folder")
    if number > HISTORY_FORMAT:
        raise ValueError(
            f"it has format {cut(str(number), MOST_DIGITS)}; this version of pytest-duolog reads up to "
            f"{HISTORY_FORMAT}: upgrade it"
        )
    try:
        line = HistoryLine.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise ValueError(f"wrong values ({wrong_fields(error)}); delete the line") from None
    if not line.is_possible:
        raise ValueError(
            "more of its samples passed or looped than there are, or its time is impossible; delete the line"
        )
    return line


def added(folder: Path, lines: Sequence[HistoryLine]) -> str:
    """Write the lines of a run if they are new evidence; says where they are, or why nothing is written.

    Raises ConfigurationError if the folder cannot be written.
    """
    if not lines:
        return "no dialogue ran, so nothing is added"
    if not any(line.samples or line.errors for line in lines):
        return "every dialogue was replayed, which is no new evidence: nothing is added"
    path = write_lines(folder, lines)
    scenarios = counted(len({line.scenario for line in lines}), "scenario")
    said = f"{path} has {scenarios} of build {lines[0].build} (duolog history reads the folder)"
    known = [*lines, *_lines_of_build(folder, lines[0].build)]
    if rerun := _rerun(known):
        return f"{said}; this build {rerun}"
    if problem := _mix(known):
        return f"{said}; WARNING: with what is there already, this build is {problem}; {MIXED}"
    return said


def _lines_of_build(folder: Path, build: str) -> Iterator[HistoryLine]:
    """What the folder has of a build, in files that still have their names."""
    for path in folder.rglob(f"*-{_file_part(build)}-*{SUFFIX}"):
        yield from (line for line in _read_file(path)[0] if line.build == build)


def write_lines(folder: Path, lines: Iterable[HistoryLine]) -> Path:
    """Write the lines of one build as a new file; returns its path.

    Raises ConfigurationError if the folder cannot be written.
    """
    written = list(lines)
    content = b"".join(_line_bytes(line) for line in written)
    first = min(written, key=lambda line: line.moment)
    digest = hashlib.sha256(content).hexdigest()[:NAME_DIGITS]
    path = folder / f"{first.moment:%Y%m%dT%H%M%SZ}-{_file_part(first.build)}-{digest}{SUFFIX}"
    try:
        with replacing(path) as file:
            file.append_as_is(content)
    except OSError as error:
        raise ConfigurationError(
            f"the history cannot be written to {path}: {error.strerror}; {what_to_do(error)}"
        ) from error
    return path


def _file_part(build: str) -> str:
    """What the name of a file has of the name of a build."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", build)[:LONGEST_NAME].strip("-.") or "build"


def _line_bytes(line: HistoryLine) -> bytes:
    fields = {FORMAT_KEY: HISTORY_FORMAT, **line.model_dump(mode="json", exclude_defaults=True)}
    return in_utf8(json.dumps(fields, ensure_ascii=False, separators=(",", ":"))) + b"\n"
