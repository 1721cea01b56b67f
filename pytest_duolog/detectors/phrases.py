"""Searches for many phrases at once.

A plain alternation tries hundreds of phrases at every character. A `PhraseBook` groups phrases by their first letters,
and searches only for the groups that two neighbouring words of the text can begin: few words begin one. Books that are
searched in the same texts stand on one `Shelf`, which reads the words of a text once for all of them. Only the groups
that are searched are compiled, because compiling the phrases of all languages takes longer than replaying most
dialogues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import groupby
from typing import NamedTuple

from pytest_duolog.detectors import expressions, text
from pytest_duolog.detectors.expressions import BOUNDARY, KEY

# At the start of an expression, marks and the letters after them.
_MARKS = re.compile(r"(?:(?:[ ,'<(]|\\[\[(*])(?![?*+{]))+(?:[a-z](?![?*+{]))*")
_LENGTHS = range(1, KEY + 1)
# So many words are remembered with what they can begin, and so many texts with what is in them.
_KNOWN_WORDS = 16_384
_KNOWN_TEXTS = 256

Span = tuple[int, int]


class Shelf:
    """Books that are searched in the same texts."""

    def __init__(self) -> None:
        self._at_word: dict[str, list[_Group]] = {}
        self._anywhere: dict[str, list[_Group]] = {}
        self._letters: dict[str, list[str]] = {}
        self._marks: list[str] = []
        self._begun_by = lru_cache(maxsize=_KNOWN_WORDS)(self._find_begun_by)
        self.groups_in = lru_cache(maxsize=_KNOWN_TEXTS)(self._find_groups_in)

    def add(self, groups: _Sorted) -> None:
        """Add the phrases of a book."""
        for key, group in groups.at_word.items():
            self._at_word.setdefault(key, []).append(group)
        for key, group in groups.anywhere.items():
            self._anywhere.setdefault(key, []).append(group)
        self._letters = {
            letter: list(keys) for letter, keys in groupby(sorted(self._anywhere), key=lambda key: key[0])
        }
        self._marks = [key for key in self._anywhere if key.isascii()]
        self._begun_by.cache_clear()
        self.groups_in.cache_clear()

    def _find_groups_in(self, normalised: str) -> Mapping[PhraseBook, Sequence[_Group]]:
        """The groups of phrases of each book that can be in a text."""
        said = text.words(normalised)
        if "'" in normalised:
            said = tuple(part for word in said for part in word.split("'"))
        found: set[_Group] = set()
        for at, begun in enumerate(map(self._begun_by, said), start=1):
            if begun:
                after = said[at] if at < len(said) else ""
                for group, following in begun:
                    if following is None or following.has(after):
                        found.add(group)
        if normalised.isascii():
            keys: Iterable[str] = self._marks
        else:
            keys = (key for letter in set(normalised) for key in self._letters.get(letter, ()))
        for key in keys:
            if key in normalised:
                found.update(self._anywhere[key])
        by_book: dict[PhraseBook, list[_Group]] = {}
        for group in found:
            by_book.setdefault(group.book, []).append(group)
        return by_book

    def _find_begun_by(self, word: str) -> Sequence[tuple[_Group, _Following | None]]:
        """The groups of phrases that can begin with a word, and the words that may follow; None if any may."""
        return [
            (group, following)
            for length in _LENGTHS[: len(word)]
            for group in self._at_word.get(word[:length], ())
            for following in group.following(word)
        ]


class PhraseBook:
    """Regular expressions and plain phrases of other languages, searched together.

    `expressions` returns regular expressions when they are first needed. `plain` are phrases for `plain_expression`;
    with `first_word` they are searched only at the start of a text.
    """

    def __init__(
        self,
        expressions: Callable[[], Iterable[str]],
        plain: Iterable[str] = (),
        *,
        first_word: bool = False,
        shelf: Shelf | None = None,
    ) -> None:
        self._expressions = expressions
        self._plain = plain
        self._first_word = first_word
        self._shelf = shelf or Shelf()

    def search(self, normalised: str) -> bool:
        """Whether a text has one of the phrases."""
        phrases = self._sorted
        if phrases.first and phrases.first.match(normalised):
            return True
        for group in self._shelf.groups_in(normalised).get(self, ()):
            if group.pattern.search(normalised):
                return True
        return bool(phrases.other) and any(other.is_in(normalised) for other in phrases.other)

    def first(self, normalised: str) -> int | None:
        """Where the first of the phrases begins; None if there is none."""
        return min((start for start, _ in self._spans(normalised)), default=None)

    def subn(self, replacement: str, normalised: str) -> tuple[str, int]:
        """The text with each phrase replaced, and their number; if two overlap, the first one counts."""
        spans = self._spans(normalised)
        if not spans:
            return normalised, 0
        kept: list[str] = []
        end = count = 0
        for first, last in sorted(spans, key=lambda span: (span[0], -span[1])):
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
        found = _Sorted.of(self, self._expressions(), self._plain, first_word=self._first_word)
        self._shelf.add(found)
        return found

    def _spans(self, normalised: str) -> list[Span]:
        phrases = self._sorted
        spans = [
            span
            for group in self._shelf.groups_in(normalised).get(self, ())
            for span in group.spans(normalised)
        ]
        if phrases.first and (match := phrases.first.match(normalised)):
            spans.append(match.span())
        for other in phrases.other:
            if other.may_be_in(normalised):
                spans += (match.span() for match in other.pattern.finditer(normalised))
        return spans


class _Following(NamedTuple):
    """Words that may follow a word in a phrase: these, and those with these beginnings."""

    whole: frozenset[str]
    begun: tuple[str, ...]

    def has(self, word: str) -> bool:
        """Whether the word is one of them."""
        return word in self.whole or word.startswith(self.begun)


class _Group:
    """Phrases of a book with the same first letters, `key`; the longest one that matches counts.

    They are found at the beginning of a word only, or `anywhere`.
    """

    def __init__(self, book: PhraseBook, key: str, *, anywhere: bool = False) -> None:
        self.book = book
        self.spelled: list[str] = []
        self._key = key
        self._anywhere = anywhere

    def spans(self, normalised: str) -> Iterator[Span]:
        """The positions of the phrases in a text, also of those that overlap."""
        match = self.pattern.search(normalised)
        while match:
            yield match.span()
            match = self.pattern.search(normalised, match.start() + 1)

    def following(self, word: str) -> Sequence[_Following | None]:
        """What may follow a word with which one of the phrases begins; None for any words. Empty if none does."""
        whole, begun = self._beginnings
        if word.startswith(begun):
            return (None,)
        return (whole[word],) if word in whole else ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        longest_first = sorted(dict.fromkeys(self.spelled), key=len, reverse=True)
        if self._anywhere:
            return re.compile("|".join(longest_first))
        key = self._key  # stands first because a pattern that begins with letters is searched fastest
        rests = "|".join(spelled.removeprefix(key) for spelled in longest_first)
        return re.compile(rf"{key}(?<!\w{key})(?<![{text.SIGNS}]{key})(?:{rests})")

    @cached_property
    def _beginnings(self) -> tuple[Mapping[str, _Following | None], tuple[str, ...]]:
        """The whole words with which the phrases begin, with those that may follow, and the beginnings of others."""
        found = [one for spelled in dict.fromkeys(self.spelled) for one in expressions.beginnings(spelled)]
        following: dict[str, _Following | None] = {}
        for first, ones in groupby(sorted(one for one in found if one.is_whole), key=lambda one: one.first):
            of_word = list(ones)
            whole = frozenset(one.second for one in of_word if one.second_is_whole)
            begun = tuple({one.second for one in of_word if not one.second_is_whole})
            following[first] = None if "" in begun else _Following(whole, begun)
        return following, tuple({one.first for one in found if not one.is_whole})


class _Other(NamedTuple):
    """An expression without first letters, and words of which each match has one; without them any text may match."""

    pattern: re.Pattern[str]
    needed: tuple[str, ...]

    @classmethod
    def of(cls, spelled: str) -> _Other:
        """An expression."""
        needed = next(filter(None, map(expressions.plain_words, expressions.groups(spelled))), ())
        return cls(re.compile(spelled), needed)

    def may_be_in(self, normalised: str) -> bool:
        """Whether a text can have a match."""
        return not self.needed or any(word in normalised for word in self.needed)

    def is_in(self, normalised: str) -> bool:
        """Whether a text has a match."""
        return self.may_be_in(normalised) and bool(self.pattern.search(normalised))


class _Sorted(NamedTuple):
    """Phrases by their beginning: of a word, anywhere, of the text (`first`), and all others."""

    at_word: Mapping[str, _Group]
    anywhere: Mapping[str, _Group]
    first: re.Pattern[str] | None
    other: Sequence[_Other]

    @classmethod
    def of(
        cls, book: PhraseBook, written: Iterable[str], plain: Iterable[str], *, first_word: bool
    ) -> _Sorted:
        """The phrases of a book."""
        at_word: dict[str, _Group] = {}
        anywhere: dict[str, _Group] = {}
        first: list[str] = []
        other: list[str] = []

        def add(key: str, spelled: str, *, bounded: bool) -> None:
            if bounded and not text.is_unspaced(key):
                at_word.setdefault(key, _Group(book, key)).spelled.append(spelled)
            else:
                group = anywhere.setdefault(key, _Group(book, key, anywhere=True))
                group.spelled.append(BOUNDARY * bounded + spelled)

        for bounded, spelled in expressions.spellings(written):
            if key := expressions.first_letters(spelled)[:KEY]:
                add(key, spelled, bounded=bounded)
            elif marks := _MARKS.match(spelled):
                add(marks[0].replace("\\", ""), BOUNDARY * bounded + spelled, bounded=False)
            else:
                (first if spelled.startswith("^") else other).append(BOUNDARY * bounded + spelled)
        for expression, key in map(expressions.plain_expression, dict.fromkeys(expressions.chosen(plain))):
            if first_word:
                first.append("^" + expression)
            elif key:
                add(key, expression, bounded=not text.is_unspaced(key))
        return cls(
            at_word, anywhere, re.compile("|".join(first)) if first else None, list(map(_Other.of, other))
        )
