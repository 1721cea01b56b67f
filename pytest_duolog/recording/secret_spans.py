"""Finds the positions of secrets in a text: by their shape, and by a name next to them.

A text is read as it is, and again for each layer of escapes in it.
"""

from __future__ import annotations

import hashlib
import re
import string
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from pytest_duolog.recording.secret_names import (
    SHORTEST_TOKEN,
    Kind,
    is_placeholder,
    is_secret_in_text,
    kind_of,
)
from pytest_duolog.recording.shapes import (
    LONG_WORD,
    SHAPES,
    SHORTEST_SHAPE,
    SPACED_SHAPES,
    Shape,
    Span,
    is_random,
)
from pytest_duolog.storage.json_text import ENCODER

# Before the value of an `Authorization` header.
SCHEMES = "bearer|basic|token|bot|apikey|api-key|api-token|sso-key|geniekey|ssws|splunk"

# Next to a name: `password: str = "..."`, `"password": "..."`, `--password ...`, `<password>...`.
_NAMES = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "connection")
_NAMED = re.compile(
    r"(?:pass(?:word|wd|phrase|code|wort)?|pwd|secret|token|key|credential|auth|connection[ _-]?string)"
    r"[A-Za-z0-9_-]{0,24}+"
    r"(?P<sign>[\"'`\]]{0,2}+[ \t]{0,3}+(?::[ ]?[A-Za-z][\w.\[\], |]{0,40}?=|=[=>]?|:=?|>)[ \t]{0,3}+|[ ])"
    r"(?:[fbru]{0,2}(?:\"(?P<double>(?:[^\"\\\n]|\\.){0,4000}+)\"|'(?P<single>(?:[^'\\\n]|\\.){0,4000}+)'|`(?P<back>[^`\n]{0,4000}+)`)"
    rf"|(?P<bare>[\"'`]?(?:(?:{SCHEMES})[ ]+)?"
    r"[^\x00-\x20\x7f\s\"'`<>(){}\[\],;&|\\]{4,400}+)"
    r"(?![(\[]))",
    re.IGNORECASE,
)
_SMALL_LETTERS = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# The text before a name, backwards: the rest of its word, and the word before.
_NAME_BEFORE = re.compile(r"[A-Za-z0-9_.-]{0,40}+(?: [A-Za-z0-9_]{1,30}+)?")
LONGEST_BEFORE = 72
_SCHEME = re.compile(rf"[\"'`]?(?:(?:{SCHEMES})\s+)?", re.IGNORECASE)
_PARAMETER = re.compile(r"[?&;]([\w.\[\]-]{1,60}+)=([^&\x00-\x20\x7f\s\"'`<>#;\\]{4,4000}+)")
_USERINFO = re.compile(r"://(?:[^/\s:@\"'<>?#]{0,100}+:([^/\s@\"'<>?#]{6,200}+)|([^/\s:@\"'<>?#]{16,200}+))@")
_SIGNATURES = re.compile(
    r"(?:key|sig|signature|x-(?:amz|goog)-(?:signature|credential|security-token)|code|state|nonce|jwt|ticket|sid"
    r"|sess(?:ion)?[-_]?(?:id|key)|jsessionid|phpsessid|assertion|saml(?:response|request)|bearer|hmac|invite)",
    re.IGNORECASE,
)

# The escapes of the layers: JSON and code, addresses and forms, HTML and XML.
_ESCAPE = re.compile(
    r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[/\"'nrt\\])|%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])++|&(?:amp|lt|gt|quot|#39|#x27);"
)
# Those among them that can mean letters and signs, and those that only JSON has.
_SPELLED = re.compile(r"\\[ux/bf]|%[0-9A-Fa-f]{2}|&[a-z#]")
_NAMED_ESCAPES = {
    "\\n": "\n",
    "\\r": "\r",
    "\\t": "\t",
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&#x27;": "'",
}
MOST_LAYERS = 3

HASH_ROUNDS = 10_000

# The names of secrets that are not from a variable.
GENERIC = ("key", Kind.SECRET.value, Kind.TOKEN.value)


def spans_in(text: str, further: Callable[[str], Iterator[Span]], *, with_names: bool = True) -> list[Span]:
    """The spans of secrets in a text, in order and without overlaps.

    `further` finds secrets without a shape of their own. Values next to a name are searched only `with_names`.
    """
    finders = [further]
    if not has_no_shape(ENCODER.encode(text)):
        finders.append(shaped)
    if with_names:
        finders += [_named, _in_addresses]
    spans: list[Span] = []
    for reading in _readings(text):
        for find in finders:
            spans += find(reading)
        for layer in _layers(reading):
            spans += (layer.outermost(span) for find in finders for span in find(layer.text))
    return merged(spans) if spans else spans


def start_of_secret(value: str) -> int:
    """The position of the secret in a value next to a name: after a scheme, as in `Bearer ...`."""
    found = _SCHEME.match(value)
    return found.end() if found else 0


def shaped(text: str) -> Iterator[Span]:
    """The spans with the shape of a secret."""
    for anchor, shape in _candidates(text):
        yield from shape.spans(text, anchor)


def _candidates(text: str) -> list[tuple[str, Shape]]:
    """The shapes that can be in a text, each with its anchor in it."""
    found = [pair for sign, shapes in _SPACED.items() if sign in text for pair in shapes if pair[0] in text]
    if _LONG not in text.encode("utf-8", "surrogatepass").translate(_EXTENT):
        return found
    found += [pair for pair in _WITH_LONG_WORD if pair[0] in text]
    # No other shape begins before a space or a quote and goes on after it, so JSON is a text of short words.
    words = [word for word in text.replace('"', " ").split() if len(word) >= SHORTEST_SHAPE]
    longest, joined = max(map(len, words), default=0), "\n".join(words)
    for sign, shapes in _BY_SIGN.items():
        if sign in joined:
            found += [pair for pair in shapes if pair[0] in joined and pair[1].shortest <= longest]
    return found


def has_no_shape(json_text: str) -> bool:
    """Whether it is sure that no text in a JSON text has the shape of a secret, nor a layer of one, nor the whole.

    What the escapes of such a text mean are line breaks, tabs, quotes and backslashes. No anchor has one of these, and
    no word of a layer is longer than where it comes from. So a layer can be a candidate only for what the text is one
    for. No quote is between an anchor and its sign. So a text can be one only for what its parts between quotes are.
    """
    if len(_readings(json_text)) > 1:
        return False
    return all(map(_is_bare, set(json_text.split('"')).difference(_SHORT_PARTS)))


def _is_bare(part: str) -> bool:
    if len(part) > LONGEST_SHORT_PART:
        return _PARTS(part) if len(part) <= LONGEST_PART else _cannot_begin(part)
    is_bare = _cannot_begin(part)
    if is_bare:
        if len(_SHORT_PARTS) >= MOST_SHORT_PARTS:
            _SHORT_PARTS.clear()
        _SHORT_PARTS.add(part)
    return is_bare


def _cannot_begin(part: str) -> bool:
    """Whether no shape begins in a part of a text without quotes."""
    return not (any(map(part.__contains__, _SPELLS)) and _SPELLED.search(part)) and not _candidates(part)


def is_quiet(text: str) -> bool:
    """Whether a text has no name with a value, no address and no layer: only shapes and known values can be in it."""
    return _LOUD.search(text) is None


def may_have_shape(text: str) -> bool:
    """Whether a quiet text can have the shape of a secret. If lines cannot have one together, none of them can."""
    return bool(_candidates(text))


# Each text that is looked at is soon a part of a line, and lines have the same names and numbers.
LONGEST_SHORT_PART = 64
LONGEST_PART = 8192
MOST_SHORT_PARTS = 4096
# Short parts in which no shape begins: a line has so many that they are looked up at once.
_SHORT_PARTS: set[str] = set()
_PARTS = lru_cache(maxsize=256)(_cannot_begin)


def _by_sign() -> dict[str, list[tuple[str, Shape]]]:
    """The shapes by a rare character of their anchors, so that most shapes need not be searched."""
    signs: dict[str, list[tuple[str, Shape]]] = {}
    for shape in SHAPES:
        for anchor in shape.anchors:
            sign = next((character for character in "_=~:/-." if character in anchor), anchor)
            signs.setdefault(sign, []).append((anchor, shape))
    return signs


def _spaced() -> dict[str, list[tuple[str, Shape]]]:
    signs: dict[str, list[tuple[str, Shape]]] = {}
    for shape in SPACED_SHAPES:
        for anchor in shape.anchors:
            signs.setdefault(anchor if shape.sign is None else shape.sign, []).append((anchor, shape))
    return signs


_BY_SIGN = _by_sign()
_SPACED = _spaced()
_WITH_LONG_WORD = _SPACED.pop(LONG_WORD)
# Bytes of words, and of what is between them; a space that is not ASCII only makes a word longer.
_EXTENT = bytes(b" x"[chr(byte) != '"' and not (byte < 128 and chr(byte).isspace())] for byte in range(256))
_LONG = b"x" * SHORTEST_SHAPE
# What `_named`, `_in_addresses`, `_readings` and `_layers` look for, or a part of it.
_LOUD = re.compile(r"[=:>\\%&]|--")
# The beginnings of `_SPELLED`.
_SPELLS = ("\\u", "\\x", "\\/", "\\b", "\\f", "%", "&")


def _named(text: str) -> Iterator[Span]:
    """The spans of values next to a name of a secret."""
    if not any(sign in text for sign in ("=", ":", "--", ">")):
        return
    small = text.lower()
    if len(small) != len(text):  # in some languages, a letter becomes two in lower case
        small = text.translate(_SMALL_LETTERS)
    for name in _NAMES:
        at = small.find(name)
        while at >= 0:
            found = _NAMED.match(text, at)
            span = _beside_name(text, found) if found else None
            if span:
                yield span
            at = small.find(name, span.end if span else at + 1)


def _in_addresses(text: str) -> Iterator[Span]:
    """The spans of passwords and key-like parameters in addresses."""
    if "=" in text:
        for found in _PARAMETER.finditer(text):
            yield from _parameter(found)
    if "@" in text and "://" in text:
        for found in _USERINFO.finditer(text):
            group = 1 if found[1] else 2
            if not is_placeholder(found[group]) and (group == 1 or is_random(found[group])):
                yield Span(*found.span(group), "secret")


def _beside_name(text: str, found: re.Match[str]) -> Span | None:
    before = text[max(0, found.start() - LONGEST_BEFORE) : found.start()][::-1]
    lead = _NAME_BEFORE.match(before)[0][::-1]  # type: ignore[index]  # it matches nothing, too
    word = lead.rpartition(" ")[2]
    sign = found["sign"]
    if sign == " " and "--" not in word:
        return None
    if sign.strip() == ">" and not text.endswith("<", 0, found.start() - len(word)):
        return None
    kind = kind_of(lead.rpartition(".")[2] + text[found.start() : found.start("sign")])
    if kind is None:
        return None
    group = found.lastgroup or "bare"
    start = found.start(group) + start_of_secret(found[group])
    is_whole = group != "bare" or sign.strip() == ">"
    is_secret = is_secret_in_text(kind, text[start : found.end(group)], is_whole=is_whole)
    return Span(start, found.end(group), kind.value) if is_secret else None


def _parameter(found: re.Match[str]) -> Iterator[Span]:
    name, value = found[1], found[2]
    kind = kind_of(name)
    if is_placeholder(value):
        return
    if kind is Kind.SECRET:
        yield Span(*found.span(2), Kind.SECRET.value)
    elif (
        (kind is Kind.TOKEN or _SIGNATURES.fullmatch(name))
        and len(value) >= SHORTEST_TOKEN
        and is_random(value)
    ):
        yield Span(*found.span(2), Kind.TOKEN.value)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order; overlapping ones are merged, with the name of a variable if the span is exactly its value."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.name in GENERIC)):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
        elif span.end > last.end:
            merged[-1] = Span(last.start, span.end, "key")
    return merged


def with_markers(text: str, spans: Iterable[Span]) -> str:
    """The text with each span replaced by a marker; spans are in order and do not overlap."""
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], marker_of(text, span)]
        at = span.end
    return "".join([*parts, text[at:]])


def marker_of(text: str, span: Span) -> str:
    """The marker that replaces a secret.

    A value with an ambiguous name (`token`) may not be a secret and may distinguish two requests, so its marker has a
    hash.
    """
    if span.name != Kind.TOKEN.value:
        return f"[redacted {span.name}]"
    return token_marker(text[span.start : span.end])


@lru_cache(maxsize=4096)
def token_marker(value: str) -> str:
    """The marker for a value that may not be a secret and must be distinguishable from others.

    The hash is short and slow to compute, so that it does not reveal a weak password. It uses no key, because a replay
    has only the file.
    """
    content = value.encode("utf-8", "surrogatepass")
    return f"[redacted token {hashlib.pbkdf2_hmac('sha256', content, b'duolog', HASH_ROUNDS).hex()[:8]}]"


class _Layer:
    """A text with one layer of escapes decoded, and the original positions of its characters."""

    def __init__(self, outside: _Layer | None) -> None:
        self.text = ""
        self._outside = outside
        # The beginnings of pieces, here and in the outer text; the outer length of a piece if it is an escape,
        # otherwise -1.
        self._inner, self._outer, self._lengths = [0], [0], [-1]

    @classmethod
    def of(cls, text: str, outside: _Layer | None) -> _Layer | None:
        """None for a text without escapes."""
        if "\\" not in text and "%" not in text and "&" not in text:
            return None
        layer = cls(outside)
        parts: list[str] = []
        at = position = 0
        for found in _ESCAPE.finditer(text):
            plain, meant = text[at : found.start()], _unescaped(found[0])
            position += len(plain)
            layer._inner += [position, position + len(meant)]
            layer._outer += [found.start(), found.end()]
            layer._lengths += [len(found[0]), -1]
            position += len(meant)
            at = found.end()
            parts += [plain, meant]
        layer.text = "".join([*parts, text[at:]])
        return layer if parts else None

    def outermost(self, span: Span) -> Span:
        """The position of a span in the original text; an escape is included as a whole."""
        outer = Span(self._origin(span.start)[0], self._origin(span.end - 1)[1], span.name)
        return self._outside.outermost(outer) if self._outside else outer

    def _origin(self, at: int) -> tuple[int, int]:
        index = bisect_right(self._inner, at) - 1
        if self._lengths[index] >= 0:
            return self._outer[index], self._outer[index] + self._lengths[index]
        start = self._outer[index] + at - self._inner[index]
        return start, start + 1


def _readings(text: str) -> list[str]:
    """The text, and the text of a form, where a plus sign is a space."""
    is_form = "+" in text and "=" in text and " " not in text
    return [text, text.replace("+", " ")] if is_form else [text]


def _layers(text: str) -> Iterator[_Layer]:
    """The layers of a text, from the outside in."""
    layer: _Layer | None = None
    for _ in range(MOST_LAYERS):
        layer = _Layer.of(layer.text if layer else text, layer)
        if layer is None:
            return
        yield layer


def _unescaped(escape: str) -> str:
    if escape in _NAMED_ESCAPES:
        return _NAMED_ESCAPES[escape]
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    return chr(int.from_bytes(bytes.fromhex(escape[2:]).rjust(2, b"\0"))) if escape[1] in "ux" else escape[1]
