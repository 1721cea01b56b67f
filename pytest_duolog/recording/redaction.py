"""Secrets never reach a file or a report: what is dropped, what is replaced, and a last look before writing.

Of headers only an allow-list is kept, both ways. Of an address the userinfo is dropped, and the values of key-like
parameters are replaced (`addresses`).
In texts these are replaced:

1. values of environment variables that hold secrets (`secret_names`), also as base64;
2. what is shaped like a secret (`shapes`);
3. what stands beside a name that promises one: `password=...`, `"api_key": "..."`, `?token=...`, `://user:...@host`.

A text is read as it is, and once more for each layer of escapes in it (JSON's, an address's, HTML's). All of it happens
before matching, so that a recording made with a key replays without one.
"""

from __future__ import annotations

import base64
import hashlib
import re
import string
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pytest_duolog.recording.addresses import KEY_PARAMETER, without_secrets
from pytest_duolog.recording.secret_names import (
    SHORTEST,
    SHORTEST_TOKEN,
    EnvironmentRules,
    Kind,
    holds_secret,
    is_placeholder,
    is_secret_in_text,
    kind_of,
    secrets_in_headers,
)
from pytest_duolog.recording.shapes import SHAPES, SHORTEST_SHAPE, SPACED_SHAPES, Shape, Span, is_random

REQUEST_HEADERS = frozenset({"content-type", "accept"})
RESPONSE_HEADERS = frozenset({"content-type", "content-encoding", "location", "retry-after"})

# The same in an address somewhere in a text.
SHOWN_PARAMETERS = re.compile(rf"(?<=[?&])({KEY_PARAMETER})=[^&\s\"'<>]+", re.IGNORECASE)
SHOWN_USERINFO = re.compile(r"(?<=://)[^/\s@\"'<>]+@")

# Beside a name: `password: str = "..."`, `"password": "..."`, `--password ...`, `<password>...`.
_NAMES = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "connection")
_NAMED = re.compile(
    r"(?:pass(?:word|wd|phrase|code|wort)?|pwd|secret|token|key|credential|auth|connection[ _-]?string)"
    r"[A-Za-z0-9_-]{0,24}+"
    r"(?P<sign>[\"'`\]]{0,2}+[ \t]{0,3}+(?::[ ]?[A-Za-z][\w.\[\], |]{0,40}?=|=[=>]?|:=?|>)[ \t]{0,3}+|[ ])"
    r"(?:[fbru]{0,2}(?:\"(?P<double>(?:[^\"\\\n]|\\.){0,4000}+)\"|'(?P<single>(?:[^'\\\n]|\\.){0,4000}+)'|`(?P<back>[^`\n]{0,4000}+)`)"
    r"|(?P<bare>[\"'`]?(?:(?:bearer|basic|token|bot|apikey)[ ]+)?[^\x00-\x20\x7f\s\"'`<>(){}\[\],;&|\\]{4,400}+)"
    r"(?![(\[]))",
    re.IGNORECASE,
)
_SMALL_LETTERS = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NAME_BEFORE = re.compile(r"(?:[A-Za-z0-9_]{1,30} )?[A-Za-z0-9_.-]{0,40}$")
_SCHEME = re.compile(r"[\"'`]?(?:(?:bearer|basic|token|bot|apikey)\s+)?", re.IGNORECASE)
_PARAMETER = re.compile(r"[?&;]([\w.\[\]-]{1,60}+)=([^&\x00-\x20\x7f\s\"'`<>#;\\]{4,4000}+)")
_USERINFO = re.compile(r"://(?:[^/\s:@\"'<>?#]{0,100}+:([^/\s@\"'<>?#]{6,200}+)|([^/\s:@\"'<>?#]{16,200}+))@")
_SIGNATURES = re.compile(
    r"(?:key|sig|signature|x-(?:amz|goog)-(?:signature|credential|security-token))", re.IGNORECASE
)

# What the layers of a text are written in: JSON and code, addresses and forms, HTML and XML.
_ESCAPE = re.compile(
    r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[/\"'nrt\\])|%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])++|&(?:amp|lt|gt|quot|#39|#x27);"
)
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

# What secrets are called that are in no variable.
GENERIC = ("key", Kind.SECRET.value, Kind.TOKEN.value)

# A text is looked at again after replacing: a key may have its shape only now, without what stood before it.
MOST_PASSES = 3
# A secret that was cut is still one.
SHORTEST_PART = 8
MOST_REMEMBERED = 1000


class Redactor:
    """Replaces secrets; the same text always becomes the same text, and redacting twice changes nothing."""

    def __init__(
        self,
        environ: Mapping[str, str],
        key_variables: Iterable[str] = (),
        *,
        rules: EnvironmentRules | None = None,
        headers: Mapping[str, str] | None = None,
        remembered: dict[str, str] | None = None,
    ) -> None:
        """Know the secrets in `environ`: of variables in `key_variables`, and of those that `rules` or names tell.

        `headers` are sent along, and hold secrets where they are named so. `remembered` are secrets of the same run,
        whose parts are not shown; what is found is added.
        """
        self._secrets = {
            **dict.fromkeys(secrets_in_headers(headers or {}), "secret"),
            **(rules or EnvironmentRules()).secrets(environ, tuple(key_variables)),
        }
        self._credentials = {
            value.strip(): name for name, value in environ.items() if value.strip() and holds_secret(name)
        }
        spelled = {spelling: name for value, name in self._secrets.items() for spelling in _spellings(value)}
        self._values = sorted(spelled.items(), key=lambda item: -len(item[0]))
        names = "|".join(map(re.escape, sorted({"key", "secret", *self._secrets.values()})))
        self._marker = re.compile(rf"(\[redacted (?:{names}|token [0-9a-f]{{8}})\])")
        self._remembered = {} if remembered is None else remembered
        self._remembered.update(self._secrets)
        # A message is sent in two views, a field always again.
        self._recent = lru_cache(maxsize=64)(self._redacted)

    def text(self, text: str) -> str:
        """`text` with every secret replaced."""
        return self._recent(text)

    def _redacted(self, text: str) -> str:
        for _ in range(MOST_PASSES):
            parts = self._marker.split(text) if "[redacted " in text else [text]
            shown = "".join(part if at % 2 else self._replaced(part) for at, part in enumerate(parts))
            if shown == text:
                return text
            text = shown
        return text

    def _replaced(self, text: str) -> str:
        spans = self._spans(text)
        return _with_markers(text, spans) if spans else text

    def _spans(self, text: str) -> list[Span]:
        """Where secrets stand in a text, in order and apart."""
        spans: list[Span] = []
        for reading in _readings(text):
            spans += self._found(reading)
            for layer in _layers(reading):
                spans += map(layer.outermost, self._found(layer.text))
        merged = _merged(spans)
        for span in merged:
            self._remember(text[span.start : span.end], span.name)
        return merged

    def _found(self, text: str) -> Iterator[Span]:
        yield from self._of_variables(text)
        yield from _shaped(text)
        yield from _named(text)
        yield from _in_addresses(text)

    def _of_variables(self, text: str) -> Iterator[Span]:
        for value, name in self._values:
            at = text.find(value)
            while at >= 0:
                end = at + len(value)
                if len(value) >= SHORTEST or _stands_alone(text, at, end):
                    yield Span(at, end, name)
                at = text.find(value, end)

    def _remember(self, secret: str, name: str) -> None:
        if len(secret) >= SHORTEST_TOKEN and len(self._remembered) < MOST_REMEMBERED:
            self._remembered.setdefault(secret, name)

    def bytes(self, content: bytes) -> bytes:
        """`content` with every secret replaced, in text or between other bytes."""
        try:
            return self.text(content.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            return self.text(content.decode("latin-1")).encode("latin-1", "replace")

    def pieces(self, pieces: Sequence[str]) -> list[str]:
        """The pieces of one text, with every secret replaced that stands in one or goes over several."""
        whole = "".join(pieces)
        kept, at, rest = [], 0, self._spans(whole)
        for piece in pieces:
            end = at + len(piece)
            shown, position = [], at
            for span in rest:
                if span.start >= end:
                    break
                if span.end <= at:
                    continue
                shown.append(whole[position : max(position, span.start)])
                if span.start >= at:
                    shown.append(_marker_of(whole, span))
                position = min(span.end, end)
            shown.append(whole[position:end])
            kept.append("".join(shown))
            at = end
        return kept

    def shown(self, text: str) -> str:
        """`text` as it is shown to people: addresses in it are without secrets, and parts of secrets are replaced, too.

        What was shortened for people may hold the beginning or the end of a secret.
        """
        whole = self.text(SHOWN_USERINFO.sub("", SHOWN_PARAMETERS.sub(_without_value, text)))
        return _without_parts(whole, self._remembered)

    def json(self, value: Any) -> Any:
        """`value` with the secrets in all its texts, names of fields included, replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._field(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return value

    def _field(self, name: str, value: Any) -> Any:
        kind = kind_of(name) if isinstance(value, str | int | list) else None
        if kind is None:
            return self.json(value)
        if isinstance(value, list | tuple):
            return [self._field(name, item) for item in value]
        shown = self.json(value)
        if isinstance(value, bool) or shown != value:
            return shown
        text = str(value)
        start = _SCHEME.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
        if not is_secret_in_text(kind, text[start:], is_whole=True):
            return value
        self._remember(text[start:], "secret")
        return text[:start] + _marker_of(text, Span(start, len(text), kind.value))

    def uri(self, uri: str) -> str:
        """An address without userinfo, secret values of parameters, and secrets elsewhere in it."""
        return self.text(without_secrets(uri, self.text, self._credentials))

    def finds_secret(self, line: str) -> bool:
        """Whether a line about to be written still holds one."""
        return self._redacted(line) != line


def _shaped(text: str) -> Iterator[Span]:
    """What has the form of a secret."""
    for anchor, shape in _SPACED:
        if anchor in text:
            yield from shape.spans(text, anchor)
    long_words = "\n".join([word for word in text.split() if len(word) >= SHORTEST_SHAPE])
    if not long_words:
        return
    for sign, shapes in _BY_SIGN.items():
        if sign in long_words:
            for anchor, shape in shapes:
                if anchor in text:
                    yield from shape.spans(text, anchor)


def _by_sign() -> dict[str, list[tuple[str, Shape]]]:
    """The shapes by a character of their anchors that few texts have, so that most are not looked for at all."""
    signs: dict[str, list[tuple[str, Shape]]] = {}
    for shape in SHAPES:
        for anchor in shape.anchors:
            sign = next((character for character in "_=~:/-." if character in anchor), anchor)
            signs.setdefault(sign, []).append((anchor, shape))
    return signs


_BY_SIGN = _by_sign()
_SPACED = [(anchor, shape) for shape in SPACED_SHAPES for anchor in shape.anchors]


def _named(text: str) -> Iterator[Span]:
    """What stands beside a name that promises a secret."""
    if not any(sign in text for sign in ("=", ":", "--", ">")):
        return
    small = text.lower()
    if len(small) != len(text):  # some letters of few languages become two
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
    """Passwords and key-like parameters of addresses."""
    if "=" in text:
        for found in _PARAMETER.finditer(text):
            yield from _parameter(found)
    if "@" in text and "://" in text:
        for found in _USERINFO.finditer(text):
            group = 1 if found[1] else 2
            if not is_placeholder(found[group]) and (group == 1 or is_random(found[group])):
                yield Span(*found.span(group), "secret")


def _beside_name(text: str, found: re.Match[str]) -> Span | None:
    before = _NAME_BEFORE.search(text, max(0, found.start() - 72), found.start())
    lead = before[0] if before else ""
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
    start = found.start(group) + _SCHEME.match(found[group]).end()  # type: ignore[union-attr]  # it matches nothing, too
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


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a short value is no part of a longer word."""
    return not (text[start - 1 : start].isalnum() and text[start].isalnum()) and not (
        text[end : end + 1].isalnum() and text[end - 1].isalnum()
    )


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order and apart; those that overlap are one, called after a variable if it is just its value."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.name in GENERIC)):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
        elif span.end > last.end:
            merged[-1] = Span(last.start, span.end, "key")
    return merged


def _with_markers(text: str, spans: Iterable[Span]) -> str:
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], _marker_of(text, span)]
        at = span.end
    return "".join([*parts, text[at:]])


def _marker_of(text: str, span: Span) -> str:
    """What stands for a secret.

    What is one only by a doubtful name (`token`) may be none, and tell two requests apart; it keeps a hash.
    """
    if span.name != Kind.TOKEN.value:
        return f"[redacted {span.name}]"
    digest = hashlib.sha256(text[span.start : span.end].encode("utf-8", "surrogatepass")).hexdigest()
    return f"[redacted token {digest[:8]}]"


class _Layer:
    """A text with one layer of escapes undone, and where its characters come from."""

    def __init__(self, outside: _Layer | None) -> None:
        self.text = ""
        self._outside = outside
        # Where pieces begin, here and outside; how long a piece is outside if it is an escape, and -1 if it is none.
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
        """Where a span of the text stands in the text with all its escapes; an escape is taken whole."""
        outer = Span(self._origin(span.start)[0], self._origin(span.end - 1)[1], span.name)
        return self._outside.outermost(outer) if self._outside else outer

    def _origin(self, at: int) -> tuple[int, int]:
        index = bisect_right(self._inner, at) - 1
        if self._lengths[index] >= 0:
            return self._outer[index], self._outer[index] + self._lengths[index]
        start = self._outer[index] + at - self._inner[index]
        return start, start + 1


def _readings(text: str) -> list[str]:
    """The text; and as a form means it, where a plus sign is a space."""
    is_form = "+" in text and "=" in text and " " not in text
    return [text, text.replace("+", " ")] if is_form else [text]


def _layers(text: str) -> Iterator[_Layer]:
    """The layers of a text, from the outside in."""
    layer = _Layer.of(text, None)
    for _ in range(MOST_LAYERS):
        if layer is None:
            return
        yield layer
        layer = _Layer.of(layer.text, layer)


def _unescaped(escape: str) -> str:
    if escape in _NAMED_ESCAPES:
        return _NAMED_ESCAPES[escape]
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    return chr(int.from_bytes(bytes.fromhex(escape[2:]).rjust(2, b"\0"))) if escape[1] in "ux" else escape[1]


def _without_value(found: re.Match[str]) -> str:
    return found[0] if "=[redacted" in found[0] else f"{found[1]}=[redacted]"


def _spellings(value: str) -> set[str]:
    """How a value may stand in a text besides escapes, which are undone: in a form, and inside base64."""
    spellings = {value, value.replace(" ", "+")}
    if len(value) >= SHORTEST_PART:
        spellings |= _inside_base64(value.encode("utf-8", "surrogatepass"))
    return spellings


def _inside_base64(value: bytes) -> set[str]:
    """What every base64 has in it that encodes a text with the value: it depends on the place within three bytes."""
    found = set()
    for n_before in range(3):
        encoded = base64.b64encode(bytes(n_before) + value).rstrip(b"=").decode("ascii")
        is_whole = (n_before + len(value)) % 3 == 0
        sure = encoded[(0, 2, 3)[n_before] : None if is_whole else -1]
        found |= {sure, sure.translate(str.maketrans("+/", "-_"))}
    return found


# What pytest, reprlib and `shorten` leave where they took something out.
_CUT = re.compile(r"(?:\\?['\"])?(?:\.{3}|…)")
_TOKEN_BEFORE = re.compile(r"[A-Za-z0-9_+/=.~:-]{4,200}$")
_TOKEN_AFTER = re.compile(r"[A-Za-z0-9_+/=~:-]+(?:\.[A-Za-z0-9_+/=~:-]+)*")
_END_OF_KEY = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY")
_KEY_LINES = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n\\")
# Goes on with whatever a key began with.
_FILLERS = ("0a1b2c3d4e5f6a7b" * 8, "0A1B2C3D4E5F6A7B" * 8)
MOST_CUTS = 5000
LONGEST_KEY = 10_000


def _without_parts(text: str, secrets: Mapping[str, str]) -> str:
    """`text` without beginnings and ends of secrets: of known ones, and of what is cut off in the middle of a shape."""
    spans = [span for secret, name in secrets.items() for span in _parts(text, secret, name)]
    spans += _ends_of_keys(text)
    if "..." in text or "…" in text:
        spans += _beside_cuts(text)
    return _with_markers(text, _merged(spans)) if spans else text


def _parts(text: str, secret: str, name: str) -> Iterator[Span]:
    """Beginnings and ends of a secret; one that could be a word only where something was cut off."""
    if len(secret) <= SHORTEST_PART:
        return
    head, tail = secret[:SHORTEST_PART], secret[-SHORTEST_PART:]
    at = text.find(head)
    while at >= 0:
        n = SHORTEST_PART
        while n < len(secret) and text[at + n : at + n + 1] == secret[n]:
            n += 1
        if is_random(text[at : at + n]) or _CUT.match(text, at + n):
            yield Span(at, at + n, name)
        at = text.find(head, at + n)
    at = text.find(tail)
    while at >= 0:
        end, n = at + SHORTEST_PART, SHORTEST_PART
        while n < len(secret) and end - n > 0 and text[end - n - 1] == secret[-n - 1]:
            n += 1
        if is_random(text[end - n : end]) or text[: end - n].endswith(("...", "…")):
            yield Span(end - n, end, name)
        at = text.find(tail, end)


def _ends_of_keys(text: str) -> Iterator[Span]:
    """The lines before the end of a private key whose beginning was cut off."""
    for found in _END_OF_KEY.finditer(text):
        start = found.start()
        while start > 0 and found.start() - start < LONGEST_KEY and text[start - 1] in _KEY_LINES:
            start -= 1
        yield Span(start, found.end(), "key")


def _beside_cuts(text: str) -> Iterator[Span]:
    for n_cuts, cut in enumerate(_CUT.finditer(text)):
        if n_cuts >= MOST_CUTS:
            return
        before = _TOKEN_BEFORE.search(text, max(0, cut.start() - 200), cut.start())
        after = _TOKEN_AFTER.match(text, cut.end())
        begun = _begun(before[0]) if before else None
        if before and begun is not None:
            yield Span(before.start() + begun, before.end(), "key")
        if after and (begun is not None or is_random(after[0])):
            yield Span(*after.span(), "key")


def _begun(token: str) -> int | None:
    """Where in a token that is cut off a secret begins; None where none does."""
    starts = (
        span.start for filler in _FILLERS for span in _shaped(token + filler) if span.start < len(token)
    )
    return min(starts, default=None)


def kept_headers(headers: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, list[str]]:
    """The allowed headers by lower-case name, values as lists, sorted by name."""
    kept = {
        name.lower(): [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
        for name, value in headers.items()
        if name.lower() in allowed
    }
    return dict(sorted(kept.items()))
