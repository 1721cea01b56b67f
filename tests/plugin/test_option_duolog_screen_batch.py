"""`--duolog-screen-batch MINUTES`: a screen whose answers come from the batch APIs of the providers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.batch_server import DROP, DROP_AFTER, KEY, BatchServer, asked

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="{old}", role="agent"), turns=2,
)
@pytest.mark.parametrize("opener", ["Where is the lamp?", "Where is the harbour?"])
def test_it(opener, dialogue):
    assert dialogue.messages
"""
# Both dialogues have two turns, and each side answers each turn three times.
N_ANSWERS = 2 * 2 * 2 * 3
OPEN = Path(".duolog/screen/batches")
QUIET = ("-p", "no:cacheprovider")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    with asked(monkeypatch) as found:
        yield found


@pytest.fixture
def screen(pytester: pytest.Pytester, server: BatchServer):
    """Screens a candidate that says goodbye to the harbour if its name is `hasty`."""

    def answer(body: dict[str, Any]) -> Any:
        n = len(server.log) + sum(one["total"] for one in server.batches.values())
        n += sum(len(one["lines"]) for one in server.batches.values())
        if body["model"] == "hasty" and "harbour" in str(body["messages"]):
            return "Goodbye!"
        return f"Crate {n} lies beside barrel {n * 7 % 83}; there is more of number {n * 13 % 97}."

    server.answer = answer

    def run(
        *options: str, model: str = "openai:hasty", minutes: str = "1", old: str = "openai:old"
    ) -> pytest.RunResult:
        if not pytester.path.joinpath("test_it.py").exists():
            pytester.makepyfile(test_it=SUITE.format(old=old))
            pytester.runpytest(*QUIET, "--record-mode=once").assert_outcomes(passed=2)
            server.log.clear()
        return pytester.runpytest(
            *QUIET,
            "--duolog-screen=3",
            f"--duolog-screen-batch={minutes}",
            f"--duolog-candidate=agent={model}",
            *options,
        )

    return run


def sides() -> list[Any]:
    data = json.loads(Path(".duolog/screen.json").read_text("utf-8"))
    return [
        len(turn[side])
        for one in data["dialogues"]
        for turn in one["turns"]
        for side in ("baseline", "candidate")
    ]


def open_batches() -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(OPEN.glob("*.json"))]


@pytest.mark.parametrize(
    ("old", "model"),
    [("openai:old", "openai:hasty"), ("anthropic:old", "anthropic:hasty"), ("openai:old", "anthropic:hasty")],
    ids=["openai", "anthropic", "both"],
)
def test_all_answers_come_from_batches_and_are_read_as_any_others(
    screen, server: BatchServer, old: str, model: str
):
    result = screen(old=old, model=model)
    assert result.ret == 1
    assert server.n("POST /v1/(chat/completions|messages)") == 0
    assert len(server.batches) == 2
    assert sides() == [3] * 8
    result.stdout.fnmatch_lines(
        [
            "screen: *batch_* of *: 12 requests for *",
            "screen: *batch_* of *: *, 12 of 12 requests answered",
            "* differ* the baseline's*",
            "  this is no PASS: *",
            "  4 turns of 2 dialogues, 3 answers of each side; *",
            "  1. *::test_it[[]Where is the harbour?]: *",
            "     message 2 (excess *): baseline answers 3 of 3, * words; candidate says goodbye 3 of 3, 1 word",
            "asked through batch APIs: 24 answers, 240 tokens read and 72 written; *",
        ]
    )
    assert open_batches() == []
    assert server.keys == {KEY}
    # Nobody knows how long a provider worked on an answer of a batch.
    recorded = [path.read_text("utf-8") for path in Path(".duolog/screen").glob("*.json*")]
    assert not any("latency_ms" in text for text in recorded)


@pytest.mark.slow
def test_a_repeated_screen_asks_nobody(screen, server: BatchServer):
    screen()
    n = len(server.log)
    assert screen().ret == 1
    assert len(server.log) == n


@pytest.mark.slow
def test_recordings_equal_those_of_a_screen_that_asks_one_by_one(screen, server: BatchServer, pytester):
    server.answer = lambda body: f"Answer to {len(str(body['messages']))}."
    screen(model="openai:alike")
    batched = {path.name: path.read_text("utf-8") for path in Path(".duolog/screen").glob("*.json*")}
    pytester.path.joinpath(".duolog/screen").rename("batched")
    pytester.runpytest(*QUIET, "--duolog-screen=3", "--duolog-candidate=agent=openai:alike")
    single = {path.name: path.read_text("utf-8") for path in Path(".duolog/screen").glob("*.json*")}
    assert batched.keys() == single.keys()
    changing = re.compile(r'"(recorded|timestamp|draw|sum)": ?"[^"]*"')
    time = re.compile(r',\s*"latency_ms": ?[0-9.]+')
    assert sum(bool(time.search(text)) for text in single.values()) == len(single)
    for name, text in batched.items():
        alike = [changing.sub("", one).splitlines() for one in (text, time.sub("", single[name]))]
        assert alike[0] == alike[1]


def test_when_the_time_is_over_the_next_run_waits_for_the_same_batches(screen, server: BatchServer):
    server.looks = 3
    result = screen(minutes="0")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "STOPPED: the time to wait is over, and these are not answered: batch batch_0 of openai, batch *",
            "every finished answer is kept: the same command continues where this one stopped",
        ]
    )
    assert not Path(".duolog/screen.json").exists()
    assert len(open_batches()) == 2
    for path in OPEN.glob("*.json"):  # it is for its owner only, and has no words and no key
        assert path.stat().st_mode & 0o777 == 0o600
        assert KEY not in path.read_text("utf-8")
        assert "lamp" not in path.read_text("utf-8")
    requests = {name for batch in open_batches() for name in batch["requests"]}
    assert len(requests) == N_ANSWERS
    assert all(re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{32}", name) for name in requests)
    result = screen()
    result.stdout.fnmatch_lines(["screen: batch batch_* of openai: the run continues to wait for it"])
    assert sides() == [3] * 8
    assert (len(server.batches), open_batches()) == (2, [])


@pytest.mark.slow
def test_a_killed_run_loses_nothing_and_pays_nothing_twice(screen, server: BatchServer, pytester):
    server.looks = 10**6
    screen(
        minutes="0", model="openai:other"
    )  # records the dialogues, and leaves batches of another candidate alone
    n_before = len(server.batches)
    command = [
        *(sys.executable, "-m", "pytest", *QUIET, "--duolog-screen=3", "--duolog-screen-batch=5"),
        "--duolog-candidate=agent=openai:hasty",
    ]
    process = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.DEVNULL)
    # The baseline's batch is open already; that of the new candidate is the only one that is made.
    deadline = time.monotonic() + 60
    while not (len(server.batches) > n_before and server.n(f"GET /v1/batches/batch_{n_before}")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(server.batches) == n_before + 1
    server.looks = 1
    assert screen().ret == 1
    assert len(server.batches) == n_before + 1
    assert sides() == [3] * 8
    assert len(open_batches()) == 1  # that of the other candidate


@pytest.mark.parametrize(
    ("api", "path"),
    [("openai", "/v1/batches"), pytest.param("anthropic", "/v1/messages/batches", marks=pytest.mark.slow)],
)
def test_a_batch_whose_creation_seemed_to_fail_is_found_and_not_made_again(
    screen, server: BatchServer, api, path
):
    server.faults = [(f"POST {path}", DROP_AFTER)]
    screen(old=f"{api}:old", model=f"{api}:hasty")
    assert len(server.batches) == 2
    assert sides() == [3] * 8


@pytest.mark.parametrize(("api", "path"), [("openai", "/v1/batches"), ("anthropic", "/v1/messages/batches")])
def test_a_batch_whose_id_never_arrived_is_found_by_the_next_run(screen, server: BatchServer, api, path):
    lost = [(f"POST {path}", DROP_AFTER), (rf"GET {path}\?limit=100", (401, {"error": {"message": "no"}}))]
    if api == "anthropic":  # looks at what is there before it makes a batch
        lost.insert(1, (rf"GET {path}\?limit=100", (200, {"data": []})))
    server.faults = lost
    result = screen(old=f"{api}:old", model=f"{api}:hasty")
    assert result.ret == 4
    assert [batch["id"] for batch in open_batches()] == [""]
    screen(old=f"{api}:old", model=f"{api}:hasty")
    assert len(server.batches) == 2
    assert sides() == [3] * 8


@pytest.mark.slow
def test_a_batch_that_was_never_made_is_made_by_the_next_run(screen, server: BatchServer):
    server.faults = [
        ("POST /v1/batches", DROP),
        (r"GET /v1/batches\?limit=100", (401, {"error": {"message": "no"}})),
    ]
    screen()
    assert server.batches == {}
    screen()
    assert len(server.batches) == 2
    assert sides() == [3] * 8


def test_an_upload_is_tried_again_when_the_provider_has_no_room(screen, server: BatchServer):
    busy = (429, {"error": {"message": "slow down"}}, {"retry-after": "0"})
    server.faults = [("POST /v1/files", busy), ("POST /v1/batches", busy), ("POST /v1/files", DROP)]
    screen()
    assert len(server.batches) == 2
    assert sides() == [3] * 8


def test_a_batch_that_the_provider_refuses_stops_the_screen_and_leaves_nothing(screen, server: BatchServer):
    server.faults = [("POST /v1/batches", (400, {"error": {"message": "no such model for batches"}}))]
    result = screen()
    assert result.ret == 4
    result.stdout.fnmatch_lines(["the screen could not be made: HTTP 400: 'no such model for batches'*"])
    assert open_batches() == []


@pytest.mark.slow
def test_a_server_without_a_batch_api_is_named(screen, server: BatchServer):
    server.faults = [("POST /v1/files", (404, {"error": {"message": "unknown path"}}))]
    result = screen()
    assert result.ret == 4
    result.stdout.fnmatch_lines(["the screen could not be made: HTTP 404: 'unknown path'*"])


def test_a_server_that_is_down_for_a_while_is_waited_for(screen, server: BatchServer):
    down = (503, {"error": {"message": "down"}})
    server.faults = [("GET /v1/batches/batch_0", down), ("GET /v1/batches/batch_0", DROP)]
    server.faults += [("GET /v1/files/.*", down)] * 3 + [("GET /v1/files/.*", DROP)]
    result = screen("-s")
    result.stdout.fnmatch_lines(["screen: batch batch_0 of openai: not heard of: HTTP 503: 'down'"])
    assert sides() == [3] * 8
    assert len(server.batches) == 2


@pytest.mark.slow
def test_a_batch_that_is_gone_stops_the_screen_and_says_what_to_do(screen, server: BatchServer):
    server.looks = 5
    screen(minutes="0")
    server.batches.clear()
    result = screen()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["STOPPED: batch batch_* of openai cannot be read: HTTP 404: *; without */.duolog/*"]
    )
    for path in OPEN.glob("*.json"):
        path.unlink()
    server.looks = 1
    screen()
    assert sides() == [3] * 8


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize("ends", ["expired", pytest.param("cancelled", marks=pytest.mark.slow)])
def test_requests_without_an_answer_are_counted_and_asked_again_by_the_next_run(screen, server, api, ends):
    server.ends = ends
    server.has_answer = lambda index: index != 4
    result = screen(old=f"{api}:old", model=f"{api}:hasty")
    result.stdout.fnmatch_lines(
        [
            f"screen: *batch_0 of {api}: *, 11 of 12 requests answered",
            f"  2 of 24 answers are missing: *{ends}*",
        ]
    )
    assert sorted(sides()) == [2, 2, *[3] * 6]
    server.ends, server.has_answer = "completed", lambda _: True
    screen(old=f"{api}:old", model=f"{api}:hasty")
    assert sides() == [3] * 8
    assert [batch["total"] for batch in server.batches.values()] == [12, 12, 1, 1]


@pytest.mark.parametrize("api", ["openai", pytest.param("anthropic", marks=pytest.mark.slow)])
def test_errors_of_single_requests_are_counted_with_the_first_one(screen, server: BatchServer, api):
    said = server.answer
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "blocked by policy"}}
    seen: list[Any] = []

    def answer(asked: dict[str, Any]) -> Any:
        seen.append(asked)
        return (400, json.dumps(body).encode()) if server.batches and len(seen) % 6 == 0 else said(asked)

    server.answer = answer
    result = screen(old=f"{api}:old", model=f"{api}:alike")
    result.stdout.fnmatch_lines(["  * of 24 answers are missing: *blocked by policy*"])


@pytest.mark.slow
def test_a_batch_that_fails_as_a_whole_gives_no_verdict(screen, server: BatchServer):
    failed = {"id": "batch_0", "object": "batch", "status": "failed"}
    errors = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
    server.faults = [("GET /v1/batches/batch_0", (200, {**failed, "errors": errors}))]
    result = screen()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["STOPPED: 12 of 24 answers are missing: *token_limit_exceeded: Enqueued token limit reached*"]
    )
    screen()
    assert sides() == [3] * 8
    assert len(server.batches) == 3


def test_results_may_come_in_any_order_twice_and_for_nobody(screen, server: BatchServer):
    def mangled(lines: list[bytes]) -> bytes:
        foreign = json.dumps({"custom_id": "nobody", "response": {"status_code": 200, "body": {}}}).encode()
        return b"\n\n".join([*reversed(lines), lines[0].replace(b"Crate", b"Second"), foreign])

    server.mangled = mangled
    result = screen()
    result.stdout.fnmatch_lines(
        ["screen: batch batch_0 of openai: *; 1 line had the id of *; 1 answer to what was *"]
    )
    assert sides() == [3] * 8
    assert not any("Second" in path.read_text("utf-8") for path in Path(".duolog/screen").glob("*.jsonl"))


def test_half_a_file_of_results_counts_and_is_read_again_by_the_next_run(screen, server: BatchServer):
    server.mangled = lambda lines: b"\n".join(lines)[: -len(lines[-1]) // 2]
    result = screen()
    result.stdout.fnmatch_lines(
        [
            "screen: batch batch_0 of openai: *, 11 of 12 requests answered; 1 line cannot be read",
            "screen: batch batch_0 of openai: the next run reads it again; *",
            "  2 of 24 answers are missing: *",
        ]
    )
    server.mangled = b"\n".join
    screen()
    assert sides() == [3] * 8
    assert (len(server.batches), open_batches()) == (2, [])


def test_answers_that_are_counted_but_not_there_yet_are_not_asked_for_again(screen, server: BatchServer):
    server.mangled = lambda lines: b"\n".join(lines[:-1])
    result = screen()
    result.stdout.fnmatch_lines(["screen: batch batch_0 of openai: the next run reads it again; *"])
    server.mangled = b"\n".join
    screen()
    assert sides() == [3] * 8
    assert (len(server.batches), open_batches()) == (2, [])


@pytest.mark.slow
def test_large_batches_are_split(screen, server: BatchServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pytest_duolog.endpoints.openai_batches.OpenAIBatches.most_requests", 5)
    screen()
    assert [batch["total"] for batch in server.batches.values()] == [5, 5, 2, 5, 5, 2]
    assert sides() == [3] * 8


@pytest.mark.slow
def test_batches_are_split_by_size_and_a_request_that_is_too_large_is_missing(
    screen, server: BatchServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pytest_duolog.endpoints.anthropic_batches.AnthropicBatches.most_bytes", 700)
    screen(old="anthropic:old", model="anthropic:hasty")
    assert max(len(json.dumps(body)) for body in server.bodies) < 800
    assert len(server.batches) > 4


def test_calls_of_tools_are_asked_for_in_a_second_batch(pytester: pytest.Pytester, server: BatchServer):
    pytester.makepyfile(
        """
        import pytest
        from pytest_duolog import Speaker
        def refund(order: int) -> str:
            "Pay back an order."
            return "paid"
        @pytest.mark.dialogue(
            a=Speaker("Ann", model="openai:asker"),
            b=Speaker("Ben", model="openai:old", role="agent", tools=[refund]), turns=1, opener="My lamp is broken.",
        )
        def test_it(dialogue):
            assert dialogue.messages
        """
    )
    call = {"id": "1", "type": "function", "function": {"name": "refund", "arguments": '{"order": 4}'}}

    def answer(body: dict[str, Any]) -> Any:
        if body["model"] != "new" or body["messages"][-1]["role"] == "tool":
            return f"Well, {len(server.log)}."
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return 200, {
            "id": "c",
            "model": "new",
            "choices": [{"message": message, "finish_reason": "tool_calls"}],
        }

    server.answer = answer
    pytester.runpytest(*QUIET, "--record-mode=once").assert_outcomes(passed=1)
    result = pytester.runpytest(
        *QUIET, "--duolog-screen=3", "--duolog-screen-batch=1", "--duolog-candidate=agent=openai:new"
    )
    result.stdout.fnmatch_lines(["*candidate calls a tool 3 of 3, calls refund 3 times, *"])
    assert [batch["total"] for batch in server.batches.values()] == [3, 3, 3]
    assert open_batches() == []


def test_a_budget_limits_what_is_sent(screen, server: BatchServer):
    result = screen("--duolog-budget=dialogues=10")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["STOPPED: the budget is used up"])
    assert sum(batch["total"] for batch in server.batches.values()) == 10
    screen()
    assert sum(batch["total"] for batch in server.batches.values()) == N_ANSWERS
    assert sides() == [3] * 8


@pytest.mark.slow
def test_answers_that_are_paid_are_read_under_any_budget(screen, server: BatchServer):
    server.looks = 5
    screen(minutes="0")
    server.looks = 1
    screen("--duolog-budget=dialogues=1")
    assert sides() == [3] * 8


def test_a_key_in_an_answer_is_not_recorded(screen, server: BatchServer):
    said = server.answer
    server.answer = lambda body: f"{said(body)} The key is {KEY}."
    screen()
    assert not any(KEY in path.read_text("utf-8") for path in Path(".duolog").rglob("*.json*"))


def test_a_second_run_at_the_same_time_is_refused(
    screen, server: BatchServer, monkeypatch: pytest.MonkeyPatch
):
    from pytest_duolog.running.open_batches import OpenBatches

    screen(minutes="0")
    first = OpenBatches(OPEN)
    result = screen()
    assert result.ret == 4
    result.stdout.fnmatch_lines(["the screen could not be made: another run waits for the batches in *"])
    first.close()
    assert screen().ret == 1


@pytest.mark.slow
def test_a_file_that_is_not_of_a_batch_is_named(screen, server: BatchServer):
    server.looks = 5
    screen(minutes="0")
    path = min(OPEN.glob("*.json"))
    path.write_text('{"format": 2}', "utf-8")
    result = screen()
    assert result.ret == 4
    result.stdout.fnmatch_lines([f"the screen could not be made: *{path.name} is not the file of a batch (*"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--duolog-screen-batch=5",), "--duolog-screen-batch: it has no effect without --duolog-screen"),
        (
            ("--duolog-screen=3", "--duolog-screen-batch=soon", "--duolog-candidate=agent=openai:new"),
            "--duolog-screen-batch: 'soon' is not a number of minutes",
        ),
        (
            ("--duolog-screen=3", "--duolog-screen-batch=5", "--duolog-candidate=agent=ollama:new"),
            (
                "--duolog-screen-batch: test_it.py::test_it[Where is the lamp?]: 'ollama:new' has no batch API; these "
                "providers have one: anthropic, groq, openai"
            ),
        ),
    ],
    ids=["no screen", "no number", "no batch API"],
)
def test_what_cannot_be_asked_in_batches_is_refused_before_anything_runs(
    pytester: pytest.Pytester, server: BatchServer, options, complaint
):
    pytester.makepyfile(test_it=SUITE.format(old="openai:old"))
    result = pytester.runpytest(*QUIET, "--record-mode=once", *options)
    assert result.ret != 0
    assert complaint in "\n".join([*result.outlines, *result.errlines])
    assert server.log == []


def test_a_table_that_replaces_a_provider_must_say_that_it_has_a_batch_api(
    pytester: pytest.Pytester, server: BatchServer
):
    pytester.makepyprojecttoml(f'[tool.duolog.providers.openai]\nbase_url = "{server.root}/v1"\n')
    pytester.makepyfile(test_it=SUITE.format(old="openai:old"))
    options = ("--duolog-screen=3", "--duolog-screen-batch=5", "--duolog-candidate=agent=openai:new")
    result = pytester.runpytest(*QUIET, "--record-mode=once", *options)
    assert result.ret != 0
    assert "[tool.duolog.providers.openai] replaces the built-in provider" in " ".join(result.outlines)
    assert 'if it has: batches = "openai"' in " ".join(result.outlines)
    assert server.log == []


def test_a_function_as_baseline_is_refused_before_anything_runs(
    pytester: pytest.Pytester, server: BatchServer
):
    suite = SUITE.replace('model="{old}"', "model=lambda messages: 'Hello.'")
    pytester.makepyfile(test_it=suite)
    options = ("--duolog-screen=3", "--duolog-screen-batch=5", "--duolog-candidate=agent=openai:new")
    result = pytester.runpytest(*QUIET, "--record-mode=once", *options)
    assert result.ret != 0
    assert "a function, or a chatbot of your own, has no batch API" in "\n".join(result.outlines)
    assert server.log == []


@pytest.mark.slow
def test_a_provider_of_the_project_has_a_batch_api_if_its_table_says_so(
    pytester: pytest.Pytester, server: BatchServer, monkeypatch: pytest.MonkeyPatch
):
    table = f'[tool.duolog.providers.lab]\nbase_url = "{server.root}/v1"\n'
    pytester.makepyprojecttoml(table + 'batches = "openai"\n')
    pytester.makepyfile(test_it=SUITE.format(old="lab:old"))
    pytester.runpytest(*QUIET, "--record-mode=once").assert_outcomes(passed=2)
    options = ("--duolog-screen=3", "--duolog-screen-batch=5", "--duolog-candidate=agent=lab:new")
    assert pytester.runpytest(*QUIET, *options).ret == 1
    assert len(server.batches) == 2
    pytester.makepyprojecttoml(table + 'batches = "anthropic"\n')
    result = pytester.runpytest(*QUIET, *options)
    assert "batches 'anthropic' is for protocol 'anthropic', not 'openai'" in "\n".join(
        [*result.outlines, *result.errlines]
    )


@pytest.mark.slow
def test_the_server_speaks_as_the_official_client_does(screen, server: BatchServer):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{server.root}/v1", api_key=KEY)
    line = {"custom_id": "one", "method": "POST", "url": "/v1/chat/completions"}
    content = json.dumps({**line, "body": {"model": "m", "messages": []}}).encode()
    file = client.files.create(file=("x.jsonl", content), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed"
    assert json.loads(client.files.content(batch.output_file_id).text)["custom_id"] == "one"
    assert [one.id for one in client.batches.list()] == [batch.id]
    server.batches.clear()
    screen()
    from openai.types import BatchCreateParams
    from openai.types.chat import ChatCompletion
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
    from pydantic import TypeAdapter

    for body in server.bodies[1:]:
        assert TypeAdapter(BatchCreateParams).validate_python(body) == body
        for sent in server.files[body["input_file_id"]].splitlines():
            TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(json.loads(sent)["body"])
    for name in server.batches:
        for row in server.files[f"file-lines-{name}"].splitlines():
            assert ChatCompletion.model_validate(json.loads(row)["response"]["body"], strict=True).choices
