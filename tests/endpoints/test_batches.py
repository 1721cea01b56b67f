"""The batch APIs: what is sent, and what is made of what comes back, whatever that is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_duolog.endpoints.anthropic_batches import AnthropicBatches
from pytest_duolog.endpoints.batches import BatchRequest, Made, read_results, usable_id
from pytest_duolog.endpoints.line import HttpAnswer
from pytest_duolog.endpoints.openai_batches import OpenAIBatches

OPENAI = OpenAIBatches("openai", {})
ANTHROPIC = AnthropicBatches("anthropic", {"anthropic-version": "2023-06-01"})
REQUEST = BatchRequest("one-1", "/chat/completions", b'{"model":"m","messages":[]}')


def test_a_file_of_openai_has_a_line_for_each_request_and_the_batch_names_it():
    upload = OPENAI.upload([OPENAI.entry(REQUEST), OPENAI.entry(REQUEST._replace(id="two-2"))])
    assert (upload.method, upload.url) == ("POST", "duolog://openai/files")
    content = upload.content()
    boundary = upload.headers["content-type"].partition("boundary=")[2].encode()
    assert content.count(b"--" + boundary) == 3
    lines = [json.loads(line) for line in content.split(b"\n") if line.startswith(b"{")]
    assert [line["custom_id"] for line in lines] == ["one-1", "two-2"]
    assert lines[0] == {
        "custom_id": "one-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": []},
    }
    made = OPENAI.creation([], REQUEST.path, "file-1")
    assert json.loads(made.content()) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }


def test_a_batch_of_anthropic_has_all_requests_and_the_version_of_the_protocol():
    assert ANTHROPIC.upload([]) is None
    made = ANTHROPIC.creation([ANTHROPIC.entry(REQUEST)] * 2, "/v1/messages", "")
    assert made.url == "duolog://anthropic/v1/messages/batches"
    assert made.headers["anthropic-version"] == "2023-06-01"
    one = {"custom_id": "one-1", "params": {"model": "m", "messages": []}}
    assert json.loads(made.content()) == {"requests": [one, one]}


NONSENSE: list[Any] = [
    {},
    {"id": 7, "status": ["completed"], "processing_status": {}},
    {"status": "", "request_counts": [1]},
    {"request_counts": {"completed": "9", "total": -1, "processing": True}},
    {"status": "a new word", "processing_status": "a new word"},
    {"errors": "none", "output_file_id": ["x"]},
]


@pytest.mark.parametrize("api", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
@pytest.mark.parametrize("body", NONSENSE, ids=str)
def test_nonsense_about_a_batch_is_no_end_of_it(api, body):
    state = api.state(body)
    assert (state.is_over, state.results) == (False, ())
    assert state.n_answered == 0


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
def test_the_ends_of_a_batch_of_openai(status: str):
    body = {"id": "b", "status": status, "output_file_id": "file/../1", "error_file_id": None}
    state = OPENAI.state(body)
    assert state.is_over
    assert state.results == ("/files/file%2F..%2F1/content",)


def test_the_answers_of_anthropic_are_read_from_the_batch_wherever_its_url_points():
    body = {"id": "a/b", "processing_status": "ended", "results_url": "https://evil.example/x"}
    assert ANTHROPIC.state(body).results == ("/v1/messages/batches/a%2Fb/results",)
    archived = ANTHROPIC.state({"id": "a", "processing_status": "ended", "results_url": None})
    assert (archived.is_over, archived.problem) == (True, "its results are no longer kept")


@pytest.mark.parametrize(
    ("api", "line", "expected"),
    [
        (OPENAI, {"response": {"status_code": 200, "body": {"a": 1}}}, (200, {"a": 1})),
        (OPENAI, {"response": {"status_code": 429, "body": {"error": {}}}}, (429, {"error": {}})),
        (OPENAI, {"response": {"status_code": "200", "body": None}}, (502, None)),
        (
            OPENAI,
            {"response": None, "error": {"code": "batch_expired", "message": "Late."}},
            "batch_expired: Late.",
        ),
        (OPENAI, {}, "an error without a reason"),
        (OPENAI, {"response": 7, "error": "x"}, "an error without a reason"),
        (ANTHROPIC, {"result": {"type": "succeeded", "message": {"a": 1}}}, (200, {"a": 1})),
        (ANTHROPIC, {"result": {"type": "errored", "error": {"error": {}}}}, (400, {"error": {}})),
        (ANTHROPIC, {"result": {"type": "expired"}}, "expired, without an answer"),
        (ANTHROPIC, {"result": {"type": "canceled"}}, "canceled, without an answer"),
        (ANTHROPIC, {"result": ["succeeded"]}, "a result without its kind"),
    ],
)
def test_a_line_is_an_answer_or_says_why_there_is_none(api, line, expected):
    found = api.outcome(line)
    if isinstance(found, HttpAnswer):
        assert (found.status_code, json.loads(found.content)) == expected
    else:
        assert found == expected


def test_results_are_read_line_by_line_and_what_cannot_be_read_is_counted():
    good, other = b'{"custom_id": "a", "x": 1}', b'{"custom_id": "a", "x": 2}'
    content = b"\n".join(
        [b"", good, other, b'{"custom_id": 7}', b"[]", b"\xff", b"[" * 500 + b"]" * 500, good[:9]]
    )
    found = read_results([content, b""])
    assert found.lines == {"a": {"custom_id": "a", "x": 1}}
    assert (found.n_damaged, found.n_twice) == (5, 1)
    assert read_results([]).lines == {}


@pytest.mark.parametrize("text", ["", ".", "..", "a\nb", None, 7, "x" * 513, ["a"]])
def test_what_cannot_stand_in_a_path_is_no_id(text):
    assert usable_id(text) == ""


def test_a_batch_that_may_have_been_made_is_told_by_its_file_or_by_what_was_there_before():
    made = Made("file-1", ("old",), 3)
    assert OPENAI.is_made({"id": "x", "input_file_id": "file-1"}, made)
    assert not OPENAI.is_made({"id": "x", "input_file_id": "file-2"}, made)
    counts = {"processing": 1, "succeeded": 2}
    assert ANTHROPIC.is_made({"id": "new", "request_counts": counts}, made)
    assert not ANTHROPIC.is_made({"id": "old", "request_counts": counts}, made)
    assert not ANTHROPIC.is_made({"id": "new", "request_counts": {"processing": 2}}, made)
