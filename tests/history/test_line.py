"""What the history keeps of a run: counts of what models said in it, and none of their words."""

from __future__ import annotations

import json

import pytest

from pytest_duolog.history.line import LONGEST_BUILD, Build, HistoryLine, lines_of_record
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.dialogue_result import DialogueResult, JudgeUse
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import RunRecord, Sample
from pytest_duolog.transcripts.transcript import Message, Transcript, TranscriptSpeaker
from pytest_duolog.transcripts.usage import Usage
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue
from tests.run_records import OUTCOMES, header

BUILD = Build("build-1", "c0ffee")
SYSTEM = "Your secret word is xylophone."


def talk(number: int, *, loops: bool = False, **fields: object) -> DialogueResult:
    """A dialogue of its own words between an old and an asking model; the second message is a reply."""
    said = dialogue(*LIGHTHOUSES, *(RITUAL * 6 if loops else ())).messages
    messages = [Message(speaker="Ann", content=f"Opener {number}.")]
    messages += [
        Message(
            speaker=("Ben", "Ann")[at % 2],
            content=message.content,
            finish="end",
            latency_ms=(300.0, 200.0)[at % 2],
            usage=Usage(prompt_tokens=10, reply_tokens=2, cost=0.001),
        )
        for at, message in enumerate(said)
    ]
    transcript = Transcript(
        speakers=(
            TranscriptSpeaker(name="Ann", model="openai:asker", system=SYSTEM),
            TranscriptSpeaker(name="Ben", model="openai:old"),
        ),
        messages=tuple(messages),
    )
    return DialogueResult.model_validate({"transcript": transcript, "recorded": len(said)} | fields)


def sample(number: int, outcome: str = "+", result: DialogueResult | None = None, **fields: object) -> Sample:
    return Sample.model_validate(
        {"scenario": "a", "number": number, "outcome": OUTCOMES[outcome]}
        | {"dialogues": (result or talk(number),)}
        | fields
    )


def lines(*samples: Sample, plan: RunPlan | None = None) -> list[HistoryLine]:
    record = RunRecord(header(plan or RunPlan({"a": None, "b": None})), samples)
    return list(lines_of_record(record, BUILD))


def test_counts_and_figures_of_live_samples():
    (line,) = lines(sample(1), sample(2, "-", talk(2, loops=True)), sample(3))
    assert (line.build, line.commit, line.scenario) == ("build-1", "c0ffee", "a")
    assert (line.samples, line.passed, line.looped) == (3, 2, 1)
    n_replies = sum(len(talk(1, loops=loops).transcript) - 1 for loops in (False, True, False))
    assert line.messages == n_replies + 3
    ann, ben = line.speakers
    assert (ann.model, ben.model) == ("openai:asker", "openai:old")
    assert ann.replies + ben.replies == n_replies  # the opener is nobody's reply
    assert ben.cost == pytest.approx(ben.replies / 1000)
    assert (ben.tokens_read, ben.tokens_written) == (10 * ben.replies, 2 * ben.replies)
    assert (ann.latency_ms, ben.latency_ms) == (200, 300)


@pytest.mark.parametrize(
    "replayed",
    [
        sample(2, "-", talk(2, played=12, recorded=0)),
        sample(2, "-", talk(2, played=3)),
        sample(2, "-", is_stored=True),
    ],
    ids=["replayed", "continued", "stored"],
)
def test_recordings_are_no_new_evidence(replayed: Sample):
    (line,) = lines(sample(1), replayed)
    assert (line.samples, line.passed, line.replayed, line.replayed_passed) == (1, 1, 1, 0)
    assert sum(one.replies for one in line.speakers) == len(talk(1).transcript) - 1


def test_functions_without_recordings_are_live():
    (line,) = lines(sample(1, result=talk(1, recorded=0)))
    assert (line.samples, line.replayed) == (1, 0)


def test_errors_and_copies_are_told_apart():
    (line,) = lines(sample(1), sample(2, "!"), sample(2, attempt=2), sample(3, result=talk(1)))
    assert (line.samples, line.errors, line.repeats) == (2, 1, 1)


def test_arms_and_other_models_have_lines_of_their_own():
    new = talk(1)
    new = new.model_copy(
        update={
            "transcript": new.transcript.model_copy(
                update={"speakers": (TranscriptSpeaker(name="Ann", model="openai:new"),)}
            )
        }
    )
    found = lines(
        sample(1),
        sample(1, arm=Arm.CANDIDATE, result=new),
        sample(1, scenario="b"),
        plan=RunPlan({"a": None, "b": None}, GatePlan()),
    )
    assert [(line.scenario, line.arm, line.models[0][1]) for line in found] == [
        ("a", Arm.BASELINE, "openai:asker"),
        ("a", Arm.CANDIDATE, "openai:new"),
        ("b", Arm.BASELINE, "openai:asker"),
    ]
    assert found[0].prompts == found[2].prompts != found[1].prompts


def test_judges_are_apart_from_speakers():
    use = JudgeUse(model="openai:judge", votes=3, usage=Usage(cost=0.3), latency_ms=600)
    (line,) = lines(sample(1, result=talk(1, judges=(use,))), sample(2, result=talk(2, judges=(use,))))
    (judge,) = line.judges
    assert (judge.model, judge.replies, judge.latency_ms) == ("openai:judge", 6, 200)
    assert judge.cost == pytest.approx(0.6)


def test_usage_of_a_judge_is_unknown_if_one_vote_does_not_say_it():
    told = JudgeUse(model="j").with_vote(Usage(prompt_tokens=5, reply_tokens=1, cost=0.1), 100)
    (line,) = lines(sample(1, result=talk(1, judges=(told.with_vote(Usage(cost=0.2), 100),))))
    assert (line.judges[0].tokens_read, line.judges[0].tokens_written) == (None, None)
    assert line.judges[0].cost == pytest.approx(0.3)
    (line,) = lines(sample(1, result=talk(1, judges=(told.with_vote(None, 100),))))
    assert (line.judges[0].replies, line.judges[0].cost) == (2, None)


def test_tokens_and_cost_are_unknown_if_one_reply_does_not_say_them():
    said = talk(1).transcript
    silent = said.messages[3].model_copy(update={"usage": Usage(reply_tokens=2)})
    messages = (*said.messages[:3], silent, *said.messages[4:])
    result = DialogueResult(transcript=said.model_copy(update={"messages": messages}), recorded=9)
    (line,) = lines(sample(1, result=result))
    asked = {one.name: one for one in line.speakers}
    one = asked.pop(silent.speaker)
    assert (one.tokens_read, one.tokens_written, one.cost) == (None, 2 * one.replies, None)
    assert all(other.cost for other in asked.values())


def test_figures_of_a_provider_that_cannot_be_true_are_unknown():
    said = talk(1).transcript
    huge = said.messages[2].model_copy(
        update={"latency_ms": 1e300, "usage": Usage(prompt_tokens=10**400, reply_tokens=1, cost=1e300)}
    )
    result = DialogueResult(
        transcript=said.model_copy(update={"messages": (*said.messages[:2], huge)}), recorded=2
    )
    (line,) = lines(sample(1, result=result))
    (asked,) = (one for one in line.speakers if one.name == huge.speaker)
    assert (asked.tokens_read, asked.tokens_written, asked.cost, asked.latency_ms) == (None, 1, None, None)
    assert HistoryLine.model_validate_json(line.model_dump_json()) == line


def test_build_that_redaction_makes_longer_can_be_read_again():
    (line,) = lines(sample(1))
    names = [f"pass{'x' * (LONGEST_BUILD - 6)}-{number}" for number in (1, 2)]
    for _ in range(2):  # when it is written and when it is read
        safe = [
            line.model_copy(update={"build": name}).without_secrets(
                lambda text: text.replace("pass", "[REDACTED]")
            )
            for name in names
        ]
        assert [HistoryLine.model_validate_json(one.model_dump_json()) for one in safe] == safe
        names = [one.build for one in safe]
        assert names[0] != names[1]
        assert all(name.startswith("[REDACTED]xxx") and len(name) == LONGEST_BUILD for name in names)


def test_no_word_of_a_dialogue_is_kept():
    (line,) = lines(sample(1), sample(2, "-", problem="AssertionError: lighthouse"))
    dumped = json.dumps(line.model_dump(mode="json")).lower()
    said = " ".join(message.content for message in talk(1).transcript.messages).lower().split()
    words = {word.strip(".,?!") for word in [*said, *SYSTEM.lower().split()]}
    known = {"is", "a", "at", "an", "in", "it", "on", "the", "to", "of", "or"}
    assert [word for word in words - known if len(word) > 5 and word in dumped] == []


def test_samples_without_a_dialogue_have_no_line():
    assert lines(sample(1, dialogues=())) == []
