"""How long is waited between tries, and when there is no other try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from pytest_duolog.endpoints.retrying import Patience
from pytest_duolog.errors import EndpointError
from tests.endpoints.asking import Wire, ask
from tests.endpoints.test_protocols import anthropic, gemini, openai

BUSY = {"error": {"message": "Busy."}}


def gemini_error(*details: dict[str, Any], message: str = "Busy.") -> tuple[int, dict[str, str], Any]:
    error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": list(details)}
    return 429, {}, {"error": error}


DELAY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
PER_DAY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}


@pytest.mark.parametrize(
    ("model", "fault", "answer", "wait_s"),
    [
        ("openai:x", (429, {"retry-after": "7"}, BUSY), openai(), 7),
        ("openai:x", (503, {"retry-after": "2.5"}, b"busy"), openai(), 2.5),
        ("openai:x", (429, {"retry-after-ms": "150", "retry-after": "7"}, BUSY), openai(), 0.15),
        ("anthropic:x", (529, {"retry-after": "3"}, BUSY), anthropic(), 3),
        ("gemini:x", gemini_error(DELAY), gemini(), 17),
    ],
)
def test_the_provider_says_how_long_to_wait(model: str, fault: Any, answer: Any, wait_s: float) -> None:
    wire = Wire(fault, answer)
    assert ask(model, wire).content == "Fine."
    assert wire.waits == [wait_s]


def test_the_provider_may_name_a_date() -> None:
    wire = Wire(
        (429, {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=30))}, BUSY), openai()
    )
    assert ask("openai:x", wire).content == "Fine."
    assert 0 < wire.waits[0] <= 30


@pytest.mark.parametrize("header", ["soon", "-5", "nan", "1e99", "", "9" * 400])
def test_nonsense_from_the_provider_is_as_if_it_said_nothing(header: str) -> None:
    wire = Wire((429, {"retry-after": header, "retry-after-ms": header}, BUSY), openai())
    assert ask("openai:x", wire).content == "Fine."
    assert 0.25 <= wire.waits[0] <= 0.5


def test_waits_double_up_to_a_limit() -> None:
    wire = Wire((500, {}, BUSY))
    with pytest.raises(EndpointError, match="8 tries"):
        ask("openai:x", wire, patience=Patience(tries=8, timeout_s=1000))
    longest = [0.5, 1, 2, 4, 8, 8, 8]
    assert all(most / 2 <= wait <= most for wait, most in zip(wire.waits, longest, strict=True))


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        ("gemini:x", gemini_error(PER_DAY, DELAY)),
        (
            "openai:x",
            (429, {"retry-after": "1"}, {"error": {"type": "insufficient_quota", "message": "No."}}),
        ),
        (
            "anthropic:x",
            (
                429,
                {},
                {"error": {"details": {"error_code": "enforced_spend_limit_reached"}, "message": "No."}},
            ),
        ),
        ("openrouter:x", {"error": {"code": 402, "message": "Insufficient credits"}}),
    ],
)
def test_used_up_quota_is_not_waited_for(model: str, fault: Any) -> None:
    wire = Wire(fault)
    with pytest.raises(EndpointError, match="the quota is used up, waiting does not help"):
        ask(model, wire)
    assert len(wire.requests) == 1
    assert wire.waits == []


def test_a_wait_that_would_come_too_late_is_not_begun() -> None:
    wire = Wire((429, {"retry-after": "20"}, BUSY), openai())
    with pytest.raises(EndpointError) as failed:
        ask("openai:x", wire, patience=Patience(timeout_s=10))
    assert str(failed.value).splitlines() == [
        "HTTP 429: 'Busy.' (1 try); another try after 20 s would exceed the limit of 10 s",
        "  model:   openai:x",
        "  to fix:  run again later, or raise timeout_s in [tool.duolog.requests]",
    ]
    assert wire.waits == []


def test_the_timeout_that_struck_is_named() -> None:
    for fault, said in (
        (httpx.ConnectTimeout(""), "ConnectTimeout while asking openai: no connection within 10 s"),
        (httpx.WriteTimeout(""), "WriteTimeout while asking openai: silent for 60 s"),
    ):
        with pytest.raises(EndpointError) as failed:
            ask("openai:x", Wire(fault), patience=Patience(tries=1))
        assert failed.value.problem == said


def test_one_try_means_one() -> None:
    wire = Wire(httpx.ReadError("gone"), openai())
    with pytest.raises(EndpointError) as failed:
        ask("openai:x", wire, patience=Patience(tries=1))
    assert failed.value.problem == "ReadError while asking openai: gone"


def test_a_fault_of_our_own_request_is_not_repeated() -> None:
    wire = Wire(httpx.LocalProtocolError("illegal header value"))
    with pytest.raises(EndpointError, match="LocalProtocolError"):
        ask("openai:x", wire)
    assert len(wire.requests) == 1


def test_the_error_carries_its_facts() -> None:
    with pytest.raises(EndpointError) as failed:
        ask("openrouter:google/gemma:free", Wire((404, {}, {"error": {"message": "No endpoints found"}})))
    facts = failed.value
    assert (facts.status, facts.model, facts.is_passing) == (404, "openrouter:google/gemma:free", False)
    assert facts.advice == "check the model's name"


def test_patience_is_set_in_pyproject(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("[tool.duolog.requests]\ntries = 0\nlonger_wait = 3\n")
    pytester.makepyfile("def test_talk(dialogue): dialogue.messages")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*tool.duolog*: requests.tries: *greater than or equal to 1*"])
    result.stdout.fnmatch_lines(["*; requests.longer_wait: unknown key; did you mean 'longest_wait_s'?*"])
