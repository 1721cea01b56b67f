"""What is said, what is never said, how much at once, and whether questions are answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import Evidence, Verdict, require_count, require_share
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.transcripts.transcript import Transcript

Phrase = str | re.Pattern[str]

# Characters quoted on either side of what was found.
CONTEXT = 60

# A question counts if it is among so many last sentences of a message: earlier ones are often rhetorical.
LAST_SENTENCES = 2
_SAYS_NOTHING = lexicon.FUNCTION_WORDS | lexicon.SAYS_LITTLE

# Beginnings of short answers, folded; "okay" is none: it acknowledges.
_SHORT_ANSWER = re.compile(
    # Thanks are no answer, but an offer is taken by them: "Thank you, that would be lovely."
    r"(?:(?:thank you|thanks)[,.!]? )?(?:that would|that'd|i'd (?:love|like)|please)\b|"
    r"(?:yes|yeah|yep|yup|no|nope|nah|sure|absolutely|definitely|certainly|of course|maybe|perhaps|probably"
    r"|i'm|i am|ja|nein|doch|oui|non|sí|si|sì|sim|não|ya|tidak|bukan|belum)\b"
    r"|[👍👌✅✔]|はい|ええ|いいえ|いや|네|예|아니|是|不|好|对|可以|没"
)


@dataclass(frozen=True)
class _Phrased(SpokenProperty):
    """Looks for a phrase, or for any of several.

    A string is found as whole words, whatever their case, spacing, dashes and quotes; a compiled pattern is searched in
    the text as it was written, and may take as long as its author lets it.
    """

    phrases: Phrase | tuple[Phrase, ...]

    def __post_init__(self) -> None:
        given = self.phrases if isinstance(self.phrases, tuple) else (self.phrases,)
        wrong = [phrase for phrase in given if not _is_phrase(phrase)]
        if wrong or not given:
            raise ConfigurationError(
                f"{type(self).__name__}: a phrase is a text that is not blank, or a compiled pattern "
                f"(got {wrong[0] if wrong else given!r})"
            )

    def _found(self, said: Sequence[Numbered]) -> list[Evidence]:
        """The messages in which a phrase is, quoted around its first place."""
        given = self.phrases if isinstance(self.phrases, tuple) else (self.phrases,)
        written = [phrase for phrase in given if isinstance(phrase, re.Pattern)]
        folded = text.phrase_pattern([text.fold(phrase) for phrase in given if isinstance(phrase, str)])
        return [
            Evidence(number, message.speaker, quote)
            for number, message in said
            if (quote := _quote(message.content, written, folded)) is not None
        ]

    def _phrases_text(self) -> str:
        given = self.phrases if isinstance(self.phrases, tuple) else (self.phrases,)
        return " or ".join(
            repr(phrase.pattern if isinstance(phrase, re.Pattern) else phrase) for phrase in given
        )


@dataclass(frozen=True)
class Mentions(_Phrased, method="mentions", gathers="phrases"):
    """At least one message has the phrase, or one of several; `speaker` says whose."""

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """Whether it is there, and where."""
        found = self._found(said)
        shown = f"{self._phrases_text()} is in {len(found)} of {len(said)} messages (at least 1)"
        return self.verdict(bool(found), shown, found or [said[-1]])


@dataclass(frozen=True)
class NeverSays(_Phrased, method="never_says", gathers="phrases"):
    """No message has the phrase, nor any of several; `speaker` says whose."""

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """Whether none has it; the evidence is those that have."""
        found = self._found(said)
        shown = f"{self._phrases_text()} is in {len(found)} of {len(said)} messages (at most 0)"
        return self.verdict(not found, shown, found)


def _is_phrase(phrase: object) -> bool:
    return isinstance(phrase, re.Pattern) or (isinstance(phrase, str) and bool(text.fold(phrase).strip()))


def _quote(content: str, written: Sequence[re.Pattern[str]], folded: re.Pattern[str] | None) -> str | None:
    """What stands around the first thing found, as it was written where it was found that way."""
    for pattern in [*written, *([folded] if folded else [])]:
        if found := pattern.search(content):
            return _around(content, *found.span())
    if folded and (found := folded.search(spelled := text.fold(content))):
        return _around(spelled, *found.span())
    return None


def _around(content: str, start: int, end: int) -> str:
    first, last = max(0, start - CONTEXT), min(end, start + CONTEXT) + CONTEXT
    return ("…" if first else "") + content[first:last] + ("…" if last < len(content) else "")


@dataclass(frozen=True)
class MaxWords(SpokenProperty, method="has_max_words"):
    """No message is longer than so many words; in scripts without spaces every character counts as one."""

    words: int

    def __post_init__(self) -> None:
        require_count(self, self.words, "words", least=1)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """Whether none is; the evidence is those that are, the longest first."""
        lengths = {number: text.n_words(message.content) for number, message in said}
        longest = max(lengths, key=lambda number: lengths[number])
        too_long = [item for item in said if lengths[item[0]] > self.words]
        too_long.sort(key=lambda item: -lengths[item[0]])
        return self.verdict(
            not too_long,
            f"{len(too_long)} of {len(said)} messages are longer than {self.words} words; "
            f"the longest is message {longest} with {lengths[longest]}",
            too_long,
        )


@dataclass(frozen=True)
class AnswersQuestions(SpokenProperty, method="answers_questions"):
    """Questions of the other side are taken up by the very next message of `speaker`.

    A reply ignores a question if it has no words, nothing but thanks, acknowledgements and goodbyes, or only the
    question itself. Asking back takes it up. A wrong answer and one beside the point are not found out: that takes a
    judge. At least `min_share` of the questions, 0 to 1, must be taken up.
    """

    min_share: float = 1.0

    def __post_init__(self) -> None:
        require_share(self, "min_share", self.min_share)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """Whether they are; the evidence is questions with the replies that ignore them."""
        pairs = list(_questions(transcript, {number for number, _ in said}))
        if not pairs:
            return self.verdict(True, f"no question was left to answer in {len(transcript)} messages")
        ignored = [
            (asked, reply) for asked, reply, question in pairs if not _takes_up(question, reply[1].content)
        ]
        taken = len(pairs) - len(ignored)
        return self.verdict(
            taken >= self.min_share * len(pairs),
            f"{taken} of {len(pairs)} questions were taken up (at least {self.min_share:.0%})",
            [item for pair in ignored for item in pair],
        )


def _questions(transcript: Transcript, answering: set[int]) -> Iterator[tuple[Numbered, Numbered, str]]:
    """Messages that end with a question, the replies to them, and the normalised question."""
    numbered = list(transcript.numbered())
    for asked, reply in pairwise(numbered):
        if reply[0] in answering and asked[1].speaker != reply[1].speaker:
            asking = text.sentences(text.normalise(text.without_thinking(asked[1].content)))[-LAST_SENTENCES:]
            question = " ".join(sentence for sentence in asking if _is_question(sentence))
            if question:
                yield asked, reply, question


def _is_question(sentence: str) -> bool:
    return "?" in sentence and len(text.words(sentence)) > 1 and not lexicon.OFFER.search(sentence)


def _takes_up(question: str, reply: str) -> bool:
    said = text.sentences(text.fold(text.excerpt(text.without_thinking(reply))))
    if said and (_SHORT_ANSWER.match(said[0]) or lexicon.NO.search(said[0])):
        return True
    if any(lexicon.ENOUGH.search(sentence) for sentence in said):
        return True  # "that will be all" declines what was asked
    asked = text.words(question)
    return any(_says_something(sentence) and text.words(sentence) != asked for sentence in said)


def _says_something(sentence: str) -> bool:
    """Whether a sentence is more than a courtesy: a courteous one needs a word of its own besides."""
    words = text.words(sentence)
    if not lexicon.POLITE.search(sentence) and lexicon.SOCIAL.isdisjoint(words):
        return bool(words)
    besides = text.words(lexicon.POLITE.sub(" ", sentence))
    return any(word not in _SAYS_NOTHING for word in besides)
