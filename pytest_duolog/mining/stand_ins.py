"""Puts stand-ins in the place of the personal details of a dialogue: the same detail gets the same stand-in everywhere.

Stand-ins keep what a test may need: a name is still a name, an address can still be asked for. All are reserved for
examples or cannot exist, so that nobody is reached by accident.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from ipaddress import IPv6Address
from itertools import pairwise
from typing import Any, NamedTuple

from pytest_duolog.mining.detail_words import PARTICLES, TITLE
from pytest_duolog.mining.details import DetailKind
from pytest_duolog.mining.fields import details_of, with_replaced
from pytest_duolog.mining.given_names import is_common
from pytest_duolog.mining.names import is_name_part, name_answered
from pytest_duolog.transcripts.transcript import Transcript

# Names that fit people of any kind. Words of dialogues are not among them.
NAMES = (
    *(
        "Robin",
        "Avery",
        "Quinn",
        "Rowan",
        "Emery",
        "Marlow",
        "Sasha",
        "Tatum",
        "Ellis",
        "Arden",
        "Briar",
        "Darcy",
    ),
    *(
        "Finley",
        "Harlow",
        "Jules",
        "Kendall",
        "Lennox",
        "Morgan",
        "Noor",
        "Oakley",
        "Palmer",
        "Reese",
        "Sawyer",
        "Teagan",
    ),
)
# The networks for documentation (RFC 5737); after them comes the one of IPv6 (RFC 3849).
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
HOSTS = 254
NETWORK_OF_IPV6 = IPv6Address("2001:db8::")


def _phone(number: int) -> str:
    """One of the numbers for fiction, 555-0100 to 555-0199, which every area code of North America has."""
    area, last = divmod(number, 100)
    return f"+1 {202 + area % 798}-555-01{last:02}"


def _card(number: int) -> str:
    """A card of an issuer that does not exist: none begins with 0."""
    return " ".join(re.findall("....", f"{number:016}"))


def _iban(number: int) -> str:
    """An account in a country that does not exist."""
    return "XX00 " + " ".join(re.findall("....", f"{number:012}"))


def _birth_date(number: int) -> str:
    """A day on which nobody who lives was born."""
    return str(date(1900, 1, 1) - timedelta(days=(number - 1) % 690_000))


def _ip(number: int) -> str:
    network, host = divmod(number - 1, HOSTS)
    return f"{NETWORKS[network]}.{host + 1}" if network < len(NETWORKS) else str(NETWORK_OF_IPV6 + number)


# The stand-in with a number, from 1.
FORMS: Mapping[DetailKind, Callable[[int], str]] = {
    DetailKind.EMAIL: "person{}@example.com".format,
    DetailKind.PHONE: _phone,
    DetailKind.CARD: _card,
    DetailKind.IBAN: _iban,
    DetailKind.ADDRESS: "{} Example Street".format,
    DetailKind.BIRTH_DATE: _birth_date,
    DetailKind.ID: "ID-{:06}".format,
    DetailKind.IP: _ip,
    DetailKind.HANDLE: "user_{}".format,
}
# Words of stand-ins; they say nothing about what a dialogue is about.
WORDS = frozenset(
    [name.casefold() for name in NAMES] + ["person", "example", "com", "street", "user", "id", "xx00"]
)
# Names of speakers that are no names of people: a role, alone or with a number or a letter.
ROLES = re.compile(
    r"(?i)model [a-z]+|[ab][ _-]?\d*|(?:the )?(?:user|assistant|agent|bot|customer|client|human|ai|system|speaker|tool|"
    r"gpt|caller|guest|support|clerk|operator|wizard|apprentice|kunde)(?:[ _-]?\d+|[ _-]\w\d*|(?-i:[A-Z]\d*))?"
)
# What stands before the name of a person.
BEFORE_NAME = re.compile(
    rf"(?i)(?:{TITLE}|user|assistant|agent|customer|client|human|speaker|caller|guest|support|clerk|operator|patient|"
    r"passenger|student|teacher|advisor|captain|manager|judge|president|senator|minister|rep|representative|"
    r"kunde|kundin|the)\.?"
)
# A text in steps at which a value may begin: a word, or one other sign. The line break of an escaped text is no part of
# the word after it.
ESCAPE = re.compile(r"\\[nrt]")
STEP = re.compile(rf"{ESCAPE.pattern}|\w+|[^\w\s]")


class StandIn(NamedTuple):
    """A value of the log and what stands in its place."""

    kind: DetailKind
    value: str
    stand_in: str


@dataclass
class StandIns:
    """The stand-ins of one dialogue, in the order in which their values come."""

    table: dict[str, StandIn] = field(default_factory=dict)
    _counts: Counter[DetailKind] = field(default_factory=Counter)
    # The stand-ins of the parts of names, which are the same in any letters.
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, kind: DetailKind, value: str) -> None:
        """Give a detail its stand-in; one that has one keeps it."""
        value = value.strip()
        if not value or value in self.table:
            return
        if kind is DetailKind.NAME:
            first, *rest = value.split()
            is_name = not rest or (first.istitle() and not first.endswith("."))
            parts = [(self._word if is_name else self._part)(first), *map(self._part, rest)]
            self.table[value] = StandIn(kind, value, " ".join(parts))
        else:
            self.table[value] = StandIn(kind, value, self._numbered(kind))

    def _numbered(self, kind: DetailKind) -> str:
        self._counts[kind] += 1
        return FORMS[kind](self._counts[kind])

    def _part(self, word: str) -> str:
        """The stand-in of a part of a name, which may also come alone."""
        if word.casefold() in PARTICLES or word.endswith("."):
            return word
        return self._word(word)

    def _word(self, word: str) -> str:
        if word not in self.table:
            same = word.casefold()
            if same not in self._names:
                round_, number = divmod(len(self._names), len(NAMES))
                self._names[same] = NAMES[number] + (str(round_ + 1) if round_ else "")
            self.table[word] = StandIn(DetailKind.NAME, word, self._names[same])
        return self.table[word].stand_in

    def replaced(self, value: Any) -> Any:
        """Plain data with stand-ins in its texts; where two values overlap, the longer one is replaced."""
        return _mapped(value, _Replacing(self.table.values())) if self.table else value


class _Replacing:
    """Replaces values in a text, in time that hardly depends on how many there are."""

    def __init__(self, found: Iterable[StandIn]) -> None:
        ones = list(found)
        self._stand_ins = {spelling: one.stand_in for one in ones for spelling in spellings(one)}
        self._stand_ins |= {one.value: one.stand_in for one in ones}
        lengths: dict[str, set[int]] = defaultdict(set)
        for spelling in self._stand_ins:
            if step := STEP.match(spelling):
                lengths[step[0]].add(len(spelling))
        # How long the values are that begin with a step, the longest first.
        self._lengths = {step: sorted(of_step, reverse=True) for step, of_step in lengths.items()}

    def __call__(self, text: str) -> str:
        parts: list[str] = []
        done = 0
        for step in STEP.finditer(text):
            start = step.start()
            is_inside = _is_word(text[start - 1 : start]) and not ESCAPE.fullmatch(
                text, max(0, start - 2), start
            )
            if start < done or step[0] not in self._lengths or is_inside:
                continue
            for length in self._lengths[step[0]]:
                end = start + length
                if (value := text[start:end]) in self._stand_ins and not _is_word(text[end : end + 1]):
                    parts += [text[done:start], self._stand_ins[value]]
                    done = end
                    break
        return "".join([*parts, text[done:]])


def spellings(found: StandIn) -> set[str]:
    """A value as it stands in text, and in JSON inside of text; a name in any letters, unless it is a word, too."""
    values = [found.value]
    if found.kind is DetailKind.NAME and not is_common(found.value):
        values += [found.value.lower(), found.value.upper(), found.value.title()]
    return {
        spelled
        for value in values
        for spelled in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    }


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _mapped(value: Any, replaced: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return with_replaced(value, replaced)
    if isinstance(value, list):
        return [_mapped(item, replaced) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, replaced) for key, item in value.items()}
    return value


def names_in(speaker: str) -> Iterator[str]:
    """The names of people in the name of a speaker, without titles and roles: `Customer Mia Silva`, `Mia (agent)`."""
    for part in re.split(r"[()\[\]{},;:/|]", speaker):
        words = part.split()
        while words and BEFORE_NAME.fullmatch(words[0]):
            del words[0]
        name = " ".join(words)
        if (
            words
            and not ROLES.fullmatch(part.strip())
            and not ROLES.fullmatch(name)
            and all(map(is_name_part, words))
        ):
            yield name


def with_stand_ins(transcript: Transcript) -> tuple[Transcript, list[StandIn]]:
    """The dialogue with stand-ins, and what was replaced.

    Raises ConfigurationError without the extra `[mine]`.
    """
    found = StandIns()
    for speaker in transcript.speakers:
        for name in names_in(speaker.name):
            found.add(DetailKind.NAME, name)
    for text in _texts(transcript):
        for kind, value in details_of(text):
            found.add(kind, value)
    for question, answer in pairwise(message.content for message in transcript.messages):
        if question and answer and (answered := name_answered(question, answer)):
            found.add(DetailKind.NAME, answered)
    return transcript.without_secrets(found.replaced), list(found.table.values())


def _texts(transcript: Transcript) -> Iterator[str]:
    for speaker in transcript.speakers:
        yield from filter(None, [speaker.system])
    yield from filter(None, [transcript.opener, transcript.topic])
    for message in transcript.messages:
        yield from filter(None, [message.content, message.reasoning])
        for call in message.tool_calls:
            yield from filter(None, [call.arguments, call.result])
