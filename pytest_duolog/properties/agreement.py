"""The property that speakers do not merely agree with each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from pytest_duolog.detectors import lexicon, role_phrases, text
from pytest_duolog.display import counted
from pytest_duolog.properties.base import Verdict, require_count
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.transcripts.transcript import Transcript

# Agreement adds nothing if it has at most this many new words, or at most this share of new words.
NEW_WORDS = 2
NEW_SHARE = 0.25
# Words count as equal if this many first letters are equal.
STEM = 5
# Several phrases of agreement in a row are agreement: "Absolutely, you're so right!"
_AGREEMENTS = re.compile(rf"(?<!\w)(?:{role_phrases.AGREEMENT.pattern})")
_SAYS_NOTHING = lexicon.FUNCTION_WORDS | lexicon.SAYS_LITTLE


@dataclass(frozen=True)
class NoAgreementSpiral(SpokenProperty, method="has_no_agreement_spiral"):
    """Both sides never merely agree with each other for `messages` messages in a row.

    Such a message begins with agreement or praise ("Absolutely!", "You're right"), in ten languages, and has almost no
    new content words. Agreement that always uses new words is not found.
    """

    messages: int = 4

    def __post_init__(self) -> None:
        require_count(self, self.messages, "messages", least=2)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the longest run of mere agreement."""
        marked = groupby(zip(said, _merely_agreeing(said), strict=True), key=itemgetter(1))
        runs = [[item for item, _ in run] for agrees, run in marked if agrees]
        shared = [run for run in runs if self.speaker or len({message.speaker for _, message in run}) > 1]
        longest = max(shared, key=len, default=[])
        is_spiral = len(longest) >= self.messages
        return self.verdict(
            not is_spiral,
            f"the longest run of mere agreement has {counted(len(longest), 'message')} (at most "
            f"{self.messages - 1})",
            longest if is_spiral else (),
        )


def _merely_agreeing(said: Sequence[Numbered]) -> Iterator[bool]:
    """Whether each message only agrees and adds nothing."""
    known: set[str] = set()
    for _, message in said:
        folded = text.normalise(message.content).lstrip(" *_\"'¡")
        agrees = role_phrases.AGREEMENT.match(folded)
        words = _content(_AGREEMENTS.sub(" ", folded) if agrees else folded)
        new = words - known
        known |= _content(folded)
        yield bool(agrees) and (len(new) <= NEW_WORDS or len(new) <= NEW_SHARE * len(words))


def _content(folded: str) -> set[str]:
    return {word[:STEM] for word in text.words(folded) if word not in _SAYS_NOTHING}
