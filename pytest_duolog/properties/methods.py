"""The method form of the properties, the same on a transcript and on a dialogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_duolog.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_duolog.properties.base import Check, Verdict
    from pytest_duolog.properties.content import Phrase
    from pytest_duolog.transcripts.transcript import Transcript


class PropertyMethods:
    """Adds a method for each property; every one gives a verdict, true only where the property holds.

    The properties are imported when first asked for: whoever reads a transcript needs none of them.
    """

    def _checked(self) -> Transcript:
        """The transcript that is judged."""
        raise NotImplementedError

    def _ready(self, check: Check) -> Check:
        """The check with all that it needs besides the transcript."""
        return check

    def satisfies(self, *checks: Check) -> Verdict:
        """Whether all these properties hold, or functions that take a transcript.

        Raises ConfigurationError without any, and for what is neither.
        """
        from pytest_duolog.properties.base import AllOf, judge

        __tracebackhide__ = True
        if not checks:
            raise ConfigurationError(
                "satisfies() needs a property, or a function from a transcript to a boolean"
            )
        return judge(self._ready(checks[0] if len(checks) == 1 else AllOf(checks)), self._checked())

    def has_no_loops(self, *, allow: tuple[str, ...] = ()) -> Verdict:
        """No stretch of it adds nothing new: `NoLoops`."""
        from pytest_duolog.properties.loops import NoLoops

        __tracebackhide__ = True
        return self.satisfies(NoLoops(allow))

    def ends_cleanly(self, *, messages_after_goodbye: int | None = None) -> Verdict:
        """It takes leave and is over soon after: `EndsCleanly`."""
        from pytest_duolog.properties.endings import EndsCleanly

        __tracebackhide__ = True
        return self.satisfies(
            EndsCleanly() if messages_after_goodbye is None else EndsCleanly(messages_after_goodbye)
        )

    def terminates_within(self, turns: int) -> Verdict:
        """It comes to an end by itself within so many turns: `TerminatesWithin`."""
        from pytest_duolog.properties.endings import TerminatesWithin

        __tracebackhide__ = True
        return self.satisfies(TerminatesWithin(turns))

    def mentions(self, *phrases: Phrase, speaker: str | None = None) -> Verdict:
        """One of these phrases or patterns is said: `Mentions`."""
        from pytest_duolog.properties.content import Mentions

        __tracebackhide__ = True
        return self.satisfies(Mentions(phrases, speaker=speaker))

    def never_says(self, *phrases: Phrase, speaker: str | None = None) -> Verdict:
        """None of these phrases or patterns is said: `NeverSays`."""
        from pytest_duolog.properties.content import NeverSays

        __tracebackhide__ = True
        return self.satisfies(NeverSays(phrases, speaker=speaker))

    def has_max_words(self, words: int, *, speaker: str | None = None) -> Verdict:
        """No message is longer than so many words: `MaxWords`."""
        from pytest_duolog.properties.content import MaxWords

        __tracebackhide__ = True
        return self.satisfies(MaxWords(words, speaker=speaker))

    def answers_questions(self, *, min_share: float = 1.0, speaker: str | None = None) -> Verdict:
        """Questions are taken up by the next message: `AnswersQuestions`."""
        from pytest_duolog.properties.content import AnswersQuestions

        __tracebackhide__ = True
        return self.satisfies(AnswersQuestions(min_share, speaker=speaker))

    def is_balanced(self, *, max_share: float = 0.9) -> Verdict:
        """Nobody says nearly everything: `Balanced`."""
        from pytest_duolog.properties.form import Balanced

        __tracebackhide__ = True
        return self.satisfies(Balanced(max_share))

    def keeps_length(self, *, max_ratio: float = 4.0, speaker: str | None = None) -> Verdict:
        """Messages neither grow nor shrink: `KeepsLength`."""
        from pytest_duolog.properties.form import KeepsLength

        __tracebackhide__ = True
        return self.satisfies(KeepsLength(max_ratio, speaker=speaker))

    def keeps_language(self, language: str | None = None, *, speaker: str | None = None) -> Verdict:
        """Every message is in one language: `KeepsLanguage`."""
        from pytest_duolog.properties.form import KeepsLanguage

        __tracebackhide__ = True
        return self.satisfies(KeepsLanguage(language, speaker=speaker))

    def stays_in_role(self, *, speaker: str | None = None) -> Verdict:
        """It speaks for itself, leaks nothing, stays in character and on its side: `StaysInRole`."""
        from pytest_duolog.properties.roles import StaysInRole

        __tracebackhide__ = True
        return self.satisfies(StaysInRole(speaker=speaker))

    def speaks_for_itself(self, *, speaker: str | None = None) -> Verdict:
        """No message goes on with the other side's lines: `SpeaksForItself`."""
        from pytest_duolog.properties.roles import SpeaksForItself

        __tracebackhide__ = True
        return self.satisfies(SpeaksForItself(speaker=speaker))

    def leaks_no_reasoning(self, *, speaker: str | None = None) -> Verdict:
        """No message thinks aloud: `LeaksNoReasoning`."""
        from pytest_duolog.properties.roles import LeaksNoReasoning

        __tracebackhide__ = True
        return self.satisfies(LeaksNoReasoning(speaker=speaker))

    def leaks_no_prompt(self, *, words: int = 12, speaker: str | None = None) -> Verdict:
        """Nobody recites the system prompt: `LeaksNoPrompt`."""
        from pytest_duolog.properties.roles import LeaksNoPrompt

        __tracebackhide__ = True
        return self.satisfies(LeaksNoPrompt(words, speaker=speaker))

    def stays_in_character(self, *, speaker: str | None = None) -> Verdict:
        """Nobody says that it is a machine: `StaysInCharacter`."""
        from pytest_duolog.properties.roles import StaysInCharacter

        __tracebackhide__ = True
        return self.satisfies(StaysInCharacter(speaker=speaker))

    def keeps_its_side(self, *, speaker: str | None = None) -> Verdict:
        """Who is helped does not begin to offer help: `KeepsItsSide`."""
        from pytest_duolog.properties.roles import KeepsItsSide

        __tracebackhide__ = True
        return self.satisfies(KeepsItsSide(speaker=speaker))

    def has_no_agreement_spiral(self, *, messages: int = 4, speaker: str | None = None) -> Verdict:
        """Nowhere do both sides merely agree: `NoAgreementSpiral`."""
        from pytest_duolog.properties.agreement import NoAgreementSpiral

        __tracebackhide__ = True
        return self.satisfies(NoAgreementSpiral(messages, speaker=speaker))

    def stays_on_topic(self, topic: str | None = None, *, threshold: float = 0.1) -> Verdict:
        """It is about its topic and does not leave it: `StaysOnTopic`."""
        from pytest_duolog.properties.topic import StaysOnTopic

        __tracebackhide__ = True
        return self.satisfies(StaysOnTopic(topic, threshold))

    def judged(
        self, criterion: str, *, by: str | Callable[..., Any], votes: int = 3, max_tokens: int | None = None
    ) -> Verdict:
        """A model finds that the criterion holds, by a majority of votes: `Judged`."""
        from pytest_duolog.properties.judged import MAX_TOKENS, Judged

        __tracebackhide__ = True
        return self.satisfies(Judged(criterion, by, votes, MAX_TOKENS if max_tokens is None else max_tokens))
