"""The properties of dialogues, one module for each family. `base` explains how to write your own.

Do not edit: `python -m tests.properties.generate` writes this file from the classes in the modules beside it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_duolog.properties.checked import Checked, joined, property_method

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_duolog.properties.base import Property as Property
    from pytest_duolog.properties.base import judge as judge
    from pytest_duolog.properties.call_claims import ClaimsAreCalls as ClaimsAreCalls
    from pytest_duolog.properties.calls import Arguments, Place
    from pytest_duolog.properties.calls import CallsAreValid as CallsAreValid
    from pytest_duolog.properties.calls import CallsInOrder as CallsInOrder
    from pytest_duolog.properties.calls import CallsTool as CallsTool
    from pytest_duolog.properties.calls import NeverCalls as NeverCalls
    from pytest_duolog.properties.calls import NoRepeatedCalls as NoRepeatedCalls
    from pytest_duolog.properties.calls import NoToolErrors as NoToolErrors
    from pytest_duolog.properties.claim_sentences import Act
    from pytest_duolog.properties.consistency import DoesNotRepeatItself as DoesNotRepeatItself
    from pytest_duolog.properties.consistency import KeepsFacts as KeepsFacts
    from pytest_duolog.properties.content import AnswersQuestions as AnswersQuestions
    from pytest_duolog.properties.content import MaxWords as MaxWords
    from pytest_duolog.properties.content import Mentions as Mentions
    from pytest_duolog.properties.content import NeverSays as NeverSays
    from pytest_duolog.properties.content import Phrase
    from pytest_duolog.properties.endings import EndsCleanly as EndsCleanly
    from pytest_duolog.properties.endings import TerminatesWithin as TerminatesWithin
    from pytest_duolog.properties.form import Balanced as Balanced
    from pytest_duolog.properties.form import KeepsLanguage as KeepsLanguage
    from pytest_duolog.properties.form import KeepsLength as KeepsLength
    from pytest_duolog.properties.judged import Ask
    from pytest_duolog.properties.judged import Judged as Judged
    from pytest_duolog.properties.judged import Question as Question
    from pytest_duolog.properties.loops import NoLoops as NoLoops
    from pytest_duolog.properties.personas import KeepsSecrets as KeepsSecrets
    from pytest_duolog.properties.personas import ReachesGoal as ReachesGoal
    from pytest_duolog.properties.personas import TellsWhenAsked as TellsWhenAsked
    from pytest_duolog.properties.roles import KeepsItsSide as KeepsItsSide
    from pytest_duolog.properties.roles import LeaksNoPrompt as LeaksNoPrompt
    from pytest_duolog.properties.roles import LeaksNoReasoning as LeaksNoReasoning
    from pytest_duolog.properties.roles import SpeaksForItself as SpeaksForItself
    from pytest_duolog.properties.roles import StaysInCharacter as StaysInCharacter
    from pytest_duolog.properties.roles import StaysInRole as StaysInRole
    from pytest_duolog.properties.spirals import NoAgreementSpiral as NoAgreementSpiral
    from pytest_duolog.properties.topic import StaysOnTopic as StaysOnTopic
    from pytest_duolog.properties.verdict import Evidence as Evidence
    from pytest_duolog.properties.verdict import Outcome as Outcome
    from pytest_duolog.properties.verdict import Verdict as Verdict

_HOMES = {
    "base": ("Property", "judge"),
    "call_claims": ("ClaimsAreCalls",),
    "calls": ("CallsAreValid", "CallsInOrder", "CallsTool", "NeverCalls", "NoRepeatedCalls", "NoToolErrors"),
    "consistency": ("DoesNotRepeatItself", "KeepsFacts"),
    "content": ("AnswersQuestions", "MaxWords", "Mentions", "NeverSays"),
    "endings": ("EndsCleanly", "TerminatesWithin"),
    "form": ("Balanced", "KeepsLanguage", "KeepsLength"),
    "judged": ("Judged", "Question"),
    "loops": ("NoLoops",),
    "personas": ("KeepsSecrets", "ReachesGoal", "TellsWhenAsked"),
    "roles": (
        "KeepsItsSide",
        "LeaksNoPrompt",
        "LeaksNoReasoning",
        "SpeaksForItself",
        "StaysInCharacter",
        "StaysInRole",
    ),
    "spirals": ("NoAgreementSpiral",),
    "topic": ("StaysOnTopic",),
    "verdict": ("Evidence", "Outcome", "Verdict"),
}

__all__ = [
    "AnswersQuestions",
    "Balanced",
    "CallsAreValid",
    "CallsInOrder",
    "CallsTool",
    "ClaimsAreCalls",
    "DoesNotRepeatItself",
    "EndsCleanly",
    "Evidence",
    "Judged",
    "KeepsFacts",
    "KeepsItsSide",
    "KeepsLanguage",
    "KeepsLength",
    "KeepsSecrets",
    "LeaksNoPrompt",
    "LeaksNoReasoning",
    "MaxWords",
    "Mentions",
    "NeverCalls",
    "NeverSays",
    "NoAgreementSpiral",
    "NoLoops",
    "NoRepeatedCalls",
    "NoToolErrors",
    "Outcome",
    "Property",
    "Question",
    "ReachesGoal",
    "SpeaksForItself",
    "StaysInCharacter",
    "StaysInRole",
    "StaysOnTopic",
    "TellsWhenAsked",
    "TerminatesWithin",
    "Verdict",
    "judge",
]

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # type checkers know only the names that are imported above

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


class PropertyMethods(Checked):
    """Adds a method for each property. Each method returns a verdict, which is true only if the property holds.

    A method takes the arguments of its class. The class is imported when the method is first called.
    """

    @property_method
    def answers_questions(self, min_share: float = 1.0, *, speaker: str | None = None) -> Verdict:
        """The next message of `speaker` responds to each question of the other side: `AnswersQuestions`."""
        from pytest_duolog.properties.content import AnswersQuestions

        __tracebackhide__ = True
        return self.satisfies(AnswersQuestions(min_share, speaker=speaker))

    @property_method
    def calls_are_valid(self, *, speaker: str | None = None) -> Verdict:
        """Every call names a tool that its speaker has, and its arguments fit the tool's schema: `CallsAreValid`."""
        from pytest_duolog.properties.calls import CallsAreValid

        __tracebackhide__ = True
        return self.satisfies(CallsAreValid(speaker=speaker))

    @property_method
    def calls_in_order(self, *tools: str, speaker: str | None = None) -> Verdict:
        """These tools are called one after the other, at least once in this order: `CallsInOrder`."""
        from pytest_duolog.properties.calls import CallsInOrder

        __tracebackhide__ = True
        return self.satisfies(CallsInOrder(tools, speaker=speaker))

    @property_method
    def calls_tool(
        self,
        name: str,
        /,
        arguments: Arguments | None = None,
        times: int | None = None,
        before: Place | None = None,
        after: Place | None = None,
        *,
        speaker: str | None = None,
        **named: Any,
    ) -> Verdict:
        """The tool is called with these arguments, at least once or exactly `times` times: `CallsTool`."""
        from pytest_duolog.properties.calls import CallsTool

        __tracebackhide__ = True
        return self.satisfies(
            CallsTool(name, joined("calls_tool", arguments, named), times, before, after, speaker=speaker)
        )

    @property_method
    def claims_are_calls(
        self, acts: Mapping[str, Act] | None = None, *, speaker: str | None = None
    ) -> Verdict:
        """Who says to have done something has called the tool that does it before: `ClaimsAreCalls`."""
        from pytest_duolog.properties.call_claims import ClaimsAreCalls

        __tracebackhide__ = True
        return self.satisfies(ClaimsAreCalls(acts, speaker=speaker))

    @property_method
    def does_not_repeat_itself(self, repeats: int = 1, *, speaker: str | None = None) -> Verdict:
        """No speaker says again what it said before, whatever the other side says: `DoesNotRepeatItself`."""
        from pytest_duolog.properties.consistency import DoesNotRepeatItself

        __tracebackhide__ = True
        return self.satisfies(DoesNotRepeatItself(repeats, speaker=speaker))

    @property_method
    def ends_cleanly(self, messages_after_goodbye: int = 8) -> Verdict:
        """The dialogue says goodbye and ends soon after: `EndsCleanly`."""
        from pytest_duolog.properties.endings import EndsCleanly

        __tracebackhide__ = True
        return self.satisfies(EndsCleanly(messages_after_goodbye))

    @property_method
    def has_max_words(self, words: int, *, speaker: str | None = None) -> Verdict:
        """No message has more than `words` words: `MaxWords`."""
        from pytest_duolog.properties.content import MaxWords

        __tracebackhide__ = True
        return self.satisfies(MaxWords(words, speaker=speaker))

    @property_method
    def has_no_agreement_spiral(self, messages: int = 4, *, speaker: str | None = None) -> Verdict:
        """Both sides never merely agree with each other for `messages` messages in a row: `NoAgreementSpiral`."""
        from pytest_duolog.properties.spirals import NoAgreementSpiral

        __tracebackhide__ = True
        return self.satisfies(NoAgreementSpiral(messages, speaker=speaker))

    @property_method
    def has_no_loops(self, allow: tuple[str, ...] = ()) -> Verdict:
        """No stretch of the dialogue adds nothing new: `NoLoops`."""
        from pytest_duolog.properties.loops import NoLoops

        __tracebackhide__ = True
        return self.satisfies(NoLoops(allow))

    @property_method
    def has_no_repeated_calls(self, most: int = 2, *, speaker: str | None = None) -> Verdict:
        """No speaker calls a tool with equal arguments more than `most` times: `NoRepeatedCalls`."""
        from pytest_duolog.properties.calls import NoRepeatedCalls

        __tracebackhide__ = True
        return self.satisfies(NoRepeatedCalls(most, speaker=speaker))

    @property_method
    def has_no_tool_errors(self, *, speaker: str | None = None) -> Verdict:
        """No call of a tool failed: `NoToolErrors`."""
        from pytest_duolog.properties.calls import NoToolErrors

        __tracebackhide__ = True
        return self.satisfies(NoToolErrors(speaker=speaker))

    @property_method
    def is_balanced(self, max_share: float = 0.9) -> Verdict:
        """No speaker says more than `max_share`, 0 to 1, of all words: `Balanced`."""
        from pytest_duolog.properties.form import Balanced

        __tracebackhide__ = True
        return self.satisfies(Balanced(max_share))

    @property_method
    def judged(
        self,
        criterion: str,
        by: str | Callable[..., Any],
        votes: int = 3,
        max_tokens: int = 2000,
        ask: Ask | None = None,
    ) -> Verdict:
        """More than half of a judge's `votes` say that the criterion holds: `Judged`."""
        from pytest_duolog.properties.judged import Judged

        __tracebackhide__ = True
        return self.satisfies(Judged(criterion, by, votes, max_tokens, ask))

    @property_method
    def keeps_facts(self, *, speaker: str | None = None) -> Verdict:
        """No speaker contradicts facts that its own system prompt states in plain words: `KeepsFacts`."""
        from pytest_duolog.properties.consistency import KeepsFacts

        __tracebackhide__ = True
        return self.satisfies(KeepsFacts(speaker=speaker))

    @property_method
    def keeps_its_side(self, *, speaker: str | None = None) -> Verdict:
        """The speaker who is helped does not begin to offer help: `KeepsItsSide`."""
        from pytest_duolog.properties.roles import KeepsItsSide

        __tracebackhide__ = True
        return self.satisfies(KeepsItsSide(speaker=speaker))

    @property_method
    def keeps_language(self, language: str | None = None, *, speaker: str | None = None) -> Verdict:
        """Every message is in one language: `KeepsLanguage`."""
        from pytest_duolog.properties.form import KeepsLanguage

        __tracebackhide__ = True
        return self.satisfies(KeepsLanguage(language, speaker=speaker))

    @property_method
    def keeps_length(self, max_ratio: float = 4.0, *, speaker: str | None = None) -> Verdict:
        """Messages neither grow nor shrink: `KeepsLength`."""
        from pytest_duolog.properties.form import KeepsLength

        __tracebackhide__ = True
        return self.satisfies(KeepsLength(max_ratio, speaker=speaker))

    @property_method
    def keeps_secrets(self, speaker: str | None = None, secrets: str | tuple[str, ...] = ()) -> Verdict:
        """A persona says none of the values of its secrets, in whatever spelling and spacing: `KeepsSecrets`."""
        from pytest_duolog.properties.personas import KeepsSecrets

        __tracebackhide__ = True
        return self.satisfies(KeepsSecrets(speaker, secrets))

    @property_method
    def leaks_no_prompt(self, words: int = 12, *, speaker: str | None = None) -> Verdict:
        """No speaker recites its system prompt, or talks about having one: `LeaksNoPrompt`."""
        from pytest_duolog.properties.roles import LeaksNoPrompt

        __tracebackhide__ = True
        return self.satisfies(LeaksNoPrompt(words, speaker=speaker))

    @property_method
    def leaks_no_reasoning(self, *, speaker: str | None = None) -> Verdict:
        """No message thinks aloud: `LeaksNoReasoning`."""
        from pytest_duolog.properties.roles import LeaksNoReasoning

        __tracebackhide__ = True
        return self.satisfies(LeaksNoReasoning(speaker=speaker))

    @property_method
    def mentions(self, *phrases: Phrase, speaker: str | None = None) -> Verdict:
        """At least one message has the phrase, or one of several: `Mentions`."""
        from pytest_duolog.properties.content import Mentions

        __tracebackhide__ = True
        return self.satisfies(Mentions(phrases, speaker=speaker))

    @property_method
    def never_calls(
        self, name: str, /, arguments: Arguments | None = None, *, speaker: str | None = None, **named: Any
    ) -> Verdict:
        """The tool is never called with these arguments, not even in a call that failed: `NeverCalls`."""
        from pytest_duolog.properties.calls import NeverCalls

        __tracebackhide__ = True
        return self.satisfies(NeverCalls(name, joined("never_calls", arguments, named), speaker=speaker))

    @property_method
    def never_says(self, *phrases: Phrase, speaker: str | None = None) -> Verdict:
        """No message has the phrase, nor any of several: `NeverSays`."""
        from pytest_duolog.properties.content import NeverSays

        __tracebackhide__ = True
        return self.satisfies(NeverSays(phrases, speaker=speaker))

    @property_method
    def reaches_goal(self, speaker: str | None = None) -> Verdict:
        """A persona ended the dialogue because it has reached its goal, after both sides had spoken: `ReachesGoal`."""
        from pytest_duolog.properties.personas import ReachesGoal

        __tracebackhide__ = True
        return self.satisfies(ReachesGoal(speaker))

    @property_method
    def speaks_for_itself(self, *, speaker: str | None = None) -> Verdict:
        """No message continues with the other side's lines: `SpeaksForItself`."""
        from pytest_duolog.properties.roles import SpeaksForItself

        __tracebackhide__ = True
        return self.satisfies(SpeaksForItself(speaker=speaker))

    @property_method
    def stays_in_character(self, *, speaker: str | None = None) -> Verdict:
        """Nobody says that it is a machine, talks of the play, or serves as a customer: `StaysInCharacter`."""
        from pytest_duolog.properties.roles import StaysInCharacter

        __tracebackhide__ = True
        return self.satisfies(StaysInCharacter(speaker=speaker))

    @property_method
    def stays_in_role(self, *, speaker: str | None = None) -> Verdict:
        """Each speaker keeps its role: `StaysInRole`."""
        from pytest_duolog.properties.roles import StaysInRole

        __tracebackhide__ = True
        return self.satisfies(StaysInRole(speaker=speaker))

    @property_method
    def stays_on_topic(self, topic: str | None = None, threshold: float = 0.1) -> Verdict:
        """The dialogue is about its topic, and does not leave it: `StaysOnTopic`."""
        from pytest_duolog.properties.topic import StaysOnTopic

        __tracebackhide__ = True
        return self.satisfies(StaysOnTopic(topic, threshold))

    @property_method
    def tells_when_asked(self, speaker: str | None = None) -> Verdict:
        """A persona says each fact after the other side has asked for it by name, and only then: `TellsWhenAsked`."""
        from pytest_duolog.properties.personas import TellsWhenAsked

        __tracebackhide__ = True
        return self.satisfies(TellsWhenAsked(speaker))

    @property_method
    def terminates_within(self, turns: int) -> Verdict:
        """The dialogue ends by itself within `turns` turns: `TerminatesWithin`."""
        from pytest_duolog.properties.endings import TerminatesWithin

        __tracebackhide__ = True
        return self.satisfies(TerminatesWithin(turns))
