"""Takes regular expressions apart as text: their alternatives, their first letters, the words with which they begin.

It knows the syntax that the tables of phrases use. What it does not understand is left to the compiled pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from pytest_duolog.detectors import text

BOUNDARY = r"\b"
# A letter; and one of the scripts of India, where vowel signs are letters, too (a class that takes long to compile).
_PLAIN_LETTER = r"\w"
_LETTER_OR_SIGN = rf"[\w{text.SIGNS}]"
_INDIAN = re.compile("[\u0900-\u0ddf]")
# Phrases are grouped by at most this many first letters.
KEY = 4
_QUANTIFIERS = ("?", "*", "+", "{")
# In a plain phrase, any one word; at the end of a word, any ending.
_ANY = "*"
_EITHER = re.compile(r"\{([^{}]*)\}")
# At the start of an expression, one of a few characters, or marks and the letters after them.
_CLASS = re.compile(r"\[((?:[^\]\\^-]|\\\W)+)\](?![?*+{])")
# Blank space or marks between two words, and how often they may stand there.
_BETWEEN = re.compile(
    r"(?:\\[Ws]|\\?[ ,!;:'\"-]|\\\.|\[(?:[ ,.!?;:'\"-]|\\[ ,.!?;:'\"-])+\])(?P<times>[?*+]?)(?![?*+{])"
)
# How often a group may stand there; none of them needs more than one.
_TIMES = re.compile(r"[?*+]|\{0,\d+\}")
# Letters and spaces that match themselves, once; and any other part of an expression that is no group.
_LITERAL = re.compile(r"(?:[\w ](?![?*+{]))+")
_UNIT = re.compile(r"\[(?:[^\]\\]|\\.)*\]|\\.|\{\d*,?\d*\}|.", re.DOTALL)
# What matches no character itself.
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
_NO_LETTER = (f"(?!{_PLAIN_LETTER})", f"(?!{_LETTER_OR_SIGN})")
# An expression with more beginnings than these is looked for wherever its first letters are.
_MOST_BEGINNINGS = 48


class Beginning(NamedTuple):
    """How a match begins: the letters of its first word and, if these are a whole word, the letters of the next one.

    Without `second`, any word may follow, or none.
    """

    first: str
    is_whole: bool
    second: str
    second_is_whole: bool


def beginnings(spelled: str) -> list[Beginning]:
    """All beginnings of an expression that begins with letters; each match has one of them."""
    found: list[Beginning] = []
    pending = [("", spelled)]
    while pending:
        said, rest = pending.pop()
        steps = None if said.count(" ") > 1 else _steps(said, rest)
        if steps is None:
            first, *others = said.split(" ")
            found.append(Beginning(first, bool(others), others[0] if others else "", len(others) > 1))
        else:
            pending += steps
        if len(found) + len(pending) > _MOST_BEGINNINGS:
            return [Beginning(first_letters(spelled), is_whole=False, second="", second_is_whole=False)]
    return found


def letter_of(phrase: str) -> str:
    """An expression for a letter of the script of a phrase."""
    return _LETTER_OR_SIGN if _INDIAN.search(phrase) else _PLAIN_LETTER


def first_letters(spelled: str) -> str:
    """The letters with which every match begins."""
    at = 0
    while spelled[at : at + 1].isalpha() and spelled[at + 1 : at + 2] not in _QUANTIFIERS:
        at += 1
    return spelled[:at]


def _steps(said: str, rest: str) -> list[tuple[str, str]] | None:  # noqa: PLR0911  # one return for each syntax
    """What can be said after `said`, with a space between words, and the rest of the expression; None if unknown."""
    letter, after = rest[:1], rest[1:]
    if letter.isalpha() and not text.is_unspaced(letter):
        if after[:1] == "?":
            return [(said + letter, after[1:]), (said, after[1:])]
        if after[:1] == "+":
            return [(said + letter, "")]
        return None if after[:1] in _QUANTIFIERS[1:] else [(said + letter, after)]
    if letter.isdigit() and after[:1] not in _QUANTIFIERS:  # a number is a word: "g2g" is three
        return [(_spaced(said) + letter, "")]
    if rest.startswith(_LOOKS):
        end = _end_of_group(rest)
        ended = _spaced(said) if rest[: end + 1] in _NO_LETTER else said
        return [(ended, rest[end + 1 :])]
    if rest.startswith("(?:"):
        end = _end_of_group(rest)
        times = _TIMES.match(rest, end + 1)
        after = rest[times.end() if times else end + 1 :]
        again = f"{rest[: end + 1]}*" if times and times[0] != "?" else ""
        alternatives = [(said, one + again + after) for one in _alternatives(rest[3:end])]
        return alternatives + [(said, after)] * bool(times and times[0] != "+")
    if rest.startswith(BOUNDARY):
        return [(_spaced(said), rest.removeprefix(BOUNDARY))]
    if between := _BETWEEN.match(rest):
        after = rest[between.end() :]
        return [(_spaced(said), after)] + [(said, after)] * (between["times"] in ("?", "*"))
    return None


def _spaced(said: str) -> str:
    return said if said.endswith(" ") else said + " "


@lru_cache(maxsize=4096)  # several books have the same phrases
def plain_expression(phrase: str) -> tuple[str, str]:
    """A regular expression for a phrase of plain words, and the letters with which every match begins.

    The words are normalised. `word*` matches every word with this beginning, a single `*` any one word; blank space
    between words matches any text without words. In scripts without spaces, a phrase is found inside a sequence of
    letters.
    """
    letter = letter_of(phrase)
    parts: list[str] = []
    first = ""
    for part in phrase.split():
        own = text.words(text.normalise(part.removesuffix(_ANY)))
        first = first or next(iter(own), "")
        joint = "" if own and text.is_unspaced(own[0]) else r"\W+"
        spelled = joint.join(map(re.escape, own))
        parts.append(f"{spelled}{letter}{'*' if own else '+'}" if part.endswith(_ANY) else spelled)
    if text.is_unspaced(first):
        return "".join(parts), parts[0][:KEY]
    between = r"\W+"
    return f"{between.join(parts)}(?!{letter})", first.partition("'")[0][:KEY]


def chosen(phrases: Iterable[str]) -> Iterator[str]:
    """The phrases with all their choices: `{a|b}` means a or b."""
    for phrase in phrases:
        choice = _EITHER.search(phrase)
        if choice is None:
            yield phrase
        else:
            for one in choice[1].split("|"):
                yield from chosen([phrase[: choice.start()] + one + phrase[choice.end() :]])


def spellings(phrases: Iterable[str]) -> Iterator[tuple[bool, str]]:
    """Each phrase with its first choices written out, and whether it begins a word."""
    for phrase in (part for whole in phrases for part in _alternatives(whole)):
        yield from _spelled(phrase)


@lru_cache(maxsize=4096)
def _spelled(phrase: str) -> Sequence[tuple[bool, str]]:
    return list(_written_out(phrase))


def written_out(phrase: str) -> list[str]:
    """A phrase with its first choices written out."""
    return [spelled for _, spelled in _spelled(phrase)]


def _written_out(phrase: str, *, bounded: bool = False) -> Iterator[tuple[bool, str]]:
    """The phrase with its first group, its first class or its first optional letter written out."""
    if phrase.startswith(BOUNDARY):
        yield from _written_out(phrase.removeprefix(BOUNDARY), bounded=True)
    elif phrase.startswith("(?:"):
        end = _end_of_group(phrase)
        rest = phrase[end + 1 :]
        if rest[:1] in _QUANTIFIERS[1:]:
            yield bounded, phrase
            return
        optional = rest[:1] == "?"
        for alternative in _alternatives(phrase[3:end]):
            yield from _written_out(alternative + rest[optional:], bounded=bounded)
        if optional:
            yield from _written_out(rest[1:], bounded=bounded)
    elif one_of := _CLASS.match(phrase):
        for character in one_of[1].replace("\\", ""):
            yield from _written_out(re.escape(character) + phrase[one_of.end() :], bounded=bounded)
    elif phrase[:1].isalnum() and phrase[1:2] == "?":
        yield from _written_out(phrase[0] + phrase[2:], bounded=bounded)
        yield from _written_out(phrase[2:], bounded=bounded)
    else:
        yield bounded, phrase


def _alternatives(phrase: str) -> list[str]:
    """The alternatives at the top level of a pattern."""
    cuts = [at for at, character, depth in _structure(phrase) if character == "|" and depth == 0]
    return [phrase[start + 1 : end] for start, end in zip([-1, *cuts], [*cuts, len(phrase)], strict=True)]


def needed_letters(phrase: str) -> Iterator[tuple[str, ...]]:
    """Letters without which an expression matches nothing: it needs one of each tuple."""
    rest = phrase
    while rest:
        if rest.startswith("("):
            end = _end_of_group(rest)
            found = tuple(map(first_letters, _alternatives(rest[3:end])))
            if rest.startswith("(?:") and rest[end + 1 : end + 2] not in _QUANTIFIERS and all(found):
                yield found
            rest = rest[end + 1 :]
        elif literal := _LITERAL.match(rest):
            if not literal[0].isspace():
                yield (literal[0],)
            rest = rest[literal.end() :]
        elif unit := _UNIT.match(rest):
            rest = rest[unit.end() :]


def _end_of_group(phrase: str) -> int:
    return next(at for at, character, depth in _structure(phrase) if character == ")" and depth == 0)


def _structure(phrase: str) -> Iterator[tuple[int, str, int]]:
    """The brackets and bars that are not escaped, with their positions and their depth in groups."""
    depth, at = 0, 0
    while at < len(phrase):
        character = phrase[at]
        depth -= character == ")"
        if character in "|()":
            yield at, character, depth
        depth += character == "("
        at = phrase.index("]", at + 1) + 1 if character == "[" else at + 1 + (character == "\\")
