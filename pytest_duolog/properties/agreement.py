"""Finds stretches in which speakers merely agree with each other, by phrases and new words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_duolog.detectors import lexicon, role_phrases, text
from pytest_duolog.detectors.loops import SHORTEST, Loop, runs
from pytest_duolog.properties.spoken import Numbered
from pytest_duolog.topics.idle import AGREEING
from pytest_duolog.transcripts.transcript import Message

# Agreement adds nothing if it has at most this many new words, or at most this share of new words.
NEW_WORDS = 2
NEW_SHARE = 0.25
# Words count as equal if this many first letters are equal.
STEM = 5
# Between two messages that agree, one that says nothing new may stand: "It is a pleasure."
BRIDGED = 1
# Agreement in unknown phrases shows in a stretch of so many messages with so few new words in all, if so many of them
# agree in known phrases.
STRETCH = 6
NEW_IN_STRETCH = 7
AGREEING_IN_STRETCH = 2
# A message with more new words, phrases of agreement included, ends a run, so the others are not searched for phrases.
MOST_NEWS = 4
_OBJECTS = re.compile(
    r"\b(?:but|however|though|although|except|unless|aber|jedoch|(?<!\ba )(?<!\bo )(?<!muito )mais|pourtant|pero"
    r"|sin embargo|però|porém|tapi)\b"
    "|但是|不过|でも|しかし|하지만"
)
_SAYS_NOTHING = lexicon.FUNCTION_WORDS | lexicon.SAYS_LITTLE


def agreeing_loops(messages: Sequence[Message], n_news: Sequence[int]) -> list[Loop]:
    """The stretches in which both sides merely agree, long enough for a loop, in order and without overlaps.

    `n_news` is the number of new words with content in each message.
    """
    found: list[Loop] = []
    said = list(enumerate(messages))
    if not any(end - start + 1 >= SHORTEST for start, end in runs([n <= MOST_NEWS for n in n_news])):
        return found
    for run in agreeing_runs(said):
        onset, end = (run[0][0], run[-1][0]) if run else (0, 0)
        is_free = all(end < loop.onset or loop.end < onset for loop in found)
        if len(run) >= SHORTEST and is_shared(run) and is_free:
            speakers = tuple(dict.fromkeys(message.speaker for _, message in run))
            found.append(Loop(onset, end, AGREEING, speakers, None))
    return sorted(found, key=lambda loop: loop.onset)


def is_shared(run: Sequence[Numbered]) -> bool:
    """Whether both sides are in a run."""
    return len({message.speaker for _, message in run}) > 1


def agreeing_runs(said: Sequence[Numbered]) -> Iterator[list[Numbered]]:
    """The agreeing messages of each run of mere agreement, and stretches that add hardly a word and agree at times."""
    readings = list(_merely_agreeing(said))
    run: list[Numbered] = []
    bridged = 0
    for item, (agrees, _) in zip(said, readings, strict=True):
        bridged = 0 if agrees else bridged + 1
        if agrees:
            run.append(item)
        elif agrees is None or bridged > BRIDGED:
            yield run
            run = []
    yield run
    for start in range(len(said) - STRETCH + 1):
        stretch = readings[start : start + STRETCH]
        n_agreeing = sum(agrees is True for agrees, _ in stretch)
        if any(agrees is None for agrees, _ in stretch) or n_agreeing < AGREEING_IN_STRETCH:
            continue
        if any(_is_service(message.content) for _, message in said[start : start + STRETCH]):
            continue
        if sum(n_new for _, n_new in stretch) <= NEW_IN_STRETCH:
            yield list(said[start : start + STRETCH])


def _merely_agreeing(said: Sequence[Numbered]) -> Iterator[tuple[bool | None, int]]:
    """Whether each message only agrees and adds nothing, None for one that says something; and its new words."""
    known: set[str] = set()
    for _, message in said:
        folded = _folded(message.content)
        beside, n_phrases = lexicon.AGREEING.subn(" ", folded)
        first = role_phrases.AGREEMENT.match(folded)
        if first:
            beside = beside.replace(first[0], " ", 1)
        said_words = _content(folded)
        words = said_words if beside is folded else _content(beside)
        new = words - known
        known |= said_words
        adds = len(new) > NEW_WORDS and len(new) > NEW_SHARE * len(words)
        has_number = any(word[0].isdigit() for word in new)
        if adds or has_number or lexicon.asks(folded) or _OBJECTS.search(folded):
            yield None, len(new)
        else:
            yield bool(first or n_phrases), len(new)


def _is_service(content: str) -> bool:
    """Whether a message offers help, declines, confirms details or takes leave: "Yes, that's correct."."""
    folded = _folded(content)
    return any(book.search(folded) for book in (lexicon.OFFER, lexicon.NO, lexicon.FAREWELL, lexicon.ENOUGH))


def opens_with_agreement(content: str) -> bool:
    """Whether a message begins by agreeing or praising."""
    return bool(role_phrases.AGREEMENT.match(_folded(content)))


def _folded(content: str) -> str:
    return text.heard(content).lstrip(" *_\"'¡")


def _content(folded: str) -> set[str]:
    return {word[:STEM] for word in text.words(folded) if word not in _SAYS_NOTHING}
