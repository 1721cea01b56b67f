"""Properties, and how to write one of your own.

A property of your own is a frozen dataclass with a `check` method:

    @dataclass(frozen=True)
    class GreetsFirst(Property):
        greeting: str = "Hello"

        def check(self, transcript: Transcript) -> Verdict:
            first = transcript.messages[0]
            return self.verdict(first.content.startswith(self.greeting), f"it opens with {first.content!r}")

`dialogue.satisfies(GreetsFirst())` checks it. `satisfies` also takes any function that gets a transcript and returns a
verdict or a boolean. Properties combine with `&`, `|` and `~`.

A property of this package also names its method, `class GreetsFirst(Property, method="greets_first")`, and has a row in
docs/properties.md; `python -m tests.properties.generate` writes the method, with the arguments of the class.
"""

from __future__ import annotations

import inspect
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any, ClassVar, NamedTuple

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import shorten
from pytest_duolog.errors import CassetteError, ConfigurationError, Unmeasured, sole_cause, told
from pytest_duolog.properties.claims import Claim, claims_of_check
from pytest_duolog.properties.value_text import value_text
from pytest_duolog.properties.verdict import (
    AND,
    OR,
    Evidence,
    Outcome,
    Verdict,
    combined,
    joined,
    opposite_of,
)
from pytest_duolog.transcripts.transcript import Message, Transcript


class MethodForm(NamedTuple):
    """The method of transcripts and dialogues that checks a property of the package: its name.

    `gathers` is the field, if any, that gets all positional arguments of the method: one value, or a tuple of them.
    `names` is the field, if any, that gets the method's other keyword arguments as a mapping.
    """

    name: str
    gathers: str = ""
    names: str = ""


class Property(ABC):
    """Something that must hold for a transcript; a frozen dataclass whose fields are its whole configuration."""

    method_form: ClassVar[MethodForm | None] = None

    def __init_subclass__(
        cls, *, method: str = "", gathers: str = "", names: str = "", **others: Any
    ) -> None:
        """`method`, `gathers` and `names` are for the properties of this package: see `MethodForm`."""
        super().__init_subclass__(**others)
        cls.method_form = MethodForm(method, gathers, names) if method else None

    @abstractmethod
    def check(self, transcript: Transcript) -> Verdict:
        """The verdict on this transcript. Reads the transcript and has no side effects."""

    def verdict(
        self, holds: bool | None, explanation: str, evidence: Iterable[tuple[int, Message] | Evidence] = ()
    ) -> Verdict:
        """This property's verdict; `holds` None means that it could not be measured.

        `evidence` are messages with their numbers, or Evidence that quotes a part of a message.
        """
        outcome = Outcome.UNMEASURED if holds is None else Outcome.HOLDS if holds else Outcome.FAILS
        quoted = tuple(item if isinstance(item, Evidence) else Evidence.of(*item) for item in evidence)
        return Verdict(str(self), outcome, explanation, quoted)

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same property with `ask`, which asks its models; a property that asks no model returns itself.

        A property with parts passes `ask` on to them.
        """
        return self

    def __str__(self) -> str:
        """The property as Python code, with the fields that differ from their defaults."""
        configured: tuple[Field[Any], ...] = fields(self) if is_dataclass(self) else ()
        shown = [
            f"{field.name}={value_text(value)}"
            for field in configured
            if field.repr and (value := getattr(self, field.name)) != _default(field)
        ]
        return f"{type(self).__name__}({', '.join(shown)})" if shown else type(self).__name__

    def __and__(self, other: Check) -> Property:
        return AllOf((*_parts(self, AllOf), *_parts(other, AllOf)))

    def __rand__(self, other: Check) -> Property:
        return AllOf((*_parts(other, AllOf), *_parts(self, AllOf)))

    def __or__(self, other: Check) -> Property:
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))

    def __ror__(self, other: Check) -> Property:
        return AnyOf((*_parts(other, AnyOf), *_parts(self, AnyOf)))

    def __invert__(self) -> Property:
        return Not(self)

    def __bool__(self) -> bool:
        """Raises ConfigurationError: nothing was checked yet, and `and` would drop the property on its left."""
        name = type(self).__name__
        raise ConfigurationError(
            f"{name} was not checked, so it is neither true nor false: write dialogue.satisfies({name}(...)), and "
            "combine properties with &, | and ~ instead of `and`, `or` and `not`"
        )


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def require_count(owner: Property, value: object, of: str, *, least: int) -> None:
    """Raises ConfigurationError unless `value`, a field of `owner`, is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(
            f"{type(owner).__name__}: {value!r} is not a number of {of}, at least {least}"
        )


def require_share(owner: Property, name: str, value: object) -> None:
    """Raises ConfigurationError unless `value`, the field `name` of `owner`, is above 0 and at most 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ConfigurationError(f"{type(owner).__name__}: {name} {value!r} is not above 0 and at most 1")


Check = Property | Callable[[Transcript], Verdict | bool]


def judge(check: Check, transcript: Transcript) -> Verdict:
    """The verdict of a property, or of a function that takes a transcript.

    If the check raises, or returns neither a verdict nor a boolean, the verdict is that it could not be measured. Only
    CassetteError is passed on: a recording that does not match says nothing about the dialogue. Raises
    ConfigurationError if `check` is neither a property nor a function.
    """
    _require_check(check)
    name = check_name(check)
    with claims_of_check() as claims:
        try:
            result = check.check(transcript) if isinstance(check, Property) else check(transcript)
        except Exception as raised:  # noqa: BLE001  # whatever a user's check raises
            error = sole_cause(raised)
            if isinstance(error, CassetteError):
                raise error from None
            why = str(error) if isinstance(error, Unmeasured) else f"it raised {told(error)}"
            return Verdict(name, Outcome.UNMEASURED, why)
    verdict = _verdict_of(result, name)
    return _unless_unseen(verdict, claims) if verdict.outcome is Outcome.HOLDS else verdict


def _verdict_of(result: object, name: str) -> Verdict:
    """The verdict for the return value of a check."""
    if isinstance(result, Verdict):
        _ = result.outcome  # this marks it as checked
        return replace(result, claim=None)
    if isinstance(result, bool):
        return Verdict(name, Outcome.HOLDS if result else Outcome.FAILS, f"it returned {result}")
    if inspect.iscoroutine(result):
        result.close()
        return Verdict(name, Outcome.UNMEASURED, "it is async, but a check must be a sync function")
    returned = shorten(result) if isinstance(result, str) else reprlib.repr(result)
    return Verdict(name, Outcome.UNMEASURED, f"it returned {returned}, neither a verdict nor a boolean")


def _unless_unseen(verdict: Verdict, claims: Iterable[Claim]) -> Verdict:
    """The verdict of a check; unmeasured if the check asked for a verdict that does not hold and did not check it."""
    for made in claims:
        if made.is_bad:
            said = f"it did not check the verdict of line {made.line}: {made.verdict!r}"
            return Verdict(verdict.property, made.verdict.outcome, said, made.verdict.evidence)
    return verdict


def _require_check(check: object) -> None:
    if isinstance(check, type) and issubclass(check, Property):
        raise ConfigurationError(f"{check.__name__} is a class of properties: write {check.__name__}(...)")
    if not isinstance(check, Property) and not callable(check):
        raise ConfigurationError(
            f"{reprlib.repr(check)} is neither a property nor a function that takes a transcript"
        )


def check_name(check: Check) -> str:
    """A property as Python code, or the name of a function."""
    return str(check) if isinstance(check, Property) else getattr(check, "__name__", value_text(check))


@dataclass(frozen=True)
class AllOf(Property):
    """All parts hold. If one fails, it fails; otherwise, if one could not be measured, neither could the whole."""

    parts: tuple[Check, ...]

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same with `ask` for the parts that ask models."""
        return AllOf(tuple(_asking(part, ask) for part in self.parts))

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict, with the evidence of the parts that do not hold."""
        return combined(str(self), [judge(part, transcript) for part in self.parts], AND)

    def __str__(self) -> str:
        return joined(map(check_name, self.parts), " & ")


@dataclass(frozen=True)
class AnyOf(Property):
    """At least one part holds. If none holds and one could not be measured, neither could the whole."""

    parts: tuple[Check, ...]

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same with `ask` for the parts that ask models."""
        return AnyOf(tuple(_asking(part, ask) for part in self.parts))

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict, with the evidence of the parts that decide it."""
        return combined(str(self), [judge(part, transcript) for part in self.parts], OR)

    def __str__(self) -> str:
        return joined(map(check_name, self.parts), " | ")


@dataclass(frozen=True)
class Not(Property):
    """The part fails. If the part could not be measured, neither could this."""

    part: Check

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same with `ask` for the part."""
        return Not(_asking(self.part, ask))

    def check(self, transcript: Transcript) -> Verdict:
        """The opposite outcome, with the same evidence."""
        return opposite_of(str(self), judge(self.part, transcript))

    def __str__(self) -> str:
        return f"~{joined([check_name(self.part)], '')}"


def _parts(check: Check, whole: type[AllOf | AnyOf]) -> tuple[Check, ...]:
    """The parts of a check for a combination: its own parts if it is of the same kind, else the check."""
    _require_check(check)
    return check.parts if isinstance(check, whole) else (check,)


def _asking(part: Check, ask: Callable[[Any], str]) -> Check:
    return part.asking(ask) if isinstance(part, Property) else part
