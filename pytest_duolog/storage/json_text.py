"""Canonical JSON: keys sorted, no spaces, text as UTF-8.

Two requests are equal if and only if their canonical bytes are equal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

# No real message is nested deeper. The limit is far below Python's recursion limit, at which any later step could fail.
DEEPEST = 100

# Kinds of values for isinstance: `int | float` would be made again each time, and nearly all mappings are dictionaries,
# which takes a fraction of asking the abstract class.
NUMBERS = (int, float)
LISTS = (list, tuple)
OBJECTS = (dict, Mapping)
# What a parser makes of lists and objects.
NESTED = (dict, list)

ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class NestedTooDeep(ValueError):
    """The JSON is nested more than `DEEPEST` deep."""

    def __init__(self) -> None:
        super().__init__(f"nested too deeply: more than {DEEPEST} levels")


def parsed(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError if it is not JSON, and NestedTooDeep, which is a ValueError."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise NestedTooDeep from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:  # the only other one; its own words are for programmers
        limit = sys.get_int_max_str_digits()
        raise ValueError(f"a number has more than {limit} digits") from None
    brackets = (b"[", b"{") if isinstance(text, bytes) else ("[", "{")
    if sum(map(text.count, brackets)) > DEEPEST:  # type: ignore[arg-type]  # both are of one type
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        if depth > DEEPEST:
            raise NestedTooDeep
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]


class CanonicalJson(bytes):
    """Canonical JSON that is known to be canonical, so that nobody needs to write it again to see."""

    __slots__ = ()


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON. A lone surrogate, which UTF-8 cannot hold, stays as an escape."""
    return in_utf8(ENCODER.encode(value))


def in_utf8(json_text: str) -> bytes:
    """JSON text in UTF-8, with lone surrogates as escapes, which mean the same: they stand only in strings."""
    return json_text.encode("utf-8", "backslashreplace")


def value_key(value: Any) -> bytes:
    """Equal for equal JSON values: 1 equals 1.0, but neither equals true."""
    return canonical(_with_whole_numbers(value))


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    return [_with_whole_numbers(item) for item in value] if isinstance(value, list | tuple) else value


def is_same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON; in Python `1`, `1.0` and `True` are equal."""
    return canonical(left) == canonical(right)
