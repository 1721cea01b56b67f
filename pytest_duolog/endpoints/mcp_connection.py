"""A connection to an MCP server: opened at the first need, in a thread with an event loop of its own.

Whoever opens a connection of the package `mcp` must also close it, in the same task, and a dialogue may run in plain
code or in an event loop. So the connection lives in a task of its own, and others only send it requests.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from pytest_duolog.display import cut, listed, shorten
from pytest_duolog.endpoints.tool_runs import ServerFailed
from pytest_duolog.errors import CassetteError, ConfigurationError, told
from pytest_duolog.scenarios.mcp import McpServer, offered_name
from pytest_duolog.transcripts.transcript import ToolDefinition

# A server that does not stop by itself is left after so long.
CLOSE_S = 10
LONGEST_STDERR = 400
# The code of errors that `mcp` raises for requests that a server did not answer because the connection has ended.
CONNECTION_CLOSED = -32000


class ToolError(Exception):
    """The server says that its tool has failed; the model is told."""


@dataclass
class McpConnection:
    """The connection of one dialogue to one server.

    `check` is called with the tools that the server has, before the first call; it raises the error for other tools
    than the recorded ones. Each method raises ServerFailed if the server cannot be asked.
    """

    server: McpServer
    check: Callable[[Sequence[ToolDefinition]], None] = lambda _tools: None
    _tools: dict[str, Any] | None = None
    _client: Any = None
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # Ends what the thread does; called in its event loop.
    _end: Callable[[], object] = lambda: None
    _is_closed: bool = False
    _log: IO[bytes] | None = None
    _problem: ServerFailed | None = None

    def begin(self) -> None:
        """Start the server, or find it, and ask for its tools, unless this is done."""
        with self._lock:
            if self._problem is not None:
                raise self._problem
            if self._thread is not None:
                return
            try:
                self._connect()
            except ServerFailed as error:
                self._problem = error
                raise
            except ToolError as error:
                self._problem = self._failed(str(error))
                raise self._problem from None

    def definitions(self) -> list[ToolDefinition]:
        """The tools of the server now, those in `only` if it is set, in the order of the server.

        Characters that no provider takes in the name of a tool are written `_`.
        """
        self.begin()
        assert self._tools is not None
        return [_definition(name, tool) for name, tool in self._tools.items()]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """The result of a tool, as text or JSON value; raises ToolError if the server says that it failed."""
        self.begin()
        assert self._tools is not None
        tool = self._tools.get(name)
        if tool is None:
            raise ToolError(f"the server has no tool named {name!r}")
        result = self._asked(self._client.call_tool(tool.name, dict(arguments)), None)
        value = _value(result)
        if result.is_error:
            raise ToolError(value if isinstance(value, str) else json.dumps(value))
        return value

    def close(self) -> None:
        """End the connection, and the server if it was started here."""
        self._is_closed = True
        if self._thread is None:
            return
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(lambda: self._end())  # noqa: PLW0108  # read in the loop
        self._thread.join(CLOSE_S)
        if self._log is not None and not self._thread.is_alive():
            self._log.close()
        self._thread = None

    def _connect(self) -> None:
        opened: Future[Any] = Future()
        # Context variables of the test say whose requests are recorded; those of this server are not.
        self._thread = threading.Thread(
            target=contextvars.Context().run, args=(self._run, opened), name="duolog mcp", daemon=True
        )
        self._thread.start()
        self._client = self._result(opened, self.server.timeout_s)
        self._tools = self._offered(self._listed())
        try:
            self.check([_definition(name, tool) for name, tool in self._tools.items()])
        except CassetteError as error:
            raise ServerFailed(error) from None

    def _offered(self, tools: Sequence[Any]) -> dict[str, Any]:
        """The tools that the model is offered, by the names that it knows; no two of them may have one."""
        chosen = tools
        if self.server.only is not None:
            names = {self._known(name, tools) for name in self.server.only}
            chosen = [tool for tool in tools if tool.name in names]
        if not chosen:
            raise self._failed("it has no tools; leave it out of tools=")
        offered: dict[str, Any] = {}
        for tool in chosen:
            other = offered.setdefault(offered_name(tool.name), tool)
            if other is not tool:
                raise self._failed(
                    f"the model would know its tools {shorten(other.name)} and {shorten(tool.name)} by one name, "
                    f"{offered_name(tool.name)}; leave one out with only="
                )
        return offered

    def _known(self, name: str, tools: Sequence[Any]) -> str:
        """The server's own name of a tool in `only`, which may be the name that the model knows."""
        names = [tool.name for tool in tools]
        found = name if name in names else next((own for own in names if offered_name(own) == name), None)
        if found is None:
            has = f"it has {listed(names, 20)}" if names else "it has none"
            raise self._failed(f"it has no tool {shorten(name)}, which only= names; {has}")
        return found

    def _listed(self) -> list[Any]:
        tools, cursor = [], None
        while True:
            page = self._asked(self._client.list_tools(cursor=cursor), self.server.timeout_s)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return tools

    def _asked(self, request: Any, timeout_s: float | None) -> Any:
        """The answer to a request; a tool has its own time limit, so there is none here."""
        assert self._loop is not None
        try:
            return self._result(asyncio.run_coroutine_threadsafe(request, self._loop), timeout_s)
        except RuntimeError:
            request.close()
            raise self._failed("its connection has ended") from None

    def _result(self, future: Future[Any], timeout_s: float | None) -> Any:
        from mcp.shared.exceptions import MCPError  # noqa: PLC0415  # optional

        try:
            return future.result(timeout_s)
        except NotInTime:
            here = "; if it runs in the event loop of the test, await the dialogue"
            raise self._failed(
                f"it did not answer within {self.server.timeout_s:g} s{here if self.server.is_address else ''}"
            ) from None
        except ServerFailed:
            raise
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                raise self._failed("its connection has ended") from None
            raise ToolError(error.message) from None
        except Exception as error:  # noqa: BLE001  # whatever a transport raises
            raise self._failed(told(error)) from None

    def _failed(self, problem: str) -> ServerFailed:
        said = self._said()
        more = f"\nits stderr: {said}" if said else ""
        return ServerFailed(ConfigurationError(f"the MCP server {self.server.label}: {problem}{more}"))

    def _said(self) -> str:
        """The end of what a started server wrote to its stderr."""
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return cut(" | ".join(line.strip() for line in lines[-3:]), LONGEST_STDERR)

    def _run(self, opened: Future[Any]) -> None:
        try:
            asyncio.run(self._serve(opened))
        except BaseException as error:  # noqa: BLE001  # told to whoever waits, if somebody does
            if not opened.done():
                opened.set_exception(_innermost(error))

    async def _serve(self, opened: Future[Any]) -> None:
        try:
            from mcp import Client  # noqa: PLC0415  # optional
        except ImportError:
            opened.set_exception(
                ServerFailed(
                    ConfigurationError("McpServer needs the package mcp: pip install 'pytest-duolog[mcp]'")
                )
            )
            return
        import anyio  # noqa: PLC0415  # a replay asks no server

        stop = asyncio.Event()
        with anyio.CancelScope() as opening:
            self._end, self._loop = opening.cancel, asyncio.get_running_loop()
            if self._is_closed:
                return
            async with Client(self._target()) as client:
                self._end = stop.set  # so that the connection is closed, not broken off
                opened.set_result(client)
                await stop.wait()

    def _target(self) -> Any:
        server = self.server.server
        if not self.server.is_command:
            return server() if callable(server) and not isinstance(server, type) else server
        from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415  # optional

        command, *arguments = server
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # pytest's stderr may be no file
        parameters = StdioServerParameters(
            command=command,
            args=arguments,
            env={**self.server.env} or None,
            cwd=self.server.cwd,
            encoding_error_handler="replace",
        )
        return stdio_client(parameters, errlog=self._log)  # type: ignore[arg-type,unused-ignore]


def _innermost(error: BaseException) -> BaseException:
    """The exception inside the groups of one that event loops make."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _definition(name: str, tool: Any) -> ToolDefinition:
    return ToolDefinition(name=name, description=tool.description or "", parameters=tool.input_schema)


def _value(result: Any) -> Any:
    """What the model is told of a result: its texts, or else its structure."""
    texts = [block.text for block in result.content if block.type == "text"]
    others = sorted({block.type for block in result.content if block.type != "text"})
    if others:
        # No model of a dialogue sees pictures, and a result without them would be another one: this cannot be told.
        return type(" and ".join(others), (), {})()
    return "\n".join(texts) if texts or result.structured_content is None else result.structured_content
