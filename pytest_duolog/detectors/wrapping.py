"""Extracts the text of a message from the format in which a machine wrapped it.

Messages of agents are often JSON, XML, YAML, key-value lines, tables or lines of a log. Their keys, ids, hashes,
timestamps and counters are not news, but new values are. If values are sentences, only these are the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from pytest_duolog.detectors import text

# Longer texts are not parsed, because only a part of them is read.
_LONGEST = text.READ_LIMIT
# A value with at least this many words is a sentence.
_SENTENCE = 2
# The smallest percentage of punctuation in text that machines write.
_MARKS = 6
_NO_MARKS = str.maketrans("", "", '{}[]<>()=;|/\\_$"')
_STRUCTURED_START = ("{", "|", "$")
_LINES = 2

# Keys of the text of a message.
SPOKEN = frozenset(
    (
        "content",
        "text",
        "message",
        "msg",
        "body",
        "reply",
        "say",
        "says",
        "said",
        "utterance",
        "answer",
        "response",
    )
)
# Keys of the speaker and the kind of a message.
_WHO = frozenset(
    ("from", "to", "role", "sender", "recipient", "name", "speaker", "agent", "author", "type", "channel")
)
# Keys whose values change by themselves.
_RUNS_ON = re.compile(
    r"(?:^|[_.\- ])(?:id|uid|uuid|guid|nonce|seq|sequence|index|idx|counter|attempt|retry|retries|try|tick|heartbeat"
    r"|beat|ts|time|timestamp|datetime|at|sent|created|updated|received|hash|sha\d*|md5|digest|checksum|etag|token|trace"
    r"|span|correlation|request|req|ref|reference|session|txn|elapsed|duration|latency|took|ms|pid|uptime|epoch|version|rev|offset)"
    r"(?:[_.\- ]?(?:id|ms|no|num|number))?$"
    r"|[a-z](?:Id|ID|At|Ms)$"
)
_PAIR = re.compile(
    r"""(?P<key>[A-Za-z][\w.\-]{0,40})\s{0,3}[:=]\s{0,3}(?P<value>"[^"\n]{0,2000}"|'[^'\n]{0,2000}'|[^\s,;"'<>]{1,200})"""
)
_ASSIGNED = re.compile(r"(?<!\S)[A-Za-z][\w.\-]{0,40}=[^\s=]")
_KEY_LINE = re.compile(r"^[ \t]{0,12}(?:- )?[A-Za-z][\w.\- ]{0,30}:(?:[ \t]+\S.*)?$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
_ROW = re.compile(r"^[ \t]{0,4}\|.*\|[ \t]{0,4}$", re.MULTILINE)
_RULE = re.compile(r"^[\s|:\-=+]{3,200}$", re.MULTILINE)
_TAG = re.compile(r"<[/?!]?[A-Za-z][^<>]{0,500}>")
_LOG = re.compile(
    r"^(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\[?\d\d:\d\d:\d\d|\[?(?:INFO|WARN(?:ING)?|ERROR|DEBUG|TRACE|FATAL)\b)"
    r"|\blevel=\w"
)
_STATEMENT = re.compile(
    r"^\s*(?:create|alter|drop|truncate|insert|update|delete|select|grant|explain|analyze|vacuum|with)\b.{0,400}"
    r"\b(?:table|index|view|into|from|set|on|values|database|schema|column)\b",
    re.IGNORECASE | re.DOTALL,
)
# How no machine begins a line: with a letter that begins none of its words, or with a number that is no time.
_PLAIN = re.compile(
    r"(?!info|warn|error|debug|trace|fatal|level|create|alter|drop|truncate|insert|update|delete|select|grant|explain"
    r"|analyze|vacuum|with)[^\W\d_]|\d{1,3}(?![\d:])",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^\s*```[\w-]{0,20}\n(.*?)\n?```\s*$", re.DOTALL)
# Hashes, ids and long numbers, anywhere in a text.
_MACHINE_ID = re.compile(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b0x[0-9a-f]{2,80}\b"
    r"|\b(?=[0-9a-f]{0,80}[a-f])(?=[0-9a-f]{0,80}\d)[0-9a-f]{8,80}\b"
    r"|\b(?=[0-9a-f-]{0,80}[a-f])(?=[0-9a-f-]{0,80}\d)[0-9a-f]{3,12}(?:-[0-9a-f]{3,12}){1,6}\b"
    r"|\b\d{10,19}\b|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b",
    re.IGNORECASE,
)
# Short hashes as well, in text that machines write.
_ID = re.compile(
    _MACHINE_ID.pattern + r"|\b(?=[0-9a-f]{0,7}[a-f])(?=[0-9a-f]{0,7}\d)[0-9a-f]{5,7}\b", re.IGNORECASE
)
# Hashes whose letters and digits mix, as in no word and no number of a flight: "Job 4f1a02 failed."
_HASH = re.compile(
    r"\b(?=[0-9a-f]{5,40}\b)(?:[0-9]{1,39}[a-f]{1,39}[0-9]|[a-f]{1,39}[0-9]{1,39}[a-f])", re.IGNORECASE
)


class Unwrapped(NamedTuple):
    """The text of a message, and whether a machine wrapped it."""

    said: str
    is_structured: bool


def unwrap(content: str) -> Unwrapped:
    """The text of a message without wrapping, ids and counters; other messages unchanged."""
    stripped = content.strip()
    if len(content) > _LONGEST or _is_plain(stripped):
        return Unwrapped(content, False)
    if fenced := _FENCE.match(stripped):
        stripped = fenced[1].strip()
    if stripped.startswith(("{", "[")) and (values := json_values(stripped)) is not None:
        return _of_values(values)
    if stripped.startswith("<") and len(_TAG.findall(stripped)) > 1:
        return Unwrapped(_said([("", piece) for piece in _TAG.split(stripped) if piece.strip()]), True)
    if not _is_machine_made(stripped):
        return Unwrapped(content, False)
    if _ROW.search(stripped):
        return Unwrapped(_ID.sub(" ", _RULE.sub(" ", stripped)), True)
    without = _PAIR.sub(lambda pair: " " if _RUNS_ON.search(pair["key"]) else pair[0], stripped)
    return Unwrapped(_ID.sub(" ", without), True)


def _of_values(values: list[tuple[str, str]]) -> Unwrapped:
    """The text, if everything else is names and ids; otherwise all values."""
    own = [(key.casefold(), value) for key, value in values if not _RUNS_ON.search(key)]
    spoken = [value for key, value in own if key in SPOKEN and value.strip()]
    if spoken and all(key in SPOKEN or key in _WHO for key, _ in own):
        return Unwrapped(_MACHINE_ID.sub(" ", "\n".join(spoken)), False)
    return Unwrapped(_said(values), True)


def _is_plain(stripped: str) -> bool:
    """Whether it is plain at first sight, as most messages are."""
    return (
        bool(_PLAIN.match(stripped))
        and "\n" not in stripped
        and "=" not in stripped
        and not _HASH.search(stripped)
    )


def _is_machine_made(stripped: str) -> bool:
    if _LOG.match(stripped) or _STATEMENT.match(stripped) or _HASH.search(stripped):
        return True
    n_lines = stripped.count("\n") + 1 - len(_HEADING.findall(stripped))
    if n_lines >= _LINES and len(_KEY_LINE.findall(stripped)) + len(_ROW.findall(stripped)) >= 0.7 * n_lines:
        return True
    if not stripped.startswith(_STRUCTURED_START) and "=" not in stripped:
        return False
    if len(_ASSIGNED.findall(stripped)) >= _LINES:
        return True
    n_marks = len(stripped) - len(stripped.translate(_NO_MARKS))
    return 100 * n_marks >= _MARKS * len(stripped) and n_marks > 1


def json_values(stripped: str) -> list[tuple[str, str]] | None:
    """Keys and values of a JSON text, in order; None if it is not JSON, or only a string."""
    try:
        parsed = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    return list(_leaves("", parsed)) if isinstance(parsed, dict | list) else None


def _leaves(key: str, value: object) -> Iterator[tuple[str, str]]:
    pending: list[tuple[str, object]] = [(key, value)]
    while pending:
        name, found = pending.pop()
        if isinstance(found, dict):
            pending += reversed([(str(inner), inside) for inner, inside in found.items()])
        elif isinstance(found, list):
            pending += reversed([(name, inside) for inside in found])
        else:
            yield name, str(found)


def _said(values: list[tuple[str, str]]) -> str:
    """The sentences among values; if there are none, all keys and values that do not change by themselves."""
    kept = [
        (key, clean)
        for key, value in values
        if not _RUNS_ON.search(key) and (clean := _ID.sub(" ", value).strip())
    ]
    sentences = [value for _, value in kept if len(value.split()) > _SENTENCE]
    others = [f"{key} {value}" for key, value in kept if len(value.split()) <= _SENTENCE]
    return "\n".join(sentences or others) if len(sentences) == 1 else "\n".join([*others, *sentences])
