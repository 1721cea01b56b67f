"""Searches for many phrases at once.

A plain alternation tries hundreds of phrases at every character. Here phrases are grouped by their beginning, and
phrases that begin a word are tried only at the beginning of a word. `any_of` makes one pattern of them with the same
matches, ten times as fast. A `PhraseBook` compiles only the phrases that begin like a word in the text: compiling the
patterns of ten languages takes longer than replaying most dialogues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from pytest_duolog.detectors import text

_BOUNDARY = r"\b"
_QUANTIFIERS = ("?", "*", "+", "{")
# Phrases are grouped by at most this many first letters.
_KEY = 4
_LETTER = rf"[\w{text.SIGNS}]"
_WORD_START = re.compile(rf"(?<!{_LETTER}){_LETTER}{{1,{_KEY}}}")
# In a plain phrase, any one word; at the end of a word, any ending.
_ANY = "*"
_EITHER = re.compile(r"\{([^{}]*)\}")

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
        self._matches_at_word: dict[str, Callable[[str, int], re.Match[str] | None]] = {}
        self._anywhere: dict[str, re.Pattern[str]] = {}

    def search(self, normalised: str) -> Span | None:
        """The position of one of the phrases; None if there is none."""
        return next(self._spans(normalised), None)

    def subn(self, replacement: str, normalised: str) -> tuple[str, int]:
        """The text with each phrase replaced, and their number; if two overlap, the first one counts."""
        spans = sorted(self._spans(normalised), key=lambda span: (span[0], -span[1]))
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
        sorted_ones = self._sorted
        starts = _word_starts(normalised)
        for key in starts.keys() & sorted_ones.at_word.keys():
            match_at = self._matches_at_word.get(key)
            if match_at is None:
                match_at = self._matches_at_word[key] = _either_of(sorted_ones.at_word[key]).match
            for start in starts[key]:
                if match := match_at(normalised, start):
                    yield match.span()
        if not sorted_ones.anywhere_letters.isdisjoint(normalised):
            yield from self._spans_anywhere(normalised)
        if sorted_ones.first and (match := sorted_ones.first.match(normalised)):
            yield match.span()
        if sorted_ones.other:
            yield from (match.span() for match in sorted_ones.other.finditer(normalised))

    def _spans_anywhere(self, normalised: str) -> Iterator[Span]:
        for key, spelled in self._sorted.anywhere.items():
            if key in normalised:
                if key not in self._anywhere:
                    self._anywhere[key] = _either_of(spelled)
                yield from (match.span() for match in self._anywhere[key].finditer(normalised))


class _Sorted(NamedTuple):
    """Phrases by their beginning: of a word, anywhere, of the text (`first`), and all others."""

    at_word: dict[str, list[str]]
    anywhere: dict[str, list[str]]
    anywhere_letters: frozenset[str]
    first: re.Pattern[str] | None
    other: re.Pattern[str] | None

    @classmethod
    def of(cls, expressions: Iterable[str], plain: Iterable[str], *, first_word: bool) -> _Sorted:
        at_word: dict[str, list[str]] = {}
        anywhere: dict[str, list[str]] = {}
        other: list[str] = []
        for bounded, spelled in _spellings(expressions):
            key = _key_of(spelled)
            if key:
                (at_word if bounded else anywhere).setdefault(key, []).append(spelled)
            else:
                other.append(_BOUNDARY * bounded + spelled)
        for expression, key in map(plain_expression, dict.fromkeys(_chosen(plain))):
            if first_word:
                other.append("^" + expression)
            else:
                (anywhere if text.is_unspaced(key) else at_word).setdefault(key, []).append(expression)
        letters = frozenset(key[0] for key in anywhere)
        first = [spelled for spelled in other if spelled.startswith("^")]
        rest = [spelled for spelled in other if not spelled.startswith("^")]
        return cls(
            at_word,
            anywhere,
            letters,
            re.compile("|".join(first)) if first else None,
            re.compile("|".join(rest)) if rest else None,
        )


def _either_of(spelled: Sequence[str]) -> re.Pattern[str]:
    """Matches the longest of these expressions that matches."""
    return re.compile("|".join(sorted(dict.fromkeys(spelled), key=len, reverse=True)))


@lru_cache(maxsize=256)
def _word_starts(normalised: str) -> Mapping[str, list[int]]:
    """The positions of the beginnings of words, by their first letters, up to `_KEY` of them."""
    starts: dict[str, list[int]] = {}
    for found in _WORD_START.finditer(normalised):
        start, beginning = found.start(), found[0]
        for length in range(1, len(beginning) + 1):
            starts.setdefault(beginning[:length], []).append(start)
    return starts


def _key_of(spelled: str) -> str:
    """The first letters of every match, at most `_KEY`; empty if there are none."""
    key = ""
    for at, letter in enumerate(spelled[:_KEY]):
        if not letter.isalnum() or spelled[at + 1 : at + 2] in _QUANTIFIERS:
            break
        key += letter
    return key


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


def any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    """A pattern that matches wherever one of these regular expressions does."""
    at_word: dict[str, list[str]] = {}
    anywhere: dict[str, list[str]] = {}
    other: list[str] = []
    for bounded, spelled in _spellings(phrases):
        if spelled[:1].isalnum() and spelled[1:2] not in _QUANTIFIERS:
            (at_word if bounded else anywhere).setdefault(spelled[0], []).append(spelled[1:])
        else:
            other.append(_BOUNDARY * bounded + spelled)
    sorted_ones = [rf"\b(?:{_by_letter(at_word)})"] if at_word else []
    return re.compile("|".join([*sorted_ones, *([_by_letter(anywhere)] if anywhere else []), *other]))


def _spellings(phrases: Iterable[str]) -> Iterator[tuple[bool, str]]:
    """Each phrase with its first choices written out, and whether it begins a word."""
    for phrase in (part for whole in phrases for part in _alternatives(whole)):
        bounded = phrase.startswith(_BOUNDARY)
        for spelled in _expanded(phrase.removeprefix(_BOUNDARY)):
            yield bounded, spelled


def _by_letter(phrases: dict[str, list[str]]) -> str:
    return "|".join(f"{letter}(?:{'|'.join(dict.fromkeys(rests))})" for letter, rests in phrases.items())


def _expanded(phrase: str) -> Iterator[str]:
    """The phrase with its first group, or its first optional letter, written out."""
    if phrase.startswith("(?:"):
        end = _end_of_group(phrase)
        rest = phrase[end + 1 :]
        if rest[:1] in _QUANTIFIERS[1:]:
            yield phrase
            return
        optional = rest[:1] == "?"
        for alternative in _alternatives(phrase[3:end]):
            yield from _expanded(alternative + rest[optional:])
        if optional:
            yield from _expanded(rest[1:])
    elif phrase[:1].isalnum() and phrase[1:2] == "?":
        yield from _expanded(phrase[0] + phrase[2:])
        yield from _expanded(phrase[2:])
    else:
        yield phrase


def _alternatives(phrase: str) -> list[str]:
    """The alternatives at the top level of a pattern."""
    cuts = [at for at, character, depth in _structure(phrase) if character == "|" and depth == 0]
    return [phrase[start + 1 : end] for start, end in zip([-1, *cuts], [*cuts, len(phrase)], strict=True)]


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
