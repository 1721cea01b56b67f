"""The property that who says to have done something has called the tool that does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_duolog.detectors import text
from pytest_duolog.display import counted, listed
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.act_words import tool_words
from pytest_duolog.properties.claim_sentences import Act, is_claim
from pytest_duolog.properties.made import calls_in
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Evidence, Verdict
from pytest_duolog.transcripts.transcript import Message, Transcript


@dataclass(frozen=True)
class ClaimsAreCalls(SpokenProperty, method="claims_are_calls"):
    """Who says to have done something has called the tool that does it before.

    The call must have succeeded. A claim is an English sentence in the perfect or the passive with the verb of a tool:
    "I have refunded it", "your flight has been cancelled". `acts` are the forms of the verb for each tool, as in
    `{"refund": "refunded|paid back"}`, or a compiled pattern that finds a claim by itself. Without `acts`, the
    verbs are the words of a tool's name that are known as such; the explanation names them. Tools with one verb stand
    for each other. Without a tool with a known verb, it could not be measured.
    """

    acts: Mapping[str, Act] | None = None

    def __post_init__(self) -> None:
        acts = self.acts
        is_right = acts is None or (
            isinstance(acts, Mapping)
            and bool(acts)
            and all(isinstance(tool, str) and tool and _is_act(act) for tool, act in acts.items())
        )
        if not is_right:
            raise ConfigurationError(
                f"{type(self).__name__}: acts {acts!r} is not a mapping from the name of a tool to forms of its verb"
            )

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the sentences that claim what was not done."""
        made = calls_in(said)
        names = [tool.name for speaker in transcript.speakers for tool in speaker.tools]
        names += [one.call.name for one in made]
        words = tool_words(names if self.acts is None else ())
        acts: Mapping[str, Act] = words.acts if self.acts is None else self.acts
        unknown = f"which words claim {listed(words.unknown, 5, between=' or ')} is not known: give acts=..."
        if not acts:
            known = listed(list(dict.fromkeys(names)), 8) or "none are known"
            nothing = f"no tool has a verb that can be claimed (tools: {known}); give acts=..."
            return self.verdict(None, unknown if words.unknown else nothing)
        claims, unbacked = 0, []
        for number, message in of_those_who_act(transcript, said):
            for claim in _claims(message, acts):
                claims += 1
                is_backed = any(
                    one.call.name in claim.tools
                    and one.message.speaker == message.speaker
                    and not one.call.is_error
                    and one.place <= (number, claim.at)
                    for one in made
                )
                unbacked += [] if is_backed else [(claim, Evidence(number, message.speaker, claim.sentence))]
        tools = listed(
            list(dict.fromkeys(tool for claim, _ in unbacked for tool in claim.tools)), 5, between=" or "
        )
        missing = f": no call of {tools} that succeeded came before" if unbacked else ""
        sought = f"; looked for: {listed(list(dict.fromkeys(words.acts.values())), 8)}" if words.acts else ""
        sought += f"; {unknown}" if words.unknown else ""
        return self.verdict(
            not unbacked,
            f"{len(unbacked)} of {counted(claims, 'claim')} without a call (at most 0){missing}{sought}",
            [evidence for _, evidence in unbacked],
        )


def _is_act(act: object) -> bool:
    return isinstance(act, re.Pattern) or (
        isinstance(act, str) and any(part.strip() for part in act.split("|"))
    )


def of_those_who_act(transcript: Transcript, said: Sequence[Numbered]) -> list[Numbered]:
    """The messages of speakers that have tools or call some; of all speakers if nobody does."""
    acting = {speaker.name for speaker in transcript.speakers if speaker.tools}
    acting |= {message.speaker for _, message in said if message.tool_calls}
    return [item for item in said if item[1].speaker in acting] if acting else list(said)


@dataclass(frozen=True)
class _Claim:
    """A sentence that claims an act of one of these tools, after so many characters of its message."""

    sentence: str
    at: int
    tools: tuple[str, ...]


def claims_of(tool: str, said: Sequence[Numbered]) -> list[Evidence]:
    """The sentences that claim the act of a tool, by the verb of its name."""
    acts = tool_words([tool]).acts
    return [
        Evidence(number, message.speaker, claim.sentence)
        for number, message in (said if acts else ())
        for claim in _claims(message, acts)
    ]


def _claims(message: Message, acts: Mapping[str, Act]) -> Iterator[_Claim]:
    """The claims in a message, in order; tools of one act stand for each other."""
    by_act: dict[Act, list[str]] = {}
    for tool, act in acts.items():
        by_act.setdefault(act, []).append(tool)
    content, end = text.own_words_in_place(message.content), 0
    for sentence in text.sentences(content):
        at = content.index(sentence, end)
        end = at + len(sentence)
        folded = text.fold(sentence)
        claimed = [tool for act, tools in by_act.items() if is_claim(sentence, folded, act) for tool in tools]
        if claimed:
            yield _Claim(message.content[at:end], at, tuple(claimed))
