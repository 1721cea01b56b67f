"""Writes `pytest_duolog/properties/__init__.py`: names and method forms, with the arguments of the classes.

    python -m tests.properties.generate

The file is plain code, so that people, editors and type checkers see the methods; a test keeps it in step.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest_duolog.properties
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.by_name import property_types

FILE = Path(pytest_duolog.properties.__file__)
PACKAGE = "pytest_duolog.properties"
COMMAND = "python -m tests.properties.generate"
LONGEST_LINE = 110
# What is public besides the properties, by module.
BESIDES = {
    "base": ("Property", "judge"),
    "judged": ("Question",),
    "verdict": ("Evidence", "Outcome", "Verdict"),
}

HEAD = f'''\
"""The properties of dialogues, one module for each family. `base` explains how to write your own.

Do not edit: `{COMMAND}` writes this file from the classes in the modules beside it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_duolog.properties.checked import Checked, joined, property_method

'''

EXPORTS = '''\

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # type checkers know only the names that are imported above

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


class PropertyMethods(Checked):
    """Adds a method for each property. Each method returns a verdict, which is true only if the property holds.

    A method takes the arguments of its class. The class is imported when the method is first called.
    """
'''


def package_text() -> str:
    """The text of the file as the classes want it."""
    types = [kind for kind in property_types().values() if kind.__module__.startswith(f"{PACKAGE}.")]
    homes = defaultdict(set, {module: set(names) for module, names in BESIDES.items()})
    for kind in types:
        homes[_module(kind)].add(kind.__name__)
    named = [(f"{PACKAGE}.{module}", name) for module in sorted(homes) for name in sorted(homes[module])]
    forms = sorted((kind.method_form.name, kind) for kind in types if kind.method_form)
    wanted = {needed for _, kind in forms for needed in _annotation_imports(kind)}
    wanted -= {*named, ("typing", "Any")}
    imports = [f"    from {module} import {name} as {name}" for module, name in named]
    together = defaultdict(set)
    for module, name in wanted:
        together[module].add(name)
    imports += [f"    from {module} import {', '.join(sorted(names))}" for module, names in together.items()]
    standard, own = _split(imports)
    return "".join(
        [
            HEAD,
            "if TYPE_CHECKING:\n",
            "".join(f"{line}\n" for line in standard),
            "\n" if standard else "",
            "".join(f"{line}\n" for line in own),
            "\n_HOMES = {\n",
            "".join(_home_lines(homes)),
            "}\n",
            "\n__all__ = [\n",
            *(f'    "{name}",\n' for name in sorted(name for _, name in named)),
            "]\n",
            EXPORTS,
            *(f"\n{_method(name, kind)}" for name, kind in forms),
        ]
    )


def _module(kind: type[Property]) -> str:
    return kind.__module__.rpartition(".")[2]


def _split(imports: Iterable[str]) -> tuple[list[str], list[str]]:
    """Imports of the standard library, and those of the package, each sorted as ruff sorts them."""
    ordered = sorted(imports, key=lambda line: (line.split()[1], _rank(line.split()[3]), line))
    own = [line for line in ordered if " pytest_duolog." in line]
    return [line for line in ordered if line not in own], own


def _rank(name: str) -> int:
    """Classes come before functions."""
    return 0 if name[0].isupper() else 1


def _home_lines(homes: dict[str, set[str]]) -> Iterator[str]:
    for module, names in sorted(homes.items()):
        ordered = sorted(names, key=lambda name: (_rank(name), name))
        shown = ", ".join(f'"{name}"' for name in ordered)
        line = f'    "{module}": ({shown}{"," if len(ordered) == 1 else ""}),\n'
        if len(line) <= LONGEST_LINE + 1:
            yield line
        else:
            listed = "".join(f'        "{name}",\n' for name in ordered)
            yield f'    "{module}": (\n{listed}    ),\n'


def _method(name: str, kind: type[Property]) -> str:
    gathers, names = (kind.method_form.gathers, kind.method_form.names) if kind.method_form else ("", "")
    parameters, arguments, stars = [], [], False
    for parameter in inspect.signature(kind).parameters.values():
        annotation = str(parameter.annotation)
        if parameter.name == gathers:
            parameters.append(f"*{gathers}: {_one_of(annotation)}")
            arguments.append(gathers)
            stars = True
            continue
        is_keyword = parameter.kind is parameter.KEYWORD_ONLY
        if is_keyword and not stars:
            parameters.append("*")
            stars = True
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parameters.append(f"{parameter.name}: {annotation}{default}")
        parameters += (
            ["/"] if names and len(parameters) == 1 else []
        )  # a tool may have an argument of this name
        given = f'joined("{name}", {names}, named)' if parameter.name == names else parameter.name
        arguments.append(f"{parameter.name}={given}" if is_keyword else given)
    parameters += ["**named: Any"] if names else []
    return (
        "    @property_method\n"
        + _definition(name, parameters)
        + f'        """{_claim(kind)}: `{kind.__name__}`."""\n'
        + f"        from {kind.__module__} import {kind.__name__}\n\n"
        + "        __tracebackhide__ = True\n"
        + _return(f"{kind.__name__}({', '.join(arguments)})")
    )


def _return(made: str) -> str:
    line = f"        return self.satisfies({made})\n"
    if len(line) <= LONGEST_LINE + 1:
        return line
    return f"        return self.satisfies(\n            {made}\n        )\n"


def _definition(name: str, parameters: list[str]) -> str:
    head, tail = f"    def {name}(", ") -> Verdict:\n"
    listed = ", ".join(["self", *parameters])
    if len(head + listed + tail) <= LONGEST_LINE + 1:
        return head + listed + tail
    if len(listed) + 8 <= LONGEST_LINE:
        return f"{head}\n        {listed}\n    {tail}"
    return f"{head}\n" + "".join(f"        {one},\n" for one in ["self", *parameters]) + f"    {tail}"


def _claim(kind: type[Property]) -> str:
    """What the class says first."""
    first = " ".join((inspect.getdoc(kind) or "").split())
    return re.split(r"[.;:] ", first)[0].removesuffix(".")


def _one_of(annotation: str) -> str:
    """What one element of a field is that holds one or a tuple of them."""
    found = re.fullmatch(r"(\w+) \| tuple\[\1, \.\.\.\]", annotation)
    assert found, f"{annotation}: a field that gathers is written `X | tuple[X, ...]`"
    return found[1]


def _annotation_imports(kind: type[Property]) -> Iterator[tuple[str, str]]:
    """(module, name) of what the annotations of a class's fields, its own and inherited ones, are written with."""
    yield f"{PACKAGE}.verdict", "Verdict"
    for base in kind.__mro__:
        if not base.__module__.startswith("pytest_duolog."):
            continue
        origins = dict(_origins(base.__module__))
        for annotation in vars(base).get("__annotations__", {}).values():
            for node in ast.walk(ast.parse(str(annotation), mode="eval")):
                if isinstance(node, ast.Name) and node.id in origins and "ClassVar" not in str(annotation):
                    yield origins[node.id], node.id


def _origins(module: str) -> Iterator[tuple[str, str]]:
    """(name, module it is from) of everything that a module imports or defines."""
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.ImportFrom):
            yield from ((alias.name, str(node.module)) for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from ((target.id, module) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ClassDef):
            yield node.name, module


if __name__ == "__main__":
    FILE.write_text(package_text(), "utf-8")
