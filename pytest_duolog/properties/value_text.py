"""Values as Python code, for the names of properties."""

from __future__ import annotations

import re
from functools import partial

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def value_text(value: object) -> str:
    """A value as Python code, equal in each run: a function is its name, and nothing has an address in memory."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{value_text(key)}: {value_text(item)}' for key, item in value.items())}}}"
    if type(value) in (list, tuple, set, frozenset):
        return _items_text(value)
    if isinstance(value, partial):
        given = [*map(value_text, value.args), *(f"{k}={value_text(v)}" for k, v in value.keywords.items())]
        return f"partial({', '.join([value_text(value.func), *given])})"
    if value is ...:
        return "..."
    name = getattr(value, "__qualname__", None)
    return name if callable(value) and isinstance(name, str) else _ADDRESS.sub("", repr(value))


def _items_text(items: object) -> str:
    if isinstance(items, list):
        return f"[{', '.join(map(value_text, items))}]"
    if isinstance(items, tuple):
        return f"({', '.join(map(value_text, items))}{',' if len(items) == 1 else ''})"
    assert isinstance(items, set | frozenset)
    if not items:
        return repr(items)
    shown = f"{{{', '.join(sorted(map(value_text, items)))}}}"
    return shown if isinstance(items, set) else f"frozenset({shown})"
