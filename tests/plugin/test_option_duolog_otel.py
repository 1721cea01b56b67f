"""Dialogues as spans of OpenTelemetry: only if asked for, with the words only if asked for, and readable again."""

from __future__ import annotations

import json

import pytest

from pytest_duolog.transcripts.transcript import Transcript
from tests.chat_server import asked
from tests.tool_server import Round, ToolServer

# All of it is imported here: what an inner run imports first, pytester forgets after it.
pytest.importorskip(
    "opentelemetry.sdk.trace.export.in_memory_span_exporter", reason="needs opentelemetry-sdk"
)

ROUNDS = (
    Round("Let me look.", [("look_up", {"order_id": "4711"}), ("look_up", {"order_id": 1})]),
    Round("It cost 30, key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD."),
)
TEST = '''
import pytest
from pytest_duolog import Speaker

def look_up(order_id: str) -> dict:
    """Find an order."""
    return {"price": 30}

@pytest.mark.dialogue(
    a="openai:m",
    b=Speaker("Bob", model="openai:m", system="You are a shop.", tools=[look_up], temperature=0.5),
    opener="My lamp is broken.",
    turns=2,
)
def test_shop(dialogue):
    from pathlib import Path
    from opentelemetry.trace import get_tracer
    assert dialogue.never_calls("refund")
    Path("transcript.json").write_text(dialogue.transcript.to_json())
'''
# The provider of a user, who sends its spans into a file.
CONFTEST = """
import json

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))

def pytest_configure():
    trace._TRACER_PROVIDER_SET_ONCE = Once()  # of an earlier test in this process
    trace.set_tracer_provider(provider)

@pytest.fixture(autouse=True)
def around(request):
    with trace.get_tracer("mine").start_as_current_span("around"):
        yield

def pytest_sessionfinish():
    spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
    with open("spans.json", "w") as file:
        json.dump(spans, file)
"""


@pytest.fixture
def server(monkeypatch):
    with asked(ToolServer(*ROUNDS), monkeypatch) as server:
        yield server


@pytest.fixture(autouse=True)
def no_provider():
    """Each run sets a provider of its own, or none."""
    from opentelemetry import trace
    from opentelemetry.util._once import Once

    yield
    trace._TRACER_PROVIDER_SET_ONCE, trace._TRACER_PROVIDER = Once(), None


def run(pytester, *arguments):
    return pytester.runpytest("-p", "no:cacheprovider", "-p", "no:asyncio", *arguments)


def traced(pytester, *arguments, conftest=CONFTEST):
    """The spans of a run, in the order in which they began."""
    pytester.makepyfile(test_shop=TEST)
    pytester.makeconftest(conftest)
    result = run(pytester, *arguments)
    result.assert_outcomes(passed=1)
    spans = json.loads((pytester.path / "spans.json").read_text("utf-8"))
    return sorted(spans, key=lambda span: span["start_time"])


def named(spans, name):
    return [span for span in spans if span["name"] == name]


def test_spans_follow_the_dialogue_without_its_words(pytester, server):
    spans = traced(pytester, "--record-mode=once", "--duolog-otel=spans")
    by_id = {span["context"]["span_id"]: span for span in spans}
    [whole] = named(spans, "duolog.dialogue")
    assert by_id[whole["parent_id"]]["name"] == "around"
    assert whole["attributes"]["test.case.name"] == "test_shop.py::test_shop"
    assert whole["attributes"]["duolog.stop_reason"] == "turns"
    assert whole["attributes"]["duolog.replayed"] is False
    [verdict] = whole["events"]
    assert verdict["name"] == "gen_ai.evaluation.result"
    assert verdict["attributes"] == {
        "gen_ai.evaluation.name": "NeverCalls",
        "gen_ai.evaluation.score.label": "holds",
    }
    agent = named(spans, "invoke_agent Bob")[0]
    assert agent["parent_id"] == whole["context"]["span_id"]
    inside = [span for span in spans if span["parent_id"] == agent["context"]["span_id"]]
    assert [span["name"] for span in inside] == [
        "chat m",
        "execute_tool look_up",
        "execute_tool look_up",
        "chat m",
    ]
    chat, called, failed, _ = inside
    assert chat["kind"] == "SpanKind.CLIENT"
    told = chat["attributes"]
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "m"
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.usage.input_tokens"] > 0
    assert told["gen_ai.conversation.id"] == whole["attributes"]["gen_ai.conversation.id"]
    assert called["attributes"]["gen_ai.tool.call.id"] == "call00001"
    assert failed["status"]["status_code"] == "ERROR", "its argument is no text"
    assert "lamp" not in json.dumps(spans)
    assert "4711" not in json.dumps(spans)


def test_spans_with_content_read_back_as_the_same_dialogue_without_secrets(pytester, server):
    spans = traced(pytester, "--record-mode=once", "--duolog-otel=content")
    said = Transcript.from_json(pytester.path / "transcript.json")
    assert Transcript.from_trace(pytester.path / "spans.json") == said
    assert "sk-proj-" not in json.dumps(spans)
    assert any(call.is_error for message in said.messages for call in message.tool_calls)
    # And without our own span, from what the conventions know.
    chats = [span for span in spans if span["name"] != "duolog.dialogue"]
    (pytester.path / "chats.json").write_text(json.dumps(chats), "utf-8")
    seen = Transcript.from_trace(pytester.path / "chats.json")
    # The last request is of Bob: what Alice says after it is in no span.
    assert [message.content for message in seen.messages] == [
        message.content for message in said.messages[: len(seen)]
    ]
    calls = [
        [
            (call.name, json.loads(call.arguments), json.loads(call.result), call.is_error)
            for message in one.messages
            for call in message.tool_calls
        ]
        for one in (seen, said)
    ]
    assert calls[0] == calls[1]


def test_replayed_spans_say_so(pytester, server):
    traced(pytester, "--record-mode=once", "--duolog-otel=off")
    server.close()
    spans = traced(pytester, "--duolog-otel=spans")
    ours = [span for span in spans if span["name"].startswith(("chat", "execute_tool", "duolog"))]
    assert len(ours) > 5
    assert all(span["attributes"]["duolog.replayed"] for span in ours)


def test_nothing_is_written_or_imported_unless_asked(pytester, server):
    assert {span["name"] for span in traced(pytester, "--record-mode=once")} == {"around"}
    pytester.makeconftest("""
        import sys
        def pytest_unconfigure():
            assert not any(name.startswith("opentelemetry") for name in sys.modules)
        """)
    pytester.makepyfile(test_shop=TEST.replace("    from opentelemetry.trace import get_tracer\n", ""))
    assert pytester.runpytest_subprocess("-p", "no:cacheprovider").ret == 0


def test_spans_without_a_provider_are_told(pytester, server):
    pytester.makepyfile(test_shop=TEST)
    pytester.makeini("[pytest]\nduolog_otel = spans\n")
    result = run(pytester, "--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*duolog_otel: no spans were written, because no code has set a tracer*"])


def test_a_failed_request_is_an_error(pytester, server):
    server.answer = lambda body: (400, b'{"error": {"message": "no such lamp"}}')
    pytester.makepyfile(test_shop=TEST)
    pytester.makeconftest(CONFTEST)
    run(pytester, "--record-mode=once", "--duolog-otel=spans").assert_outcomes(failed=1)
    spans = json.loads((pytester.path / "spans.json").read_text("utf-8"))
    for name in ("chat m", "invoke_agent Bob", "duolog.dialogue"):
        [span] = named(spans, name)
        assert span["status"]["status_code"] == "ERROR"
        assert span["attributes"]["error.type"] == "EndpointError"
    assert "no such lamp" not in json.dumps(spans)


def test_an_unknown_value_is_refused_before_anything_runs(pytester, server):
    pytester.makepyfile(test_shop=TEST)
    result = run(pytester, "--duolog-otel=all")
    result.assert_outcomes(errors=1)
    assert not server.requests
    result.stdout.fnmatch_lines(["*duolog_otel: unknown value 'all' (accepted: off, spans, content)*"])


def test_a_missing_package_is_told_with_the_extra(pytester, server, monkeypatch):
    from pytest_duolog.settings import options

    monkeypatch.setattr(options, "find_spec", lambda name: None)
    pytester.makepyfile(test_shop=TEST)
    result = run(pytester, "--duolog-otel=spans")
    result.stdout.fnmatch_lines(["*pip install 'pytest-duolog?otel?'*"])
