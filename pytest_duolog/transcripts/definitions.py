"""Reads the definitions of tools from requests, in the forms of many providers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_duolog.transcripts.langchain import listed, mapped
from pytest_duolog.transcripts.transcript import ToolDefinition

SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema", "schema")


def definitions_in(tools: Any) -> tuple[ToolDefinition, ...]:
    """The tools of a request; what has no name or no schema, such as a provider's own tools, is left out."""
    found = {tool.name: tool for tool in _definitions(tools)}
    return tuple(found.values())


def _definitions(tools: Any) -> Iterator[ToolDefinition]:
    for tool in map(mapped, listed(tools)):
        for key in ("functionDeclarations", "function_declarations"):
            yield from _definitions(tool.get(key))
        said = next((tool[key] for key in ("function", "toolSpec") if isinstance(tool.get(key), dict)), tool)
        schema = next((mapped(said[key]) for key in SCHEMA_KEYS if isinstance(said.get(key), dict)), None)
        schema = mapped(schema.get("json")) or schema if schema else schema
        name, description = said.get("name"), said.get("description")
        if isinstance(name, str) and name and schema is not None:
            text = description if isinstance(description, str) else ""
            yield ToolDefinition(name=name, description=text, parameters=dict(schema))
