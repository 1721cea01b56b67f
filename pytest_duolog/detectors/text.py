"""Splits a message into words, sentences and symbols, in the same way for every detector.

It knows no grammar, and no result depends on hash seeds. Long texts are cut first, so that no message takes longer than
a few pages of text. Most texts are read by several detectors one after the other, so the last ones are kept in their
parts; and most are ASCII, or nearly, so they have simpler patterns with the same matches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

# The number of characters of a message that are read: three quarters from its start, the rest from its end.
READ_LIMIT = 24_000
# How many texts are kept in their parts: the sentences of a few long messages, or the messages of most dialogues.
_KEPT = 256
# Longer texts, which nobody cut, are not kept.
_LONGEST_KEPT = 2 * READ_LIMIT

# Letters of other alphabets that look like Latin ones, and count as these inside a Latin word.
_LOOKALIKES = str.maketrans("авеһікмнорсԛѕтуԝхјԁοακνριτυχ", "abehikmhopcqstywxjdoakvpitux")

_DASHES = re.compile(r"[\u2010-\u2015\u2212\u30fb]")
_QUOTES = str.maketrans("\u2018\u2019\u02bc`´\u201c\u201d«»„\u061f\u060c", "'''''\"\"\"\"\"?,")
_QUOTED = re.compile(f"[{''.join(map(chr, _QUOTES))}]")
# Signs that make an English text more than ASCII, and what `fold` makes of them.
_TYPOGRAPHIC = (
    ("\u2019", "'"),
    ("\u2018", "'"),
    ("\u201c", '"'),
    ("\u201d", '"'),
    ("\u2013", "-"),
    ("\u2014", "-"),
    ("\u2026", "..."),
    ("\u00a0", " "),
)
_MIXED = re.compile(r"[a-z][\u0370-\u052f]|[\u0370-\u052f][a-z]")
# Combining accents, variation selectors, and the points of Hebrew and Arabic, which most writers leave out.
_COMBINING = re.compile(
    r"[\u0300-\u036f\ufe00-\ufe0f\u0591-\u05bd\u05bf\u05c1\u05c2\u0640\u064b-\u0652\u0670]"
)
# Arabic letters that are written in several ways.
_SPELLINGS = str.maketrans("أإآىيكۀةھ", "اااییکههه")
_ARABIC = re.compile(r"[\u0620-\u06d3]")
# The Greek question mark looks like a semicolon, and Unicode's compatible form is a semicolon.
_GREEK_QUESTION = re.compile(r"(?<=[\u03ac-\u03ce]);")
_INVISIBLE = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_DIGIT = re.compile(r"\d")

# Time stamps of log lines, and counters such as "[12]" or "(3/10)", which change by themselves.
_STAMP = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?z?(?!\w)"
    r"|[\[(]\s*\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?\s*[\])]"
    r"|^\s*\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?\b"
    r"|[\[(]\s*#?\d+(?:\s*(?:of|/)\s*\d+)?\s*[\])]"
)

# Scripts without spaces between words; there, each character counts as a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_UNSPACED_LETTER = re.compile(f"[{_UNSPACED}]")
# Vowel signs of Indian scripts, which are part of a word but not letters.
SIGNS = (
    "\u0900-\u0903\u093a-\u093c\u093e-\u094f\u0951-\u0957\u0962-\u0963\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u09e2-\u09e3"
    "\u0a01-\u0a03\u0a3c\u0a3e-\u0a51\u0a70-\u0a71\u0a81-\u0a83\u0abc\u0abe-\u0acd\u0b01-\u0b03\u0b3c\u0b3e-\u0b57\u0b82\u0bbe-\u0bcd\u0bd7"
    "\u0c00-\u0c04\u0c3c\u0c3e-\u0c56\u0c81-\u0c83\u0cbc\u0cbe-\u0cd6\u0d00-\u0d03\u0d3b-\u0d3c\u0d3e-\u0d4d\u0d57\u0d81-\u0d83\u0dca-\u0ddf"
)
_LETTERS = rf"[^\W\d_{_UNSPACED}]+(?:[{SIGNS}]+[^\W\d_{_UNSPACED}]*)*"
_WORD = re.compile(rf"\d+(?:[.,:]\d+)*|[{_UNSPACED}]|{_LETTERS}(?:'{_LETTERS})*")
# The same for texts without such letters and signs, and for ASCII.
_SPECIAL = re.compile(f"[{_UNSPACED}{SIGNS}]")
_PLAIN_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
_ASCII_WORD = re.compile(r"[0-9]+(?:[.,:][0-9]+)*|[A-Za-z]+(?:'[A-Za-z]+)*")
# A mark belongs to the sentence before it, a line break to none.
_SENTENCE_END = re.compile(
    r"[.!?…。！？।॥۔\r\n](?:(?<=[.!?…])[\"')*_]*\s+|(?<=[。！？।॥۔])|(?<=[\r\n])[\r\n]*)"
)
_LINE_BREAKS = ("\r", "\n")
# Normalising many combining marks takes quadratic time, so it is done piece by piece.
_PIECE = re.compile(r"[\s\S]{1,64}(?=\s|\Z)|[\s\S]{1,64}")
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL)

# Code, addresses and quotations: not the speaker's own words.
_ASIDE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]{1,300}`|\bhttps?://\S+"
    r'|"[^"\n]{1,300}"|“[^”\n]{1,300}”|„[^“”\n]{1,300}[“”]|«[^»\n]{1,300}»|「[^」\n]{1,300}」|『[^』\n]{1,300}』',
    re.DOTALL,
)
_ASIDE_STARTS = ("`", '"', "http", "“", "„", "«", "「", "『")


def excerpt(text: str, limit: int = READ_LIMIT) -> str:
    """The beginning and the end of a text with more than `limit` characters; a shorter one unchanged."""
    if len(text) <= limit:
        return text
    return text[: limit * 3 // 4] + "\n" + text[-limit // 4 :]


def fold(text: str) -> str:
    """The whole text in one spelling, in linear time.

    It removes differences of compatibility forms, case, kinds of dashes and quotes, and invisible or combining
    characters.
    """
    if not text.isascii():
        plain = text
        for sign, twin in _TYPOGRAPHIC:
            plain = plain.replace(sign, twin)
        if not plain.isascii():
            return _folded(text)
        text = plain
    return text.lower().replace("`", "'")


def _folded(text: str) -> str:
    text = "".join(unicodedata.normalize("NFKC", piece) for piece in _PIECE.findall(text))
    text = _COMBINING.sub("", _INVISIBLE.sub("", text.casefold()))
    return _DASHES.sub("-", text.translate(_QUOTES) if _QUOTED.search(text) else text)


def normalise(text: str) -> str:
    """The text without differences that do not matter to a reader.

    It is folded, look-alike letters are replaced, time stamps are removed, and text longer than READ_LIMIT is cut.
    Texts that a reader would distinguish stay different.
    """
    return _normalised(excerpt(text))


@lru_cache(maxsize=_KEPT)
def _normalised(text: str) -> str:
    text = fold(text)
    if not text.isascii():
        if _MIXED.search(text):
            text = text.translate(_LOOKALIKES)
        if _ARABIC.search(text):
            text = text.translate(_SPELLINGS)
        text = _GREEK_QUESTION.sub("?", text)
    return _STAMP.sub(" ", text) if _DIGIT.search(text) else text


def words(normalised: str) -> tuple[str, ...]:
    """The words of a normalised text in order; a number is a word, and so is each character of an unspaced script."""
    return _kept_words(normalised) if len(normalised) <= _LONGEST_KEPT else _words(normalised)


def _words(normalised: str) -> tuple[str, ...]:
    if normalised.isascii():
        return tuple(_ASCII_WORD.findall(normalised))
    return tuple((_WORD if _SPECIAL.search(normalised) else _PLAIN_WORD).findall(normalised))


_kept_words = lru_cache(maxsize=_KEPT)(_words)


def numbers_in(normalised: str, found: Sequence[str]) -> tuple[str, ...]:
    """The numbers among the words of a normalised text, in order."""
    return tuple([word for word in found if word[0].isdigit()]) if _DIGIT.search(normalised) else ()


def is_unspaced(word: str) -> bool:
    """Whether a word is in a script that does not part words with spaces."""
    return bool(_UNSPACED_LETTER.match(word))


def without_asides(text: str) -> str:
    """The text without code, addresses and quotations."""
    return _ASIDE.sub(" ", text) if any(start in text for start in _ASIDE_STARTS) else text


def own_words_in_place(text: str) -> str:
    """The text with code, addresses, quotations and thinking as spaces, and what is not read as one: places stay."""
    for aside in (_THINKING, _ASIDE):
        text = aside.sub(lambda found: " " * len(found[0]), text)
    unread = len(text) - READ_LIMIT
    if unread <= 0:
        return text
    start = READ_LIMIT * 3 // 4
    return text[:start] + "\n" * unread + text[start + unread :]


def is_spelled(words: Sequence[str]) -> bool:
    """Whether most of these words are single Latin letters: "S, E, P, E, R, A, T, E"."""
    return 2 * sum(len(word) == 1 and word.isascii() for word in words) > len(words)


def n_words(text: str) -> int:
    """The number of words of a text, normalised or not."""
    return len(words(text.translate(_QUOTES)))


def sentences(normalised: str) -> tuple[str, ...]:
    """The sentences of a normalised text in order, without blank ones; a line break ends a sentence."""
    return _kept_sentences(normalised) if len(normalised) <= _LONGEST_KEPT else _sentences(normalised)


def _sentences(normalised: str) -> tuple[str, ...]:
    parts = []
    start = 0
    for end in _SENTENCE_END.finditer(normalised):
        at = end.start()
        parts.append(normalised[start : at if normalised[at] in _LINE_BREAKS else at + 1])
        start = end.end()
    parts.append(normalised[start:])
    stripped = [part.strip(" \t*_>#-\"'~") for part in parts]
    return tuple([part for part in stripped if part and not part.isspace()])


_kept_sentences = lru_cache(maxsize=_KEPT)(_sentences)


def without_thinking(text: str) -> str:
    """The text without passages in `<think>` tags; the last one need not be closed."""
    return _THINKING.sub("", text) if "<" in text else text


def heard(text: str) -> str:
    """What a message says to the other side: normalised, and without thinking."""
    return normalise(without_thinking(text))


def phrase_pattern(phrases: Sequence[str]) -> re.Pattern[str] | None:
    """A pattern for any of the phrases as whole words, ignoring case; None without phrases.

    Blank space in a phrase matches any blank space. A phrase that begins or ends in a script without letter case
    (Chinese, Thai, Arabic) has no word boundary on that side, because such scripts may not separate words with spaces.
    """
    if not phrases:
        return None
    parts = (
        ("(?<!\\w)" if _bounded(phrase[0]) else "")
        + (r"\s+".join(map(re.escape, phrase.split())) or re.escape(phrase))
        + ("(?!\\w)" if _bounded(phrase[-1]) else "")
        for phrase in phrases
    )
    return re.compile("|".join(parts), re.IGNORECASE)


def _bounded(character: str) -> bool:
    return character.isdigit() or character.upper() != character.lower()


def ngrams(items: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """All sequences of `n` neighbouring items in order; the whole if it is shorter and not empty."""
    if len(items) < n:
        return [tuple(items)] if items else []
    return list(zip(*[islice(items, start, None) for start in range(n)], strict=False))
