"""Facts that a text states in plain English words: names, ages, homes, prices, times, dates, durations, closed days.

A fact is a value of a kind beside words that say what it is about. A sentence contradicts it if it is about the same
and has other values of that kind only. Nothing here draws a conclusion, such as the price of two nights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pytest_duolog.detectors import lexicon, text

# Words are one if so many first letters are the same.
STEM = 5
# A clause is about its first words: "the deposit is two months' rent" is about a deposit.
SUBJECT = 2
NOON = 12


class Kind(StrEnum):
    """What a value is."""

    NAME = "name"
    AGE = "age"
    HOME = "home"
    PRICE = "price"
    TIME = "time"
    DATE = "date"
    DURATION = "duration"
    CLOSED = "closed on"


@dataclass(frozen=True)
class Fact:
    """Values of one kind, what they are about (stems of words, in order), and the sentence that states them."""

    kind: Kind
    values: frozenset[str]
    about: tuple[str, ...]
    sentence: str


_UNITS = {
    word: number
    for number, word in enumerate(
        (
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
            "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
        )
    )
}  # fmt: skip
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_NUMBER_WORD = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?:[- ](?P<unit>{'|'.join(list(_UNITS)[1:10])}))?"
    rf"|(?P<small>{'|'.join(_UNITS)}))\b"
)
_THOUSANDS = re.compile(r"(?<=\d)[, ](?=\d{3}\b)")
_NAME = r"[A-Z][\w'-]+(?: (?:[A-Z][\w'-]+|(?:de|da|van|von|del|al|bin) [A-Z][\w'-]+)){0,2}"
_NAMES = re.compile(
    r"(?:[Mm]y name is|[Yy]our name is|[Cc]all me|[Nn]amed|[Cc]alled|[Yy]ou are|[Yy]ou're"
    r"|^(?:\W*(?:[Hh]i|[Hh]ello|[Hh]ey),? )?(?:I'm|I am)|^[Tt]his is) "
    rf"(?P<name>{_NAME})(?=[,.!?;]| and\b| speaking| here| from| who|$)"
)
_NO_NAMES = frozenset(
    (
        "The",
        "A",
        "An",
        "Your",
        "My",
        "Sorry",
        "Happy",
        "Glad",
        "Sure",
        "Very",
        "So",
        "Not",
        "Here",
        "In",
        "At",
        "On",
        "From",
        "Well",
    )
)
_HOME = re.compile(
    r"\b(?:come from|comes from|live in|lives in|grew up in|from|based in) (?P<home>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
)
_OWN_HOME = re.compile(r"\b(?:I'm|I am|I come|I live|we're|we are|you are|You are|[Yy]ou live|[Yy]ou come)\b")
_AGE = re.compile(
    r"\b(?P<age>\d{1,3})[- ]years?[- ]old\b|\baged (?P<age2>\d{1,3})\b|\bage (?:is|of) (?P<age3>\d{1,3})\b"
    r"|\b(?:i'm|i am|you are) (?P<age4>\d{1,3})(?=[,.!]| and\b|$)"
)
_PRICE = re.compile(
    r"[$€£]\s?(?P<price>\d{1,12}(?:\.\d\d)?)|(?P<price2>\d{1,12}(?:\.\d\d)?)\s?"
    r"(?:[$€£]|(?:euros?|dollars?|pounds?|crowns?|francs?|yen|cents?|eur|usd|gbp)\b)"
)
_CLOCK = re.compile(
    r"\b(?:at|from|to|until|till|by|before|after|around|between|and|opens?|closes?|-)\s?"
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?\s?(?P<half>[ap]\.?m\b)?"
    r"(?!\s?(?:%|euros?|dollars?|pounds?|minutes?|hours?|days?|people|guests|years?|[$€£]|\d|th\b|st\b|nd\b|rd\b))"
    r"|\b(?P<hour2>\d{1,2}):(?P<minute2>[0-5]\d)\s?(?P<half2>[ap]\.?m\b)?"
    r"|\b(?P<hour3>\d{1,2})\s?(?P<half3>[ap]\.?m\b)"
)
_WORDED = (
    (re.compile(r"\bhalf past (\d{1,2})\b"), r"at \1:30"),
    (re.compile(r"\bnoon\b"), "12:00"),
    (re.compile(r"\bmidnight\b"), "0:00"),
)
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_DATE = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{'|'.join(_MONTHS)})\b"
    rf"|\b(?P<month2>{'|'.join(_MONTHS)}) (?P<day2>\d{{1,2}})\b"
)
_DAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
_NO_PLACES = frozenset((*_MONTHS, *(f"{day}day" for day in _DAYS)))
_DURATION = re.compile(r"\b(?P<number>\d+)[ -](?P<unit>minute|hour|day|week|month)s?\b")
_DAY = re.compile(r"\b(mon|tues|wednes|thurs|fri|satur|sun)days?\b")
_CLOSED = re.compile(
    r"\b(?:closed|shut|not open|no service)\b[^.;]{0,60}?\b(?=(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
)
_OPEN = re.compile(r"\b(?:we're|we are|is|are|it's|stays?) open\b[^.;]{0,60}?\bon\b")
# A line of a list of data: "- **Price:** $80".
_FIELD = re.compile(r"[\W_]*\w[\w ]*[*_]*:")
_NOT = re.compile(r"\b(?:not|n't|never|no longer|except|instead of|closed|shut|but)\b")
# Who works out a sum, gives a limit, or speaks of somebody else, contradicts nothing.
_SUM = re.compile(
    r"\b(?:total|altogether|in all|come to|comes to|sum|together|both|twice|half the|discount|off|instead|if|would have"
    r"|used to|last year|before|times|up to|at least|at most|more than|less than|minimum|maximum)\b"
)
_OTHER = re.compile(
    r"\b(?:my|your|his|her|their) (?:wife|husband|brother|sister|mother|father|son|daughter|friend|boss|cousin|aunt"
    r"|uncle|dog|cat|neighbou?r|colleague)\b"
)
_COUNTED = re.compile(
    r"\b(?:two|three|four|five|six|[2-9]) "
    r"(?!minutes|hours|days|weeks|months|years|euros|dollars|pounds|crowns|francs|cents)\w+s\b"
)
_GENERIC = frozenset(
    word[:STEM]
    for word in (
        "cost", "costs", "price", "prices", "open", "opens", "opening", "close", "closes", "closed", "start", "starts",
        "begin", "begins", "take", "takes", "from", "until", "till", "hour", "hours", "day", "days", "night",
        "nights", "year", "years", "old", "sell", "sells", "speak", "speaks", "new", "minute", "minutes", "week",
        "weeks", "month", "months", "morning", "afternoon", "evening", "today", "tomorrow", "each", "person",
        "only", "just", "actually", "sharp", "noon", "midnight", "clock",
    )
)  # fmt: skip


def facts_of(content: str) -> Iterator[Fact]:
    """The facts that a text states, sentence by sentence; questions state none."""
    for sentence in _sentences(content):
        if "?" not in sentence:
            yield from _facts_in(sentence)


def contradicted(facts: Sequence[Fact], content: str) -> tuple[Fact, Fact] | None:
    """The first fact that a message of the speaker contradicts, with what the message says instead."""
    for said in facts_of(content):
        if said.kind in (Kind.NAME, Kind.AGE, Kind.HOME):
            stated = [fact for fact in facts if fact.kind is said.kind]
        else:
            alike = [fact for fact in facts if fact.kind is said.kind and _is_about(fact, said)]
            if not said.about and (_FIELD.match(said.sentence) or len({fact.about for fact in alike}) > 1):
                continue  # it may be the price of anything
            most = max((_shared(fact, said) for fact in alike), default=0)
            stated = [fact for fact in alike if _shared(fact, said) == most]
        if stated and not any(_agree(fact, said) for fact in stated):
            return stated[0], said
    return None


def _is_about(fact: Fact, said: Fact) -> bool:
    """Whether a sentence is about what a fact is about; one about nothing else is, where that is all there is."""
    if said.kind is Kind.CLOSED:
        return True
    subject = said.about[:SUBJECT]
    return subject[:1] in ((), fact.about[:1]) and set(subject) <= set(fact.about)


def _shared(fact: Fact, said: Fact) -> int:
    return len(set(fact.about) & set(said.about))


def _agree(fact: Fact, said: Fact) -> bool:
    if said.kind is Kind.CLOSED:
        opened = {value.removeprefix("open ") for value in said.values if value.startswith("open ")}
        return not opened & fact.values
    if said.kind is Kind.NAME:
        return bool(_name_parts(fact.values) & _name_parts(said.values))
    return bool(fact.values & said.values)


def _name_parts(values: frozenset[str]) -> set[str]:
    return {part.casefold() for value in values for part in value.split()}


def _sentences(content: str) -> Iterator[str]:
    for line in content.splitlines():
        yield from (part for part in re.split(r"(?<=[!?;])\s+|(?<=\.)\s+(?=[A-Z])", line) if part.strip())


def _facts_in(sentence: str) -> Iterator[Fact]:
    is_aside = bool(_OTHER.search(sentence.casefold()))
    if (named := _NAMES.search(sentence)) and named["name"].split()[0] not in _NO_NAMES and not is_aside:
        yield Fact(Kind.NAME, frozenset([named["name"]]), (), sentence)
    home = _HOME.search(sentence)
    is_own = bool(_OWN_HOME.search(sentence) or named) and not is_aside
    if home and is_own and home["home"].casefold().rstrip("s") not in _NO_PLACES:
        yield Fact(Kind.HOME, frozenset([home["home"].casefold()]), (), sentence)
    folded = _numbered(text.fold(sentence))
    if (age := _AGE.search(folded)) and not is_aside:
        yield Fact(Kind.AGE, frozenset([next(filter(None, age.groups()))]), (), sentence)
    of_sentence = _about(folded)
    for clause in re.split(r"[,;](?!\d)| and (?=(?:the|a|an|our|my|it|we|closed|starts?|open)\b)", folded):
        yield from _values_in(clause, of_sentence, sentence)


def _values_in(clause: str, of_sentence: tuple[str, ...], sentence: str) -> Iterator[Fact]:
    about = _about(clause) or of_sentence
    if closed := _CLOSED.search(clause):
        days = frozenset(day[1] for day in _DAY.finditer(clause[closed.start() :]))
        yield Fact(Kind.CLOSED, days, about, sentence)
    elif _OPEN.search(clause) and not _NOT.search(clause):
        days = frozenset(f"open {day[1]}" for day in _DAY.finditer(clause))
        if days:
            yield Fact(Kind.CLOSED, days, about, sentence)
    if _SUM.search(clause) or _COUNTED.search(clause):
        return
    prices = frozenset(_amount(found["price"] or found["price2"]) for found in _PRICE.finditer(clause))
    dates = frozenset(
        f"{found['day'] or found['day2']} {found['month'] or found['month2']}"
        for found in _DATE.finditer(clause)
    )
    durations = frozenset(f"{found['number']} {found['unit']}" for found in _DURATION.finditer(clause))
    times = frozenset() if dates else frozenset(_times(clause))
    for kind, values in (
        (Kind.PRICE, prices),
        (Kind.DATE, dates),
        (Kind.DURATION, durations),
        (Kind.TIME, times),
    ):
        if values:
            yield Fact(kind, values, about, sentence)


def _times(clause: str) -> Iterator[str]:
    """Hours and minutes; an hour up to 12 without a half of the day stands for both."""
    for pattern, plain in _WORDED:
        clause = pattern.sub(plain, clause)
    for found in _CLOCK.finditer(clause):
        hour = int(found["hour"] or found["hour2"] or found["hour3"])
        minute = found["minute"] or found["minute2"] or "00"
        half = (found["half"] or found["half2"] or found["half3"] or "")[:1]
        if half:
            yield f"{hour % NOON + NOON * (half == 'p')}:{minute}"
        else:
            yield f"{hour % (2 * NOON)}:{minute}"
            if hour <= NOON:
                yield f"{(hour + NOON) % (2 * NOON)}:{minute}"


def _amount(number: str) -> str:
    return f"{float(number):g}"


def _numbered(folded: str) -> str:
    """The text with numbers in digits."""
    folded = _THOUSANDS.sub("", folded)
    return _NUMBER_WORD.sub(
        lambda found: str(
            _UNITS[found["small"]]
            if found["small"]
            else _TENS[found["tens"]] + _UNITS.get(found["unit"] or "", 0)
        ),
        folded,
    )


# What is said of a subject, and not the subject.
_VALUE_WORDS = frozenset(
    ("am", "pm", *_MONTHS, *_UNITS, *_TENS, *(f"{day}day" for day in _DAYS), *(f"{day}days" for day in _DAYS))
)


def _about(clause: str) -> tuple[str, ...]:
    """The stems of the words that say what a clause is about."""
    return tuple(
        dict.fromkeys(
            word[:STEM]
            for word in text.words(clause)
            if word.isalpha()
            and word not in _VALUE_WORDS
            and word not in lexicon.FUNCTION_WORDS
            and word[:STEM] not in _GENERIC
            and not _PRICE.fullmatch(f"1 {word}")
        )
    )
