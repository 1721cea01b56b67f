"""Every exception of the package. Each one has its facts as attributes; its text is built from them.

DuologError
├── ConfigurationError     a marker, option, setting or model name is wrong
├── TranscriptError        a file is not a transcript
├── ToolStopped            a speaker's tool failed its own check, or ended the test
├── EndpointError          a model could not be asked, or its answer could not be used
│   ├── LocalModelError    the embedded model is missing a piece or does not start
│   └── BudgetExceeded     this run may not ask models any more
├── DialogueError          a dialogue ended in an error; holds the transcript so far
├── Unmeasured             a verdict was used as true or false, but its property could not be measured
├── RunRecordError         a run record cannot be read, or does not fit its plan or another record
└── CassetteError          any problem with a recording
    ├── Misfit             the dialogue does not match its recording
    │   ├── CassetteMismatch  this request is not in the cassette
    │   └── UnusedMessages    the dialogue ended before the cassette did
    ├── UnreadableCassette the file is damaged, has a newer format, or is in use
    └── SecretInRecording  the recording would contain a key
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_duolog.display import from_here, lines_of

if TYPE_CHECKING:
    from pytest_duolog.transcripts.transcript import Transcript


class DuologError(Exception):
    """Base of every error that this package raises on purpose."""


class Mistake(NamedTuple):
    """One wrong argument: its name, after those that it is part of, and a line on it; no name means all together."""

    where: tuple[str, ...]
    line: str


class ConfigurationError(DuologError, ValueError):
    """A marker, option, setting or model name is wrong; the text names it and what is accepted.

    `mistakes` are the wrong arguments one by one, where a scenario or a speaker was made of them.
    """

    def __init__(self, problem: str = "", *, mistakes: Sequence[Mistake] = ()) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(problem or "\n".join(mistake.line for mistake in mistakes))


class TranscriptError(DuologError, ValueError):
    """A file or a string is not a transcript; the text says where it stops being one.

    `line` is that place, from 1, where it has one.
    """

    def __init__(self, problem: str, *, line: int | None = None) -> None:
        self.problem = problem
        self.line = line
        super().__init__(problem if line is None else f"line {line}: {problem}")


class EndpointError(DuologError):
    """A model could not be asked, or its answer could not be used.

    `status` is the HTTP status, `is_passing` whether asking again may help, `wait_s` how many seconds the provider asks
    to wait before that. `is_outcome` says that the model or its policy refused (its context is full, a filter blocked
    it): this is an outcome of the dialogue, not a failure to reach the model.
    """

    def __init__(
        self,
        problem: str,
        *,
        model: str = "",
        status: int | None = None,
        advice: str = "",
        is_passing: bool = False,
        wait_s: float | None = None,
        is_outcome: bool = False,
    ) -> None:
        self.problem = problem
        self.is_outcome = is_outcome
        self.model = model
        self.status = status
        self.advice = advice
        self.is_passing = is_passing
        self.wait_s = wait_s
        super().__init__(lines_of(problem, [("model", model), ("to fix", advice)]))


class LocalModelError(EndpointError):
    """The embedded model is missing a piece, which the text names with its command, or does not start."""


class BudgetExceeded(EndpointError):
    """This run may not ask models any more: `used` of `limit` in `unit` are used up."""

    def __init__(self, unit: str, *, used: float, limit: float, advice: str) -> None:
        self.unit = unit
        self.used = used
        self.limit = limit
        super().__init__(
            f"the budget of this run is used up: {used:,g} of {limit:,g} {unit}",
            advice=advice,
        )


class ToolStopped(DuologError):
    """A tool of a speaker failed its own check (an AssertionError), or ended the test as `pytest.fail` does."""

    def __init__(self, tool: str, problem: str) -> None:
        self.tool = tool
        self.problem = problem
        super().__init__(f"the tool {tool} stopped the dialogue: {problem}")


class DialogueError(DuologError):
    """A dialogue ended in an error; `transcript` holds the messages before it.

    `is_outcome` says that a model or its policy refused, as in EndpointError.
    """

    def __init__(
        self,
        problem: str,
        *,
        message_number: int,
        speaker: str,
        transcript: Transcript,
        is_outcome: bool = False,
    ) -> None:
        self.problem = problem
        self.is_outcome = is_outcome
        self.message_number = message_number
        self.speaker = speaker
        self.transcript = transcript
        super().__init__(f"no message {message_number} from {speaker}: {problem}")


class Unmeasured(DuologError):
    """A verdict was used as true or false although its property could not be measured."""

    is_unmeasured = True


class RunRecordError(DuologError, ValueError):
    """A run record cannot be read or written, or does not fit its plan or another record; `path` says which."""

    def __init__(
        self,
        problem: str,
        *,
        path: Path | None = None,
        facts: Sequence[tuple[str, str]] = (),
        advice: str = "",
    ) -> None:
        self.problem = problem
        self.path = path
        self.facts = tuple(facts)
        self.advice = advice
        where = from_here(path) if path else ""
        super().__init__(lines_of(problem, [("record", where), *facts, ("to fix", advice)]))


class CassetteError(DuologError):
    """Any problem with a recording; `cassette_path` is its file."""

    def __init__(
        self, problem: str, *, cassette_path: Path, test: str = "", facts: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.problem = problem
        self.cassette_path = cassette_path
        self.test = test
        self.facts = tuple(facts)
        where = [("test", _test_from_here(test, cassette_path)), ("cassette", from_here(cassette_path))]
        super().__init__(lines_of(problem, [*where, *facts]))


def _test_from_here(test: str, cassette_path: Path) -> str:
    """The id of a test for pytest in the working directory; `test` begins with its module, without folders."""
    module, separator, name = test.partition("::")
    if not test or cassette_path.parent.name != Path(module).stem:
        return test
    return f"{from_here(cassette_path.parent.parent.parent / module)}{separator}{name}"


class Misfit(CassetteError):
    """The dialogue does not match its recording.

    `changes` names the values that have changed since the recording, such as `turns`. `remedy` is the cheapest way to
    make them match again: a record mode, or `adopt` (`duolog cassettes adopt`); empty if it is not known.
    """

    def __init__(
        self, problem: str, *, changes: tuple[str, ...] = (), remedy: str = "", **where: Any
    ) -> None:
        self.changes = changes
        self.remedy = remedy
        super().__init__(problem, **where)


class CassetteMismatch(Misfit):
    """This request is not in the cassette, and the record mode does not allow asking the model.

    `message_number` is the message that the model was asked for.
    """

    def __init__(self, problem: str, *, message_number: int, **where: Any) -> None:
        self.message_number = message_number
        super().__init__(problem, **where)


class UnusedMessages(Misfit):
    """The dialogue ended before its recording; `message_numbers` are recorded and were not replayed."""

    def __init__(self, problem: str, *, message_numbers: tuple[int, ...], **where: Any) -> None:
        self.message_numbers = message_numbers
        super().__init__(problem, **where)


class UnreadableCassette(CassetteError):
    """The file is damaged, has a newer format, or is locked by another run."""


class SecretInRecording(CassetteError):
    """The recording would contain a key; nothing of that message was written."""


def ends_test(error: BaseException) -> bool:
    """Whether this is pytest's own way to end a run or to leave a test: `pytest.exit`, `pytest.skip`, `pytest.xfail`.

    `pytest.fail` is a check that does not hold.
    """
    is_of_pytest = any(base.__module__ == "_pytest.outcomes" for base in type(error).__mro__)
    return is_of_pytest and type(error).__name__ != "Failed"


def sole_cause(error: BaseException) -> BaseException:
    """The only exception inside nested groups of one; `error` itself if it is not such a group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def told(error: BaseException) -> str:
    """One text for an exception: its type and message, those of a group's members, and its cause."""
    error = sole_cause(error)
    if isinstance(error, BaseExceptionGroup):
        return f"{len(error.exceptions)} errors: " + "; ".join(map(told, error.exceptions))
    words = f"{type(error).__name__}: {words_of(error)}"
    cause = error.__cause__ and sole_cause(error.__cause__)
    return words if cause is None or words_of(cause) in words else f"{words} (caused by {told(cause)})"


def words_of(error: BaseException) -> str:
    """The text of an exception, also of one that cannot be told: it may be as broken as the code that raised it."""
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001  # whatever its method raises
        return f"its text cannot be told: {type(problem).__name__}"
