"""The steps of a dialogue: what is fixed, what is free, and what is checked in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_duolog.display import shorten

ACCEPTED = "say(text), reply(), talk(turns=n) and check(property)"


@dataclass(frozen=True)
class Say:
    """The next side says this text; no model is asked."""

    text: str

    def __repr__(self) -> str:
        return f"say({self.text!r})"


@dataclass(frozen=True)
class Answer:
    """The model of the next side says something."""

    def __repr__(self) -> str:
        return "reply()"


@dataclass(frozen=True)
class Talk:
    """Both models talk for `turns` turns, or until a goodbye, a loop or a stop phrase."""

    turns: int

    def __repr__(self) -> str:
        return f"talk(turns={self.turns})"


@dataclass(frozen=True)
class Check:
    """What must hold for the messages up to here: a property, a function, or the text of a property."""

    part: Any

    def read(self, parse: Callable[[str], Any]) -> Check:
        """The same with a property in place of its text."""
        return replace(self, part=parse(self.part)) if isinstance(self.part, str) else self

    def __repr__(self) -> str:
        named = isinstance(self.part, str) or hasattr(type(self.part), "check")
        return f"check({self.part if named else getattr(self.part, '__name__', repr(self.part))})"


Step = Say | Answer | Talk | Check


def say(text: str) -> Say:
    """The next side says `text`; its model is not asked. Raises ValueError if it is empty."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"say() needs a text (got {text!r:.60})")
    return Say(text.strip())


def reply() -> Answer:
    """The model of the next side says something."""
    return Answer()


def talk(*, turns: int) -> Talk:
    """Both models talk for `turns` turns, 2 * `turns` messages, or until a goodbye, a loop or a stop phrase.

    Raises ValueError unless `turns` is from 1 to 10,000.
    """
    if isinstance(turns, bool) or not isinstance(turns, int) or not 1 <= turns <= 10_000:
        raise ValueError(f"talk(turns=) needs a whole number from 1 to 10,000 (got {turns!r:.60})")
    return Talk(turns)


def check(property: Any) -> Check:  # noqa: A002  # it is the word for it
    """What must hold for the messages up to here; it is judged when the dialogue is over.

    It is a property, a function that takes a transcript, or the text of a property. Raises ValueError otherwise.
    """
    is_class = isinstance(property, type)
    if is_class or not (isinstance(property, str) or callable(property) or hasattr(property, "check")):
        hint = f"; write {property.__name__}(...)" if is_class else ""
        raise ValueError(
            f"check() needs a property, or a function that takes a transcript (got {property!r:.60}){hint}"
        )
    return Check(property)


def steps_of(given: Any) -> tuple[Step, ...]:
    """The steps of a scenario as Python or a file writes them: `say(...)`, `{"say": ...}`, `"reply"`.

    Raises ValueError that names the first wrong step.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        raise ValueError(f"must be a list of {ACCEPTED}")  # noqa: TRY004  # pydantic passes a TypeError on
    steps = tuple(_step(number, one) for number, one in enumerate(given, start=1))
    if not steps:
        raise ValueError("there is no step; leave steps out for a free dialogue")
    if isinstance(steps[0], Check):
        raise ValueError("step 1 is a check, but nothing has been said")  # noqa: TRY004
    if not any(isinstance(step, Answer | Talk) for step in steps):
        raise ValueError("no step asks a model: add reply() or talk(turns=...)")
    return steps


def _step(number: int, given: Any) -> Step:
    if isinstance(given, Step):
        return given
    try:
        if given in ("reply", {"reply": None}):
            return reply()
        if isinstance(given, Mapping) and len(given) == 1:
            ((kind, value),) = given.items()
            if kind == "say":
                return say(value)
            if kind == "talk":
                return talk(**value) if isinstance(value, Mapping) else talk(turns=value)
            if kind == "check" and isinstance(value, str):
                return check(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"step {number}: {error}") from None
    shown = shorten(given, 60) if isinstance(given, str) else f"{given!r:.60}"
    raise ValueError(f"step {number}: {shown} is not one of {ACCEPTED}")


def steps_with_messages(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that make messages. What is recorded depends on them alone; checks may change."""
    return tuple(step for step in steps if not isinstance(step, Check))


def message_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """The step of each message that the steps make, if each `talk` has its full length."""
    for step in steps_with_messages(steps):
        yield from [step] * (2 * step.turns if isinstance(step, Talk) else 1)


def n_messages(steps: Sequence[Step]) -> int:
    """The largest number of messages that the steps make."""
    return sum(1 for _ in message_steps(steps))
