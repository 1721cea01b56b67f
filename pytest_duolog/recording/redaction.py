"""Keys never reach a cassette: what is dropped, what is replaced, and a last look before writing.

Of headers only an allow-list is kept, both ways. Of an address the userinfo and key-like query parameters
are dropped. In texts, values of environment variables that hold keys, and strings shaped like keys, are
replaced. All of it happens before matching, so that a recording made with a key replays without one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

REQUEST_HEADERS = frozenset({"content-type", "accept"})
RESPONSE_HEADERS = frozenset({"content-type", "content-encoding", "location", "retry-after"})

SECRET_VARIABLES = re.compile(
    r"_(API_?)?(KEY|TOKEN|SECRET|PASSWORD)(_ID)?$|_SECRET_|_BEARER_TOKEN_", re.IGNORECASE
)
KEY_PARAMETER = (
    r"key|api[-_]?key|access[-_]?key|subscription[-_]key|[\w-]*token|sig|signature|secret|client[-_]secret|password"
    r"|x-amz-[\w-]*|x-goog-(?:signature|credential)"
)
KEY_PARAMETERS = re.compile(rf"^(?:{KEY_PARAMETER})$", re.IGNORECASE)

# The same in an address somewhere in a text.
SHOWN_PARAMETERS = re.compile(rf"(?<=[?&])({KEY_PARAMETER})=[^&\s\"'<>]+", re.IGNORECASE)
SHOWN_USERINFO = re.compile(r"(?<=://)[^/\s@\"'<>]+@")

# Shapes that providers publish for their keys; each alternative starts with a literal, so that a long text
# without keys costs one scan. What people write ("risk-averse-investors", "bearer responsibilities") is none.
KEY_SHAPES = re.compile(
    r"sk-(?<![A-Za-z0-9]sk-)[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-)
    r"|csk-[A-Za-z0-9]{20,}"  # Cerebras
    r"|AIza[A-Za-z0-9_-]{30,}"  # Google
    r"|ya29\.[A-Za-z0-9_-]{20,}"  # Google OAuth
    r"|AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}"  # AWS
    r"|AWS4-HMAC-SHA256 Credential=[^\s\"]+"
    r"|ABSK[A-Za-z0-9+/]{30,}=*|bedrock-api-key-[A-Za-z0-9+/=_-]{20,}"  # Bedrock's own keys, long-lived and short-lived
    r"|gsk_[A-Za-z0-9]{20,}"  # Groq
    r"|hf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|nvapi-[A-Za-z0-9_-]{20,}"  # Nvidia
    r"|pplx-[A-Za-z0-9]{20,}"  # Perplexity
    r"|r8_[A-Za-z0-9]{30,}"  # Replicate
    r"|xai-[A-Za-z0-9]{20,}"  # xAI
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}"  # GitHub
    r"|glpat-[A-Za-z0-9_-]{20,}"  # GitLab
    r"|xox[abprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON web tokens
    r"|Bearer (?=[a-z._~+/-]*[A-Z0-9])[A-Za-z0-9._~+/-]{16,}=*"
    r"|bearer (?=[a-z._~+/-]*[A-Z0-9])[A-Za-z0-9._~+/-]{16,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)

# Shorter values, and values of letters only, are placeholders ("test", "EMPTY") rather than keys.
SHORTEST_SECRET = 8


class Redactor:
    """Replaces secrets; the same text always becomes the same text, and redacting twice changes nothing."""

    def __init__(self, environ: Mapping[str, str], key_variables: Iterable[str] = ()) -> None:
        """Know the values in `environ` whose variable is named like one that holds a key, or is in `key_variables`."""
        named = set(key_variables)
        secrets = {
            value: name
            for name, value in ((name, held.strip()) for name, held in environ.items())
            if (name in named or SECRET_VARIABLES.search(name)) and _is_secret(value)
        }
        self._names = {spelling: name for value, name in secrets.items() for spelling in _spellings(value)}
        by_length = sorted(self._names, key=len, reverse=True)
        markers = "|".join(map(re.escape, sorted({"key", *secrets.values()})))
        self._pattern = re.compile(
            "|".join([rf"\[redacted (?:{markers})\]", *map(re.escape, by_length), KEY_SHAPES.pattern])
        )

        # A message is sent in two views, a field always again.
        self._recent = lru_cache(maxsize=64)(self._redacted)

    def text(self, text: str) -> str:
        """`text` with every secret replaced."""
        return self._recent(text)

    def _redacted(self, text: str) -> str:
        while any(spelling in text for spelling in self._names) or KEY_SHAPES.search(text):
            shown = self._pattern.sub(self._replacement, text)
            if shown == text:  # what was found stands in markers
                break
            text = shown  # a key may have its shape only now, without the one before it
        return text

    def _replacement(self, found: re.Match[str]) -> str:
        return (
            found[0]
            if found[0].startswith("[redacted ")
            else f"[redacted {self._names.get(found[0], 'key')}]"
        )

    def bytes(self, content: bytes) -> bytes:
        """`content` with every secret replaced, in text or between other bytes."""
        try:
            return self.text(content.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            return self.text(content.decode("latin-1")).encode("latin-1", "replace")

    def shown(self, text: str) -> str:
        """`text` as it is shown to people: addresses in it are without secrets, too."""
        return SHOWN_USERINFO.sub("", SHOWN_PARAMETERS.sub(r"\1=[redacted]", self.text(text)))

    def json(self, value: Any) -> Any:
        """`value` with the secrets in all its texts, names of fields included, replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.json(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return value

    def uri(self, uri: str) -> str:
        """An address without userinfo, key-like query parameters and secrets elsewhere in it."""
        parts = urlsplit(uri)
        host = parts.netloc.rpartition("@")[2]
        query = [pair for pair in parse_qsl(parts.query, True) if not KEY_PARAMETERS.match(pair[0])]
        kept = urlencode([(name, self.text(value)) for name, value in query])
        return self.text(urlunsplit((parts.scheme, host, parts.path, kept, "")))

    def finds_secret(self, line: str) -> bool:
        """Whether a line about to be written still holds one."""
        return self._redacted(line) != line


def _is_secret(value: str) -> bool:
    return len(value) >= SHORTEST_SECRET and not value.isalpha()


def _spellings(value: str) -> set[str]:
    """How a value may stand in JSON, in an address and in a form."""
    return {value, json.dumps(value)[1:-1], quote(value), quote(value, safe=""), quote_plus(value)}


def kept_headers(headers: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, list[str]]:
    """The allowed headers by lower-case name, values as lists, sorted by name."""
    kept = {
        name.lower(): [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
        for name, value in headers.items()
        if name.lower() in allowed
    }
    return dict(sorted(kept.items()))
