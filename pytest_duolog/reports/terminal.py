"""Sections of pytest's terminal output about dialogues. Control characters in model text are shown as escapes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_duolog.display import counted, from_here, printable
from pytest_duolog.results.dialogue_result import DialogueResult, broken
from pytest_duolog.transcripts.transcript import Message
from pytest_duolog.transcripts.usage import Gaps, Usage

# How many messages of a dialogue are shown for a failed test: the first and the last ones.
FIRST_MESSAGES = 2
LAST_MESSAGES = 6
LONGEST_MESSAGE = 400


def dialogue_section(result: DialogueResult) -> str:
    """The dialogue of a failed test: its recording, stop reason, failed verdicts, and first and last messages."""
    return "\n".join(_section_lines(result))


def _section_lines(result: DialogueResult) -> Iterator[str]:
    transcript = result.transcript
    cassette = from_here(Path(result.cassette)) if result.cassette else "none (nothing is recorded)"
    yield f"cassette: {printable(cassette)}"
    yield f"stopped:  {printable(str(transcript.stop_reason or 'not finished'))}"
    yield f"messages: {len(transcript)}"
    if cost := cost_words(transcript.messages):
        yield f"replies:  {cost}"
    for notice in result.notices:
        yield f"note:     {printable(notice)}"
    for verdict in broken(result.verdicts):
        shown = printable(repr(verdict.verdict(transcript)))
        yield "verdict:  " + textwrap.indent(shown, " " * 10).lstrip()
    yield from _message_lines(list(transcript.numbered()))


def _message_lines(messages: list[tuple[int, Message]]) -> Iterator[str]:
    """The first and the last messages, and the number between them; all messages if that number is 0 or 1."""
    n_hidden = len(messages) - FIRST_MESSAGES - LAST_MESSAGES
    first, last = (messages[:FIRST_MESSAGES], messages[-LAST_MESSAGES:]) if n_hidden > 1 else (messages, [])
    yield from (_message_text(*numbered) for numbered in first)
    if last:
        yield f"  … {n_hidden} messages …"
    yield from (_message_text(*numbered) for numbered in last)


def judge_words(results: Iterable[DialogueResult]) -> str:
    """The number of votes and their costs; empty without any."""
    judges = [judge for result in results for judge in result.judges]
    n_votes = sum(judge.votes for judge in judges)
    usage = sum((judge.usage for judge in judges), Usage())
    gaps = sum((judge.gaps for judge in judges), Gaps())
    words = usage_words(usage, sum(judge.latency_ms for judge in judges) / 1000, gaps)
    return f"{counted(n_votes, 'vote')} of judges{f' ({words})' if words else ''}" if n_votes else ""


def cost_words(messages: Iterable[Message]) -> str:
    """The time, tokens and costs of messages, as far as they are known; empty if nothing is known.

    Model time is the sum over all replies, so it can exceed the real time if dialogues run at once.
    """
    messages = list(messages)
    seconds = sum(message.latency_ms or 0 for message in messages) / 1000
    return usage_words(sum((message.usage for message in messages if message.usage), Usage()), seconds)


def usage_words(usage: Usage, seconds: float, gaps: Gaps | None = None) -> str:
    """Tokens, model time and money, as far as they are known; empty if nothing is. With `gaps` they are minima."""
    least, least_cost = ("at least " if gap else "" for gap in ((gaps.tokens, gaps.cost) if gaps else (0, 0)))
    cached, thought, cost = usage.cache_read_tokens, usage.reasoning_tokens, usage.cost or 0
    from_cache = f", {cached:,} of them from a cache" if cached else ""
    thinking = f", {thought:,} of them reasoning" if thought else ""
    parts = [
        (seconds, f"{seconds:.1f} s of model time"),
        (usage.tokens_read, f"{least}{usage.tokens_read:,} tokens read{from_cache}"),
        (usage.tokens_written, f"{least}{usage.tokens_written:,} written{thinking}"),
        (cost, f"cost {least_cost}{cost:.6g}"),
    ]
    return "; ".join(words for amount, words in parts if amount)


def _message_text(number: int, message: Message) -> str:
    content = printable(message.content)
    if len(content) > LONGEST_MESSAGE:
        content = f"{content[:LONGEST_MESSAGE]}… ({len(message.content)} characters)"
    text = f"{number:>3} {printable(message.speaker)}: " + textwrap.indent(content, "      ").lstrip()
    return textwrap.indent(text, "  ")
