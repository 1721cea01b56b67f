"""What has changed about a speaker's tools since a recording, told by tool and parameter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_duolog.display import cut, shorten
from pytest_duolog.storage.json_text import is_same

LONGEST = 200


def tool_changes(recorded: Any, today: Any, whose: str) -> dict[str, str]:
    """The changes by what has changed, as in `tool refund of Bob, parameter amount`; both are definitions in a list.

    `whose` follows the name of a tool, as in ` of Bob`.
    """
    was, now = _by_name(recorded), _by_name(today)
    found = {f"tool {name}{whose}": "removed" for name in was if name not in now}
    found |= {f"tool {name}{whose}": "added" for name in now if name not in was}
    for name in was:
        if name in now:
            found |= _changes_of_tool(was[name], now[name], f"tool {name}{whose}")
    if not found and list(was) != list(now):
        found[f"order of the tools{whose}"] = f"recorded {', '.join(was)}, now {', '.join(now)}"
    return found


def _by_name(definitions: Any) -> dict[str, Mapping[str, Any]]:
    listed = definitions if isinstance(definitions, list) else []
    return {str(item.get("name")): item for item in listed if isinstance(item, Mapping)}


def _changes_of_tool(was: Mapping[str, Any], now: Mapping[str, Any], tool: str) -> dict[str, str]:
    found = {}
    if was.get("description") != now.get("description"):
        found[f"{tool}, description"] = _told(was.get("description"), now.get("description"))
    schemas = [_object(item.get("parameters")) for item in (was, now)]
    old, new = (_object(schema.get("properties")) for schema in schemas)
    for name in [*old, *(name for name in new if name not in old)]:
        if not is_same(old.get(name), new.get(name)):
            found[f"{tool}, parameter {name}"] = (
                "added" if name not in old else "removed" if name not in new else _told(old[name], new[name])
            )
    if not found:
        for name in sorted({*schemas[0], *schemas[1]} - {"properties"}):
            if not is_same(schemas[0].get(name), schemas[1].get(name)):
                found[f"{tool}, {name}"] = _told(schemas[0].get(name), schemas[1].get(name))
    return found


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _told(was: Any, now: Any) -> str:
    return f"recorded {_json(was)}, now {_json(now)}"


def _json(value: Any) -> str:
    if isinstance(value, str):
        return shorten(value)
    return cut(json.dumps(value, ensure_ascii=False, sort_keys=True), LONGEST)
