"""The property that speakers do not merely agree with each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
# Between two messages that agree, one that says nothing new may stand: "It is a pleasure."
BRIDGED = 1
_OBJECTS = re.compile(
    r"\b(?:but|however|though|although|except|unless|aber|jedoch|mais|pourtant|pero|sin embargo|però|porém|tapi)\b"
    "|但是|不过|でも|しかし|하지만"
)
_SAYS_NOTHING = lexicon.FUNCTION_WORDS | lexicon.SAYS_LITTLE


@dataclass(frozen=True)
class NoAgreementSpiral(SpokenProperty, method="has_no_agreement_spiral"):
    """Both sides never merely agree with each other for `messages` messages in a row.

    Such a message agrees or praises ("Absolutely!", "How true"), in ten languages, asks nothing, and has almost no new
    content words. Single messages between them that add nothing else do not break the run, but do not count either.
    Agreement in other phrases is not found.
    """

    messages: int = 4

    def __post_init__(self) -> None:
        require_count(self, self.messages, "messages", least=2)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the longest run of mere agreement."""
        runs = list(_runs(said))
        shared = [run for run in runs if self.speaker or len({message.speaker for _, message in run}) > 1]
        longest = max(shared, key=len, default=[])
        is_spiral = len(longest) >= self.messages
        return self.verdict(
            not is_spiral,
            f"the longest run of mere agreement has {counted(len(longest), 'message')} (at most "
            f"{self.messages - 1})",
            longest if is_spiral else (),
        )


def _runs(said: Sequence[Numbered]) -> Iterator[list[Numbered]]:
    """The agreeing messages of each run of mere agreement."""
    run: list[Numbered] = []
    bridged = 0
    for item, agrees in zip(said, _merely_agreeing(said), strict=True):
        bridged = 0 if agrees else bridged + 1
        if agrees:
            run.append(item)
        elif agrees is None or bridged > BRIDGED:
            yield run
            run = []
    yield run


def _merely_agreeing(said: Sequence[Numbered]) -> Iterator[bool | None]:
    """Whether each message only agrees and adds nothing; None for one that says something."""
    known: set[str] = set()
    for _, message in said:
        folded = _folded(message.content)
        beside, n_phrases = lexicon.AGREEING.subn(" ", folded)
        first = role_phrases.AGREEMENT.match(folded)
        if first:
            beside = beside.replace(first[0], " ", 1)
        words = _content(beside)
        new = words - known
        known |= _content(folded)
        adds = len(new) > NEW_WORDS and len(new) > NEW_SHARE * len(words)
        has_number = any(word[0].isdigit() for word in new)
        if adds or has_number or lexicon.asks(folded) or _OBJECTS.search(folded):
            yield None
        else:
            yield bool(first or n_phrases)


def opens_with_agreement(content: str) -> bool:
    """Whether a message begins by agreeing or praising."""
    return bool(role_phrases.AGREEMENT.match(_folded(content)))


def _folded(content: str) -> str:
    return text.heard(content).lstrip(" *_\"'¡")


def _content(folded: str) -> set[str]:
    return {word[:STEM] for word in text.words(folded) if word not in _SAYS_NOTHING}
