"""Baseline and candidate: what passes, what blocks, what is looked at more closely, and what is not yet known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.gate.decide import decide_record, pairs_of
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import LOG_BLOCK, LOG_PASS, PairsDecision, Reason, decide_pairs
from pytest_duolog.gate.tally import Pair
from pytest_duolog.results.plan import GatePlan
from pytest_duolog.results.record import Arm, RunRecord, Sample
from pytest_duolog.stats.differences import TwoRates
from tests.run_records import gate_record, sample

PAIRS = {
    "=": Pair(True, True),
    "-": Pair(True, False),
    "+": Pair(False, True),
    "x": Pair(False, False),
    "r": Pair(True, True, True),
    "m": Pair(True, False, True),
    "p": Pair(False, True, True),
    "c": Pair(True, None),
    "b": Pair(None, True),
    "e": Pair(None, None),
    "?": None,
}
S = 20


def decide(*scenarios: str, plan: GatePlan | None = None) -> PairsDecision:
    """The decision about scenarios `s1`, `s2`, ... of these pairs: `-` got worse, `+` better, `=` and `x` stayed."""
    pairs = {f"s{place}": [PAIRS[pair] for pair in text] for place, text in enumerate(scenarios, start=1)}
    return decide_pairs(plan or GatePlan(), pairs)


def test_equal_arms_pass_at_the_first_look() -> None:
    decided = decide(*["=="] * S)
    assert (decided.decision, decided.reason) == (Decision.PASS, Reason.SUITE)
    assert (decided.n_rounds, decided.n_dialogues, decided.most_dialogues) == (2, 80, 800)
    assert decided.wanted == decided.suspects == decided.blamed == ()
    [look] = decided.looks
    assert (look.round, look.worse, look.same, look.better) == (2, 0, 40, 0)
    assert look.log_pass == pytest.approx(3.2268, abs=1e-3)
    assert look.log_pass >= LOG_PASS


def test_a_suite_that_got_worse_is_blocked() -> None:
    decided = decide(*["-=-", "--=", "=--"] * 4, *["==="] * 8)
    assert (decided.decision, decided.reason, decided.n_rounds) == (Decision.BLOCK, Reason.SUITE, 2)
    assert decided.looks[-1].log_block >= LOG_BLOCK
    assert decided.drop_interval.low > 0.15


def test_one_scenario_that_collapses_is_blamed() -> None:
    decided = decide(*["=" * 20] * 14, *["=+=x" * 5, "x=+=" * 5, "=x=+" * 5, "+=x=" * 5, "=" * 20], "-" * 20)
    assert (decided.decision, decided.reason) == (Decision.BLOCK, Reason.SCENARIO)
    assert (decided.blamed, decided.suspects) == (("s20",), ("s20",))
    assert decided.n_rounds == 2
    assert len(decided.tallies[-1].pairs) == 12
    assert decided.n_dialogues == 2 * (2 * 20 + 10)  # its pairs were run ahead of the others'


def test_scenario_that_lost_a_pair_is_examined_before_the_suite_passes() -> None:
    decided = decide("-=", *["=="] * 39)
    assert (decided.decision, decided.reason) == (Decision.INCONCLUSIVE, Reason.OPEN)
    assert decided.suspects == ("s1",)
    assert decided.wanted == (("s1", 3),)
    cleared = decide("-" + "=" * 19, *["=="] * 39)
    assert (cleared.decision, cleared.blamed, cleared.n_rounds) == (Decision.PASS, (), 2)
    assert 2 < len(cleared.tallies[0].pairs) < 20


def test_pairs_that_were_run_ahead_are_used_again_by_later_rounds() -> None:
    ahead = decide("--" + "=" * 18, *["=+"] * 4)
    assert ahead.suspects == ("s1",)
    assert ahead.wanted == tuple((f"s{n}", 3) for n in range(2, 6))
    assert len(ahead.tallies[0].pairs) > 3


def test_a_suspect_that_is_not_cleared_is_tested_in_the_last_round() -> None:
    plan = GatePlan(max_rounds=8)
    decided = decide("-=-+-+-=", *["=" * 8] * 39, plan=plan)
    assert (decided.decision, decided.reason) == (Decision.PASS, Reason.SUITE)
    worse = decide("-------=", *["=" * 8] * 39, plan=plan)
    assert (worse.decision, worse.reason, worse.blamed) == (Decision.BLOCK, Reason.SCENARIO, ("s1",))


def test_errors_count_against_a_pass_and_not_towards_a_block() -> None:
    plan = GatePlan("0.2", 6)
    assert decide(*["=" * 6] * S, plan=plan).decision is Decision.PASS
    failing = decide(*["c" * 6] * 10, *["=" * 6] * 10, plan=plan)
    assert (failing.decision, failing.reason) == (Decision.INCONCLUSIVE, Reason.ERRORS)
    assert failing.n_errors == (0, 60)
    assert failing.looks[-1].log_block == pytest.approx(0)
    helped = decide(*["b" * 6] * 10, *["=" * 6] * 10, plan=plan)
    assert (helped.decision, helped.n_errors[0]) == (Decision.PASS, helped.n_rounds * 10)


def test_one_error_does_not_end_a_gate() -> None:
    decided = decide("c" + "=" * 19, *["=" * 20] * 9)
    assert (decided.decision, decided.n_errors) == (Decision.PASS, (0, 1))


def test_gate_that_nobody_answers_ends() -> None:
    decided = decide(*["ee"] * S)
    assert (decided.decision, decided.reason, decided.wanted) == (
        Decision.INCONCLUSIVE,
        Reason.UNANSWERED,
        (),
    )
    later = decide(*["=" + "ee"] * S)
    assert later.reason is Reason.UNANSWERED


@pytest.mark.parametrize("alive", [0, 1])
def test_suite_that_cannot_get_worse_by_the_margin_does_not_pass(alive: int) -> None:
    decided = decide(*["=" * 20] * alive, *["x" * 20] * (S - alive))
    assert (decided.decision, decided.reason) == (Decision.INCONCLUSIVE, Reason.DEAD)
    assert decided.rounds_needed is None


def test_whole_rounds_that_fail_together_are_one_observation() -> None:
    together = decide(*["=-=="] * S)
    assert together.decision is Decision.INCONCLUSIVE
    assert together.design_effect > 10
    apart = decide(*["=-=="] * 5, *["-==="] * 5, *["==-="] * 5, *["===-"] * 5)
    assert apart.design_effect == 1


def test_stored_samples_stand_against_one_of_the_candidate_by_their_mean() -> None:
    pairs = {str(s): [Pair(2 / 3, True, n_baseline=3)] * 2 for s in range(S)}
    decided = decide_pairs(GatePlan(), pairs)
    assert decided.decision is Decision.PASS
    assert decided.tallies[0].drop == pytest.approx(-1 / 3)
    assert decided.tallies[0].rates == TwoRates(4, 6, 2, 2)


def test_few_scenarios_may_need_the_last_round() -> None:
    plan = GatePlan("0.20", 40)
    assert decide("=" * 40, plan=plan).n_rounds == 19
    decided = decide(*["=" * 10 + "-" + "=" * 9] * 2)
    assert (decided.decision, decided.reason) == (Decision.INCONCLUSIVE, Reason.UNDECIDED)
    assert decided.rounds_needed is not None
    assert decide("=" * 20).reason is Reason.UNDECIDED


@pytest.mark.parametrize(
    ("scenarios", "wanted"),
    [
        (["", ""], (("s1", 1), ("s2", 1))),
        (["==", "="], (("s2", 2),)),
        (["?=====", "======"], (("s1", 1),)),
        (["===", "==="], (("s1", 4), ("s2", 4))),
    ],
    ids=["none", "one is behind", "hole", "next round"],
)
def test_an_open_round_names_the_pairs_it_lacks(
    scenarios: list[str], wanted: tuple[tuple[str, int], ...]
) -> None:
    decided = decide(*scenarios)
    assert (decided.decision, decided.reason, decided.wanted) == (Decision.INCONCLUSIVE, Reason.OPEN, wanted)


def test_rounds_still_needed_are_projected() -> None:
    decided = decide(*["===="] * 5)
    assert decided.rounds_needed == 4
    assert decide(*["=" * 8] * 5).decision is Decision.PASS
    assert decide("=", "x").rounds_needed is not None
    assert decide("", "").rounds_needed is None


@pytest.mark.parametrize(
    ("scenarios", "decision"),
    [
        (["=" * 20] * S, Decision.PASS),
        (["-" * 20] * S, Decision.BLOCK),
        (["x" * 20] * S, Decision.INCONCLUSIVE),
        (["="], Decision.INCONCLUSIVE),
        (["-" * 20], Decision.BLOCK),
    ],
    ids=["20 v 20", "20 to 0", "0 v 0", "one pair", "one scenario to 0"],
)
def test_tables_without_variation(scenarios: list[str], decision: Decision) -> None:
    assert decide(*scenarios).decision is decision


def test_one_round_can_be_the_last() -> None:
    plan = GatePlan(max_rounds=1)
    assert decide(*["="] * 120, plan=plan).decision is Decision.PASS
    assert decide(*["-"] * 80, plan=plan).decision is Decision.BLOCK
    assert decide("=", plan=plan).decision is Decision.INCONCLUSIVE


def test_the_same_dialogue_over_and_over_never_passes() -> None:
    decided = decide(*["=" + "r" * 19] * 60)
    assert (decided.decision, decided.reason, decided.n_rounds) == (Decision.INCONCLUSIVE, Reason.REPEATS, 3)
    assert decided.rounds_needed is None
    assert {tally.n_distinct for tally in decided.tallies} == {1}


def test_copies_of_a_loss_are_not_asked_for_ahead_of_the_rounds() -> None:
    decided = decide("-" + "m" * 19)
    assert (decided.decision, decided.reason, decided.n_rounds) == (Decision.INCONCLUSIVE, Reason.REPEATS, 3)
    assert [len(tally.pairs) for tally in decided.tallies] == [3]
    beside = decide("-" + "m" * 19, *["==="] * 6)
    assert {len(tally.pairs) for tally in beside.tallies} == {3}


def test_the_worst_scenarios_are_known() -> None:
    decided = decide("---", "--=", "=-+", *["==="] * 17)
    assert [tally.scenario for tally in decided.harmed] == ["s1", "s2"]


def test_repeats_are_evidence_against_a_decision_only() -> None:
    assert decide(*["==="] * S).decision is Decision.PASS
    assert decide(*["=rr"] * S).decision is Decision.INCONCLUSIVE
    repeated, fresh = (decide(*[losses] * 2, *["=="] * 18).looks[0] for losses in ("-m", "--"))
    assert repeated.log_block < fresh.log_block
    assert repeated.log_pass == fresh.log_pass
    repeated, fresh = (decide(*[wins] * 4, *["-=="] * 16).looks[-1] for wins in ("+pp", "+++"))
    assert repeated.log_pass < fresh.log_pass
    assert repeated.log_block == fresh.log_block


pair = st.sampled_from([pair for pair in PAIRS.values() if pair is not None])
rounds = st.integers(1, 8)


@settings(max_examples=60)
@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(pair, min_size=n, max_size=n), min_size=1, max_size=20)
    )
)
def test_repeats_never_bring_a_decision_sooner(grid: list[list[Pair]]) -> None:
    def of(rows: list[list[Pair]]) -> PairsDecision:
        return decide_pairs(
            GatePlan("0.3"), {str(i): list(column) for i, column in enumerate(zip(*rows, strict=True))}
        )

    cautious = of(grid)
    fresh = of([[Pair(pair.baseline, pair.candidate) for pair in row] for row in grid])
    if (
        cautious.decision is not Decision.INCONCLUSIVE
        and cautious.reason is Reason.SUITE
        and not cautious.suspects
    ):
        assert fresh.n_rounds <= cautious.n_rounds


@settings(max_examples=20)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([0.5, 0.8, 0.95, 1.0]),
    st.sampled_from([0.3, 0.8, 1.0]),
)
def test_rounds_beyond_the_decision_change_nothing(rng: random.Random, base: float, cand: float) -> None:
    whole = {str(s): [Pair(rng.random() < base, rng.random() < cand) for _ in range(20)] for s in range(8)}
    full = decide_pairs(GatePlan(), whole)
    assert full.wanted == ()
    used = {tally.scenario: len(tally.pairs) for tally in full.tallies}
    for n in range(21):
        part = decide_pairs(GatePlan(), {scenario: pairs[:n] for scenario, pairs in whole.items()})
        if n < max(used.values()):
            assert part.decision is Decision.INCONCLUSIVE
            assert {number for _, number in part.wanted} == {n + 1}
        else:
            assert part == full
    assert (
        decide_pairs(GatePlan(), {scenario: pairs[: used[scenario]] for scenario, pairs in whole.items()})
        == full
    )


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_asking_for_what_is_wanted_ends_with_the_same_decision(rng: random.Random) -> None:
    """The way it is driven: only the wanted pairs are run, in any order of completion."""
    whole = {str(s): [Pair(rng.random() < 0.9, rng.random() < 0.8) for _ in range(20)] for s in range(4)}
    known: dict[str, list[Pair | None]] = {scenario: [] for scenario in whole}
    decided = decide_pairs(GatePlan(), known)
    while decided.wanted:
        for scenario, number in rng.sample(decided.wanted, len(decided.wanted)):
            known[scenario] += [None] * (number - len(known[scenario]))
            known[scenario][number - 1] = whole[scenario][number - 1]
        decided = decide_pairs(GatePlan(), known)
    assert decided == decide_pairs(GatePlan(), whole)


def simulated(
    base: list[float], cand: list[float], n: int, *, cap: int = 20, margin: str = "0.10"
) -> list[PairsDecision]:
    rng = random.Random(42)
    plan = GatePlan(margin, cap)
    return [
        decide_pairs(
            plan,
            {
                str(s): [Pair(rng.random() < b, rng.random() < c) for _ in range(cap)]
                for s, (b, c) in enumerate(zip(base, cand, strict=True))
            },
        )
        for _ in range(n)
    ]


def share(decisions: list[PairsDecision], decision: Decision) -> float:
    return sum(found.decision is decision for found in decisions) / len(decisions)


@pytest.mark.parametrize(("candidate", "decision"), [(0.8, Decision.PASS), (0.65, Decision.BLOCK)])
def test_the_last_round_can_decide(candidate: float, decision: Decision) -> None:
    decisions = simulated([0.8] * 10, [candidate] * 10, 40)
    last = [found for found in decisions if found.reason is Reason.LAST_ROUND]
    assert {found.decision for found in last} == {decision}
    assert all(found.n_rounds == 20 for found in last)


SPREAD = [0.86 + 0.14 * place / 19 for place in range(S)]


@pytest.mark.parametrize("base", [[1.0] * S, [0.98] * S, SPREAD], ids=["1.00", "0.98", "0.93"])
def test_an_equal_candidate_passes(base: list[float]) -> None:
    decisions = simulated(base, base, 150)
    assert share(decisions, Decision.PASS) >= 0.95


def test_a_drop_of_the_margin_is_blocked() -> None:
    decisions = simulated([0.93] * S, [0.83] * S, 150)
    assert share(decisions, Decision.PASS) <= 0.05
    assert share(decisions, Decision.BLOCK) >= 0.93


def test_one_scenario_of_twenty_that_breaks_is_blocked() -> None:
    decisions = simulated(SPREAD, [*SPREAD[:-1], 0.2], 150)
    assert share(decisions, Decision.BLOCK) >= 0.95


def test_pairs_are_made_of_both_arms() -> None:
    record = gate_record({"a": ("++-! ", "+-+++"), "b": ("+", "")})
    assert pairs_of(record) == {"a": [PAIRS["="], PAIRS["-"], PAIRS["+"], None, None], "b": [None]}


def test_a_pair_repeats_if_either_arm_does() -> None:
    samples: list[Sample] = []
    for number, (before, after) in enumerate([("x", "y"), ("x", "z"), ("w", "y"), ("v", "x")], start=1):
        samples += [sample("a", number, says=before), sample("a", number, arm=Arm.CANDIDATE, says=after)]
    record = RunRecord(gate_record({"a": ("", "")}).header, tuple(samples))
    assert [pair and pair.is_repeat for pair in pairs_of(record)["a"]] == [False, True, True, False]


def test_a_pair_repeats_what_another_scenario_said_in_its_round() -> None:
    samples = [
        sample(scenario, number, arm=arm, says=f"{arm} {says}")
        for scenario, said in {"a": "xyz", "b": "xvy"}.items()
        for number, says in enumerate(said, start=1)
        for arm in Arm
    ]
    record = RunRecord(gate_record({"a": ("", ""), "b": ("", "")}).header, tuple(samples[::-1]))
    repeats = {name: [pair and pair.is_repeat for pair in pairs] for name, pairs in pairs_of(record).items()}
    assert repeats == {"a": [False, False, False], "b": [True, False, True]}


def test_suite_in_which_every_test_holds_one_dialogue_has_one_scenario_of_evidence() -> None:
    record = gate_record({str(s): ("+++", "+++") for s in range(S)})
    copies = [
        one.model_copy(update={"dialogues": sample("0", one.number, says=str(one.number)).dialogues})
        for one in record.samples
    ]
    decided = decide_record(RunRecord(record.header, tuple(copies))).pairs
    assert decided is not None
    assert decided.decision is Decision.INCONCLUSIVE
    assert [tally.n_distinct for tally in decided.tallies] == [3, *[0] * (S - 1)]


def test_a_record_with_a_gate_is_decided_by_it() -> None:
    decided = decide_record(gate_record({str(s): ("+++", "+++") for s in range(S)}))
    assert decided.decision is Decision.PASS
    assert decided.scenarios == {}


def test_a_gate_needs_scenarios() -> None:
    with pytest.raises(ValueError, match="a gate needs scenarios"):
        decide_pairs(GatePlan(), {})


def test_large_margins_and_counts_stay_finite() -> None:
    plan = GatePlan("0.99", 500)
    decided = decide("-x=+" * 125, plan=plan)
    assert all(math.isfinite(look.log_pass) and math.isfinite(look.log_block) for look in decided.looks)


def test_a_scenario_ahead_that_collapsed_blocks_before_the_first_round():
    lost, same = Pair(1.0, False), Pair(1.0, True)
    pairs = {"a": [same] * 20, "b": [lost] * 20}
    found = decide_pairs(GatePlan(), pairs, ["b"])
    assert (found.decision, found.blamed, found.n_rounds) == (Decision.BLOCK, ("b",), 0)
    assert [len(tally.pairs) for tally in found.tallies] == [0, found.n_dialogues // 2]


def test_a_scenario_ahead_that_is_well_costs_nothing():
    pairs = {name: [Pair(1.0, True)] * 20 for name in "abcde"}
    found = decide_pairs(GatePlan(), pairs, ["b"])
    assert (found.decision, found.n_dialogues) == (
        Decision.PASS,
        decide_pairs(GatePlan(), pairs).n_dialogues,
    )


def test_pairs_ahead_are_wanted_first():
    pairs = {name: [] for name in "abc"}
    assert decide_pairs(GatePlan(), pairs, ["b"]).wanted == (("b", 1),)
