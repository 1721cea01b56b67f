"""Forecasts of the costs and risks of a run as text, for `--duolog-plan`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pytest_duolog.display import counted
from pytest_duolog.gate.planner import clean_pairs_to_pass, forecast, losses_to_alarm
from pytest_duolog.reports.numbers import percent, points
from pytest_duolog.reports.wording import gate_words, hopeless_words, plan_words
from pytest_duolog.results.arm import Arm, Pairing
from pytest_duolog.results.plan import GatePlan, RunPlan, ScenarioPlan
from pytest_duolog.results.record import RunRecord, Sample, n_passed
from pytest_duolog.transcripts.transcript import Transcript

# The assumed pass rate of a scenario without earlier samples.
USUAL_RATE = 0.95


@dataclass(frozen=True)
class Habits:
    """The pass rate of a scenario, and the costs of one sample: replies, and tokens if they are known.

    `is_known` says whether they are from an earlier run; if not, the replies are the maximum.
    """

    replies: float
    tokens: float | None = None
    pass_rate: float = USUAL_RATE
    is_known: bool = False


def habits_of(record: RunRecord, scenario: str) -> Habits | None:
    """The habits of a scenario in an earlier run; None if it has no measured sample of it.

    The pass rate includes half a pass and half a failure (Krichevsky and Trofimov 1981), so it is never 0 or 1.
    """
    samples = list(record.measured(scenario, Arm.BASELINE).values())
    if not samples:
        return None
    tokens = [_tokens(sample) for sample in samples]
    return Habits(
        replies=fmean(map(_n_replies, samples)),
        tokens=fmean(tokens) if any(tokens) else None,
        pass_rate=(n_passed(samples) + 0.5) / (len(samples) + 1),
        is_known=True,
    )


def _n_replies(sample: Sample) -> int:
    return sum(
        _n_asked_for(dialogue.transcript) + sum(judge.votes for judge in dialogue.judges)
        for dialogue in sample.dialogues
    )


def _n_asked_for(transcript: Transcript) -> int:
    """The number of messages that a model was asked for, without scripted models, which cost nothing."""
    free = {speaker.name for speaker in transcript.speakers if is_free(speaker.model)}
    return sum(message.finish is not None and message.speaker not in free for message in transcript.messages)


def is_free(model: object) -> bool:
    """Whether a model is scripted, which costs nothing."""
    return isinstance(model, str) and model.startswith("scripted:")


def _tokens(sample: Sample) -> int:
    usages = [message.usage for dialogue in sample.dialogues for message in dialogue.transcript.messages]
    usages += [judge.usage for dialogue in sample.dialogues for judge in dialogue.judges]
    return sum(usage.tokens_read + usage.tokens_written for usage in usages if usage)


def forecast_words(plan: RunPlan, habits: Mapping[str, Habits]) -> Iterator[str]:
    """The likely and the largest numbers of dialogues, replies and tokens of a plan, then its risks.

    `habits` has every scenario of the plan.
    """
    found = [habits[scenario] for scenario in plan.scenarios]
    n_known = sum(known.is_known for known in found)
    yield (
        f"pass rates and lengths of {n_known} of {counted(len(found), 'scenario')} are from the last "
        "run record"
        if n_known
        else f"no earlier run is known: assuming that scenarios pass {percent(USUAL_RATE)} of the time, with dialogues "
        f"of full length"
    )
    if plan.gate is not None:
        yield from _gate_forecast(plan.gate, found)
        return
    if plan.blame is not None:
        most = len(Pairing) * plan.blame.max_rounds
        rounds = counted(plan.blame.max_rounds, "round")
        yield f"at most {most * len(found)} dialogues: {rounds} of four pairings of each"
        yield from _cost_words(found, [most] * len(found))
        return
    if plan.collect:
        yield f"{plan.collect * len(found)} dialogues: {counted(plan.collect, 'sample')} of each, none judged"
        yield from _cost_words(found, [plan.collect] * len(found))
        return
    yield from _samples_forecast(plan.scenarios, habits)


def _gate_forecast(gate: GatePlan, found: Sequence[Habits]) -> Iterator[str]:
    rates = [known.pass_rate for known in found]
    equal = forecast(gate, rates, rates)
    worse = forecast(gate, rates, [max(0.0, rate - float(gate.margin)) for rate in rates])
    most = 2 * gate.max_rounds * len(found)
    yield from filter(None, [hopeless_words(gate, len(found))])
    yield (
        f"about {equal.mean_dialogues:.0f} dialogues, baseline and candidate together; nine in ten "
        f"gates need at most {equal.p90_dialogues}, and none needs more than {most}"
    )
    yield from _cost_words(found, [equal.mean_dialogues / len(found)] * len(found))
    yield (
        f"an equal candidate: PASS in {percent(equal.pass_probability)} of gates, BLOCK in "
        f"{percent(equal.block_probability)}, INCONCLUSIVE in {percent(equal.inconclusive_probability)}"
    )
    yield (
        f"one that is worse by {points(gate.margin)} everywhere: BLOCK in "
        f"{percent(worse.block_probability)}, PASS in "
        f"{percent(worse.pass_probability)}, INCONCLUSIVE in {percent(worse.inconclusive_probability)}"
    )
    clean = clean_pairs_to_pass(gate)
    yield (
        f"{clean} pairs without any difference pass ({counted(math.ceil(clean / len(found)), 'round')}); "
        f"{losses_to_alarm(len(found))} lost in a row by one scenario block"
    )
    yield from gate_words(gate)


def _samples_forecast(bars: Mapping[str, ScenarioPlan | None], habits: Mapping[str, Habits]) -> Iterator[str]:
    expected = {
        scenario: bar.acceptance.expect(habits[scenario].pass_rate)
        for scenario, bar in bars.items()
        if bar is not None
    }
    dialogues = [found.mean_samples for found in expected.values()]
    most = sum(bar.samples for bar in bars.values() if bar is not None)
    yield f"about {sum(dialogues):.0f} dialogues, and at most {most}"
    yield from _cost_words([habits[scenario] for scenario in expected], dialogues)
    all_pass = math.prod(found.pass_probability for found in expected.values())
    yield (
        f"at these pass rates at least one of {counted(len(expected), 'test')} fails in "
        f"{percent(1 - all_pass)} of runs"
    )
    for scenario, bar in bars.items():
        if bar is not None:
            needed, *risks = plan_words(bar)
            yield f"{scenario}: {needed}"
            yield from (f"  {line}" for line in risks)


def _cost_words(found: Sequence[Habits], dialogues: Sequence[float]) -> Iterator[str]:
    replies = math.fsum(known.replies * n for known, n in zip(found, dialogues, strict=True))
    yield f"about {replies:,.0f} replies from models, without those that are recorded"
    tokens = [known.tokens * n for known, n in zip(found, dialogues, strict=True) if known.tokens is not None]
    if len(tokens) == len(found):
        yield f"about {math.fsum(tokens):,.0f} tokens read and written"
    elif tokens:
        yield (
            f"about {math.fsum(tokens):,.0f} tokens read and written by {len(tokens)} of "
            f"{counted(len(found), 'scenario')}; the others are not known"
        )
