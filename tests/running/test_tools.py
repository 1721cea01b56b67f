"""Tools of a speaker: the loop, its limits, what is recorded, and that no tool runs once too often."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest

from pytest_duolog.endpoints.tool_runs import run_tool
from pytest_duolog.errors import CassetteMismatch, DialogueError, SecretInRecording, UnusedMessages
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.retelling import retold
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.personas import Persona
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.scenarios.tools import Tool
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.transcript import StopKind, StopReason, ToolCall, Transcript
from tests.tool_server import SERVERS, AnthropicServer, GeminiToolServer, Refused, Round, ToolServer

LOOK = ("look_up", {"order_id": "4711"})
PAY = ("refund", {"order_id": "4711", "amount": 30})
# Two calls at once, and one after them.
ROUNDS = (
    Round("Let me look.", [LOOK, PAY]),
    Round("", [LOOK]),
    Round("I have paid."),
)


class Shop:
    """The tools of a shop, which count how often they run."""

    def __init__(self, *, dies_in_call: int = 0) -> None:
        self.ran: list[str] = []
        self.dies_in_call = dies_in_call

    def look_up(self, order_id: str) -> dict[str, Any]:
        """Find an order.

        Args:
            order_id: The number on the parcel.
        """
        self._run("look_up")
        return {"item": "lamp", "price": 30}

    async def refund(self, order_id: str, amount: float) -> str:
        """Give money back."""
        self._run("refund")
        return f"{amount} paid for {order_id}"

    def _run(self, name: str) -> None:
        if len(self.ran) + 1 == self.dies_in_call:
            raise KeyboardInterrupt
        self.ran.append(name)

    @property
    def tools(self) -> list[Any]:
        return [self.look_up, self.refund]


class Project:
    """One dialogue, its recording, and the server that plays both speakers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.location = CassetteLocation(folder / "cassettes" / "test_shop", "test_lamp", ["m"])
        self.servers: list[ToolServer] = []
        self._monkeypatch = monkeypatch

    def serve(self, *rounds: Round, kind: type[ToolServer] = ToolServer) -> ToolServer:
        server = kind(*rounds)
        self.servers.append(server)
        for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE"):
            self._monkeypatch.setenv(f"{name}_API_KEY", "a-key-of-no-account")
        self._monkeypatch.setenv(server.variable, server.base_url)
        return server

    @property
    def server(self) -> ToolServer:
        return self.servers[-1]

    def hold(
        self,
        tools: list[Any],
        mode: str = "once",
        *,
        is_async: bool = False,
        vcr_config: dict[str, Any] | None = None,
        speaker: dict[str, Any] | None = None,
        budget: dict[str, float] | None = None,
        **values: Any,
    ) -> Transcript:
        """Hold the dialogue, or replay it; raises what it raises."""
        model = self.server.model
        given = {"model": model, "system": "You sell lamps.", "tools": tools, **(speaker or {})}
        scenario = Scenario.build(
            {
                "a": Speaker("Ann", model=model),
                "b": Speaker("Bob", **given),
                "opener": "My lamp is broken.",
                "turns": 1,
                **values,
            }
        )
        session = Session(Settings(record_mode=RecordMode(mode), stop_on=(), budget=budget or {}))
        try:
            scenario = session.settings.cast(scenario)
            self.cassette = session.open_recording(
                scenario, self.location, RecordMode(mode), before_asking=lambda: None
            )
            self.cassette.hooks = VcrHooks(vcr_config or {})
            self.run = DialogueRun(scenario, observers=[self.cassette])
            if is_async:
                anyio.run(session.run_async, self.run, self.cassette)
            else:
                session.run(self.run, self.cassette)
            return self.run.transcript()
        finally:
            session.close()

    def close(self) -> None:
        for server in self.servers:
            server.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    project = Project(tmp_path, monkeypatch)
    yield project
    project.close()


def calls_of(transcript: Transcript) -> list[tuple[Any, ...]]:
    return [
        (call.name, call.round, call.at, call.id, call.is_error)
        for message in transcript.messages
        for call in message.tool_calls
    ]


# The provider's own form of a round comes back as it was, in every protocol.


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("is_async", [False, True])
def test_loop_is_held_and_replayed_without_the_server_and_without_the_tools(project, kind, is_async):
    shop = Shop()
    project.serve(*ROUNDS, *ROUNDS, kind=kind)
    recorded = project.hold(shop.tools, is_async=is_async, turns=2)
    assert shop.ran == ["look_up", "refund", "look_up"] * 2
    assert [message.content for message in recorded.messages] == [
        "My lamp is broken.",
        "Let me look.\n\nI have paid.",
        "Please go on, 1.",
        "Let me look.\n\nI have paid.",
        "Please go on, 2.",
    ]
    assert calls_of(recorded) == [
        ("look_up", 1, 12, "call00001", False),
        ("refund", 1, 12, "call00002", False),
        ("look_up", 2, 12, "call00003", False),
        ("look_up", 1, 12, "call00004", False),
        ("refund", 1, 12, "call00005", False),
        ("look_up", 2, 12, "call00006", False),
    ]
    first, second, _ = recorded.messages[1].tool_calls
    assert (first.result, second.result) == ('{"item": "lamp", "price": 30}', "30.0 paid for 4711")
    assert [tool.name for tool in recorded.speakers[1].tools] == ["look_up", "refund"]
    before = project.location.path.read_bytes()
    project.server.close()
    assert project.hold(shop.tools, "none", is_async=is_async, turns=2) == recorded
    assert len(shop.ran) == 6
    assert project.location.path.read_bytes() == before
    assert project.cassette.counts == (8, 0)
    told = retold(project.location.path)
    assert told.transcript.messages == recorded.messages
    assert told.transcript.speakers == recorded.speakers


def test_recording_again_gives_the_same_bytes(project):
    project.serve(*ROUNDS)
    requests = []
    for mode in ("once", "rewrite"):
        project.hold(Shop().tools, mode)
        requests.append(json.dumps(project.server.requests))
        project.server.requests.clear()
    assert requests[0] == requests[1]


@pytest.mark.parametrize("kind", SERVERS)
def test_fork_sends_the_history_that_the_dialogue_sent(project, kind, tmp_path):
    project.serve(*ROUNDS, *ROUNDS, kind=kind)
    held = project.hold(Shop().tools, turns=2)
    sent = [project.server.entries(body) for body in project.server.tool_requests]
    n_own = len(sent[3])  # the first request for the fourth message
    project.server.requests.clear()
    project.server.check = lambda entries: None  # what only the provider knows of a round is in no transcript
    project.location = CassetteLocation(project.location.folder, "test_fork", ["m"])
    project.hold(Shop().tools, turns=2, history=held.messages[:3])
    forked = project.server.entries(project.server.tool_requests[0])
    assert len(forked) == n_own
    if kind is ToolServer:
        assert forked == sent[3]


# No tool runs once too often.


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("dies_in_call", [1, 2, 3])
def test_killed_in_a_loop_and_resumed(project, is_async, dies_in_call):
    project.serve(*ROUNDS)
    shop = Shop(dies_in_call=dies_in_call)
    with pytest.raises(KeyboardInterrupt):
        project.hold(shop.tools, is_async=is_async)
    ran, shop.dies_in_call = len(shop.ran), 0
    assert ran == dies_in_call - 1
    held = project.hold(shop.tools, is_async=is_async)
    assert shop.ran == ["look_up", "refund", "look_up"]
    assert "resumed in message 2" in " ".join(project.cassette.notices)
    assert len(project.server.tool_requests) == 3  # each round was asked for once
    assert project.hold(shop.tools, "none") == held
    assert len(shop.ran) == 3


@pytest.mark.parametrize("dies_in_call", [1, 2, 3, 0])  # 0: at the end
def test_interrupted_addition_to_a_recording_is_continued(project, monkeypatch, dies_in_call):
    project.serve(*ROUNDS, Round("", [PAY]), Round("", [LOOK]), Round("", [PAY]), Round("Paid again."))
    first = project.hold(Shop().tools)
    shop = Shop(dies_in_call=dies_in_call)
    with monkeypatch.context() as patched:
        if not dies_in_call:
            patched.setattr(Cassette, "finish", lambda *_: killed())
        with pytest.raises(KeyboardInterrupt):
            project.hold(shop.tools, "new_episodes", turns=2)
    assert len(shop.ran) == (dies_in_call or 4) - 1
    shop.dies_in_call, n_asked = 0, len(project.server.requests)
    held = project.hold(shop.tools, "new_episodes", turns=2)
    assert shop.ran == ["refund", "look_up", "refund"]
    assert (len(project.server.requests) == n_asked) == (not dies_in_call)
    assert held.messages[:2] == first.messages[:2]
    assert "was incomplete: continued after its" in " ".join(project.cassette.notices)
    assert not project.location.partial_path.exists()
    assert project.hold(shop.tools, "none", turns=2) == held


def killed() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("change", [{}, {"system": "You sell old lamps."}])
def test_incomplete_recording_that_does_not_fit_is_not_taken_over(project, change):
    server = project.serve(*ROUNDS)
    project.hold(Shop().tools)
    server.rounds = (Round("Hm.", [LOOK]), *ROUNDS[1:])
    with pytest.raises(KeyboardInterrupt):
        project.hold(Shop(dies_in_call=2).tools, "rewrite", speaker=change)
    held = project.hold(Shop().tools, "new_episodes")
    assert held.messages[1].content.startswith("Let me look.")
    assert "is incomplete and does not fit" in " ".join(project.cassette.notices)


def test_dialogue_that_failed_in_a_loop_goes_on_there(project):
    server = project.serve(*ROUNDS)
    shop = Shop()
    usual = server.reply
    server.reply = lambda made, number: (
        {"error": {"message": "too long a context", "code": 400}} if number else usual(made, number)
    )
    with pytest.raises(DialogueError) as caught:
        project.hold(shop.tools)
    assert str(caught.value).splitlines()[-1] == (
        'had called: look_up({"order_id": "4711"}), refund({"order_id": "4711", "amount": 30})'
    )
    assert project.run.spent.tokens_written == 3
    assert shop.ran == ["look_up", "refund"]
    server.reply = usual
    project.hold(shop.tools)
    assert shop.ran == ["look_up", "refund", "look_up"]


def test_equal_calls_get_their_results_in_the_recorded_order(project):
    numbers = iter(range(9))

    def draw() -> int:
        """Draw a number."""
        return next(numbers)

    project.serve(Round("", [("draw", {}), ("draw", {})]), Round("", [("draw", {})]), Round("Done."))
    held = project.hold([draw])
    assert [call.result for call in held.messages[1].tool_calls] == ["0", "1", "2"]
    assert project.hold([draw], "none") == held
    assert next(numbers) == 3


REFUSALS = {
    ToolServer: "Invalid schema for function 'look_up': In context=(), object schema missing properties",
    AnthropicServer: "tools.0.custom.input_schema: JSON schema is invalid",
    GeminiToolServer: "Unknown name \"$defs\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
}


@pytest.mark.parametrize(("kind", "words"), REFUSALS.items())
def test_definition_that_a_provider_refuses_is_told_with_what_to_do(project, kind, words):
    def refuse(_entries):
        raise Refused(words)

    project.serve(*ROUNDS, kind=kind).check = refuse
    with pytest.raises(
        DialogueError, match="the provider refuses the definition of a tool: give its parameters"
    ):
        project.hold(Shop().tools)


def test_budget_that_ends_in_a_loop_ends_before_the_next_round(project):
    project.serve(*ROUNDS)
    shop = Shop()
    with pytest.raises(DialogueError, match="the budget of this run is used up"):
        project.hold(shop.tools, budget={"tokens": 10})
    assert (len(project.server.tool_requests), shop.ran) == (1, ["look_up", "refund"])
    project.hold(shop.tools)
    assert (len(project.server.tool_requests), shop.ran) == (3, ["look_up", "refund", "look_up"])


@pytest.mark.parametrize("is_async", [False, True])
def test_budget_of_the_dialogue_ends_a_loop_before_its_calls(project, is_async):
    shop = Shop()
    project.serve(*ROUNDS)
    held = project.hold(shop.tools, is_async=is_async, token_budget=6)
    assert (len(project.server.tool_requests), shop.ran) == (2, ["look_up", "refund"])
    assert held.stop_reason == StopReason(kind=StopKind.BUDGET, speaker="Bob", detail="6 of 6 tokens")
    assert held.messages[-1].content == "Let me look."
    assert "not run" in held.messages[-1].tool_calls[-1].result
    assert project.run.spent.tokens_written == 6
    assert project.hold(shop.tools, "none", is_async=is_async, token_budget=6) == held
    assert retold(project.location.path).transcript.messages == held.messages


# What is in a request is in it for ever.


def test_speaker_without_tools_sends_and_stores_what_it_always_did(project):
    project.serve(Round("Which lamp?"))
    project.hold([], speaker={"tools": ()})
    assert [sorted(body) for body in project.server.requests] == [["messages", "model"]] * 2
    header = read_journal(project.location.path).header
    assert (header["duolog"], sorted(header["speakers"][1])) == (2, ["knobs", "model", "name", "system"])
    assert b'"fields"' not in project.location.path.read_bytes()


def test_fields_of_requests_are_stored_once(project):
    def tool(number: int) -> Tool:
        return Tool(
            Shop().look_up, name=f"look_up_{number}", description=f"Find an order, way {number}. " * 8
        )

    project.serve(*[Round("Hm.", [("look_up_1", LOOK[1])])] * 20, Round("Found."))
    project.hold([tool(number) for number in range(20)])
    assert len(json.dumps(project.server.tool_requests[0]["tools"])) > 8000
    assert project.location.path.stat().st_size < 50_000
    assert read_journal(project.location.path).interactions[-2].request.body.fields["tools"]


def test_the_tools_of_code_are_stored_once_and_compared_as_strictly(project):
    description = "Find an order. " * 30
    sent_as = [description]

    def agent(messages):
        import httpx

        tools = [
            {"type": "function", "function": {"name": f"look_up_{number}", "description": sent_as[0]}}
            for number in range(20)
        ]
        body = {"model": "m", "messages": messages, "tools": tools}
        answer = httpx.post(f"{project.server.url}/chat/completions", json=body)
        return answer.json()["choices"][0]["message"]["content"]

    project.serve(*[Round(f"Found it, {number}.") for number in range(9)])
    values = {"speaker": {"model": agent}, "turns": 8, "a": Speaker("Ann", model="scripted:counter")}
    held = project.hold((), **values)
    assert len(project.server.tool_requests) == 8
    assert project.location.path.stat().st_size < 2 * 20 * len(description)
    project.server.close()
    assert project.hold((), "none", **values) == held
    told = retold(project.location.path).transcript
    assert [one.content for one in told.messages] == [one.content for one in held.messages]
    sent_as[0] = description.replace("Find", "Seek")
    with pytest.raises(CassetteMismatch, match="Seek"):
        project.hold((), "none", **values)


# Bad tools and bad calls: each has a clear outcome, is bounded and recorded.


def never(order_id: str) -> str:
    """Never returns."""
    threading.Event().wait(600)
    return ""


async def never_async(order_id: str) -> str:
    """Never returns."""
    await anyio.sleep_forever()
    return ""


def breaks(order_id: str) -> str:
    """Raises."""
    raise ValueError(f"no order {order_id}\nat all")


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def breaks_twice(order_id: str) -> str:
    """Raises what cannot be told."""
    raise Broken


async def cancels(order_id: str) -> str:
    """Says that it was cancelled, although nobody cancels it."""
    raise asyncio.CancelledError("by itself")


def returns_coroutine(order_id: str) -> Any:
    """Returns a coroutine."""
    return Shop().refund(order_id, 1)


TOLD = {
    "unknown": (
        [("pay_back", {"x": 1})],
        {"error": "unknown_tool", "message": "there is no tool named 'pay_back'"},
    ),
    "no name": ([("", {})], {"error": "unknown_tool", "message": "there is no tool named ''"}),
    "no JSON": (
        [("breaks", '{"order_id": ')],
        {
            "error": "invalid_arguments",
            "message": "the arguments are not JSON: Expecting value: line 1 column 14 (char 13)",
        },
    ),
    "no object": (
        [("breaks", "[1]")],
        {"error": "invalid_arguments", "message": "the arguments are not a JSON object"},
    ),
    "wrong arguments": (
        [("breaks", {"order": 1})],
        {
            "error": "invalid_arguments",
            "message": "order: there is no such parameter; order_id: this parameter is required",
        },
    ),
    "wrong type": (
        [("breaks", {"order_id": 1})],
        {"error": "invalid_arguments", "message": "order_id: Input should be a valid string"},
    ),
    "raises": ([("breaks", {"order_id": "1"})], {"error": "ValueError", "message": "no order 1\nat all"}),
    "raises what has no text": (
        [("breaks_twice", {"order_id": "1"})],
        {"error": "Broken", "message": "its text cannot be told: RuntimeError"},
    ),
    "cancels itself": ([("cancels", {"order_id": "1"})], {"error": "CancelledError", "message": "by itself"}),
    "arguments without end": (
        [("breaks", "[" * 100_000)],
        {
            "error": "invalid_arguments",
            "message": "the arguments are not JSON: nested too deeply: more than 100 levels",
        },
    ),
    "never returns": (
        [("never", {"order_id": "1"})],
        {
            "error": "timeout",
            "message": "no result within 0.05 s; it may still be running; do not call it again",
        },
    ),
    "never returns, async": (
        [("never_async", {"order_id": "1"})],
        {"error": "timeout", "message": "no result within 0.05 s"},
    ),
}


@pytest.mark.parametrize(("calls", "told"), TOLD.values(), ids=TOLD.keys())
def test_bad_call_is_told_to_the_model_and_recorded(project, calls, told):
    project.serve(Round("", calls), Round("Sorry."))
    tools = [Tool(tool, timeout_s=0.05) for tool in (never, never_async)]
    tools += [breaks, breaks_twice, cancels]
    held = project.hold(tools)
    [call] = held.messages[1].tool_calls
    assert (json.loads(call.result), call.is_error) == (told, True)
    assert project.server.tool_requests[1]["messages"][-1]["content"] == call.result
    assert project.hold(tools, "none") == held


def test_coroutine_of_a_plain_function_is_awaited(project):
    project.serve(Round("", [("returns_coroutine", {"order_id": "7"})]), Round("Fine."))
    [call] = project.hold([returns_coroutine]).messages[1].tool_calls
    assert (call.result, call.is_error) == ("1 paid for 7", False)


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


async def yields():
    """Yields."""
    yield 1


RESULTS = {
    "bytes": (b"x", "returned bytes, which is not JSON"),
    "iterator": (iter([1]), "returned list_iterator, which is not JSON"),
    "object": (object(), "returned object, which is not JSON"),
    "NaN": (float("nan"), "returned float, which is not JSON"),
    "generator": ((n for n in [1]), "returned generator, which is not JSON"),
    "contains itself": (ENDLESS, "returned list, which is not JSON"),
    "async generator": (yields(), "returned async_generator, which is not JSON"),
    "10 MB": ("x" * 10_000_000, "returned 10000000 bytes, more than the limit of 65536"),
}


@pytest.mark.parametrize(("result", "problem"), RESULTS.values(), ids=RESULTS.keys())
def test_result_that_cannot_be_told_ends_the_dialogue_and_says_nothing_of_the_model(project, result, problem):
    ran = []

    def find(order_id: str) -> Any:
        """Find it."""
        ran.append(order_id)
        return result

    project.serve(Round("", [("find", {"order_id": "1"})]), Round("Fine."))
    told = f"no message 2 from Bob: the tool find {problem}"
    with pytest.raises(DialogueError, match=told) as caught:
        project.hold([find])
    assert (caught.value.is_outcome, caught.value.__cause__) == (False, None)
    for mode in ("once", "none"):
        with pytest.raises(DialogueError, match=rf"{told}[^\n]*\nthe tool has run and is not run again"):
            project.hold([find], mode)
    assert ran == ["1"]
    with pytest.raises(DialogueError):
        project.hold([find], "rewrite")
    assert ran == ["1", "1"]


class Kind(Enum):
    LAMP = "lamp"


@dataclass
class Order:
    at: Any
    price: Any


JSON_RESULTS = {
    "date": (datetime(2026, 3, 1, 12, 0, tzinfo=UTC), '"2026-03-01T12:00:00Z"'),
    "decimal": ({"price": Decimal("1.50")}, '{"price": "1.50"}'),
    "UUID": ([UUID(int=1)], '["00000000-0000-0000-0000-000000000001"]'),
    "enum": ({Kind.LAMP: Kind.LAMP}, '{"lamp": "lamp"}'),
    "set": ({3}, "[3]"),
    "dataclass": (
        Order(date(2026, 3, 1), Order(None, 1)),
        '{"at": "2026-03-01", "price": {"at": null, "price": 1}}',
    ),
    "lone surrogate": (["a\ud800"], '["a?"]'),
}


@pytest.mark.parametrize(("result", "text"), JSON_RESULTS.values(), ids=JSON_RESULTS.keys())
def test_result_is_told_as_json(result, text):
    tool = Tool(lambda: result, name="find", schema={"type": "object"})
    assert anyio.run(run_tool, ToolCall(name="find", arguments="{}"), tool) == (text, False, None)


def test_result_that_cannot_be_written_is_not_asked_for_again(project):
    key = "sk-proj-" + "Ab1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV" * 2

    def add_key(request, response):
        if response["status"]["message"] == "OK" and request.method == "CALL" and len(shop.ran) == 2:
            response["body"]["string"] = json.dumps({"result": key})
        return request, response

    shop = Shop()
    project.serve(*ROUNDS)
    with pytest.raises(SecretInRecording):
        project.hold(shop.tools, vcr_config={"before_save_interaction": add_key})
    assert key not in project.location.path.read_text()
    with pytest.raises(
        DialogueError, match="the tool refund returned something that looks like a key\nthe tool has run"
    ):
        project.hold(shop.tools)
    assert shop.ran == ["look_up", "refund"]


LEAVES_OUT = {
    "request": {"before_record_request": lambda request: None if request.method == "CALL" else request},
    "host": {"ignore_hosts": ["bob"]},
    "response": {
        "before_record_response": lambda response: (
            None if b'"result"' in response["body"]["string"] else response
        )
    },
    "saved": {
        "before_save_interaction": lambda request, response: (
            None if request.method == "CALL" else (request, response)
        )
    },
}


@pytest.mark.parametrize("config", LEAVES_OUT.values(), ids=LEAVES_OUT.keys())
def test_calls_cannot_be_left_out_of_a_recording(project, config):
    shop = Shop()
    project.serve(*ROUNDS)
    with pytest.raises(
        DialogueError, match=r"tool calls cannot be left out of a recording: .*CALL duolog-tool://Bob/look_up"
    ):
        project.hold(shop.tools, vcr_config=config)
    assert shop.ran == []


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("end", [pytest.exit, pytest.skip, pytest.xfail])
def test_tool_ends_the_run_or_leaves_the_test(project, is_async, end):
    def pay(amount: int) -> str:
        """Pay."""
        end("no more")
        return "paid"

    project.serve(Round("", [("pay", {"amount": 90})]), Round("Fine."))
    with pytest.raises(end.Exception, match="no more"):
        project.hold([pay], is_async=is_async)


def test_dialogue_with_tools_is_known_to_be_freshly_drawn(project):
    def draw(seed: int) -> int:
        """Draw a number."""
        return seed

    server = project.serve(Round("", [("draw", {"seed": 1})]), Round("Done."))
    usual, numbers = server.reply, iter(range(9))
    server.reply = lambda made, number: {"id": f"chatcmpl-{next(numbers)}", **usual(made, number)}
    project.hold([draw], opener=None)
    assert len(set(project.cassette.draws)) == project.cassette.counts[1] > 2


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("check", ["assert", "pytest.fail"])
def test_a_tools_own_check_ends_the_dialogue(project, is_async, check):
    def pay(amount: int) -> str:
        """Pay."""
        if check == "pytest.fail":
            pytest.fail("far too much")
        assert amount < 50, "far too much"
        return "paid"

    project.serve(Round("", [("pay", {"amount": 90})]), Round("Fine."))
    told = r"the tool pay stopped the dialogue: .*far too much"
    with pytest.raises(DialogueError, match=told) as caught:
        project.hold([pay], is_async=is_async)
    assert caught.value.is_outcome
    with pytest.raises(
        DialogueError, match=rf"(?s){told}.*\nthe tool has run and is not run again"
    ) as caught:
        project.hold([pay], "none", is_async=is_async)
    assert caught.value.is_outcome


@pytest.mark.parametrize(
    ("calls", "detail", "n_run"), [([LOOK], "3 rounds", 3), ([LOOK] * 1000, "1000 calls at once", 0)]
)
def test_calls_without_end_are_limited(project, calls, detail, n_run):
    shop = Shop()
    project.serve(Round("", calls))
    held = project.hold(shop.tools, speaker={"tool_rounds": 3})
    assert len(shop.ran) == n_run
    assert (held.stop_reason.kind, held.stop_reason.speaker, held.stop_reason.detail) == (
        StopKind.TOOL_LIMIT,
        "Bob",
        detail,
    )
    message = held.messages[-1]
    assert (message.speaker, message.content) == ("Bob", "")
    assert message.tool_calls[-1].result == '{"error": "tool_limit", "message": "not run"}'
    assert project.hold(shop.tools, "none", speaker={"tool_rounds": 3}) == held
    assert retold(project.location.path).transcript.messages == held.messages


@pytest.mark.parametrize(
    ("rounds", "ending", "n_messages"),
    [
        (ROUNDS * 2, "gave up (Bob): 1 of 1 messages without <<done>>; the words of message 4 were not said", 4),
        ((Round("", [LOOK]), Round("<<done>>")), "goal reached (Bob): <<done>> in message 2", 2),
        ((Round("Let me look.", [LOOK]), Round("**<<done>>**", [PAY]), Round("<<done>>")), "goal reached (Bob): <<done>> in message 2", 3),  # noqa: E501
    ],
)  # fmt: skip
def test_a_persona_that_calls_tools_in_its_last_message_is_told_as_it_was(
    project, rounds, ending, n_messages
):
    project.serve(*rounds)
    bob = Persona(
        "Bob", goal="the money back", gives_up_after=1, model=project.server.model, tools=Shop().tools
    )
    held = project.hold([], b=bob, turns=2)
    assert str(held.stop_reason).startswith(ending)
    assert len(held.messages) == n_messages
    last = [message for message in held.messages if message.speaker == "Bob"][-1]
    assert last.tool_calls
    assert max(call.at for call in last.tool_calls) <= len(last.content)
    assert project.hold([], "none", b=bob, turns=2) == held
    told = retold(project.location.path).transcript
    assert (told.messages, told.stop_reason) == (held.messages, held.stop_reason)


@pytest.mark.parametrize("n_before", [0, 1])
def test_calls_of_a_refused_reply_are_neither_run_nor_told(project, n_before):
    server = project.serve(*[Round("I look.", [LOOK])] * n_before, Round("No.", [PAY]))
    usual = server.reply

    def reply(made: Round, number: int) -> dict[str, Any]:
        answer = usual(made, number)
        if made.says == "No.":
            answer["choices"][0]["finish_reason"] = "content_filter"
        return answer

    server.reply = reply
    shop = Shop()
    held = project.hold(shop.tools)
    assert held.stop_reason.kind is StopKind.REFUSAL
    assert [call.name for call in held.messages[-1].tool_calls] == shop.ran == ["look_up"] * n_before
    assert project.hold(shop.tools, "none") == held
    assert retold(project.location.path).transcript.messages == held.messages


def test_secrets_in_arguments_and_results_reach_neither_model_nor_file(project):
    key = "sk-proj-" + "Ab1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV" * 2

    def find(note: str) -> str:
        """Find it."""
        return f"the key is {key}"

    project.serve(Round("", [("find", {"note": key})]), Round("Fine."))
    held = project.hold([find])
    assert key not in project.location.path.read_text()
    assert key not in json.dumps(project.server.requests)
    assert project.hold([find], "none") == held


# Replays compare what is live, and name what has changed.


def test_live_tool_runs_in_a_replay_and_must_give_the_recorded_result(project):
    prices = [30, 30, 31]

    def price(order_id: str) -> int:
        """The price."""
        return prices.pop(0)

    project.serve(Round("", [("price", {"order_id": "1"})]), Round("It is that."))
    tool = Tool(price, live=True)
    held = project.hold([tool])
    assert project.hold([tool], "none") == held
    with pytest.raises(CassetteMismatch) as caught:
        project.hold([tool], "none")
    lines = [" ".join(line.split()) for line in str(caught.value).splitlines()]
    assert lines[0] == "message 2 (Bob): the tool price gives another result than the recorded one."
    assert {"recorded: '30'", "now: '31'"} <= set(lines)


def changed_amount(order_id: str, amount: int) -> str:
    """Give money back."""
    return ""


def without_amount(order_id: str) -> str:
    """Give money back."""
    return ""


def other_words(order_id: str, amount: float) -> str:
    """Give the money back."""
    return ""


CHANGES: dict[str, tuple[Callable[[Shop], list[Any]], str]] = {
    "type": (
        lambda shop: [shop.look_up, Tool(changed_amount, name="refund")],
        'tool refund of Bob, parameter amount: recorded {"type": "number"}, now {"type": "integer"}',
    ),
    "parameter": (
        lambda shop: [shop.look_up, Tool(without_amount, name="refund")],
        "tool refund of Bob, parameter amount: removed",
    ),
    "description": (
        lambda shop: [shop.look_up, Tool(other_words, name="refund")],
        "tool refund of Bob, description: recorded 'Give money back.', now 'Give the money back.'",
    ),
    "removed": (lambda shop: [shop.look_up], "tool refund of Bob: removed"),
    "added": (lambda shop: [*shop.tools, breaks], "tool breaks of Bob: added"),
    "order": (
        lambda shop: shop.tools[::-1],
        "order of the tools of Bob: recorded look_up, refund, now refund, look_up",
    ),
}


@pytest.mark.parametrize(("change", "line"), CHANGES.values(), ids=CHANGES.keys())
def test_changed_tool_is_a_miss_that_names_it(project, change, line):
    shop = Shop()
    project.serve(*ROUNDS)
    project.hold(shop.tools)
    with pytest.raises(CassetteMismatch) as caught:
        project.hold(change(shop), "none")
    assert line in str(caught.value)
    assert "[{" not in str(caught.value)


def test_old_result_is_not_used_for_a_changed_tool(project):
    project.serve(*ROUNDS)
    project.hold(Shop().tools)
    held = project.hold([Shop().look_up, Tool(changed_amount, name="refund")], "new_episodes")
    assert held.messages[1].tool_calls[1].result == ""


def test_changed_body_is_no_miss(project):
    def refund(order_id: str, amount: float) -> str:
        """Give money back."""
        raise AssertionError("it is not run")

    shop = Shop()
    project.serve(*ROUNDS)
    held = project.hold(shop.tools)
    assert project.hold([shop.look_up, refund], "none") == held


def test_fewer_rounds_than_recorded_leave_replies_unused(project):
    project.serve(*ROUNDS)
    project.hold(Shop().tools)
    with pytest.raises(UnusedMessages, match="tool rounds of Bob: recorded 20, now 1"):
        project.hold(Shop().tools, "none", speaker={"tool_rounds": 1})


def test_call_that_is_not_recorded_is_named(project):
    shop = Shop(dies_in_call=2)
    project.serve(*ROUNDS)
    with pytest.raises(KeyboardInterrupt):
        project.hold(shop.tools)
    with pytest.raises(
        CassetteMismatch, match=r"message 2 \(Bob\) has no recorded result of the tool refund"
    ):
        project.hold(shop.tools, "none")
    assert shop.ran == ["look_up"]
