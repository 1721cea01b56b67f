"""Which side carries a failure: the decision, its error rates, and where the failure begins."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.gate.blame import (
    Carrier,
    Cell,
    Round,
    Why,
    _looks,
    _p,
    copies_by_pairing,
    decide_blame,
    onset_of,
    rounds_of,
    rounds_to_name,
)
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.results.arm import Arm, Pairing
from pytest_duolog.results.dialogue_result import Citation, DialogueResult, PropertyResult
from pytest_duolog.results.plan import BlamePlan
from pytest_duolog.results.record import Sample, SampleOutcome
from pytest_duolog.stats.binomial import binomial_pmf
from pytest_duolog.stats.power import samples_to_tell
from pytest_duolog.transcripts.transcript import Message, Transcript

PLAN = BlamePlan()
A_ALWAYS = Round(both=True, only_a=True, only_b=False, neither=False)
B_ALWAYS = Round(both=True, only_a=False, only_b=True, neither=False)
EITHER = Round(both=True, only_a=True, only_b=True, neither=False)
TOGETHER = Round(both=True, only_a=False, only_b=False, neither=False)
NEVER = Round(both=False, only_a=False, only_b=False, neither=False)
ALWAYS = Round(both=True, only_a=True, only_b=True, neither=True)


def held(rounds: Sequence[Round | Why], plan: BlamePlan = PLAN):
    """The decision as a run would reach it: only rounds that are wanted are held."""
    done: list[Round | Why] = []
    while wanted := decide_blame(plan, done).wanted:
        done.append(rounds[wanted[0] - 1])
    return decide_blame(plan, done)


def simulated(rates: Sequence[float], drawn: random.Random, plan: BlamePlan = PLAN):
    rounds = [Round(*(drawn.random() < rate for rate in rates)) for _ in range(plan.max_rounds)]
    return decide_blame(plan, rounds)


@pytest.mark.parametrize(
    ("one", "carrier", "why", "n_rounds"),
    [
        (A_ALWAYS, Carrier.A, Why.NAMED, 7),
        (B_ALWAYS, Carrier.B, Why.NAMED, 7),
        (TOGETHER, Carrier.UNKNOWN, Why.TOGETHER, 7),
        (EITHER, Carrier.UNKNOWN, Why.EITHER, 7),
        (NEVER, Carrier.UNKNOWN, Why.UNSEEN, 9),  # it hardly fails in the rest
        (ALWAYS, Carrier.UNKNOWN, Why.ALIKE, 9),
    ],
    ids=["a", "b", "together", "either", "never", "always"],
)
def test_clear_cases_end_early(one, carrier, why, n_rounds):
    found = held([one] * 40)
    assert (found.carrier, found.why, found.n_rounds, found.wanted) == (carrier, why, n_rounds, ())


def test_a_failure_of_the_exchanged_pairing_does_not_hide_the_side():
    found = held([Round(both=True, only_a=True, only_b=False, neither=True)] * 40)
    assert found.carrier is Carrier.A


def test_the_fewest_rounds_are_enough_for_a_clear_case():
    assert held([A_ALWAYS] * 6, BlamePlan(6)).carrier is Carrier.A
    with pytest.raises(ConfigurationError, match="5 rounds are too few"):
        BlamePlan(5)


@pytest.mark.parametrize("why", [Why.COPIES, Why.UNANSWERED])
def test_rounds_that_do_not_count_name_nobody_and_end_early(why):
    found = held([A_ALWAYS, *[why] * 39])
    assert (found.carrier, found.why, found.n_rounds, found.n_left_out) == (Carrier.UNKNOWN, why, 1, 2)


def test_single_errors_are_left_out_and_said():
    found = held([A_ALWAYS, Why.UNANSWERED, *[A_ALWAYS] * 38])
    assert (found.carrier, found.n_rounds, found.n_left_out) == (Carrier.A, 7, 1)


def test_no_round_wants_the_first():
    found = decide_blame(PLAN, [])
    assert (found.carrier, found.why, found.wanted) == (Carrier.UNKNOWN, Why.OPEN, (1,))


@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=40, max_size=40))
def test_rounds_after_the_end_change_nothing(outcomes):
    rounds = [Round(*one) for one in outcomes]
    assert held(rounds) == decide_blame(PLAN, rounds)


@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=40, max_size=40))
def test_exchanging_the_sides_exchanges_the_answer(outcomes):
    rounds = [Round(*one) for one in outcomes]
    exchanged = [Round(one.both, one.only_b, one.only_a, one.neither) for one in rounds]
    swap = {Carrier.A: Carrier.B, Carrier.B: Carrier.A, Carrier.UNKNOWN: Carrier.UNKNOWN}
    found, other = decide_blame(PLAN, rounds), decide_blame(PLAN, exchanged)
    assert (other.carrier, other.why, other.n_rounds) == (swap[found.carrier], found.why, found.n_rounds)


def answers(rates: Sequence[float], n: int, plan: BlamePlan = PLAN) -> Counter[Carrier | Why]:
    drawn = random.Random(str(rates))
    found = [simulated(rates, drawn, plan) for _ in range(n)]
    return Counter(one.why if one.carrier is Carrier.UNKNOWN else one.carrier for one in found)


@pytest.mark.parametrize(
    ("high", "low", "n"),
    [
        *((0.6, 0.1, 40), (0.9, 0.5, 40)),
        *(
            pytest.param(high, low, 400, marks=pytest.mark.slow)
            for high, low in ((0.95, 0.05), (0.7, 0.05), (0.6, 0.1), (0.5, 0.05), (0.9, 0.5))
        ),
    ],
)
@pytest.mark.parametrize("place", [1, 2], ids=["a", "b"])
def test_one_faulty_side_is_named(place, high, low, n):
    rates = [high, low, low, low]
    rates[place] = high
    found = answers(rates, n)
    assert found[Carrier.A if place == 1 else Carrier.B] >= 0.9 * n


@pytest.mark.parametrize("n", [40, pytest.param(400, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize(
    ("rates", "whys"),
    [
        *(((rate,) * 4, (Why.ALIKE, Why.UNSEEN)) for rate in (0.0, 0.3, 0.5, 0.7, 1.0)),
        ((0.7, 0.7, 0.7, 0.05), (Why.EITHER,)),
        ((0.9, 0.7, 0.7, 0.0), (Why.EITHER,)),
        ((0.7, 0.05, 0.05, 0.05), (Why.TOGETHER,)),
        ((0.6, 0.1, 0.1, 0.1), (Why.TOGETHER,)),
    ],
    ids=str,
)
def test_nobody_is_named_where_neither_or_both_are_faulty(rates, whys, n):
    found = answers(rates, n)
    assert found[Carrier.A] + found[Carrier.B] <= 0.05 * n
    assert sum(found[why] for why in whys) >= 0.9 * n


def names_by_chance(plan: BlamePlan, rate: float) -> float:
    """The chance that the first comparison is passed at some look, by recursion, if both suspects fail at this rate."""
    left = {(0, 0): 1.0}
    passed, before = 0.0, 0
    for n, level in sorted(dict(_looks(plan)).items()):
        chances = [binomial_pmf(k, n - before, rate) for k in range(n - before + 1)]
        after: dict[tuple[int, int], float] = Counter()
        for (one, other), chance in left.items():
            for more_one, p_one in enumerate(chances):
                for more_other, p_other in enumerate(chances):
                    after[one + more_one, other + more_other] += chance * p_one * p_other
        left = {}
        for (one, other), chance in after.items():
            if _p(Cell(one, n), Cell(other, n)) <= level:
                passed += chance
            else:
                left[one, other] = chance
        before = n
    return passed


@pytest.mark.parametrize(
    "n_rounds", [6, 9, 13, *(pytest.param(n, marks=pytest.mark.slow) for n in (20, 30, 40, 60))]
)
def test_all_looks_together_name_one_of_two_equal_suspects_in_at_most_five_percent(n_rounds):
    assert max(names_by_chance(BlamePlan(n_rounds), rate) for rate in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)) <= 0.05


def test_the_advice_is_enough_rounds():
    rates = (0.4, 0.4, 0.1, 0.1)
    mixed = [at * 7 % 20 for at in range(20)]
    in_twenty = [Round(at < 11, at < 11, at < 5, at < 5) for at in mixed]
    decided = decide_blame(BlamePlan(20), in_twenty)
    found = rounds_to_name(decided)
    assert found is not None
    carrier, n_rounds = found
    assert (carrier, decided.why) == (Carrier.A, Why.ALIKE)
    assert n_rounds > 20
    plan = BlamePlan(samples_to_tell(0.4, 0.1, level=0.035, power=0.95))
    assert answers(rates, 60, plan)[Carrier.A] >= 0.85 * 60
    for one in (ALWAYS, NEVER, A_ALWAYS):
        assert rounds_to_name(held([one] * 40)) is None
    assert rounds_to_name(decide_blame(PLAN, in_twenty)) is None  # it goes on


# Samples


def sample(arm: Arm, number: int, *, failed: bool, words: str = "", at: int | None = None) -> Sample:
    messages = tuple(Message(speaker="AB"[n % 2], content=f"{words} {arm} {number} {n}") for n in range(6))
    verdict = PropertyResult(
        property="NoLoops()",
        outcome=Outcome.FAILS if failed else Outcome.HOLDS,
        explanation="it loops",
        evidence=(Citation(message=at),) if at else (),
    )
    transcript = Transcript(speakers=({"name": "A"}, {"name": "B"}), messages=messages)
    return Sample(
        scenario="test_it",
        number=number,
        arm=arm,
        outcome=SampleOutcome.FAILED if failed else SampleOutcome.PASSED,
        dialogues=(DialogueResult(transcript=transcript, verdicts=(verdict,)),),
    )


def test_only_complete_rounds_are_taken():
    samples = [sample(arm, number, failed=arm is Pairing.BOTH) for number in (1, 2) for arm in Pairing][:-1]
    assert rounds_of(samples) == [TOGETHER]


def test_errors_that_stay_and_copies_do_not_count():
    samples = [sample(arm, number, failed=False) for number in (1, 2, 3) for arm in Pairing]
    lost = samples[0].model_copy(update={"outcome": SampleOutcome.ERROR, "is_given_up": True})
    copy = samples[4].model_copy(update={"number": 3})
    assert rounds_of([lost, *samples[1:8], copy, *samples[9:]]) == [Why.UNANSWERED, NEVER, Why.COPIES]


def test_the_pairing_that_repeats_itself_is_known():
    samples = [
        sample(arm, number, failed=False, words="" if arm is not Pairing.ONLY_A else "again")
        for number in (1, 2, 3)
        for arm in Pairing
    ]
    first = next(one for one in samples if one.arm is Pairing.ONLY_A)
    repeating = [
        one.model_copy(update={"dialogues": first.dialogues}) if one.arm is Pairing.ONLY_A else one
        for one in samples
    ]
    assert copies_by_pairing(samples) == {}
    assert copies_by_pairing(repeating) == {Pairing.ONLY_A: 2}
    assert rounds_of(repeating)[1:] == [Why.COPIES, Why.COPIES]


def test_the_onset_is_the_median_of_the_first_evidence():
    found = onset_of(
        [sample(Pairing.BOTH, n, failed=True, at=at) for n, at in enumerate((2, 4, 4, 3), start=1)]
        + [sample(Pairing.BOTH, 5, failed=True), sample(Pairing.BOTH, 6, failed=False, at=1)]
    )
    assert found is not None
    assert (found.messages, found.n, found.n_untold) == ((3.5, 2, 4), 4, 1)
    assert found.speakers == (("B", 3), ("A", 1))


def test_the_onset_is_that_of_the_property_that_the_test_asserts():
    one = sample(Pairing.BOTH, 1, failed=True, at=2)
    (dialogue,) = one.dialogues
    (verdict,) = dialogue.verdicts
    asserted = verdict.model_copy(
        update={
            "property": "NeverSays('x')",
            "evidence": tuple(Citation(message=4) for _ in verdict.evidence),
        }
    )
    both = dialogue.model_copy(update={"verdicts": (verdict, asserted)})
    change = {"dialogues": (both,), "problem": f"assert {asserted.property} fails: 'x' is in message 4"}
    found = onset_of([one.model_copy(update=change)])
    assert found is not None
    assert found.messages.median == 4


def test_without_evidence_there_is_no_onset():
    assert (
        onset_of([sample(Pairing.BOTH, 1, failed=True), sample(Pairing.BOTH, 2, failed=False, at=3)]) is None
    )
