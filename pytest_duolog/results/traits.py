"""The traits of a dialogue's speakers as numbers: length, language, questions, agreement, refusals, tools, cost, time.

To add one, write a row into `TRAITS`. A value is for one dialogue; None if the dialogue does not tell it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.languages import language_of
from pytest_duolog.properties.agreement import opens_with_agreement
from pytest_duolog.results.acts import refuses
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.transcript import Message


class Unit(StrEnum):
    """What the values of a trait are: shares from 0 to 1, counts, seconds, or money in the provider's currency."""

    SHARE = "share"
    COUNT = "count"
    SECONDS = "seconds"
    MONEY = "money"


@dataclass(frozen=True)
class Said:
    """What some speakers said in a dialogue: their messages with numbers from 1, and the baseline's main language."""

    dialogue: FiledDialogue
    messages: Sequence[tuple[int, Message]]
    language: str | None = None

    def mean(self, value: Callable[[Message], float | None]) -> float | None:
        """The mean over the messages that have a value."""
        found = [one for _, message in self.messages if (one := value(message)) is not None]
        return fmean(found) if found else None


@dataclass(frozen=True)
class Trait:
    """One trait: its name in files, its title for people, its unit, and its value in a dialogue.

    `of_message` is its value in one message, if it has one: the message with the largest one shows the trait.
    """

    name: str
    title: str
    unit: Unit
    measure: Callable[[Said], float | None]
    of_message: Callable[[Message], float | None] | None = None


def said_by(dialogue: FiledDialogue, speakers: Iterable[str] = (), language: str | None = None) -> Said:
    """What these speakers said; all of them if none is named."""
    wanted = set(speakers)
    numbered = dialogue.source.transcript.numbered()
    messages = [item for item in numbered if not wanted or item[1].speaker in wanted]
    return Said(dialogue, messages, language)


def main_language(sides: Iterable[Said]) -> str | None:
    """The language of most messages; None if none is known."""
    known = Counter(_language(message) for said in sides for _, message in said.messages)
    known.pop(None, None)
    return known.most_common(1)[0][0] if known else None


def _language(message: Message) -> str | None:
    return language_of(text.without_thinking(message.content))


def _in_language(said: Said) -> float | None:
    languages = [found for _, message in said.messages if (found := _language(message))]
    if said.language is None or not languages:
        return None
    return languages.count(said.language) / len(languages)


def _words(message: Message) -> float:
    return text.n_words(text.without_thinking(message.content))


def _asks(message: Message) -> float:
    return lexicon.asks(text.heard(message.content))


def _agrees(message: Message) -> float:
    return opens_with_agreement(message.content)


def _refuses(message: Message) -> float:
    return refuses(message) or lexicon.deflects(text.heard(message.content))


def _calls(message: Message) -> float:
    return len(message.tool_calls)


def _tools(said: Said) -> float | None:
    """Calls in a message; None if the speakers had no tools, as far as the file knows."""
    names = {message.speaker for _, message in said.messages}
    speakers = [one for one in said.dialogue.source.transcript.speakers if one.name in names]
    has_tools = any(one.tools or one.has_other_tools for one in speakers)
    called = said.mean(_calls)
    return called if has_tools or called else None


def _failed_calls(said: Said) -> float | None:
    calls = [call for _, message in said.messages for call in message.tool_calls]
    return fmean(call.is_error for call in calls) if calls else None


def _cut_off(message: Message) -> float | None:
    return None if message.finish is None else message.finish == "truncated"


def _tokens(message: Message) -> float | None:
    usage = message.usage
    if usage is None or (usage.reply_tokens is None and usage.reasoning_tokens is None):
        return None
    return usage.tokens_written


def _cost(message: Message) -> float | None:
    return None if message.usage is None else message.usage.cost


def _seconds(message: Message) -> float | None:
    return None if message.latency_ms is None else message.latency_ms / 1000


def _median_seconds(said: Said) -> float | None:
    found = [one for _, message in said.messages if (one := _seconds(message)) is not None]
    return median(found) if found else None


def _new(said: Said) -> float | None:
    reading = said.dialogue.reading
    n_words = sum(reading.words[number - 1] for number, _ in said.messages)
    return sum(reading.new[number - 1] for number, _ in said.messages) / n_words if n_words else None


def _stale(said: Said) -> float | None:
    stale = [said.dialogue.reading.stale[number - 1] is not None for number, _ in said.messages]
    return fmean(stale) if stale else None


def _by_message(name: str, title: str, unit: Unit, value: Callable[[Message], float | None]) -> Trait:
    return Trait(name, title, unit, lambda said: said.mean(value), value)


TRAITS = (
    _by_message("words", "words in a message", Unit.COUNT, _words),
    Trait("messages", "messages in a dialogue", Unit.COUNT, lambda said: len(said.messages)),
    Trait("new_words", "words that nobody had said", Unit.SHARE, _new),
    Trait("stale", "messages that add nothing", Unit.SHARE, _stale),
    Trait("language", "messages in the main language", Unit.SHARE, _in_language),
    _by_message("questions", "messages that ask", Unit.SHARE, _asks),
    _by_message("agreement", "messages that begin by agreeing", Unit.SHARE, _agrees),
    _by_message("refusals", "messages that refuse or cannot help", Unit.SHARE, _refuses),
    Trait("tool_calls", "tool calls in a message", Unit.COUNT, _tools, _calls),
    Trait("failed_calls", "tool calls that fail", Unit.SHARE, _failed_calls),
    _by_message("cut_off", "replies cut off", Unit.SHARE, _cut_off),
    _by_message("tokens", "tokens written for a reply", Unit.COUNT, _tokens),
    _by_message("cost", "cost of a reply", Unit.MONEY, _cost),
    Trait("latency", "time for a reply (median)", Unit.SECONDS, _median_seconds, _seconds),
)
