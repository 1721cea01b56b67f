"""Every exception of the package; each carries its facts as attributes, and its text is made from them.

DuologError
├── ConfigurationError     a marker, option, setting or model name is wrong
├── TranscriptError        a file is not a transcript
├── EndpointError          a model could not be asked, or its answer could not be used
│   ├── LocalModelError    the embedded model is missing a piece or does not start
│   └── BudgetExceeded     this run may not ask models any more
├── DialogueError          a dialogue ended in an error; holds the transcript so far
├── RunRecordError         a run record cannot be read, or does not fit its plan or another record
└── CassetteError          anything about a recording
    ├── CassetteMismatch   this request is not in the cassette
    ├── UnusedMessages     the dialogue ended before the cassette did
    ├── UnreadableCassette the file is damaged, of a newer format, or another test's
    └── SecretInRecording  the recording would have held a key
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

    from pytest_duolog.transcript import Transcript

# `::command::` at the start of a line, and `##[command]` anywhere: GitHub Actions and Azure Pipelines obey them.
_LOG_COMMAND = r"(?m)^[^\S\n]*:(?=:)|##(?=\[|vso\[)"


class DuologError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(DuologError, ValueError):
    """A marker, option, setting or model name is wrong; the text names it and what is accepted."""


class TranscriptError(DuologError, ValueError):
    """A file or a string is not a transcript; the text says where it stops being one.

    `line` is that place, from 1, where it has one.
    """

    def __init__(self, problem: str, *, line: int | None = None) -> None:
        self.problem = problem
        self.line = line
        super().__init__(problem if line is None else f"line {line}: {problem}")


def lines_of(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """A title, then one indented `label: value` line a fact; facts with an empty value are left out.

    Lines after the first of a value are indented below it.
    """
    width = max((len(label) for label, value in facts if value), default=0) + 1
    rows = [title]
    for label, value in facts:
        if value:
            head, *rest = value.splitlines()
            rows.append(f"  {label + ':':<{width}}  {head}")
            rows.extend(f"  {'':<{width}}  {line}" for line in rest)
    return "\n".join(rows)


def from_here(path: Path) -> str:
    """The path as a person in the working directory would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def shorten(text: str, limit: int = 120) -> str:
    """`repr` of a text; one longer than `limit` characters is cut and its length is shown."""
    if len(text) <= limit:
        return repr(text)
    return f"{text[:limit]!r}… ({len(text)} characters)"


def printable(text: str) -> str:
    """`text` with everything that a terminal, or a CI system that reads the log, would act on spelled out.

    Line feeds and tabs stay, and so do spaces of every width and the two joiners that Persian and emoji need.
    """
    shown = "".join(map(_shown, text))
    return re.sub(_LOG_COMMAND, lambda found: found[0][:-1] + f"\\x{ord(found[0][-1]):x}", shown)


def _shown(character: str) -> str:
    is_harmless = (
        character.isprintable() or character in "\n\t\u200c\u200d" or unicodedata.category(character) == "Zs"
    )
    return character if is_harmless else character.encode("unicode_escape").decode()


def counted(n: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def wrong_fields(error: ValidationError) -> str:
    """What pydantic found wrong, on one line: `field: problem`, parted by semicolons."""
    found = [
        (".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, "))
        for problem in error.errors()
    ]
    return "; ".join(f"{where}: {what}" if where else what for where, what in found)


class EndpointError(DuologError):
    """A model could not be asked, or its answer could not be used.

    `status` is the HTTP status, `is_passing` whether asking again may help, `wait_s` for how many seconds the
    provider wants to be left alone before that.
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
    ) -> None:
        self.problem = problem
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
            advice="raise --duolog-budget; --record-mode=once then goes on after what is recorded",
        )


class DialogueError(DuologError):
    """A dialogue ended in an error; `transcript` holds what was said until then."""

    def __init__(self, problem: str, *, message_number: int, speaker: str, transcript: Transcript) -> None:
        self.problem = problem
        self.message_number = message_number
        self.speaker = speaker
        self.transcript = transcript
        super().__init__(f"no message {message_number} from {speaker}: {problem}")


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


class CassetteMismatch(CassetteError):
    """This request is not in the cassette, and the record mode does not allow asking the model.

    `message_number` is the message that was about to be made.
    """

    def __init__(self, problem: str, *, message_number: int, **where: Any) -> None:
        self.message_number = message_number
        super().__init__(problem, **where)


class UnusedMessages(CassetteError):
    """The dialogue ended before its recording did; `message_numbers` were recorded and not played."""

    def __init__(self, problem: str, *, message_numbers: tuple[int, ...], **where: Any) -> None:
        self.message_numbers = message_numbers
        super().__init__(problem, **where)


class UnreadableCassette(CassetteError):
    """The file is damaged, of a newer format, locked by another run, or belongs to another test."""


class SecretInRecording(CassetteError):
    """The recording would have held a key; nothing of that message was written."""
