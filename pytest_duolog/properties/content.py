"""Properties of what is said: phrases, the length of messages, and whether questions are answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_duolog.detectors import lexicon, questions, text
from pytest_duolog.detectors.closings import Cue, read_leave
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import require_count, require_share
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Evidence, Verdict
from pytest_duolog.topics.replies import (
    ACKNOWLEDGED,
    ECHOED,
    UNRELATED,
    Pair,
    Reading,
    last_question,
    readings_of,
)
from pytest_duolog.transcripts.transcript import Transcript

Phrase = str | re.Pattern[str]
# Signs of regular expressions that nobody says: a text with them is never found.
PATTERN = re.compile(r"\\[bdswBDSW]|\.[*+]|\(\?[:!=<i]|\[\^|\[[a-z0-9]-[a-z0-9]", re.IGNORECASE)

# Characters that are quoted on each side of a found phrase.
CONTEXT = 60

# A question counts only in the last sentences of a message, this many: earlier ones are often rhetorical.
LAST_SENTENCES = 2
# A question of so few words asks for a confirmation, which may be an echo.
FEW_WORDS = 3
_SAYS_NOTHING = lexicon.FUNCTION_WORDS | lexicon.SAYS_LITTLE

# What a speaker does, not says: "*smiles* No."
_STAGED = re.compile(r"^\s*\*[^*\n]{1,80}\*")
# Beginnings of short answers, normalised; "okay" is not among them, because it only acknowledges.
_SHORT_ANSWER = re.compile(
    # Thanks alone are not an answer, but they can accept an offer: "Thank you, that would be lovely."
    r"(?:(?:oh|ah|well|um|uh)[,.!]? )?"
    r"(?:(?:(?:thank you|thanks)[,.!]? )?(?:that would|that'd|i'd (?:love|like)|please)\b|"
    r"(?:yes|yeah|yep|yup|no|nope|nah|sure|absolutely|definitely|certainly|of course|maybe|perhaps|probably"
    r"|i'm|i am|ja|nein|doch|oui|non|sí|si|sì|sim|não|ya|tidak|bukan|belum"
    r"|nee|nej|evet|hayır|tak|ano|igen|nem|kyllä|ei|да|нет|так|ні|ναι|όχι|có|không)\b"
    r"|[👍👌✅✔]|はい|ええ|いいえ|いや|네|예|아니|是|不|好|对|可以|没)"
)


@dataclass(frozen=True)
class _Phrased(SpokenProperty):
    """Searches for one phrase, or for any of several.

    A string is searched as whole words; case, spacing, and the kind of dashes and quotes do not matter. A compiled
    pattern is searched in the original text; its run time is not limited.
    """

    phrases: Phrase | tuple[Phrase, ...]

    def __post_init__(self) -> None:
        given = self.phrases if isinstance(self.phrases, tuple) else (self.phrases,)
        wrong = [phrase for phrase in given if not _is_phrase(phrase)]
        if wrong or not given:
            raise ConfigurationError(
                f"{type(self).__name__}: a phrase must be a non-blank string or a compiled pattern "
                f"(got {wrong[0] if wrong else given!r})"
            )
        patterns = [phrase for phrase in given if isinstance(phrase, str) and PATTERN.search(phrase)]
        if patterns:
            raise ConfigurationError(
                f"{type(self).__name__}: {patterns[0]!r} looks like a pattern, but a string is searched as it is: "
                f"write re.compile({patterns[0]!r}), with re.escape around the string if it is meant as it is"
            )

    def _found(self, said: Sequence[Numbered]) -> list[Evidence]:
        """The messages that contain a phrase, quoted around its first occurrence."""
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
    """At least one message has the phrase, or one of several; only messages of `speaker` if it is given."""

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the messages that contain the phrase."""
        found = self._found(said)
        shown = f"{self._phrases_text()} is in {len(found)} of {len(said)} messages (at least 1)"
        return self.verdict(bool(found), shown, found or [said[-1]])


@dataclass(frozen=True)
class NeverSays(_Phrased, method="never_says", gathers="phrases"):
    """No message has the phrase, nor any of several; only messages of `speaker` if it is given."""

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the messages that contain the phrase."""
        found = self._found(said)
        shown = f"{self._phrases_text()} is in {len(found)} of {len(said)} messages (at most 0)"
        return self.verdict(not found, shown, found)


def _is_phrase(phrase: object) -> bool:
    return isinstance(phrase, re.Pattern) or (isinstance(phrase, str) and bool(text.fold(phrase).strip()))


def _quote(content: str, written: Sequence[re.Pattern[str]], folded: re.Pattern[str] | None) -> str | None:
    """The text around the first occurrence, in its original form if it was found in that form."""
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
    """No message has more than `words` words; in scripts without spaces, each character counts as a word."""

    words: int

    def __post_init__(self) -> None:
        require_count(self, self.words, "words", least=1)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the messages that are too long, the longest first."""
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
    """The next message of `speaker` responds to each question of the other side.

    A message ignores a question if it has no words, has only thanks, acknowledgements and goodbyes, or only repeats
    the question. A question that asks for a time, a place, a number or a name needs one in the response, or words
    that leave it open, in English, German, French, Spanish, Italian, Portuguese and Dutch. A question in return
    counts as a response. With the extra `topic`, a reply that acknowledges, echoes or evades a question in other words
    ignores it, too. A wrong answer is not detected, and mostly not an irrelevant one to other questions: this
    needs a judge. At least the share `min_share` of the questions, 0 to 1, must get a response.
    """

    min_share: float = 1.0

    def __post_init__(self) -> None:
        require_share(self, "min_share", self.min_share)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the questions and the messages that ignore them."""
        pairs = list(_questions(transcript, {number for number, _ in said}))
        if not pairs:
            return self.verdict(True, f"there is no question to answer in {len(transcript)} messages")
        own = [_own(reply[1].content) for _, reply, _ in pairs]
        readings = readings_of(
            [Pair(last_question(asked[1].content), one) for (asked, *_), one in zip(pairs, own, strict=True)]
        )
        ignored = [
            (asked, reply)
            for (asked, reply, question), one, reading in zip(pairs, own, readings, strict=True)
            if _is_ignored(question, one, reading)
        ]
        taken = len(pairs) - len(ignored)
        return self.verdict(
            taken >= self.min_share * len(pairs),
            f"{taken} of {len(pairs)} questions got a response (at least {self.min_share:.0%})",
            [item for pair in ignored for item in pair],
        )


def asked_pairs(transcript: Transcript) -> Iterator[tuple[str, str]]:
    """Each message that asks the other side something, and the next message."""
    for asked, reply, _ in _questions(transcript, set(range(1, len(transcript) + 1))):
        yield asked[1].content, reply[1].content


def _questions(transcript: Transcript, answering: set[int]) -> Iterator[tuple[Numbered, Numbered, str]]:
    """Messages that end with a question and not with a goodbye, the next message, and the normalised question."""
    numbered = list(transcript.numbered())
    for asked, reply in pairwise(numbered):
        if reply[0] in answering and asked[1].speaker != reply[1].speaker:
            heard = text.heard(asked[1].content)
            asking = () if read_leave(heard).cue >= Cue.ENOUGH else text.sentences(heard)[-LAST_SENTENCES:]
            question = " ".join(sentence for sentence in asking if _is_question(sentence))
            if question:
                yield asked, reply, question


def _is_question(sentence: str) -> bool:
    return "?" in sentence and len(text.words(sentence)) > 1 and not lexicon.OFFER.search(sentence)


def _own(reply: str) -> str:
    return _STAGED.sub(" ", text.excerpt(text.without_thinking(reply)))


def _is_ignored(question: str, own: str, reading: Reading) -> bool:
    """Whether a reply ignores a normalised question: by its meaning, or by its words if its meaning allows."""
    enough = _sufficing(question, own)
    return bool(reading.passes - enough) or (bool(reading.may_pass - enough) and _is_beside(question, own))


def _sufficing(question: str, own: str) -> set[str]:
    """The ways of passing a normalised question by that may be all it wants, or an honest "I do not know"."""
    said = text.fold(own)
    may_echo = questions.denies(said) or _digits(said) - _digits(question)
    return {
        *((ACKNOWLEDGED,) if questions.wants_agreement(question) else ()),
        *((ECHOED,) if may_echo else ()),
        *((UNRELATED,) if questions.leaves_open(said) or questions.decides(question, said) else ()),
    }


def _digits(said: str) -> set[str]:
    return {word for word in text.words(said) if word[0].isdigit()}


def _is_beside(question: str, own: str) -> bool:
    return questions.passes_by(question, own) or not _takes_up(question, own)


def _takes_up(question: str, own: str) -> bool:
    by_kind = [questions.takes_up(asked, own) for asked in text.sentences(question)]
    if any(by_kind) or (None not in by_kind and text.words(text.fold(own))):
        return any(by_kind)
    said = text.sentences(text.fold(own))
    if said and (_SHORT_ANSWER.match(said[0]) or lexicon.NO.search(said[0])):
        return True
    if questions.proposes(question) and any(map(text.words, said)):
        return True  # "Darf ich?" "Bitte."
    if any(lexicon.ENOUGH.search(sentence) for sentence in said):
        return True  # "that will be all" declines an offer
    asked = text.words(question)
    if len(asked) <= FEW_WORDS and any(text.words(sentence) == asked for sentence in said):
        return True  # "Four hundred?" "Four hundred."
    return any(_says_something(sentence) and text.words(sentence) != asked for sentence in said)


def _says_something(sentence: str) -> bool:
    """Whether a sentence is more than a courtesy: a courteous one needs another word."""
    words = text.words(sentence)
    if not lexicon.POLITE.search(sentence) and lexicon.SOCIAL.isdisjoint(words):
        return bool(words)
    besides = text.words(lexicon.POLITE.sub(" ", sentence))
    return any(word not in _SAYS_NOTHING for word in besides)
