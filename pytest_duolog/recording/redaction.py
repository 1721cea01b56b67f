"""Keeps secrets out of files and reports: what is dropped, what is replaced, and the last check before writing.

Only headers of an allow-list are kept, for requests and responses. Addresses lose their userinfo, and the values of
parameters with a name like a key are replaced (`addresses`). In texts these are replaced:

1. values of environment variables that hold secrets (`secret_names`), also as base64;
2. text with the shape of a secret (`shapes`);
3. values next to a name of a secret: `password=...`, `"api_key": "..."`, `?token=...`, `://user:...@host`.

A text is read as it is, and again for each layer of escapes in it (JSON, addresses, HTML): `secret_spans`. All of this
happens before matching, so that a recording made with a key replays without one. Text for people may have been cut, so
parts of secrets are replaced in it, too: `secret_parts`.
"""

from __future__ import annotations

import base64
import re
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
    is_secret_in_text,
    kind_of,
    secrets_in_headers,
)
from pytest_duolog.recording.secret_parts import SHORTEST_PART, KnownSecrets
from pytest_duolog.recording.secret_spans import (
    has_no_shape,
    is_quiet,
    marker_of,
    may_have_shape,
    spans_in,
    start_of_secret,
    with_markers,
)
from pytest_duolog.recording.shapes import Span
from pytest_duolog.storage.json_text import LISTS, NUMBERS, OBJECTS

# Headers that only describe the encoding of a body.
FORM_HEADERS = frozenset({"content-type", "accept"})
# Headers that change what a model does with the same body.
DECISIVE_HEADERS = frozenset({"anthropic-beta", "anthropic-version", "openai-beta"})
REQUEST_HEADERS = FORM_HEADERS | DECISIVE_HEADERS
RESPONSE_HEADERS = frozenset({"content-type", "content-encoding", "location", "retry-after"})

# The same for an address inside a text.
SHOWN_PARAMETERS = rf"(?i)(?<=[?&])({KEY_PARAMETER})=[^&\s\"'<>]+"
SHOWN_USERINFO = r"(?<=://)[^/\s@\"'<>]+@"

# Kinds of values in JSON that can be a secret next to its name.
_NAMED = (str, int, list)

# Texts up to these lengths are cached by the thousand; of longer ones only a few.
LONGEST_WORD = 64
LONGEST_MESSAGE = 8192

# Text is checked again after replacing, because a key may be recognised only without the text before it.
MOST_PASSES = 3


class Redactor:
    """Replaces secrets; equal texts always give equal results, and redacting twice changes nothing."""

    def __init__(
        self,
        environ: Mapping[str, str],
        key_variables: Iterable[str] = (),
        *,
        rules: EnvironmentRules | None = None,
        headers: Mapping[str, str] | None = None,
        known: KnownSecrets | None = None,
    ) -> None:
        """Find the secrets in `environ`: the values of `key_variables`, and of others by `rules` or name.

        `headers` are sent with requests and hold secrets if their names say so. `known` are the secrets of the whole
        run, of which not even parts are shown; the secrets found here are added.
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
        # Whether a value is in no layer of escapes if it is not in the text itself, see `has_no_shape`.
        self._are_values_plain = not any(sign in value for value in spelled for sign in "\"'\\\n\r\t")
        names = "|".join(map(re.escape, sorted({"key", "secret", *self._secrets.values()})))
        self._marker = re.compile(rf"(\[redacted (?:{names}|token [0-9a-f]{{8}})\])")
        self._known = KnownSecrets() if known is None else known
        self._known.add(self._secrets)
        # Names of fields and of models come in every request, and code of users sends the whole history each time.
        self._words = lru_cache(maxsize=4096)(self._redacted)
        self._messages = lru_cache(maxsize=1024)(self._redacted)
        self._long = lru_cache(maxsize=64)(self._redacted)
        self._names = lru_cache(maxsize=4096)(lambda name: (self.text(name), kind_of(name)))

    def text(self, text: str) -> str:
        """`text` with every secret replaced."""
        if len(text) <= LONGEST_WORD:
            return self._words(text)
        return self._messages(text) if len(text) <= LONGEST_MESSAGE else self._long(text)

    def without_secrets(self, texts: Iterable[str]) -> set[str]:
        """Those of these texts that surely have no secret; it is much faster to ask for many short texts at once."""
        quiet = {text for text in texts if is_quiet(text)}
        lines = "\n".join(quiet)
        may_have_one = any(value in lines for value, _ in self._values) or may_have_shape(lines)
        return set() if may_have_one else quiet

    def _redacted(self, text: str) -> str:
        for _ in range(MOST_PASSES):
            if "[redacted " in text:
                parts = self._marker.split(text)
                shown = "".join(part if at % 2 else self._replaced(part) for at, part in enumerate(parts))
            else:
                shown = self._replaced(text)
            if shown == text:
                return text
            text = shown
        return text

    def _replaced(self, text: str) -> str:
        spans = self._spans(text)
        return with_markers(text, spans) if spans else text

    def _spans(self, text: str) -> list[Span]:
        spans = spans_in(text, self._of_variables)
        for start, end, name in spans:
            self._remember(text[start:end], name)
        return spans

    def _of_variables(self, text: str) -> Iterator[Span]:
        for value, name in self._values:
            at = text.find(value)
            while at >= 0:
                end = at + len(value)
                if len(value) >= SHORTEST or _stands_alone(text, at, end):
                    yield Span(at, end, name)
                at = text.find(value, end)

    def _remember(self, secret: str, name: str) -> None:
        if len(secret) >= SHORTEST_TOKEN:
            self._known.add({secret: name})

    def bytes(self, content: bytes) -> bytes:
        """`content` with every secret replaced, in text or between other bytes."""
        try:
            return self.text(content.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            return self.text(content.decode("latin-1")).encode("latin-1", "replace")

    def pieces(self, pieces: Sequence[str]) -> list[str]:
        """The pieces of one text, with every secret replaced, also if it spans several pieces."""
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
                    shown.append(marker_of(whole, span))
                position = min(span.end, end)
            shown.append(whole[position:end])
            kept.append("".join(shown))
            at = end
        return kept

    def shown(self, text: str) -> str:
        """`text` for people: addresses in it are without secrets, and parts of secrets are replaced, too.

        Shortened text may have only the beginning or the end of a secret.
        """
        if "=" in text:
            text = re.sub(SHOWN_PARAMETERS, _without_value, text)
        return self._known.without_parts(self.text(re.sub(SHOWN_USERINFO, "", text)))

    def json(self, value: Any) -> Any:
        """`value` with the secrets replaced in all its texts, including names of fields."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, NUMBERS):
            return value
        if isinstance(value, LISTS):
            return [self.json(item) for item in value]
        if isinstance(value, OBJECTS):
            shown = {}
            for field, item in value.items():
                name, kind = self._names(str(field))
                if isinstance(item, str):
                    shown[name] = self._beside_name(kind, item) if kind else self.text(item)
                elif kind and isinstance(item, _NAMED):
                    shown[name] = self._beside_name(kind, item)
                else:
                    is_number = item is None or isinstance(item, NUMBERS)
                    shown[name] = item if is_number else self.json(item)
            return shown
        return value

    def _beside_name(self, kind: Kind, value: Any) -> Any:
        """The value of a field with the name of a secret."""
        if isinstance(value, list):
            return [self._beside_name(kind, item) for item in value]
        shown = self.json(value)
        if not isinstance(value, _NAMED) or isinstance(value, bool) or shown != value:
            return shown
        text = str(value)
        start = start_of_secret(text)
        if not is_secret_in_text(kind, text[start:], is_whole=True):
            return value
        self._remember(text[start:], "secret")
        return text[:start] + marker_of(text, Span(start, len(text), kind.value))

    def uri(self, uri: str) -> str:
        """An address without userinfo and without secrets in parameters or elsewhere."""
        return self.text(without_secrets(uri, self.text, self._credentials))

    def finds_secret(self, line: str, said: Any = None) -> bool:
        """Whether a line still has a secret before it is written; `said` is the value of its new content.

        In the line itself only values and shapes are searched, because neighbouring texts in it may be unrelated.
        """
        parts = self._marker.split(line)[::2] if "[redacted " in line else [line]
        return any(map(self._is_left, parts)) or (said is not None and self.json(said) != said)

    def _is_left(self, json_text: str) -> bool:
        """Whether a text has a secret, but for those next to a name."""
        is_sure = self._are_values_plain and not any(value in json_text for value, _ in self._values)
        if is_sure and has_no_shape(json_text):
            return False
        return bool(spans_in(json_text, self._of_variables, with_names=False))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a short value is not part of a longer word."""
    return not (text[start - 1 : start].isalnum() and text[start].isalnum()) and not (
        text[end : end + 1].isalnum() and text[end - 1].isalnum()
    )


def _without_value(found: re.Match[str]) -> str:
    return found[0] if "=[redacted" in found[0] else f"{found[1]}=[redacted]"


def _spellings(value: str) -> set[str]:
    """The spellings of a value in a text, apart from escapes: in a form, and inside base64."""
    spellings = {value, value.replace(" ", "+")}
    if len(value) >= SHORTEST_PART:
        spellings |= _inside_base64(value.encode("utf-8", "surrogatepass"))
    return spellings


def _inside_base64(value: bytes) -> set[str]:
    """The parts of base64 that encode a text with the value; they depend on the position modulo three bytes."""
    found = set()
    for n_before in range(3):
        encoded = base64.b64encode(bytes(n_before) + value).rstrip(b"=").decode("ascii")
        is_whole = (n_before + len(value)) % 3 == 0
        sure = encoded[(0, 2, 3)[n_before] : None if is_whole else -1]
        found |= {sure, sure.translate(str.maketrans("+/", "-_"))}
    return found


def kept_headers(headers: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, list[str]]:
    """The allowed headers by lower-case name, values as lists, sorted by name."""
    kept = {
        name.lower(): [str(item) for item in value] if isinstance(value, LISTS) else [str(value)]
        for name, value in headers.items()
        if name.lower() in allowed
    }
    return dict(sorted(kept.items()))
