"""The costs on a page: what the replies of each model took, and the votes of each judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_duolog.results.costs import JUDGE
from pytest_duolog.results.dialogue_result import JudgeUse
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.transcript import Message, Usage

Key = tuple[str, str, str]


@dataclass(frozen=True)
class CostRow:
    """The costs of one model in one role, in one arm of a gate or in the whole run; None for unknown values.

    `role` is the speaker's name, or `judge`. `n_replies` are replies, of a judge votes. `seconds` is the median of the
    replies, of a judge the mean. `n_cut` is how many replies were cut off; None for a judge, where nothing says so.
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


def costs_of(dialogues: Iterable[FiledDialogue]) -> list[CostRow]:
    """The costs of each role and model, by arm, judges last; replies without known costs are not counted.

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
    n_cut = sum(reply.finish == "truncated" for reply in replies)
    return _row(key, len(replies), usage, median(seconds) if seconds else None, n_cut)


def _judge_row(key: Key, use: JudgeUse) -> CostRow:
    seconds = use.latency_ms / 1000 / use.votes if use.latency_ms and use.votes else None
    return _row(key, use.votes, use.usage, seconds, None)


def _row(key: Key, n_replies: int, usage: Usage, seconds: float | None, n_cut: int | None) -> CostRow:
    read = (usage.prompt_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    written = (usage.reply_tokens, usage.reasoning_tokens)
    return CostRow(
        *key,
        n_replies,
        _known(usage.tokens_read, read),
        usage.cache_read_tokens,
        _known(usage.tokens_written, written),
        usage.cost,
        seconds,
        n_cut,
    )


def _known(total: int, parts: Sequence[int | None]) -> int | None:
    return None if all(part is None for part in parts) else total
