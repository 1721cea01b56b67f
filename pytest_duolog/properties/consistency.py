"""The properties of one speaker's own words: that it does not repeat itself, and keeps to the facts it was given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.facts import contradicted, facts_of
from pytest_duolog.detectors.wrapping import unwrap
from pytest_duolog.properties.base import require_count
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Evidence, Verdict
from pytest_duolog.transcripts.transcript import Transcript

# A sentence with at least this many words can repeat another one; shorter ones are manners.
SENTENCE_WORDS = 4
# A message repeats if at least this share of its words stands in sentences that its speaker said before.
REPEATED_SHARE = 0.5
# Two sentences are the same if this share of their word triples is shared.
LIKENESS = 0.75


@dataclass(frozen=True)
class DoesNotRepeatItself(SpokenProperty, method="does_not_repeat_itself"):
    """No speaker says again what it said before, whatever the other side says.

    At most `repeats` of a speaker's messages may repeat earlier ones of its own. A message repeats if at least half of
    its words are in sentences that its speaker said before, up to small changes, and it has no new number. Sentences
    below four words, offers of help, courtesies, and questions for the next of several things are not counted, nor is
    the same content in other words.
    """

    repeats: int = 2

    def __post_init__(self) -> None:
        require_count(self, self.repeats, "messages", least=0)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the messages that repeat."""
        own: dict[str, list[Numbered]] = defaultdict(list)
        before: dict[str, _Said] = defaultdict(_Said)
        for item in said:
            if before[item[1].speaker].repeats(item[1].content):
                own[item[1].speaker].append(item)
        name, most = max(own.items(), key=lambda entry: len(entry[1]), default=(said[0][1].speaker, []))
        too_many = {speaker for speaker, items in own.items() if len(items) > self.repeats}
        numbers = {number for speaker in too_many for number, _ in own[speaker]}
        found = [item for item in said if item[0] in numbers]
        return self.verdict(
            not found,
            f"{name} repeats itself in {len(most)} messages (at most {self.repeats})",
            found,
        )


class _Said:
    """The sentences of one speaker so far."""

    def __init__(self) -> None:
        self._sentences: list[frozenset[tuple[str, ...]]] = []
        self._holding: dict[tuple[str, ...], list[int]] = {}
        self._numbers: set[str] = set()

    def repeats(self, content: str) -> bool:
        """Whether a message repeats; from then on it counts as said."""
        normalised = text.normalise(unwrap(text.without_thinking(content)).said)
        all_words = text.words(normalised)
        numbers = {word for word in all_words if word[0].isdigit()}
        n_repeated = 0
        for sentence in text.sentences(normalised):
            words = text.words(sentence)
            if len(words) < SENTENCE_WORDS or _is_manners(sentence):
                continue
            triples = frozenset(text.ngrams(words, 3))
            if self._is_known(triples):
                n_repeated += len(words)
            else:
                self._add(triples)
        is_old = numbers <= self._numbers
        self._numbers |= numbers
        return bool(n_repeated) and n_repeated >= REPEATED_SHARE * len(all_words) and is_old

    def _is_known(self, triples: frozenset[tuple[str, ...]]) -> bool:
        # A sentence that is alike shares so many triples that it shares one of the rarest.
        rarest = sorted((self._holding.get(triple, ()) for triple in triples), key=len)
        near = set().union(*rarest[: len(triples) + 1 - ceil(LIKENESS * len(triples))])
        return any(
            len(triples & self._sentences[at]) >= LIKENESS * len(triples | self._sentences[at]) for at in near
        )

    def _add(self, triples: frozenset[tuple[str, ...]]) -> None:
        for triple in triples:
            self._holding.setdefault(triple, []).append(len(self._sentences))
        self._sentences.append(triples)


def _is_manners(sentence: str) -> bool:
    if lexicon.prompts(sentence):
        return True
    beside, n_phrases = lexicon.POLITE.subn(" ", sentence)
    return bool(n_phrases) and not any(map(lexicon.is_news, text.words(beside)))


@dataclass(frozen=True)
class KeepsFacts(SpokenProperty, method="keeps_facts"):
    """No speaker contradicts facts that its own system prompt states in plain words.

    Facts are its name, age, home and job, prices, times, dates, durations, closed days, counts, colours, phone and
    street numbers, in English, German, French, Spanish, Italian, Portuguese and Dutch. A sentence contradicts one if it
    is about the same and has other values only; sums, hypotheses and talk about other people are left out. Without
    a system prompt that states such facts it could not be measured.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the sentences that contradict."""
        facts = {speaker.name: list(facts_of(speaker.system or "")) for speaker in transcript.speakers}
        measured = [item for item in said if facts.get(item[1].speaker)]
        if not measured:
            return self.verdict(None, "no system prompt states a name, an age, a price, a time or a date")
        found = []
        shown = []
        for number, message in measured:
            if pair := contradicted(facts[message.speaker], text.without_thinking(message.content)):
                stated, claimed = pair
                found.append(Evidence(number, message.speaker, claimed.sentence))
                shown.append(
                    f"message {number} has the {claimed.kind} {', '.join(sorted(claimed.values))}, "
                    f"the prompt of {message.speaker} {', '.join(sorted(stated.values))}"
                )
        n_facts = sum(len(facts[name]) for name in {message.speaker for _, message in measured})
        return self.verdict(
            not found, "; ".join(shown) or f"no message contradicts {n_facts} stated facts", found
        )
