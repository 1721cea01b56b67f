"""Conversational regression tests for pytest: two models, one recorded dialogue, honest checks.

The names below are the public ones. They are imported when first used: the plugin is loaded in every pytest
run, and most runs hold no dialogue.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    from pytest_duolog.properties.agreement import NoAgreementSpiral as NoAgreementSpiral
    from pytest_duolog.properties.base import Evidence as Evidence
    from pytest_duolog.properties.base import Outcome as Outcome
    from pytest_duolog.properties.base import Property as Property
    from pytest_duolog.properties.base import Verdict as Verdict
    from pytest_duolog.properties.base import judge as judge
    from pytest_duolog.properties.content import AnswersQuestions as AnswersQuestions
    from pytest_duolog.properties.content import MaxWords as MaxWords
    from pytest_duolog.properties.content import Mentions as Mentions
    from pytest_duolog.properties.content import NeverSays as NeverSays
    from pytest_duolog.properties.endings import EndsCleanly as EndsCleanly
    from pytest_duolog.properties.endings import TerminatesWithin as TerminatesWithin
    from pytest_duolog.properties.form import Balanced as Balanced
    from pytest_duolog.properties.form import KeepsLanguage as KeepsLanguage
    from pytest_duolog.properties.form import KeepsLength as KeepsLength
    from pytest_duolog.properties.judged import Judged as Judged
    from pytest_duolog.properties.judged import Question as Question
    from pytest_duolog.properties.loops import NoLoops as NoLoops
    from pytest_duolog.properties.roles import KeepsItsSide as KeepsItsSide
    from pytest_duolog.properties.roles import LeaksNoPrompt as LeaksNoPrompt
    from pytest_duolog.properties.roles import LeaksNoReasoning as LeaksNoReasoning
    from pytest_duolog.properties.roles import SpeaksForItself as SpeaksForItself
    from pytest_duolog.properties.roles import StaysInCharacter as StaysInCharacter
    from pytest_duolog.properties.roles import StaysInRole as StaysInRole
    from pytest_duolog.properties.topic import StaysOnTopic as StaysOnTopic
    from pytest_duolog.running.dialogue import Dialogue as Dialogue
    from pytest_duolog.scenarios.scenario import Scenario as Scenario
    from pytest_duolog.scenarios.scenario import Speaker as Speaker
    from pytest_duolog.transcripts.transcript import Message as Message
    from pytest_duolog.transcripts.transcript import StopKind as StopKind
    from pytest_duolog.transcripts.transcript import StopReason as StopReason
    from pytest_duolog.transcripts.transcript import ToolCall as ToolCall
    from pytest_duolog.transcripts.transcript import Transcript as Transcript
    from pytest_duolog.transcripts.transcript import Usage as Usage

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
    "properties.agreement": ("NoAgreementSpiral",),
    "properties.base": ("Evidence", "Outcome", "Property", "Verdict", "judge"),
    "properties.content": ("AnswersQuestions", "MaxWords", "Mentions", "NeverSays"),
    "properties.endings": ("EndsCleanly", "TerminatesWithin"),
    "properties.form": ("Balanced", "KeepsLanguage", "KeepsLength"),
    "properties.judged": ("Judged", "Question"),
    "properties.loops": ("NoLoops",),
    "properties.roles": (
        "KeepsItsSide",
        "LeaksNoPrompt",
        "LeaksNoReasoning",
        "SpeaksForItself",
        "StaysInCharacter",
        "StaysInRole",
    ),
    "properties.topic": ("StaysOnTopic",),
    "scenarios.scenario": ("Scenario", "Speaker"),
    "transcripts.transcript": ("Message", "StopKind", "StopReason", "ToolCall", "Transcript", "Usage"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  # a test holds the list


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
