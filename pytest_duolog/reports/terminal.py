"""What a person reads in a terminal. Model text is made harmless: control characters are shown, not sent."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_duolog.display import printable

# How much of a dialogue stands under a failed test: how it began, and how it ended.
FIRST_MESSAGES = 2
LAST_MESSAGES = 6
LONGEST_MESSAGE = 400


def dialogue_section(entry: Mapping[str, Any]) -> str:
    """The dialogue of a failed test: where it is recorded, why it stopped, what failed, how it began and ended."""
    return "\n".join(_section_lines(entry))


def _section_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    transcript = entry["transcript"]
    messages = list(enumerate(transcript["messages"], start=1))
    yield (
        f"cassette: {printable(entry['cassette'])}"
        if entry["cassette"]
        else "cassette: none (nothing is recorded)"
    )
    yield f"stopped:  {printable(_stop_words(transcript['stop_reason']))}"
    yield f"messages: {len(messages)}"
    if cost := cost_words(transcript["messages"]):
        yield f"replies:  {cost}"
    for notice in entry["notices"]:
        yield f"note:     {printable(notice)}"
    for verdict in entry["verdicts"]:
        if verdict["outcome"] != "holds":
            yield "verdict:  " + textwrap.indent(printable(verdict["text"]), " " * 10).lstrip()
    hidden = len(messages) - FIRST_MESSAGES - LAST_MESSAGES
    shown = messages if hidden <= 1 else [*messages[:FIRST_MESSAGES], None, *messages[-LAST_MESSAGES:]]
    for item in shown:
        if item is None:
            yield f"  … {hidden} messages …"
        else:
            number, message = item
            yield textwrap.indent(_message_text(number, message), "  ")


def cost_words(messages: Iterable[Mapping[str, Any]]) -> str:
    """What messages took and cost, as far as it is known; empty if nothing is.

    Model time is the sum of what the replies took: dialogues that run at once take more of it than a clock shows.
    """
    messages = list(messages)
    seconds = sum(message["latency_ms"] or 0 for message in messages) / 1000
    counts = [message["usage"] for message in messages if message["usage"]]

    def total(*names: str) -> float:
        return sum(usage[name] or 0 for usage in counts for name in names)

    read = total("prompt_tokens", "cache_read_tokens", "cache_write_tokens")
    written, thought = total("reply_tokens", "reasoning_tokens"), total("reasoning_tokens")
    cached, cost = total("cache_read_tokens"), total("cost")
    parts = {
        f"{seconds:.1f} s of model time": seconds,
        f"{read:,} tokens read" + (f", {cached:,} of them from a cache" if cached else ""): read,
        f"{written:,} written" + (f", {thought:,} of them thinking" if thought else ""): written,
        f"cost {cost:.6g}": cost,
    }
    return "; ".join(words for words, amount in parts.items() if amount)


def _stop_words(stop: Mapping[str, Any] | None) -> str:
    if stop is None:
        return "not finished"
    words = str(stop["kind"]).replace("_", " ")
    who = f" ({stop['speaker']})" if stop["speaker"] else ""
    return f"{words}{who}: {stop['detail']}" if stop["detail"] else words + who


def _message_text(number: int, message: Mapping[str, Any]) -> str:
    content = printable(message["content"])
    if len(content) > LONGEST_MESSAGE:
        content = f"{content[:LONGEST_MESSAGE]}… ({len(message['content'])} characters)"
    return f"{number:>3} {printable(message['speaker'])}: " + textwrap.indent(content, "      ").lstrip()
