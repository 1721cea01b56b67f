"""Ends a dialogue when a persona says that it has reached its goal or gives up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import field

from pytest_duolog.dataclass import dataclass
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.transcripts.transcript import WITHHELD, Message, StopKind, StopReason


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
        it wants. What it says then without a token is not said; calls that it made stay.
        """
        name, number = reply.speaker, len(said) + 1
        if name not in self._limits or reply.finish in WITHHELD:
            return reply
        # Most dialogues have no persona.
        from pytest_duolog.transcripts.parts import DONE  # noqa: PLC0415
        from pytest_duolog.transcripts.persona_replies import without_token, without_words  # noqa: PLC0415

        told, ending = without_token(reply)
        most = self._limits[name]
        if ending is not None and self.stop is not None:  # a persona answers the last words of the other one
            self._is_answered = True
            self.stop = self._told(f"answered with {ending.token} by {name}")
            return told
        if ending is not None:
            is_message = told.content or told.tool_calls
            where = f"in message {number}" if is_message else f"in place of message {number}"
            kind = StopKind.GOAL_REACHED if ending.token == DONE else StopKind.GAVE_UP
            self.stop = StopReason(kind=kind, speaker=name, detail=f"{ending.token} {where}")
            return told
        if most is not None and reply.content and sum(message.speaker == name for message in said) >= most:
            unsaid = f"the words of message {number} were" if reply.tool_calls else f"message {number} was"
            detail = f"{most} of {most} messages without {DONE}; {unsaid} not said"
            self.stop = StopReason(kind=StopKind.GAVE_UP, speaker=name, detail=detail)
            return without_words(reply)
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
