"""The tool calls of a transcript, in their order, and how they are told as evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_duolog.display import counted, cut, listed
from pytest_duolog.properties.spoken import Numbered
from pytest_duolog.properties.verdict import Evidence
from pytest_duolog.transcripts.call_keys import call_key
from pytest_duolog.transcripts.transcript import Message, ToolCall

# Arguments and results are shown with at most this many characters each.
MAX_SHOWN = 160


@dataclass(frozen=True)
class Made:
    """One call: the number of its message from 1, the message, and which of its calls it is, from 1."""

    message_number: int
    message: Message
    index: int
    call: ToolCall

    @property
    def place(self) -> tuple[int, int]:
        """Where it was made: its message, and how much of the message was said before."""
        return self.message_number, self.call.at

    @property
    def key(self) -> tuple[str, str, bytes]:
        """Equal for calls of one speaker to one tool with equal arguments, however these are written."""
        return (self.message.speaker, *call_key(self.call))

    def is_beside(self, other: Made) -> bool:
        """Whether both were asked for together, so that neither came first."""
        is_same_round = self.call.round == other.call.round > 0
        return is_same_round and self.message_number == other.message_number

    def evidence(self, *differences: str) -> Evidence:
        """The call with its arguments and its result, and in what it differs."""
        which = f"call {self.index} of {len(self.message.tool_calls)}"
        told = told_call(self.call)
        return Evidence(
            self.message_number,
            self.message.speaker,
            f"{told}: {'; '.join(differences)}" if differences else told,
            "call" if len(self.message.tool_calls) == 1 else which,
        )


def calls_in(said: Sequence[Numbered]) -> list[Made]:
    """The calls of these messages, in the order in which they were made."""
    return [
        Made(number, message, index, call)
        for number, message in said
        for index, call in enumerate(message.tool_calls, start=1)
    ]


def told_call(call: ToolCall) -> str:
    """A call on one line: `refund {"amount": 30} gave {"ok": true}`."""
    given = f" {_cut(call.arguments)}" if call.arguments else ""
    if call.result is None:
        came = " failed" if call.is_error else ""
    else:
        came = f" {'failed:' if call.is_error else 'gave'} {_cut(call.result)}"
    by = f" (by {_cut(call.agent)})" if call.agent else ""
    return f"{_cut(call.name)}{given}{came}{by}"


def summary(made: Sequence[Made]) -> str:
    """How often which tool was called."""
    names = [one.call.name for one in made]
    times = [f"{_cut(name)} {counted(names.count(name), 'time')}" for name in dict.fromkeys(names)]
    return listed(times, 8)


def _cut(text: str) -> str:
    return cut(" ".join(text.split()), MAX_SHOWN)


def rounds_of(made: Sequence[Made]) -> Iterator[list[Made]]:
    """The calls in groups of those that were asked for together."""
    group: list[Made] = []
    for one in made:
        if group and not one.is_beside(group[-1]):
            yield group
            group = []
        group.append(one)
    if group:
        yield group
