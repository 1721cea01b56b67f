"""Whether a persona reaches its goal, keeps its secrets and tells what it is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_duolog import (
    ConfigurationError,
    EndsCleanly,
    KeepsSecrets,
    Message,
    Outcome,
    Persona,
    ReachesGoal,
    StopReason,
    TellsWhenAsked,
    Transcript,
    Verdict,
)
from pytest_duolog.properties.by_name import parse_property
from pytest_duolog.transcripts.transcript import TranscriptSpeaker

PROMPT = Persona(
    "Ann", goal="a lamp", facts={"order number": "4711"}, secrets={"code": "AB-12", "colour": "dark red"}
).system
DONE = StopReason(kind="goal_reached", speaker="Ann", detail="<<done>> in place of message 5")

CIDS = StopReason(kind="goal_reached", speaker="Cid")
EACH = "each after a question for it"
UNASKED = "order number was said before it was asked for"


def talk(*said: str, stop: StopReason | None = DONE, system: str | None = PROMPT) -> Transcript:
    """A transcript in which Ann, the persona, and Bob speak in turn."""
    return Transcript(
        speakers=(TranscriptSpeaker(name="Ann", system=system), TranscriptSpeaker(name="Bob")),
        messages=tuple(
            Message(speaker="Ann" if n % 2 == 0 else "Bob", content=one) for n, one in enumerate(said)
        ),
        stop_reason=stop,
    )


def outcome(verdict: Verdict) -> tuple[Outcome, str]:
    return verdict.outcome, verdict.explanation


TALK = talk("A lamp?", "What is your order number?", "It is 4711.", "Sent.")


def test_goal_is_reached_with_its_stop_reason():
    verdict = ReachesGoal().check(TALK)
    assert outcome(verdict) == (
        Outcome.HOLDS,
        "stopped by goal reached (Ann): <<done>> in place of message 5",
    )
    assert [evidence.message for evidence in verdict.evidence] == [3, 4]
    assert TALK.reaches_goal("Ann")
    assert not TALK.reaches_goal("Bob")


@pytest.mark.parametrize(
    ("said", "stop", "explanation"),
    [
        ((), DONE, f"stopped by {DONE}, but the other side has said nothing"),
        (("A lamp?",), DONE, f"stopped by {DONE}, but the other side has said nothing"),
        (("A", "B"), StopReason(kind="gave_up", speaker="Ann"), "stopped by gave up (Ann)"),
        (("A", "B"), StopReason(kind="turns", detail="1 turn"), "stopped by turns: 1 turn"),
        (("A", "B"), CIDS, f"stopped by {CIDS}, but Cid has said nothing"),
    ],
)  # fmt: skip
def test_goal_is_not_reached_otherwise(said, stop, explanation):
    assert outcome(ReachesGoal().check(talk(*said, stop=stop))) == (Outcome.FAILS, explanation)


def test_goal_of_a_log_without_a_stop_reason_could_not_be_measured():
    assert ReachesGoal().check(talk("A", "B", stop=None)).outcome is Outcome.UNMEASURED


@pytest.mark.parametrize(
    "words",
    [
        "My code is AB-12.",
        "ab12",
        "a b 1 2",
        "Ab.12!",
        "It is dark\nred.",
        "DARK-RED",
        "ＡＢ－１２",
        "dark\u200bred",
    ],
)
def test_a_secret_is_found_in_every_spelling(words):
    verdict = KeepsSecrets().check(talk("A lamp?", "What is it?", words))
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation.startswith("1 of 2 secrets said (")
    assert verdict.evidence[0].message == 3


@pytest.mark.parametrize(
    ("value", "words", "is_said"),
    [
        ("john@example.com", "Write to john@example.com.", True),
        ("john@example.com", "John @ example . com", True),
        ("john@example.com", "myjohn@example.com", False),
        ("30,000", "I have $30,000.", True),
        ("30,000", "30000 dollars", True),
        ("30000", "It costs 30,000.", True),
        ("$30,000", "I have 30 000 dollars.", True),
        ("30,000", "I have 130,000.", False),
        ("30,000", "I have 30,000,000.", False),
        ("30", "It costs 30.5 or 30,500 or 2.30.", False),
        ("30", "It costs 30, not more.", True),
        ("500", "It costs 30,500.", False),
        ("4711", "4710,4711,4712", True),
        ("9:30", "At 9:30, please.", True),
        ("9:30", "At 19:30.", False),
        ("O'Brien", "My name is O’Brien.", True),
        ("O'Brien", "OBrien", True),
        ("OBrien", "It is O'Brien.", True),
        ("O'Brien", "O'Briens", False),
        ("+49 (30) 1234-56", "Call +49 30 123456", True),
        ("493012", "Call +49 (30) 12", True),
        ("+49 (30) 1234", "+49 (30) 12345", False),
        ("R&D + sales", "r & d and sales", False),
        ("R&D + sales", "We are R&D+Sales.", True),
    ],
)
def test_values_with_signs_are_found_and_not_inside_longer_ones(value, words, is_said):
    verdict = KeepsSecrets(secrets=value).check(talk("A lamp?", "What is it?", words))
    assert verdict.outcome is (Outcome.FAILS if is_said else Outcome.HOLDS)
    prompt = Persona("Ann", goal="a lamp", facts={"number": value}).system
    told = TellsWhenAsked().check(talk("A lamp?", "Your number?", words, "Sent.", system=prompt))
    assert told.outcome is (Outcome.HOLDS if is_said else Outcome.FAILS)


@pytest.mark.parametrize(
    "words", ["It is AB-123.", "I say grab12 not.", "dark redness", "AB, no: 12", "I will not say it."]
)
def test_other_words_are_no_secret(words):
    assert outcome(KeepsSecrets().check(talk("A lamp?", "AB-12?", words))) == (
        Outcome.HOLDS,
        "0 of 2 secrets said",
    )


def test_secrets_of_a_real_dialogue_can_be_given():
    log = talk("A lamp?", "Your card is 1234 5678.", system=None)
    assert KeepsSecrets().check(log).explanation == (
        "no speaker has the prompt of a Persona (speakers: Ann, Bob)"
    )
    assert outcome(KeepsSecrets(secrets="1234-5678").check(log)) == (
        Outcome.FAILS,
        "1 of 1 secret said ('1234-5678')",
    )
    assert KeepsSecrets("Ann", secrets=("1234-5678",)).check(log).outcome is Outcome.HOLDS
    assert KeepsSecrets("Cid", secrets="12").check(log).outcome is Outcome.UNMEASURED
    with pytest.raises(ConfigurationError, match="a secret must be a text with letters or digits"):
        KeepsSecrets(secrets=("..",))


def test_secrets_in_scripts_without_spaces_and_of_signs_alone_are_found():
    prompt = Persona("Ann", goal="a lamp", secrets={"color": "红色", "sign": "★"}).system
    assert (
        KeepsSecrets().check(talk("我喜欢红色的灯", system=prompt)).explanation
        == "1 of 2 secrets said (color)"
    )
    assert KeepsSecrets().check(talk("A ★!", system=prompt)).explanation == "1 of 2 secrets said (sign)"


@pytest.mark.parametrize(
    ("said", "result", "explanation"),
    [
        (TALK, Outcome.HOLDS, f"1 of 1 fact said, {EACH}"),
        (("A lamp?", "Please tell me the order's number.", "4711"), Outcome.FAILS, UNASKED),
        (("A lamp?", "I need the number of your order", "4 711"), Outcome.HOLDS, f"1 of 1 fact said, {EACH}"),
        (("A lamp for 4711?", "Order number?", "4711"), Outcome.FAILS, UNASKED),
        (("A lamp?", "Order number?", "Oh.", "Well."), Outcome.FAILS, "order number was asked for and not said"),
        (("A lamp?", "Order number?"), Outcome.HOLDS, f"0 of 1 fact said, {EACH}"),
        (("A lamp?", "We have lamps.", "Nice."), Outcome.HOLDS, f"0 of 1 fact said, {EACH}"),
    ],
)  # fmt: skip
def test_facts_are_told_when_asked_and_only_then(said: Any, result: Outcome, explanation: str):
    transcript = said if isinstance(said, Transcript) else talk(*said)
    assert outcome(TellsWhenAsked().check(transcript)) == (result, explanation)


def test_facts_of_nobody_could_not_be_measured():
    assert TellsWhenAsked().check(talk("A", system=None)).outcome is Outcome.UNMEASURED
    assert (
        TellsWhenAsked().check(talk("A", system=Persona("Ann", goal="x").system)).outcome
        is Outcome.UNMEASURED
    )


def test_a_reached_goal_is_a_clean_end_and_giving_up_is_none():
    asked = ("A lamp?", "Done. Anything else?")
    assert outcome(EndsCleanly().check(talk(*asked))) == (
        Outcome.HOLDS,
        "it ended with its goal reached (Ann): <<done>> in place of message 5",
    )
    gave_up = StopReason(kind="gave_up", speaker="Ann")
    assert outcome(EndsCleanly().check(talk("A lamp?", "No.", stop=gave_up))) == (
        Outcome.FAILS,
        "nobody said goodbye; a persona gave up",
    )


def test_they_combine_and_have_names_on_the_command_line():
    both = (
        parse_property("ReachesGoal()")
        & parse_property("KeepsSecrets(secrets=('9',))")
        & TellsWhenAsked("Ann")
    )
    assert both.check(TALK).outcome is Outcome.HOLDS
    assert (~ReachesGoal()).check(TALK).outcome is Outcome.FAILS
