"""Reads and writes what stands after a speaker's name in a Markdown file: reasoning, tool calls, words.

Format 1 has all calls before the words. Format 2 has them where they were made. A blank line parts rounds:

    Let me look.

    <call>look_up {"order_id": "4711"}</call>
    <result>{"item": "lamp", "price": 30}</result>
    <call>refund {"order": 4711}</call>
    <error>order_id: field required</error>
    I found your lamp, 30 dollars. Shall I refund it?

What this form does not tell is an attribute: `<call agent="Billing">`, and `round` and `at` of a call that was made in
the middle of a paragraph or whose round is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from pytest_duolog.transcripts.escapes import entity, escaped_line, escaped_text, unescaped
from pytest_duolog.transcripts.transcript import Message, ToolCall

THINKING = re.compile(r"<think>(.*?)</think>\s*", re.DOTALL)
# A message that begins with one of these would be read as more than text.
TAGS = ("<think>", "<call>", "<result>")
# A line that would be read as a call or its result in format 2.
TAGGED_LINE = re.compile(r"^<(?=(?:think|call|result|error)[ />])", re.MULTILINE)
CALL_TAG = re.compile(r'<call(?: [a-z]+="[^"\n]*")*>')
PLAIN_CALL_TAG = re.compile("<call>")
ATTRIBUTE = re.compile(r' ([a-z]+)="([^"\n]*)"')
SPACE = re.compile(r"\s*")
BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
# Where calls begin after words.
CALLS_BEGIN = re.compile(r"\n[^\S\n]*\n(?=<call[ >])")
BETWEEN = "\n\n"


class Body(NamedTuple):
    """What a message holds besides its speaker and its finish reason."""

    content: str
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


# Writing


def needs_format_2(message: Message) -> bool:
    """Whether format 1 cannot tell where the message's calls were made, how they went, or who made them."""
    calls = message.tool_calls
    rounds = [call.round for call in calls]
    is_told = not any(rounds) or rounds == list(range(1, len(calls) + 1))
    is_odd = any(call.is_error or call.at or call.agent is not None for call in calls)
    return bool(calls) and (is_odd or not is_told or not message.content)


def written_body(message: Message, *, version: int) -> str:
    """The text of the message in this format."""
    thought = "" if message.reasoning is None else _tagged("think", escaped_text(message.reasoning))
    return thought + (_mixed(message).removesuffix("\n") if version > 1 else _calls_first(message))


def _calls_first(message: Message) -> str:
    content = escaped_text(message.content)
    if content.startswith(TAGS):
        content = entity(content[0]) + content[1:]
    rounds = [0, *(call.round for call in message.tool_calls)]
    gaps = ["\n" if before and before != call else "" for before, call in pairwise(rounds)]
    return "".join(gap + _call(call) for gap, call in zip(gaps, message.tool_calls, strict=True)) + content


def _mixed(message: Message) -> str:
    content, begin, at, implied = message.content, 0, 0, 0
    parts: list[str] = []
    is_lone = len(message.tool_calls) == 1
    previous: ToolCall | None = None
    for call in message.tool_calls:
        attributes = {}
        if call.at != at and _is_place(content, begin, call.at):
            parts += [_words(content[begin : call.at]), BETWEEN]
            begin = at = call.at
            begin += len(BETWEEN) if call.at < len(content) else 0
            implied += 1
        elif previous is None or call.round != previous.round:
            parts += ["\n"] if previous is not None else []
            implied += 1
        if call.at != at:
            attributes["at"] = str(call.at)
        if call.round != implied and not (is_lone and call.round == 0):
            attributes["round"] = str(call.round)
            implied = call.round
        if call.agent is not None:
            attributes["agent"] = call.agent
        parts.append(_call(call, attributes))
        previous = call
    return "".join([*parts, _words(content[begin:])])


def _is_place(content: str, begin: int, at: int) -> bool:
    """Whether calls can stand at this place: after words, and before none or a new paragraph."""
    if not begin < at <= len(content):
        return False
    return at == len(content) or (content.startswith(BETWEEN, at) and at + len(BETWEEN) < len(content))


def _words(text: str) -> str:
    return TAGGED_LINE.sub(entity("<"), escaped_text(text))


def _call(call: ToolCall, attributes: dict[str, str] | None = None) -> str:
    name = escaped_line(call.name).replace(" ", entity(" "))
    said = f"{name} {escaped_text(call.arguments)}" if call.arguments else name
    told = "".join(f' {key}="{_attribute(value)}"' for key, value in (attributes or {}).items())
    called = _tagged("call", said, told)
    if call.result is None:
        return f"{called}<error/>\n" if call.is_error else called
    return called + _tagged("error" if call.is_error else "result", escaped_text(call.result))


def _attribute(value: str) -> str:
    return escaped_line(value).replace('"', entity('"'))


def _tagged(tag: str, text: str, attributes: str = "") -> str:
    """Text of several lines between tags that have their own lines."""
    inner = text.replace(f"</{tag}>", f"{entity('<')}/{tag}>")
    return f"<{tag}{attributes}>{inner}</{tag}>\n"


# Reading


def read_body(block: Sequence[str], *, version: int) -> Body:
    """The contents of a message in a file of this format; 0 is a file without a format, whose calls are text."""
    text, reasoning = "\n".join(block).strip(), None
    plain = unescaped if version else str
    thought = THINKING.match(text)
    if thought:
        reasoning, text = plain(thought[1].strip()), text[thought.end() :]
    if not version:
        return Body(text, reasoning)
    calls: list[ToolCall] = []
    pieces: list[str] = []
    scan = _Scan(text, version)
    at = 0
    while True:
        calls += scan.calls(at)
        words = unescaped(scan.words().strip())
        if words:
            at += len(words) + (len(BETWEEN) if pieces else 0)
            pieces.append(words)
        if scan.is_done:
            break
    if version == 1 and len({call.round for call in calls}) == 1:
        calls = [call.model_copy(update={"round": 0}) for call in calls]
    return Body(BETWEEN.join(pieces), reasoning, tuple(calls))


class _Scan:
    """Goes through the text of a message; what has no end tag is text."""

    def __init__(self, text: str, version: int) -> None:
        self._text = text
        self._version = version
        self._at = 0
        self._round = 0
        # Looked up once, so that a text with many tags that nothing closes takes linear time.
        self._last_ends = {tag: text.rfind(f"</{tag}>") for tag in ("call", "result", "error")}

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._text)

    def words(self) -> str:
        """The text up to the next calls, or to the end."""
        begin, may_follow = self._at, self._version > 1 and self._at < self._last_ends["call"]
        found = CALLS_BEGIN.search(self._text, begin) if may_follow else None
        self._at = found.end() if found else len(self._text)
        return self._text[begin : found.start() if found else None]

    def calls(self, at: int) -> Iterator[ToolCall]:
        """The calls that begin here, after `at` characters of content."""
        begins_round = True
        while tag := (CALL_TAG if self._version > 1 else PLAIN_CALL_TAG).match(self._text, self._at):
            said = self._tagged("call", tag.end())
            if said is None:
                return
            attributes = {name: unescaped(value) for name, value in ATTRIBUTE.findall(tag[0])}
            self._round = _number(attributes.get("round"), self._round + begins_round)
            name, _, arguments = said.partition(" ")
            gap = self._space()
            is_error, result = self._result()
            if result is not None or is_error:
                gap = self._space()
            begins_round = BLANK_LINE.search(gap) is not None
            yield ToolCall(
                name=unescaped(name),
                arguments=unescaped(arguments),
                result=result,
                is_error=is_error,
                round=self._round,
                at=_number(attributes.get("at"), at),
                agent=attributes.get("agent"),
            )

    def _tagged(self, tag: str, begin: int) -> str | None:
        """The text up to the end tag, which is passed; None if nothing ends it."""
        if begin > self._last_ends[tag]:
            return None
        end = self._text.find(f"</{tag}>", begin)
        self._at = end + len(f"</{tag}>")
        return self._text[begin:end]

    def _space(self) -> str:
        found = SPACE.match(self._text, self._at)
        assert found, "it may be empty"
        self._at = found.end()
        return found[0]

    def _result(self) -> tuple[bool, str | None]:
        """Whether the call failed, and its result; passes it if there is one."""
        if self._version > 1 and self._text.startswith("<error/>", self._at):
            self._at += len("<error/>")
            return True, None
        for tag in ("result", "error")[: self._version]:
            if self._text.startswith(f"<{tag}>", self._at):
                said = self._tagged(tag, self._at + len(f"<{tag}>"))
                return tag == "error" and said is not None, None if said is None else unescaped(said)
        return False, None


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise
