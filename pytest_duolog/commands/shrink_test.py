"""Writes what `duolog shrink` found as a test module that fails for the same reason, with a recording of its own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from pytest_duolog.commands.talk_test import check_place, literal, marked, speaker_code
from pytest_duolog.gate.shrink import Shrunk
from pytest_duolog.recording.journal_file import change_header
from pytest_duolog.recording.naming import CassetteLocation, folder_of
from pytest_duolog.reports.shrink_words import proof_words
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.storage.line_file import replacing
from pytest_duolog.transcripts.perspective import DEFAULT_STUB

FUNCTION = "test_shrunk"
# Values of a scenario that say when the dialogue stops, and its topic.
KEPT = (
    "turns",
    "topic",
    "stop_phrases",
    "stop_on",
    "grace",
    "token_budget",
    "seconds_budget",
    "cost_budget",
    "stub",
)
MODULE = '''"""The shortest beginning from which {test} still fails, found by duolog shrink.

{proof}.
"""

import pytest

from pytest_duolog import {names}


@pytest.mark.dialogue(
{values})
def {function}(dialogue):
    assert dialogue.satisfies({check})'''


def property_code(check: str) -> str:
    """A property as Python makes it; the text of one without values is only the name of its class."""
    return check if "(" in check else f"{check}()"


def writes(scenario: Scenario) -> bool:
    """Whether a test can be written: every model has a name, and there are no tools, which are code."""
    speakers = [scenario.speaker(side) for side in SIDES]
    return all(isinstance(speaker.model, str) and not speaker.tools for speaker in speakers)


def write_test(
    path: Path,
    scenario: Scenario,
    found: Shrunk,
    *,
    test: str,
    check: str,
    recording: CassetteLocation,
    redact: Callable[[str], str],
) -> None:
    """Write the module, and beside it the recording of a continuation that fails.

    `scenario` has its models and the history. `test` is the id of the test that failed, `check` the property as text.
    Raises ConfigurationError if there is a file of the user's, OSError and CassetteError.
    """
    check_place(path, option="-o")
    values: dict[str, str] = {
        side: speaker_code(scenario.speaker(side), scenario.speaker(side)) for side in SIDES
    }
    history = [message.model_dump(mode="json", exclude_defaults=True) for message in scenario.history]
    values["history"] = literal(history)
    for name in KEPT:
        value = getattr(scenario, name)
        is_idle = name == "grace" and not scenario.stop_on
        if value not in (None, ()) and not is_idle and not (name == "stub" and value == DEFAULT_STUB):
            values[name] = literal(value)
    if scenario.stop_on == ():
        values["stop_on"] = "()"
    kinds = {type(scenario.speaker(side)).__name__ for side in SIDES}
    named = {node.id for node in ast.walk(ast.parse(check, mode="eval")) if isinstance(node, ast.Name)}
    text = MODULE.format(
        test=test.replace("\\", "/").replace('"', "'"),
        proof=proof_words(found),
        names=", ".join(sorted(kinds | named)),
        values="".join(f"    {name}={value},\n" for name, value in values.items()),
        function=FUNCTION,
        check=property_code(check),
    )
    with replacing(path) as file:
        file.append_as_is(marked(redact(text).encode("utf-8")))
    target = CassetteLocation(folder_of(path), FUNCTION, recording.models).path
    names = {"test": f"{path.name}::{FUNCTION}", "sample": 1}
    change_header(recording.path, target, lambda header: {**header, **names}, keeps_source=True)
