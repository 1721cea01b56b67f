"""A persona: a speaker that plays somebody with a goal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pytest_duolog.errors import Mistake
from pytest_duolog.scenarios.speaker import Speaker, Whole, encodable
from pytest_duolog.transcripts.parts import LANGUAGES, WORDINGS, Part, ending_of, prompt_of

LONGEST_NAME = 80


def _line(text: str) -> str:
    """The text on one line; line breaks count as spaces."""
    if not (line := " ".join(encodable(text).split())):
        raise ValueError("must not be empty")
    _refuse_token(line)
    return line


def _values(given: Any) -> Any:
    """Facts or secrets by name, as text."""
    if not isinstance(given, Mapping):
        raise ValueError("must be names with values, for example {'order number': '4711'}")  # noqa: TRY004  # pydantic
    found: dict[str, str] = {}
    for name, value in map(_value, given.items()):
        if name in found:
            raise ValueError(f"two names are {name!r} but for their spaces")
        found[name] = value
    return found


def _value(pair: tuple[Any, Any]) -> tuple[str, str]:
    name, value = pair
    if (
        not isinstance(name, str)
        or not name.strip()
        or len(name) > LONGEST_NAME
        or ":" in name
        or "\n" in name
    ):
        raise ValueError(
            f"the name {name!r:.60} must be 1 to {LONGEST_NAME} characters on one line, without ':'"
        )
    encodable(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"the value of {name!r} must be a text or a number (got {value!r:.60})")  # noqa: TRY004
    text = " ".join(encodable(str(value)).split())
    if not text:
        raise ValueError(f"{name!r} has no value")
    _refuse_token(name)
    _refuse_token(text)
    return " ".join(name.split()), text


def _refuse_token(text: str) -> None:
    if ending_of(text) is not None:
        raise ValueError(f"contains a token that ends a dialogue ({text!r:.80})")


def _language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"unknown language (known: {', '.join(LANGUAGES)})")
    return code


def _wording(number: int) -> int:
    if number > len(WORDINGS):
        raise ValueError(f"unknown wording (this version knows 1 to {len(WORDINGS)})")
    return number


Line = Annotated[str, AfterValidator(_line)]
Values = Annotated[dict[str, str], BeforeValidator(_values)]


class Persona(Speaker):
    """A speaker that plays somebody who wants something, for example a customer.

    Its system prompt is made from `goal` (what it wants), `facts` (values by name, which it tells when asked),
    `secrets` (values by name, which it never tells), `style` (how it speaks) and `language` (a code such as `de`). It
    ends the dialogue itself: with the stop reason `goal_reached`, or with `gave_up` if it cannot get what it wants, at
    the latest after `gives_up_after` messages of its own. A recording keeps the wording of the prompt that it was made
    with; `wording` pins a number, for example for a gate between two versions of this package. All else is as for a
    `Speaker`.
    """

    derived: ClassVar[Collection[str]] = ("system",)

    goal: Line
    facts: Values = Field(default_factory=dict)
    secrets: Values = Field(default_factory=dict)
    style: Line | None = None
    gives_up_after: Whole | None = Field(default=None, ge=1, le=10_000)
    language: Annotated[str, AfterValidator(_language)] | None = None
    wording: Annotated[Whole, AfterValidator(_wording)] | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        twice = sorted(self.facts.keys() & self.secrets.keys())
        if twice:
            raise ValueError(f"{twice[0]!r} is a fact and a secret; it can be only one of them")
        _refuse_token(self.name)
        object.__setattr__(self, "system", prompt_of(self.part, self.wording or len(WORDINGS)))
        return self

    @staticmethod
    def _unknown(name: str, known: list[str]) -> Mistake:
        if name == "system":
            problem = (
                "a Persona has none, because its prompt is made from its goal; use a Speaker, or remove it"
            )
            return Mistake((name,), f"system: {problem}")
        return Speaker._unknown(name, known)  # noqa: SLF001

    @property
    def part(self) -> Part:
        """The part that it plays."""
        return Part(
            name=self.name,
            goal=self.goal,
            facts=self.facts,
            secrets=self.secrets,
            style=self.style or "",
            gives_up_after=self.gives_up_after,
            language=self.language,
        )

    @property
    def instructions(self) -> str:
        """The part as one text."""
        return self.part.identity

    def worded(self, number: int | None) -> Persona:
        """The persona with its prompt in the wording that it pins, or else `number`, or else the newest.

        Raises KeyError if this version does not know the wording.
        """
        wording = self.wording or number or len(WORDINGS)
        return self.model_copy(update={"wording": wording, "system": prompt_of(self.part, wording)})
