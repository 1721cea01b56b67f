"""Facts that a text states in plain words: names, ages, homes, jobs, prices, times, dates, counts and the like.

A fact is a value of a kind beside words that say what it is about. A sentence contradicts it if it is about the same
and has other values of that kind only. Nothing here draws a conclusion, such as the price of two nights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_duolog.detectors import languages, lexicon, text
from pytest_duolog.detectors.fact_kinds import (
    MONTHS,
    STEM,
    TABLES,
    Fact,
    Kind,
    Plain,
    belongings,
    job_of,
    numbered,
    plainly,
    sentences,
    states,
)
from pytest_duolog.detectors.number_words import decimal_mark

# A clause is about its first words: "the deposit is two months' rent" is about a deposit.
SUBJECT = 2
NOON = 12

_NAME = r"[A-Z][\w'-]+(?: (?:[A-Z][\w'-]+|(?:de|da|van|von|del|al|bin) [A-Z][\w'-]+)){0,2}"
_NAMES = re.compile(
    r"(?:[Mm]y name is|[Yy]our name is|[Tt]he name is|[Tt]he name's|[Cc]all me|[Nn]amed|[Cc]alled|[Yy]ou are|[Yy]ou're"
    r"|^(?:\W*(?:[Gg]ood \w+|[\w']+),? )?(?:I'm|I am|[Tt]his is)|[Ss]peaking (?:with|to)) "
    rf"(?P<name>{_NAME})(?=[,.!?;:]| and\b| speaking| here| from| who|$)"
    rf"|^(?:\W*(?:[Gg]ood \w+|[\w']+), )?(?P<name2>{_NAME})(?:,? (?:here|speaking)\b)"
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
# "I'm from Dublin" and "I'm a nurse from Dublin", but not "I'm just back from Dublin".
_HOME = re.compile(
    r"(?:\b(?:come from|comes from|live in|lives in|grew up in|based in|originally from)"
    r"|(?:\bam|'m|\bare|'re|[,;])(?: an? (?!(?:long )?way\b)[\w-]+(?: [\w-]+)?)? from)"
    r" (?P<home>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
    r"|\b(?:[Mm]y|[Oo]ur|[Ww]e|I)\b[^.;,]{0,40}? here in (?P<home2>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
)
_OWN_HOME = re.compile(r"\b(?:I'm|I am|I come|I live|we're|we are|you are|You are|[Yy]ou live|[Yy]ou come)\b")
_AGE = re.compile(
    r"\b(?P<age>\d{1,3})[- ]years?[- ]old\b|\baged (?P<age2>\d{1,3})\b|\bage (?:is|of) (?P<age3>\d{1,3})\b"
    r"|\b(?:i'm|i am|you are) (?P<age4>\d{1,3})(?=[,.!]| and\b|$)|^at (?P<age5>\d\d),? i\b"
    rf"|\b{TABLES['own_age']}\b"
)
_AMOUNT = r"\d{1,12}(?:\.\d{1,3})?(?!\d)"
_PRICE = re.compile(
    rf"(?:[$€£¥₹]|\b(?:eur|usd|gbp|chf)\b)\s?(?P<price>{_AMOUNT})"
    rf"|(?<!\d)(?<!\d\.)(?P<price2>{_AMOUNT})\s?(?:[$€£¥₹]|(?:{TABLES['money']})\b)"
)
_CLOCK = re.compile(
    r"\b(?:at|from|to|until|till|by|before|after|around|between|and|opens?|closes?|-)\s?"
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?\s?(?P<half>[ap]\.?m\b)?"
    r"(?!\s?(?:%|euros?|dollars?|pounds?|minutes?|hours?|days?|people|guests|years?|[$€£]|\d|th\b|st\b|nd\b|rd\b))"
    r"|\b(?P<hour2>\d{1,2}):(?P<minute2>[0-5]\d)\s?(?P<half2>[ap]\.?m\b)?"
    r"|\b(?P<hour3>\d{1,2})\s?(?P<half3>[ap]\.?m\b)"
)
# Hours are counted up to 24: "from 9 to 17", "08:30".
_BY_24_HOURS = re.compile(
    r"\b0\d:[0-5]\d\b|\b(?:1[3-9]|2[0-4]):[0-5]\d\b|\b(?:until|to|-|–) ?(?:1[3-9]|2[0-4])\b(?!\.)"
)
_HALF_OF_DAY = re.compile(r"\d ?[ap]\.?m\b")
_WORDED = ((re.compile(r"\bnoon\b"), "12:00"), (re.compile(r"\bmidnight\b"), "0:00"))
_DATE = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:{TABLES['ordinal']})?(?: (?:{TABLES['of']}))? (?P<month>{'|'.join(MONTHS)})\b"
    rf"|\b(?P<month2>{'|'.join(MONTHS)}) (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b"
)
_DAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
_A_DAY = "|".join(_DAYS)
_NO_PLACES = frozenset((*MONTHS, *(f"{day}day" for day in _DAYS)))
_MINUTES = {"minute": 1, "hour": 60, "day": 1440, "week": 7 * 1440, "month": 30 * 1440}
_DURATION = re.compile(
    rf"\b(?P<number>\d+)[ -](?:(?:working|business|calendar) )?(?P<unit>{'|'.join(_MINUTES)})s?\b"
)
_MEASURES = [
    (words.split("|")[0], re.compile(rf"\b(\d+(?:\.\d+)?)[ -]?(?:{words})(?!\w)"))
    for words in TABLES["units"]
]
_YEAR = re.compile(r"\b(?:in|since) (?P<year>1[6-9]\d\d|20\d\d)\b")
_CLAUSE_END = re.compile(
    rf"[,;](?!\d)| (?:{TABLES['and']}) (?=(?:the|a|an|our|my|it|we|closed|starts?|opens?|closes|costs?|takes)\b)"
)
_DAY = re.compile(rf"\b({_A_DAY})days?\b")
_CLOSED = re.compile(
    rf"\b(?:closed|shut|not open|no service)\b[^.;]{{0,60}}?\b(?=(?:{_A_DAY})day)"
    rf"|\b(?=(?:{_A_DAY})days?\b[^.;]{{0,20}}\b(?:closed|shut)\b)"
)
_INVITED = rf"\b(?:{TABLES['invites']})\b"
_OPEN = re.compile(
    r"\b(?:(?:we're|we are|is|are|it's|stays?) open|opens?)\b[^.;]{0,60}?"
    rf"(?:\bon\b|\bdaily\b|(?:{_A_DAY})days? ?(?:-|–|to|through|until)\b)"
    rf"|(?:^|\b(?:{TABLES['on']}) )(?:{_A_DAY})days?\b[^.;]{{0,40}}?\bopen\b"
    rf"|{_INVITED}[^.;]{{0,30}}?(?={_A_DAY})"
    rf"|\b(?:{TABLES['is_there']})\b[^.;]{{0,40}}?\bon (?={_A_DAY})"
)
# Open on these days, and on no other one.
_ONLY = re.compile(
    rf"\b(?:{TABLES['only']}) (?:\w+ )?(?:{TABLES['on']} )?(?=(?:{_A_DAY})day)"
    rf"|\b(?:{_A_DAY})days? (?:{TABLES['only']})\b"
)
_DAILY = re.compile(r"\b(?:daily|every day|7 days a week)\b")
_RANGE = re.compile(rf"\b(?P<first>{_A_DAY})days? ?(?:-|–|{TABLES['to']}) ?(?P<last>{_A_DAY})days?\b")
_WE = re.compile(rf"\b(?:{TABLES['we']})\b|{_INVITED}")
_OPENING = re.compile(r"\b(?:open|opens|opening|close|closes|closing|hours)\b")
_LIMIT = re.compile(r"\b(?:above|over|under|below|from|more|less)\b")
_I = re.compile(rf"\b(?:{TABLES['me']})\b(?!.*\b(?:like|think|feel|was|were|when|since)\b)")
# What says nothing without a subject.
_NEED_SUBJECT = (Kind.PRICE, Kind.TIME, Kind.DATE, Kind.DURATION, Kind.MEASURE, Kind.YEAR)
# A line of a list of data: "- **Price:** $80".
_FIELD = re.compile(r"[\W_]*\w[\w ]*[*_]*:(?!\d)")
_NOT = re.compile(r"\b(?:not|n't|never|no longer|except|instead of|closed|shut|but)\b")
# Who works out a sum, gives a limit, denies, or speaks of what others say, contradicts nothing.
_SUM = re.compile(
    r"^ ?so\b|\b(?:total|altogether|in all|come to|comes to|sum|together|both|twice|half the|discount|off|instead|if"
    r"|would have|you'd|you'll (?!find|reach)\w+|you would|you will|used to|last year|before|times|up to|at least"
    r"|at most|more than|less than|minimum|maximum"
    rf"|{TABLES['not']}|you (?:said|say|mentioned|wrote|thought))\b|n't\b"
)
_OTHER = re.compile(
    r"\b(?:everyone|everybody) else\b|"
    r"\b(?:my|your|his|her|their) (?:wife|husband|brother|sister|mother|father|son|daughter|friend|boss|cousin|aunt"
    r"|uncle|dog|cat|neighbou?r|colleague)\b"
)
_SPOUSE = re.compile(r"^(?:wife|husband|partner|married)$")
_KIN = re.compile(
    r"\b(?:[Mm]y|[Yy]our|a|an|1)(?: \w+)? (?P<who>wife|husband|partner|son|daughter|brother|sister|mother|father|boss"
    r"|dog|cat|horse|parrot)(?:,| is| is called| is named| called| named|'s name is)? "
    r"(?P<name>[A-Z][\w'-]+)\b(?! [A-Z])|\b(?P<who2>married) to (?P<name2>[A-Z][\w'-]+)"
)
# "Two coffees", and not "2 hours", "2 euros" or "2 metres".
_COUNTED = re.compile(
    rf"\b[2-9] (?!(?:{'|'.join(_MINUTES)}|year)s|(?:{TABLES['money']}|{'|'.join(TABLES['units'])})(?!\w))\w+s\b"
)
_GENERIC = frozenset(word[:STEM] for word in TABLES["generic"].split())


def facts_of(prompt: str) -> Iterator[Fact]:
    """The facts that a system prompt states, sentence by sentence; questions state none."""
    mark = decimal_mark(prompt)
    named = frozenset(day[1] for day in _DAY.finditer(_RANGE.sub("", plainly(prompt, mark).folded)))
    for fact in _facts(prompt, mark, is_prompt=True):
        # "Open Monday to Friday" says that the other days are closed, if nothing else is said of them.
        yield (
            replace(fact, values=fact.values - named)
            if fact.is_opening and fact.kind is Kind.CLOSED
            else fact
        )


def _facts(content: str, mark: str | None, *, is_prompt: bool) -> Iterator[Fact]:
    for sentence in sentences(content):
        if "?" not in sentence:
            yield from _facts_in(sentence, plainly(sentence, mark), is_prompt=is_prompt)


def contradicted(facts: Sequence[Fact], content: str, *, prompt: str) -> tuple[Fact, Fact] | None:
    """The first of the facts of a prompt that a message contradicts, with what the message says instead."""
    for said in _facts(content, decimal_mark(content, prompt), is_prompt=False):
        alike = [fact for fact in facts if fact.kind is said.kind and _is_about(fact, said)]
        is_bare = said.kind in _NEED_SUBJECT and not said.about
        if is_bare and (_FIELD.match(said.sentence) or len({fact.about for fact in alike}) > 1):
            continue  # it may be the price of anything
        most = max((_shared(fact, said) for fact in alike), default=0)
        stated = [fact for fact in alike if _shared(fact, said) == most]
        if stated and not any(_agree(fact, said) for fact in stated):
            return stated[0], said
    return None


def _is_about(fact: Fact, said: Fact) -> bool:
    """Whether a sentence is about what a fact is about; one about nothing else is, where that is all there is."""
    if said.kind in (Kind.COUNT, Kind.COLOUR, Kind.STREET, Kind.KIN, Kind.STATE):
        return fact.about == said.about and said.subject in ((), fact.subject)
    if said.kind is Kind.CLOSED:
        return not said.about or not fact.about or _shared(fact, said) > 0
    if said.kind not in _NEED_SUBJECT:
        return True
    is_other_unit = said.kind is Kind.MEASURE and not _units_of(said) & _units_of(fact)
    if is_other_unit or (said.kind is Kind.PRICE and said.is_limit is not fact.is_limit):
        return False
    if said.kind is Kind.TIME and not said.about:
        return said.is_opening and fact.is_opening
    begins_alike = (
        said.subject[:1] in ((), fact.about[:1]) or len({*fact.subject} & {*said.subject}) == SUBJECT
    )
    return begins_alike and set(said.subject) <= set(fact.about)


def _units_of(fact: Fact) -> set[str]:
    return {value.split()[-1] for value in fact.values}


def _shared(fact: Fact, said: Fact) -> int:
    return len(set(fact.about) & set(said.about))


def _agree(fact: Fact, said: Fact) -> bool:
    if said.kind is Kind.CLOSED:
        return not {_other_way(day) for day in fact.values} & said.values
    if said.kind is Kind.NAME:
        one, other = _name_parts(fact.values), _name_parts(said.values)
        return one <= other or other <= one
    if said.kind is Kind.PHONE:
        return any(one.endswith(other) or other.endswith(one) for one in fact.values for other in said.values)
    return bool(fact.values & said.values)


def _other_way(day: str) -> str:
    """A day that is closed, of one that is open, and the other way round."""
    return day.removeprefix("open ") if day.startswith("open ") else f"open {day}"


def _name_parts(values: frozenset[str]) -> set[str]:
    return {part.casefold() for value in values for part in value.split()}


def _facts_in(sentence: str, plain: Plain, *, is_prompt: bool) -> Iterator[Fact]:
    said, folded = plain
    is_aside = bool(_OTHER.search(folded))
    named = _NAMES.search(said)
    name = (named["name"] or named["name2"]) if named and not is_aside else ""
    if name and name.split()[0] not in _NO_NAMES and job_of(name) is None:
        yield Fact(Kind.NAME, frozenset([name]), (), sentence)
    found = _HOME.search(said)
    home = (found["home"] or found["home2"]).casefold() if found else ""
    is_own = bool((found and found["home2"]) or _OWN_HOME.search(said) or named) and not is_aside
    if home and is_own and home.rstrip("s") not in _NO_PLACES:
        yield Fact(Kind.HOME, frozenset([home]), (), sentence)
    for kin in _KIN.finditer(said):
        who = _SPOUSE.sub("spouse", (kin["who"] or kin["who2"]).casefold())
        yield Fact(Kind.KIN, frozenset([kin["name"] or kin["name2"]]), (who,), sentence)
    if (age := _AGE.search(folded)) and not is_aside and (is_prompt or _I.search(folded[: age.end()])):
        yield Fact(Kind.AGE, frozenset([next(filter(None, age.groups()))]), (), sentence)
    if not is_aside and not _SUM.search(folded):
        yield from belongings(folded, sentence, is_prompt=is_prompt)
    yield from states(folded, sentence)
    of_sentence = _about(folded)
    is_exact = is_prompt and bool(_BY_24_HOURS.search(folded)) and not _HALF_OF_DAY.search(folded)
    opens = bool(_OPENING.search(folded))
    for clause in _CLAUSE_END.split(folded):
        yield from _values_in(clause, of_sentence, sentence, is_exact=is_exact, is_opening=opens)
        if is_prompt or not (is_aside or _SUM.search(clause) or _PRICE.search(folded)):
            yield from numbered(clause, folded, sentence, is_prompt=is_prompt)


def _values_in(
    clause: str, of_sentence: tuple[str, ...], sentence: str, *, is_exact: bool, is_opening: bool
) -> Iterator[Fact]:
    own = _about(clause)
    about = own or of_sentence
    opens = () if _WE.search(clause) else about
    if closed := _CLOSED.search(clause):
        days = frozenset(day[1] for day in _DAY.finditer(clause[closed.start() :]))
        yield Fact(Kind.CLOSED, days, opens, sentence)
    elif (
        (_OPEN.search(clause) or _ONLY.search(clause))
        and not _NOT.search(clause)
        and (opened := _days(clause))
    ):
        is_all = _RANGE.search(clause) or _ONLY.search(clause)
        shut = frozenset(_DAYS) - opened if is_all else frozenset[str]()
        opened = frozenset(f"open {day}" for day in opened)
        yield Fact(Kind.CLOSED, shut | opened, opens, sentence, is_opening=True)
    if _SUM.search(clause) or _COUNTED.search(clause):
        return
    prices = list(_PRICE.finditer(clause))
    dates = list(_DATE.finditer(clause))
    durations = list(_DURATION.finditer(clause))
    measures = {found: unit for unit, pattern in _MEASURES for found in pattern.finditer(clause)}
    years = list(_YEAR.finditer(clause))
    for kind, said, found in (
        (Kind.PRICE, (_amount(one["price"] or one["price2"]) for one in prices), prices),
        (Kind.DATE, (f"{one['day'] or one['day2']} {one['month'] or one['month2']}" for one in dates), dates),
        (Kind.DURATION, (_duration(one) for one in durations), durations),
        (Kind.MEASURE, (f"{_amount(one[1])} {unit}" for one, unit in measures.items()), list(measures)),
        (Kind.YEAR, (one["year"] for one in years), years),
        (Kind.TIME, () if dates else _times(clause, is_exact=is_exact), ()),
    ):
        if values := frozenset(said):
            start = found[0].start() if found else len(clause)
            before = _about(clause[:start]) if found else ()
            yield Fact(
                kind,
                values,
                about,
                sentence,
                subject=(before or about)[:SUBJECT],
                is_limit=bool(_LIMIT.search(clause[:start])),
                is_opening=bool(_OPENING.search(clause)) if own else is_opening,
            )


def _days(clause: str) -> frozenset[str]:
    """The days that a clause names, and those between the first and the last of a range."""
    days = set(_DAYS if _DAILY.search(clause) else (day[1] for day in _DAY.finditer(clause)))
    for found in _RANGE.finditer(clause):
        first, last = _DAYS.index(found["first"]), _DAYS.index(found["last"])
        days.update(_DAYS[first : last + 1] if first <= last else _DAYS[first:] + _DAYS[: last + 1])
    return frozenset(days)


def _duration(found: re.Match[str]) -> str:
    """A duration in the largest unit that it fills."""
    minutes = int(found["number"]) * _MINUTES[found["unit"]]
    unit, length = next(one for one in reversed(_MINUTES.items()) if minutes % one[1] == 0)
    return f"{minutes // length} {unit}"


def _times(clause: str, *, is_exact: bool) -> Iterator[str]:
    """Hours and minutes; if they are not exact, an hour up to 12 without a half of the day stands for both."""
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
            if hour <= NOON and not is_exact:
                yield f"{(hour + NOON) % (2 * NOON)}:{minute}"


def _amount(number: str) -> str:
    return f"{float(number):.15g}"


# What is said of a subject, and not the subject.
_VALUE_WORDS = frozenset(
    ("am", "pm", *MONTHS, *(f"{day}day" for day in _DAYS), *(f"{day}days" for day in _DAYS))
)


_SMALL_WORDS = lexicon.FUNCTION_WORDS.union(*map(languages.words_of, ("de", "fr", "es", "it", "pt", "nl")))


def _about(clause: str) -> tuple[str, ...]:
    """The stems of the words that say what a clause is about."""
    return tuple(
        dict.fromkeys(
            word[:STEM]
            for word in text.words(clause)
            if word.isalpha()
            and word not in _VALUE_WORDS
            and word not in _SMALL_WORDS
            and word[:STEM] not in _GENERIC
            and not _PRICE.fullmatch(f"1 {word}")
        )
    )
