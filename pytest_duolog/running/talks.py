"""Runs many dialogues at once into one folder, without tests.

Each has three files of one name: the recording (`.jsonl`), which grows message by message, and the transcript as JSON
and as Markdown, which are written when the dialogue is over. A dialogue is known by what its models are asked. When it
stops is not part of that, so that a finished one can be continued.
"""

from __future__ import annotations

import queue
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pytest_duolog.errors import (
    CassetteError,
    CassetteMismatch,
    DialogueError,
    DuologError,
    EndpointError,
    TranscriptError,
    UnreadableCassette,
    UnusedMessages,
    told,
)
from pytest_duolog.recording.header import text_hash
from pytest_duolog.recording.journal_file import read_header, read_journal
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.retelling import retold
from pytest_duolog.running.execution import Running
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.rows import slug
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.scenarios.steps import steps_with_messages
from pytest_duolog.scenarios.tools import Tool
from pytest_duolog.storage.json_text import canonical
from pytest_duolog.storage.line_file import is_in_use, replacing
from pytest_duolog.transcripts.transcript import Message, StopKind, Transcript
from pytest_duolog.transcripts.twin import to_twin

# What the names of files end in, after a part that people read: what is asked, which models, which sample.
NAME = re.compile(r"(?P<readable>.+)-(?P<identity>[0-9a-f]{8})\..+\.(?P<sample>\d+)\.(json|jsonl)")
LONGEST_READABLE = 60
# So many dialogues that fail one after the other, none between them finished, and no further one is begun.
MOST_FAILURES = 3
POLL_S = 0.2


@dataclass(frozen=True)
class Talk:
    """One dialogue to run or to continue.

    `cell` is the name of its condition, `scenario` has its models and is that of its sample. `n_held` messages of it
    are finished and on disk; no model is asked for them again.
    """

    cell: str
    sample: int
    scenario: Scenario
    location: CassetteLocation
    mode: RecordMode = RecordMode.ONCE
    n_held: int = 0


@dataclass(frozen=True)
class Asked:
    """A message is being asked for."""

    talk: Talk
    number: int
    speaker: str


@dataclass(frozen=True)
class Said:
    """A message is there."""

    talk: Talk
    number: int
    message: Message


@dataclass(frozen=True)
class Ended:
    """A dialogue is over and on disk, or it is not and `problem` says why.

    `is_busy` says that another run holds it right now, `was_begun` that it was not left out after others failed.
    """

    talk: Talk
    transcript: Transcript | None = None
    problem: str = ""
    is_busy: bool = False
    was_begun: bool = True


Event = Asked | Said | Ended


def identity_of(scenario: Scenario) -> str:
    """What tells the dialogues of a folder apart: what models are asked, not when it stops; 8 hexadecimal digits."""
    asked = {
        "speakers": [_identity(scenario.speaker(side)) for side in SIDES],
        **scenario.model_dump(
            mode="json", include={"opener", "opener_by", "topic", "stop_phrases", "history", "stub"}
        ),
    }
    if scenario.steps:
        asked["steps"] = [repr(step) for step in steps_with_messages(scenario.steps)]
    return str(text_hash(canonical(asked).decode()))[:8]


def _identity(speaker: Speaker) -> dict[str, Any]:
    tools = [tool.definition.model_dump(mode="json") for tool in speaker.tools if isinstance(tool, Tool)]
    return {
        **({"tools": tools} if tools else {}),
        "name": speaker.name,
        "model": [speaker.model_label, speaker.model if isinstance(speaker.model, str) else None],
        "system": speaker.instructions,
        "knobs": speaker.set_knobs(),
        "extra": speaker.extra,
    }


@dataclass(frozen=True)
class TalkFolder:
    """The folder in which dialogues lie."""

    path: Path

    @cached_property
    def _readable(self) -> Mapping[tuple[str, int], str]:
        """The readable part of each dialogue's name, by what it is and its sample."""
        names = sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []
        found = (NAME.fullmatch(name) for name in names)
        return {(name["identity"], int(name["sample"])): name["readable"] for name in found if name}

    def location(self, cell: str, scenario: Scenario, sample: int) -> CassetteLocation:
        """Where a dialogue lies, under the name that it has there already or one after its cell.

        `scenario` is that of all samples of the cell.
        """
        identity = identity_of(scenario)
        readable = slug(cell)[:LONGEST_READABLE].strip("-.")
        name = self._readable.get((identity, sample), readable or "talk")
        labels = [scenario.speaker(side).model_label for side in SIDES]
        return CassetteLocation(self.path, f"{name}-{identity}", labels, sample=sample)

    def held(self, location: CassetteLocation, *, topic: str | None = None) -> Transcript | None:
        """The finished dialogue that is there; None if there is none.

        If its recording is finished and its transcript was not written, or is older, which a killed run leaves, it is
        written now.
        Raises OSError if that fails.
        """
        with suppress(TranscriptError):
            found = Transcript.from_json(_beside(location, "json"))
            if not _is_newer(location.path, _beside(location, "json")):
                if not _beside(location, "md").exists():
                    self.store(location, found)
                return found
        try:
            if not read_journal(location.path).is_finished:
                return None
            found = retold(location.path).transcript.model_copy(update={"topic": topic})
        except (FileNotFoundError, DuologError):
            return None
        self.store(location, found)
        return found

    def store(self, location: CassetteLocation, transcript: Transcript) -> None:
        """Write the transcript as JSON and as Markdown, each whole or not at all; raises OSError."""
        for suffix, text in (("md", transcript.to_markdown()), ("json", to_twin(transcript))):
            with replacing(_beside(location, suffix)) as file:
                file.append_as_is(text.encode("utf-8"))


def _is_newer(path: Path, other: Path) -> bool:
    try:
        return path.stat().st_mtime_ns > other.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def _beside(location: CassetteLocation, suffix: str) -> Path:
    return location.path.with_name(f"{location.path.name.removesuffix('.jsonl')}.{suffix}")


def unfinished_turns(location: CassetteLocation) -> int:
    """The planned number of turns of an incomplete recording; 0 if there is none."""
    try:
        turns = read_header(location.partial_path).get("turns")
    except (FileNotFoundError, CassetteError):
        return 0
    return turns if isinstance(turns, int) else 0


def goes_on(held: Transcript, scenario: Scenario) -> bool:
    """Whether a finished dialogue has more to say under this scenario: more turns, or what ended it no longer does."""
    kind = held.stop_reason.kind if held.stop_reason else None
    if kind is StopKind.TURNS:
        return scenario.turns > (held.turns or 0)
    if kind in (StopKind.GOODBYE, StopKind.LOOP):
        return kind.value not in (scenario.stop_on or ()) and len(held) < scenario.max_messages
    return False


@dataclass
class Holding:
    """Holds dialogues, as many at once as the session allows; with `gives_up`, none after others failed."""

    session: Session
    folder: TalkFolder
    talks: Sequence[Talk]
    gives_up: bool = True
    _events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    _failures: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_FAILURES))

    def events(self) -> Iterator[Event]:
        """What happens, until every dialogue has ended. Whoever stops asking closes the session."""
        for talk in self.talks:
            self.session.scheduler.start(partial(self._hold, talk))
        n_left = len(self.talks)
        while n_left:
            with suppress(queue.Empty):  # Ctrl-C is heard between two looks
                event = self._events.get(timeout=POLL_S)
                n_left -= isinstance(event, Ended)
                yield event

    async def _hold(self, talk: Talk) -> None:
        if why := self._given_up():
            self._events.put(Ended(talk, problem=why, was_begun=False))
            return
        try:
            transcript = await self._held(talk)
            self.folder.store(talk.location, transcript)
        except CassetteError as error:
            busy = any(map(is_in_use, (talk.location.path, talk.location.partial_path)))
            self._failed(Ended(talk, problem=_words_on(error), is_busy=busy))
        except DialogueError as error:
            self._failed(
                Ended(talk, problem=f"message {error.message_number}, {error.speaker}: {error.problem}")
            )
        except DuologError as error:
            self._failed(Ended(talk, problem=str(error)))
        except OSError as error:
            self._failed(Ended(talk, problem=f"{error.filename or self.folder.path}: {error.strerror}"))
        except Exception as error:  # noqa: BLE001  # whoever waits for its end must hear of it
            self._failed(Ended(talk, problem=told(error)))
        else:
            self._failures.clear()
            self._events.put(Ended(talk, transcript))

    async def _held(self, talk: Talk) -> Transcript:
        reporter = _Reporter(talk, self._events, self.session.redactor)
        cassette = self.session.open_recording(
            talk.scenario, talk.location, talk.mode, before_asking=reporter.check_is_new
        )
        run = DialogueRun(talk.scenario.worded(cassette.wordings), observers=[cassette, reporter])
        await self.session.run_anywhere(run, cassette)
        return Running(run, cassette).transcript

    def _failed(self, ended: Ended) -> None:
        if not ended.is_busy:
            self._failures.append(ended.problem.partition("\n")[0])
        self._events.put(ended)

    def _given_up(self) -> str:
        """Why no further dialogue is begun; empty if there is no reason."""
        if not self.gives_up:
            return ""
        if self.session.budget.has_refused:
            return "the budget is used up"
        if len(self._failures) == MOST_FAILURES:
            return f"the last {MOST_FAILURES} dialogues failed"
        return ""


def _words_on(error: CassetteError) -> str:
    """What is wrong with a recording, and what to do; its own advice is for tests."""
    advice = ""
    if isinstance(error, CassetteMismatch | UnusedMessages):
        advice = "; the recording does not match the current requests: delete it to run the dialogue again"
    elif _is_damaged(error.cassette_path):
        advice = "; mend it, or delete it to run the dialogue again"
    return f"{error.problem} ({error.cassette_path}){advice}"


def _is_damaged(path: Path) -> bool:
    try:
        read_journal(path)
    except UnreadableCassette:
        return True
    except FileNotFoundError:
        pass
    return False


@dataclass
class _Reporter:
    """Tells the events of one running dialogue."""

    talk: Talk
    events: queue.SimpleQueue[Event]
    redactor: Redactor
    _number: int = 0

    def check_is_new(self) -> None:
        """Raises EndpointError if a model is about to be asked for a message that is on disk already."""
        if self._number <= self.talk.n_held:
            path = self.talk.location.path
            raise EndpointError(
                "the message is on disk, and its recording is gone or does not fit what would be "
                f"asked today; delete {path.name.removesuffix('.jsonl')}.* in {path.parent} to run "
                "the dialogue again"
            )

    def asking(self, message_number: int, speaker: str) -> None:
        """Message `message_number` is about to be asked for."""
        self._number = message_number
        self.events.put(Asked(self.talk, message_number, speaker))

    def said(self, message_number: int, message: Message) -> None:
        """That message is finished."""
        safe = message.model_copy(update={"content": self.redactor.text(message.content)})
        self.events.put(Said(self.talk, message_number, safe))
