"""Speakers without a model, for examples and for testing tests.

A script has no state: the next line depends on how many messages it already has in the history, so one script can be
used in many dialogues at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.errors import ConfigurationError

# The model that plays personas, see `customer.py`.
CUSTOMER = "scripted:customer"

Then = Literal["repeat", "cycle", "silence"]


class Script:
    """A speaker that says the given lines in order; if it has the opener, that counts as its first line.

    After the last line it repeats that line (`then="repeat"`), starts again (`"cycle"`) or says nothing, which ends the
    dialogue (`"silence"`). A line may be a `Reply`.
    """

    def __init__(
        self,
        *lines: str | Reply,
        then: Then = "repeat",
        name: str = "Script",
    ) -> None:
        if not lines:
            raise ConfigurationError("a Script needs at least one line")
        if wrong := [line for line in lines if not isinstance(line, str | Reply)]:
            raise ConfigurationError(f"a Script has lines of text, or a Reply each (got {wrong[0]!r:.60})")
        if then not in get_args(Then):
            raise ConfigurationError(f"a Script has then={then!r} (accepted: {', '.join(get_args(Then))})")
        self.lines = lines
        self.then = then
        self.__qualname__ = name

    def __call__(self, messages: list[dict[str, Any]]) -> str | Reply:
        """The next line after this history."""
        spoken: int = sum(message["role"] == "assistant" for message in messages)
        if spoken < len(self.lines):
            return self.lines[spoken]
        if self.then == "silence":
            return ""
        index = -1 if self.then == "repeat" else spoken % len(self.lines)
        return self.lines[index]


def echo(messages: list[dict[str, Any]]) -> str:
    """Repeats the other side's message."""
    return str(messages[-1]["content"])


def counter(messages: list[dict[str, Any]]) -> str:
    """Says the number of its message, so that each one is new."""
    spoken = sum(message["role"] == "assistant" for message in messages)
    return f"This is message {spoken + 1} of mine."


def customer(messages: list[dict[str, Any]]) -> str:
    """Plays a persona by rules."""
    from pytest_duolog.endpoints.customer import customer as answer  # noqa: PLC0415  # it has many patterns

    return answer(messages)


SCRIPTED: dict[str, Callable[..., Any]] = {
    "counter": counter,
    "customer": customer,
    "echo": echo,
    "farewell": Script(
        "I think that covers it.",
        "Thank you, goodbye!",
        "Goodbye, and thanks again!",
        "Take care, goodbye!",
        then="cycle",
    ),
    "refuser": Script(Reply("I can't help with that.", finish="refused")),
    "silent": Script("", then="silence"),
}


def scripted(name: str) -> Callable[..., Any]:
    """The function with the model name `scripted:name`.

    Raises ConfigurationError that lists the known ones.
    """
    if name not in SCRIPTED:
        raise ConfigurationError(
            f"unknown model {shorten(f'scripted:{name}')} (known: {', '.join(SCRIPTED)}); "
            f"for lines of your own use model=pytest_duolog.Script('line 1', 'line 2')"
        )
    return SCRIPTED[name]
