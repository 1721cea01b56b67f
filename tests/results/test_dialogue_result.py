"""What a dialogue came to as one value: it loses nothing on its way, and takes nothing that it does not know."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_duolog.properties.verdict import Evidence, Outcome, Verdict
from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult
from pytest_duolog.transcripts.transcript import Message, Transcript

TALK = Transcript(
    messages=(Message(speaker="A", content="May I get a refund?"), Message(speaker="B", content="Yes."))
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
WHOLE = st.sampled_from([Evidence.of(number, message) for number, message in TALK.numbered()])
PART = st.builds(Evidence, st.integers(-3, 5), st.one_of(st.sampled_from("AB"), TEXT), TEXT)
VERDICTS = st.builds(
    Verdict, TEXT, st.sampled_from(Outcome), TEXT, st.lists(WHOLE | PART, max_size=9).map(tuple)
)


@given(VERDICTS)
def test_verdict_comes_back_from_its_result(verdict: Verdict) -> None:
    stored = PropertyResult.model_validate_json(PropertyResult.of(verdict, TALK).model_dump_json())
    assert stored.verdict(TALK) == verdict
    assert repr(stored.verdict(TALK)) == repr(verdict)


def test_texts_of_the_transcript_are_not_stored_twice() -> None:
    verdict = Verdict("P", Outcome.FAILS, "so", (Evidence.of(1, TALK.messages[0]), Evidence(2, "B", "Ye")))
    assert PropertyResult.of(verdict, TALK).model_dump(exclude_defaults=True)["evidence"] == (
        {"message": 1},
        {"message": 2, "quote": "Ye"},
    )


@pytest.mark.parametrize(
    "changes",
    [{"format": 2}, {"format": None}, {"played": -1}, {"surprise": 1}, {"verdicts": [{"property": "P"}]}],
    ids=["newer", "no format", "negative", "unknown", "half a verdict"],
)
def test_what_it_does_not_know_is_refused(changes: dict[str, object]) -> None:
    value = json.loads(DialogueResult(transcript=TALK).model_dump_json())
    assert DialogueResult.model_validate(value) == DialogueResult(transcript=TALK)
    with pytest.raises(ValidationError):
        DialogueResult.model_validate(value | changes)


def test_it_is_called_after_its_name() -> None:
    assert DialogueResult(transcript=TALK).title == "dialogue"
    assert DialogueResult(transcript=TALK, name="morning").title == "dialogue morning"


def test_fresh_messages_are_those_that_a_model_wrote_now() -> None:
    assert DialogueResult(transcript=TALK, fresh=(2, 7)).fresh_messages == [TALK.messages[1]]
