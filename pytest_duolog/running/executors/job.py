"""The values that travel between a run and its workers; they hold no key."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from pytest_duolog.errors import CassetteError, DuologError, told
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.running.executors.engine import Lost
from pytest_duolog.running.run_state import RunState
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.usage import Usage


@dataclass(frozen=True)
class Job:
    """One dialogue to run, once.

    `key` names this try of it. `header` is that of its recording, `location` the place of that in the run. `begun` is
    the file with the messages that a worker recorded before it died. `is_timed` says that spans are wanted.
    """

    key: int
    scenario: Scenario
    header: Mapping[str, Any]
    location: CassetteLocation
    begun: bytes = b""
    is_timed: bool = False


@dataclass(frozen=True)
class Written:
    """Whole lines of a recording, from byte `start` after its header on; `key` is that of the job."""

    key: int
    start: int
    content: bytes


@dataclass(frozen=True)
class News:
    """What a worker has to tell between two looks.

    `waits` are the seconds that providers ask to wait, by their names; `usage` is what was paid for since the last
    news, `written` what was recorded since then.
    """

    waits: tuple[tuple[str, float], ...] = ()
    usage: Usage = field(default_factory=Usage)
    written: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Failure:
    """An exception on its way: its type, arguments and facts; `cause` is the text of another one that caused it."""

    kind: type[Exception]
    arguments: tuple[Any, ...]
    facts: Mapping[str, Any]
    cause: str = ""

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """The failure for an exception; one that is not of this package travels as its text."""
        if not isinstance(error, DuologError | Lost):
            return cls(RuntimeError, (f"in a worker: {told(error)}",), {})
        cause = told(error.__cause__) if error.__cause__ else ""
        return cls(type(error), error.args, dict(vars(error)), cause)

    def exception(self, location: CassetteLocation | None = None) -> Exception:
        """The exception, as it would be if the dialogue had run at `location`."""
        if location is not None and issubclass(self.kind, CassetteError):
            facts = {**self.facts, "cassette_path": location.path}
            return self.kind(**facts)
        error = self.kind.__new__(self.kind)
        error.args = self.arguments
        vars(error).update(self.facts)
        error.__cause__ = RuntimeError(self.cause) if self.cause else None
        return error


@dataclass(frozen=True)
class Made:
    """What became of a dialogue.

    `recorded` is its recording after the header, `state` what the run came to, `failure` what ended it.
    """

    recorded: bytes
    state: RunState
    notices: tuple[str, ...]
    failure: Failure | None
    news: News = field(default_factory=News)


@dataclass(frozen=True)
class Answer:
    """What a method of a worker returned, or the exception that it raised."""

    result: Any = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Needs:
    """What a worker must have: environment variables, by whether their values must be equal; embedded models.

    `salt` is for the digests in which values are compared.
    """

    keys: tuple[str, ...]
    addresses: tuple[str, ...]
    local_models: tuple[str, ...]
    salt: str


@dataclass(frozen=True)
class Facts:
    """What a worker, or the run itself, is and has.

    `keys` are the variables of `Needs.keys` that are set, `addresses` digests of the values of the others, `missing`
    what is wrong with embedded models.
    """

    python: str
    package: str
    engine: str
    keys: frozenset[str]
    addresses: Mapping[str, str]
    missing: tuple[str, ...] = ()

    def differences(self, other: Facts) -> list[str]:
        """What `other`, a worker, has otherwise, in words."""
        versions = [
            (f"{name} {theirs}, here {ours}")
            for name, ours, theirs in (
                ("Python", self.python, other.python),
                ("pytest-duolog", self.package, other.package),
                ("the engine is", self.engine, other.engine),
            )
            if ours != theirs
        ]
        unset = [f"{name} is not set there" for name in sorted(self.keys - other.keys)]
        names = sorted({*self.addresses, *other.addresses})
        changed = [
            f"{name} has another value there"
            for name in names
            if self.addresses.get(name) != other.addresses.get(name)
        ]
        return [*versions, *unset, *changed, *other.missing]


def versions(engine: str) -> tuple[str, str, str]:
    """The versions of Python (without the last part), of this package, and of an engine's distribution."""
    python = ".".join(platform.python_version_tuple()[:2])
    return python, version("pytest-duolog"), f"{engine} {version(engine)}"
