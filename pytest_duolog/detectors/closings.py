"""Finds where a dialogue says goodbye.

A goodbye counts if the next message answers it with a goodbye, or if the dialogue ends with it. In a clause that goes
on with something else it is only polite. "No, thanks" counts after an offer of help, and thanks before a goodbye.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.phrases import PhraseBook

# A dialogue that ends cleanly has at most this many messages after its goodbye.
CLEAN_TAIL = 8
# The number of last sentences of a message that are read for a goodbye.
TAIL_SENTENCES = 4
# A polite message with at most this many words has no other content.
SHORT = 14
# A sentence after a polite one has other content if it has more words than this that are neither grammar nor small
# talk.
AFTERTHOUGHT = 2
# A greeting or a goodbye is not longer than this.
FEW_WORDS = 5
# With so many words, one of them may be a name.
WITH_NAME = 3
# In this many first messages, words that can be a greeting or a goodbye are greetings.
FIRST_MESSAGES = 2

# Quotations are not the speaker's own words.
_QUOTED = re.compile(r""""[^"\n]*"|(?<!\w)'[^'\n]{1,100}'(?!\w)|「[^」\n]*」|『[^』\n]*』|《[^》\n]*》""")
_MAY_QUOTE = re.compile("[\"'「『《]")
# The closing of a letter, a short line with a name below it, does not end the dialogue.
_SIGNED = re.compile(
    r"\n[^\n]{0,24}\b(?:regards|wishes|sincerely|truly|cheers|best|love|yours?)[^\n]{0,12}\n{1,2}[^\n]{1,60}\s{0,3}\Z"
)

# A clause with more words of content after its goodbye is about something else; in scripts without spaces, with twice
# as many characters.
GOES_ON = 2
_MARK = "\n"
_CLAUSE_END = re.compile(r"[,.;:!?()،。、—–-]")


class Cue(IntEnum):
    """How strongly a message sounds like an ending."""

    NONE = 0
    POLITE = 1
    """Thanks, or an answer to thanks."""
    ENOUGH = 2
    """Nothing more is needed, or the speaker looks back at the dialogue."""
    FAREWELL = 3


class Reading:
    """The facts about a message that matter for a goodbye, found when they are asked for: most messages have no cue."""

    def __init__(self, normalised: str) -> None:
        self._normalised = normalised
        own_words = _SIGNED.sub("", normalised) if "\n" in normalised else normalised
        own_words = _QUOTED.sub(" ", own_words) if _MAY_QUOTE.search(normalised) else own_words
        self.is_quoted = own_words is not normalised and not text.words(own_words)
        self.mentions_leave = own_words is not normalised and any(
            map(lexicon.FAREWELL.search, _QUOTED.findall(normalised))
        )
        self._own_words = normalised if self.is_quoted else own_words
        self._known_end: _End | None = None

    @property
    def cue(self) -> Cue:
        """How strongly it sounds like an ending."""
        return self._end.cue if lexicon.POLITE.may_be_in(self._own_words) else Cue.NONE

    @property
    def offers(self) -> bool:
        """Whether it asks if more is needed."""
        may_offer = "?" in self._own_words and lexicon.OFFER.may_be_in(self._own_words)
        return may_offer and self._end.offers

    @property
    def declines(self) -> bool:
        """Whether it begins with a no."""
        first = text.sentences(self._own_words)[:1] if lexicon.NO.may_be_in(self._own_words) else ()
        return any(lexicon.NO.search(sentence, within=self._own_words) for sentence in first)

    @property
    def asks(self) -> bool:
        """Whether it ends with a question or a request."""
        return lexicon.may_ask(self._own_words) and self._end.asks

    @property
    def is_short(self) -> bool:
        """Whether it has no room for other content, if it is polite."""
        return len(text.words(self._normalised)) <= SHORT

    @property
    def parts(self) -> bool:
        """Whether it only greets or parts, perhaps with a name: at the end of a dialogue that is a goodbye."""
        n_words = len(text.words(self._normalised))
        news = int(n_words <= WITH_NAME)
        return n_words <= FEW_WORDS and _is_only(lexicon.PARTING, self._normalised, news=news)

    @property
    def thanks(self) -> bool:
        """Whether it thanks, and says little else: that something is done, and not that something is still to come."""
        return (
            self.cue is Cue.POLITE
            and self.is_short
            and _is_only(lexicon.THANKS, self._normalised, news=AFTERTHOUGHT)
            and not any(map(_tells, text.sentences(self._own_words)))
            and not lexicon.UNFINISHED.search(self._own_words)
        )

    @property
    def _end(self) -> _End:
        if self._known_end is None:
            self._known_end = _end_of(self._own_words)
        return self._known_end


class _End(NamedTuple):
    cue: Cue
    offers: bool
    asks: bool


def _end_of(own_words: str) -> _End:
    """What the last sentences of a text say about the end of the dialogue."""
    is_polite, may_ask = lexicon.POLITE.may_be_in(own_words), lexicon.may_ask(own_words)
    cue, offers, asks = Cue.NONE, False, False
    for sentence in text.sentences(own_words)[-TAIL_SENTENCES:]:
        is_question = "?" in sentence
        if is_question and lexicon.OFFER.search(sentence, within=own_words):
            cue, offers = Cue.NONE, True
        elif (found := sentence_cue(sentence, own_words) if is_polite else Cue.NONE) >= Cue.ENOUGH and not (
            may_ask and lexicon.asks_in(sentence, own_words)
        ):
            cue, asks = max(cue, found), False
        elif may_ask and lexicon.asks_in(sentence, own_words):
            cue, asks = (cue if cue is Cue.FAREWELL else Cue.NONE), True
        elif found:
            cue, asks = max(cue, found), False
        elif Cue.NONE < cue < Cue.FAREWELL and sum(map(lexicon.is_news, text.words(sentence))) > AFTERTHOUGHT:
            cue = Cue.NONE
    return _End(cue, offers, asks)


@lru_cache(maxsize=64)  # dialogues with loops repeat their messages
def read_leave(normalised: str) -> Reading:
    """The facts about the end of the dialogue in a normalised message."""
    return Reading(normalised)


def _tells(sentence: str) -> bool:
    """Whether a sentence without thanks has content, such as the second one of "Thanks. The hall is locked."."""
    return not lexicon.THANKS.search(sentence) and sum(map(lexicon.is_news, text.words(sentence))) > 1


def _is_only(phrases: PhraseBook, normalised: str, *, news: int) -> bool:
    """Whether a text has one of these phrases and at most `news` other words with content."""
    beside, n_phrases = phrases.subn(" ", normalised)
    return bool(n_phrases) and sum(map(lexicon.is_news, text.words(beside))) <= news


def sentence_cue(sentence: str, whole: str) -> Cue:
    """How strongly one sentence of a normalised text sounds like an ending."""
    if not lexicon.POLITE.search(sentence, within=whole):  # as most sentences: one search, not five
        return Cue.NONE
    if lexicon.FAREWELL.search(sentence, within=whole):
        return Cue.POLITE if _goes_on(lexicon.FAREWELL, sentence) else Cue.FAREWELL
    for book in (lexicon.ENOUGH, lexicon.LOOKING_BACK):
        if book.search(sentence, within=whole):
            return Cue.POLITE if _goes_on(book, sentence) else Cue.ENOUGH
    return Cue.POLITE


def _goes_on(phrases: PhraseBook, sentence: str) -> bool:
    """Whether the clause with the last of the phrases goes on with content: "Until tomorrow the paint stays wet"."""
    beside, _ = phrases.subn(_MARK, sentence)
    after = text.words(_CLAUSE_END.split(beside.rpartition(_MARK)[2], maxsplit=1)[0])
    return sum(map(lexicon.is_news, after)) > GOES_ON * (2 if any(map(text.is_unspaced, after)) else 1)


@dataclass
class ClosingDetector:
    """Reads the messages of a dialogue in order.

    `closing` is the position, from 0, of the first goodbye that was answered; None if there is none yet.
    """

    closing: int | None = None
    _readings: list[Reading] = field(default_factory=list)
    _is_about_leave: bool = False
    """Whether somebody quoted words of leave-taking: then such words end the dialogue only if it does not go on."""

    def read(self, normalised: str) -> None:
        """Read the next message; one that is longer than READ_LIMIT is cut."""
        normalised = text.excerpt(normalised)
        if len(self._readings) < FIRST_MESSAGES:
            normalised = lexicon.GREETING.sub(" ", normalised)
        self._readings.append(read_leave(normalised))
        here = len(self._readings) - 1
        self._is_about_leave |= self._readings[here].mentions_leave
        if self.closing is None and here and self._is_answered(here):
            self.closing = here - 1
        elif self.closing == here - 2 and self._readings[here].offers and self._cue(here - 1) < Cue.ENOUGH:
            self.closing = (
                None  # "Have a great time!", "Thank you.", "Anything else?": the dialogue was not over
            )
        elif self._is_about_leave and self.closing is not None and not self._readings[here].cue:
            self.closing = None

    def at_end(self) -> int | None:
        """The closing if the dialogue ends here: a goodbye without an answer counts, too."""
        if self.closing is not None or not self._readings:
            return self.closing
        last = len(self._readings) - 1
        reading, cue = self._readings[last], self._parting_cue(last)
        if reading.offers or reading.asks:
            return None
        if last and reading.is_quoted != self._readings[last - 1].is_quoted:
            return None  # it only says what somebody could say
        before = self._parting_cue(last - 1) if last else Cue.NONE
        if reading.is_short and (before >= Cue.ENOUGH or (before and cue)):
            return last - 1
        return last if cue >= Cue.ENOUGH else None

    def ends_with_thanks(self) -> bool:
        """Whether the last message only thanks, and no question came before it: an end without a goodbye."""
        last = len(self._readings) - 1
        return last >= FIRST_MESSAGES and self._readings[last].thanks and not self._readings[last - 1].asks

    def _parting_cue(self, at: int) -> Cue:
        """The cue of one of the last two messages: there, a greeting counts as a goodbye."""
        return Cue.FAREWELL if self._readings[at].parts and at >= FIRST_MESSAGES else self._cue(at)

    def _is_answered(self, here: int) -> bool:
        leave = self._cue(here - 1)
        if not leave:
            return False
        answer = self._cue(here)
        reading = self._readings[here]
        if reading.is_quoted != self._readings[here - 1].is_quoted:
            return False  # one of them only says what somebody could say
        if reading.offers or (reading.asks and answer < Cue.FAREWELL):
            return False
        return (
            (leave >= Cue.ENOUGH and answer >= Cue.ENOUGH)
            or (leave is Cue.FAREWELL and answer >= Cue.POLITE)
            or (leave is Cue.POLITE and answer is Cue.FAREWELL and self._readings[here - 1].is_short)
        )

    def _cue(self, at: int) -> Cue:
        """The cue of a message in its context: declining an offer ends the dialogue."""
        reading = self._readings[at]
        offered = at > 0 and self._readings[at - 1].offers
        if offered and reading.is_short and not reading.asks and (reading.declines or reading.cue):
            return Cue.FAREWELL
        return reading.cue
