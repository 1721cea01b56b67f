"""When loops, goodbyes and drifts happen in dialogues, and which dialogues are compared."""

from __future__ import annotations

import pytest

from pytest_duolog.results.filed import FiledDialogue, of_record
from pytest_duolog.results.record import SampleOutcome
from pytest_duolog.results.survival import Condition, Event, observed, survival_of
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Transcript, TranscriptSpeaker
from tests.dialogues import BREAD, LIGHTHOUSES, dialogue
from tests.reports.pages import HEALTHY, LOOPING, gate_of


def filed(transcript: Transcript, **facts) -> FiledDialogue:
    return FiledDialogue(Source("talk", "talk.md", 1, transcript), **facts)


def with_model(transcript: Transcript, model: str, system: str = "", first: str = "") -> Transcript:
    speakers = tuple(TranscriptSpeaker(name=name, model=model, system=system) for name in ("Ann", "Ben"))
    messages = transcript.messages
    if first:
        messages = (messages[0].model_copy(update={"content": first}), *messages[1:])
    return transcript.model_copy(update={"speakers": speakers, "messages": messages})


def numbered(transcript: Transcript, number: int) -> Transcript:
    """The same, with one more word, so that it is no copy."""
    last = transcript.messages[-1]
    changed = last.model_copy(update={"content": f"{last.content} {number}"})
    return transcript.model_copy(update={"messages": (*transcript.messages[:-1], changed)})


def test_what_happened_is_observed_where_it_began():
    looping = filed(LOOPING)
    assert observed(looping, Event.LOOP) == (looping.reading.loops[0].first, True)
    assert observed(looping, Event.GOODBYE) == (looping.reading.goodbye, True)


def test_what_did_not_happen_is_censored_at_the_last_message():
    assert observed(filed(dialogue(*LIGHTHOUSES[:9])), Event.LOOP) == (9, False)
    assert observed(filed(HEALTHY), Event.LOOP) == (14, False)


def test_only_a_stated_topic_can_be_left():
    talk = dialogue(*LIGHTHOUSES[:8], *BREAD)
    assert observed(filed(talk), Event.DRIFT) is None
    assert observed(filed(dialogue()), Event.LOOP) is None
    topic = "how lighthouses changed in the twentieth century"
    time, happened = observed(filed(talk.model_copy(update={"topic": topic})), Event.DRIFT)
    assert happened
    assert time in (9, 10)
    kept = dialogue(*LIGHTHOUSES[:12], topic=topic)
    assert observed(filed(kept), Event.DRIFT) == (12, False)


def test_arms_of_a_gate_are_compared_and_the_baseline_comes_first():
    found = survival_of(of_record(gate_of({"a": ("+" * 8, "-" * 8), "b": ("+" * 8, "-" * 8)})))
    loops, goodbyes = found.lifetimes
    assert (loops.event, loops.condition, list(loops.curves)) == (
        Event.LOOP,
        Condition.ARM,
        ["baseline", "candidate"],
    )
    assert [(curve.n_events, curve.n) for curve in loops.curves.values()] == [(0, 16), (16, 16)]
    assert goodbyes.event is Event.GOODBYE
    assert {goodbyes.test.p, loops.test.p} == {1.0}  # nobody in the baseline is observed when loops begin


def test_a_model_that_loops_sooner_is_told_from_one_that_does_not():
    long, short = LIGHTHOUSES, (*LIGHTHOUSES[:3], *("See you.",) * 10)
    dialogues = [filed(with_model(numbered(dialogue(*long), at), "calm"), test="t") for at in range(12)]
    dialogues += [filed(with_model(numbered(dialogue(*short), at), "eager"), test="t") for at in range(12)]
    loops = next(one for one in survival_of(dialogues).lifetimes if one.event is Event.LOOP)
    assert loops.condition is Condition.MODEL
    assert list(loops.curves) == ["calm", "eager"]
    assert loops.adjusted_p < 0.001
    assert loops.differences["eager"].interval.high < 0
    assert not loops.is_rough


def test_each_condition_that_differs_is_one_comparison():
    dialogues = [
        filed(with_model(numbered(LOOPING, at), model, system, opener), test=f"t[{at}]")
        for at, (model, system, opener) in enumerate(
            (model, system, opener)
            for model in ("m1", "m2")
            for system in ("Be brief.", "")
            for opener in ("Hello, lighthouses!", "Good morning.")
        )
    ]
    found = [one for one in survival_of(dialogues).lifetimes if one.event is Event.LOOP]
    assert {one.condition: list(one.curves) for one in found} == {
        Condition.MODEL: ["m1", "m2"],
        Condition.PROMPT: ["1 'Be brief.'", "2 no prompt"],
        Condition.OPENER: ["1 'Hello, lighthouses!'", "2 'Good morning.'"],
    }
    assert all(one.is_rough for one in found)


def test_first_messages_that_all_differ_are_no_groups():
    dialogues = [filed(with_model(LOOPING, "m", first=f"Hello number {at}.")) for at in range(6)]
    (loops, _) = survival_of(dialogues).lifetimes
    assert (loops.condition, list(loops.curves), loops.test) == (Condition.NONE, ["all"], None)


def test_models_are_only_compared_on_the_same_test():
    dialogues = [filed(with_model(numbered(LOOPING, at), "m1"), test="hard[x]") for at in range(4)]
    dialogues += [filed(with_model(numbered(HEALTHY, at), "m2"), test="easy[x]") for at in range(4)]
    loops = survival_of(dialogues).lifetimes[0]
    assert loops.test == (0, 0, 1)


@pytest.mark.parametrize("n", [2, 5])
def test_copies_count_once_and_errors_do_not_count(n):
    dialogues = [filed(LOOPING, test="t")] * n
    dialogues.append(filed(numbered(LOOPING, 1), test="t", outcome=SampleOutcome.ERROR))
    found = survival_of(dialogues)
    assert found.n_copies == n - 1
    assert [curve.n for one in found.lifetimes for curve in one.curves.values()] == [1, 1]


def test_nothing_happened_or_nothing_is_there():
    assert survival_of([]).lifetimes == ()
    assert survival_of([filed(dialogue(*LIGHTHOUSES[:6]))]).lifetimes == ()
