"""Finds what a speaker says again in other words, with the sentence vectors of the extra `topic`."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.topics.meanings import MOST_READ, load_meanings

# A message says the same as one of so many before it if they are so near, and it has at most so many new words.
LATELY = 10
NEAR = 0.65
NEW_WORDS = 2
# Messages with fewer words are manners, and with more characters are too long for one vector.
_FEWEST_WORDS = 3
_LONGEST = 300
# Words are one if so many first letters are the same.
_STEM = 5


def reworded(said: Sequence[str], fewest: int) -> list[int]:
    """The places of the messages of one speaker that say what it said lately, if there may be `fewest` of them.

    Copies are among them; questions, courtesies, and messages with a new number are not. At most MOST_READ messages are
    read. Empty without the extra.
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
    if "?" in heard or not len(words) >= _FEWEST_WORDS or len(heard) > _LONGEST or is_manners:
        return False
    known = {word[:_STEM] for one in before for word in one}
    new = [word for word in words if word[:_STEM] not in known]
    return not any(word[0].isdigit() for word in new) and sum(map(lexicon.is_news, new)) <= NEW_WORDS
