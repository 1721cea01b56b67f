"""Conversational regression tests for pytest: two models talk, the dialogue is recorded once, replayed and checked.

The names below are the public ones. They are imported when first used, because the plugin is loaded in every pytest run
and most runs have no dialogue.
"""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_duolog.properties.claims import Claim

# What each test that runs has claimed, the innermost last. It stands here because every test of every run has its list,
# and most of them import nothing else; see `properties/claims.py`.
claims_of_tests: list[list[Claim]] = []

if TYPE_CHECKING:
    from pytest_duolog.endpoints.base import ChatRequest as ChatRequest
    from pytest_duolog.endpoints.base import EndpointConfig as EndpointConfig
    from pytest_duolog.endpoints.base import Reply as Reply
    from pytest_duolog.endpoints.http_target import HttpTarget as HttpTarget
    from pytest_duolog.endpoints.scripted import Script as Script
    from pytest_duolog.errors import CassetteError as CassetteError
    from pytest_duolog.errors import CassetteMismatch as CassetteMismatch
    from pytest_duolog.errors import ConfigurationError as ConfigurationError
    from pytest_duolog.errors import DialogueError as DialogueError
    from pytest_duolog.errors import DuologError as DuologError
    from pytest_duolog.errors import EndpointError as EndpointError
    from pytest_duolog.errors import TranscriptError as TranscriptError
    from pytest_duolog.errors import UnusedMessages as UnusedMessages
    from pytest_duolog.plugin.scenario_files import scenario_params as scenario_params
    from pytest_duolog.properties import *  # noqa: F403
    from pytest_duolog.running.dialogue import Dialogue as Dialogue
    from pytest_duolog.scenarios.mcp import McpServer as McpServer
    from pytest_duolog.scenarios.personas import Persona as Persona
    from pytest_duolog.scenarios.scenario import Scenario as Scenario
    from pytest_duolog.scenarios.speaker import Speaker as Speaker
    from pytest_duolog.scenarios.steps import check as check
    from pytest_duolog.scenarios.steps import reply as reply
    from pytest_duolog.scenarios.steps import say as say
    from pytest_duolog.scenarios.steps import talk as talk
    from pytest_duolog.scenarios.tools import Tool as Tool
    from pytest_duolog.transcripts.transcript import Message as Message
    from pytest_duolog.transcripts.transcript import StopKind as StopKind
    from pytest_duolog.transcripts.transcript import StopReason as StopReason
    from pytest_duolog.transcripts.transcript import ToolCall as ToolCall
    from pytest_duolog.transcripts.transcript import ToolDefinition as ToolDefinition
    from pytest_duolog.transcripts.transcript import Transcript as Transcript
    from pytest_duolog.transcripts.usage import Usage as Usage


class WithoutCollector:
    """Keeps the collector of reference cycles away while much is made that stays: by an import, or from a record."""

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            if not gc.get_freeze_count():  # else others keep something there
                gc.freeze()  # to the oldest generation at once, and not through all of them
                gc.unfreeze()
            gc.enable()


_HOMES = {
    "running.dialogue": ("Dialogue",),
    "endpoints.base": ("ChatRequest", "EndpointConfig", "Reply"),
    "endpoints.http_target": ("HttpTarget",),
    "endpoints.scripted": ("Script",),
    "errors": (
        "CassetteError",
        "CassetteMismatch",
        "ConfigurationError",
        "DialogueError",
        "DuologError",
        "EndpointError",
        "TranscriptError",
        "UnusedMessages",
    ),
    "plugin.scenario_files": ("scenario_params",),
    "scenarios.mcp": ("McpServer",),
    "scenarios.personas": ("Persona",),
    "scenarios.scenario": ("Scenario",),
    "scenarios.speaker": ("Speaker",),
    "scenarios.steps": ("check", "reply", "say", "talk"),
    "scenarios.tools": ("Tool",),
    "transcripts.transcript": (
        "Message",
        "StopKind",
        "StopReason",
        "ToolCall",
        "ToolDefinition",
        "Transcript",
    ),
    "transcripts.usage": ("Usage",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # type checkers know only the names that are imported above

    def __getattr__(name: str) -> Any:
        if name in _HOME_OF:
            with WithoutCollector():
                return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        # Python asks for the names of modules, too, before it imports them.
        if name[0].isupper() or name in ("__all__", "judge", "properties"):
            properties = import_module(f"{__name__}.properties")
            if name == "properties":
                return properties
            # A test holds the list; properties are public as soon as their package has them.
            if name == "__all__":
                return sorted([*_HOME_OF, *properties.__all__])
            if name in properties.__all__:
                return getattr(properties, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
