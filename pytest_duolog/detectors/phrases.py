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
from threading import Lock
from typing import NamedTuple

from pytest_duolog.detectors import expressions, text
from pytest_duolog.detectors.expressions import BOUNDARY, KEY, Beginning

# At the start of an expression, marks.
_MARKS = re.compile(r"(?:(?:[ ,'<(]|\\[\[(*])(?![?*+{]))+")
_LENGTHS = range(1, KEY + 1)
# So many words are remembered with what they can begin, and so many texts with what is in them.
_KNOWN_WORDS = 16_384
_KNOWN_TEXTS = 256

Span = tuple[int, int]


class Shelf:
    """Books that are searched in the same texts; a phrase that several of them have is searched once."""

    def __init__(self) -> None:
        self._unread: list[PhraseBook] = []
        self._reading = Lock()  # dialogues are read in the thread of their event loop, and in that of a test
        self._at_word: dict[str, list[_Group]] = {}
        self._in_word: dict[str, list[_Group]] = {}
        self._anywhere: dict[str, list[_Group]] = {}
        self._letters: dict[str, list[str]] = {}
        self._marks: list[str] = []
        self._others: list[tuple[_Needed, _Group]] = []
        self._within: re.Pattern[str] | None = None
        self._begun_by = lru_cache(maxsize=_KNOWN_WORDS)(self._find_begun_by)
        self._groups_in = lru_cache(maxsize=_KNOWN_TEXTS)(self._find_groups_in)

    def place(self, book: PhraseBook) -> None:
        """Place a book here; its phrases are read when a text is first searched."""
        self._unread.append(book)

    def groups_in(self, normalised: str) -> Mapping[PhraseBook, Sequence[_Group]]:
        """The groups of phrases of each book that can be in a text or in a part of it."""
        if self._unread:
            with self._reading:
                if self._unread:
                    self._read()
        return self._groups_in(normalised)

    def _read(self) -> None:
        """Sort the phrases of the books that are not read yet by where they can be."""
        books_of: dict[tuple[_Place, str], dict[PhraseBook, None]] = {}
        books = tuple(self._unread)
        for book in reversed(books):
            for placed in book.placed():
                books_of.setdefault(placed, {})[book] = None
        groups: dict[tuple[object, ...], _Group] = {}
        for (place, spelled), having in books_of.items():
            alone = None if place.key else spelled
            group = groups.get((place, alone, *having))
            if group is None:
                group = groups[place, alone, *having] = _Group(tuple(having), place)
                if place.key:
                    table = self._at_word if place.begins_word else self._anywhere
                    table.setdefault(place.key, []).append(group)
                else:
                    self._add_other(_needed(spelled), group)
            group.spelled.append(spelled)
        self._letters = {
            letter: list(keys) for letter, keys in groupby(sorted(self._anywhere), key=lambda key: key[0])
        }
        self._marks = [key for key in self._anywhere if key.isascii()]
        self._within = re.compile("|".join(self._in_word)) if self._in_word else None
        self._begun_by.cache_clear()
        self._groups_in.cache_clear()
        del self._unread[: len(books)]  # now others may search

    def _add_other(self, needed: _Needed, group: _Group) -> None:
        """Add a phrase that begins with no letters: it is looked for where a word has letters that it needs."""
        if needed and all(letters.isascii() and letters.isalpha() for letters in needed):
            for letters in needed:
                self._in_word.setdefault(letters, []).append(group)
        else:
            self._others.append((needed, group))

    def _find_groups_in(self, normalised: str) -> Mapping[PhraseBook, Sequence[_Group]]:
        by_book: dict[PhraseBook, list[_Group]] = {}
        for group in self._find_begun_in(normalised).union(*self._find_anywhere_in(normalised)):
            for book in group.books:
                if book in by_book:
                    by_book[book].append(group)
                else:
                    by_book[book] = [group]
        return by_book

    def _find_begun_in(self, normalised: str) -> set[_Group]:
        said = text.words(normalised)
        if "'" in normalised:
            said = tuple([part for word in said for part in word.split("'")])
        found: list[_Candidate] = []
        for begun, following in zip(map(self._begun_by, said), (*said[1:], ""), strict=False):
            if begun is not None:
                found += begun.loose
                if following in begun.whole:
                    found += begun.whole[following]
                if begun.begun and following.startswith(begun.begun):
                    found += begun.before(following)
        return _having(normalised, found)

    def _find_anywhere_in(self, normalised: str) -> Iterator[Sequence[_Group]]:
        if normalised.isascii():
            keys: Iterable[str] = self._marks
        else:
            keys = (key for letter in set(normalised) for key in self._letters.get(letter, ()))
        for key in keys:
            if key in normalised:
                yield self._anywhere[key]
        for needed, group in self._others:
            if not needed or _has_one(normalised, needed):
                yield (group,)

    def _find_begun_by(self, word: str) -> _Begun | None:
        """The groups of phrases that can begin with a word, or be around it; None if there are none."""
        found = [
            (group, following)
            for length in _LENGTHS[: len(word)]
            for group in self._at_word.get(word[:length], ())
            for following in group.following(word)
        ]
        has_letters = self._within is not None and self._within.search(word)
        within = [
            (group, ())
            for letters, groups in (self._in_word.items() if has_letters else ())
            if letters in word
            for group in groups
        ]
        return _Begun.of(found, within) if found or within else None


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
        self._shelf.place(self)

    def search(self, normalised: str, *, within: str | None = None) -> bool:
        """Whether a text has one of the phrases.

        `within` is a text of which it is a part; one look at the words of the whole is enough for all its parts.
        """
        groups = self._shelf.groups_in(within or normalised).get(self)
        return groups is not None and any(group.pattern.search(normalised) for group in groups)

    def may_be_in(self, normalised: str) -> bool:
        """Whether a text, or a part of it, can have one of the phrases: a cheap look at its words."""
        return self in self._shelf.groups_in(normalised)

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

    def placed(self) -> Iterator[tuple[_Place, str]]:
        """The phrases with their places, as regular expressions without what the place says; some more than once."""
        yield from _placed(self._expressions())
        for spelled, key in map(expressions.plain_expression, dict.fromkeys(expressions.chosen(self._plain))):
            if key:
                is_spaced = not text.is_unspaced(key)
                before = "^" if self._first_word else None if is_spaced else ""
                yield _Place(key, is_spaced, before), spelled

    def _spans(self, normalised: str) -> list[Span]:
        groups = self._shelf.groups_in(normalised).get(self)
        return [span for group in groups for span in group.spans(normalised)] if groups else []


class _Place(NamedTuple):
    """Where phrases are: at the beginning of a word, or anywhere, with the first letters or marks `key`.

    `before` is an expression that stands before each of them, or nothing; None for the beginning of a word. Without
    a key, they can be anywhere.
    """

    key: str
    begins_word: bool
    before: str | None


def _placed(written: Iterable[str]) -> Iterator[tuple[_Place, str]]:
    """Regular expressions with their places."""
    for bounded, whole in expressions.spellings(written):
        starts = "^" * whole.startswith("^")
        before = starts or BOUNDARY * bounded
        for spelled in expressions.written_out(whole[1:]) if starts else (whole,):
            key = expressions.first_letters(spelled)[:KEY]
            marks = _MARKS.match(spelled)
            if key:
                begins_word = bool(bounded or starts) and not text.is_unspaced(key)
                is_plain = begins_word and not starts
                yield _Place(key, begins_word, None if is_plain else before), spelled
            elif marks and not starts:
                rests = expressions.written_out(spelled[marks.end() :])
                keys = [expressions.first_letters(rest)[:KEY] for rest in rests]
                # Words after marks tell more than marks.
                if all(key and not text.is_unspaced(key) for key in keys):
                    for rest, key in zip(rests, keys, strict=True):
                        yield _Place(key, True, before + marks[0]), rest
                else:
                    yield _Place(marks[0].replace("\\", ""), False, before), spelled
            else:
                yield _Place("", False, before), spelled


# Letters of which every text with a phrase has some; none if a text can do without.
_Needed = tuple[str, ...]
_Candidate = tuple["_Group", _Needed]


class _Following(NamedTuple):
    """What may follow a word in a phrase, with the letters that the text needs: whole words, beginnings of words."""

    whole: Mapping[str, _Needed]
    begun: Mapping[str, _Needed]


class _Begun(NamedTuple):
    """The groups of phrases that a word begins, before whole words, before beginnings of words, and before any text."""

    whole: Mapping[str, Sequence[_Candidate]]
    begun: tuple[str, ...]
    before_begun: Mapping[str, Sequence[_Candidate]]
    loose: Sequence[_Candidate]

    @classmethod
    def of(cls, found: Sequence[tuple[_Group, _Following]], within: Sequence[_Candidate]) -> _Begun:
        """Groups with what may follow, and groups that need only the word."""
        whole: dict[str, list[_Candidate]] = {}
        begun: dict[str, list[_Candidate]] = {}
        for group, following in found:
            for word, needed in following.whole.items():
                whole.setdefault(word, []).append((group, needed))
            for word, needed in following.begun.items():
                begun.setdefault(word, []).append((group, needed))
        loose = begun.pop("", [])
        return cls(whole, tuple(begun), begun, [*loose, *within])

    def before(self, following: str) -> Iterator[_Candidate]:
        """The groups that can begin before a word with one of the beginnings."""
        for first, groups in self.before_begun.items():
            if following.startswith(first):
                yield from groups


def _having(normalised: str, found: Iterable[_Candidate]) -> set[_Group]:
    """The groups whose letters are in a text."""
    kept: set[_Group] = set()
    has: dict[int, bool] = {}  # a long text may have the same words thousands of times
    for group, needed in found:
        if group not in kept:
            if needed and id(needed) not in has:
                has[id(needed)] = _has_one(normalised, needed)
            if not needed or has[id(needed)]:
                kept.add(group)
    return kept


def _has_one(normalised: str, needed: _Needed) -> bool:
    for letters in needed:  # noqa: SIM110  # half the time of any(), for every message
        if letters in normalised:
            return True
    return False


class _Group:
    """Phrases of the same books at the same place; the longest one that matches counts."""

    def __init__(self, books: Sequence[PhraseBook], place: _Place) -> None:
        self.books = books
        self.spelled: list[str] = []
        self._place = place

    def spans(self, normalised: str) -> Iterator[Span]:
        """The positions of the phrases in a text, also of those that overlap."""
        match = self.pattern.search(normalised)
        while match:
            yield match.span()
            match = self.pattern.search(normalised, match.start() + 1)

    def following(self, word: str) -> Sequence[_Following]:
        """What may follow a word with which one of the phrases begins; nothing if none begins with it."""
        whole, begun = self._beginnings
        found = [whole[word]] if word in whole else []
        return found + [following for first, following in begun if word.startswith(first)]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.spelled, key=len, reverse=True)
        key, _, before = self._place
        if before is not None:
            return re.compile("|".join(before + spelled for spelled in longest_first))
        # The key stands first because a pattern that begins with letters is searched fastest.
        rests = "|".join(spelled.removeprefix(key) for spelled in longest_first)
        return re.compile(rf"{key}(?<!{expressions.letter_of(key)}{key})(?:{rests})")

    @cached_property
    def _beginnings(self) -> tuple[Mapping[str, _Following], Sequence[tuple[str, _Following]]]:
        """The whole words with which the phrases begin, and the beginnings of others, with what may follow."""
        found = [(one, spelled) for spelled in self.spelled for one in expressions.beginnings(spelled)]
        whole: dict[str, list[tuple[Beginning, str]]] = {}
        begun: dict[str, list[tuple[Beginning, str]]] = {}
        for one, spelled in found:
            (whole if one.is_whole else begun).setdefault(one.first, []).append((one, spelled))
        return (
            {first: _following(ones) for first, ones in whole.items()},
            [(first, _following(ones)) for first, ones in begun.items()],
        )


def _following(found: Sequence[tuple[Beginning, str]]) -> _Following:
    """What may follow in expressions that begin with the same word."""
    whole: dict[str, _Needed] = {}
    begun: dict[str, _Needed] = {}
    for one, spelled in found:
        table = whole if one.second_is_whole else begun
        needed, also = _needed(spelled), table.get(one.second)
        is_free = not needed or also == ()
        table[one.second] = () if is_free else tuple(dict.fromkeys((*(also or ()), *needed)))
    return _Following(whole, begun)


@lru_cache(maxsize=4096)  # several books have the same phrases
def _needed(spelled: str) -> _Needed:
    """Of the letters that an expression needs beside those with which it begins, the longest."""
    found = [one for one in expressions.needed_letters(spelled) if not spelled.startswith(one)]
    return max(found, key=lambda letters: min(map(len, letters)), default=())
