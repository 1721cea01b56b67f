"""The header of a cassette: what was recorded, when, with which settings, and what has changed since then."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import distribution, version
from typing import Any

from pytest_duolog.recording.journal import FORMAT, FORMAT_WITHOUT_TOOLS
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.tool_changes import tool_changes
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.storage.json_text import is_same

# The key of a speaker that is a persona, and of one whose tools are those of MCP servers.
PERSONA = "persona"
SERVERS = "servers"

# The values that a recording depends on, in addition to its speakers.
SCENARIO_FIELDS = (
    *("opener", "opener_by", "turns", "stop_phrases", "stop_on", "grace", "stub", "history"),
    *("token_budget", "seconds_budget", "cost_budget"),
)


def make_header(scenario: Scenario, location: CassetteLocation, *, now: datetime) -> dict[str, Any]:
    """The header for a recording of `scenario` made at `now`; it has hashes of prompts."""
    return {
        "duolog": FORMAT
        if any(_may_have_tools(scenario.speaker(side)) for side in SIDES)
        else FORMAT_WITHOUT_TOOLS,
        "plugin": _plugin_version(),
        "recorded": now.isoformat(timespec="seconds"),
        "test": location.owner,
        "run": location.run,
        "sample": location.sample,
        "gate": location.is_gated,
        "speakers": [_speaker(scenario.speaker(side)) for side in SIDES],
        "opener": text_hash(scenario.opener),
        "opener_by": scenario.opener_by,
        "turns": scenario.turns,
        "stop_phrases": list(scenario.stop_phrases),
        "stop_on": list(scenario.stop_on or ()),
        "grace": scenario.grace,
        "token_budget": scenario.token_budget,
        "seconds_budget": scenario.seconds_budget,
        "cost_budget": scenario.cost_budget,
        "stub": text_hash(scenario.stub),
        "history": text_hash("\n".join(message.content for message in scenario.history) or None),
        **_steps(scenario),
    }


def _may_have_tools(speaker: Speaker) -> bool:
    """Whether the requests of a speaker may have tools, which are long; code may send them, too."""
    return bool(speaker.tools) or not isinstance(speaker.model, str | None)


def _steps(scenario: Scenario) -> dict[str, Any]:
    if not scenario.steps:
        return {}
    from pytest_duolog.scenarios.steps import steps_with_messages  # noqa: PLC0415  # most dialogues have no steps

    made = [repr(step) for step in steps_with_messages(scenario.steps)]
    return {"steps": text_hash("\n".join(made)), "turns": None}


@cache
def _plugin_version() -> str:
    """The version, read once and without the parser of `version`, which takes longer than replaying a reply."""
    metadata = distribution("pytest-duolog").read_text("METADATA") or ""
    found = re.search(r"^Version: (\S+)$", metadata, re.MULTILINE)
    return found[1] if found else version("pytest-duolog")


def _speaker(speaker: Speaker) -> dict[str, Any]:
    return {
        "name": speaker.name,
        "model": speaker.model_label,
        "system": text_hash(speaker.system),
        "knobs": {**speaker.set_knobs(), **speaker.extra},
        **({} if speaker.part is None else {PERSONA: {"wording": getattr(speaker, "wording", None)}}),
        **_tools(speaker),
    }


def _tools(speaker: Speaker) -> dict[str, Any]:
    """What the speaker's model is told of its tools, in full, so that a change can be named; empty without any.

    `servers` has the names of the tools of each MCP server.
    """
    if not speaker.tools:
        return {}
    servers: dict[str, list[str]] = {}
    for tool in speaker.known_tools:
        if tool.server:
            servers.setdefault(tool.server, []).append(tool.definition.name)
    return {
        **({SERVERS: servers} if servers else {}),
        "tools": [tool.definition.model_dump() for tool in speaker.known_tools],
        "tool_rounds": speaker.tool_rounds,
    }


def wordings_of(header: Mapping[str, Any]) -> tuple[int | None, ...]:
    """The wordings of the prompts of a cassette's personas, by side; None for other speakers."""
    personas = [speaker.get(PERSONA) for speaker in _speakers(header)]
    found = [persona.get("wording") if isinstance(persona, Mapping) else None for persona in personas]
    return tuple(number if isinstance(number, int) and number > 0 else None for number in found)


def text_hash(text: str | None) -> str | None:
    """The first digits of a SHA-256, enough to distinguish two prompts."""
    return None if text is None else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def recorded_at(header: Mapping[str, Any]) -> datetime | None:
    """When the dialogue was recorded; None if that is not known."""
    try:
        return datetime.fromisoformat(str(header.get("recorded", "")))
    except ValueError:
        return None


def is_same_dialogue(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> bool:
    """Whether the very same dialogue was recorded, by the very same version, as far as headers tell."""
    if recorded.get("steps") != today.get("steps"):
        return False
    facts = ("plugin", "speakers", *SCENARIO_FIELDS)
    return all(name in recorded and name in today and is_same(recorded[name], today[name]) for name in facts)


def stale_facts(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> list[str]:
    """What has changed since the recording, one line for each change; empty if nothing has.

    A value that the header does not have does not count as changed (foreign cassettes have no header).
    """
    found = [f"{name}: {told}" for name, told in changes(recorded, today).items()]
    return (
        [f"recorded {recorded.get('recorded', 'at an unknown time')}; changed since:", *found]
        if found
        else []
    )


def changes(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> dict[str, str]:
    """What is another than it was, as in `turns` or `model of Ann`, and the two values of each."""
    found = {
        name.replace("_", " "): _told(recorded[name], today[name])
        for name in SCENARIO_FIELDS
        if name in recorded and not is_same(recorded[name], today[name])
    }
    if recorded.get("steps") != today.get("steps") and "speakers" in recorded:
        found["steps"] = _told(recorded.get("steps"), today.get("steps"))
    for was, now in zip(_speakers(recorded), _speakers(today), strict=False):
        found |= {
            f"{label} of {now.get('name')}": _told(was.get(name), now.get(name))
            for name, label in (
                ("model", "model"),
                ("system", "system prompt"),
                ("knobs", "settings"),
                (PERSONA, "persona"),
                ("tool_rounds", "tool rounds"),
                ("name", "name"),
            )
            if not is_same(was.get(name), now.get(name))
        }
        found |= tool_changes(was.get("tools"), now.get("tools"), f" of {now.get('name')}")
    return found


def _speakers(header: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    speakers = header.get("speakers")
    return [item for item in speakers if isinstance(item, Mapping)] if isinstance(speakers, list) else []


def _told(was: Any, now: Any) -> str:
    """Both values; for prompts only the kind of change, because the header has only hashes."""
    if all(value is None or _is_hash(value) for value in (was, now)):
        return "added" if was is None else "removed" if now is None else "edited"
    return f"recorded {was!r}, now {now!r}"


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 16 and all(c in "0123456789abcdef" for c in value)
