"""What an error says: what happened, where, what differs, what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from pytest_duolog.display import lines_of, shorten, wrong_fields
from pytest_duolog.errors import (
    CassetteError,
    CassetteMismatch,
    ConfigurationError,
    DialogueError,
    DuologError,
    EndpointError,
    LocalModelError,
    SecretInRecording,
    TranscriptError,
    UnreadableCassette,
    UnusedMessages,
    told,
)
from pytest_duolog.transcripts.usage import Usage
from tests.dialogues import dialogue


def test_facts_stand_below_each_other():
    assert lines_of("It broke.", [("test", "t.py::t"), ("to fix", "do this\nor that"), ("model", "")]) == (
        "It broke.\n  test:    t.py::t\n  to fix:  do this\n           or that"
    )


@pytest.mark.parametrize("facts", [[], [("model", "")]])
def test_title_stands_alone_without_facts(facts):
    assert lines_of("It broke.", facts) == "It broke."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "''"),
        ("tea\n", "'tea\\n'"),
        ("x" * 120, repr("x" * 120)),
        ("x" * 121, repr("x" * 120) + "… (121 characters)"),
        ("\x1b[31m::error::", "'\\x1b[31m::error::'"),
    ],
)
def test_text_is_shown_in_repr_and_cut_with_its_length(text, shown):
    assert shorten(text) == shown


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        ("a/tests/cassettes/test_lamp", "a/tests/test_lamp.py::TestIt::test_x[a//b::c]"),
        ("cassettes/test_lamp", "test_lamp.py::TestIt::test_x[a//b::c]"),
        ("talks/elsewhere", "test_lamp.py::TestIt::test_x[a//b::c]"),
    ],
)
def test_a_test_is_named_as_pytest_finds_it_from_here(
    folder: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    test = "test_lamp.py::TestIt::test_x[a//b::c]"
    error = CassetteError("It broke.", cassette_path=tmp_path / folder / "x.jsonl", test=test)
    assert f"  test:      {shown}\n" in str(error)
    assert error.test == test


def test_endpoint_error_names_the_model_and_the_advice():
    error = EndpointError("HTTP 401: no", model="openai:x", status=401, advice="check the key")
    assert str(error) == "HTTP 401: no\n  model:   openai:x\n  to fix:  check the key"
    assert (error.problem, error.model, error.status, error.advice) == (
        "HTTP 401: no",
        "openai:x",
        401,
        "check the key",
    )
    assert str(EndpointError("HTTP 500")) == "HTTP 500"


def test_dialogue_error_names_the_message_and_its_speaker():
    transcript = dialogue("Hi.")
    error = DialogueError("HTTP 500", message_number=2, speaker="Ben", transcript=transcript)
    assert str(error) == "no message 2 from Ben: HTTP 500"
    assert (error.message_number, error.speaker, error.transcript) == (2, "Ben", transcript)


@pytest.mark.parametrize("kind", [CassetteError, UnreadableCassette, SecretInRecording])
def test_cassette_error_says_where(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = kind(
        "It cannot be read.",
        cassette_path=tmp_path / "cassettes" / "t.jsonl",
        test="t.py::t",
        facts=[("line", "3")],
    )
    assert str(error) == (
        "It cannot be read.\n  test:      t.py::t\n  cassette:  cassettes/t.jsonl\n  line:      3"
    )
    assert (error.cassette_path, error.test) == (tmp_path / "cassettes" / "t.jsonl", "t.py::t")


def test_cassette_elsewhere_has_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = tmp_path / "there.jsonl"
    assert str(CassetteError("No.", cassette_path=path)) == f"No.\n  cassette:  {path}"


def test_numbers_of_messages_are_facts():
    where = {"cassette_path": Path("t.jsonl")}
    assert CassetteMismatch("No.", message_number=4, **where).message_number == 4
    assert UnusedMessages("No.", message_numbers=(4, 5), **where).message_numbers == (4, 5)


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (ConfigurationError, (DuologError, ValueError)),
        (TranscriptError, (DuologError, ValueError)),
        (LocalModelError, (EndpointError, DuologError)),
        (DialogueError, (DuologError,)),
        (UnusedMessages, (CassetteError, DuologError)),
    ],
)
def test_errors_are_caught_by_their_kind(kind, bases):
    assert all(issubclass(kind, base) for base in bases)


def test_wrong_fields_are_named_on_one_line():
    class Pot(BaseModel):
        litres: float
        kind: str

        @field_validator("kind")
        @classmethod
        def _known(cls, kind: str) -> str:
            raise ValueError("not a pot")

    with pytest.raises(ValidationError) as caught:
        Pot.model_validate({"kind": "x"})
    assert wrong_fields(caught.value) == "litres: Field required; kind: not a pot"
    with pytest.raises(ValidationError) as caught:
        Pot.model_validate(3)
    assert wrong_fields(caught.value) == "Input should be a valid dictionary or instance of Pot"


def test_wrong_fields_of_stored_values_are_named_in_the_same_words():
    with pytest.raises(ValidationError) as caught:
        Usage.model_validate({"price": 3})
    assert wrong_fields(caught.value) == "price: Extra inputs are not permitted"
    with pytest.raises(ValidationError) as caught:
        Usage.model_validate(3)
    assert wrong_fields(caught.value) == "Input should be a valid dictionary or instance of Usage"


def test_an_exception_whose_text_cannot_be_told_is_told_all_the_same() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert told(Broken()) == "Broken: its text cannot be told: RuntimeError"
