"""Finds names of people in text: where the text says that one follows, and where a known given name stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_duolog.mining import detail_words as words
from pytest_duolog.mining.given_names import is_common, is_given_name
from pytest_duolog.topics import vocabulary

_PART = r"[^\W\d_a-zà-öø-ÿ](?:[^\W\d_]|['’-](?=[^\W\d_])){1,24}"
_FULL = rf"{_PART}(?:\s(?:(?i:{words.PARTICLE})\s)?(?:{_PART}|[A-Z]\.)){{0,3}}"
_TITLE = rf"(?:(?:{words.TITLE})\.?\s)"
_NAMES = (
    re.compile(
        rf"(?i:\b(?:{words.INTRODUCES})\b)(?:\s(?i:is|of|mr|mrs|ms|dr)\b\.?)?\s?[:=]?\s?(?P<value>{_FULL})"
    ),
    re.compile(rf"(?:^|[\n,;(]\s{{0,3}}|\s)(?i:name)\s?[:=]\s?(?P<value>{_FULL})"),
    re.compile(
        rf"(?:^|(?<=[.!?\n])\s{{0,3}})(?i:{words.GREETS}),?\s{_TITLE}?(?P<value>{_FULL})(?=\s{{0,2}}(?:[,.!?:;\n–-]|$))"
    ),
    re.compile(rf"(?i:\b(?:{words.ADDRESSES})\b)[^,.!?\n]{{0,20}},\s{_TITLE}?(?P<value>{_PART})(?=[.!?])"),
    re.compile(rf"(?:^|(?<=[.!?\n])\s{{0,3}})(?P<value>{_FULL}) speaking\b"),
    re.compile(rf"\b{_TITLE}(?P<value>{_FULL})"),
    re.compile(rf"(?i:\bmy (?:{words.RELATION})\b),?\s(?:(?i:is|called|named)\s)?(?P<value>{_FULL})"),
    re.compile(
        rf"(?i:\b(?:{words.CLOSES})\b)[,!]?\s{{0,3}}\n\s{{0,3}}(?P<value>{_FULL})(?=\s{{0,3}}(?:\n|$))"
    ),
)
# After these words something else than a name may follow, so it has to have two parts.
_MAYBE = re.compile(rf"(?i:\b(?:{words.MAY_INTRODUCE})\b)\s(?P<value>{_FULL})")
# The same in small letters; what follows is judged word by word.
_SMALL_PART = r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])){1,24}"
_SMALL = rf"(?P<value>{_SMALL_PART}(?:\s{_SMALL_PART}){{0,3}})"
_SAID = re.compile(rf"(?i:(?<!\w)(?:{words.INTRODUCES})(?!\w))(?:\s(?i:is|was|ist)\b)?\s?:?\s?{_SMALL}")
_PERHAPS_SAID = re.compile(
    rf"(?i)(?<!\w)(?:{words.MAY_INTRODUCE}|{words.GREETS}|{words.RELATION_ELSEWHERE}|"
    rf"my (?:{words.RELATION})),?\s(?={_SMALL})"
)
_HERE = re.compile(rf"(?P<value>{_PART}|{_SMALL_PART}) (?i:here|speaking|calling)\b")
_SIGNED = re.compile(
    rf"(?i:(?<!\w)(?:{words.CLOSES}|{words.GREETS}))\s?[,!]?\s{{1,3}}{_SMALL}\s{{0,2}}[.!]?\s{{0,3}}$"
)
_CLOSED = re.compile(
    rf"(?i:(?<!\w)(?:{words.CLOSES}))\s?[,!]?\s{{1,3}}(?P<value>{_FULL})\s{{0,2}}[.!]?\s{{0,3}}$"
)
_RUNNING = re.compile(rf"(?<![\w@/.-])(?P<value>{_FULL})(?![\w@/])")
_ASKS = re.compile(rf"(?i)(?:{words.ASKS_NAME})[^.!\n]{{0,40}}[?.]?\s*$")
_ANSWER = re.compile(
    rf"(?:(?i:yes|sure|of course|ok|it['’]s|it is|i am|i['’]m|ja|oui|sí|sì|sim),?\s)*{_SMALL}\s{{0,2}}[.!]?\s{{0,3}}"
)
_PLACE = re.compile(rf"\b(?:{words.STREET}|{words.OF_PLACES})\b")
_CLAUSE = re.compile(
    r"(?i)[\w'’-]+(?:\s[\w'’-]+)?(?=\s{0,2}(?:[,.!?;\n]|$)|\s(?:and|but|und|aber|et|mais|y|e|en|och)\s)"
)
_LAST_NAME_PARTS = 3
_INFLECTED = re.compile(r".{2,}(?:ed|ing|ly)", re.IGNORECASE)
# In small letters, what goes on after a name does not look like a part of it.
_GOES_ON = re.compile(r"(?:calling|speaking|writing|trying|again|from|here|.{2,}ing)$", re.IGNORECASE)


def names_in_text(text: str) -> Iterator[tuple[int, int]]:
    """Where the names of people stand, from the most certain kind of place to the least."""
    for pattern in (*_NAMES, _MAYBE, _CLOSED):
        for found in pattern.finditer(text):
            start, _ = found.span("value")
            end = start + len(_name_in(found["value"]))
            is_word = text[start:end].split(" ", maxsplit=1)[0].casefold() in vocabulary.FUNCTION_WORDS
            if pattern is _NAMES[0] or (not is_word and (pattern is not _MAYBE or " " in text[start:end])):
                yield start, end
    for found in _SAID.finditer(text):
        yield _span(found, _small_name(found["value"], is_certain=_can_only_be_a_name(text, found)))
    for pattern in (_PERHAPS_SAID, _SIGNED, _HERE):
        for found in pattern.finditer(text):
            yield _span(found, _small_name(found["value"]))
    for found in _RUNNING.finditer(text):
        yield from _known_names(found)


def name_answered(question: str, answer: str) -> str | None:
    """The name that an answer to a question for one consists of."""
    if not _ASKS.search(question) or not (found := _ANSWER.fullmatch(answer)):
        return None
    parts = found["value"].split()
    if len(parts) <= _LAST_NAME_PARTS and not any(map(is_common, parts)):
        return found["value"]
    return None


def _span(found: re.Match[str], name: str) -> tuple[int, int]:
    return found.start("value"), found.start("value") + len(name)


def _can_only_be_a_name(text: str, found: re.Match[str]) -> bool:
    """Whether an introduction says that a name follows, and little enough does."""
    start = found.start("value")
    return bool(_CLAUSE.match(text, start)) and not re.search(r"(?i:\bunder|\bfor|\bto)\s$", text[:start])


def _small_name(value: str, *, is_certain: bool = False) -> str:
    """The beginning of a text in any letters that is a name: a given name, or any word where a name is certain."""
    parts = re.split(r"(\s)", value)
    first = parts[0]
    if not (
        is_given_name(first) or (is_certain and not is_common(first) and not _INFLECTED.fullmatch(first))
    ):
        return ""
    kept = first
    for space, part in zip(parts[1::2], parts[2::2], strict=True):
        is_particle = part.casefold() in words.PARTICLES
        if not is_particle and (is_common(part) or _GOES_ON.fullmatch(part)):
            break
        kept += space + part
    while kept.split()[-1].casefold() in words.PARTICLES:
        kept = kept.rsplit(maxsplit=1)[0]
    return kept


def _known_names(found: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Words with a capital letter from a known given name on; not the name of a place ("Ruth Street")."""
    for part in re.finditer(r"\S+", found["value"]):
        if part[0].istitle() and part[0].casefold() not in words.ELSEWHERE and is_given_name(part[0]):
            name = _name_in(found["value"][part.start() :])
            if not _PLACE.search(found.string, found.end() - len(name), found.end() + 20):
                start = found.start("value") + part.start()
                yield start, start + len(name)
            return


def is_full_name(text: str) -> bool:
    """Whether a text is nothing but a name of at least two parts."""
    return " " in text and bool(re.fullmatch(_FULL, text)) and _name_in(text) == text


def is_name_part(word: str) -> bool:
    """Whether a word with a capital letter may be a part of a name."""
    plain = word.casefold().rstrip(".")
    return not {plain, re.split(r"['’]", plain)[0]} & words.NO_NAMES


def _name_in(value: str) -> str:
    """The beginning of what follows that can be a name."""
    kept: list[str] = []
    for part in value.split():
        if part.casefold() not in words.PARTICLES and (part[0].islower() or not is_name_part(part)):
            break
        kept.append(part)
    while kept and kept[-1].casefold() in words.PARTICLES:
        kept.pop()
    return " ".join(kept)
