"""The properties of one speaker's own words: that it does not repeat itself, and keeps to the facts it was given."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.denials import affirmed, denials_of
from pytest_duolog.detectors.facts import contradicted, facts_of
from pytest_duolog.detectors.wrapping import unwrap
from pytest_duolog.display import shorten
from pytest_duolog.properties.base import require_count
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Evidence, Verdict
from pytest_duolog.topics.restating import TIMES, Said, restated
from pytest_duolog.topics.rewording import reworded
from pytest_duolog.transcripts.transcript import Transcript

# A sentence with at least this many words can repeat another one; shorter ones are manners.
SENTENCE_WORDS = 3
# A message repeats if at least this share of its words stands in sentences that its speaker said before.
REPEATED_SHARE = 0.5
# In a long dialogue, so large a share of a speaker's messages may repeat: people come back to things.
RARELY = 0.1
# A sentence was said before if an earlier one has this share of its word triples.
LIKENESS = 0.6
# Only the last messages of a speaker are compared, this many. A sentence that has no other words of content than one of
# the very last sentences was said before, too.
LATELY = 10
VERY_LATELY = 4
# Words of content are one if so many first letters are the same.
STEM = 6


@dataclass(frozen=True)
class DoesNotRepeatItself(SpokenProperty, method="does_not_repeat_itself"):
    """No speaker says again what it said before, whatever the other side says.

    At most `repeats` messages of a speaker may repeat earlier ones of its own; in a long dialogue a tenth of them may,
    unless `repeats` is 0. A message repeats if at least half of its words are in sentences that its speaker said in its
    last ten messages, up to small changes, and it has no new number. Sentences below three words, offers of help,
    courtesies, and questions for the next of several things are not counted. With the extra `topic`, the same content
    in other words counts, too, but one more message may have it. What three messages say in ever new words counts from
    the third on, in sixteen languages, if their speaker has fewer than thirty messages.
    """

    repeats: int = 1

    def __post_init__(self) -> None:
        require_count(self, self.repeats, "messages", least=0)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the messages that repeat."""
        own: dict[str, list[Numbered]] = defaultdict(list)
        before: dict[str, _Said] = defaultdict(_Said)
        for item in said:
            if before[item[1].speaker].repeats(item[1].content):
                own[item[1].speaker].append(item)
        for speaker, places in self._reworded(transcript, said).items():
            if len(places) > len(own[speaker]):
                own[speaker] = places
        name, most = max(own.items(), key=lambda entry: len(entry[1]), default=(said[0][1].speaker, []))
        n_own = Counter(message.speaker for _, message in said)
        allowed = {one: max(self.repeats, int(RARELY * n_own[one])) if self.repeats else 0 for one in n_own}
        too_many = {speaker for speaker, items in own.items() if len(items) > allowed[speaker]}
        numbers = {number for speaker in too_many for number, _ in own[speaker]}
        found = [item for item in said if item[0] in numbers]
        return self.verdict(
            not found,
            f"{name} repeats itself in {len(most)} messages (at most {allowed[name]})",
            found,
        )

    def _reworded(self, transcript: Transcript, said: Sequence[Numbered]) -> dict[str, list[Numbered]]:
        """The messages of speakers who say something again in other words, if there is one more than is allowed."""
        found = {}
        three: dict[str, tuple[int, ...]] | None = None
        for speaker in dict.fromkeys(message.speaker for _, message in said):
            items = [item for item in said if item[1].speaker == speaker]
            fewest = max(self.repeats + 1, int(RARELY * len(items))) + 1
            places = reworded([text.without_thinking(message.content) for _, message in items], fewest)
            if len(places) >= fewest:
                found[speaker] = [items[at] for at in places]
            elif fewest <= TIMES:
                if three is None:
                    three = restated([Said(one.speaker, one.content) for one in transcript.messages])
                numbers = {at + 1 for at in three.get(speaker, ())}
                found[speaker] = [item for item in items if item[0] in numbers]
        return found


class _Sentence(NamedTuple):
    """A sentence that was said: the number of its message, its triples of words, and its words of content."""

    number: int
    triples: frozenset[tuple[str, ...]]
    news: frozenset[str]


class _Said:
    """What one speaker has said so far."""

    def __init__(self) -> None:
        self._n_messages = 0
        self._sentences: list[_Sentence] = []
        self._holding: dict[tuple[str, ...], deque[int]] = {}
        self._numbers: set[str] = set()
        self._whole: deque[tuple[str, ...]] = deque(maxlen=LATELY)

    def repeats(self, content: str) -> bool:
        """Whether a message repeats; from then on it counts as said."""
        normalised = text.normalise(unwrap(text.without_thinking(content)).said)
        all_words = text.words(normalised)
        numbers = {word for word in all_words if word[0].isdigit()}
        self._n_messages += 1
        n_repeated = 0
        for sentence in text.sentences(normalised):
            if not (words := _telling_words(sentence)):
                continue
            news = frozenset(word[:STEM] for word in words if lexicon.is_news(word))
            said = _Sentence(self._n_messages, frozenset(text.ngrams(words, 3)), news)
            if self._is_known(said):
                n_repeated += len(text.words(sentence))
            self._add(said)
        is_old = numbers <= self._numbers
        self._numbers |= numbers
        is_same = bool(all_words) and all_words in self._whole and is_old
        self._whole.append(all_words if _may_be_whole(normalised, all_words) else ())
        return is_same or (bool(n_repeated) and n_repeated >= REPEATED_SHARE * len(all_words) and is_old)

    def _is_known(self, sentence: _Sentence) -> bool:
        # A sentence that is alike shares so many triples that it shares one of the rarest.
        number, triples, news = sentence
        rarest = sorted((self._lately(triple, number) for triple in triples), key=len)
        near = set().union(*rarest[: len(triples) + 1 - ceil(LIKENESS * len(triples))])
        return any(
            news <= old.news and len(triples & old.triples) >= LIKENESS * len(triples)
            for old in map(self._sentences.__getitem__, near)
            if old.number < number
        ) or (
            len(news) > 1
            and any(news <= old.news for old in self._sentences[-VERY_LATELY:] if old.number < number)
        )

    def _lately(self, triple: tuple[str, ...], number: int) -> deque[int]:
        """The places of the sentences with these three words in this message and the last ones before it."""
        places = self._holding.get(triple, deque())
        while places and self._sentences[places[0]].number < number - LATELY:
            places.popleft()
        return places

    def _add(self, sentence: _Sentence) -> None:
        for triple in sentence.triples:
            self._holding.setdefault(triple, deque()).append(len(self._sentences))
        self._sentences.append(sentence)


def _may_be_whole(normalised: str, words: Sequence[str]) -> bool:
    """Whether a message that is said again as a whole repeats: it is no sign of listening, courtesy or prompt."""
    return (
        len(words) >= SENTENCE_WORDS
        and not lexicon.LISTENING.issuperset(words)
        and not lexicon.POLITE.search(normalised)
        and not lexicon.prompts(normalised)
    )


def _telling_words(sentence: str) -> Sequence[str]:
    """The words of a sentence that can repeat another one, without courtesies beside them."""
    words = text.words(sentence)
    beside, n_phrases = lexicon.POLITE.subn(" ", sentence)
    rest = text.words(beside)
    is_manners = (n_phrases or len(words) <= SENTENCE_WORDS) and not any(map(lexicon.is_news, rest))
    if len(words) < SENTENCE_WORDS or is_manners or lexicon.prompts(sentence):
        return ()
    return rest if len(rest) >= SENTENCE_WORDS else words


@dataclass(frozen=True)
class KeepsFacts(SpokenProperty, method="keeps_facts"):
    """No speaker contradicts facts that its own system prompt states in plain words.

    Facts are its name, age, home, job and next of kin, prices, times, dates, years, durations, measures, closed days,
    counts, colours, phone and street numbers, in English, German, French, Spanish, Italian, Portuguese and Dutch, and
    situations and rules of which one excludes the other: a spouse, children, animals, cash only and the like. A
    sentence contradicts one if it is about the same and has other values only; sums, hypotheses and talk about other
    people are left out. What a short prompt rules out ("no pool", "we don't move pianos") is contradicted by a sentence
    that speaks of it as a matter of course. Without a system prompt that states such facts it could not be measured.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the sentences that contradict."""
        prompts = {speaker.name: speaker.system or "" for speaker in transcript.speakers}
        facts = {name: list(facts_of(prompt)) for name, prompt in prompts.items()}
        denials = {name: list(denials_of(prompt)) for name, prompt in prompts.items()}
        measured = [item for item in said if facts.get(item[1].speaker) or denials.get(item[1].speaker)]
        if not measured:
            return self.verdict(
                None, "no system prompt states a fact to compare, such as a name, a price or a time"
            )
        found = []
        shown = []
        for number, message in measured:
            content = text.excerpt(text.without_thinking(message.content))
            if pair := contradicted(facts[message.speaker], content, prompt=prompts[message.speaker]):
                stated, claimed = pair
                found.append(Evidence(number, message.speaker, claimed.sentence))
                shown.append(
                    f"message {number} has the {claimed.kind} {', '.join(sorted(claimed.values))}, "
                    f"the prompt of {message.speaker} {', '.join(sorted(stated.values))}"
                )
            elif against := affirmed(denials[message.speaker], content):
                denial, sentence = against
                found.append(Evidence(number, message.speaker, sentence))
                shown.append(
                    f"message {number} goes against the prompt of {message.speaker}: "
                    f"{shorten(denial.sentence)}"
                )
        speakers = {message.speaker for _, message in measured}
        n_facts = sum(len(facts[name]) + len(denials[name]) for name in speakers)
        return self.verdict(
            not found, "; ".join(shown) or f"no message contradicts {n_facts} stated facts", found
        )
