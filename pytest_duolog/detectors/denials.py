"""What a text rules out, and sentences that speak of it as a matter of course: "no pool", and "our rooftop pool".

A text rules something out by a word of denial ("we don't move pianos"), by one that forbids or ends it ("chalk is
forbidden", "roses are sold out"), by dislike ("you hate coffee") or by a limit ("drivers must be at least 23"). A
sentence goes against it that has the same words and neither denies, nor wishes, nor speaks of others.
The words for all this are in `denials.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

from pytest_duolog.detectors import languages, lexicon, text
from pytest_duolog.detectors.fact_kinds import sentences
from pytest_duolog.detectors.number_words import in_digits

_TABLES = tomllib.loads(resources.files(__package__).joinpath("denials.toml").read_text("utf-8"))

# A text with more sentences than these has rules for cases, such as a policy, and no plain denials.
_MOST_SENTENCES = 12
# What is denied has at most so many words of content, the first of so many words.
_MOST_WORDS, _REACH = 4, 7
_SHORTEST, _STEM = 3, 5

_DENY = frozenset(_TABLES["deny"].split())
_NEVER = frozenset(_TABLES["never"].split())
_AFTER_VERB = frozenset(_TABLES["after_verb"].split())
_LACKING = frozenset(_TABLES["lacking"].split())
_RULED_OUT = frozenset(_TABLES["ruled_out"].split())
_DISLIKES = frozenset(_TABLES["dislikes"].split())
_PREDICATES = frozenset(_TABLES["predicates"].split())
_DENIALS = _DENY | _RULED_OUT | _DISLIKES
_SMALL = lexicon.FUNCTION_WORDS.union(*map(languages.words_of, ("de", "fr", "es", "it", "pt", "nl")))
_BESIDE = _SMALL | _DENIALS | _PREDICATES | frozenset(_TABLES["beside"].split())
_BESIDE_PERSONS = _SMALL | _DENIALS | frozenset(_TABLES["beside_persons"].split())
_FORMS = dict(pair.split(":") for pair in _TABLES["forms"].split())
_ENDINGS = tuple(_TABLES["endings"].split())
_SAYS = {
    name: re.compile(_TABLES[name])
    for name in (
        "aside", "conditions", "likes", "no_denials", "now", "others", "own", "parts", "past",
        "persons", "until", "wishes", "beyond_aside",
    )
}  # fmt: skip
_GONE = re.compile(rf"\b(?:{_TABLES['gone']})\b")
_KIN = re.compile(rf"\b{_TABLES['whose']}(?: [^\W\d]+)? (?P<who>{'|'.join(_TABLES['kin'].split())})\b")
_AGE = "age"
_LEAST_AGE, _OWN_AGE = (re.compile(_TABLES[name]) for name in ("least_age", "own_age"))
_MEASURED = {
    words.split("|")[0]: re.compile(rf"(?<![\d.,])(\d+(?:\.\d+)?)[ -]?(?:{words})\b")
    for words in _TABLES["measures"]
}
_MOST = {
    unit: re.compile(
        rf"\b(?:{_TABLES['at_most']}) (?:\w+ (?:\w+ )?of )?(?P<most>\d+(?:\.\d+)?)[ -]?(?:{words})\b"
    )
    for unit, words in ((words.split("|")[0], words) for words in _TABLES["measures"])
}
_SHORT_NOT = re.compile(r"\bcan't\b|\bcannot\b|n't\b")


class Limit(NamedTuple):
    """The least age of persons, or the most of a unit of measure."""

    number: float
    unit: str


class Denial(NamedTuple):
    """What a sentence rules out (its words of content), and the word that does; or a limit that it sets."""

    words: tuple[str, ...]
    by: str
    sentence: str
    of_person: bool = False
    only_now: bool = False
    limit: Limit | None = None


def denials_of(prompt: str) -> Iterator[Denial]:
    """What a system prompt rules out, and the limits that it sets, unless it is a long one."""
    found = [sentence for sentence in sentences(prompt) if "?" not in sentence]
    if len(found) > _MOST_SENTENCES:
        return
    for sentence in found:
        plain = _plain(sentence)
        of_person = bool(_SAYS["persons"].search(plain))
        before: tuple[str, ...] = ()
        for part in _SAYS["parts"].split(plain):
            if not _SAYS["conditions"].search(part):
                yield from _in_part(part, before, sentence, of_person=of_person)
            before = _content(text.words(part), _BESIDE)[-1:] or before
        if limit := _limit_in(plain, sentence):
            yield limit


def _in_part(part: str, before: tuple[str, ...], sentence: str, *, of_person: bool) -> Iterator[Denial]:
    words = text.words(part)
    beside = _BESIDE_PERSONS if of_person else _BESIDE
    at = next((at for at, word in enumerate(words) if word in _DENIALS), None)
    if at is None or (of_person and words[at] in _LACKING):
        return
    after = [word for word in words[at + 1 :] if word not in _SMALL]
    first = at - 1 if of_person and at and words[at] in _AFTER_VERB else at + 1
    denied = _content(words[first : at + 1 + _REACH], beside)
    if words[at] in _RULED_OUT or not denied or (after and after[0] in _PREDICATES):
        denied = _content(words[:at], beside) or (before if words[at] in _RULED_OUT and not of_person else ())
    only_now = bool(_SAYS["until"].search(part))
    if 0 < len(denied) <= _MOST_WORDS and (not only_now or words[at] in _RULED_OUT):
        yield Denial(denied, words[at], sentence, of_person=of_person, only_now=only_now)


def _limit_in(plain: str, sentence: str) -> Denial | None:
    ages = {float(next(filter(None, found.groups()))) for found in _LEAST_AGE.finditer(plain)}
    if len(ages) == 1:
        return Denial((), "age", sentence, limit=Limit(ages.pop(), _AGE))
    most = [
        (float(found["most"]), unit) for unit, pattern in _MOST.items() for found in pattern.finditer(plain)
    ]
    return Denial((), "limit", sentence, limit=Limit(*most[0])) if len(most) == 1 else None


def _is_beyond(limit: Limit, content: str) -> str | None:
    """The first sentence of a message that takes what is beyond a limit, where no sentence denies or doubts it."""
    said = [(sentence, _plain(sentence)) for sentence in sentences(content)]
    if any(
        _SAYS["beyond_aside"].search(plain) or _DENIALS.intersection(text.words(plain)) for _, plain in said
    ):
        return None
    for sentence, plain in said:
        pattern = _OWN_AGE if limit.unit == _AGE else _MEASURED[limit.unit]
        numbers = [float(next(filter(None, found.groups()))) for found in pattern.finditer(plain)]
        if (
            len(numbers) == 1
            and (numbers[0] < limit.number) is (limit.unit == _AGE)
            and numbers[0] != limit.number
        ):
            return sentence
    return None


def affirmed(denials: Sequence[Denial], content: str) -> tuple[Denial, str] | None:
    """The first denial that a sentence of a message goes against, and this sentence."""
    for denial in denials:
        if denial.limit and (beyond := _is_beyond(denial.limit, content)):
            return denial, beyond
    denials = [denial for denial in denials if not denial.limit]
    if not denials:
        return None
    for sentence in sentences(content):
        plain = _plain(sentence)
        if "?" in sentence or _SAYS["aside"].search(plain):
            continue
        words = text.words(plain)
        for denial in denials:
            if _goes_against(denial, plain, words):
                return denial, sentence
    return None


def _goes_against(denial: Denial, plain: str, words: Sequence[str]) -> bool:
    said = {_stem(word) for word in _content(words, _BESIDE_PERSONS if denial.of_person else _BESIDE)}
    known = [word for word in denial.words if _stem(word) in said]
    fewest = len(denial.words) / (1 if denial.of_person else 2)
    if not known or len(known) < fewest or (denial.only_now and not _SAYS["now"].search(plain)):
        return False
    likes = _SAYS["likes"].search(plain)
    beside = text.words(plain[: likes.start()] + plain[likes.end() :]) if likes else words
    if not _DENIALS.isdisjoint(beside) or _is_of_others(plain, known):
        return False
    if denial.by in _DISLIKES:
        return bool(likes)
    is_ever = denial.of_person and denial.by in _NEVER
    is_own = not denial.of_person or (not _SAYS["wishes"].search(plain) and _SAYS["own"].search(plain))
    return bool(is_own) and (is_ever or not _SAYS["past"].search(plain))


def _is_of_others(plain: str, known: Sequence[str]) -> bool:
    """Whether a sentence speaks of other people, who are not what is denied."""
    kin = _KIN.search(plain)
    if kin and _stem(kin["who"]) in map(_stem, known):
        return False
    return bool(kin or _SAYS["others"].search(plain))


def _plain(sentence: str) -> str:
    """The sentence folded, with digits, with "not" for its short forms, and without what denies nothing."""
    folded = in_digits(_GONE.sub("outofstock", _SAYS["no_denials"].sub(" ", text.fold(sentence))))
    return _SHORT_NOT.sub(lambda found: "can not" if found[0].startswith("c") else " not", folded)


def _content(words: Sequence[str], beside: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word.isalpha() and len(word) >= _SHORTEST and word not in beside)


def _stem(word: str) -> str:
    word = _FORMS.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word.removesuffix(ending)[:_STEM]
    return word[:_STEM]
