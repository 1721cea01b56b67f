"""What a property is, and what a verdict says.

A property of your own is a frozen dataclass with a `check` method:

    @dataclass(frozen=True)
    class GreetsFirst(Property):
        greeting: str = "Hello"

        def check(self, transcript: Transcript) -> Verdict:
            first = transcript.messages[0]
            return self.verdict(first.content.startswith(self.greeting), f"it opens with {first.content!r}")

`dialogue.satisfies(GreetsFirst())` checks it; so does any function that takes a transcript and gives a verdict or a
boolean. Properties combine with `&`, `|` and `~`.

A property of this package also names its method, `class GreetsFirst(Property, method="greets_first")`, and has a row in
docs/properties.md; `python -m tests.properties.generate` writes the method, with the arguments of the class.
"""

from __future__ import annotations

import inspect
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pytest_duolog.display import and_more, printable, shorten
from pytest_duolog.errors import CassetteError, ConfigurationError, Unmeasured, sole_cause, told
from pytest_duolog.properties.claims import Claim, claim, claims_of_check
from pytest_duolog.transcripts.transcript import Message, Transcript

# Evidence is shown up to so many messages, each quoted up to so many characters.
MAX_EVIDENCE = 6
MAX_QUOTE = 160


class Outcome(StrEnum):
    """Whether a property holds; what could not be measured is neither."""

    HOLDS = "holds"
    FAILS = "fails"
    UNMEASURED = "could not be measured"


@dataclass(frozen=True)
class Evidence:
    """One message that shows it: its number from 1, who said it, its text."""

    message: int
    speaker: str
    quote: str

    @classmethod
    def of(cls, number: int, message: Message) -> Evidence:
        """The message with this number, quoted."""
        return cls(number, message.speaker, message.content)

    def __str__(self) -> str:
        speaker = self.speaker.replace("\n", "\\n")
        return f"message {self.message} ({speaker}): {shorten(self.quote, MAX_QUOTE)}"


class _Seen:
    """A field of a verdict; whoever reads it has looked at the verdict."""

    def __init__(self, *default: object) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, verdict: Verdict | None, owner: type) -> object:
        if verdict is not None:
            if verdict.claim is not None:
                verdict.claim.is_seen = True
            return vars(verdict)[self._name]
        if not self._default:  # so a dataclass asks whether there is one
            raise AttributeError(f"{self._name} has no default")
        return self._default[0]

    def __set__(self, verdict: Verdict, value: object) -> None:
        vars(verdict)[self._name] = value


@dataclass(frozen=True)
class Verdict:
    """Whether a property holds for a transcript, why, and at which messages.

    It is true where the property holds and false where it fails; what could not be measured has no truth value and
    raises Unmeasured. `explanation` has the measured value beside its bound. The repr, which a failed assertion prints,
    has nothing in it that a terminal or a CI system would act on. Verdicts combine as properties do.

    `claim` is set by the methods of transcripts and dialogues: a test that asks for a verdict has to look at it. Its
    truth, its outcome, explanation and evidence, and a comparison count.
    """

    property: str
    if TYPE_CHECKING:
        outcome: Outcome
        explanation: str
        evidence: tuple[Evidence, ...] = ()
    else:
        outcome: Outcome = _Seen()
        explanation: str = _Seen()
        evidence: tuple[Evidence, ...] = _Seen(())
    claim: Claim | None = field(default=None, compare=False, repr=False)

    def claimed(self, claims: list[Claim] | None) -> Verdict:
        """The same as a claim: one of a dialogue that goes into `claims`, or one of the test that runs now."""
        return self._claimed(claims, of_dialogue=claims is not None)

    def _claimed(self, claims: list[Claim] | None, *, of_dialogue: bool) -> Verdict:
        made = claim(self, claims, holds=self.outcome is Outcome.HOLDS, of_dialogue=of_dialogue)
        return replace(self, claim=made)

    def claimed_with(self, *parts: Verdict) -> Verdict:
        """The same as a claim if one of its parts was one."""
        claims = [part.claim for part in parts if part.claim is not None]
        return self._claimed(None, of_dialogue=any(part.of_dialogue for part in claims)) if claims else self

    def __bool__(self) -> bool:
        __tracebackhide__ = True
        if self.outcome is Outcome.UNMEASURED:
            raise Unmeasured(repr(self))
        return self.outcome is Outcome.HOLDS

    def __and__(self, other: object) -> Verdict:
        return _composed((self, other), " & ", AND) if isinstance(other, Verdict) else NotImplemented

    def __or__(self, other: object) -> Verdict:
        return _composed((self, other), " | ", OR) if isinstance(other, Verdict) else NotImplemented

    def __invert__(self) -> Verdict:
        opposite = _opposite(f"~{_joined([self.property], '')}", self)
        return opposite.claimed_with(self)

    def __repr__(self) -> str:
        if self.claim is not None:
            self.claim.is_seen |= not self.claim.of_dialogue
            return repr(self.claim.verdict)
        shown = [f"  {evidence}" for evidence in self.evidence[:MAX_EVIDENCE]]
        shown += [f"  {left_out}" for left_out in and_more(len(self.evidence), MAX_EVIDENCE, "messages")]
        return printable("\n".join([f"{self.property} {self.outcome}: {self.explanation}", *shown]))


# Of the outcomes of several parts, the first in this order that there is is that of the whole.
AND = (Outcome.FAILS, Outcome.UNMEASURED, Outcome.HOLDS)
OR = (Outcome.HOLDS, Outcome.UNMEASURED, Outcome.FAILS)


def _composed(parts: Sequence[Verdict], word: str, order: tuple[Outcome, ...]) -> Verdict:
    whole = _combined(_joined([part.property for part in parts], word), parts, order)
    return whole.claimed_with(*parts)


def _combined(name: str, verdicts: Sequence[Verdict], order: tuple[Outcome, ...]) -> Verdict:
    outcome = next(outcome for outcome in order if any(verdict.outcome is outcome for verdict in verdicts))
    deciding = [verdict for verdict in verdicts if verdict.outcome is outcome]
    return Verdict(
        name,
        outcome,
        "; ".join(f"{verdict.property}: {verdict.explanation}" for verdict in deciding),
        tuple(dict.fromkeys(evidence for verdict in deciding for evidence in verdict.evidence)),
    )


def _opposite(name: str, verdict: Verdict) -> Verdict:
    opposite = {
        Outcome.HOLDS: Outcome.FAILS,
        Outcome.FAILS: Outcome.HOLDS,
        Outcome.UNMEASURED: Outcome.UNMEASURED,
    }
    said = f"{verdict.property} {verdict.outcome}: {verdict.explanation}"
    return Verdict(name, opposite[verdict.outcome], said, verdict.evidence)


def _joined(names: Iterable[str], word: str) -> str:
    return word.join(f"({name})" if " & " in name or " | " in name else name for name in names)


class MethodForm(NamedTuple):
    """How a property of the package is asked of a transcript or a dialogue: the method's name.

    `gathers` is the field, if any, that takes all positional arguments of the method: one value or a tuple of them.
    """

    name: str
    gathers: str = ""


class Property(ABC):
    """Something that must hold for a transcript; a frozen dataclass whose fields are its whole configuration."""

    method_form: ClassVar[MethodForm | None] = None

    def __init_subclass__(cls, *, method: str = "", gathers: str = "", **others: Any) -> None:
        """`method` and `gathers` are for the properties of this package: see `MethodForm`."""
        super().__init_subclass__(**others)
        cls.method_form = MethodForm(method, gathers) if method else None

    @abstractmethod
    def check(self, transcript: Transcript) -> Verdict:
        """Whether it holds for this transcript. It reads the transcript and touches nothing else."""

    def verdict(
        self, holds: bool | None, explanation: str, evidence: Iterable[tuple[int, Message] | Evidence] = ()
    ) -> Verdict:
        """This property's verdict; `holds` None means that it could not be measured.

        `evidence` are the messages that show it, with their numbers, or evidence that quotes a part of one.
        """
        outcome = Outcome.UNMEASURED if holds is None else Outcome.HOLDS if holds else Outcome.FAILS
        quoted = tuple(item if isinstance(item, Evidence) else Evidence.of(*item) for item in evidence)
        return Verdict(str(self), outcome, explanation, quoted)

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same property with a way to the models it asks; one that asks none is itself.

        A property that holds others passes it on to them.
        """
        return self

    def __str__(self) -> str:
        """The property as it is written, with the fields that differ from their defaults."""
        configured: tuple[Field[Any], ...] = fields(self) if is_dataclass(self) else ()
        shown = [
            f"{field.name}={_value_text(value)}"
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


def _value_text(value: object) -> str:
    """A field's value as it is written; a function by its name, since its repr has an address in it."""
    name = getattr(value, "__qualname__", None)
    return name if callable(value) and isinstance(name, str) else repr(value)


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def require_count(owner: Property, value: object, of: str, *, least: int) -> None:
    """Raises ConfigurationError unless `value`, a field of `owner`, is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{type(owner).__name__}: {value!r} is not a number of {of} from {least} on")


def require_share(owner: Property, name: str, value: object) -> None:
    """Raises ConfigurationError unless `value`, the field `name` of `owner`, is above 0 and at most 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ConfigurationError(f"{type(owner).__name__}: {name} {value!r} is not above 0 and at most 1")


Check = Property | Callable[[Transcript], Verdict | bool]


def judge(check: Check, transcript: Transcript) -> Verdict:
    """The verdict of a property, or of a function that takes a transcript.

    A check that raises could not be measured, and so is one that gives neither a verdict nor a boolean. Only
    CassetteError is passed on: a recording that does not fit is no finding about the dialogue. Raises
    ConfigurationError for what is neither a property nor a function.
    """
    _require_check(check)
    name = _name(check)
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
    """The verdict that a check gave or meant."""
    if isinstance(result, Verdict):
        _ = result.outcome  # it is looked at
        return replace(result, claim=None)
    if isinstance(result, bool):
        return Verdict(name, Outcome.HOLDS if result else Outcome.FAILS, f"it returned {result}")
    if inspect.iscoroutine(result):
        result.close()
        return Verdict(name, Outcome.UNMEASURED, "it is async; a check has to be a sync function")
    returned = shorten(result) if isinstance(result, str) else reprlib.repr(result)
    return Verdict(name, Outcome.UNMEASURED, f"it returned {returned}, neither a verdict nor a boolean")


def _unless_unseen(verdict: Verdict, claims: Iterable[Claim]) -> Verdict:
    """The verdict of a check, unless the check asked for another one that does not hold, and did not look at it."""
    for made in claims:
        if made.is_bad:
            said = f"it did not look at the verdict of line {made.line}: {made.verdict!r}"
            return Verdict(verdict.property, made.verdict.outcome, said, made.verdict.evidence)
    return verdict


def _require_check(check: object) -> None:
    if isinstance(check, type) and issubclass(check, Property):
        raise ConfigurationError(f"{check.__name__} is a class of properties: write {check.__name__}(...)")
    if not isinstance(check, Property) and not callable(check):
        raise ConfigurationError(
            f"{reprlib.repr(check)} is neither a property nor a function from a transcript"
        )


def _name(check: Check) -> str:
    return str(check) if isinstance(check, Property) else getattr(check, "__name__", repr(check))


@dataclass(frozen=True)
class AllOf(Property):
    """Every part holds; one that fails decides, and otherwise one that could not be measured."""

    parts: tuple[Check, ...]

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same, with the parts that ask models able to."""
        return AllOf(tuple(_asking(part, ask) for part in self.parts))

    def check(self, transcript: Transcript) -> Verdict:
        """Whether all hold, with the evidence of those that do not."""
        return _combined(str(self), [judge(part, transcript) for part in self.parts], AND)

    def __str__(self) -> str:
        return _joined(map(_name, self.parts), " & ")


@dataclass(frozen=True)
class AnyOf(Property):
    """At least one part holds; one that holds decides, and otherwise one that could not be measured."""

    parts: tuple[Check, ...]

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same, with the parts that ask models able to."""
        return AnyOf(tuple(_asking(part, ask) for part in self.parts))

    def check(self, transcript: Transcript) -> Verdict:
        """Whether any holds, with the evidence of those that decide."""
        return _combined(str(self), [judge(part, transcript) for part in self.parts], OR)

    def __str__(self) -> str:
        return _joined(map(_name, self.parts), " | ")


@dataclass(frozen=True)
class Not(Property):
    """The part fails. What could not be measured stays so."""

    part: Check

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same, with the part able to ask models."""
        return Not(_asking(self.part, ask))

    def check(self, transcript: Transcript) -> Verdict:
        """The opposite outcome, with the same evidence."""
        return _opposite(str(self), judge(self.part, transcript))

    def __str__(self) -> str:
        return f"~{_joined([_name(self.part)], '')}"


def _parts(check: Check, whole: type[AllOf | AnyOf]) -> tuple[Check, ...]:
    """What a check brings into a combination: the parts of one of the same kind, else itself."""
    _require_check(check)
    return check.parts if isinstance(check, whole) else (check,)


def _asking(part: Check, ask: Callable[[Any], str]) -> Check:
    return part.asking(ask) if isinstance(part, Property) else part
