"""Which wording of its personas' prompts a dialogue uses: that of its recording, and the newest for a new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.header import wordings_of
from pytest_duolog.recording.journal_file import read_header
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.scenarios.scenario import SIDES, Scenario


def as_recorded(scenario: Scenario, location: CassetteLocation, mode: RecordMode) -> Scenario:
    """The scenario in the wordings of the recording that is replayed or continued, otherwise in the newest ones.

    A new recording that will be compared with others, as a further sample or in a gate, has the wordings of those: two
    wordings are no fair comparison. Raises UnreadableCassette if this version does not know a recorded wording.
    """
    if not scenario.has_personas or mode.is_anew:
        return scenario.worded()
    path, header = _header(location, mode)
    try:
        return scenario.worded(wordings_of(header))
    except KeyError as unknown:
        from pytest_duolog.transcripts.parts import WORDINGS  # noqa: PLC0415  # most dialogues have no persona

        raise UnreadableCassette(
            f"it was recorded with wording {unknown} of the prompt of personas, but this version knows only "
            f"{len(WORDINGS)}",
            cassette_path=path,
            test=location.owner,
            facts=[
                ("recorded by", f"pytest-duolog {header.get('plugin')}"),
                ("to fix", "install that version, or record again with --record-mode=rewrite"),
            ],
        ) from None


def _header(location: CassetteLocation, mode: RecordMode) -> tuple[Path, Mapping[str, Any]]:
    """The file that tells the wordings and its header; empty if there is none that has one."""
    for path in (*location.played(mode), *location.compared()):
        with suppress(FileNotFoundError, UnreadableCassette):  # the cassette says what is wrong with it
            return path, read_header(path)
    return location.path, {}


def worded_alternatives(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario in each wording that a recording of it may have, the newest first; without personas only itself."""
    if not scenario.has_personas:
        yield scenario
        return
    from pytest_duolog.transcripts.parts import WORDINGS  # noqa: PLC0415  # most dialogues have no persona

    for number in range(len(WORDINGS), 0, -1):
        yield scenario.worded([number for _ in SIDES])
