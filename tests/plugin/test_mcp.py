"""Tools of MCP servers: listed and called once, replayed without a server, and every failure is a clear outcome."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.chat_server import asked
from tests.tool_server import Round, ToolServer

# Imported here: what an inner run imports first, pytester forgets after it.
pytest.importorskip("mcp.server.mcpserver", reason="needs mcp")
pytest.importorskip("mcp.client.stdio")

SERVER = '''
import os
import sys
import time
from contextlib import asynccontextmanager
import anyio
from mcp.server.mcpserver import MCPServer
from mcp.types import ImageContent

def named(*names):
    server = MCPServer("shop")
    for name in names:
        server.add_tool(lambda name=name: name, name=name, description=f"Tool {name}.")
    return server

@asynccontextmanager
async def hanging():
    """A transport that never opens; it notes that it was closed."""
    try:
        await anyio.sleep_forever()
        yield
    finally:
        with open("closed.txt", "a") as file:
            file.write("x")

def made():
    if os.path.exists("hang.txt"):
        return hanging()
    server = MCPServer("shop")

    @server.tool()
    def look_up(order_id: str) -> dict:
        """Find an order."""
        with open("ran.txt", "a") as file:
            file.write("x")
        return {"price": 30}

    @server.tool()
    def refund(amount: float) -> str:
        """Give money back."""
        raise ValueError("no money")

    @server.tool()
    def hang() -> str:
        """Never answers."""
        time.sleep(600)

    @server.tool()
    def die() -> str:
        """Ends the server."""
        print("out of memory", file=sys.stderr, flush=True)
        os._exit(3)

    @server.tool()
    def draw() -> ImageContent:
        """A picture."""
        return ImageContent(type="image", data="AAAA", mime_type="image/png")

    with open("started.txt", "a") as file:
        file.write("x")
    return server

if __name__ == "__main__":
    made().run(*sys.argv[1:2], **({"port": int(sys.argv[2])} if sys.argv[2:] else {}))
'''
INSIDE = "McpServer(made, only=['look_up', 'refund', 'draw'], timeout_s=20)"
COMMAND = "McpServer([sys.executable, 'shop.py'], timeout_s=TIME)"
TEST = """
import sys
import pytest
from pytest_duolog import McpServer, Speaker
from shop import hanging, made, named

def note(text: str) -> str:
    "Write it down."
    return "ok"

@pytest.mark.dialogue(
    a="openai:m", b=Speaker("Bob", model="openai:m", tools=[SERVER, note]), opener="My lamp is broken.", turns=1
)
def test_shop(dialogue):
    [call, *_] = dialogue.messages[1].tool_calls
    print("told:", repr(call.result), call.is_error)
    assert dialogue.calls_are_valid()
    assert dialogue.transcript.speakers[1].tools[-1].name == "note"
"""
LOOK_UP = Round("", [("look_up", {"order_id": "4711"})])


@pytest.fixture
def model(monkeypatch, pytester):
    pytester.makepyfile(shop=SERVER)
    monkeypatch.syspath_prepend(pytester.path)
    with asked(ToolServer(LOOK_UP, Round("It cost 30.")), monkeypatch) as server:
        yield server


def run(pytester, *arguments, server=INSIDE):
    pytester.makepyfile(test_shop=TEST.replace("SERVER", server))
    return pytester.runpytest("-p", "no:cacheprovider", "-p", "no:asyncio", "-s", *arguments)


def counted(pytester, name):
    path = pytester.path / f"{name}.txt"
    return len(path.read_text("utf-8")) if path.exists() else 0


def change(pytester, old, new):
    path = pytester.path / "shop.py"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    sys.modules.pop("shop", None)


def cut_before_the_call(pytester):
    """Leave of the recording what was there before its tool ran, so that it must run again."""
    cassette = next(pytester.path.rglob("*.jsonl"))
    lines = cassette.read_text("utf-8").splitlines(keepends=True)
    cut = next(at for at, line in enumerate(lines) if '"CALL"' in line)
    cassette.write_text("".join(lines[:cut]), "utf-8")


def test_a_replay_starts_no_server_and_runs_no_tool(pytester, model):
    result = run(pytester, "--record-mode=once")
    result.assert_outcomes(passed=1)
    assert [tool["function"]["name"] for tool in model.tool_requests[0]["tools"]] == [
        "look_up",
        "refund",
        "draw",
        "note",
    ]
    assert (counted(pytester, "started"), counted(pytester, "ran")) == (1, 1)
    model.close()
    result = run(pytester)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*told:*30*False", "1 dialogue, 3 replies replayed"])
    assert (counted(pytester, "started"), counted(pytester, "ran")) == (1, 1)
    # Neither does a replay where the package is not installed.
    pytester.makepyfile(shop="made = hanging = named = None")  # a replay needs no server
    sys.modules.pop("shop", None)
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.parametrize("server", [INSIDE, INSIDE.replace("timeout_s", "live=True, timeout_s")])
def test_without_a_recording_nothing_is_started(pytester, model, server):
    result = run(pytester, server=server)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*there is no recording of this dialogue*"])
    assert counted(pytester, "started") == 0


def test_each_sample_has_a_session_of_its_own(pytester, model):
    run(pytester, "--record-mode=once", "--duolog-collect=3")
    assert (counted(pytester, "started"), counted(pytester, "ran")) == (3, 3)


def test_an_error_of_the_server_is_told_to_the_model_and_recorded(pytester, model):
    model.rounds = (Round("", [("refund", {"amount": 3}), ("look_up", {"number": 1})]), Round("Sorry."))
    run(pytester, "--record-mode=once").stdout.fnmatch_lines(["*told:*ToolError*refund*True"])
    model.close()
    run(pytester).stdout.fnmatch_lines(["*told:*ToolError*refund*True", "*look_up*order_id*"])


def test_a_changed_list_is_a_miss_that_names_tool_and_parameter(pytester, model):
    run(pytester, "--record-mode=once").assert_outcomes(passed=1)
    change(pytester, "amount: float", "amount: int")
    run(pytester).assert_outcomes(passed=1)  # no server is asked
    live = INSIDE.replace("timeout_s", "live=True, timeout_s")
    result = run(pytester, server=live)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*the MCP server made has other tools than when this was recorded.",
            "*tool refund of Bob, parameter amount: recorded {*number*}, now {*integer*}",
            "*--record-mode=rewrite*",
        ]
    )
    run(pytester, "--record-mode=rewrite", server=live).assert_outcomes(passed=1)
    run(pytester, server=live).assert_outcomes(passed=1)
    assert counted(pytester, "ran") == 3, "a live server's tools run in replays"


def test_a_changed_list_is_a_miss_where_a_recording_continues(pytester, model):
    run(pytester, "--record-mode=once").assert_outcomes(passed=1)
    change(pytester, "amount: float", "amount: int")
    model.rounds = (Round("", [("look_up", {"order_id": "1"})]), Round("It cost 30."))
    cut_before_the_call(pytester)
    result = run(pytester, "--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*tool refund of Bob, parameter amount: recorded*"])
    assert counted(pytester, "ran") == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (INSIDE.replace("'draw'", "'draw', 'hang'"), "*has no 'hang': *"),
        (
            INSIDE.replace("timeout_s", "name='other', timeout_s"),
            "*no list of the tools of the MCP server other*",
        ),
        (INSIDE.replace("'refund', ", ""), "*tool refund of Bob: removed*"),
    ],
    ids=["more", "renamed", "fewer"],
)
def test_another_choice_of_tools_is_a_miss(pytester, model, changed, told):
    run(pytester, "--record-mode=once").assert_outcomes(passed=1)
    result = run(pytester, server=changed)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([told])
    assert counted(pytester, "started") == 1


def test_a_server_that_hangs_is_told_to_the_model(pytester, model):
    server = "McpServer(made, timeout_s=0.5)"
    pytester.makepyfile(shop=SERVER.replace("time.sleep(600)", "time.sleep(3)"))
    model.rounds = (Round("", [("hang", {})]), Round("Sorry."))
    run(pytester, "--record-mode=once", server=server).stdout.fnmatch_lines(
        ["*told:*timeout*no result within 0.5 s*True"]
    )


def test_a_start_that_hangs_ends_at_its_limit_and_is_closed(pytester, model):
    result = run(pytester, "--record-mode=once", server="McpServer(hanging, timeout_s=0.5)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the MCP server hanging: it did not answer within 0.5 s"])
    assert counted(pytester, "closed") == 1
    assert not model.requests


def test_a_start_that_hangs_where_a_recording_continues_is_not_told_to_the_model(pytester, model):
    server = "McpServer(made, timeout_s=0.5)"
    run(pytester, "--record-mode=once", server=server).assert_outcomes(passed=1)
    cut_before_the_call(pytester)
    (pytester.path / "hang.txt").touch()
    n_asked = len(model.requests)
    result = run(pytester, "--record-mode=once", server=server)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the MCP server made: it did not answer within 0.5 s"])
    assert counted(pytester, "closed") == 1
    assert len(model.requests) == n_asked


def test_names_that_no_provider_takes_are_written_anew_and_chosen_by_either_name(pytester, model):
    model.rounds = (Round("", [("find_order_", {})]), Round("It cost 30."))
    for mode in ("rewrite", "none"):
        for only in ("None", "['find.order!']", "['find_order_']"):
            server = f"McpServer(lambda: named('find.order!'), only={only}, timeout_s=20)"
            result = run(pytester, f"--record-mode={mode}", server=server)
            result.stdout.fnmatch_lines(["*told: 'find.order!' False"])
            result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            "'a.b', 'c', 'a/b'",
            "*by one name, a_b; leave one out with only=",
        ),
        (f"'{'x' * 65}', '{'x' * 64}'", "*by one name, x*; leave one out with only="),
        ("", "*the MCP server <lambda>: it has no tools; leave it out of tools="),
    ],
    ids=["characters", "length", "none"],
)
def test_a_list_that_cannot_be_offered_as_it_is_ends_the_test(pytester, model, names, told):
    result = run(pytester, "--record-mode=once", server=f"McpServer(lambda: named({names}), timeout_s=20)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([told])
    assert not model.requests


def test_one_of_two_tools_of_one_name_can_be_chosen(pytester, model):
    model.rounds = (Round("", [("a_b", {})]), Round("It cost 30."))
    server = "McpServer(lambda: named('a.b', 'a/b'), only=['a/b'], timeout_s=20)"
    for mode in ("once", "none"):
        result = run(pytester, f"--record-mode={mode}", server=server)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["*told: 'a/b' False"])


def test_a_server_in_the_event_loop_of_the_test_is_asked(pytester, model):
    pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pytester.makepyfile(
        test_shop=f"""
        import asyncio
        import pytest
        import uvicorn
        from pytest_duolog import McpServer, Speaker
        from shop import made

        SERVER = McpServer("http://127.0.0.1:{port}/mcp", only=["look_up"], timeout_s=5)

        @pytest.mark.asyncio
        @pytest.mark.dialogue(
            a="openai:m", b=Speaker("Bob", model="openai:m", tools=[SERVER]), opener="My lamp is broken.", turns=1
        )
        async def test_shop(dialogue):
            config = uvicorn.Config(made().streamable_http_app(), port={port}, log_level="error")
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                await dialogue
                assert dialogue.calls_tool("look_up", times=1)
            finally:
                server.should_exit = True
                await task
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once")
    result.assert_outcomes(passed=1)
    assert counted(pytester, "ran") == 1


def test_a_picture_ends_the_dialogue_and_is_not_asked_for_again(pytester, model):
    model.rounds = (Round("", [("draw", {})]), Round("Here."))
    for _ in range(2):
        result = run(pytester, "--record-mode=once")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*the tool draw returned image, which is not JSON*"])
    assert counted(pytester, "started") == 1


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("McpServer(['no-such-program-here'])", "*the MCP server no-such-program-here: FileNotFoundError*"),
        ("McpServer(lambda: 1 / 0)", "*the MCP server <lambda>: ZeroDivisionError*"),
        ("McpServer('http://127.0.0.1:9/mcp')", "*the MCP server http://127.0.0.1:9/mcp: *"),
        (
            "McpServer(made, only=['nothing'])",
            "*it has no tool 'nothing', which only= names; it has look_up, refund*",
        ),
    ],
    ids=["command", "function", "address", "only"],
)
def test_a_server_that_cannot_be_asked_ends_the_test(pytester, model, server, told):
    result = run(pytester, "--record-mode=once", server=server)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([told])
    assert not model.requests


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (
            "McpServer('python shop.py')",
            "*for a command, write a list of its words: McpServer(?'python', 'shop.py'?)*",
        ),
        ("McpServer([])", "*a command is a list of words*"),
        ("McpServer(made, env={'A': 'b'})", "*env and cwd have no effect without a command*"),
        ("McpServer(made, only='look_up')", "*only is a list of names*"),
        ("McpServer(made, timeout_s=0)", "*timeout_s is 0, not*"),
    ],
    ids=["text", "empty", "env", "only", "time"],
)
def test_wrong_servers_are_refused_before_anything_runs(pytester, model, server, told):
    result = run(pytester, "--record-mode=once", server=server)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


def test_two_tools_of_one_name_are_refused(pytester, model):
    result = run(pytester, "--record-mode=once", server="McpServer(made), McpServer(made)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*two tools are named 'look_up'; leave one out with McpServer(..., only=*"])


@pytest.mark.slow
def test_a_command_is_started_and_ended_with_the_dialogue(pytester, model):
    server = COMMAND.replace("TIME", "30")
    run(pytester, "--record-mode=once", server=server).assert_outcomes(passed=1)
    assert (counted(pytester, "started"), counted(pytester, "ran")) == (1, 1)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"{sys.executable} shop.py" not in listed
    run(pytester, server=server).assert_outcomes(passed=1)
    assert counted(pytester, "started") == 1


@pytest.mark.slow
def test_a_command_that_never_answers_is_ended_with_the_dialogue(pytester, model):
    silent = "import os, time; open('pid.txt', 'w').write(str(os.getpid())); time.sleep(600)"
    result = run(
        pytester, "--record-mode=once", server=f"McpServer([sys.executable, '-c', {silent!r}], timeout_s=2)"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*did not answer within 2 s*"])
    with pytest.raises(ProcessLookupError):
        os.kill(int((pytester.path / "pid.txt").read_text("utf-8")), 0)


@pytest.mark.slow
def test_a_command_that_dies_ends_the_dialogue_with_its_last_words(pytester, model):
    model.rounds = (LOOK_UP, Round("", [("die", {})]), Round("Sorry."))
    server = COMMAND.replace("TIME", "30")
    result = run(pytester, "--record-mode=once", server=server)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*its connection has ended*", "*its stderr: *out of memory*", "*had called: look_up*"]
    )
    model.rounds = (LOOK_UP, Round("It cost 30."))


@pytest.mark.slow
def test_an_http_server_is_used_and_may_hang(pytester, model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "shop.py", "streamable-http", str(port)],
        cwd=pytester.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        server = f"McpServer('http://127.0.0.1:{port}/mcp', timeout_s=3)"
        run(pytester, "--record-mode=once", server=server).assert_outcomes(passed=1)
        assert counted(pytester, "ran") == 1
        [path] = pytester.path.rglob("*.jsonl")
        header = json.loads(path.read_text("utf-8").splitlines()[0])
        assert "look_up" in json.dumps(header)
        os.kill(process.pid, signal.SIGSTOP)
        run(pytester, server=server).assert_outcomes(passed=1)
        result = run(pytester, "--record-mode=rewrite", server=server)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*did not answer within 3 s*"])
    finally:
        process.kill()
        process.wait()
