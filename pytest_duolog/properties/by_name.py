"""Properties by name, as they are written on a command line: `TerminatesWithin(turns=20)`."""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from typing import Any

import pytest_duolog.properties
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import AllOf, AnyOf, Not, Property

_COMBINED = (AllOf, AnyOf, Not)


@cache
def property_types() -> dict[str, type[Property]]:
    """Every property of the package by name, in alphabetical order: the members of its modules."""
    names = (module.name for module in iter_modules(pytest_duolog.properties.__path__))
    modules = [import_module(f"{pytest_duolog.properties.__name__}.{name}") for name in names]
    found = {
        value.__name__: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Property) and value not in _COMBINED
    }
    return {name: found[name] for name in sorted(found) if not isabstract(found[name])}


def parse_property(written: str) -> Property:
    """The property that is written as `Name` or `Name(field=value)`, values being Python literals.

    Raises ConfigurationError that says what is accepted.
    """
    try:
        call = ast.parse(written.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConfigurationError(f"property {written!r} is not Name or Name(field=value)") from None
    call = call if isinstance(call, ast.Call) else ast.Call(call, [], [])
    if not isinstance(call.func, ast.Name) or call.func.id not in property_types():
        raise ConfigurationError(f"property {written!r} is not known (known: {', '.join(property_types())})")
    try:
        return property_types()[call.func.id](*map(ast.literal_eval, call.args), **_keywords(call))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"property {written!r}: {error}") from None


def _keywords(call: ast.Call) -> dict[str, Any]:
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
