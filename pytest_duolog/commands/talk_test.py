"""`duolog talk --as-test`: a test module that replays dialogues word for word, with their recordings and snapshots."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pprint import pformat
from typing import Any
from zlib import crc32

from pytest_duolog.commands.talk_cells import Cell
from pytest_duolog.commands.talk_plan import Plan
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.journal_file import change_header, read_header
from pytest_duolog.recording.naming import CassetteLocation, folder_of, snapshot_test_part
from pytest_duolog.running.talks import identity_of
from pytest_duolog.scenarios.rows import slug
from pytest_duolog.scenarios.scenario import SIDES
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.scenarios.steps import Talk
from pytest_duolog.storage.line_file import replacing
from pytest_duolog.transcripts.markdown import to_snapshot
from pytest_duolog.transcripts.transcript import Transcript

FUNCTION = "test_talk"
SNAPSHOT_FOLDER = "__snapshots__"
# Values of a recording's header that say when the dialogue stopped; today's command may say something else.
STOPPING = ("turns", "stop_on", "grace", "token_budget", "seconds_budget", "cost_budget")
WIDTH = 100
BEGINNING = '''"""Dialogues of `duolog talk`, replayed from their recordings without asking a model."""

import pytest

from pytest_duolog import %s

SCENARIOS = {
'''
END = """}
DIALOGUES = [
%s]


@pytest.mark.parametrize(("duolog_scenario", "sample"), DIALOGUES)
def test_talk(dialogue, sample, duolog_snapshot):
    assert dialogue.transcript == duolog_snapshot"""


# The last line, with a checksum of all before it: a file that fits it has not been changed since it was written.
MARK = "\n\n# While this line fits the file, duolog may write it anew: {:08x}\n"


def check_place(path: Path, *, option: str = "--as-test") -> None:
    """Raises ConfigurationError if pytest finds no test there, or there is a file with anything of the user's."""
    if not re.fullmatch(r"test_\w+\.py", path.name):
        raise ConfigurationError(f"{option} {path}: pytest looks for tests in files named test_*.py")
    if path.exists() and not (path.is_file() and _is_unchanged(path.read_bytes())):
        raise ConfigurationError(
            f"{option} {path}: there is a file already, or it was changed since; name another one, or delete it"
        )


def _is_unchanged(content: bytes) -> bool:
    """Whether a file is as `write_test` wrote it; line ends do not count, which git may change."""
    content = content.replace(b"\r\n", b"\n")
    text = content[: -len(MARK.format(0))]
    return content == marked(text)


def marked(text: bytes) -> bytes:
    """A module with the line that says that it is unchanged."""
    return text + MARK.format(crc32(text)).encode()


def write_test(path: Path, plan: Plan, redact: Callable[[str], str]) -> int:
    """Write the module, with recordings and snapshots beside it; returns how many tests it has.

    `redact` takes keys out of what it says. Raises OSError or CassetteError.
    """
    check_place(path)
    scenarios: list[str] = []
    params: list[str] = []
    for cell, name in zip(plan.cells, _names(plan.cells), strict=True):
        known: dict[str, str] = {}
        for number, (location, transcript) in enumerate(plan.samples(cell), start=1):
            assert transcript is not None, "all dialogues are there"
            code = _scenario_code(cell, number, location, transcript)
            key = known.setdefault(code, f"{name}-{number}" if known else name)
            test_id = f"{name}-{number}"
            params.append(f"    pytest.param(SCENARIOS[{key!r}], {number}, id={test_id!r}),\n")
            _put_beside(path, f"{FUNCTION}[{test_id}]", location, transcript)
        scenarios += [f"    {key!r}: {code},\n" for code, key in known.items()]
    text = BEGINNING % ", ".join(sorted(_names_used(plan.cells))) + "".join(scenarios) + END % "".join(params)
    with replacing(path) as file:
        file.append_as_is(marked(redact(text).encode("utf-8")))
    return len(params)


def _names_used(cells: Sequence[Cell]) -> set[str]:
    """The names of this package that the module imports."""
    steps = {repr(step).partition("(")[0] for cell in cells for step in cell.given.steps or ()}
    return steps | {type(cell.given.speaker(side)).__name__ for cell in cells for side in SIDES}


def _names(cells: Sequence[Cell]) -> list[str]:
    """Names for the cells that stand in file names as they are, no two the same."""
    plain = [slug(cell.row.id) or "talk" for cell in cells]
    return [
        f"{name}-{identity_of(cell.cast)}" if plain.count(name) > 1 else name
        for cell, name in zip(cells, plain, strict=True)
    ]


def _scenario_code(cell: Cell, sample: int, location: CassetteLocation, transcript: Transcript) -> str:
    """The values of a dialogue as Python writes them, under the rules by which it stopped."""
    given = cell.given.for_sample(sample)
    values = {
        name: value for name, value in given.given().items() if name not in (*SIDES, *STOPPING, "history")
    }
    if given.history:
        values.pop("opener", None)
        values["history"] = [
            message.model_dump(mode="json", exclude_defaults=True) for message in given.history
        ]
    code: dict[str, str] = {
        side: speaker_code(given.speaker(side), cell.cast.speaker(side)) for side in SIDES
    }
    code |= {
        name: literal(value) for name, value in {**values, **_stopping(cell, location, transcript)}.items()
    }
    lines = [f"        {name!r}: {value},\n" for name, value in code.items()]
    return "{\n" + "".join(lines) + "    }"


def speaker_code(given: Speaker, cast: Speaker) -> str:
    """A speaker as Python writes it; `cast` has its model, if `given` has none."""
    names = given.model_fields_set - {"name", "model", *given.derived}
    fields = {name: getattr(given, name) for name in sorted(names)}
    model = given.model or cast.label or cast.model
    shown = [literal(given.name), f"model={model!r}"]
    shown += [f"{name}={literal(value)}" for name, value in fields.items() if value is not None]
    return f"{type(given).__name__}({', '.join(shown)})"


def literal(value: Any) -> str:
    """A value as Python writes it."""
    return pformat(value, width=WIDTH, sort_dicts=False)


def _stopping(cell: Cell, location: CassetteLocation, transcript: Transcript) -> dict[str, Any]:
    """When the dialogue was to stop, as far as it is set: as its recording says, if a model was asked."""
    try:
        header: Mapping[str, Any] = read_header(location.path)
    except FileNotFoundError:
        header = {
            **cell.cast.model_dump(mode="json", include=set(STOPPING)),
            "turns": transcript.turns or cell.cast.turns,
        }
    found = {name: header.get(name) for name in STOPPING if header.get(name) is not None}
    if cell.given.steps:
        is_free = any(isinstance(step, Talk) for step in cell.given.steps)
        unused = ("turns",) if is_free else ("turns", "stop_on", "grace")
        found = {name: value for name, value in found.items() if name not in unused}
    if not found.get("stop_on"):
        found.pop("grace", None)  # there is nothing to wait for
    return found


def _put_beside(path: Path, test: str, location: CassetteLocation, transcript: Transcript) -> None:
    """The recording and the snapshot of one test, where pytest looks for them."""
    target = CassetteLocation(folder_of(path), test, location.models).path
    if location.path.exists():
        names = {"test": f"{path.name}::{test}", "sample": 1}
        change_header(location.path, target, lambda header: {**header, **names}, keeps_source=True)
    snapshot = path.parent / SNAPSHOT_FOLDER / path.stem / f"{snapshot_test_part(test)}.md"
    with replacing(snapshot) as file:
        file.append_as_is(to_snapshot(transcript).encode("utf-8"))
