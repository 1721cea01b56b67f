"""What a test is made of besides its scenario: a stored baseline stands for a test as long as all of it is the same.

That is the source of its function, of the fixtures it uses and of the project's code that these name, the values of
constants among them, and its parameters. Comments and blank space change nothing, nor do the decorators of the test,
which are in its scenario. Code outside the project is not read.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

# So many pieces of code are followed from one test; what is not looked at cannot be seen to change.
MOST_PIECES = 1000
LONGEST_VALUE = 100_000
PLAIN = (str, bytes, int, float, complex, bool, type(None))


class TestSources:
    """Reads the sources of tests below one folder; what several tests share is read once."""

    __test__ = False  # pytest collects what is called Test

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[Any, str] = {}

    def of(self, item: pytest.Item) -> list[str]:
        """Everything that a test is made of, in an order that is the same in every run."""
        function = getattr(item, "function", None)
        pieces: dict[str, str] = {}
        self._follow(function, pieces, is_test=True)
        own = inspect.unwrap(function).__code__ if isinstance(function, FunctionType) else None
        for name in _names(own) if own else ():
            self._follow(getattr(getattr(item, "cls", None), name, None), pieces)
        info: Any = getattr(item, "_fixtureinfo", None)
        for definitions in info.name2fixturedefs.values() if info else ():
            for definition in definitions:
                self._follow(definition.func, pieces)
        params = getattr(getattr(item, "callspec", None), "params", {})
        given = [f"{name} = {self._value(value)}" for name, value in sorted(params.items())]
        return [*given, *(f"{name}: {text}" for name, text in sorted(pieces.items()))]

    def _follow(self, given: Any, pieces: dict[str, str], *, is_test: bool = False) -> None:
        """Add a function or class of the project, and what it names."""
        code = _code_of(given)
        if code is None or not self._is_ours(code) or len(pieces) >= MOST_PIECES:
            return
        key = f"{code.__module__}.{code.__qualname__}"
        if key in pieces:
            return
        pieces[key] = self._text(code, without_decorators=is_test)
        for function in _functions(code):
            for name, value in _named(function):
                self._follow_name(name, value, _names(function.__code__), pieces)
        for base in getattr(code, "__bases__", ()):
            self._follow(base, pieces)

    def _follow_name(self, name: str, value: Any, names: AbstractSet[str], pieces: dict[str, str]) -> None:
        if isinstance(value, ModuleType):
            if self._is_ours(value):
                for inner in sorted(names & vars(value).keys()):
                    if not isinstance(vars(value)[inner], ModuleType):
                        self._follow_name(f"{value.__name__}.{inner}", vars(value)[inner], names, pieces)
        elif _code_of(value) is not None:
            self._follow(value, pieces)
        else:
            pieces.setdefault(f"{name} =", self._value(value))
            self._follow(type(value), pieces)

    def _is_ours(self, code: Any) -> bool:
        module = (
            code if isinstance(code, ModuleType) else sys.modules.get(getattr(code, "__module__", None) or "")
        )
        file = getattr(module, "__file__", None)
        if not file:
            return False
        path = Path(file)
        return path.is_relative_to(self._root) and "site-packages" not in path.parts

    def _text(self, code: Any, *, without_decorators: bool) -> str:
        key = (code, without_decorators)
        if key not in self._texts:
            self._texts[key] = _normal_source(code, without_decorators=without_decorators)
        return self._texts[key]

    def _value(self, value: Any) -> str:
        """A value as text that is the same in every run; of what has no such text, its type."""
        text = _stable(value)
        return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} and more, {len(text)}"


def _code_of(given: Any) -> Any:
    """The function or class behind a value; None if it is neither."""
    while isinstance(given, functools.partial):
        given = given.func
    given = getattr(given, "__func__", given)
    if isinstance(given, FunctionType):
        return inspect.unwrap(given)
    return given if isinstance(given, type) else None


def _functions(code: Any) -> Iterator[FunctionType]:
    if isinstance(code, FunctionType):
        yield code
        return
    for value in vars(code).values():
        found = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if isinstance(found, FunctionType):
            yield found


def _names(code: CodeType) -> set[str]:
    """The names that code uses, that of the functions inside it included."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The globals and the values of enclosing functions that a function names."""
    for name in sorted(_names(function.__code__) & function.__globals__.keys()):
        yield f"{function.__module__}.{name}", function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"{function.__qualname__}.{name}", cell.cell_contents
        except ValueError:  # it has no value yet
            continue


def _normal_source(code: Callable[..., Any] | type, *, without_decorators: bool) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(code))
    except (OSError, TypeError):  # made while the program runs
        return ""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a lambda inside an expression
        return source
    first = tree.body[0] if tree.body else None
    if without_decorators and isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef):
        first.decorator_list = []
    return ast.unparse(tree)


def _stable(value: Any) -> str:
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{_stable(key)}: {_stable(item)}' for key, item in value.items()))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_stable, value))}]"
    if isinstance(value, AbstractSet):
        return f"{{{', '.join(sorted(map(_stable, value)))}}}"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # the project's own code may raise anything
        text = " at 0x"
    return type(value).__qualname__ if " at 0x" in text else text
