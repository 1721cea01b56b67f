"""Searches for many phrases at once.

A plain alternation tries hundreds of phrases at every character. A `PhraseBook` groups phrases by their first letters,
and searches only for the groups that a word of the text can begin: few words begin one. What a word can begin is
remembered. Only the groups that are searched are compiled, because compiling the phrases of all languages takes longer
than replaying most dialogues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import groupby
from typing import NamedTuple

from pytest_duolog.detectors import text

_BOUNDARY = r"\b"
_QUANTIFIERS = ("?", "*", "+", "{")
# Phrases are grouped by at most this many first letters.
_KEY = 4
_LENGTHS = range(1, _KEY + 1)
_LETTER = rf"[\w{text.SIGNS}]"
# What ends a word in an expression: blank space and marks, escaped or not, and what matches only there.
_ENDS_WORD = re.compile(rf"\\?[ ,.!'-](?![?*{{])|\\b|\\W\+|\$|\(\?!{re.escape(_LETTER)}\)")
# In a plain phrase, any one word; at the end of a word, any ending.
_ANY = "*"
_EITHER = re.compile(r"\{([^{}]*)\}")
# At the start of an expression, one of a few characters, or marks and the letters after them.
_CLASS = re.compile(r"\[((?:[^\]\\^-]|\\\W)+)\](?![?*+{])")
_MARKS = re.compile(r"(?:(?:[ ,'<(]|\\[\[(*])(?![?*+{]))+(?:[a-z](?![?*+{]))*")
# So few groups are looked for in the text itself.
_FEW_GROUPS = 6
# So many words are remembered for each book with what they can begin.
_KNOWN_WORDS = 8192

Span = tuple[int, int]


class PhraseBook:
    """Regular expressions and plain phrases of other languages, searched together.

    `expressions` returns regular expressions when they are first needed. `plain` are phrases for `plain_expression`;
    with `first_word` they are searched only at the start of a text.
    """

    def __init__(
        self, expressions: Callable[[], Iterable[str]], plain: Iterable[str] = (), *, first_word: bool = False
    ) -> None:
        self._expressions = expressions
        self._plain = plain
        self._first_word = first_word
        self._begun_by = lru_cache(maxsize=_KNOWN_WORDS)(self._find_begun_by)

    def search(self, normalised: str) -> bool:
        """Whether a text has one of the phrases."""
        groups = self._sorted
        if groups.first and groups.first.match(normalised):
            return True
        for group in self._groups_in(normalised):
            if group.pattern.search(normalised):
                return True
        return any(other.pattern.search(normalised) for other in groups.other if other.may_be_in(normalised))

    def first(self, normalised: str) -> int | None:
        """Where the first of the phrases begins; None if there is none."""
        return min((start for start, _ in self._spans(normalised)), default=None)

    def subn(self, replacement: str, normalised: str) -> tuple[str, int]:
        """The text with each phrase replaced, and their number; if two overlap, the first one counts."""
        spans = sorted(self._spans(normalised), key=lambda span: (span[0], -span[1]))
        if not spans:
            return normalised, 0
        kept: list[str] = []
        end = count = 0
        for first, last in spans:
            if first >= end:
                kept += (normalised[end:first], replacement)
                end = last
                count += 1
        return "".join((*kept, normalised[end:])), count

    def sub(self, replacement: str, normalised: str) -> str:
        """The text with each phrase replaced."""
        return self.subn(replacement, normalised)[0]

    @cached_property
    def _sorted(self) -> _Sorted:
        return _Sorted.of(self._expressions(), self._plain, first_word=self._first_word)

    def _spans(self, normalised: str) -> Iterator[Span]:
        for group in self._groups_in(normalised):
            yield from group.spans(normalised)
        if self._sorted.first and (match := self._sorted.first.match(normalised)):
            yield match.span()
        for other in self._sorted.other:
            if other.may_be_in(normalised):
                yield from (match.span() for match in other.pattern.finditer(normalised))

    def _groups_in(self, normalised: str) -> Iterable[_Group]:
        """The groups of phrases that words or letters of a text can begin, and perhaps others."""
        groups = self._sorted
        if len(groups.at_word) <= _FEW_GROUPS:
            found = {group for key, group in groups.at_word.items() if key in normalised}
        else:
            found = set().union(*map(self._begun_by, _words_in(normalised)))
        for letter in groups.letters & _letters_in(normalised):
            found.update(group for key, group in groups.anywhere[letter] if key in normalised)
        return found

    def _find_begun_by(self, word: str) -> tuple[_Group, ...]:
        """The groups of phrases that can begin with a word, or after an apostrophe in it."""
        find = self._sorted.at_word.get
        found: list[_Group] = []
        for part in word.split("'") if "'" in word else (word,):
            for length in _LENGTHS[: len(part)]:
                group = find(part[:length])
                if group and group.may_begin(part):
                    found.append(group)
        return tuple(found)


class _Group:
    """Phrases with the same first letters, `key`; the longest one that matches counts.

    They are found at the beginning of a word only, or `anywhere`.
    """

    def __init__(self, key: str, *, anywhere: bool = False) -> None:
        self.spelled: list[str] = []
        self._key = key
        self._anywhere = anywhere

    def spans(self, normalised: str) -> Iterator[Span]:
        """The positions of the phrases in a text, also of those that overlap."""
        match = self.pattern.search(normalised)
        while match:
            yield match.span()
            match = self.pattern.search(normalised, match.start() + 1)

    def may_begin(self, word: str) -> bool:
        """Whether one of the phrases can begin with this whole word."""
        whole, beginnings = self._heads
        return word in whole or word.startswith(beginnings)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        longest_first = sorted(dict.fromkeys(self.spelled), key=len, reverse=True)
        if self._anywhere:
            return re.compile("|".join(longest_first))
        key = self._key  # stands first because a pattern that begins with letters is searched fastest
        rests = "|".join(spelled.removeprefix(key) for spelled in longest_first)
        return re.compile(rf"{key}(?<!\w{key})(?<![{text.SIGNS}]{key})(?:{rests})")

    @cached_property
    def _heads(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """The words, and the beginnings of words, with which the phrases begin."""
        heads = [_head_of(spelled) for spelled in self.spelled]
        return (
            frozenset(head for head, is_whole in heads if is_whole),
            tuple({head for head, is_whole in heads if not is_whole}),
        )


class _Other(NamedTuple):
    """An expression without first letters, and words of which each match has one; without them any text may match."""

    pattern: re.Pattern[str]
    needed: tuple[str, ...]

    @classmethod
    def of(cls, spelled: str) -> _Other:
        """An expression."""
        return cls(re.compile(spelled), next(filter(None, map(_plain_words, _groups(spelled))), ()))

    def may_be_in(self, normalised: str) -> bool:
        """Whether a text can have a match."""
        return not self.needed or any(word in normalised for word in self.needed)


class _Sorted(NamedTuple):
    """Phrases by their beginning: of a word, anywhere (by its first letter), of the text (`first`), and all others."""

    at_word: Mapping[str, _Group]
    anywhere: Mapping[str, Sequence[tuple[str, _Group]]]
    letters: frozenset[str]
    first: re.Pattern[str] | None
    other: Sequence[_Other]

    @classmethod
    def of(cls, expressions: Iterable[str], plain: Iterable[str], *, first_word: bool) -> _Sorted:
        at_word: dict[str, _Group] = {}
        anywhere: dict[str, _Group] = {}
        first: list[str] = []
        other: list[str] = []

        def add(key: str, spelled: str, *, bounded: bool) -> None:
            if bounded and not text.is_unspaced(key):
                at_word.setdefault(key, _Group(key)).spelled.append(spelled)
            else:
                anywhere.setdefault(key, _Group(key, anywhere=True)).spelled.append(
                    _BOUNDARY * bounded + spelled
                )

        for bounded, spelled in _spellings(expressions):
            if key := _head_of(spelled)[0][:_KEY]:
                add(key, spelled, bounded=bounded)
            elif marks := _MARKS.match(spelled):
                add(marks[0].replace("\\", ""), _BOUNDARY * bounded + spelled, bounded=False)
            else:
                (first if spelled.startswith("^") else other).append(_BOUNDARY * bounded + spelled)
        for expression, key in map(plain_expression, dict.fromkeys(_chosen(plain))):
            if first_word:
                first.append("^" + expression)
            elif key:
                add(key, expression, bounded=not text.is_unspaced(key))
        return cls(
            at_word,
            {letter: list(items) for letter, items in groupby(sorted(anywhere.items()), key=_first_letter)},
            frozenset(key[0] for key in anywhere),
            re.compile("|".join(first)) if first else None,
            list(map(_Other.of, other)),
        )


def _first_letter(item: tuple[str, _Group]) -> str:
    return item[0][0]


@lru_cache(maxsize=256)
def _words_in(normalised: str) -> frozenset[str]:
    return frozenset(text.words(normalised))


@lru_cache(maxsize=256)
def _letters_in(normalised: str) -> frozenset[str]:
    return frozenset(normalised)


def _head_of(spelled: str) -> tuple[str, bool]:
    """The letters with which every match begins, and whether these are a whole word."""
    at = 0
    while spelled[at : at + 1].isalpha() and spelled[at + 1 : at + 2] not in _QUANTIFIERS:
        at += 1
    return spelled[:at], _ends_word(spelled[at:])


def _ends_word(rest: str) -> bool:
    """Whether a match of the rest of an expression cannot begin with a letter."""
    if rest.startswith("(?:") and rest[_end_of_group(rest) + 1 :][:1] not in _QUANTIFIERS:
        return all(map(_ends_word, _alternatives(rest[3 : _end_of_group(rest)])))
    return bool(_ENDS_WORD.match(rest))


@lru_cache(maxsize=4096)  # several books have the same phrases
def plain_expression(phrase: str) -> tuple[str, str]:
    """A regular expression for a phrase of plain words, and the letters with which every match begins.

    The words are normalised. `word*` matches every word with this beginning, a single `*` any one word; blank space
    between words matches any text without words. In scripts without spaces, a phrase is found inside a sequence of
    letters.
    """
    parts: list[str] = []
    first = ""
    for part in phrase.split():
        own = text.words(text.normalise(part.removesuffix(_ANY)))
        first = first or next(iter(own), "")
        joint = "" if own and text.is_unspaced(own[0]) else r"\W+"
        spelled = joint.join(map(re.escape, own))
        parts.append(f"{spelled}{_LETTER}{'*' if own else '+'}" if part.endswith(_ANY) else spelled)
    if text.is_unspaced(first):
        return "".join(parts), parts[0][:_KEY]
    between = r"\W+"
    return f"{between.join(parts)}(?!{_LETTER})", first.partition("'")[0][:_KEY]


def _chosen(phrases: Iterable[str]) -> Iterator[str]:
    """The phrases with all their choices: `{a|b}` means a or b."""
    for phrase in phrases:
        choice = _EITHER.search(phrase)
        if choice is None:
            yield phrase
        else:
            for one in choice[1].split("|"):
                yield from _chosen([phrase[: choice.start()] + one + phrase[choice.end() :]])


def _spellings(phrases: Iterable[str]) -> Iterator[tuple[bool, str]]:
    """Each phrase with its first choices written out, and whether it begins a word."""
    for phrase in (part for whole in phrases for part in _alternatives(whole)):
        yield from _spelled(phrase)


@lru_cache(maxsize=4096)
def _spelled(phrase: str) -> Sequence[tuple[bool, str]]:
    return list(_written_out(phrase))


def _written_out(phrase: str, *, bounded: bool = False) -> Iterator[tuple[bool, str]]:
    """The phrase with its first group, its first class or its first optional letter written out."""
    if phrase.startswith(_BOUNDARY):
        yield from _written_out(phrase.removeprefix(_BOUNDARY), bounded=True)
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


def _groups(phrase: str) -> Iterator[str]:
    """What stands in each group of the top level of a pattern, if every match has it."""
    start = 0
    for at, character, depth in _structure(phrase):
        if depth == 0 and character == "(":
            start = at
        elif depth == 0 and character == ")":
            is_plain = phrase.startswith("(?:", start) and phrase[at + 1 : at + 2] not in _QUANTIFIERS
            yield from [phrase[start + 3 : at]] if is_plain else []


def _plain_words(group: str) -> tuple[str, ...]:
    """The alternatives of a group if all of them are plain words, else none."""
    found = tuple(group.split("|"))
    return found if all(map(str.isalpha, found)) else ()


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
