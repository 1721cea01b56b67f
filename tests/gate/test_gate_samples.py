"""One scenario against its bar: decided in launch order, no sooner and no later than the plan says."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.samples import SamplesDecision, Trial, decide_samples, repeats_in
from pytest_duolog.results.plan import ScenarioPlan
from pytest_duolog.results.record import RunRecord, Sample
from tests.run_records import bar_record, sample

PLAN = ScenarioPlan(20, "0.9")
TRIALS = {"+": Trial(True), "-": Trial(False), "=": Trial(True, True), "~": Trial(False, True), "?": None}


def decide(outcomes: str, plan: ScenarioPlan = PLAN) -> SamplesDecision:
    return decide_samples(plan, [TRIALS[outcome] for outcome in outcomes])


@pytest.mark.parametrize(
    ("outcomes", "decision", "stopped_after"),
    [
        ("+" * 12, Decision.PASS, 12),
        ("+" * 20, Decision.PASS, 12),
        ("-" + "+" * 19, Decision.PASS, 19),
        ("+++" + "--" + "+" * 15, Decision.PASS, 20),
        ("--" + "+" * 18, Decision.BLOCK, 2),
        ("+" * 10 + "---", Decision.BLOCK, 13),
        ("++--", Decision.BLOCK, 4),
    ],
    ids=["clean", "beyond the stop", "one", "two", "at once", "late", "early"],
)
def test_a_bar_of_nine_in_ten(outcomes: str, decision: Decision, stopped_after: int) -> None:
    decided = decide(outcomes)
    assert (decided.decision, decided.stopped_after, decided.wanted) == (decision, stopped_after, ())


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [("", 1), ("+++", 4), ("++?+++++++++", 3), ("?" + "-" * 9, 1)],
    ids=["none", "some", "hole", "first"],
)
def test_nothing_counts_before_what_was_launched_earlier(outcomes: str, wanted: int) -> None:
    decided = decide(outcomes)
    assert decided.decision is Decision.INCONCLUSIVE
    assert decided.wanted == (wanted,)
    assert decided.stopped_after == wanted - 1


@pytest.mark.parametrize(
    ("outcomes", "decision", "n_repeated"),
    [
        ("+" + "=" * 19, Decision.INCONCLUSIVE, 2),
        ("-" + "~" * 19, Decision.INCONCLUSIVE, 2),
        ("+=" * 10, Decision.INCONCLUSIVE, 9),
        ("+++=+++++++++", Decision.PASS, 1),
        ("--~", Decision.BLOCK, 0),
    ],
    ids=["one text", "one failing text", "half", "one repeat", "failed before"],
)
def test_what_is_said_again_counts_once(outcomes: str, decision: Decision, n_repeated: int) -> None:
    decided = decide(outcomes)
    assert (decided.decision, decided.n_repeated, decided.wanted) == (decision, n_repeated, ())


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ("+" * 29, Decision.PASS),
        ("+" * 28 + "-", Decision.INCONCLUSIVE),
        ("+-" + "+" * 27, Decision.INCONCLUSIVE),
        ("-", Decision.INCONCLUSIVE),
        ("+" * 3 + "-", Decision.INCONCLUSIVE),
    ],
)
def test_a_proof_that_fails_is_no_disproof(outcomes: str, decision: Decision) -> None:
    plan = ScenarioPlan(29, "0.9", "prove")
    assert decide(outcomes, plan).decision is decision


def test_a_proof_can_show_the_opposite() -> None:
    plan = ScenarioPlan(60, "0.9", "prove")
    assert decide("--" + "+" * 58, plan).decision is Decision.BLOCK


@given(st.lists(st.booleans(), max_size=20))
def test_more_samples_never_change_a_decision(outcomes: list[bool]) -> None:
    first = decide_samples(PLAN, [Trial(outcome) for outcome in outcomes])
    if first.decision is not Decision.INCONCLUSIVE:
        for more in (True, False):
            later = [*outcomes, *[more] * (20 - len(outcomes))]
            assert decide_samples(PLAN, [Trial(outcome) for outcome in later]) == first


@pytest.mark.parametrize(("rate", "passes", "most_off"), [(0.755, 0.10, 0.025), (0.958, 0.95, 0.02)])
def test_slow_failures_do_not_pass(rate: float, passes: float, most_off: float) -> None:
    """Eight workers, failing samples take four times as long, and each one that ends asks the gate."""
    rng = random.Random(5)
    n = 2000
    n_passed = sum(first_answer(rng, rate) is Decision.PASS for _ in range(n))
    assert n_passed / n == pytest.approx(passes, abs=most_off)


def first_answer(rng: random.Random, rate: float) -> Decision:
    """What the gate says first, asked whenever a sample ends."""
    known: list[Trial | None] = []
    running: list[tuple[float, int, bool]] = []
    now = 0.0
    for number in range(20):
        if len(running) == 8:
            now, done, passed = heapq.heappop(running)
            known[done] = Trial(passed)
            decided = decide_samples(PLAN, known)
            if decided.decision is not Decision.INCONCLUSIVE:
                return decided.decision
        known.append(None)
        passed = rng.random() < rate
        heapq.heappush(running, (now + (1 if passed else 4), number, passed))
    while running:
        _, done, passed = heapq.heappop(running)
        known[done] = Trial(passed)
        decided = decide_samples(PLAN, known)
        if decided.decision is not Decision.INCONCLUSIVE:
            return decided.decision
    raise AssertionError("twenty samples always decide")


def test_repeats_are_told_by_their_words() -> None:
    samples = [
        sample(number=number, says=says) for number, says in enumerate(["x", "y", "x", "", "", "y"], start=1)
    ]
    assert repeats_in(samples) == {("a", 3), ("a", 6)}


def test_the_same_words_are_no_copies_once_they_passed_and_failed() -> None:
    samples = [sample("a", number, outcome, says="x") for number, outcome in enumerate("++-+-", start=1)]
    assert repeats_in(samples) == {("a", 2)}


def test_samples_that_fail_with_words_that_passed_before_do_not_vanish(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        TAKEN = []

        def bot(messages):
            return f"line {len(TAKEN) // 2} and {len(messages)}"

        @pytest.mark.dialogue(a=bot, b="scripted:farewell", turns=2, samples=30, min_pass_rate=0.6)
        def test_every_second_fails(dialogue):
            assert dialogue.messages
            TAKEN.append(1)
            assert len(TAKEN) % 2
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "-q")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_every_second_fails: FAIL: 13 of 26 passed (50 %,*"])


def test_errors_are_not_counted_and_leave_a_hole() -> None:
    record = bar_record({"a": "+" * 5 + "!" + "+" * 14})
    decided = decide_record(record).scenarios["a"]
    assert (decided.decision, decided.wanted) == (Decision.INCONCLUSIVE, (6,))
    again = sample("a", 6, "+", attempt=2)
    decided = decide_record(RunRecord(record.header, (*record.samples, again))).scenarios["a"]
    assert (decided.decision, decided.stopped_after) == (Decision.PASS, 12)


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ({"a": "+" * 12, "b": "+" * 12}, Decision.PASS),
        ({"a": "+" * 12, "b": "+" * 3}, Decision.INCONCLUSIVE),
        ({"a": "---", "b": "+" * 3}, Decision.BLOCK),
    ],
)
def test_the_worst_scenario_decides_the_record(outcomes: dict[str, str], decision: Decision) -> None:
    assert decide_record(bar_record(outcomes)).decision is decision


def drawn(number: int, draws: tuple[str, ...], latency_ms: float = 900) -> Sample:
    """A sample with the same words as all others of its kind."""
    one = sample("a", number, says="Hello.")
    [dialogue] = one.dialogues
    [message] = dialogue.transcript.messages
    messages = (message.model_copy(update={"latency_ms": latency_ms}),)
    transcript = dialogue.transcript.model_copy(update={"messages": messages})
    dialogue = dialogue.model_copy(update={"transcript": transcript, "draws": draws})
    return one.model_copy(update={"dialogues": (dialogue,)})


@pytest.mark.parametrize(
    ("samples", "copies"),
    [
        ([drawn(1, ("a", "b")), drawn(2, ("c", "d")), drawn(3, ("e", "f"))], set()),
        ([drawn(1, ("a", "b")), drawn(2, ("c", "b")), drawn(3, ("c", "d"))], {2}),
        ([drawn(1, ("a",)), drawn(2, ()), drawn(3, ("b",))], {2}),
        ([drawn(1, ()), drawn(2, ("a",)), drawn(3, ("b",))], {2, 3}),
        ([drawn(1, ("a",)), drawn(2, ("b",), 100), drawn(3, ("c",), 400)], {2}),
    ],
    ids=["each drawn", "one shared", "one unknown", "the first unknown", "too quick"],
)
def test_same_words_of_different_draws_are_samples_of_their_own(
    samples: list[Sample], copies: set[int]
) -> None:
    assert {number for _, number in repeats_in(samples)} == copies


def test_samples_that_can_no_longer_decide_are_not_asked_for() -> None:
    assert decide("+==").wanted == ()
    assert decide("+=").wanted == (3,)
    assert decide("++" + "=" * 16).wanted == (19,)  # two failures would decide it
    stuck = decide("++" + "=" * 17)
    assert (stuck.decision, stuck.wanted) == (Decision.INCONCLUSIVE, ())
