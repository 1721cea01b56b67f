"""Every exception of the package. Each one has its facts as attributes; its text is built from them.

DuologError
├── ConfigurationError     a marker, option, setting or model name is wrong
├── TranscriptError        a file is not a transcript
├── EndpointError          a model could not be asked, or its answer could not be used
│   ├── LocalModelError    the embedded model is missing a piece or does not start
│   └── BudgetExceeded     this run may not ask models any more
├── DialogueError          a dialogue ended in an error; holds the transcript so far
├── Unmeasured             a verdict was used as true or false, but its property could not be measured
├── RunRecordError         a run record cannot be read, or does not fit its plan or another record
└── CassetteError          anything about a recording
    ├── Misfit             the dialogue does not fit its recording
    │   ├── CassetteMismatch  this request is not in the cassette
    │   └── UnusedMessages    the dialogue ended before the cassette did
    ├── UnreadableCassette the file is damaged, of a newer format, or in use
    └── SecretInRecording  the recording would have held a key
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

    `status` is the HTTP status, `is_passing` whether asking again may help, `wait_s` for how many seconds the
    provider wants to be left alone before that. `is_outcome` says that the model or its policy answered so (its context
    is full, a filter stepped in), which is an outcome of the dialogue and no mishap.
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

    def __init__(self, unit: str, *, used: float, limit: float) -> None:
        self.unit = unit
        self.used = used
        self.limit = limit
        super().__init__(
            f"the budget of this run is used up: {used:,g} of {limit:,g} {unit}",
            advice="raise --duolog-budget; --record-mode=once then goes on where this run stopped",
        )


class DialogueError(DuologError):
    """A dialogue ended in an error; `transcript` holds what was said until then.

    `is_outcome` says that a model or its policy answered so, as in EndpointError.
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
    """A verdict was taken for true or false whose property could not be measured: it is neither."""

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
    """Anything about a recording; `cassette_path` says which."""

    def __init__(
        self, problem: str, *, cassette_path: Path, test: str = "", facts: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.problem = problem
        self.cassette_path = cassette_path
        self.test = test
        self.facts = tuple(facts)
        super().__init__(lines_of(problem, [("test", test), ("cassette", from_here(cassette_path)), *facts]))


class Misfit(CassetteError):
    """The dialogue does not fit its recording.

    `changes` names what is another than it was when it was recorded, as in `turns`. `remedy` is what costs least of
    what makes it fit again: a record mode, or `adopt` (`duolog cassettes adopt`); empty if nobody can tell.
    """

    def __init__(
        self, problem: str, *, changes: tuple[str, ...] = (), remedy: str = "", **where: Any
    ) -> None:
        self.changes = changes
        self.remedy = remedy
        super().__init__(problem, **where)


class CassetteMismatch(Misfit):
    """This request is not in the cassette, and the record mode does not allow asking the model.

    `message_number` is the message that was about to be made.
    """

    def __init__(self, problem: str, *, message_number: int, **where: Any) -> None:
        self.message_number = message_number
        super().__init__(problem, **where)


class UnusedMessages(Misfit):
    """The dialogue ended before its recording did; `message_numbers` were recorded and not played."""

    def __init__(self, problem: str, *, message_numbers: tuple[int, ...], **where: Any) -> None:
        self.message_numbers = message_numbers
        super().__init__(problem, **where)


class UnreadableCassette(CassetteError):
    """The file is damaged, of a newer format, or locked by another run."""


class SecretInRecording(CassetteError):
    """The recording would have held a key; nothing of that message was written."""


def sole_cause(error: BaseException) -> BaseException:
    """The exception in a group of one, however deep it lies; `error` itself where it is no such group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def told(error: BaseException) -> str:
    """What an exception is, in one text: kind and words, those of a group's members, and the cause that it names."""
    error = sole_cause(error)
    if isinstance(error, BaseExceptionGroup):
        return f"{len(error.exceptions)} errors: " + "; ".join(map(told, error.exceptions))
    words = f"{type(error).__name__}: {error}"
    cause = error.__cause__ and sole_cause(error.__cause__)
    return words if cause is None or str(cause) in words else f"{words} (caused by {told(cause)})"
