"""The JSON schema of a function's parameters, and what its docstring says of them.

The schema is part of every request, so it must not change with a new version of a library: simple types have their
schema from this module. Pydantic makes the schema of all other types.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pytest_duolog.display import shorten
from pytest_duolog.errors import ConfigurationError

Schema = dict[str, Any]

PLAIN: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    None: "null",
}
# Types that say nothing of their content; some providers refuse an array without `items`.
UNBOUND: Mapping[Any, Schema] = {
    Any: {},
    list: {"items": {}, "type": "array"},
    dict: {"type": "object"},
}
# Fields of a schema whose values are schemas by name; a name may be `title`.
NAMED_SCHEMAS = ("properties", "$defs")
# Fields of a schema whose values are data.
DATA = ("default", "enum", "const", "examples")

# A section of a docstring in Google's style, and that of the parameters in NumPy's style.
SECTION = re.compile(
    r"(?m)^(Args|Arguments|Parameters|Returns?|Raises|Yields?|Examples?|Notes?|See Also|Todo):\s*$"
    r"|^(\w[\w ]*)\n-{3,}\s*$|^:\w+[^:\n]*:"
)
OF_PARAMETERS = ("Args", "Arguments", "Parameters")
# `name: text`, `name (type): text` or, in NumPy's style, `name : type`.
ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)\n]*\))?\s*:\s*(.*)")
FIELD = re.compile(r"(?m)^:param(?:\s+[^:\n]*?)?\s+\*{0,2}(\w+):[ \t]*(.*(?:\n[ \t]+.*)*)")


class _NotSimple(Exception):
    """This type has no schema of this module."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter of a tool: its name, its type, and whether it has a default."""

    name: str
    kind: Any
    is_required: bool = True

    @cached_property
    def adapter(self) -> Any:
        """Reads a value for this parameter (a pydantic.TypeAdapter)."""
        from pydantic import TypeAdapter  # noqa: PLC0415  # a replay reads no arguments

        return TypeAdapter(self.kind)


class Documented(NamedTuple):
    """What a docstring says of a function, and of its parameters by name."""

    description: str
    parameters: Mapping[str, str]


def parameters_of(function: Callable[..., Any], name: str) -> tuple[Parameter, ...]:
    """The parameters of a function that is a tool with this name.

    Raises ConfigurationError if one has no type, or cannot be passed by name.
    """
    try:
        found = inspect.signature(function, eval_str=True).parameters.values()
    except NameError as error:
        raise ConfigurationError(
            f"tool {name}: {error}; the type of a parameter must be a name of its module, not of a "
            "function or test"
        ) from None
    except (TypeError, ValueError, SyntaxError) as error:
        raise ConfigurationError(f"tool {name}: its parameters cannot be read: {error}") from None
    return tuple(_parameter(parameter, name) for parameter in found)


def _parameter(found: inspect.Parameter, tool: str) -> Parameter:
    if found.kind in (found.VAR_POSITIONAL, found.VAR_KEYWORD):
        stars = "*" if found.kind is found.VAR_POSITIONAL else "**"
        raise ConfigurationError(
            f"tool {tool}: {stars}{found.name} says nothing about its arguments: name them, each with a type"
        )
    if found.kind is found.POSITIONAL_ONLY:
        raise ConfigurationError(f"tool {tool}: parameter {found.name!r} cannot be passed by name")
    if found.annotation is found.empty:
        raise ConfigurationError(
            f"tool {tool}: parameter {found.name!r} has no type: write {found.name}: str, or what it is"
        )
    return Parameter(found.name, found.annotation, found.default is found.empty)


def schema_of(parameters: Sequence[Parameter], told: Mapping[str, str], tool: str) -> Schema:
    """The schema of an object with these parameters; `told` has the descriptions of some.

    Raises ConfigurationError for a type without a schema.
    """
    properties: dict[str, Schema] = {}
    definitions: dict[str, Schema] = {}
    for parameter in parameters:
        schema = _schema_of_parameter(parameter, tool)
        for name, definition in schema.pop("$defs", {}).items():
            if definitions.setdefault(name, definition) != definition:
                raise ConfigurationError(
                    f"tool {tool}: two types of its parameters are named {name!r}; rename one"
                )
        if parameter.name in told and "description" not in schema:
            schema = {**schema, "description": told[parameter.name]}
        properties[parameter.name] = schema
    return {
        "additionalProperties": False,
        "properties": properties,
        "required": [parameter.name for parameter in parameters if parameter.is_required],
        "type": "object",
        **({"$defs": definitions} if definitions else {}),
    }


def _schema_of_parameter(parameter: Parameter, tool: str) -> Schema:
    try:
        return _simple(parameter.kind)
    except (_NotSimple, TypeError):  # TypeError: not even a type
        pass
    from pydantic.errors import PydanticUserError  # noqa: PLC0415  # few tools need it

    try:
        schema: Schema = parameter.adapter.json_schema()
    except (PydanticUserError, TypeError, NameError) as error:  # NameError: of a class that it refers to
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"tool {tool}: the type of parameter {parameter.name!r} has no JSON schema: {shorten(reason, 300)}"
        ) from None
    without: Schema = _without_titles(schema)
    return without


def _simple(kind: Any, inside: tuple[Any, ...] = ()) -> Schema:
    """The schema of a simple type; `inside` are the dataclasses that it is a part of. Raises _NotSimple."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is None:
        return _of_class(kind, inside)
    if origin is Literal:
        return _one_of(parts)
    if origin is Annotated and all(isinstance(note, str) for note in parts[1:]):
        return {**_simple(parts[0], inside), "description": " ".join(parts[1:])}
    schemas = [_simple(part, inside) for part in parts]
    if origin in (Union, UnionType):
        return {"anyOf": schemas}
    if origin is list:
        return {"items": schemas[0], "type": "array"}
    if origin is dict and parts[0] is str:
        return {"additionalProperties": schemas[1], "type": "object"}
    raise _NotSimple


def _of_class(kind: Any, inside: tuple[Any, ...]) -> Schema:
    if kind in UNBOUND:
        return dict(UNBOUND[kind])
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _one_of([member.value for member in kind])
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind not in inside:
        return _of_dataclass(kind, (*inside, kind))
    raise _NotSimple


def _one_of(values: Sequence[Any]) -> Schema:
    kinds = {PLAIN.get(type(value)) for value in values}
    if not values or None in kinds:
        raise _NotSimple
    return {"enum": list(values), **({"type": kinds.pop()} if len(kinds) == 1 else {})}


def _of_dataclass(kind: Any, inside: tuple[Any, ...]) -> Schema:
    if hasattr(kind, "__pydantic_fields__"):
        raise _NotSimple
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError:
        raise _NotSimple from None
    fields = [field for field in dataclasses.fields(kind) if field.init]
    has_default = {
        field.name: not (field.default is field.default_factory is dataclasses.MISSING) for field in fields
    }
    return {
        "additionalProperties": False,
        "properties": {name: _simple(hints[name], inside) for name in has_default},
        "required": [name for name, is_optional in has_default.items() if not is_optional],
        "type": "object",
    }


def _without_titles(schema: Any) -> Any:
    """A schema of pydantic without the titles that repeat the names of fields."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: (
            item
            if name in DATA
            else {key: _without_titles(inner) for key, inner in item.items()}
            if name in NAMED_SCHEMAS and isinstance(item, dict)
            else _without_titles(item)
        )
        for name, item in schema.items()
        if name != "title"
    }


def documented(docstring: str | None) -> Documented:
    """What a docstring says, in the style of Google, NumPy or Sphinx."""
    text = inspect.cleandoc(docstring or "")
    sections = list(SECTION.finditer(text))
    description = text[: sections[0].start()] if sections else text
    parameters: dict[str, str] = {}
    for section, following in zip(sections, [*sections[1:], None], strict=False):
        if (section[1] or section[2]) in OF_PARAMETERS:
            body = text[section.end() : following.start() if following else len(text)]
            parameters.update(_entries(body, is_numpy=section[1] is None))
    parameters |= {found[1]: _one_line(found[2]) for found in FIELD.finditer(text)}
    return Documented(description.strip(), {name: told for name, told in parameters.items() if told})


def _entries(body: str, *, is_numpy: bool) -> Iterator[tuple[str, str]]:
    """The names and descriptions in the section of the parameters; a deeper line goes on with the entry before it."""
    lines = [line for line in body.splitlines() if line.strip()]
    depth = min((_depth(line) for line in lines), default=0)
    name, told = "", ""
    for line in lines:
        if _depth(line) > depth:
            told = f"{told} {line.strip()}"
            continue
        if name:
            yield name, told.strip()
        if depth == 0 and not is_numpy:  # the section is over
            return
        found = ENTRY.match(line.strip())
        name = found[1] if found else line.strip() if is_numpy else ""
        told = found[2] if found and not is_numpy else ""
    if name:
        yield name, told.strip()


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _one_line(text: str) -> str:
    return " ".join(text.split())
