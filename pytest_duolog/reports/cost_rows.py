"""The costs on a page: what the replies of each model took, and the votes of each judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_duolog.results.costs import JUDGE
from pytest_duolog.results.dialogue_result import JudgeUse
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.transcript import Message
from pytest_duolog.transcripts.usage import Gaps, Usage

Key = tuple[str, str, str]


@dataclass(frozen=True)
class CostRow:
    """The costs of one model in one role, in one arm of a gate or in the whole run; None for unknown values.

    `role` is the speaker's name, or `judge`. `n_replies` are replies, of a judge votes. `seconds` is the median of the
    replies, of a judge the mean. `n_cut` is how many replies were cut off; None for a judge, where nothing says so.
    Tokens and cost are sums over the replies that say them; `gaps` counts the others.
    """

    arm: str
    role: str
    model: str
    n_replies: int
    tokens_read: int | None
    tokens_cached: int | None
    tokens_written: int | None
    cost: float | None
    seconds: float | None
    n_cut: int | None
    gaps: Gaps


def costs_of(dialogues: Iterable[FiledDialogue]) -> list[CostRow]:
    """The costs of each role and model, by arm, judges last.

    Replies are counted wherever they come from; of judges, the votes that were asked for in the run.
    """
    messages: dict[Key, list[Message]] = {}
    judges: dict[Key, JudgeUse] = {}
    for dialogue in dialogues:
        transcript = dialogue.source.transcript
        models = {speaker.name: speaker.model or speaker.name for speaker in transcript.speakers}
        for message in filter(None, [*transcript.messages, dialogue.unsaid]):
            if message.usage is not None or message.latency_ms is not None:
                key = (dialogue.arm, message.speaker, models[message.speaker])
                messages.setdefault(key, []).append(message)
        for use in dialogue.judges:
            key = (dialogue.arm, JUDGE, use.model)
            judges[key] = judges[key] + use if key in judges else use
    arms = sorted({arm for arm, *_ in [*messages, *judges]})
    return [
        row
        for arm in arms
        for row in [
            *(_reply_row(key, messages[key]) for key in sorted(messages) if key[0] == arm),
            *(_judge_row(key, judges[key]) for key in sorted(judges) if key[0] == arm),
        ]
    ]


def _reply_row(key: Key, replies: Sequence[Message]) -> CostRow:
    usage = sum((reply.usage for reply in replies if reply.usage), Usage())
    seconds = [reply.latency_ms / 1000 for reply in replies if reply.latency_ms is not None]
    gaps = sum((Gaps.of(reply.usage) for reply in replies), Gaps())
    n_cut = sum(reply.finish == "truncated" for reply in replies)
    return _row(key, len(replies), usage, gaps, seconds=median(seconds) if seconds else None, n_cut=n_cut)


def _judge_row(key: Key, use: JudgeUse) -> CostRow:
    seconds = use.latency_ms / 1000 / use.votes if use.latency_ms and use.votes else None
    return _row(key, use.votes, use.usage, use.gaps, seconds=seconds, n_cut=None)


def _row(
    key: Key, n_replies: int, usage: Usage, gaps: Gaps, *, seconds: float | None, n_cut: int | None
) -> CostRow:
    return CostRow(
        *key,
        n_replies,
        usage.known_read,
        usage.cache_read_tokens,
        usage.known_written,
        usage.cost,
        seconds,
        n_cut,
        gaps,
    )
