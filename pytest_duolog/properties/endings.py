"""The dialogue ends, and ends well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_duolog import text
from pytest_duolog.detectors import lexicon
from pytest_duolog.detectors.closings import CLEAN_TAIL
from pytest_duolog.properties.base import Property, Verdict
from pytest_duolog.properties.loops import read_dialogue, tokens_of
from pytest_duolog.transcript import StopKind, Transcript

# Reasons to stop that the dialogue did not choose.
_CUT_SHORT = {
    StopKind.TURNS: "it was stopped by the turn cap",
    StopKind.LOOP: "it was stopped in a loop",
    StopKind.BUDGET: "its budget ran out",
    StopKind.ERROR: "it ended with an error",
    StopKind.EMPTY_REPLY: "it ended with an empty reply",
    StopKind.REFUSAL: "a model refused to go on",
}


@dataclass(frozen=True)
class EndsCleanly(Property):
    """The dialogue takes leave, and is over soon after.

    At most `messages_after_goodbye` messages follow the first goodbye, its answer among them; the last message
    is not cut off, and no question is left open. A dialogue that ended by its stop phrase took leave with it.
    """

    messages_after_goodbye: int = CLEAN_TAIL

    def check(self, transcript: Transcript) -> Verdict:
        """Whether it does; a transcript without messages could not be measured."""
        if not transcript.messages:
            return self.verdict(None, "there are no messages")
        closing = find_closing(transcript)
        numbered = list(transcript.numbered())
        problems = list(self._problems(transcript, closing))
        shown = [numbered[-1]] if closing is None else numbered[closing : closing + 2]
        if problems:
            return self.verdict(False, "; ".join(problems), shown)
        if closing is None:
            return self.verdict(True, f"it ended by its stop phrase: {transcript.stop_reason}", shown)
        after = len(numbered) - 1 - closing
        return self.verdict(
            True,
            f"goodbye at message {closing + 1}, {after} messages after it (at most {self.messages_after_goodbye})",
            shown,
        )

    def _problems(self, transcript: Transcript, closing: int | None) -> Iterator[str]:
        kind = transcript.stop_reason.kind if transcript.stop_reason else None
        last = transcript.messages[-1]
        if closing is None and kind is not StopKind.STOP_PHRASE:
            yield "nobody said goodbye"
        if closing is not None and (after := len(transcript) - 1 - closing) > self.messages_after_goodbye:
            yield (
                f"goodbye at message {closing + 1}, and {after} messages "
                f"({tokens_of(transcript.messages[closing + 1 :])}) after it (at most "
                f"{self.messages_after_goodbye}){_reopened(transcript, closing)}"
            )
        if kind in _CUT_SHORT and (closing is None or kind is StopKind.LOOP):
            yield _CUT_SHORT[kind]
        if last.finish == "truncated":
            yield f"message {len(transcript)} is cut off by the token limit"
        elif closing is None and lexicon.asks(text.normalise(last.content)):
            yield f"the question of message {len(transcript)} is left open"


@dataclass(frozen=True)
class TerminatesWithin(Property):
    """The dialogue comes to an end by itself within so many turns; one that was stopped by a cap did not.

    A turn is one reply from each speaker, and the opener comes before the first.
    """

    turns: int

    def check(self, transcript: Transcript) -> Verdict:
        """Whether it does, with the number of turns that it took."""
        turns = len(transcript) // 2
        last = list(transcript.numbered())[-1:]
        kind = transcript.stop_reason.kind if transcript.stop_reason else None
        at_cap = transcript.turns is not None and len(transcript) >= 2 * transcript.turns + 1
        if kind in (StopKind.TURNS, StopKind.LOOP, StopKind.BUDGET, StopKind.ERROR):
            return self.verdict(False, f"{_CUT_SHORT[kind]} after {turns} turns (at most {self.turns})", last)
        if kind is None and at_cap:
            return self.verdict(False, f"it ran to its cap of {transcript.turns} turns", last)
        return self.verdict(turns <= self.turns, f"{turns} turns (at most {self.turns})", last)


def find_closing(transcript: Transcript) -> int | None:
    """The position, from 0, of the first message of a finished transcript that takes leave."""
    return read_dialogue(transcript.messages).closings.at_end()


def _reopened(transcript: Transcript, closing: int) -> str:
    """Who asked something after the goodbye and its answer."""
    for number, message in list(transcript.numbered())[closing + 2 :]:
        if lexicon.asks(text.normalise(message.content)):
            return f"; {message.speaker} reopened it at message {number}"
    return ""
