"""Properties of tool calls: which tools were called, with which arguments, in which order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_duolog.detectors import text
from pytest_duolog.display import counted, did_you_mean, listed
from pytest_duolog.errors import ConfigurationError, Unmeasured
from pytest_duolog.properties.base import require_count
from pytest_duolog.properties.call_claims import claims_of, of_those_who_act
from pytest_duolog.properties.endings import find_closing
from pytest_duolog.properties.made import Made, calls_in, rounds_of, summary
from pytest_duolog.properties.schemas import Unknown, misfits
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Evidence, Verdict
from pytest_duolog.properties.wanted import differences, misspelt, shown, unusable
from pytest_duolog.transcripts.call_keys import arguments_of
from pytest_duolog.transcripts.transcript import Transcript, TranscriptSpeaker

Arguments = Mapping[str, Any]
Place = int | str | re.Pattern[str]

# The place where the dialogue says goodbye.
GOODBYE = "goodbye"
# An explanation has at most this many parts.
MOST_TOLD = 3


@dataclass(frozen=True)
class _Wanted(SpokenProperty):
    """A tool by name, with the arguments that a call must have to fit."""

    name: str
    arguments: Arguments | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigurationError(f"{type(self).__name__}: {self.name!r} is not the name of a tool")
        if not isinstance(self.arguments, Mapping | None):
            raise ConfigurationError(f"{type(self).__name__}: arguments {self.arguments!r} are not a mapping")
        wrong = unusable(self.arguments or {})
        if wrong:
            raise ConfigurationError(
                f"{type(self).__name__}: {wrong} among the arguments is neither JSON nor a function, a compiled "
                "pattern or `...`"
            )

    def _tried(self, made: Sequence[Made]) -> list[tuple[Made, list[str]]]:
        """The calls of the tool, each with what differs from the wanted arguments."""
        wanted = self.arguments or {}
        return [(one, differences(one.call, wanted)) for one in made if one.call.name == self.name]

    def _misspelt(self, transcript: Transcript) -> str:
        return misspelt(self.name, self.arguments or {}, transcript.speakers)

    @property
    def _told(self) -> str:
        shown_arguments = ", ".join(
            f"{name}={_told_value(value)}" for name, value in (self.arguments or {}).items()
        )
        return f"{self.name}({shown_arguments})" if shown_arguments else self.name


def _told_value(value: Any) -> str:
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    return "..." if value is ... else getattr(value, "__name__", "") or shown(value)


@dataclass(frozen=True)
class CallsTool(_Wanted, method="calls_tool", names="arguments"):
    """The tool is called with these arguments, at least once or exactly `times` times.

    A call fits if it has each wanted argument with an equal JSON value: text is no number, true is no 1, and 1 equals
    1.0. A function as a wanted value says whether it accepts the value, a compiled pattern must be found in it, and
    `...` accepts any. Other arguments of the call are free, and a call that failed counts.

    With `before` or `after`, only calls before or after that place count: the number of a message, the name of a tool
    (its first call), `goodbye`, or else a phrase or a compiled pattern that a message has. Without such a place, it
    could not be measured.
    """

    times: int | None = None
    before: Place | None = None
    after: Place | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.times is not None:
            require_count(self, self.times, "calls", least=1)
        for name, place in (("before", self.before), ("after", self.after)):
            is_number = isinstance(place, int) and not isinstance(place, bool) and place > 0
            is_phrase = isinstance(place, str) and bool(text.fold(place).strip())
            if not (place is None or is_number or is_phrase or isinstance(place, re.Pattern)):
                raise ConfigurationError(
                    f"{type(self).__name__}: {name} {place!r} is no number of a message, phrase, pattern or name of a "
                    "tool"
                )

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the calls that fit, else those of the tool, the nearest first, else all."""
        made = calls_in(said)
        try:
            tried = self._tried(self._in_place(transcript, made))
        except Unmeasured as reason:
            return self.verdict(None, str(reason))
        fitting = [one for one, differing in tried if not differing]
        wanted = f"exactly {self.times}" if self.times is not None else "at least 1"
        where = self._where()
        if fitting:
            times = counted(len(fitting), "time")
            holds = self.times is None or len(fitting) == self.times
            return self.verdict(holds, f"{self._told} was called {times}{where} ({wanted})", _told(fitting))
        if tried:
            nearest = sorted(tried, key=lambda one: len(one[1]))
            failed = self.verdict(
                False,
                f"{self.name} was called {counted(len(tried), 'time')}{where}, but never as {self._told} ({wanted})",
                [one.evidence(*differing) for one, differing in nearest],
            )
            unknown = _unread_words(self.name, _unread(tried)) or self._misspelt(transcript)
            return replace(failed, opposite_unknown=unknown)
        claims = claims_of(self.name, of_those_who_act(transcript, said))
        never = self._never(claims, made, said[-1], where)
        return replace(never, opposite_unknown=self._misspelt(transcript))

    def _never(self, claims: list[Evidence], made: Sequence[Made], last: Numbered, where: str) -> Verdict:
        called = [one for one in made if one.call.name == self.name]
        claims = [] if called else claims
        others = "no tool was called" if not made else f"called were {summary(made)}"
        near = "" if called else did_you_mean(self.name, {one.call.name for one in made})
        claimed = "; a message claims it" if claims else ""
        return self.verdict(
            False,
            f"{self.name} was never called{where}; {others}{near}{claimed}",
            claims or _told(called or made) or [last],
        )

    def _where(self) -> str:
        places = [("before", self.before), ("after", self.after)]
        return "".join(f" {word} {_told_place(place)}" for word, place in places if place is not None)

    def _in_place(self, transcript: Transcript, made: Sequence[Made]) -> list[Made]:
        found = list(made)
        for place, side in ((self.before, -1), (self.after, 1)):
            if place is not None:
                spot = _find_place(transcript, place)
                found = [one for one in found if _side(one, spot) == side]
        return found


def _unread(tried: Iterable[tuple[Made, list[str]]]) -> list[Made]:
    """The calls whose arguments are no JSON object, such as those that a token limit has cut off."""
    return [one for one, _ in tried if arguments_of(one.call) is None]


def _unread_words(name: str, unread: Sequence[Made]) -> str:
    """What is not known because of them; empty if there are none."""
    return (
        f"the arguments of {counted(len(unread), 'call')} of {name} are not a JSON object" if unread else ""
    )


@dataclass(frozen=True)
class NeverCalls(_Wanted, method="never_calls", names="arguments"):
    """The tool is never called with these arguments, not even in a call that failed.

    Arguments are compared as in `CallsTool`.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the calls that fit, or else those whose arguments cannot be read."""
        made = calls_in(said)
        tried = self._tried(made)
        fitting = [one for one, differing in tried if not differing]
        unread = _unread(tried)
        if unread and not fitting:
            return self.verdict(None, _unread_words(self.name, unread), _told(unread))
        if not fitting and (mistake := self._misspelt(transcript)):
            return self.verdict(None, mistake)
        return self.verdict(
            not fitting,
            f"{self._told} was called {counted(len(fitting), 'time')} (at most 0), of {counted(len(made), 'call')}",
            _told(fitting),
        )


@dataclass(frozen=True)
class CallsInOrder(SpokenProperty, method="calls_in_order", gathers="tools"):
    """These tools are called one after the other, at least once in this order; other calls may stand between.

    Calls that were asked for together have no order, so they do not count as one after the other.
    """

    tools: str | tuple[str, ...]

    def __post_init__(self) -> None:
        is_list = isinstance(self.tools, tuple | list)
        if (
            not is_list
            or len(self.tools) < 2
            or not all(isinstance(name, str) and name for name in self.tools)
        ):
            raise ConfigurationError(
                f"{type(self).__name__}: {self.tools!r} are not the names of two tools or more"
            )

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the calls of these tools, or all calls if there are none."""
        made = calls_in(said)
        names = list(self.tools)
        found: list[Made] = []
        for together in rounds_of(made):
            wanted = names[len(found)] if len(found) < len(names) else None
            found += [one for one in together if one.call.name == wanted][:1]
        shown_order = ", then ".join(names)
        if len(found) == len(names):
            return self.verdict(True, f"{shown_order}: called in this order", _told(found))
        missing = names[len(found)]
        after = f"after {names[len(found) - 1]} (message {found[-1].message_number})" if found else ""
        others = [one for one in made if one.call.name == missing]
        if not others:
            problem = f"{missing} was never called"
        elif any(one.is_beside(found[-1]) for one in others):
            problem = f"{missing} was asked for together with {found[-1].call.name}, and not {after}"
        else:
            problem = f"{missing} was called {counted(len(others), 'time')}, but never {after}"
        return self.verdict(
            False,
            f"{problem}; wanted: {shown_order}",
            _told([one for one in made if one.call.name in names] or made),
        )


@dataclass(frozen=True)
class CallsAreValid(SpokenProperty, method="calls_are_valid"):
    """Every call names a tool that its speaker has, and its arguments fit the tool's schema.

    Without calls, or if the tool of a call is not known, it could not be measured. A tool that failed is not an
    invalid call: see `NoToolErrors`.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the invalid calls, each with what does not fit."""
        made = calls_in(said)
        if not made:
            return self.verdict(None, "no tool was called")
        speakers = {speaker.name: speaker for speaker in transcript.speakers}
        wrong: list[tuple[Made, list[str]]] = []
        unknown: dict[str, None] = {}
        for one in made:
            try:
                problems = _problems(one, speakers[one.message.speaker])
            except Unknown as reason:
                unknown[str(reason)] = None
            else:
                wrong += [(one, problems)] if problems else []
        if wrong:
            return self.verdict(
                False,
                f"{len(wrong)} of {counted(len(made), 'call')} not valid (at most 0)",
                [one.evidence(*problems) for one, problems in wrong],
            )
        if unknown:
            return self.verdict(None, listed(list(unknown), MOST_TOLD, between="; "))
        return self.verdict(True, f"0 of {counted(len(made), 'call')} not valid (at most 0)")


def _problems(made: Made, speaker: TranscriptSpeaker) -> list[str]:
    """What is wrong with a call; raises Unknown if that cannot be told."""
    if not speaker.tools:
        raise Unknown(f"the tools of {speaker.name} are not known")
    known = {tool.name: tool for tool in speaker.tools}
    name = made.call.name
    if name not in known and speaker.has_other_tools:
        raise Unknown(f"{name} may be a tool of {speaker.name} that the transcript does not describe")
    if name not in known:
        return [f"{speaker.name} has no tool {name!r} (tools: {listed(list(known), 8)})"]
    given = arguments_of(made.call)
    if given is None:
        return ["its arguments are not a JSON object"]
    try:
        return misfits(given, known[name].parameters)
    except Unknown as reason:
        raise Unknown(f"the schema of {name} cannot be checked: {reason}") from None


@dataclass(frozen=True)
class NoRepeatedCalls(SpokenProperty, method="has_no_repeated_calls"):
    """No speaker calls a tool with equal arguments more than `most` times.

    A call in between that may change something does not begin a new count.
    """

    most: int = 2

    def __post_init__(self) -> None:
        require_count(self, self.most, "calls", least=1)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the repeated calls."""
        made = calls_in(said)
        keys = [one.key for one in made]
        counts = Counter(keys)
        most = max(counts.values(), default=0)
        repeated = [one for one, key in zip(made, keys, strict=True) if counts[key] > self.most]
        return self.verdict(
            not repeated,
            f"equal calls: {most} (at most {self.most}), of {counted(len(made), 'call')}",
            _told(repeated),
        )


@dataclass(frozen=True)
class NoToolErrors(SpokenProperty, method="has_no_tool_errors"):
    """No call of a tool failed."""

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the calls that failed."""
        made = calls_in(said)
        failed = [one for one in made if one.call.is_error]
        return self.verdict(
            not failed, f"{len(failed)} of {counted(len(made), 'call')} failed (at most 0)", _told(failed)
        )


def _told(made: Sequence[Made]) -> list[Evidence]:
    return [one.evidence() for one in made]


@dataclass(frozen=True)
class _Spot:
    """A place in a dialogue: a whole message, a point in its words, or the first calls of a tool."""

    message: int
    at: int | None = None
    made: Made | None = None


def _side(one: Made, spot: _Spot) -> int:
    """-1 for a call before the place, 1 for one after it, 0 for one that is neither."""
    own: tuple[int, ...]
    place: tuple[int, ...]
    if spot.made is not None:
        if one.is_beside(spot.made):
            return 0
        own, place = (one.message_number, one.index), (spot.message, spot.made.index)
    elif spot.at is not None:
        return -1 if one.place <= (spot.message, spot.at) else 1
    else:
        own, place = (one.message_number,), (spot.message,)
    return (own > place) - (own < place)


def _find_place(transcript: Transcript, place: Place) -> _Spot:
    """The place; raises Unmeasured if the dialogue does not have it."""
    numbered = list(transcript.numbered())
    if isinstance(place, int):
        if place > len(transcript):
            raise Unmeasured(f"there is no message {place} (messages: {len(transcript)})")
        return _Spot(place)
    if place == GOODBYE:
        closing = find_closing(transcript)
        if closing is None:
            raise Unmeasured("nobody said goodbye")
        return _Spot(closing + 1, max(0, len(transcript.messages[closing].content) - 1))
    made = calls_in(numbered)
    first = next((one for one in made if one.call.name == place), None)
    if first is not None:
        return _Spot(first.message_number, made=first)
    if any(tool.name == place for speaker in transcript.speakers for tool in speaker.tools):
        raise Unmeasured(f"{place} was never called")
    for number, message in numbered:
        at = _position(message.content, place)
        if at is not None:
            return _Spot(number, at)
    raise Unmeasured(f"no message has {_told_place(place)}, and no tool of this name was called")


def _position(content: str, phrase: str | re.Pattern[str]) -> int | None:
    if isinstance(phrase, re.Pattern):
        found = phrase.search(content)
        return found.start() if found else None
    pattern = text.phrase_pattern([text.fold(phrase)])
    assert pattern, "there is a phrase"
    for spelled in (content, text.fold(content)):
        if found := pattern.search(spelled):
            return found.start()
    return None


def _told_place(place: Place) -> str:
    if isinstance(place, int):
        return f"message {place}"
    return repr(place.pattern if isinstance(place, re.Pattern) else place)
