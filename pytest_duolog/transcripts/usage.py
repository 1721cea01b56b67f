"""The tokens and the cost of replies, as their providers counted them."""

from __future__ import annotations

from typing import Annotated, Self, TypeVar

from pydantic import Field

from pytest_duolog.transcripts.stored import Record, stored

Count = Annotated[int | None, Field(ge=0)]
Number = TypeVar("Number", int, float)


@stored
class Usage(Record):
    """Tokens of one reply as its provider counted them; None if the provider did not say.

    Each token is in one count only: `prompt_tokens` were read without the provider's cache, `cache_read_tokens` came
    from that cache, `cache_write_tokens` were read and written to it; `reply_tokens` are those of the reply without
    `reasoning_tokens`. `cost` is the charge that the provider reports, in its own currency (OpenRouter: US dollars).
    """

    prompt_tokens: Count = None
    cache_read_tokens: Count = None
    cache_write_tokens: Count = None
    reply_tokens: Count = None
    reasoning_tokens: Count = None
    cost: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None

    @property
    def tokens_read(self) -> int:
        """All tokens of the prompt, cached or not."""
        return (self.prompt_tokens or 0) + (self.cache_read_tokens or 0) + (self.cache_write_tokens or 0)

    @property
    def tokens_written(self) -> int:
        """All tokens that the model wrote, reasoning included."""
        return (self.reply_tokens or 0) + (self.reasoning_tokens or 0)

    @property
    def known_read(self) -> int | None:
        """All tokens of the prompt; None if none of them is known."""
        parts = {self.prompt_tokens, self.cache_read_tokens, self.cache_write_tokens}
        return None if parts == {None} else self.tokens_read

    @property
    def known_written(self) -> int | None:
        """All tokens that the model wrote; None if none of them is known."""
        return None if {self.reply_tokens, self.reasoning_tokens} == {None} else self.tokens_written

    def __add__(self, other: Usage) -> Usage:
        """The sum; a count that only one of them has is kept."""
        return Usage(
            prompt_tokens=_sum(self.prompt_tokens, other.prompt_tokens),
            cache_read_tokens=_sum(self.cache_read_tokens, other.cache_read_tokens),
            cache_write_tokens=_sum(self.cache_write_tokens, other.cache_write_tokens),
            reply_tokens=_sum(self.reply_tokens, other.reply_tokens),
            reasoning_tokens=_sum(self.reasoning_tokens, other.reasoning_tokens),
            cost=_sum(self.cost, other.cost),
        )


def _sum(one: Number | None, other: Number | None) -> Number | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


@stored
class Gaps(Record):
    """How many of some replies did not say their tokens, and their cost: a sum over them is less than the whole."""

    tokens: Annotated[int, Field(ge=0)] = 0
    cost: Annotated[int, Field(ge=0)] = 0

    @classmethod
    def of(cls, usage: Usage | None) -> Self:
        """The gaps of one reply."""
        usage = usage or Usage()
        says_tokens = usage.known_read is not None and usage.known_written is not None
        return cls(tokens=int(not says_tokens), cost=int(usage.cost is None))

    def __add__(self, other: Gaps) -> Gaps:
        return Gaps(tokens=self.tokens + other.tokens, cost=self.cost + other.cost)
