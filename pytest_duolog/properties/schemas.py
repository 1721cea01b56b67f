"""Says in which way a JSON value does not fit a JSON schema, for the schemas that tools have.

A keyword that is not known here raises Unknown: such a schema decides nothing. Patterns are searched by an engine that
takes linear time, because a schema may come from a file that nobody trusts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from operator import ge, gt, le, lt
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from pytest_duolog.properties.wanted import kind, named, shown
from pytest_duolog.storage.json_text import value_key

# More steps than this takes only a schema that was made to be slow.
MOST_STEPS = 20_000
ANNOTATIONS = frozenset(
    {
        "title",
        "description",
        "default",
        "example",
        "examples",
        "format",
        "deprecated",
        "readOnly",
        "writeOnly",
    }
    | {
        "$schema",
        "$id",
        "$comment",
        "$defs",
        "definitions",
        "strict",
        "discriminator",
        "propertyOrdering",
        "xml",
    }
)
TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: kind(value) == "text",
    "number": lambda value: kind(value) == "number",
    "integer": lambda value: kind(value) == "number" and value == int(value),
    "boolean": lambda value: kind(value) == "truth value",
    "array": lambda value: kind(value) == "list",
    "object": lambda value: kind(value) == "object",
    "null": lambda value: value is None,
}
TYPE_WORDS = {"string": "text", "integer": "whole number", "boolean": "truth value", "array": "list"}


class Unknown(Exception):  # it is no error: what it says is that nothing is known
    """The schema cannot be read here; the text says why."""


def misfits(value: Any, schema: Any) -> list[str]:
    """The ways in which a value does not fit, each with its place; empty if it fits. Raises Unknown."""
    return list(_Checking(schema).misfits(value, schema, ""))


class _Checking:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def misfits(self, value: Any, schema: Any, name: str) -> Iterator[str]:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise Unknown("it is too large, or refers to itself without end")
        if isinstance(schema, bool):
            yield from [] if schema else [f"{name or 'it'} is not accepted"]
            return
        if not isinstance(schema, Mapping):
            raise Unknown(f"{shown(schema)} is not a schema")
        if value is None and schema.get("nullable") is True:
            return
        for keyword, said in schema.items():
            check = _CHECKS.get(keyword)
            if check is not None:
                try:
                    yield from check(self, value, said, name or "it")
                except (TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
                    raise Unknown(f"its {keyword} is {shown(said)}") from error
            elif keyword not in IGNORED and not keyword.startswith("x-"):
                raise Unknown(f"it has {keyword!r}")
        yield from self._object(value, schema, name)

    def _object(self, value: Any, schema: Mapping[str, Any], name: str) -> Iterator[str]:
        if not isinstance(value, dict):
            return
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        if not isinstance(properties, Mapping):
            raise Unknown(f"its properties are {shown(properties)}")
        for key, item in value.items():
            place = f"{name}.{key}" if name else key
            if key in properties:
                yield from self.misfits(item, properties[key], place)
            elif others is False:
                yield f"{place} is no parameter"
            else:
                yield from self.misfits(item, others, place)

    def _fits(self, value: Any, schema: Any) -> bool:
        return next(self.misfits(value, schema, ""), None) is None

    def types(self, value: Any, said: Any, name: str) -> Iterator[str]:
        names = [one.lower() for one in ([said] if isinstance(said, str) else said)]
        if any(one not in TYPES for one in names):
            raise ValueError
        if not any(TYPES[one](value) for one in names):
            yield f"{name} is {named(value)}, not {' or '.join(TYPE_WORDS.get(one, one) for one in names)}"

    def enum(self, value: Any, said: Any, name: str) -> Iterator[str]:
        if not any(_equal(value, one) for one in said):
            yield f"{name} is {shown(value)}, not one of {shown(said)}"

    def const(self, value: Any, said: Any, name: str) -> Iterator[str]:
        if not _equal(value, said):
            yield f"{name} is {shown(value)}, not {shown(said)}"

    def required(self, value: Any, said: Any, name: str) -> Iterator[str]:
        if isinstance(value, dict):
            inside = "" if name == "it" else f"{name}."
            yield from (f"{inside}{key} is missing" for key in list(said) if key not in value)

    def items(self, value: Any, said: Any, name: str) -> Iterator[str]:
        if isinstance(value, list):
            for at, item in enumerate(value):
                yield from self.misfits(item, said, f"{name}[{at}]")

    def any_of(self, value: Any, said: Any, name: str) -> Iterator[str]:
        tried = [list(self.misfits(value, one, name)) for one in said]
        if all(tried):
            yield (
                min(tried, key=len)[0]
                if len(tried) == 1
                else f"{name} is {named(value)}, which fits no alternative"
            )

    def one_of(self, value: Any, said: Any, name: str) -> Iterator[str]:
        n_fitting = sum(self._fits(value, one) for one in said)
        if n_fitting != 1:
            yield f"{name} is {named(value)}, which fits {n_fitting} of {len(said)} alternatives, not 1"

    def all_of(self, value: Any, said: Any, name: str) -> Iterator[str]:
        for one in list(said):
            yield from self.misfits(value, one, "" if name == "it" else name)

    def excluded(self, value: Any, said: Any, name: str) -> Iterator[str]:
        if self._fits(value, said):
            yield f"{name} is {shown(value)}, which is excluded"

    def reference(self, value: Any, said: Any, name: str) -> Iterator[str]:
        found = self._root
        steps = said.removeprefix("#").split("/")[1:] if said.startswith("#") else None
        if steps is None:
            raise Unknown(f"it refers to {shown(said)}")
        for step in (step.replace("~1", "/").replace("~0", "~") for step in steps):
            if not isinstance(found, Mapping) or step not in found:
                raise Unknown(f"it refers to {shown(said)}, which it does not have")
            found = found[step]
        yield from self.misfits(value, found, "" if name == "it" else name)

    def pattern(self, value: Any, said: Any, name: str) -> Iterator[str]:
        if not isinstance(value, str):
            return
        try:
            SchemaValidator(core_schema.str_schema(pattern=said)).validate_python(value)
        except SchemaError as error:
            raise Unknown(f"its pattern {shown(said)} cannot be searched in linear time") from error
        except ValidationError:
            yield f"{name} is {shown(value)}, in which {shown(said)} is not found"


def _equal(value: Any, other: Any) -> bool:
    """Equal as JSON; 1 equals 1.0."""
    return value_key(value) == value_key(other)


def _bound(
    of: str, measure: Callable[[Any], float], is_kept: Callable[[float, float], bool], words: str
) -> Any:
    def check(_: _Checking, value: Any, said: Any, name: str) -> Iterator[str]:
        if kind(said) != "number":
            raise ValueError
        if kind(value) == of and not is_kept(measure(value), said):
            yield f"{name} is {shown(value)}, not {words} {said}"

    return check


def _unique(_: _Checking, value: Any, said: Any, name: str) -> Iterator[str]:
    if said and isinstance(value, list) and len(set(map(value_key, value))) < len(value):
        yield f"{name} is {shown(value)}, with equal items"


def _itself(value: float) -> float:
    return value


def _is_multiple(value: float, step: float) -> bool:
    """Whether it is a multiple as both are written: .3 is one of .1. Raises ZeroDivisionError for a step of 0."""
    return (Fraction(str(value)) / Fraction(str(step))).denominator == 1


_CHECKS: Mapping[str, Callable[[_Checking, Any, Any, str], Iterator[str]]] = {
    "type": _Checking.types,
    "enum": _Checking.enum,
    "const": _Checking.const,
    "required": _Checking.required,
    "items": _Checking.items,
    "anyOf": _Checking.any_of,
    "oneOf": _Checking.one_of,
    "allOf": _Checking.all_of,
    "not": _Checking.excluded,
    "$ref": _Checking.reference,
    "pattern": _Checking.pattern,
    "uniqueItems": _unique,
    "minimum": _bound("number", _itself, ge, "at least"),
    "maximum": _bound("number", _itself, le, "at most"),
    "exclusiveMinimum": _bound("number", _itself, gt, "above"),
    "exclusiveMaximum": _bound("number", _itself, lt, "below"),
    "multipleOf": _bound("number", _itself, _is_multiple, "a multiple of"),
    "minLength": _bound("text", len, ge, "of a length of at least"),
    "maxLength": _bound("text", len, le, "of a length of at most"),
    "minItems": _bound("list", len, ge, "of a length of at least"),
    "maxItems": _bound("list", len, le, "of a length of at most"),
}
# What checks nothing by itself, or is read with its neighbours.
IGNORED = ANNOTATIONS | {"properties", "additionalProperties", "nullable"}
