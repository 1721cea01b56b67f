"""`duolog rejudge`: new verdicts on the dialogues of a run record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult
from pytest_duolog.results.plan import RunPlan, ScenarioPlan
from pytest_duolog.results.record import RunRecord, Sample
from pytest_duolog.results.store import read_record, write_record
from pytest_duolog.transcripts.transcript import Message, Transcript
from tests.run_records import header, sample

BAR = ScenarioPlan(5, "0.8")  # type: ignore[arg-type]  # the plan makes text a number
NEW = Path("new.jsonl")


def property_result(name: str, outcome: Outcome = Outcome.HOLDS) -> PropertyResult:
    return PropertyResult(property=name, outcome=outcome, explanation="as it was")


@pytest.fixture
def rejudge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def run(samples: Sequence[Sample], *options: str) -> int:
        write_record(Path("old.jsonl"), RunRecord(header(RunPlan({"a": BAR})), tuple(samples)))
        return main(["rejudge", "old.jsonl", "-o", str(NEW), *options])

    return run


def outcomes() -> list[str]:
    return [found.outcome.value for found in read_record(NEW).samples]


def saying(*texts: str, verdicts: Sequence[PropertyResult] = (), outcome: str = "+") -> list[Sample]:
    return [
        sample(
            number=number,
            outcome=outcome,
            says=text,
            verdicts=verdicts,
            problem="assert 0" * (outcome != "+"),
        )
        for number, text in enumerate(texts, start=1)
    ]


def test_given_properties_decide_anew(rejudge, capsys: pytest.CaptureFixture[str]) -> None:
    assert rejudge(saying("a refund", "money", "cash"), "--property", "NeverSays(('money', 'cash'))") == 1
    assert outcomes() == ["passed", "failed", "failed"]
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "2 of 3 samples have another outcome"
    assert out[1].startswith("  a, sample 2 of the baseline: passed before, failed now (NeverSays(")
    assert out[3].startswith("a: FAIL: 1 of 3 passed")
    result = read_record(NEW).samples[1].dialogues[0].verdicts[0]
    assert (result.outcome, [cited.message for cited in result.evidence]) == (Outcome.FAILS, [1])


def test_all_given_properties_must_hold(rejudge) -> None:
    rejudge(saying("money"), "--property", "NeverSays('money')", "--property", "NeverSays('cash')")
    assert outcomes() == ["failed"]


def test_recorded_properties_are_checked_again(rejudge) -> None:
    recorded = [property_result("NeverSays(phrases=('money',))", Outcome.FAILS)]
    assert rejudge(saying("a refund", "my money", "three", "four", verdicts=recorded, outcome="-")) == 3
    assert outcomes() == ["passed", "failed", "passed", "passed"]


def test_failure_of_another_assertion_stays(rejudge) -> None:
    recorded = [property_result("NeverSays(phrases=('money',))")]
    rejudge(saying("a refund", verdicts=recorded, outcome="-"))
    (found,) = read_record(NEW).samples
    assert (found.outcome.value, found.problem) == ("failed", "assert 0")


def test_errors_stay_errors_and_what_cannot_be_measured_becomes_one(rejudge) -> None:
    gone = sample(number=1, outcome="!", problem="no answer")
    again = sample(number=1, attempt=2, says="Hi.")
    rejudge([gone, again], "--property", "Judged('polite', by='openai:m')")
    assert outcomes() == ["error", "error"]


def test_record_is_none_of_the_old_judge(rejudge) -> None:
    rejudge(saying("a"), "--property", "NoLoops")
    old, new = read_record(Path("old.jsonl")), read_record(NEW)
    assert old.header.plan.differences(new.header.plan) == [
        f"prompts, judges or other settings (keys {old.header.plan.key} and {new.header.plan.key})"
    ]
    assert new.header.created == old.header.created


def test_each_dialogue_of_a_sample_is_judged_by_its_own_properties(rejudge) -> None:
    def talk(text: str, *names: str) -> DialogueResult:
        transcript = Transcript(messages=(Message(speaker="A", content=text),))
        return DialogueResult(transcript=transcript, verdicts=tuple(map(property_result, names)))

    both = (talk("money", "NeverSays('cash')"), talk("cash", "NeverSays('money')"), talk("both"))
    rejudge([sample(dialogues=both)])
    assert outcomes() == ["passed"]
    (found,) = read_record(NEW).samples
    assert [[verdict.property for verdict in dialogue.verdicts] for dialogue in found.dialogues] == [
        ["NeverSays(phrases='cash')"],
        ["NeverSays(phrases='money')"],
        [],
    ]


@pytest.mark.parametrize(
    ("samples", "options", "problem"),
    [
        ([sample()], ("--property", "NoLoops"), "a, sample 1 of the baseline: its record has no dialogue"),
        (saying("a"), (), "its record names no property"),
        (saying("a", verdicts=[property_result("mine()")]), (), "unknown property 'mine()'"),
        (saying("a"), ("--property", "Nothing"), "unknown property 'Nothing' (known: "),
    ],
    ids=["no dialogue", "no property", "a user's property", "unknown property"],
)
def test_what_cannot_be_judged_again_is_said(
    rejudge, capsys: pytest.CaptureFixture[str], samples: list[Sample], options: tuple[str, ...], problem: str
) -> None:
    assert rejudge(samples, *options) == 2
    assert problem in capsys.readouterr().err
    assert not NEW.exists()
