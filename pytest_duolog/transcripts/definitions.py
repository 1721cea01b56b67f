"""Reads the definitions of tools from requests, in the forms of many providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pytest_duolog.transcripts.langchain import listed, mapped
from pytest_duolog.transcripts.transcript import ToolDefinition

SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema", "schema")
DECLARATION_KEYS = ("functionDeclarations", "function_declarations")


class Tools(NamedTuple):
    """The tools of a request, and whether it had others that are not described: a provider's own, or of plain text."""

    definitions: tuple[ToolDefinition, ...] = ()
    has_others: bool = False


def definitions_in(tools: Any) -> Tools:
    """The tools of a request; one without a schema takes any arguments."""
    found: dict[str, ToolDefinition] = {}
    has_others = False
    for tool in _entries(tools):
        definition = _definition(tool)
        if definition is None:
            has_others = True
        else:
            found[definition.name] = definition
    return Tools(tuple(found.values()), has_others)


def _entries(tools: Any) -> Iterator[Mapping[str, Any]]:
    """The entries of a list of tools; Gemini has several tools in one."""
    for tool in map(mapped, listed(tools)):
        declared = [item for key in DECLARATION_KEYS for item in listed(tool.get(key))]
        yield from map(mapped, declared)
        rest = {key: value for key, value in tool.items() if key not in DECLARATION_KEYS}
        if rest or not declared:
            yield rest


def _definition(tool: Mapping[str, Any]) -> ToolDefinition | None:
    """The definition; None for a tool without a name, and for one whose arguments are not JSON."""
    said = next((tool[key] for key in ("function", "toolSpec") if isinstance(tool.get(key), dict)), tool)
    schema = next((mapped(said[key]) for key in SCHEMA_KEYS if isinstance(said.get(key), dict)), None)
    name, description = said.get("name"), said.get("description")
    is_text = tool.get("type") == "custom" and schema is None
    if is_text or not isinstance(name, str) or not name:
        return None
    schema = schema or {}
    text = description if isinstance(description, str) else ""
    return ToolDefinition(name=name, description=text, parameters=dict(mapped(schema.get("json")) or schema))
