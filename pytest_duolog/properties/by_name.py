"""Reads properties from text such as `TerminatesWithin(turns=20)`, on a command line or in an ini file."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from inspect import isabstract, signature
from operator import attrgetter
from pkgutil import iter_modules
from typing import Any

import pytest_duolog.properties
from pytest_duolog.display import did_you_mean
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import AllOf, AnyOf, Not, Property
from pytest_duolog.properties.steps import StepCheck, WrittenStep

_COMBINED = (AllOf, AnyOf, Not, StepCheck)
# What the package exports beside its properties.
_BESIDES = {"Evidence", "Outcome", "Property", "Question", "Verdict", "judge"}
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def property_names() -> list[str]:
    """The names of `property_types` without importing their modules."""
    return [name for name in pytest_duolog.properties.__all__ if name not in _BESIDES]


@cache
def property_types() -> dict[str, type[Property]]:
    """Every property of the package by name, in alphabetical order."""
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
    """The property of the package for the text `Name` or `Name(field=value)`; values are Python literals.

    The check of a step, as a record names it, is one as well.

    Raises ConfigurationError that says what is accepted.
    """
    step = WrittenStep.of(written)
    return _read(written) if step is None else StepCheck(step.step, _read(step.part), step.after)


def _read(written: str) -> Property:
    name, call = _parsed(written, written)
    known = property_types()
    if name not in known:
        methods = {kind.method_form.name: other for other, kind in known.items() if kind.method_form}
        hint = did_you_mean(methods.get(name, name), known)
        raise ConfigurationError(
            f"unknown property {written!r}{hint} (known: {', '.join(known)}; one of your own: module:Class(...))"
        )
    return _made(known[name], call, written)


def given_property(written: str) -> Property:
    """The same, or the user's own property: `module:Class`, `module:Class(field=value)` or `module:NAME`.

    The module is imported, so `written` must come from the user, not from an untrusted file. NAME is a property in the
    module, such as `NAME = NoLoops() & MaxWords(150)`. Raises ConfigurationError that says what is accepted.
    """
    module, colon, rest = written.partition(":")
    if not colon or not _MODULE.fullmatch(module.strip()):
        return parse_property(written)
    name, call = _parsed(rest, written)
    try:
        found = attrgetter(name)(import_module(module.strip()))
    except (Exception, SystemExit) as error:  # the user's module may raise anything
        raise ConfigurationError(f"property {written!r}: {type(error).__name__}: {error}") from error
    if isinstance(found, Property) and call is None:
        return found
    if isinstance(found, type) and issubclass(found, Property) and not isabstract(found):
        return _made(found, call, written)
    raise ConfigurationError(f"property {written!r}: {name} is neither a property nor a class of properties")


def _parsed(code: str, written: str) -> tuple[str, ast.Call | None]:
    """The name in the text, and its call if there is one."""
    try:
        found = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        found = None
    call = found if isinstance(found, ast.Call) else None
    named = call.func if call else found
    if not isinstance(named, ast.Name | ast.Attribute):
        raise ConfigurationError(f"property {written!r} is not Name or Name(field=value)")
    return ast.unparse(named), call


def _made(kind: type[Property], call: ast.Call | None, written: str) -> Property:
    try:
        if call is None:
            signature(kind).bind()
            return kind()
        values = list(map(_value, call.args))
        keywords = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
        signature(kind).bind_partial(*values, **keywords)  # wrong names are told first
        signature(kind).bind(*values, **keywords)
        return kind(*values, **keywords)
    except Exception as error:  # noqa: BLE001  # a property of the user's may refuse its values in any way
        raise ConfigurationError(f"property {written!r}: {error}") from None


def _value(written: ast.expr) -> Any:
    try:
        return ast.literal_eval(written)
    except ValueError:
        accepted = "text in quotes, numbers, True, False, None, and lists of them"
        raise ValueError(f"{ast.unparse(written)} is no value (accepted: {accepted})") from None
