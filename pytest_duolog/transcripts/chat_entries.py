"""Reads one entry of a chat log in the formats of many providers: text, reasoning, tool calls and tool results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_duolog.errors import TranscriptError
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.transcript import Message, ToolCall

SYSTEM_ROLES = ("system", "developer")
# Roles of entries with the result of a tool, and of entries that call one.
RESULT_ROLES = (
    "tool",
    "function",
    "tool_result",
    "tool_response",
    "function_response",
    "observation",
    "ipython",
)
CALL_ROLES = ("tool_call", "function_call")
# The role that the system prompt of a log is for, and that calls tools if the log does not say who does.
MODEL_ROLES = ("assistant", "gpt", "model")
# Roles that several agents of one chat share; the field `name` of their messages says who spoke.
SHARED_ROLES = ("user", *MODEL_ROLES)

SPEAKER_KEYS = ("speaker", "role", "from", "name")
CONTENT_KEYS = ("text", "content", "value", "message", "parts")
TEXT_KEYS = ("text", "refusal", "transcript", "value", "parts")
# Types of parts that the other side does not see.
THOUGHT_KEYS = ("reasoning_content", "reasoning", "thinking")
# Keys with the id of a call; an `id` next to one of the others is the id of the entry itself.
ID_KEYS = ("tool_call_id", "tool_use_id", "toolUseId", "toolCallId", "call_id")
NAME_KEYS = ("name", "toolName", "tool_name")
ARGUMENT_KEYS = ("arguments", "args", "input", "parameters", "action", "code")
RESULT_KEYS = ("output", "result", "response", "content", "text", "value", "message", "parts")
# Objects of a message with a call or its result under a key instead of a `type`.
CALLS_BY_KEY = (
    "functionCall",
    "function_call",
    "toolUse",
    "toolInvocation",
    "executableCode",
    "executable_code",
)
RESULTS_BY_KEY = (
    "functionResponse",
    "function_response",
    "toolResult",
    "codeExecutionResult",
    "code_execution_result",
)
# Keys under which files keep lists of entries: an object that has one is a dialogue itself.
DIALOGUE_KEYS = ("messages", "conversation", "conversations", "contents")


@dataclass
class Call:
    """A tool call, or a tool result whose call is not found yet; `entry_id` may be another id of it.

    `round` is the number of its round in the log, `at` the number of characters of its message that stand before it.
    """

    name: str
    arguments: str = ""
    id: str = ""
    entry_id: str = ""
    result: str | None = None
    is_error: bool = False
    round: int = 0
    at: int = 0
    agent: str | None = None

    def take(self, result: str, *, is_error: bool = False) -> None:
        """Add a result; parts of a result are joined."""
        self.result = result if self.result is None else f"{self.result}\n{result}"
        self.is_error = self.is_error or is_error

    def made(self, round_: int) -> ToolCall:
        """The call in a message, of this round of the message."""
        return ToolCall(
            name=self.name or "tool",
            arguments=self.arguments,
            result=self.result,
            is_error=self.is_error,
            round=round_,
            at=self.at,
            id=self.id or self.entry_id,
            agent=self.agent,
        )


@dataclass
class Entry:
    """The contents of one entry of a log. `speaker` is None if the log does not say who made its calls.

    `before` is what its speaker said with earlier calls of the same message.
    """

    speaker: str | None = None
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    results: list[Call] = field(default_factory=list)
    is_item: bool = False
    is_model: bool = False
    before: str = ""

    @property
    def own_content(self) -> str:
        """The text of this entry alone, without blank lines between its parts."""
        return "\n".join(filter(None, self.texts))

    @property
    def content(self) -> str:
        """The text, with what was said before as paragraphs of their own."""
        return "\n\n".join(filter(None, [self.before, self.own_content]))

    @property
    def ends_with_calls(self) -> bool:
        """Whether nothing was said after its last call, so that the message may go on in the next entry."""
        return bool(self.calls) and self.calls[-1].at >= len(self.content)

    def add_call(self, call: Call) -> None:
        """Add a call that stands after the text so far."""
        call.at = len(self.own_content)
        self.calls.append(call)

    @property
    def is_message(self) -> bool:
        """Whether it is a message (perhaps an empty one) and not only tool calls or reasoning."""
        return bool(self.content) or not (self.calls or self.results or self.is_item)

    def may_be_of(self, speaker: str | None) -> bool:
        """Whether it can be an entry of this speaker."""
        return None in (self.speaker, speaker) or self.speaker == speaker

    def follow(self, earlier: Entry) -> None:
        """Add the words, tool calls and reasoning of an earlier entry of the same speaker."""
        self.speaker = earlier.speaker if self.speaker is None else self.speaker
        self.before = earlier.content
        for call in self.calls if self.before else ():
            call.at += len(self.before) + (2 if call.at else 0)
        self.calls[:0] = earlier.calls
        self.thoughts[:0] = earlier.thoughts

    def message(self) -> Message:
        """The entry as a message."""
        content = self.content
        rounds = {
            number: at for at, number in enumerate(dict.fromkeys(call.round for call in self.calls), start=1)
        }
        calls = [call.made(rounds[call.round]) for call in self.calls]
        return Message(
            speaker=MODEL_ROLES[0] if self.speaker is None else self.speaker,
            content=content,
            reasoning="\n".join(filter(None, self.thoughts)) or None,
            tool_calls=tuple(calls),
            finish=None if content or not calls else "tool",
        )


def is_chat_log(value: Any) -> bool:
    """Whether a JSON value is a list of entries, not of dialogues."""
    return isinstance(value, list) and all(isinstance(entry, dict) and _is_entry(entry) for entry in value)


def _is_entry(entry: Mapping[str, Any]) -> bool:
    if any(isinstance(entry.get(key), list) for key in DIALOGUE_KEYS):
        return False
    return any(key in entry for key in SPEAKER_KEYS) or isinstance(entry.get("type"), str)


def entry_of(number: int, entry: Mapping[str, Any], prompts: list[str]) -> Entry:
    """The contents of an entry; a system prompt is added to `prompts`."""
    key = next((key for key in SPEAKER_KEYS if entry.get(key) is not None), None)
    kind = _kind_of_item(entry) if key in (None, "name") else ""
    if kind:
        found = Entry(MODEL_ROLES[0] if kind != "result" else None, is_item=True, is_model=kind != "result")
        _take_block(entry, found)
        return found
    if key is None or not isinstance(entry[key], str | int):
        expected = " or ".join(map(repr, SPEAKER_KEYS))
        raise TranscriptError(f"message {number} has no speaker ({expected})")
    role = str(entry[key])
    content = next((entry[key] for key in CONTENT_KEYS if entry.get(key) is not None), None)
    if _is_role(role, key, SYSTEM_ROLES):
        prompts.append(text_of(content))
        return Entry(is_item=True)
    if _is_role(role, key, RESULT_ROLES):
        return _results(entry, content)
    if _is_role(role, key, CALL_ROLES):
        return Entry(calls=[_call_in_text(text_of(content), role)], is_item=True)
    name = entry.get("name")
    has_name = role in SHARED_ROLES and isinstance(name, str) and name.strip()
    found = Entry(name if has_name else role, is_model=role in MODEL_ROLES)
    _take_content(content, found)
    found.texts += [text_of(entry.get("refusal"))]
    found.thoughts += [text_of(entry.get(key)) for key in THOUGHT_KEYS if isinstance(entry.get(key), str)]
    calls = entry.get("tool_calls")
    listed = [*(calls if isinstance(calls, list) else []), entry.get("function_call")]
    for call in filter(lambda call: isinstance(call, dict), listed):
        found.add_call(_call(call))
    return found


def _is_role(name: str, key: str, roles: Sequence[str]) -> bool:
    """Whether it is one of these roles; other keys hold names of people, who may be called Tool."""
    return (name.casefold().replace("-", "_") if key in ("role", "from") else name) in roles


def _results(entry: Mapping[str, Any], content: Any) -> Entry:
    """The result of a tool: the blocks that are marked as results, or else the whole entry."""
    found = Entry(is_item=True)
    _take_content(content, found)
    if not found.results:
        found.results.append(_result(entry))
    found.texts.clear()
    return found


def _kind_of_item(entry: Mapping[str, Any]) -> str:
    """The kind of an entry or block by its `type`: `call`, `result`, `thought`, or empty for text."""
    kind = str(entry.get("type") or "").replace("-", "_")
    if kind.endswith(
        ("_call_output", "tool_result", "function_response", "tool_response", "_execution_result")
    ):
        return "result"
    if kind.endswith(("_call", "tool_use")) or (kind.startswith("tool_") and "toolCallId" in entry):
        return "call"
    if kind in ("thinking", "redacted_thinking", "reasoning") or entry.get("thought") is True:
        return "thought"
    return "other" if kind in ("item_reference", "compaction") or kind.startswith("mcp_") else ""


def _take_content(content: Any, entry: Entry) -> None:
    for block in content if isinstance(content, list) else [content]:
        _take_block(block, entry)


def _take_block(block: Any, entry: Entry) -> None:
    if not isinstance(block, dict):
        entry.texts.append(text_of(block))
        return
    for keys, is_call in ((CALLS_BY_KEY, True), (RESULTS_BY_KEY, False)):
        inner = next((block[key] for key in keys if isinstance(block.get(key), dict)), None)
        if inner is not None:
            entry.add_call(_call(inner)) if is_call else entry.results.append(_result(inner))
            return
    kind = _kind_of_item(block)
    if kind == "call":
        entry.add_call(_call(block))
    elif kind == "result":
        entry.results.append(_result(block))
    elif kind == "thought":
        entry.thoughts += [text_of(block.get(key)) for key in ("thinking", "text", "summary", "content")]
    elif not kind:
        entry.texts.append(text_of(block))


def _call(call: Mapping[str, Any]) -> Call:
    """A call; some providers wrap it in an object: `{"type": "function", "function": {...}}`."""
    inner = next((call[key] for key in ("function", "custom") if isinstance(call.get(key), dict)), call)
    kind = str(call.get("type") or "tool").removesuffix("_call").removeprefix("tool-")
    made = Call(
        _first_text(inner, NAME_KEYS) or kind,
        next((json_text(inner[key]) for key in ARGUMENT_KEYS if inner.get(key) is not None), ""),
        _first_text(call, ID_KEYS),
        _first_text(call, ("id",)),
    )
    for key in ("output", "result"):
        if call.get(key) is not None:
            made.take(_result_text(call[key]), is_error=_failed(call))
            break
    else:
        if _failed(call) and isinstance(error := call.get("errorText"), str):
            made.take(error, is_error=True)
    return made


def _failed(result: Mapping[str, Any]) -> bool:
    """Whether the result of a tool is an error, in any provider's spelling."""
    is_marked = any(result.get(key) is True for key in ("is_error", "isError"))
    return is_marked or result.get("status") == "error" or result.get("state") == "output-error"


def _call_in_text(text: str, role: str) -> Call:
    """A call that its entry holds as JSON text with a name and arguments."""
    try:
        call = parsed(text)
    except ValueError:
        call = None
    return _call(call) if isinstance(call, dict) else Call(role, text)


def _result(result: Mapping[str, Any]) -> Call:
    """The result of a tool, as a call of its own in case no matching call is found."""
    found = next((result[key] for key in RESULT_KEYS if result.get(key) is not None), "")
    return Call(
        _first_text(result, NAME_KEYS),
        id=_first_text(result, ID_KEYS),
        entry_id=_first_text(result, ("id",)),
        result=_result_text(found),
        is_error=_failed(result),
    )


def _result_text(value: Any) -> str:
    """Text or blocks of text unchanged; everything else as JSON."""
    blocks = value if isinstance(value, list) else [value]
    if blocks and all(isinstance(block, str) or _is_text_block(block) for block in blocks):
        return text_of(value)
    return json_text(value)


def _is_text_block(block: Any) -> bool:
    return isinstance(block, dict) and isinstance(block.get("text"), str) and block.keys() <= {"type", "text"}


def _first_text(values: Mapping[str, Any], keys: Iterable[str]) -> str:
    return next((value for key in keys if isinstance(value := values.get(key), str) and value), "")


def json_text(value: Any) -> str:
    """Text unchanged, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def text_of(content: Any) -> str:
    """The text of a message whose content is a string, or a list of parts of which some are text."""
    return "\n".join(filter(None, _texts(content)))


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            yield from _texts(part)
    elif isinstance(content, dict):
        yield from _texts(next((content[key] for key in TEXT_KEYS if content.get(key) is not None), None))
    elif content is not None:
        yield json.dumps(content)
