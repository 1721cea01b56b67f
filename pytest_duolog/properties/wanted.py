"""Compares the arguments of a tool call with those that a test wants."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from types import EllipsisType
from typing import Any

from pytest_duolog.display import cut, did_you_mean
from pytest_duolog.errors import told
from pytest_duolog.transcripts.call_keys import arguments_of
from pytest_duolog.transcripts.transcript import ToolCall, TranscriptSpeaker

# Names that are at least so like differ by a typing error: `refnd` and `refund`, not `delete_user` and `create_user`.
TYPING_ERROR = 0.85
# A value is shown with at most this many characters.
MAX_VALUE = 80


def unusable(wanted: object) -> str:
    """What in a wanted value cannot be compared with JSON; empty if nothing."""
    if isinstance(wanted, Mapping):
        keys = (f"the key {key!r:.40}" for key in wanted if not isinstance(key, str))
        return next(keys, "") or next(filter(None, map(unusable, wanted.values())), "")
    if isinstance(wanted, list | tuple):
        return next(filter(None, map(unusable, wanted)), "")
    if isinstance(wanted, float) and not math.isfinite(wanted):
        return f"{wanted!r}"
    is_known = wanted is None or isinstance(wanted, str | int | float | re.Pattern | EllipsisType)
    return "" if is_known or (callable(wanted) and not isinstance(wanted, type)) else f"{wanted!r:.40}"


def misspelt(tool: str, wanted: Mapping[str, Any], speakers: Iterable[TranscriptSpeaker]) -> str:
    """Which name is a typing error, as far as the definitions of the speakers' tools tell; otherwise empty.

    A call with such a name cannot come, so that it never came says nothing. A name that is like none may be meant.
    """
    known = {tool.name: tool for speaker in speakers for tool in speaker.tools}
    if tool not in known:
        hint = did_you_mean(tool, known, least=TYPING_ERROR)
        return f"no speaker has a tool {tool!r}{hint}" if hint else ""
    arguments = known[tool].parameters.get("properties") or {}
    for name in wanted:
        if name not in arguments and (hint := did_you_mean(name, arguments, least=TYPING_ERROR)):
            return f"{tool} has no argument {name!r}{hint}"
    return ""


def differences(call: ToolCall, wanted: Mapping[str, Any]) -> list[str]:
    """What differs from the wanted arguments, by name; empty if the call fits. Other arguments are free."""
    given = arguments_of(call)
    if given is None:
        return ["its arguments are not a JSON object"] if wanted else []
    found = []
    for name, value in wanted.items():
        if name not in given:
            found.append(f"{name} is missing")
        else:
            found += differences_of(name, given[name], value)
    return found


def differences_of(name: str, given: Any, wanted: Any) -> Iterator[str]:
    """How a given JSON value differs from the wanted one, which may hold functions, patterns and `...`."""
    if wanted is ...:
        return
    if isinstance(wanted, re.Pattern):
        yield from _unfound(name, given, wanted)
    elif callable(wanted):
        yield from _refused(name, given, wanted)
    elif kind(given) != kind(wanted):
        yield f"{name} is {named(given)}, not {named(wanted)}"
    elif isinstance(wanted, Mapping):
        yield from _inside(name, given, wanted)
    elif isinstance(wanted, list | tuple) and len(wanted) == len(given):
        for at, (one, other) in enumerate(zip(given, wanted, strict=True)):
            yield from differences_of(f"{name}[{at}]", one, other)
    elif given != wanted:
        yield f"{name} is {shown(given)}, not {shown(wanted)}"


def _inside(name: str, given: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}.{key} is missing" for key in wanted if key not in given)
    yield from (f"{name}.{key} is not wanted" for key in given if key not in wanted)
    for key, value in wanted.items():
        if key in given:
            yield from differences_of(f"{name}.{key}", given[key], value)


def _unfound(name: str, given: Any, pattern: re.Pattern[str]) -> Iterator[str]:
    if not isinstance(given, str):
        yield f"{name} is {named(given)}, not text"
    elif not pattern.search(given):
        yield f"{name} is {shown(given)}, in which {pattern.pattern!r} is not found"


def _refused(name: str, given: Any, accepts: Any) -> Iterator[str]:
    label = getattr(accepts, "__name__", "the function")
    try:
        fits = bool(accepts(given))
    except Exception as error:  # noqa: BLE001  # whatever a user's function raises
        yield f"{name} is {shown(given)}, for which {label} raised {told(error)}"
        return
    if not fits:
        yield f"{name} is {shown(given)}, which {label} does not accept"


def kind(value: object) -> str:
    """The JSON type of a value, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "list" if isinstance(value, list | tuple) else "object"


def named(value: object) -> str:
    """A value with its type, as in `the text '4711'`."""
    return "null" if value is None else f"the {kind(value)} {shown(value)}"


def shown(value: object) -> str:
    """A value as people read it, on one line and cut."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_code)
    return cut(text, MAX_VALUE)


def _code(value: object) -> str:
    return value.pattern if isinstance(value, re.Pattern) else getattr(value, "__name__", "...")
