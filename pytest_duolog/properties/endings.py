"""Properties of the end of a dialogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.closings import CLEAN_TAIL, Cue, read_leave
from pytest_duolog.display import counted
from pytest_duolog.properties.base import Property, require_count
from pytest_duolog.properties.loops import read_dialogue, tokens_of, unread_in
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.transcripts.transcript import Message, StopKind, Transcript

# Reasons to stop that did not come from the dialogue itself.
_CUT_SHORT = {
    StopKind.TURNS: "it was stopped at its turn limit",
    StopKind.LOOP: "it was stopped in a loop",
    StopKind.BUDGET: "its budget ran out",
    StopKind.ERROR: "it ended with an error",
    StopKind.EMPTY_REPLY: "it ended with an empty reply",
    StopKind.REFUSAL: "a model refused to go on",
    StopKind.TOOL_LIMIT: "a model called tools until its limit",
    StopKind.GAVE_UP: "a persona gave up",
}

# Those that stopped a dialogue that would have gone on.
FROM_OUTSIDE = (StopKind.TURNS, StopKind.LOOP, StopKind.BUDGET, StopKind.ERROR, StopKind.TOOL_LIMIT)

# A dialogue that reaches its turn limit with at most this many messages after its goodbye was over: the answer to the
# goodbye, and the two messages of grace before a running dialogue is stopped.
ANSWER_AND_GRACE = 3


@dataclass(frozen=True)
class EndsCleanly(Property, method="ends_cleanly"):
    """The dialogue says goodbye and ends soon after.

    At most `messages_after_goodbye` messages follow the first goodbye, including the answer to it; the last message
    is not cut off, it is not an open question, and it does not say that the goodbye was not understood. A stop
    phrase counts as a goodbye, and thanks in the last message are a clean end. A persona that has reached its goal
    may leave without a goodbye, and without an answer to a last question. If no goodbye is found and the language
    is not supported, the property could not be measured.
    """

    messages_after_goodbye: int = CLEAN_TAIL

    def __post_init__(self) -> None:
        require_count(self, self.messages_after_goodbye, "messages", least=0)

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict; the evidence is the goodbye, the message that reopened the dialogue, and a bad last message.

        Could not be measured without messages.
        """
        if not transcript.messages:
            return self.verdict(None, "there are no messages")
        closings = read_dialogue(transcript.messages).closings
        closing = closings.at_end()
        reopened = None if closing is None else _reopened(transcript, closing)
        leave = "nobody said goodbye" if closing is None else self._leave(transcript, closing, reopened)
        tail = list(_tail_problems(transcript, closing))
        stopped = _cut_short(transcript)
        thanked = closing is None and not stopped and closings.ends_with_thanks()
        if thanked:
            leave = f"it ended with thanks in message {len(transcript)}"
        took_leave = thanked or self._took_leave(transcript, closing)
        problems = [*([] if took_leave else [leave]), *tail]
        evidence = self._evidence(transcript, closing, reopened, is_tail_bad=bool(tail))
        unread = None if took_leave else unread_in(transcript.messages)
        if unread and not tail and not stopped:
            return self.verdict(
                None,
                f"its language ({unread}) is not supported, and no goodbye in another one was found",
                evidence,
            )
        if problems or _stop_kind(transcript) is StopKind.LOOP:
            return self.verdict(False, "; ".join([*problems, *([stopped] if stopped else [])]), evidence)
        if closing is None and not thanked:
            return self.verdict(True, f"it ended with its {transcript.stop_reason}", evidence)
        return self.verdict(True, f"{leave}; {stopped}" if stopped else leave, evidence)

    def _took_leave(self, transcript: Transcript, closing: int | None) -> bool:
        if closing is None:
            return _stop_kind(transcript) in (StopKind.STOP_PHRASE, StopKind.GOAL_REACHED)
        return len(transcript) - 1 - closing <= self.messages_after_goodbye

    def _leave(self, transcript: Transcript, closing: int, reopened: int | None) -> str:
        """Where it said goodbye, how many messages followed, and who reopened it."""
        after = transcript.messages[closing + 1 :]
        cost = f" ({tokens_of(after)})" if len(after) > self.messages_after_goodbye else ""
        by = (
            f"; {transcript.messages[reopened - 1].speaker} reopened it at message {reopened}"
            if reopened
            else ""
        )
        return (
            f"goodbye at message {closing + 1}, and {counted(len(after), 'message')}{cost} after it "
            f"(at most {self.messages_after_goodbye}){by}"
        )

    def _evidence(
        self, transcript: Transcript, closing: int | None, reopened: int | None, *, is_tail_bad: bool
    ) -> list[tuple[int, Message]]:
        last = len(transcript)
        shown = {last} if closing is None else {closing + 1, min(closing + 2, last)}
        shown |= {reopened} if reopened else set()
        shown |= {last} if is_tail_bad else set()
        return [item for item in transcript.numbered() if item[0] in shown]


def _tail_problems(transcript: Transcript, closing: int | None) -> Iterator[str]:
    """What is wrong with the last message."""
    last = transcript.messages[-1]
    if last.finish == "truncated":
        yield f"message {len(transcript)} is cut off by the token limit"
    elif (
        _stop_kind(transcript) is not StopKind.GOAL_REACHED
        and closing != len(transcript) - 1
        and _asks(last.content)
    ):
        yield f"the question in message {len(transcript)} is not answered"
    elif closing == len(transcript) - 2 and lexicon.deflects(text.heard(last.content)):
        yield f"the goodbye in message {closing + 1} was not understood"


@dataclass(frozen=True)
class TerminatesWithin(Property, method="terminates_within"):
    """The dialogue ends by itself within `turns` turns; one that was stopped at its limit did not.

    A turn is one reply from each speaker; the opener comes before the first turn. A dialogue that had just said goodbye
    when it reached its limit ended by itself. Of a transcript that does not say why it stopped, only the length is
    compared.
    """

    turns: int

    def __post_init__(self) -> None:
        require_count(self, self.turns, "turns", least=0)

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict with the number of turns; could not be measured without messages."""
        if not transcript.messages:
            return self.verdict(None, "there are no messages")
        turns = len(transcript) // 2
        shown = f"{counted(turns, 'turn')} (at most {self.turns})"
        last = list(transcript.numbered())[-1:]
        kind = _stop_kind(transcript) or StopKind.TURNS
        stopped = _cut_short(transcript)
        if kind is StopKind.TURNS and stopped and _had_taken_leave(transcript):
            return self.verdict(turns <= self.turns, f"{shown}, and it said goodbye at its turn limit", last)
        if stopped and kind in FROM_OUTSIDE:
            return self.verdict(False, f"{stopped}: {shown}", last)
        says_why = transcript.stop_reason or transcript.turns is not None
        unknown = "" if says_why else "; only its length is known, not why it stopped"
        return self.verdict(turns <= self.turns, f"{shown}{unknown}", last)


def find_closing(transcript: Transcript) -> int | None:
    """The position, from 0, of the first message of a finished transcript that says goodbye; None if none does."""
    return read_dialogue(transcript.messages).closings.at_end()


def _cut_short(transcript: Transcript) -> str | None:
    """What stopped the dialogue from outside; a transcript without a stop reason may have reached its turn limit."""
    if transcript.stop_reason:
        return _CUT_SHORT.get(transcript.stop_reason.kind)
    if transcript.turns is not None and len(transcript) >= 2 * transcript.turns + 1:
        return f"it reached its limit of {counted(transcript.turns, 'turn')}"
    return None


def _stop_kind(transcript: Transcript) -> StopKind | None:
    return transcript.stop_reason.kind if transcript.stop_reason else None


def _had_taken_leave(transcript: Transcript) -> bool:
    closing = find_closing(transcript)
    return (
        closing is not None
        and len(transcript) - 1 - closing <= ANSWER_AND_GRACE
        and not _asks(transcript.messages[-1].content)
    )


def _asks(content: str) -> bool:
    """Whether a message ends with a question and not with a goodbye."""
    reading = read_leave(text.heard(content))
    return reading.asks and reading.cue < Cue.FAREWELL


def _reopened(transcript: Transcript, closing: int) -> int | None:
    """The number of the message that asked a question after the goodbye and its answer; None if none did."""
    for number, message in list(transcript.numbered())[closing + 2 :]:
        if lexicon.asks(text.heard(message.content)):
            return number
    return None
