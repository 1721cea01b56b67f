"""The tools of a speaker: functions that its model may call."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, field
from typing import TYPE_CHECKING, Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import shorten
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.mcp import McpServer
from pytest_duolog.storage.json_text import canonical, parsed
from pytest_duolog.transcripts.transcript import ToolDefinition

if TYPE_CHECKING:
    from pytest_duolog.scenarios.tool_schema import Parameter

# What every provider accepts as the name of a tool.
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

DEFAULT_TOOL_ROUNDS = 20


class BadArguments(ValueError):
    """The arguments that a model wrote do not fit the tool; the text is for the model."""


@dataclass(frozen=True)
class Tool:
    """A function that a speaker's model may call, sync or async.

    Its parameters need types, and its docstring describes it and them. `name` and `description` replace those of the
    function. `schema`, a JSON schema of an object, replaces the one that is made of the types; then the function gets
    the arguments as the model wrote them. After `timeout_s` seconds the model is told that the tool did not answer. A
    replay uses the recorded result and does not run the function; with `live` it runs the function, too, and another
    result than the recorded one is an error. `definition` is what the model is told of it.

    Raises ConfigurationError for a function that cannot be a tool.
    """

    function: Callable[..., Any]
    _: KW_ONLY
    name: str = ""
    description: str = ""
    schema: Mapping[str, Any] | None = None
    timeout_s: float = 30
    live: bool = False
    definition: ToolDefinition = field(init=False, repr=False)
    # The key of the MCP server that has it; empty for a function of the user.
    server: str = field(init=False, repr=False, compare=False, default="")
    # Called before the tool, outside its time limit, in a thread: an MCP server may have to be started.
    prepare: Callable[[], None] | None = field(init=False, repr=False, compare=False, default=None)
    parameters: tuple[Parameter, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name = self._checked_name()
        from pytest_duolog.scenarios import tool_schema  # noqa: PLC0415  # most speakers have no tools

        told = tool_schema.documented(inspect.getdoc(_inside_partials(self.function)))
        parameters: tuple[Parameter, ...] = ()
        if self.schema is None:
            parameters = tool_schema.parameters_of(self.function, name)
        made = (
            tool_schema.schema_of(parameters, told.parameters, name) if self.schema is None else self.schema
        )
        definition = ToolDefinition(
            name=name, description=self.description or told.description, parameters=_object_schema(made, name)
        )
        object.__setattr__(self, "definition", definition)
        object.__setattr__(self, "parameters", parameters)

    @classmethod
    def of_server(
        cls,
        key: str,
        definition: ToolDefinition,
        ask: Callable[..., Any],
        *,
        prepare: Callable[[], None],
        timeout_s: float,
        live: bool,
    ) -> Tool:
        """A tool of an MCP server; `key` tells the servers of a speaker apart, `prepare` starts the server."""

        def asked(**arguments: Any) -> Any:
            return ask(arguments)

        made = cls(
            asked,
            name=definition.name,
            description=definition.description,
            schema=definition.parameters,
            timeout_s=timeout_s,
            live=live,
        )
        object.__setattr__(made, "server", key)
        object.__setattr__(made, "prepare", prepare)
        return made

    def _checked_name(self) -> str:
        if not callable(self.function):
            raise ConfigurationError(f"{self.function!r:.120} is not a function, so it cannot be a tool")
        name = self.name or getattr(self.function, "__name__", "")
        if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
            raise ConfigurationError(
                f"{shorten(str(name))} cannot be the name of a tool, which has 1 to 64 letters, digits, _ and -: "
                "write Tool(function, name='...')"
            )
        if inspect.isgeneratorfunction(self.function) or inspect.isasyncgenfunction(self.function):
            raise ConfigurationError(f"tool {name}: it is a generator; a tool returns its whole result")
        is_number = isinstance(self.timeout_s, int | float) and not isinstance(self.timeout_s, bool)
        if not is_number or not 0 < self.timeout_s < float("inf"):
            raise ConfigurationError(
                f"tool {name}: timeout_s is {self.timeout_s!r}, not a number of seconds above 0"
            )
        return name

    def arguments(self, text: str) -> dict[str, Any]:
        """The values for the function from the arguments that the model wrote, which are JSON text.

        Raises BadArguments that says, for the model, what is wrong with them.
        """
        given = parsed_arguments(text)
        if not isinstance(given, dict):
            raise BadArguments("the arguments are not a JSON object")
        if self.schema is not None:
            return given
        known = {parameter.name: parameter for parameter in self.parameters}
        wrong = [f"{name}: there is no such parameter" for name in given if name not in known]
        wrong += [
            f"{name}: this parameter is required"
            for name, parameter in known.items()
            if parameter.is_required and name not in given
        ]
        values = {}
        for name, parameter in known.items():
            if name in given:
                try:
                    values[name] = parameter.adapter.validate_json(json.dumps(given[name]), strict=True)
                except ValueError as error:
                    wrong += _problems(name, error)
        if wrong:
            raise BadArguments("; ".join(wrong))
        return values


def _inside_partials(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in a `functools.partial`, whose own docstring is that of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _object_schema(given: Any, name: str) -> dict[str, Any]:
    try:
        schema = parsed(canonical(given))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"tool {name}: its schema is not JSON: {error}") from None
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ConfigurationError(
            f"tool {name}: its schema must be that of an object: {{'type': 'object', ...}}"
        )
    return schema


def _problems(name: str, error: ValueError) -> list[str]:
    """What pydantic found wrong with the value of a parameter."""
    found: Any = getattr(error, "errors", None)
    if found is None:
        return [f"{name}: {error}"]
    return [
        f"{'.'.join(map(str, (name, *problem['loc'])))}: {problem['msg']}"
        for problem in found(include_url=False)
    ]


def parsed_arguments(text: str) -> Any:
    """The JSON value of a call's arguments, `{}` for none; raises BadArguments if they are not JSON."""
    if not text.strip():
        return {}
    try:
        return parsed(text)
    except ValueError as error:
        raise BadArguments(f"the arguments are not JSON: {error}") from None


def tools_of(given: Any) -> tuple[Tool | McpServer, ...]:
    """The tools for what stands in `tools=`: functions, Tools and MCP servers.

    Raises ConfigurationError for anything else, and for two with one name.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError("tools: write a list of functions")
    tools = tuple(item if isinstance(item, Tool | McpServer) else Tool(item) for item in given)
    require_different_names([tool for tool in tools if isinstance(tool, Tool)])
    servers = [server.name for server in tools if isinstance(server, McpServer) and server.name]
    if len(set(servers)) < len(servers):
        raise ConfigurationError(f"two MCP servers of a speaker have the same name: {', '.join(servers)}")
    return tools


def require_different_names(tools: Sequence[Tool]) -> None:
    """Raises ConfigurationError for two tools with one name."""
    names = [tool.definition.name for tool in tools]
    twice = next((tool for tool in tools if names.count(tool.definition.name) > 1), None)
    if twice is None:
        return
    name = twice.definition.name
    of_servers = any(tool.server for tool in tools if tool.definition.name == name)
    advice = (
        "leave one out with McpServer(..., only=[...])" if of_servers else "write Tool(function, name='...')"
    )
    raise ConfigurationError(f"two tools are named {name!r}; {advice} for one of them")


def definition_hash(definition: ToolDefinition | None) -> str | None:
    """The first digits of a SHA-256 of all that a model is told of a tool; None if there is no such tool."""
    if definition is None:
        return None
    return hashlib.sha256(canonical(definition.model_dump())).hexdigest()[:16]
