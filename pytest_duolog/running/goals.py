"""Ends a dialogue when a persona says that it has reached its goal or gives up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.transcripts.parts import DONE, ending_of
from pytest_duolog.transcripts.transcript import Message, StopKind, StopReason


@dataclass
class Goals:
    """Reads the replies of personas; `stop` is why the dialogue ends, once it is known."""

    scenario: Scenario
    stop: StopReason | None = None
    _limits: dict[str, int | None] = field(init=False)
    _is_answered: bool = False

    def __post_init__(self) -> None:
        speakers = [self.scenario.speaker(side) for side in SIDES]
        self._limits = {
            speaker.name: speaker.part.gives_up_after for speaker in speakers if speaker.part is not None
        }

    def heard(self, reply: Message, said: Sequence[Message]) -> Message:
        """The reply as it is said after the messages `said`: without its token, and without words if it gives up.

        A persona that has said as many messages as it may is asked once more, because the last answer may be all that
        it wants. What it says then without a token is not said.
        """
        name, number = reply.speaker, len(said) + 1
        if name not in self._limits or reply.finish in ("refused", "filtered"):
            return reply
        ending, most = ending_of(reply.content), self._limits[name]
        if ending is not None and self.stop is not None:  # a persona answers the last words of the other one
            self._is_answered = True
            self.stop = self._told(f"answered with {ending.token} by {name}")
            return _saying(reply, ending.words)
        if ending is not None:
            where = f"in message {number}" if ending.words else f"in place of message {number}"
            kind = StopKind.GOAL_REACHED if ending.token == DONE else StopKind.GAVE_UP
            self.stop = StopReason(kind=kind, speaker=name, detail=f"{ending.token} {where}")
            return _saying(reply, ending.words)
        if most is not None and reply.content and sum(message.speaker == name for message in said) >= most:
            detail = f"{most} of {most} messages without {DONE}; message {number} was not said"
            self.stop = StopReason(kind=StopKind.GAVE_UP, speaker=name, detail=detail)
            return reply.model_copy(update={"content": ""})
        return reply

    def decides(self, message: Message) -> bool:
        """Whether this alone decides if the dialogue ends with a message: an empty answer ends it in its own way."""
        is_told = bool(message.content) or self._is_answered
        return self.stop is not None and (is_told or message.speaker == self.stop.speaker)

    def stop_after(self, message: Message, n_said: int, limits: Collection[str]) -> StopReason | None:
        """Why the dialogue ends with this message, the last of `n_said`; None if it goes on.

        After a token with words the other side answers once more, so that it can do what was just agreed, unless one
        of `limits` ends the dialogue before.
        """
        if self.stop is None or self._is_answered or not message.content:
            return self.stop
        if message.speaker != self.stop.speaker:
            return self._told(f"answered in message {n_said}")
        reached = next(filter(None, limits), "")
        return self._told(f"not answered: {reached}") if reached else None

    def _told(self, more: str) -> StopReason:
        assert self.stop is not None
        return self.stop.model_copy(update={"detail": f"{self.stop.detail}, {more}"})


def _saying(reply: Message, words: str) -> Message:
    """The reply with other words, which are the beginning of its own; its calls of tools stand within them."""
    calls = tuple(call.model_copy(update={"at": min(call.at, len(words))}) for call in reply.tool_calls)
    return reply.model_copy(update={"content": words, "tool_calls": calls})
