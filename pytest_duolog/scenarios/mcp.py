"""MCP servers whose tools a speaker's model may call; nothing here needs the package `mcp`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, field
from pathlib import Path
from typing import Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.errors import ConfigurationError

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")


def offered_name(name: str) -> str:
    """The name under which a model is offered a server's tool: 1 to 64 characters that every provider takes."""
    return _NO_NAME.sub("_", name)[:64]


@dataclass(frozen=True)
class McpServer:
    """An MCP server: a speaker's model may call its tools.

    `server` is the address of a server (`"http://127.0.0.1:8000/mcp"`), the words of a command that starts one
    (`["python", "shop.py"]`), a server object of the package `mcp`, or a function without arguments that returns what
    `mcp.Client` takes. It is started, or asked, at the first need in each dialogue. `only` are the names of the tools
    that the model is offered, as the server or the model has them; None for all. `name` tells several servers of a
    speaker apart. `env` has variables for a command, besides the few that `mcp` passes on, `cwd` its folder.
    `timeout_s` is the time limit for the start and for each call. With `live` it is used in replays, too, and what
    differs from the recording is an error.

    Raises ConfigurationError for what cannot be a server.
    """

    server: Any
    _: KW_ONLY
    only: Sequence[str] | None = None
    name: str = ""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | Path | None = None
    timeout_s: float = 30
    live: bool = False

    def __post_init__(self) -> None:
        if self.is_address and not self.server.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"McpServer({self.server!r:.80}): it is no address; for a command, write a list of its words: "
                f"McpServer({self.server.split()!r:.80})"
            )
        if self.is_command and not (self.server and all(isinstance(word, str) for word in self.server)):
            raise ConfigurationError("McpServer: a command is a list of words")
        if (self.env or self.cwd is not None) and not self.is_command:
            raise ConfigurationError("McpServer: env and cwd have no effect without a command")
        if self.only is not None and (
            isinstance(self.only, str)
            or not self.only
            or not all(isinstance(name, str) and name for name in self.only)
        ):
            raise ConfigurationError("McpServer: only is a list of names of tools")
        is_number = isinstance(self.timeout_s, int | float) and not isinstance(self.timeout_s, bool)
        if not is_number or not 0 < self.timeout_s < float("inf"):
            raise ConfigurationError(
                f"McpServer: timeout_s is {self.timeout_s!r}, not a number of seconds above 0"
            )

    @property
    def is_command(self) -> bool:
        """Whether it is the words of a command."""
        return isinstance(self.server, list | tuple)

    @property
    def is_address(self) -> bool:
        """Whether it is the address of a server."""
        return isinstance(self.server, str)

    @property
    def label(self) -> str:
        """What errors call it."""
        if self.name:
            return self.name
        if self.is_command:
            return " ".join(self.server)
        if self.is_address:
            return str(self.server)
        return str(getattr(self.server, "__name__", "") or type(self.server).__name__)
