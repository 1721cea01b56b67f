"""The recording that a dialogue replays: which file it is, and what of it can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import and_more, counted, listed
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.addresses import BaseUrls
from pytest_duolog.recording.header import is_same_dialogue, stale_facts
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.journal_file import Journal, ends_in_header, read_journal
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.vcrpy import vcrpy
from pytest_duolog.transcripts.transcript import StopReason

# Notices name at most this many edited lines of a cassette.
MOST_NAMED = 5


@dataclass(frozen=True)
class Source:
    """A file that is replayed: its dialogue as `journal`, the `votes` of judges on it, and notices for the user.

    With `takes_over`, the journal also has what an interrupted run with `new_episodes` has added.
    """

    path: Path
    journal: Journal
    votes: list[Interaction]
    notices: list[str]
    takes_over: bool = False


@dataclass(frozen=True)
class SourceReader:
    """Reads the recording of a dialogue.

    `header` describes the current dialogue, `test_argument` names its test in errors. With `refuses_edited`, edited
    lines are an error.
    """

    location: CassetteLocation
    mode: RecordMode
    redactor: Redactor
    hooks: VcrHooks
    base_urls: BaseUrls
    header: Mapping[str, Any]
    test_argument: str
    refuses_edited: bool = False

    def read(self) -> Source | None:
        """The recording to replay; None if there is none, or the record mode asks for everything again.

        Raises UnreadableCassette if the file cannot be used.
        """
        if self.mode.is_anew:
            return None
        path = self._path_to_play()
        if path is None or (self.mode is RecordMode.ONCE and ends_in_header(path)):
            return None
        journal = self._journal(path)
        notices = [
            *self._notices_on_edits(journal, path),
            *(f"{path.name}: {problem}" for problem in journal.damage),
            *self._notices_on_newer(path),
        ]
        loaded = self._loaded(journal)
        journal.interactions[:] = [interaction for interaction in loaded if not interaction.is_vote]
        votes = [interaction for interaction in loaded if interaction.is_vote]
        added = self._added(journal, notices) if path == self.location.path else []
        journal.interactions[:] = [*added, *_without(journal.interactions, added)]
        return Source(path, journal, votes, notices, takes_over=bool(added))

    def _loaded(self, journal: Journal) -> list[Interaction]:
        return list(filter(None, map(self.hooks.loaded, journal.interactions)))

    def _added(self, journal: Journal, notices: list[str]) -> list[Interaction]:
        """What an interrupted run with `new_episodes` has kept of `journal` and added; empty if there is none.

        The incomplete file of another run, as one that asked for everything again, has other replies.
        """
        path = self.location.partial_path
        if self.mode is not RecordMode.NEW_EPISODES or not path.exists():
            return []
        with suppress(UnreadableCassette, FileNotFoundError):
            partial = read_journal(path)
            found = self._loaded(partial)
            n_new = len(found) - (len(journal.interactions) - len(_without(journal.interactions, found)))
            is_of_today = not (partial.edited or stale_facts(partial.header, self.header))
            if n_new and is_of_today and not _contradicts(found, journal.interactions):
                notices.append(
                    f"{path.name} was incomplete: continued after its {counted(n_new, 'new line')}"
                )
                return found
            if n_new:
                notices.append(
                    f"{path.name} is incomplete and does not fit: it is not used, and will be replaced"
                )
        return []

    def _journal(self, path: Path) -> Journal:
        if path.suffix != ".yaml":
            return read_journal(path)
        vcrpy()
        from pytest_duolog.recording.vcr_yaml import read_yaml  # noqa: PLC0415  # few cassettes are vcrpy's

        return read_yaml(path, base_urls=self.base_urls, redactor=self.redactor)

    def _path_to_play(self) -> Path | None:
        played = self.location.played(self.mode)
        return next((path for path in played if path.exists()), None) or self.location.yaml_path

    def _notices_on_edits(self, journal: Journal, path: Path) -> list[str]:
        if journal.edited and self.refuses_edited:
            advice = (
                "restore it from version control, or record again: pytest --record-mode=rewrite "
                f"{self.test_argument}\n"
                f"if the edit is intended, duolog_edited_cassettes = warn replays the file as it is"
            )
            raise UnreadableCassette(
                "the cassette was changed after it was recorded",
                cassette_path=path,
                test=str(self.header["test"]),
                facts=[("changed", listed(journal.edited, between="\n")), ("to fix", advice)],
            )
        shown = [*journal.edited[:MOST_NAMED], *and_more(len(journal.edited), MOST_NAMED, "lines")]
        return [f"{path.name}: {line}" for line in shown]

    def _notices_on_newer(self, path: Path) -> list[str]:
        partial = self.location.partial_path
        if self.mode is RecordMode.NONE and path == self.location.path and partial.exists():
            how = "finish it with --record-mode=once, or delete it"
            return [f"{partial.name} is a newer recording that is incomplete; {how}"]
        return []


def _without(interactions: Sequence[Interaction], others: Sequence[Interaction]) -> list[Interaction]:
    """The interactions that have no copy of their own among `others`."""
    left, without = list(others), []
    for one in interactions:
        copy = next((at for at, other in enumerate(left) if _is_copy(one, other)), None)
        if copy is None:
            without.append(one)
        else:
            del left[copy]
    return without


def _contradicts(found: Sequence[Interaction], recorded: Sequence[Interaction]) -> bool:
    """Whether a request of `found` has another response than the first of an equal request in `recorded`."""
    for one in found:
        first = next((other for other in recorded if other.request.same_as(one.request)), None)
        if first is not None and not any(_is_copy(first, other) for other in found):
            return True
    return False


def _is_copy(one: Interaction, other: Interaction) -> bool:
    return one.response == other.response and one.request.same_as(other.request)


def recorded_stop(journal: Journal, today: Mapping[str, Any]) -> tuple[StopReason, int] | None:
    """Why a recorded dialogue ended, and after how many messages; `today` is the header of the current dialogue.

    None unless all is there as it was written, and the very same dialogue was recorded, without a history.
    """
    if not journal.is_as_recorded or today.get("history") or not is_same_dialogue(journal.header, today):
        return None
    try:
        end = journal.end or {}
        return StopReason.model_validate(end["stop"]), int(end["messages"])
    except (ValueError, TypeError, KeyError):
        return None
