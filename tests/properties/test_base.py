"""What a property is: three outcomes, evidence, combinations, and properties of one's own."""

from __future__ import annotations

import copy
import operator
import pickle
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog import (
    AnswersQuestions,
    Balanced,
    ConfigurationError,
    Judged,
    KeepsLength,
    LeaksNoPrompt,
    MaxWords,
    NoAgreementSpiral,
    Outcome,
    Property,
    Transcript,
    Verdict,
    judge,
)
from pytest_duolog.errors import Unmeasured
from tests.dialogues import dialogue

HELLO = dialogue("Hello.", "Hi there.")
KNOWN = {"holds": True, "fails": False, "unmeasured": None}


@dataclass(frozen=True)
class Always(Property):
    """Has the outcome it is given."""

    outcome: str = "holds"

    def check(self, transcript: Transcript) -> Verdict:
        return self.verdict(KNOWN[self.outcome], f"as told: {self.outcome}", [(1, transcript.messages[0])])


HOLDS, FAILS, UNMEASURED = (Always(outcome) for outcome in KNOWN)


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        (HOLDS & HOLDS, Outcome.HOLDS),
        (HOLDS & UNMEASURED, Outcome.UNMEASURED),
        (UNMEASURED & FAILS, Outcome.FAILS),
        (FAILS | UNMEASURED, Outcome.UNMEASURED),
        (UNMEASURED | HOLDS, Outcome.HOLDS),
        (FAILS | FAILS, Outcome.FAILS),
        (~HOLDS, Outcome.FAILS),
        (~FAILS, Outcome.HOLDS),
        (~UNMEASURED, Outcome.UNMEASURED),
    ],
    ids=str,
)
def test_combination_keeps_the_three_outcomes_apart(check, outcome):
    assert judge(check, HELLO).outcome is outcome


@given(st.sampled_from([HOLDS, FAILS, UNMEASURED]), st.sampled_from([HOLDS, FAILS, UNMEASURED]))
def test_de_morgan(one, other):
    assert judge(~(one & other), HELLO).outcome is judge(~one | ~other, HELLO).outcome


@pytest.mark.parametrize(("outcome", "truth"), [("holds", True), ("fails", False)])
def test_what_holds_is_true_and_what_fails_is_false(outcome, truth):
    assert bool(Always(outcome).check(HELLO)) is truth


@pytest.mark.parametrize("truth", [bool, operator.not_], ids=["assert", "assert not"])
def test_what_could_not_be_measured_has_no_truth_value(truth):
    verdict = Always("unmeasured").check(HELLO)
    with pytest.raises(Unmeasured, match="could not be measured: as told") as raised:
        truth(verdict)
    assert str(raised.value) == repr(verdict)


OUTCOMES = st.sampled_from(["holds", "fails", "unmeasured"])


@given(OUTCOMES, OUTCOMES)
def test_verdicts_combine_as_their_properties_do(one, other):
    first, second = Always(one), Always(other)
    pairs = [
        (first & second, first.check(HELLO) & second.check(HELLO)),
        (first | second, first.check(HELLO) | second.check(HELLO)),
        (~first, ~first.check(HELLO)),
        (~(first & second), ~(first.check(HELLO) & second.check(HELLO))),
    ]
    for whole, combined in pairs:
        assert combined.outcome is judge(whole, HELLO).outcome
        assert combined.property == str(whole)
        assert combined.explanation == judge(whole, HELLO).explanation


@pytest.mark.parametrize("other", [True, None, "holds", HOLDS], ids=["bool", "none", "text", "property"])
def test_verdict_combines_with_nothing_else(other):
    with pytest.raises((TypeError, ConfigurationError)):
        HOLDS.check(HELLO) & other
    with pytest.raises((TypeError, ConfigurationError)):
        HOLDS.check(HELLO) | other


def test_verdict_with_and_without_a_claim_is_the_same_value():
    asked, plain = HELLO.satisfies(FAILS), FAILS.check(HELLO)
    assert asked == plain
    assert hash(asked) == hash(plain)
    assert repr(asked) == repr(plain)
    assert pickle.loads(pickle.dumps(asked)) == plain
    assert copy.deepcopy(asked) == plain


def test_check_that_does_not_look_at_a_verdict_does_not_hold():
    def careless(transcript):
        transcript.satisfies(FAILS)
        return True

    def careful(transcript):
        return transcript.satisfies(FAILS) or transcript.satisfies(HOLDS)

    found = judge(careless, HELLO)
    assert found.outcome is Outcome.FAILS
    assert "it did not check the verdict of line" in found.explanation
    assert judge(careful, HELLO).outcome is Outcome.HOLDS


def test_check_that_takes_the_truth_of_what_could_not_be_measured_could_not_be_measured_either():
    found = judge(lambda transcript: not transcript.satisfies(UNMEASURED), HELLO)
    assert found.outcome is Outcome.UNMEASURED
    assert "as told: unmeasured" in found.explanation


def test_repr_is_the_explanation_with_its_evidence():
    assert repr(FAILS.check(HELLO)).splitlines() == [
        "Always(outcome='fails') fails: as told: fails",
        "  message 1 (Ann): 'Hello.'",
    ]


def test_long_evidence_is_cut_and_counted():
    many = dialogue(*["word " * 100] * 10)
    shown = repr(Always().verdict(False, "all of them", many.numbered()))
    assert "message 6" in shown
    assert "message 7" not in shown
    assert "(500 characters)" in shown
    assert shown.endswith("and 4 more messages")


def test_fields_that_differ_from_their_defaults_are_shown():
    assert str(HOLDS) == "Always"
    assert str((HOLDS & FAILS) | ~UNMEASURED) == (
        "(Always & Always(outcome='fails')) | ~Always(outcome='unmeasured')"
    )


def test_function_is_a_property_and_its_boolean_a_verdict():
    def is_short(transcript):
        return len(transcript) < 3

    verdict = HELLO.satisfies(is_short)
    assert verdict
    assert verdict.property == "is_short"
    assert not HELLO.satisfies(~(HOLDS & HOLDS), is_short)


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (lambda _: 1 / 0, "it raised ZeroDivisionError: division by zero"),
        (lambda _: "yes", "it returned 'yes', neither a verdict nor a boolean"),
    ],
    ids=["raises", "returns no boolean"],
)
def test_broken_check_could_not_be_measured(check, reason):
    verdict = HELLO.satisfies(check)
    assert verdict.outcome is Outcome.UNMEASURED
    assert reason in repr(verdict)


def test_parts_of_one_kind_stand_beside_each_other():
    def is_short(transcript):
        return len(transcript) < 3

    whole = HOLDS & FAILS & ~HOLDS
    assert str(whole) == "Always & Always(outcome='fails') & ~Always"
    assert judge(whole, HELLO).explanation == (
        "Always(outcome='fails'): as told: fails; ~Always: Always holds: as told: holds"
    )
    assert len(judge(whole, HELLO).evidence) == 1  # one message, though two parts quote it
    assert str(is_short & HOLDS | FAILS) == "(is_short & Always) | Always(outcome='fails')"
    assert HELLO.satisfies(is_short | FAILS)


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        (Always, r"Always is a class of properties: write Always\(\.\.\.\)"),
        ("no loops", "'no loops' is neither a property nor a function that takes a transcript"),
        (True, "True is neither a property nor a function that takes a transcript"),
    ],
    ids=["class", "text", "boolean"],
)
def test_what_is_no_check_is_refused(check, problem):
    with pytest.raises(ConfigurationError, match=problem):
        HELLO.satisfies(check)
    with pytest.raises(ConfigurationError, match=problem):
        HOLDS & check
    with pytest.raises(ConfigurationError, match=r"satisfies\(\) needs a property"):
        HELLO.satisfies()


def test_async_check_could_not_be_measured():
    async def is_short(transcript):
        return True

    assert "it is async" in HELLO.satisfies(is_short).explanation


def test_property_without_fields_needs_no_decorator():
    class Greets(Property):
        def check(self, transcript):
            return self.verdict(transcript.messages[0].content == "Hello.", "as its first message says")

    assert repr(HELLO.satisfies(Greets())) == "Greets holds: as its first message says"


def test_fields_are_shown_the_same_in_every_run():
    @dataclass(frozen=True)
    class Compares(Always):
        with_: object = None
        seen: list = field(default_factory=list)

    assert str(Compares(with_=len)) == "Compares(with_=len)"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: MaxWords("4"),
        lambda: Balanced("x"),
        lambda: KeepsLength(None),
        lambda: AnswersQuestions(True),
        lambda: NoAgreementSpiral(1.5),
        lambda: LeaksNoPrompt("12"),
        lambda: Judged(None, by=str),
        lambda: Judged("It is polite.", by=3),
        lambda: Judged("It is polite.", by=str, votes="3"),
    ],
)
def test_fields_of_a_wrong_type_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=r" is n(ot|either)| must be a non-blank text"):
        wrong()


@pytest.mark.parametrize(
    "written",
    [
        lambda: MaxWords(4) and Balanced(),
        lambda: MaxWords(4) or Balanced(),
        lambda: not MaxWords(4),
        lambda: MaxWords(4) & Balanced() and KeepsLength(),
        lambda: all([MaxWords(4)]),
    ],
    ids=["and", "or", "not", "combination", "all"],
)
def test_a_property_that_was_not_checked_is_neither_true_nor_false(written):
    """`assert MaxWords(4)` would always pass, and `and` would drop the property on its left."""
    with pytest.raises(ConfigurationError, match=r"was not checked, .* combine properties with &, \| and ~"):
        written()


def test_repr_sends_nothing_to_a_terminal():
    def fails(transcript):
        raise ValueError(transcript.messages[0].content)

    hostile = dialogue("\x1b[2J\n::error::owned", speakers=["\x1b[31mAnn\n::error::x\u202e"])
    for verdict in (hostile.mentions("lamp"), hostile.satisfies(fails), hostile.is_balanced(max_share=0.5)):
        assert not set(repr(verdict)) & {"\x1b", "\u202e"}
        assert not any(line.startswith("::") for line in repr(verdict).splitlines())
