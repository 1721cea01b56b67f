"""Properties of the form of a dialogue: each speaker's share, the length of messages, and their language."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from pytest_duolog.detectors import text
from pytest_duolog.detectors.language_changes import find_changes
from pytest_duolog.detectors.languages import LANGUAGES, is_same, language_of
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import Property, require_share
from pytest_duolog.properties.endings import find_closing
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.transcripts.transcript import Transcript

# The first and the last third of a speaker's messages are compared; a third has at least this many messages.
SHORTEST_THIRD = 2
# Lengths below this many words count as this many: from 3 to 15 words is not growth, from 9 to 72 is.
SHORT_MESSAGE = 12


@dataclass(frozen=True)
class Balanced(Property, method="is_balanced"):
    """No speaker says more than `max_share`, 0 to 1, of all words.

    The default allows nine words to one; for speakers with equal parts, 0.7 is a useful bound.
    """

    max_share: float = 0.9

    def __post_init__(self) -> None:
        require_share(self, "max_share", self.max_share)

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict with the largest share; could not be measured without words."""
        words = Counter({speaker.name: 0 for speaker in transcript.speakers})
        for message in transcript.messages:
            words[message.speaker] += text.n_words(message.content)
        total = words.total()
        if not total:
            return self.verdict(None, "there are no words")
        name, most = words.most_common(1)[0]
        longest = max(
            (item for item in transcript.numbered() if item[1].speaker == name),
            key=lambda item: len(item[1].content),
        )
        return self.verdict(
            most <= self.max_share * total,
            f"{name} says {most} of {total} words, {most / total:.1%} (at most {self.max_share:.0%})",
            [longest],
        )


@dataclass(frozen=True)
class KeepsLength(SpokenProperty, method="keeps_length"):
    """Messages neither grow nor shrink: a speaker's last third is like its first, within a factor of `max_ratio`.

    It compares medians of the number of words, without goodbyes; lengths below twelve words count as twelve. A speaker
    with fewer than six messages before the goodbye is not measured.
    """

    max_ratio: float = 4.0

    def __post_init__(self) -> None:
        if not isinstance(self.max_ratio, int | float) or not self.max_ratio >= 1:
            raise ConfigurationError(
                f"KeepsLength: max_ratio {self.max_ratio!r} is not a number of at least 1"
            )

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is a speaker's shortest and longest message."""
        closing = find_closing(transcript)
        own: dict[str, list[Numbered]] = defaultdict(list)
        for number, message in said:
            if closing is None or number <= closing:
                own[message.speaker].append((number, message))
        measured = {name: messages for name, messages in own.items() if len(messages) >= 3 * SHORTEST_THIRD}
        if not measured:
            return self.verdict(None, f"nobody has {3 * SHORTEST_THIRD} messages before the goodbye")
        changes = {name: _first_and_last(messages) for name, messages in measured.items()}
        changed = [name for name, (first, last) in changes.items() if _ratio(first, last) > self.max_ratio]
        shown = "; ".join(
            f"{name}: {first:.0f} words in the first third, {last:.0f} in the last"
            for name, (first, last) in changes.items()
            if name in changed or not changed
        )
        return self.verdict(
            not changed,
            f"{shown} (at most {self.max_ratio:g} times longer or shorter)",
            [item for name in changed for item in (measured[name][0], measured[name][-1])],
        )


def _first_and_last(messages: Sequence[Numbered]) -> tuple[float, float]:
    lengths = [text.n_words(message.content) for _, message in messages]
    third = len(lengths) // 3
    return median(lengths[:third]), median(lengths[-third:])


def _ratio(first: float, last: float) -> float:
    low, high = sorted(max(length, SHORT_MESSAGE) for length in (first, last))
    return high / low


@dataclass(frozen=True)
class KeepsLanguage(SpokenProperty, method="keeps_language"):
    """Every message is in one language: the given one, or the one of the first message whose language is recognised.

    Languages have codes (`en`, `ru`); a script that several languages share has a name (`Cyrillic`), which stands for
    all of them. Code, addresses and quotations are left out. Messages that are short, in an unknown language, or half
    in one language and half in another are not counted, nor are names, dishes and titles of a few words. If several
    messages of a dialogue mix two languages, both are allowed. After a message that asks for another language or a
    translation, that language is allowed, too. If all messages are short, they are read as one text.
    """

    language: str | None = None

    def __post_init__(self) -> None:
        if self.language not in (None, *LANGUAGES):
            raise ConfigurationError(
                f"KeepsLanguage: unknown language {self.language!r} (known: {', '.join(LANGUAGES)})"
            )

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the messages in other languages."""
        own = {number: text.without_thinking(message.content) for number, message in said}
        changes = find_changes(own, self.language)
        if not changes.is_recognised and not changes.others:
            together = language_of("\n".join(own.values()))
            if together is None:
                return self.verdict(None, f"no language is recognised in {len(said)} messages")
            holds = self.language is None or is_same(self.language, together)
            return self.verdict(
                holds, f"{len(said)} short messages, read as one text, are in {together}", said[:1]
            )
        counts = Counter(changes.others.values())
        found = (
            ", ".join(f"{n} in {language}" for language, n in counts.items()) or "none in another language"
        )
        return self.verdict(
            not changes.others,
            f"expected {changes.expected}; of {changes.n_spoken} messages with a recognised language, {found}",
            [item for item in said if item[0] in changes.others],
        )
