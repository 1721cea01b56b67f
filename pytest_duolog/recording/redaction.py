"""Secrets never reach a file or a report: what is dropped, what is replaced, and a last look before writing.

Of headers only an allow-list is kept, both ways. Of an address the userinfo is dropped, and the values of key-like
parameters are replaced (`addresses`).
In texts these are replaced:

1. values of environment variables that hold secrets (`secret_names`), also as base64;
2. what is shaped like a secret (`shapes`);
3. what stands beside a name that promises one: `password=...`, `"api_key": "..."`, `?token=...`, `://user:...@host`.

A text is read as it is, and once more for each layer of escapes in it (JSON's, an address's, HTML's): `secret_spans`.
All of it happens before matching, so that a recording made with a key replays without one. What is shown to people may
have been cut before, so parts of secrets are looked for in it as well: `secret_parts`.
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
    holds_secret,
    is_secret_in_text,
    kind_of,
    secrets_in_headers,
)
from pytest_duolog.recording.secret_parts import SHORTEST_PART, KnownSecrets
from pytest_duolog.recording.secret_spans import marker_of, spans_in, start_of_secret, with_markers
from pytest_duolog.recording.shapes import Span

# Headers that say nothing but how a body is written.
FORM_HEADERS = frozenset({"content-type", "accept"})
# These change what a model does with the same body.
DECISIVE_HEADERS = frozenset({"anthropic-beta", "anthropic-version", "openai-beta"})
REQUEST_HEADERS = FORM_HEADERS | DECISIVE_HEADERS
RESPONSE_HEADERS = frozenset({"content-type", "content-encoding", "location", "retry-after"})

# The same in an address somewhere in a text.
SHOWN_PARAMETERS = re.compile(rf"(?<=[?&])({KEY_PARAMETER})=[^&\s\"'<>]+", re.IGNORECASE)
SHOWN_USERINFO = re.compile(r"(?<=://)[^/\s@\"'<>]+@")

# A text is looked at again after replacing: a key may have its shape only now, without what stood before it.
MOST_PASSES = 3


class Redactor:
    """Replaces secrets; the same text always becomes the same text, and redacting twice changes nothing."""

    def __init__(
        self,
        environ: Mapping[str, str],
        key_variables: Iterable[str] = (),
        *,
        rules: EnvironmentRules | None = None,
        headers: Mapping[str, str] | None = None,
        known: KnownSecrets | None = None,
    ) -> None:
        """Know the secrets in `environ`: of variables in `key_variables`, and of those that `rules` or names tell.

        `headers` are sent along, and hold secrets where they are named so. `known` are the secrets of the whole run,
        of which not even parts are shown; what is found is added.
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
        self._known = KnownSecrets() if known is None else known
        self._known.add(self._secrets)
        # A message is sent in two views, a field always again.
        self._recent = lru_cache(maxsize=64)(self._redacted)

    def text(self, text: str) -> str:
        """`text` with every secret replaced."""
        return self._recent(text)

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
                    shown.append(marker_of(whole, span))
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
        return self._known.without_parts(whole)

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
        start = start_of_secret(text)
        if not is_secret_in_text(kind, text[start:], is_whole=True):
            return value
        self._remember(text[start:], "secret")
        return text[:start] + marker_of(text, Span(start, len(text), kind.value))

    def uri(self, uri: str) -> str:
        """An address without userinfo, secret values of parameters, and secrets elsewhere in it."""
        return self.text(without_secrets(uri, self.text, self._credentials))

    def finds_secret(self, line: str, said: Any = None) -> bool:
        """Whether a line about to be written still holds one; `said` is the value of what it newly says.

        The line itself is read for values and shapes only: what stands side by side in it does not belong together.
        """
        parts = self._marker.split(line)[::2]
        is_left = any(spans_in(part, self._of_variables, with_names=False) for part in parts)
        return is_left or (said is not None and self.json(said) != said)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a short value is no part of a longer word."""
    return not (text[start - 1 : start].isalnum() and text[start].isalnum()) and not (
        text[end : end + 1].isalnum() and text[end - 1].isalnum()
    )


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


def kept_headers(headers: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, list[str]]:
    """The allowed headers by lower-case name, values as lists, sorted by name."""
    kept = {
        name.lower(): [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
        for name, value in headers.items()
        if name.lower() in allowed
    }
    return dict(sorted(kept.items()))
