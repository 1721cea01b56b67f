"""Puts stand-ins in the place of the personal details of a dialogue: the same detail gets the same stand-in everywhere.

Stand-ins keep what a test may need: a name is still a name, an address can still be asked for. All are reserved for
examples or cannot exist, so that nobody is reached by accident.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_duolog.mining.detail_words import PARTICLES
from pytest_duolog.mining.details import DetailKind, details_in, is_name_part
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
FORMS = {
    DetailKind.EMAIL: "person{}@example.com",
    DetailKind.PHONE: "+1 202-555-01{:02}",
    DetailKind.CARD: "0000 0000 0000 {:04}",
    DetailKind.IBAN: "XX00 0000 0000 {:04}",
    DetailKind.ADDRESS: "{} Example Street",
    DetailKind.BIRTH_DATE: "1900-01-{:02}",
    DetailKind.ID: "ID-{:06}",
    DetailKind.IP: "192.0.2.{}",
    DetailKind.HANDLE: "user_{}",
}
# Words of stand-ins; they say nothing about what a dialogue is about.
WORDS = frozenset(
    [name.casefold() for name in NAMES] + ["person", "example", "com", "street", "user", "id", "xx00"]
)
# Names of speakers that are no names of people.
ROLES = re.compile(
    r"(?i)model [a-z]+|(?:the )?(?:user|assistant|agent|bot|customer|client|human|ai|system|speaker|tool|gpt|"
    r"caller|guest|support|clerk|operator|wizard|apprentice|kunde|a|b)[ _-]?\w?\d*"
)
# Not more than this many values are looked for at once; a dialogue with more has data, not people.
MOST_VALUES = 2000


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

    def add(self, kind: DetailKind, value: str) -> None:
        """Give a detail its stand-in; one that has one keeps it."""
        if value in self.table:
            return
        if kind is DetailKind.NAME:
            self.table[value] = StandIn(kind, value, " ".join(map(self._part, value.split())))
        else:
            self.table[value] = StandIn(kind, value, self._numbered(kind))

    def _numbered(self, kind: DetailKind) -> str:
        self._counts[kind] += 1
        return FORMS[kind].format(self._counts[kind])

    def _part(self, word: str) -> str:
        """The stand-in of a part of a name, which may also come alone."""
        if word.casefold() in PARTICLES or word.endswith("."):
            return word
        if word not in self.table:
            number = self._counts[DetailKind.NAME]
            self._counts[DetailKind.NAME] += 1
            name = NAMES[number % len(NAMES)] + (
                str(number // len(NAMES) + 1) if number >= len(NAMES) else ""
            )
            self.table[word] = StandIn(DetailKind.NAME, word, name)
        return self.table[word].stand_in

    def replaced(self, value: Any) -> Any:
        """Plain data with stand-ins in its texts; where two values overlap, the longer one is replaced."""
        spelled = {spelling: one.stand_in for one in self.table.values() for spelling in spellings(one)}
        if not spelled:
            return value
        longest = sorted(spelled, key=lambda text: (-len(text), text))[:MOST_VALUES]
        pattern = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in longest))
        return _mapped(value, pattern, spelled)


def spellings(found: StandIn) -> set[str]:
    """A value as it stands in text, and in JSON inside of text; a name of several parts in small letters, too."""
    values = [found.value]
    if found.kind is DetailKind.NAME and " " in found.value:
        values += [found.value.lower(), found.value.upper()]
    return {
        spelled
        for value in values
        for spelled in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    }


def _mapped(value: Any, pattern: re.Pattern[str], stand_ins: dict[str, str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(lambda found: stand_ins[found[0]], value)
    if isinstance(value, list):
        return [_mapped(item, pattern, stand_ins) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, pattern, stand_ins) for key, item in value.items()}
    return value


def with_stand_ins(transcript: Transcript) -> tuple[Transcript, list[StandIn]]:
    """The dialogue with stand-ins, and what was replaced.

    Raises ConfigurationError without the extra `[mine]`.
    """
    found = StandIns()
    for speaker in transcript.speakers:
        if not ROLES.fullmatch(speaker.name) and all(map(is_name_part, speaker.name.split())):
            found.add(DetailKind.NAME, speaker.name)
    for text in _texts(transcript):
        for kind, value in details_in(text):
            found.add(kind, value)
    return transcript.without_secrets(found.replaced), list(found.table.values())


def _texts(transcript: Transcript) -> Iterator[str]:
    for speaker in transcript.speakers:
        yield from filter(None, [speaker.system])
    yield from filter(None, [transcript.opener, transcript.topic])
    for message in transcript.messages:
        yield from filter(None, [message.content, message.reasoning])
        for call in message.tool_calls:
            yield from filter(None, [call.arguments, call.result])
