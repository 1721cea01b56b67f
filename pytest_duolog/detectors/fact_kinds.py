"""Kinds of facts, plain English for facts of other languages and of fields, and the things that somebody has.

Whatever states a fact in German, French, Spanish, Italian, Portuguese or Dutch, or as a field of a list, is replaced by
the English words for it (`facts.toml`), so that one set of rules reads them all.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import resources
from typing import NamedTuple

from pytest_duolog.detectors import text
from pytest_duolog.detectors.number_words import in_digits, without_marks

# Words are one if so many first letters are the same.
STEM = 5

TABLES = tomllib.loads(resources.files(__package__).joinpath("facts.toml").read_text("utf-8"))


class Kind(StrEnum):
    """What a value is."""

    NAME = "name"
    AGE = "age"
    HOME = "home"
    KIN = "name of kin"
    JOB = "job"
    PRICE = "price"
    TIME = "time"
    DATE = "date"
    DURATION = "duration"
    CLOSED = "closed on"
    COUNT = "number"
    MEASURE = "measure"
    YEAR = "year"
    COLOUR = "colour"
    PHONE = "phone number"
    STREET = "street number"
    STATE = "situation"


@dataclass(frozen=True)
class Fact:
    """Values of one kind, what they are about (stems of words, in order), and the sentence that states them.

    `subject` are the words before the value; `is_limit` says that the value bounds something; `is_opening` that a
    time is one at which something opens or closes.
    """

    kind: Kind
    values: frozenset[str]
    about: tuple[str, ...]
    sentence: str
    subject: tuple[str, ...] = ()
    is_limit: bool = False
    is_opening: bool = False


def _replacements(name: str, form: str) -> list[tuple[re.Pattern[str], str]]:
    found = []
    for words, plain in TABLES[name]:
        ending = r" (?=\d)" if words.endswith("~") else r"(?!\w)"
        plain_ending = " " if words.endswith("~") else ""
        found.append(
            (re.compile(form.format(words.rstrip("~"), ending), re.IGNORECASE), plain + plain_ending)
        )
    return found


_REPLACED = [
    *_replacements("labels", r"^[\W_]*(?:{0})[*_]*:[*_]*(?! *$)"),
    *_replacements("names", r"(?<!\w)(?:{0}){1}"),
    *_replacements("words", r"(?<!\w)(?:{0}){1}"),
    (re.compile(rf"(?<=\d) ?(?:{TABLES['oclock']})(?!\w)", re.IGNORECASE), ":00"),
]
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_SAID_MONTHS = "|".join(words for words, plain in TABLES["words"] if plain in MONTHS)
_SENTENCE_END = re.compile(
    r"(?<=[!?;])\s+|(?<=\.)(?<!\bDr\.)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bProf\.)\s+(?=[A-ZÀ-Ý])"
    rf"(?!(?i:{_SAID_MONTHS})\b)"
)
_DAY_ENDS_DOT = re.compile(r"(?<=\b\d)\.(?= (?:[a-z]+)\b)|(?<=\b\d\d)\.(?= (?:[a-z]+)\b)")
# "You are Marcus, 27, a nurse", "I have 42 ans".
_AGE = re.compile(
    r"(?P<who>\b(?:You are [^\W\d][^.;:]{0,40}?,|(?:You|I) (?:have|am|are)) )(?P<age>\d{1,3})"
    rf"(?i: (?:{TABLES['years']})|(?<=, \d\d))(?=[,.;!]| (?:{TABLES['and']})\b|$)"
)
_OWN = re.compile(r"\b(?:we|us|our|me|my|find)\b")
_THEIRS = re.compile(r"\byour (?:\w+ )?(?:number|phone)\b")
# "We have 42 rooms", and not "we have 2 rooms left".
_COUNT = re.compile(
    r"(?:\b(?:i|we|you|there)|^(?:[^\W\d]+['’ ]){0,2}(?P<who>[^\W\d]+)) "
    rf"(?:{TABLES['has']}) (?P<number>\d{{1,6}}) (?P<what>(?:[^\W\d]+ )?[^\W\d]{{3,}})"
    r"(?= *(?:[.,;!]|(?:and|in total|in all|altogether)\b|$))"
)
_COLOUR = re.compile(
    rf"\b(?:{TABLES['shows']})(?: an?)? (?P<colour>{TABLES['colours']}) (?P<what>\w{{3,}})"
    rf"|\b(?:my|our|your) (?P<what2>\w{{3,}}) (?:is|are) (?P<colour2>{TABLES['colours']})\b"
)
_OCCUPATION = (
    rf"{TABLES['article']}(?P<job>[^\W\d]+(?: [^\W\d]+){{0,3}}?)"
    rf"(?= *(?:[.,;!]|(?:{TABLES['after_job']})\b|$))"
)
_JOB = re.compile(rf"\b(?:i|you|i'm|i am|you are) (?:work|working) as an? {_OCCUPATION}")
# The part of a system prompt: "You are Marcus, 27 years old, a nurse from Leeds".
_PART = re.compile(rf"\byou are [^,.;]+, (?:\d+ years old, )?{_OCCUPATION}")
# "I'm a plumber", "I've been a plumber": only what is known as a job.
_IS_JOB = re.compile(
    rf"\b(?:i'm|i am|i've been|i have been) {TABLES['article']}(?:\w+ )?(?P<job>{'|'.join(TABLES['jobs'])})"
    rf"(?= *(?:[.,;!]|(?:{TABLES['after_job']}|all|{TABLES['since']})\b|$))"
)
_PHONE = re.compile(r"(?<![\d#])\+?\d[\d ()/.-]{5,18}\d\b")
_CALLS = re.compile(r"\b(?:phone|telephone|number|call|reach|ring|hotline|tel)\b")
_STREET = re.compile(
    rf"\b(?P<street>(?:{TABLES['streets']})(?: [^\W\d]+){{0,2}}?) (?P<number>\d{{1,4}})\b(?![:.]\d)"
    rf"|\b(?P<number2>\d{{1,4}}) "
    rf"(?P<street2>(?:{TABLES['streets']}) [^\W\d]+|[^\W\d]+(?: [^\W\d]+)?? (?:{TABLES['roads']}))\b"
)
# "6 Uhr" is six in the morning.
_EXACT_HOUR = re.compile(rf"(?<![\d:])(\d)(?= ?(?:{TABLES['oclock']})\b)", re.IGNORECASE)
_HOUR = 60
_WORDED = [
    (re.compile(rf"\b(?:{TABLES[name]})\b", re.IGNORECASE), minutes)
    for name, minutes in (
        ("half_past", 30), ("half_before", -30), ("quarter_past", 15), ("quarter_before", -15)
    )
]  # fmt: skip
_LENGTHS = [
    (re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), plain) for words, plain in TABLES["minutes"]
]
_HALVES = [
    (re.compile(rf"(?<=\d)(?:{TABLES['before_half']})?,? (?:{TABLES[half]})\b", re.IGNORECASE), f" {half}")
    for half in ("am", "pm")
]
_JOBS = [
    (re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), words.split("|")[0]) for words in TABLES["jobs"]
]
_HALF = re.compile(r"(?<=\d):00(?=\d\d\b)")
# "At 10 hours" is a time in French.
_AT_HOURS = re.compile(r"(?:(?<=\bat \d)|(?<=\bat \d\d)) hours\b")
_TITLE = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof)\. (?=[A-Z])")


_NUMBER = re.compile(r"\d+")
_OTHER_NUMBER = re.compile(TABLES["other_number"])
# "24 flats", and no hours, metres or euros.
_LIMITED = "".join(f"(?<!{words} )" for words in ("at most", "at least", "up to", "over", "than"))
_NO_THINGS = "|".join((TABLES["money"], TABLES["years"], *TABLES["units"], TABLES["times"]))
_NUMBERED = re.compile(
    rf"{_LIMITED}(?<![\w.,:/-])(?P<number>\d{{1,6}}) (?!(?:{_NO_THINGS})\b)"
    r"(?P<what>[^\W\d]{3,}(?:s|en|e|i|men|children|people))\b"
)
# "Three sisters on my ward" are others than those that somebody has.
_RESTRICTED = re.compile(r" (?:on|at|for|with|from|who|that|which|left|free)\b")
_STATES = [
    ((one, other), (re.compile(said_of_one), re.compile(said_of_other)))
    for one, said_of_one, other, said_of_other in TABLES["states"]
]
_ASIDE = re.compile(TABLES["states_aside"])


class Plain(NamedTuple):
    """A sentence with numbers in digits and the English words for what states facts, in its own letters and folded."""

    said: str
    folded: str


def plainly(sentence: str, decimal_mark: str | None) -> Plain:
    """What the sentence says in plain English; `decimal_mark` is that of its text, None if it is not known."""
    sentence = in_digits(without_marks(_TITLE.sub("", sentence), decimal_mark))
    for pattern, plain in _LENGTHS:
        sentence = pattern.sub(plain, sentence)
    for pattern, minutes in _WORDED:
        sentence = pattern.sub(partial(_clock, minutes), sentence)
    for pattern, half in _HALVES:
        sentence = pattern.sub(half, sentence)
    sentence = _EXACT_HOUR.sub(r"0\1", sentence)
    for pattern, plain in _REPLACED:
        sentence = pattern.sub(plain, sentence)
    sentence = _AT_HOURS.sub(":00", _DAY_ENDS_DOT.sub("", sentence))
    sentence = re.sub(r"(?<=\d:\d\d):00", "", _HALF.sub(":", sentence))
    sentence = _AGE.sub(r"\g<who>\g<age> years old", sentence)
    return Plain(sentence, in_digits(text.fold(sentence)))  # capitals no longer hide number words


def _clock(past: int, found: re.Match[str]) -> str:
    """Hours and minutes of a time in words."""
    hour, minute = divmod(_HOUR * int(next(filter(None, found.groups()))) + past, _HOUR)
    return f"{hour}:{minute:02}"


def job_of(words: str) -> str | None:
    """A job by the name that all words for it have; None for what is not known as one."""
    return next((job for pattern, job in _JOBS if pattern.search(words)), None)


def sentences(content: str) -> Iterator[str]:
    """The sentences of a text; the day of a date ends none, nor does a title."""
    for line in content.splitlines():
        yield from (part for part in _SENTENCE_END.split(line) if part.strip())


def belongings(folded: str, sentence: str, *, is_prompt: bool) -> Iterator[Fact]:
    """Jobs, counts of things, colours, phone and street numbers in a folded plain sentence."""
    if job := _JOB.search(folded) or (_PART.search(folded) if is_prompt else _IS_JOB.search(folded)):
        yield Fact(Kind.JOB, frozenset(_stems(job_of(job["job"]) or job["job"])), (), sentence)
    for found in _COUNT.finditer(folded):
        yield Fact(
            Kind.COUNT,
            frozenset([found["number"]]),
            _stems(found["what"])[-1:],
            sentence,
            subject=_stems(found["who"] or ""),
        )
    for found in _COLOUR.finditer(folded):
        what = found["what"] or found["what2"]
        yield Fact(Kind.COLOUR, frozenset([found["colour"] or found["colour2"]]), _stems(what), sentence)
    if not is_prompt and (not _OWN.search(folded) or _THEIRS.search(folded)):
        return
    numbers = frozenset(re.sub(r"\D", "", found[0]) for found in _PHONE.finditer(folded))
    if numbers and _CALLS.search(folded):
        yield Fact(Kind.PHONE, numbers, (), sentence)
    for found in _STREET.finditer(folded):
        street = _stems(found["street"] or found["street2"])
        yield Fact(Kind.STREET, frozenset([found["number"] or found["number2"]]), street, sentence)


def numbered(clause: str, folded: str, sentence: str, *, is_prompt: bool) -> Iterator[Fact]:
    """How many there are of what a clause of a folded plain sentence counts; a message may count other ones beside."""
    if not is_prompt and (_OTHER_NUMBER.search(folded) or _ASIDE.search(folded)):
        return
    numbers = frozenset(_NUMBER.findall(folded))
    for found in _NUMBERED.finditer(clause):
        if is_prompt or not _RESTRICTED.match(clause, found.end()):
            values = frozenset([found["number"]]) if is_prompt else numbers
            yield Fact(Kind.COUNT, values, _stems(found["what"]), sentence)


def states(folded: str, sentence: str) -> Iterator[Fact]:
    """What a folded plain sentence says of the situations and rules that exclude each other, where it is about now."""
    if _ASIDE.search(folded):
        return
    for names, patterns in _STATES:
        said = [name for name, pattern in zip(names, patterns, strict=True) if pattern.search(folded)]
        if len(said) == 1:
            yield Fact(Kind.STATE, frozenset(said), names, sentence)


def _stems(phrase: str) -> tuple[str, ...]:
    return tuple(word[:STEM] for word in phrase.split())
