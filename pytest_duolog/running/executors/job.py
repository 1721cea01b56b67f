"""The values that travel between a run and its workers; they hold no key."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from pytest_duolog.errors import CassetteError, DuologError, told
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.running.runner import RunState
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.transcript import Usage


@dataclass(frozen=True)
class Job:
    """One dialogue to run, once.

    `key` names this try of it. `header` is that of its recording, `location` the place of that in the run. `is_timed`
    says that spans of it are wanted.
    """

    key: int
    scenario: Scenario
    header: Mapping[str, Any]
    location: CassetteLocation
    is_timed: bool = False


@dataclass(frozen=True)
class News:
    """What a worker has to tell between two looks.

    `waits` are the seconds that providers ask to wait, by their names; `usage` is what was paid for since the last
    news.
    """

    waits: tuple[tuple[str, float], ...] = ()
    usage: Usage = field(default_factory=Usage)


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
        if not isinstance(error, DuologError):
            return cls(RuntimeError, (f"in a worker: {told(error)}",), {})
        cause = told(error.__cause__) if error.__cause__ else ""
        return cls(type(error), error.args, dict(vars(error)), cause)

    def exception(self, location: CassetteLocation) -> Exception:
        """The exception, as it would be if the dialogue had run at `location`."""
        if issubclass(self.kind, CassetteError):
            facts = {**self.facts, "cassette_path": location.path}
            return self.kind(**facts)
        error = self.kind.__new__(self.kind)
        error.args = self.arguments
        vars(error).update(self.facts)
        error.__cause__ = RuntimeError(self.cause) if self.cause else None
        return error


@dataclass(frozen=True)
class Made:
    """What became of a dialogue: its recording as bytes, what the run came to, and the failure that ended it."""

    key: int
    recorded: bytes
    state: RunState
    notices: tuple[str, ...]
    failure: Failure | None
    news: News


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
