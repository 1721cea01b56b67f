"""Recognises names of secrets: `DB_PASSWORD`, `"apiKey": ...`, `?api_key=...`, `client_secret = '...'`.

A name is split into words, so that `PATH` does not contain `pat`, nor `KEYBOARD` a key. Environment variables and names
in texts have different rules. A variable with such a name has a secret; its value can be any text except a path, an
address or a switch. Names and values in texts are mostly code, prose and documentation, so there the value must look
like a secret, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from pytest_duolog.dataclass import dataclass
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.shapes import is_random


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Shorter values are not replaced: they occur in too many words.
SHORTEST = 8
SHORTEST_PASSWORD = 6
# A value with only letters may be a word; one with this length is a pass phrase.
SHORTEST_LETTERS = 12
SHORTEST_TOKEN = 16
LONGEST_NAME = 100

PASSWORDS = _listed("password passwd passphrase passcode pwd pass passwort")
SECRETS = PASSWORDS | _listed("secret credential authorization apikey connstr")
# Words before `key` that make it a secret; a primary key or a sort key is not one.
SECRET_KEYS = _listed(
    "api access account application auth client deploy encryption fastly functions host license master "
    "private secret "
    "service shared "
    "signing ssh storage subscription webhook"
)
# A token with one of these words is meant to be sent back, or marks a position in a text.
PLACES = _listed(
    "page next previous prev continuation continue pagination sync cursor scroll resume delta change "
    "start end begin eos bos pad unk stop mask sep cls skip"
)
# Words that can be joined to others: `PGPASSWORD`, `GITHUBTOKEN`, `MYAPIKEY`.
GLUED = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "apikey",
    "credential",
    "accesskey",
    "secretkey",
)

# Words of environment variables with secrets; words that make them harmless; and last words of variables that only
# describe a secret.
VARIABLES = SECRETS | _listed("key token auth oauth pat dsn jwt bearer cookie creds cred webhook")
HARMLESS = _listed("public publishable primary foreign sort partition max min limit budget count num")
ABOUT = _listed(
    "path file dir directory folder sock socket host hostname port url uri endpoint type mode method "
    "name user "
    "username ttl expiry expires expiration length size region enabled disabled required algorithm "
    "alg format prefix "
    "header issuer audience scope scopes provider domain layout timeout version parallelism backend "
    "server class cmd "
    "command helper policy realm strategy flow env"
)
WORKING_DIRECTORIES = _listed("PWD OLDPWD")

_PLACEHOLDERS = _listed(
    "true false none null nil undefined yes no on off empty required optional enabled disabled "
    "string text number "
    "boolean object array bytes default value password passwd passphrase passcode pwd pass secret "
    "token key apikey "
    "credential credentials hidden masked redacted basic bearer digest oauth oauth2 username admin "
    "testing example "
    "sample unknown invalid missing incorrect changeme foobar placeholder anonymous localhost private public "
    "development production staging letmein include same-origin same-site session current expired not-set n/a"
)
_PLACEHOLDER = re.compile(
    r"\$\{.*\}|\$\(.*\)|\$[A-Z_][A-Z0-9_]*|%\w+%|%\(\w+\)s|%s|\{\{?[\w .$-]*\}?\}|<[^<>]*>|\[redacted [^\[\]]*\]"
    r"|([*.xX_-])\1*|\.{2,}.*|(?i:your|insert|enter|replace|change|put|add)[-_ ][-_ A-Za-z]*"
    r"|(?i:your(?:api)?(?:key|token|secret|password)(?:here)?)"
    r"|(?:op|vault|ref|secretref|awskms|gcpkms)://.*|arn:aws.*",
    re.DOTALL,
)
_SENTENCE_WORDS = _listed(
    "the and for are was has have not you your can must may will with that this from should "
    "characters least enter "
    "please required invalid password does match field value cannot blank been used too short long than"
)
_USUAL_FOLDERS = _listed(
    "usr bin sbin etc home root tmp var opt run mnt private Users Volumes dev proc sys lib srv work "
    "workspace app data "
    "builds github nix snap Applications Library"
)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*+(?:(?:\.|->|::)[A-Za-z_$][\w$]*+)*+")
_CODE_WORD = re.compile(
    r"(?:^|[_.])(?:pass\w*|pwd|tokens?|secrets?|keys?|creds?|credentials?|auth|env\w*|config|conf|args?)\d*(?:$|[_.])"
)
_CODE_NAME = re.compile(r"(?:new|old|my|user|db)?_?(?:password|passwd|pass|pwd|token|secret|key)_?[0-9]{0,2}")
_SPACE, _DIGIT = re.compile(r"\s"), re.compile(r"\d")
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")


class Kind(Enum):
    """What a name means: a secret, or a value that is a secret if it looks like one."""

    SECRET = "secret"  # noqa: S105  # a word
    TOKEN = "token"  # noqa: S105


@lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind | None:
    """The kind of the name of a field, a parameter, a header or an assignment; None if it is not a secret's name."""
    words = _words(name)
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in ("base", "value", "id", "confirmation")):
        words = words[:-1]
    if not words or PLACES & set(words):
        return None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "pass" and before not in ("", "db", "user", "smtp", "mail", "ftp", "admin"):
        return None
    if last in SECRETS or last.endswith(GLUED):
        return Kind.SECRET
    if (last == "key" and before in SECRET_KEYS) or (before, last) == ("connection", "string"):
        return Kind.SECRET
    return Kind.TOKEN if last == "auth" or last.endswith("token") else None


def is_place(name: str) -> bool:
    """Whether a name is that of a position marker to be sent back: `page_token`, `next_key`."""
    return bool(PLACES & set(_words(name)))


def _words(name: str) -> list[str]:
    """The words of a name in lower case; `api_keys` becomes singular, but `max_tokens` is a number and stays plural."""
    words = [word.lower() for word in _WORD_ENDS.split(name[: LONGEST_NAME + 1]) if word]
    if len(name) > LONGEST_NAME or not words:
        return []
    one = words[-1].removesuffix("s")
    is_plural = one in ("password", "secret", "credential", "apikey")
    if is_plural or (one == "key" and words[-2:-1] and words[-2] in SECRET_KEYS):
        words[-1] = one
    return words


@lru_cache(maxsize=256)  # a text made to be slow has one and the same at every step
def is_secret_in_text(kind: Kind, value: str, *, is_whole: bool) -> bool:
    """Whether the value next to such a name looks like a secret.

    `is_whole` says that the value is a complete text: a string in code, or a field of a JSON object.
    """
    value = value.strip()
    if not (is_whole or value.isalpha() or _DIGIT.search(value)):
        return False
    if len(value) < 4 or is_placeholder(value) or (not is_whole and _is_code(value)):
        return False
    if kind is Kind.TOKEN:
        return len(value) >= SHORTEST_TOKEN and _is_one_word(value) and is_random(value)
    return _looks_like_password(value, is_whole=is_whole)


def _looks_like_password(value: str, *, is_whole: bool) -> bool:
    if _SPACE.search(value):
        return is_whole and _is_pass_phrase(value)
    if value[0] in ",;:)]}" or value[-1] in "([{":  # text between two strings
        return False
    if value.isalpha():
        return len(value) >= (
            SHORTEST_PASSWORD if is_whole else SHORTEST_TOKEN if is_word(value) else SHORTEST
        )
    if value.isdigit() and is_whole:
        return True
    return len(value) >= SHORTEST_PASSWORD


def is_word(letters: str) -> bool:
    """Whether letters have the case of a normal word or identifier: `hello`, `HELLO`, `userName`, `dbURL`."""
    return (
        letters.isupper() or re.fullmatch(r"[A-Z]?[a-z]+(?:[A-Z][a-z]{2,}|[A-Z]{2,4}+)*", letters) is not None
    )


def _is_one_word(value: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._~+/=:%|-]+", value) is not None


def _is_code(value: str) -> bool:
    """Whether a value is an expression: `self.token2`, `DB_PASSWORD_1`, `settings.API_KEY`."""
    if not _IDENTIFIER.fullmatch(value):
        return False
    is_chain = "." in value or "::" in value or "->" in value
    is_named_so = "_" in value and _CODE_WORD.search(value.lower()) is not None
    return is_chain or is_named_so or _CODE_NAME.fullmatch(value.lower()) is not None


def _is_pass_phrase(value: str) -> bool:
    """Whether a text is four or more lower-case words and not a sentence: "correct horse battery staple"."""
    words = value.split()
    is_plain = all(len(word) >= 3 and word.isalpha() and word.islower() for word in words)
    return len(words) >= 4 and is_plain and not _SENTENCE_WORDS & set(words)


def is_placeholder(value: str) -> bool:
    """Whether a value is a placeholder: `<your key>`, `${KEY}`, `***`, `none`, `changeme`."""
    return value.lower() in _PLACEHOLDERS or _PLACEHOLDER.fullmatch(value) is not None


@dataclass(frozen=True)
class EnvironmentRules:
    """Decides which variables have secrets: by their names, and by the user's rules.

    A rule is the name of a variable, `*` and `?` allowed, whose value is a secret; with `!` before it, the value is not
    a secret. The last rule that matches decides.
    """

    rules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a rule that cannot be the name of a variable."""
        for rule in self.rules:
            if not re.fullmatch(r"!?[\w*?]+", rule):
                raise ConfigurationError(
                    f"duolog_secrets: {rule!r} is not the name of an environment variable (accepted: "
                    "names, with `*` and `?`; `!` before a name that has no secret)"
                )

    def secrets(self, environ: Mapping[str, str], named: Sequence[str] = ()) -> dict[str, str]:
        """The secret values, and secret parts of values, each with the name of its variable.

        `named` are variables that have secrets regardless of their names.
        """
        found: dict[str, str] = {}
        for name, value in environ.items():
            is_secret = self._given(name, is_named=name in named)
            if is_secret is not False:
                for secret in secrets_in(name, value.strip(), is_given=is_secret is True):
                    found.setdefault(secret, name)
        return found

    def _given(self, name: str, *, is_named: bool) -> bool | None:
        for rule in reversed(self.rules):
            if fnmatchcase(name, rule.removeprefix("!")):
                return not rule.startswith("!")
        return is_named or None


def secrets_in(name: str, value: str, *, is_given: bool = False) -> Iterator[str]:
    """The secret parts of a variable's value; with `is_given`, the value is a secret regardless of its name."""
    yield from _of_address(value)
    if not (is_given or holds_secret(name)):
        return
    is_password = any(
        word in PASSWORDS or word.endswith(("password", "passwd", "pwd")) for word in _words(name)
    )
    if len(value) >= SHORTEST if is_given else is_secret_value(value, is_password=is_password):
        yield value
    for part in map(str.strip, re.split(r"[\n,;]+", value)):  # several keys, or lines, which may occur alone
        has_digit = any(map(str.isdigit, part))
        if part != value and len(part) >= SHORTEST_TOKEN and has_digit and is_secret_value(part):
            yield part
    if scheme := re.fullmatch(r"(?i:basic|bearer|token|apikey)\s+(\S{8,})", value):
        yield scheme[1]


def secrets_in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """The secret values of request headers, without the scheme and without values from variables."""
    for name, text in headers.items():
        value = re.sub(r"^(?i:basic|bearer|token|apikey|bot)\s+", "", text.strip())
        if "${" not in value and (kind_of(name) or name.lower() == "cookie") and is_secret_value(value):
            yield value


def _of_address(value: str) -> Iterator[str]:
    """The password in an address, decoded and encoded; the address itself is found by its form."""
    if "://" not in value or "@" not in value:
        return
    try:
        password = urlsplit(value).password or ""
    except ValueError:
        return
    yield from {found for found in (password, unquote(password)) if is_secret_value(found, is_password=True)}


@lru_cache(maxsize=4096)
def holds_secret(variable: str) -> bool:
    """Whether a variable with this name has a secret."""
    if variable in WORKING_DIRECTORIES:
        return False
    words = [
        word[:-1] if word.endswith("s") and word[:-1] in VARIABLES else word for word in _words(variable)
    ]
    hits = {word for word in words if word in VARIABLES or word.endswith((*GLUED, "token"))}
    if {"connection", "string"} <= set(words):
        return True
    if not hits or HARMLESS & set(words):
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "id":
        return before in ("key", "secret", "token")
    return last not in ABOUT or (last in ("url", "uri") and "webhook" in hits)


def is_secret_value(value: str, *, is_password: bool = False) -> bool:
    """Whether a value can be a secret: not a switch, path or address, and longer than a usual word."""
    if is_placeholder(value) or _is_path(value) or _is_plain_address(value):
        return False
    if value.isalpha():
        return len(value) >= SHORTEST_LETTERS or (len(value) >= SHORTEST and not is_word(value))
    return len(value) >= (SHORTEST_PASSWORD if is_password else SHORTEST)


def _is_path(value: str) -> bool:
    if re.match(r"(?:~|\.{1,2})?[/\\]|~$|[A-Za-z]:[/\\]", value) is None or "\n" in value:
        return False
    if not value.startswith("/"):
        return True
    return value.split("/")[1] in _USUAL_FOLDERS or not is_random(value)


def _is_plain_address(value: str) -> bool:
    """Whether a value is an address without a secret."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    is_open = "@" not in parts.netloc and not is_random(parts.query) and not is_random(parts.path)
    return "://" in value and is_open
