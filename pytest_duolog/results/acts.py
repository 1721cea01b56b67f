"""What a message does in a dialogue: the conversation act, the calls of tools, the length and the stance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from pytest_duolog.detectors import lexicon, role_phrases, text
from pytest_duolog.detectors.closings import Cue, read_leave
from pytest_duolog.transcripts.transcript import WITHHELD, Message

# How models refuse in English; a content filter that withholds a message refuses as well.
# Who is unable to log in complains.
_REFUSES = re.compile(
    r"\b(?:i|we) (?:can(?:no|')t|can not|won't|will not) "
    r"(?:help|assist|do|provide|discuss|answer|continue|comply|share|give|engage|fulfil|fulfill|support|process|issue|"
    r"change|cancel|refund|offer|accept|grant|make (?:an )?exceptions?)\b"
    r"|\b(?:i|we)(?:'m| am|'re| are) (?:(?:afraid|sorry),? (?:but )?(?:i|we)(?:'m| am|'re| are) )?"
    r"(?:unable|not able|not allowed|not permitted) to (?!log|sign|open|find|see|reach|connect|access|sleep|attend)\w"
)


def refuses(message: Message) -> bool:
    """Whether a message refuses, in English, or a content filter withheld it."""
    return message.finish in WITHHELD or bool(_REFUSES.search(text.heard(message.content)))


class Act(StrEnum):
    """The act of a message; the first that applies."""

    NOTHING = "says nothing"
    REFUSE = "refuses"
    END = "says goodbye"
    REPEAT = "repeats itself"
    CALL = "calls a tool"
    ASK = "asks"
    ANSWER = "answers"


class Stance(StrEnum):
    """How a message begins: with agreement, with a no, or with neither."""

    AGREES = "agrees"
    DECLINES = "declines"
    OPEN = "neither"


class Heard(NamedTuple):
    """What a message does. `tools` are the names of the tools that it calls, in order."""

    act: Act
    tools: tuple[str, ...] = ()
    n_words: int = 0
    stance: Stance = Stance.OPEN


def read_act(message: Message | None, before: Sequence[Message]) -> Heard:
    """What a message does after those before it; None is an empty message.

    Goodbyes, questions and agreement are read in ten languages, refusals in English only.
    """
    if message is None or not (message.content.strip() or message.tool_calls):
        return Heard(Act.REFUSE if message is not None and message.finish in WITHHELD else Act.NOTHING)
    folded = text.heard(message.content)
    tools = tuple(call.name for call in message.tool_calls)
    return Heard(_act(message, folded, tools, before), tools, len(text.words(folded)), _stance(folded))


def _act(message: Message, folded: str, tools: tuple[str, ...], before: Sequence[Message]) -> Act:
    leave = read_leave(folded)
    words = text.words(folded)
    if refuses(message):
        return Act.REFUSE
    if leave.cue is Cue.FAREWELL or leave.parts:
        return Act.END
    if words and any(words == _words_of(said) for said in before if said.speaker == message.speaker):
        return Act.REPEAT
    if tools:
        return Act.CALL
    return Act.ASK if lexicon.asks(folded) else Act.ANSWER


def _words_of(message: Message) -> tuple[str, ...]:
    return text.words(text.heard(message.content))


def _stance(folded: str) -> Stance:
    begin = folded.lstrip(" *_\"'¡")
    if role_phrases.AGREEMENT.match(begin):
        return Stance.AGREES
    sentences = text.sentences(begin)
    return Stance.DECLINES if sentences and lexicon.NO.search(sentences[0]) else Stance.OPEN
