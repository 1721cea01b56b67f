"""Verdicts: whether a property holds for a transcript, why, and at which messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import and_more, printable, shorten
from pytest_duolog.errors import Unmeasured
from pytest_duolog.properties.claims import Claim, claim
from pytest_duolog.transcripts.stored import Word
from pytest_duolog.transcripts.transcript import Message

# A verdict shows at most this many messages as evidence, each with at most this many characters.
MAX_EVIDENCE = 6

MAX_QUOTE = 160


class Outcome(Word):
    """Whether a property holds, fails, or could not be measured."""

    HOLDS = "holds"
    FAILS = "fails"
    UNMEASURED = "could not be measured"


@dataclass(frozen=True)
class Evidence:
    """One message as evidence: its number from 1, its speaker, its text.

    If the evidence is a tool call of the message, `call` says which one, as in `call 1 of 2`, and `quote` tells it.
    """

    message: int
    speaker: str
    quote: str
    call: str = ""

    @classmethod
    def of(cls, number: int, message: Message) -> Evidence:
        """The message with this number, quoted."""
        return cls(number, message.speaker, message.content)

    def __str__(self) -> str:
        speaker = self.speaker.replace("\n", "\\n")
        if self.call:
            return f"message {self.message} ({speaker}), {self.call}: {self.quote}"
        return f"message {self.message} ({speaker}): {shorten(self.quote, MAX_QUOTE)}"


class _Seen:
    """A field of a verdict; reading it marks the verdict as checked by the test."""

    def __init__(self, *default: object) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, verdict: Verdict | None, owner: type) -> object:
        if verdict is not None:
            if verdict.claim is not None:
                verdict.claim.is_seen = True
            return vars(verdict)[self._name]
        if not self._default:  # dataclasses look up the default in this way
            raise AttributeError(f"{self._name} has no default")
        return self._default[0]

    def __set__(self, verdict: Verdict, value: object) -> None:
        vars(verdict)[self._name] = value


@dataclass(frozen=True)
class Verdict:
    """Whether a property holds for a transcript, why, and at which messages.

    It is true if the property holds and false if it fails; if it could not be measured, using it as a boolean raises
    Unmeasured. `explanation` has the measured value next to its bound. The repr, which a failed assertion prints,
    contains nothing that a terminal or a CI system would execute. Verdicts combine with `&`, `|` and `~`, like
    properties.

    The methods of transcripts and dialogues set `claim`: a test that asks for a verdict must also check it. Using it as
    a boolean, reading its outcome, explanation or evidence, and comparing it count as a check.
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
    # Why it is not known whether the opposite holds, of a verdict that fails; empty if it does.
    opposite_unknown: str = field(default="", compare=False, repr=False)

    def claimed(self, claims: list[Claim] | None) -> Verdict:
        """The verdict with a claim, which is added to `claims` of a dialogue, or to the test that runs now."""
        return self._claimed(claims, of_dialogue=claims is not None)

    def _claimed(self, claims: list[Claim] | None, *, of_dialogue: bool) -> Verdict:
        made = claim(self, claims, holds=self.outcome is Outcome.HOLDS, of_dialogue=of_dialogue)
        return replace(self, claim=made)

    def claimed_with(self, *parts: Verdict) -> Verdict:
        """The verdict with a claim if one of its parts had one."""
        claims = [part.claim for part in parts if part.claim is not None]
        return self._claimed(None, of_dialogue=any(part.of_dialogue for part in claims)) if claims else self

    def __bool__(self) -> bool:
        __tracebackhide__ = True
        if self.outcome is Outcome.UNMEASURED:
            raise Unmeasured(repr(self))
        return self.outcome is Outcome.HOLDS

    def __and__(self, other: object) -> Verdict:
        return composed((self, other), " & ", AND) if isinstance(other, Verdict) else NotImplemented

    def __or__(self, other: object) -> Verdict:
        return composed((self, other), " | ", OR) if isinstance(other, Verdict) else NotImplemented

    def __invert__(self) -> Verdict:
        opposite = opposite_of(f"~{joined([self.property], '')}", self)
        return opposite.claimed_with(self)

    def __repr__(self) -> str:
        if self.claim is not None:
            self.claim.is_seen |= not self.claim.of_dialogue
            return repr(self.claim.verdict)
        shown = [f"  {evidence}" for evidence in self.evidence[:MAX_EVIDENCE]]
        shown += [f"  {left_out}" for left_out in and_more(len(self.evidence), MAX_EVIDENCE, "messages")]
        return printable("\n".join([f"{self.property} {self.outcome}: {self.explanation}", *shown]))


# The outcome of a whole is the first of these that one of its parts has.
AND = (Outcome.FAILS, Outcome.UNMEASURED, Outcome.HOLDS)

OR = (Outcome.HOLDS, Outcome.UNMEASURED, Outcome.FAILS)


def composed(parts: Sequence[Verdict], word: str, order: tuple[Outcome, ...]) -> Verdict:
    """The verdict of parts that operators join; it carries a claim if one of them does."""
    whole = combined(joined([part.property for part in parts], word), parts, order)
    return whole.claimed_with(*parts)


def combined(name: str, verdicts: Sequence[Verdict], order: tuple[Outcome, ...]) -> Verdict:
    """The verdict of a whole with the evidence of the parts that decide it; `order` is AND or OR."""
    outcome = next(outcome for outcome in order if any(verdict.outcome is outcome for verdict in verdicts))
    deciding = [verdict for verdict in verdicts if verdict.outcome is outcome]
    return Verdict(
        name,
        outcome,
        "; ".join(f"{verdict.property}: {verdict.explanation}" for verdict in deciding),
        tuple(dict.fromkeys(evidence for verdict in deciding for evidence in verdict.evidence)),
    )


def opposite_of(name: str, verdict: Verdict) -> Verdict:
    """The opposite verdict under another name; unmeasured if the opposite is not known to hold."""
    opposite = {
        Outcome.HOLDS: Outcome.FAILS,
        Outcome.FAILS: Outcome.HOLDS,
        Outcome.UNMEASURED: Outcome.UNMEASURED,
    }
    said = f"{verdict.property} {verdict.outcome}: {verdict.explanation}"
    if verdict.opposite_unknown:
        return Verdict(name, Outcome.UNMEASURED, f"{verdict.opposite_unknown}; {said}", verdict.evidence)
    return Verdict(name, opposite[verdict.outcome], said, verdict.evidence)


def joined(names: Iterable[str], word: str) -> str:
    """Names of properties with a word between them, in parentheses where they have one of their own."""
    return word.join(f"({name})" if " & " in name or " | " in name else name for name in names)
