"""The tools of MCP servers at the beginning of a dialogue: those of its recording, or else of the running server.

The header of a recording has the definitions of all tools, so a replay needs no server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from pytest_duolog.display import listed
from pytest_duolog.endpoints.mcp_connection import McpConnection
from pytest_duolog.endpoints.tool_runs import ServerFailed
from pytest_duolog.errors import CassetteMismatch, ConfigurationError, UnreadableCassette
from pytest_duolog.recording.header import SERVERS
from pytest_duolog.recording.journal_file import read_header
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.tool_changes import tool_changes
from pytest_duolog.scenarios.mcp import McpServer, offered_name
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.scenarios.tools import Tool, require_different_names
from pytest_duolog.transcripts.transcript import ToolDefinition


def with_listed_tools(
    scenario: Scenario,
    location: CassetteLocation,
    mode: RecordMode,
    *,
    redactor: Redactor,
    test_argument: str,
    servers: ExitStack,
) -> Scenario:
    """The scenario with the tools of each MCP server in its place; `servers` closes the connections.

    Raises ConfigurationError if a server is needed and cannot be asked, and CassetteMismatch if the recording has no
    list of a server's tools, or, of a `live` server, another one.
    """
    header = {} if mode.is_anew else _header(location, mode)
    recorded = header.get("speakers")
    changed: dict[str, Speaker] = {}
    for number, side in enumerate(SIDES):
        speaker = scenario.speaker(side)
        if any(isinstance(tool, McpServer) for tool in speaker.tools):
            own = recorded[number] if isinstance(recorded, list) and len(recorded) > number else None
            wanted = _Lists(speaker.name, own, location, mode, redactor, test_argument, servers)
            tools = wanted.resolved(speaker)
            require_different_names(tools)
            changed[side] = speaker.model_copy(update={"tools": tuple(tools)})
    return scenario.model_copy(update=changed)


def _header(location: CassetteLocation, mode: RecordMode) -> Mapping[str, Any]:
    """The header of the recording that is replayed or continued; empty if there is none."""
    for path in location.played(mode):
        with suppress(FileNotFoundError, UnreadableCassette):  # the cassette says what is wrong with it
            return read_header(path)
    return {}


@dataclass
class _Lists:
    """The lists of tools of one speaker's servers; `recorded` is the speaker in the header, if there is one."""

    speaker: str
    recorded: Any
    location: CassetteLocation
    mode: RecordMode
    redactor: Redactor
    test_argument: str
    servers: ExitStack

    def resolved(self, speaker: Speaker) -> list[Tool]:
        """All tools, in the order in which the speaker has them."""
        tools: list[Tool] = []
        n_servers = 0
        for item in speaker.tools:
            if isinstance(item, McpServer):
                n_servers += 1
                tools += self._of_server(item, item.name or str(n_servers))
            else:
                tools.append(item)
        return tools

    def _of_server(self, server: McpServer, key: str) -> list[Tool]:
        if self.mode is RecordMode.NONE and not isinstance(self.recorded, Mapping):
            return []  # there is no recording, which the first message says
        found = self._recorded(server, key)
        connection = McpConnection(server)
        self.servers.callback(connection.close)
        if found is not None:
            connection.check = partial(self._refuse_changed, server, found)
        try:
            if found is None or server.live:
                today = connection.definitions()
                found = today if found is None else found
        except ServerFailed as failed:
            raise failed.problem from None
        return [
            Tool.of_server(
                key,
                definition,
                partial(connection.call, definition.name),
                prepare=connection.begin,
                timeout_s=server.timeout_s,
                live=server.live,
            )
            for definition in found
        ]

    def _recorded(self, server: McpServer, key: str) -> list[ToolDefinition] | None:
        """The recorded list; None if the server must be asked."""
        if not isinstance(self.recorded, Mapping):
            return None
        names = self._names(key)
        if names is None:
            if self.mode is RecordMode.NONE or (
                self.mode is RecordMode.ONCE and not self.location.partial_path.exists()
            ):
                raise self._mismatch(
                    f"the recording has no list of the tools of the MCP server {server.label} of {self.speaker}."
                )
            return None
        wanted = names if server.only is None else [offered_name(name) for name in server.only]
        if unknown := [name for name in wanted if name not in names]:
            if self.mode is RecordMode.NONE:
                raise self._mismatch(
                    f"the recorded list of tools of the MCP server {server.label} of {self.speaker} has no "
                    f"{unknown[0]!r}: {listed(names)}."
                )
            return None
        kept = [name for name in names if name in wanted]
        by_name = {str(item.get("name")): item for item in self.recorded.get("tools", ())}
        try:
            return [ToolDefinition.model_validate(by_name[name]) for name in kept]
        except (KeyError, ValueError):
            raise ConfigurationError(
                f"{self.location.path}: its list of the tools of {server.label} cannot be read; record it again with "
                "--record-mode=rewrite"
            ) from None

    def _names(self, key: str) -> list[str] | None:
        of_servers = self.recorded.get(SERVERS)
        names = of_servers.get(key) if isinstance(of_servers, Mapping) else None
        return [str(name) for name in names] if isinstance(names, list) else None

    def _refuse_changed(
        self, server: McpServer, recorded: Sequence[ToolDefinition], today: Sequence[ToolDefinition]
    ) -> None:
        now = self.redactor.json([tool.model_dump() for tool in today])
        found = tool_changes([tool.model_dump() for tool in recorded], now, f" of {self.speaker}")
        if found:
            told = "\n".join(f"{name}: {what}" for name, what in found.items())
            raise self._mismatch(
                f"the MCP server {server.label} has other tools than when this was recorded.", told
            )

    def _mismatch(self, problem: str, changed: str = "") -> CassetteMismatch:
        return CassetteMismatch(
            problem,
            message_number=0,
            test=self.location.owner,
            cassette_path=self.location.path,
            facts=[
                ("stale", changed),
                ("to fix", f"record again: pytest --record-mode=rewrite {self.test_argument}"),
            ],
        )
