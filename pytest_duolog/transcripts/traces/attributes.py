"""Attributes of spans without dots in their names: `llm.input_messages.0.message.role` becomes objects and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_STEPS = 16


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes as objects; numbers among the steps of names make lists. Of two that collide, the object stays."""
    root: dict[str, Any] = {}
    for name, value in flat.items():
        steps = str(name).split(".", MOST_STEPS)
        place = root
        for step in steps[:-1]:
            inner = place.get(step)
            if not isinstance(inner, dict):
                inner = place[step] = {}
            place = inner
        inner_value = _inside(value)
        known = place.get(steps[-1])
        if isinstance(known, dict) and isinstance(inner_value, dict):
            known.update(inner_value)
        elif not isinstance(known, dict):
            place[steps[-1]] = inner_value
    made: dict[str, Any] = _lists(root)
    return made


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return nested(value) if any("." in str(key) for key in value) else value
    return [_inside(item) for item in value] if isinstance(value, list) else value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(str(key).isascii() and str(key).isdigit() and len(str(key)) < 10 for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(item) for key, item in value.items()}
