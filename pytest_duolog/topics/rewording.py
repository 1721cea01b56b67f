"""Finds what a speaker says again in other words, with the sentence vectors of the extra `topic`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.topics.meanings import MOST_READ, load_meanings

# A message says the same as one of so many before it if they are so near, and it has at most so many new words.
LATELY = 10
NEAR = 0.65
NEW_WORDS = 2
# Messages with fewer words are manners, and with more characters are too long for one vector.
_FEWEST_WORDS = 3
_LONGEST = 300
# With so much in common with an earlier message at both ends, another word between them is another value.
_FRAME = 0.5
# Words are one if so many first letters are the same.
_STEM = 5


def reworded(said: Sequence[str], fewest: int) -> list[int]:
    """The places of the messages of one speaker that say what it said lately, if there may be `fewest` of them.

    Copies are among them; questions, courtesies, and messages with a new number or another value are not. At most
    MOST_READ messages are read. Empty without the extra.
    """
    said = said[:MOST_READ]
    heard = [text.heard(one) for one in said]
    words = [text.words(one) for one in heard]
    may_be = [
        at
        for at in range(1, len(said))
        if _adds_little(heard[at], words[at], words[max(0, at - LATELY) : at])
    ]
    encoder = load_meanings() if len(may_be) >= fewest else None
    if encoder is None:
        return []
    rows = encoder.directions_of([one[:_LONGEST] for one in said])
    return [at for at in may_be if float((rows[max(0, at - LATELY) : at] @ rows[at]).max()) >= NEAR]


def _adds_little(heard: str, words: Sequence[str], before: Sequence[Sequence[str]]) -> bool:
    is_manners = lexicon.LISTENING.issuperset(words) or lexicon.POLITE.search(heard) or lexicon.prompts(heard)
    if "?" in heard or len(words) < _FEWEST_WORDS or len(heard) > _LONGEST or is_manners:
        return False
    known = {word[:_STEM] for one in before for word in one}
    new = [word for word in words if word[:_STEM] not in known]
    if text.is_spelled(words) or any(word[0].isdigit() for word in new):
        return False
    if (n_news := sum(map(lexicon.is_news, new))) > NEW_WORDS:
        return False
    return not n_news or not any(is_frame(words, one) for one in before)


def is_frame(words: Sequence[str], other: Sequence[str]) -> bool:
    """Whether only something in the middle is different: "The symbol for tin is Sn", "The symbol for gold is Au"."""
    n_first = n_common(words, other)
    n_same = n_first + n_common(words[::-1], other[::-1])
    return n_first > 0 and _FRAME * max(len(words), len(other)) <= n_same < len(other)


def n_common(words: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = zip(words, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
