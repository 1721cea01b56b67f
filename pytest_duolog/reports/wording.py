"""Decisions as text: the decision, the difference, the evidence, the risks, and what would settle it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_duolog.display import and_more, counted, listed
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision, Reason
from pytest_duolog.gate.planner import can_pass, rounds_to_pass
from pytest_duolog.gate.samples import SamplesDecision
from pytest_duolog.gate.tally import ScenarioTally
from pytest_duolog.reports.blame_words import blame_words
from pytest_duolog.reports.ends_words import ends_words
from pytest_duolog.reports.numbers import percent, points, range_words
from pytest_duolog.reports.survival_view import survival_words
from pytest_duolog.reports.terminal import usage_words
from pytest_duolog.reports.tries_words import mean_tries_words, tries_words
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.costs import JUDGE, Cost, costs_of
from pytest_duolog.results.filed import of_record
from pytest_duolog.results.plan import FIRST_CANARY, Claim, GatePlan, RunPlan, ScenarioPlan
from pytest_duolog.results.record import RunRecord
from pytest_duolog.stats.intervals import Interval, wilson_interval

# The names of verdicts on samples (a gate's verdict has the name of its decision), and their signs with colours.
VERDICTS = {Decision.PASS: "PASS", Decision.BLOCK: "FAIL", Decision.INCONCLUSIVE: "INCONCLUSIVE"}
SIGNS = {Decision.PASS: "✅", Decision.BLOCK: "❌", Decision.INCONCLUSIVE: "❔"}


# At most this many scenarios are named in the sentence about a BLOCK.
MOST_HARMED_NAMED = 3
# So many tests of a collection have a line each.
MOST_COLLECTED_NAMED = 20

# Why a gate is inconclusive if more rounds would not help, and what would help.
WHY_INCONCLUSIVE = {
    Reason.REPEATS: (
        "every scenario gave the same dialogue again and again, which is the evidence of only one "
        "round (temperature 0, a cache, or a fixed seed?)"
    ),
    Reason.DRIFT: (
        "the baseline has changed, or may have: it passes more or less often than its stored "
        "samples; run without --duolog-baseline, or store new samples"
    ),
    Reason.ERRORS: (
        "the candidate ends in errors more often than the baseline; see the errors below, and run "
        "again when it answers"
    ),
    Reason.UNANSWERED: "no dialogue of the last rounds came to an end; see the errors below",
    Reason.DEPENDENCE: (
        "the dialogues depend on each other (samples that repeat the outcome before them, or rounds "
        "that fail "
        "together): look for shared state, an outage, or a cache"
    ),
}


def plan_words(plan: ScenarioPlan) -> Iterator[str]:
    """What a plan requires, its two risks, and a note if it requires more than its rate."""
    acceptance = plan.acceptance
    needed = f"{acceptance.n_needed} of {counted(plan.samples, 'sample')} must pass"
    if plan.claim is Claim.PROVE:
        yield f"{needed}, which proves a pass rate of {plan.min_pass_rate} with 95 % confidence"
    else:
        yield f"{needed} ({plan.min_pass_rate})"
    yield (
        f"a scenario that passes {percent(acceptance.healthy_rate)} of the time fails this in about 5 "
        "% of runs; "
        f"one that passes {percent(acceptance.broken_rate)} of the time passes it in about 10 %"
    )
    if plan.is_rounded_up:
        yield (
            f"{plan.samples} × {plan.min_pass_rate} is {plan.samples * plan.min_pass_rate.normalize()}, "
            f"not a whole number: {acceptance.n_needed} of {plan.samples} is "
            f"{percent(acceptance.n_needed / plan.samples)}"
        )


def samples_words(decided: SamplesDecision) -> Iterator[str]:
    """The verdict on one scenario, then its explanation."""
    plan = decided.plan
    n = decided.n_passed + decided.n_failed
    stopped = f"; stopped after {decided.stopped_after}" if decided.stopped_after < plan.samples else ""
    counts = f"{decided.n_passed} of {n} passed{_interval_words(decided)}{stopped}"
    yield f"{VERDICTS[decided.decision]}: {_why(decided)}{counts}"
    yield from tries_words(decided.n_passed, n)
    if decided.n_repeated:
        yield (
            f"{counted(decided.stopped_after, 'sample')}, {n} distinct: copies count "
            "once (temperature 0, a cache, or a fixed seed?)"
        )
    yield from plan_words(plan)


def _why(decided: SamplesDecision) -> str:
    if decided.decision is not Decision.INCONCLUSIVE:
        return ""
    if decided.wanted:
        return f"sample {decided.wanted[0]} is missing; "
    plan = decided.plan
    if plan.acceptance.decide(decided.n_passed, decided.n_failed) is None:
        return "too few distinct samples; "
    return f"{plan.samples} samples can no longer show whether the rate reaches {plan.min_pass_rate}; "


def _interval_words(decided: SamplesDecision) -> str:
    n = decided.n_passed + decided.n_failed
    if n == 0:
        return ""
    low, high = wilson_interval(decided.n_passed, n)
    return f" ({percent(decided.n_passed / n)}, 95 % interval {percent(low)} to {percent(high)})"


def gate_words(plan: GatePlan) -> Iterator[str]:
    """The guarantees of a gate."""
    yield (
        f"a candidate whose mean pass rate drops by {points(plan.margin)} or more (the margin) passes "
        "in at most 5 % of gates"
    )
    yield (
        "a candidate that is as good in every scenario is blocked in at most 5 % of gates; between "
        "these, both answers are acceptable"
    )


def hopeless_words(plan: GatePlan, n_scenarios: int) -> str:
    """The warning about a gate that cannot pass, whatever happens; empty for any other gate."""
    if can_pass(plan, n_scenarios):
        return ""
    rounds = rounds_to_pass(plan, n_scenarios)
    how = f"it needs --duolog-rounds={rounds}, or " if rounds else "it needs "
    return (
        f"this gate cannot say PASS: {counted(plan.max_rounds, 'round')} over {counted(n_scenarios, 'scenario')} are "
        f"too few pairs for a margin of {points(plan.margin)}, even if no pair differs; {how}more scenarios or a wider "
        f"--duolog-margin"
    )


def pairs_words(decided: PairsDecision, plan: RunPlan | None = None) -> Iterator[str]:
    """The verdict of a gate, then the models of `plan`, the rates, the costs, and the guarantees."""
    yield f"{decided.decision.upper()}: {_reason_words(decided)}"
    if plan is not None:
        yield from _trial_words(plan)
    rates = [tally.rates for tally in decided.tallies]
    n = sum(rate.n_1 for rate in rates)
    if n:
        baseline, candidate = sum(rate.n_passed_1 for rate in rates), sum(rate.n_passed_2 for rate in rates)
        yield (
            f"baseline {baseline} of {n} passed ({percent(baseline / n)}), candidate {candidate} of {n} "
            f"({percent(candidate / n)}): {_drop_words(decided)}"
        )
    mute = [tally.scenario for tally in decided.tallies if _never_passes(tally)]
    if mute:
        yield (
            f"{len(mute)} of {counted(len(decided.tallies), 'scenario')} never passed in either arm, "
            f"so they cannot get worse: {listed(mute)}"
        )
    repeated = sum(tally.n - tally.n_distinct for tally in decided.tallies)
    if repeated:
        yield f"{counted(n, 'pair')}, {n - repeated} distinct: copies of a dialogue are not new evidence"
    n_errors = decided.n_errors
    if any(n_errors):
        yield (
            f"errors after all retries: baseline {n_errors[0]}, candidate {n_errors[1]}; they count "
            "against a PASS, but not for a BLOCK"
        )
    if decided.design_effect > 1:
        effective = sum(len(tally.pairs) for tally in decided.tallies) / decided.design_effect
        yield f"the dialogues depend on each other: {effective:.0f} pairs' worth of evidence"
    yield (
        f"{decided.n_dialogues} of at most {decided.most_dialogues} dialogues, "
        f"{counted(decided.n_rounds, 'round')} over {counted(len(decided.tallies), 'scenario')}"
    )
    yield from gate_words(decided.plan)


def _trial_words(plan: RunPlan) -> Iterator[str]:
    for role, model in plan.candidate.items():
        yield f"candidate for {role}: {model} instead of {plan.baseline.get(role, 'another model')}"


def shard_words(record: RunRecord, share: Sequence[str]) -> Iterator[str]:
    """The counts of a gate's shard with the scenarios in `share`; it has no verdict, as other shards are missing."""
    plan = record.header.plan
    yield undecided_words(record.header.shard)
    yield from _trial_words(plan)
    counts = []
    for arm in Arm:
        found = [record.passed(scenario, arm) for scenario in share]
        passed, n = sum(one for one, _ in found), sum(of for _, of in found)
        counts.append(f"{arm} {passed} of {n} passed")
    yield f"{', '.join(counts)}, in {len(share)} of {counted(len(plan.scenarios), 'scenario')}"
    yield from error_words(record)


def undecided_words(shard: str) -> str:
    """The text of a gate's shard instead of a verdict."""
    return f"UNDECIDED: this is shard {shard} of a gate; duolog merge decides from the records of all shards"


def _never_passes(tally: ScenarioTally) -> bool:
    rates = tally.rates
    return tally.n > 0 and rates.n_passed_1 == rates.n_passed_2 == 0


def told_drop(decided: PairsDecision) -> tuple[str, float, Interval]:
    """The mean change over the scenarios: what it is called, and how large it is, with its 95 % interval.

    At least one scenario must have been measured.
    """
    measured = [tally.drop for tally in decided.tallies if tally.n]
    drop = sum(measured) / len(measured)
    low, high = decided.drop_interval
    what, change, interval = (
        ("gain", -drop, Interval(-high, -low)) if drop < 0 else ("drop", drop, Interval(low, high))
    )
    return f"mean {what}", change, interval


def _drop_words(decided: PairsDecision) -> str:
    what, change, interval = told_drop(decided)
    return f"{what} {points(change)}, 95 % {range_words(interval)} (descriptive)"


def _reason_words(decided: PairsDecision) -> str:
    margin = points(decided.plan.margin)
    if decided.decision is Decision.PASS:
        return f"the mean pass rate does not drop by {margin} or more"
    if decided.reason is Reason.SCENARIO:
        n, all_ = len(decided.blamed), len(decided.tallies)
        return f"{n} of {counted(all_, 'scenario')} got worse: {listed(decided.blamed)}"
    if decided.decision is Decision.BLOCK:
        harmed = listed([tally.scenario for tally in decided.harmed], most=MOST_HARMED_NAMED)
        return "the candidate passes less often than the baseline" + (
            f", most of all in {harmed}" if harmed else ""
        )
    if decided.reason in WHY_INCONCLUSIVE:
        return WHY_INCONCLUSIVE[decided.reason]
    if decided.reason is Reason.DEAD:
        mute = listed([tally.scenario for tally in decided.tallies if _never_passes(tally)])
        seldom = f" ({mute} never passed)" if mute else ""
        return (
            f"the baseline passes too seldom to get worse by {margin}{seldom}: look at the assertion, "
            "fixture or judge "
            f"that fails"
        )
    missing = missing_words(decided)
    if missing:
        missing += f": {listed([scenario for scenario, _ in decided.wanted])}"
    parts = [missing, canary_words(decided), needed_words(decided)]
    return "; ".join(["the evidence decides neither way", *filter(None, parts)])


def missing_words(decided: PairsDecision) -> str:
    """How many pairs an open round lacks; empty if it lacks none."""
    wanted = decided.wanted
    return f"round {wanted[0][1]} lacks {counted(len(wanted), 'pair')}" if wanted else ""


def canary_words(decided: PairsDecision) -> str:
    """What new samples of a stored baseline would show; empty if none are wanted."""
    if not decided.canaries_wanted:
        return ""
    n = counted(len(decided.canaries_wanted), "new sample")
    return f"{n} of the baseline would show whether it still passes as often as its stored samples"


def needed_words(decided: PairsDecision) -> str:
    """The number of rounds that would settle it, and the option for them if the plan does not allow them.

    Empty if the gate is not in want of evidence, or if other samples would settle it.
    """
    is_short = decided.reason in (Reason.OPEN, Reason.UNDECIDED) and not decided.canaries_wanted
    if not is_short or decided.n_rounds == 0:
        return ""
    if decided.rounds_needed is None:
        return "more rounds like these would not decide it"
    needed = f"about {counted(decided.rounds_needed, 'more round')} needed"
    n_rounds = decided.n_rounds + decided.rounds_needed
    return needed if n_rounds <= decided.plan.max_rounds else f"{needed} (--duolog-rounds={n_rounds})"


def record_words(record: RunRecord, decided: RecordDecision) -> Iterator[str]:
    """The whole text about a record; problems of the record come last."""
    if decided.pairs is not None:
        first, *rest = pairs_words(decided.pairs, record.header.plan)
        yield first
        yield from ends_words(record)
        yield from rest
        yield from survival_words(of_record(record))
        yield from _stored_words(record)
        n_run = 2 * sum(sample.is_measured and sample.arm is Arm.CANDIDATE for sample in record.samples)
        if n_run > decided.pairs.n_dialogues and not decided.is_open:
            yield (
                f"{n_run} dialogues were run; those after the decision do not count (workers of "
                "pytest-xdist and shards run every round)"
            )
    if record.header.plan.collect:
        yield from collection_words(record)
        yield from survival_words(of_record(record))
    if decided.blames:
        yield from blame_words(record, decided)
        yield from cost_lines(record)
        yield from record.damage
        yield from error_words(record)
        return
    for scenario, verdict in decided.scenarios.items():
        first, *rest = samples_words(verdict)
        yield f"{scenario}: {first}"
        yield from (f"  {line}" for line in rest)
    yield from mean_tries_words(record, decided)
    yield from cost_lines(record)
    yield from record.damage
    yield from error_words(record)


def cost_lines(record: RunRecord) -> Iterator[str]:
    """What was asked for in this run, a line for each arm: replies and votes, model time, tokens and money by role."""
    costs = costs_of(record)
    for arm in dict.fromkeys(cost.arm for cost in costs):
        parts = [_cost_words(cost) for cost in costs if cost.arm is arm]
        whose = f" of the {arm}" if record.header.plan.gate is not None else ""
        whose = f" with {arm}" if record.header.plan.blame is not None else whose
        yield f"cost{whose}: {'; '.join(parts)}"


def _cost_words(cost: Cost) -> str:
    noun = "vote" if cost.role == JUDGE else "reply"
    words = usage_words(cost.usage, cost.seconds, cost.gaps).replace("; ", ", ")
    replies = counted(cost.replies, noun, "votes" if noun == "vote" else "replies")
    return f"{cost.role} ({cost.model}) {replies}{f', {words}' if words else ''}"


def _stored_words(record: RunRecord) -> Iterator[str]:
    """How much of the baseline was not run, and what was run to see whether it moved."""
    n_stored = sum(sample.is_stored for sample in record.samples)
    n_anew = sum(sample.is_measured and sample.number >= FIRST_CANARY for sample in record.samples)
    if n_stored:
        yield (
            f"{counted(n_stored, 'sample')} of the baseline stored, and {n_anew} new to see whether it moved since"
        )


def collection_words(record: RunRecord) -> Iterator[str]:
    """What was taken of each scenario, those that pass least first; nothing is judged."""
    plan = record.header.plan
    yield f"COLLECTED: {counted(plan.collect, 'sample')} of each of {counted(len(plan.scenarios), 'test')}, none judged"
    counts = [(*record.passed(scenario), scenario) for scenario in plan.scenarios]
    counts.sort(key=lambda found: found[0] / max(1, found[1]))
    for n_passed, n, scenario in counts[:MOST_COLLECTED_NAMED]:
        low, high = wilson_interval(n_passed, n)
        rate = f" ({percent(n_passed / n)}, 95 % interval {percent(low)} to {percent(high)})" if n else ""
        lacking = f"; {plan.collect - n} could not be had" if n < plan.collect else ""
        yield f"{scenario}: {n_passed} of {n} passed{rate}{lacking}"
    yield from and_more(len(counts), MOST_COLLECTED_NAMED, "tests")


def error_words(record: RunRecord) -> Iterator[str]:
    """The number of attempts that ended in errors, which never count as failures, and the most common error."""
    errors = [sample.problem for sample in record.samples if not sample.is_measured]
    if errors:
        commonest = max(dict.fromkeys(errors), key=errors.count)
        yield (
            f"{len(errors)} of {counted(len(record.samples), 'attempt')} ended in an error, which "
            f"counts neither as pass nor as failure: {commonest or 'no reason given'}"
        )
