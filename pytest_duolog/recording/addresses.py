"""Addresses as they are stored and matched: without secrets, and independent of the environment.

A parameter with a credential must not be stored and must not affect matching. A parameter that only looks like one
(`key=user-5`, `token=...`) must affect matching, or the response to another request would be replayed. Therefore

1. values that are known to be credentials (from variables, or by their shape) become `[redacted NAME]`, which matches
   any other value, because it depends on the environment;
2. signatures that expire, with their times, become `[redacted key]`;
3. other values of parameters with a name like a credential become `[redacted token HASH]` and must be equal; the same
   value in a body gets the same marker, so that a value from a response can be sent later;
4. all other values are kept (`page_token` marks a position and is not a credential).

A request can have several names. A request of a function to a provider's address is stored with the provider's name
(`duolog://openai/...`), because the provider's address depends on the environment, and also with a hash of the address
itself, because the function may have set that address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, quote_plus, unquote_plus, urlencode, urlsplit, urlunsplit

from pytest_duolog.recording.secret_names import is_place, kind_of
from pytest_duolog.recording.secret_spans import token_marker

# Pairs of a provider and one of its URLs.
BaseUrls = Sequence[tuple[str, str]]

_FIRST = (
    r"key|api[-_]?key|access[-_]?key|subscription[-_]key|[\w-]*token|sig|signature|secret|client[-_]secret|password"
    r"|x-amz-[\w-]*|x-goog-(?:signature|credential)"
)
KEY_PARAMETER = (
    rf"{_FIRST}|jwt|ticket|sid|sess(?:ion)?[-_]?(?:id|key)|jsessionid|phpsessid|t?otp|passcode|pwd|auth|assertion"
    r"|saml(?:response|request)|bearer|hmac|pat|magic[-_]?link|invite"
)
KEY_PARAMETERS = re.compile(rf"^(?:{KEY_PARAMETER})$", re.IGNORECASE)
# Those that format 1 of cassettes left out.
_FIRST_PARAMETERS = rf"(?i)^(?:{_FIRST})$"

# Signatures that expire: if an address has all parameters of the first set, those of the second change with every
# request.
TIMED_SIGNATURES = (
    ({"x-amz-signature"}, r"x-amz-.*"),  # AWS
    ({"x-goog-signature"}, r"x-goog-.*"),  # Google
    ({"sig", "sv"}, r"sig|st|se|skt|ske|skoid|sktid"),  # Azure's shared access signatures
    (
        {"signature", "expires"},
        r"signature|expires|awsaccesskeyid|googleaccessid|key-pair-id|policy",
    ),
)

MARKER = re.compile(r"\[redacted [^\[\]]*\]")
ESCAPED_MARKER = re.compile(r"%5Bredacted(?:\+|%20)[^&#]*?%5D", re.IGNORECASE)
# The marker of a value that depends on the environment; it matches any other value.
ANYTHING = re.compile(r"\[redacted (?!token [0-9a-f]{8}\])[^\[\]]*\]")
USUAL_PORT = re.compile(r"^(http://[^/?#]*):80(?=[/?#]|$)|^(https://[^/?#]*):443(?=[/?#]|$)")


class Address(NamedTuple):
    """The address of a request: `uri` is shown and stored, `names` are its other names."""

    uri: str
    names: frozenset[str] = frozenset()


def without_secrets(uri: str, redacted: Callable[[str], str], credentials: Mapping[str, str]) -> str:
    """An address without userinfo, fragment and secret values of parameters.

    `redacted` removes known secrets from a text; `credentials` are the values of variables, of any length.
    """
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    query = parse_qsl(parts.query, keep_blank_values=True)
    changes = _changing(query)
    shown = []
    for name, value in query:
        if changes(name):
            known = "[redacted key]"
        elif value and is_credential(name):
            known = "[redacted key]" if value in credentials else _hidden(redacted(value))
        else:
            known = quote_plus(redacted(value))
        shown.append(f"{quote_plus(redacted(name))}={known}")
    return urlunsplit((parts.scheme, host, parts.path, "&".join(shown), ""))


def lasting_parameters(uri: str) -> str:
    """The query of an address without credentials and signatures, which differ from request to request."""
    query = parse_qsl(urlsplit(uri).query, keep_blank_values=True)
    changes = _changing(query)
    return urlencode([(name, value) for name, value in query if not (changes(name) or is_credential(name))])


def _changing(query: Sequence[tuple[str, str]]) -> Callable[[str], bool]:
    """Whether a parameter of this query, by its name, is one of a signature that expires."""
    names = {name.lower() for name, _ in query}
    timed = [changing for signs, changing in TIMED_SIGNATURES if signs <= names]
    return lambda name: any(re.fullmatch(changing, name.lower()) for changing in timed)


def with_plain_markers(uri: str) -> str:
    """The address with unescaped markers of secrets, in case a library has escaped them."""
    return ESCAPED_MARKER.sub(lambda found: unquote_plus(found[0]), uri)


def is_credential(name: str) -> bool:
    """Whether a parameter's name is that of a credential."""
    return not is_place(name) and (KEY_PARAMETERS.match(name) is not None or kind_of(name) is not None)


def _hidden(value: str) -> str:
    """The marker for a value; if a part of it is a known secret, the rest does not matter."""
    found = MARKER.search(value)
    return found[0] if found else token_marker(value)


def address_of(uri: str, base_urls: BaseUrls) -> Address:
    """The address of a request without secrets, with all its names."""
    uri = _normal(uri)
    if not uri.startswith(("http://", "https://")):
        return Address(uri)
    found = [
        (len(base_url), f"duolog://{provider}{uri[len(base_url) :]}")
        for provider, base_url in base_urls
        if uri.startswith(_normal_base(base_url))
    ]
    names = {name for _, name in found} | {hash_of(uri)}
    longest = max(found, key=lambda one: one[0], default=(0, uri))[1]
    return Address(longest, frozenset(names - {longest}))


def hash_of(uri: str) -> str:
    """The hash of an address that is stored with a provider's name; it does not reveal the provider's address."""
    return hashlib.sha256(ANYTHING.sub("[redacted]", uri).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _normal(uri: str) -> str:
    """An address in its normal form: lower case up to the path, and no default port."""
    scheme, separator, rest = uri.partition("://")
    host = re.match(r"[^/?#]*", rest)[0]  # type: ignore[index]  # it matches nothing, too
    normal = f"{scheme.lower()}{separator}{host.lower()}{rest[len(host) :]}"
    return USUAL_PORT.sub(lambda found: found[1] or found[2], normal)


@lru_cache
def _normal_base(base_url: str) -> str:
    return f"{_normal(base_url)}/"


def is_same_address(recorded: str, sent: str) -> bool:
    """Whether two addresses are equal except for credentials from the environment."""
    if recorded == sent:
        return True
    if not (ANYTHING.search(recorded) or ANYTHING.search(sent)):
        return False
    (one, _, first), (other, _, second) = recorded.partition("?"), sent.partition("?")
    left, right = parse_qsl(first, keep_blank_values=True), parse_qsl(second, keep_blank_values=True)
    return one == other and len(left) == len(right) and all(map(_is_same_parameter, left, right))


def _is_same_parameter(recorded: tuple[str, str], sent: tuple[str, str]) -> bool:
    if recorded == sent:
        return True
    is_of_environment = any(ANYTHING.search(value) for _, value in (recorded, sent))
    return recorded[0] == sent[0] and is_credential(sent[0]) and is_of_environment


def without_key_parameters(uri: str) -> str:
    """An address as format 1 stored it: without parameters that have a name like a credential."""
    parts = urlsplit(uri)
    query = parse_qsl(parts.query, keep_blank_values=True)
    return urlunsplit(
        parts._replace(query=urlencode([pair for pair in query if not re.match(_FIRST_PARAMETERS, pair[0])]))
    )


def real_uri(uri: str, base_urls: BaseUrls) -> str:
    """The address with a provider's base URL instead of its name, if it has one."""
    for provider, base_url in base_urls:
        if uri.startswith(f"duolog://{provider}/"):
            return base_url + uri[len(f"duolog://{provider}") :]
    return uri
