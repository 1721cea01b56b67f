"""Keys never reach a cassette: what is dropped, what is replaced, and a last look before writing.

Of headers only an allow-list is kept, both ways. Of an address the userinfo and key-like query parameters
are dropped. In texts, values of environment variables that hold keys, and strings shaped like keys, are
replaced. All of it happens before matching, so that a recording made with a key replays without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

REQUEST_HEADERS = frozenset({"content-type", "accept"})
RESPONSE_HEADERS = frozenset({"content-type", "content-encoding", "location", "retry-after"})

SECRET_VARIABLES = re.compile(r"_(API_?)?(KEY|TOKEN|SECRET|PASSWORD)(_ID)?$|_SECRET_", re.IGNORECASE)
SECRET_PARAMETERS = re.compile(
    r"^(key|api[-_]?key|.*token|sig|signature|secret|password|x-amz-.*|x-goog-(signature|credential))$",
    re.IGNORECASE,
)

# Shapes that providers publish for their keys; each alternative starts with a literal, so that a long text
# without keys costs one scan.
KEY_SHAPES = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-)
    r"|AIza[A-Za-z0-9_-]{30,}"  # Google
    r"|ya29\.[A-Za-z0-9_-]{20,}"  # Google OAuth
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS
    r"|AWS4-HMAC-SHA256 Credential=[^\s\"]+"
    r"|gsk_[A-Za-z0-9]{20,}"  # Groq
    r"|hf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|gh[pousr]_[A-Za-z0-9]{30,}"  # GitHub
    r"|github_pat_[A-Za-z0-9_]{30,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON web tokens
    r"|[Bb]earer [A-Za-z0-9._~+/-]{16,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)

# Shorter values, and values of letters only, are placeholders ("test", "EMPTY") rather than keys.
SHORTEST_SECRET = 8


class Redactor:
    """Replaces secrets; the same text always becomes the same text, and redacting twice changes nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._values = sorted(
            (
                (value, name)
                for name, value in ((name, held.strip()) for name, held in environ.items())
                if SECRET_VARIABLES.search(name) and len(value) >= SHORTEST_SECRET and not value.isalpha()
            ),
            key=lambda pair: -len(pair[0]),
        )

    def text(self, text: str) -> str:
        """`text` with every secret replaced; the very same object if there is none."""
        redacted = text
        for value, name in self._values:
            if value in redacted:
                redacted = redacted.replace(value, f"[redacted {name}]")
        redacted = KEY_SHAPES.sub("[redacted key]", redacted)
        return text if redacted == text else redacted

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
        query = [pair for pair in parse_qsl(parts.query, True) if not SECRET_PARAMETERS.match(pair[0])]
        return self.text(urlunsplit((parts.scheme, host, parts.path, urlencode(query), "")))

    def finds_secret(self, line: str) -> bool:
        """Whether a line about to be written still holds one."""
        return self.text(line) is not line


def kept_headers(headers: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, list[str]]:
    """The allowed headers by lower-case name, values as lists, sorted by name."""
    kept = {
        name.lower(): [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
        for name, value in headers.items()
        if name.lower() in allowed
    }
    return dict(sorted(kept.items()))
