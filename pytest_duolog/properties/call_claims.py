"""The property that who says to have done something has called the tool that does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_duolog.detectors import text
from pytest_duolog.display import counted, listed
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import Evidence, Verdict
from pytest_duolog.properties.made import calls_in
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.transcripts.transcript import Message, Transcript

Act = str | re.Pattern[str]

# Verbs of tools that only read, or that nobody reports: "I have checked" claims no act.
READING = frozenset(
    {
        "answer", "ask", "browse", "calculate", "call", "check", "compute", "convert", "count", "describe", "do",
        "execute", "fetch", "final", "find", "get", "handle", "has", "is", "list", "load", "look", "lookup", "on",
        "open", "process", "query", "read", "respond", "retrieve", "return", "run", "say", "search", "show", "tell",
        "think", "translate", "use", "validate", "verify", "view"
    }
)  # fmt: skip
IRREGULAR = {
    "begin": "begun|began", "build": "built", "buy": "bought", "cut": "cut", "give": "given|gave", "hold": "held",
    "leave": "left", "lend": "lent", "make": "made", "pay": "paid", "put": "put", "reset": "reset", "sell": "sold",
    "send": "sent", "set": "set", "spend": "spent", "take": "taken|took", "win": "won",
    "withdraw": "withdrawn|withdrew", "write": "written|wrote",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ADVERBS = r"(?:\s+(?:now|just|already|also|been|both|all|\w+ly)){0,3}"
# After such a word it is a plan, a condition or a question, or it was not done.
_NOT_DONE = re.compile(
    r"\b(?:if|once|when|whenever|after|until|unless|whether|before|should|would|will|could|can|cannot|may(?!\s+\d)|might|must"
    r"|not|never|no|none|nothing|nobody|neither|to be|to have|as soon as|in case|please)\b|n't\b|'ll\b|'d\b"
)


@dataclass(frozen=True)
class ClaimsAreCalls(SpokenProperty, method="claims_are_calls"):
    """Who says to have done something has called the tool that does it before.

    The call must have succeeded. A claim is an English sentence in the perfect or the passive with the verb of a tool:
    "I have refunded it", "your flight has been cancelled". `acts` are the forms of the verb for each tool, as in
    `{"refund": "refunded|paid back"}`, or a compiled pattern that finds a claim by itself. Without `acts`, the verb is
    the first word of a tool's name. Tools with one verb stand for each other. Without such a tool, it could not be
    measured.
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
        acts = _default_acts(names) if self.acts is None else self.acts
        if not acts:
            known = listed(list(dict.fromkeys(names)), 8) or "none are known"
            return self.verdict(
                None, f"no tool has a verb that can be claimed (tools: {known}); give acts=..."
            )
        claims, unbacked = 0, []
        for number, message in self._of_those_who_act(transcript, said):
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
        return self.verdict(
            not unbacked,
            f"{len(unbacked)} of {counted(claims, 'claim')} without a call (at most 0){missing}",
            [evidence for _, evidence in unbacked],
        )

    def _of_those_who_act(self, transcript: Transcript, said: Sequence[Numbered]) -> list[Numbered]:
        """The messages of speakers that have tools or call some; of all speakers if nobody does."""
        acting = {speaker.name for speaker in transcript.speakers if speaker.tools}
        acting |= {message.speaker for _, message in said if message.tool_calls}
        return [item for item in said if item[1].speaker in acting] if acting else list(said)


def _is_act(act: object) -> bool:
    return isinstance(act, re.Pattern) or (
        isinstance(act, str) and any(part.strip() for part in act.split("|"))
    )


@dataclass(frozen=True)
class _Claim:
    """A sentence that claims an act of one of these tools, after so many characters of its message."""

    sentence: str
    at: int
    tools: tuple[str, ...]


def claims_of(tool: str, said: Sequence[Numbered]) -> list[Evidence]:
    """The sentences that claim the act of a tool, by the verb of its name."""
    acts = _default_acts([tool])
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
    content = text.excerpt(text.without_asides(text.without_thinking(message.content)))
    for sentence in text.sentences(content):
        folded = text.fold(sentence)
        claimed = [
            tool for act, tools in by_act.items() if _is_claim(sentence, folded, act) for tool in tools
        ]
        if claimed:
            yield _Claim(sentence, max(0, message.content.find(sentence)), tuple(claimed))


def _is_claim(sentence: str, folded: str, act: Act) -> bool:
    if isinstance(act, re.Pattern):
        return act.search(sentence) is not None
    if folded.endswith("?"):
        return False
    found = _claim_pattern(act).search(folded)
    return found is not None and not _NOT_DONE.search(folded[: found.end()])


@lru_cache(maxsize=64)
def _claim_pattern(forms: str) -> re.Pattern[str]:
    done = "|".join(
        r"\s+".join(map(re.escape, part.split())) for part in text.fold(forms).split("|") if part.strip()
    )
    been = r"(?:has|have|'s|'ve)\s+(?:(?:now|just|already|also|\w+ly)\s+)?been"
    perfect = rf"(?:(?:i|we)(?:'ve|\s+have)|{been}){_ADVERBS}"
    # "It was booked in May" tells what somebody looked up; "it is now booked" tells what somebody did.
    passive = r"(?:is|are|was|were)\s+(?:now|just|already|successfully)"
    return re.compile(rf"\b(?:{perfect}|{passive})\s+(?:{done})\b")


def _default_acts(tools: Sequence[str]) -> dict[str, Act]:
    """The forms of the verb in each tool's name, if it is one that changes something."""
    acts: dict[str, Act] = {}
    for tool in tools:
        words = _WORD.findall(tool)
        verb = words[0].lower() if words else ""
        if len(verb) > 2 and verb not in READING:
            acts[tool] = IRREGULAR.get(verb) or _participle(verb)
    return acts


def _participle(verb: str) -> str:
    if verb.endswith("ed"):
        return verb
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    doubled = f"|{verb}{verb[-1]}ed" if verb[-1] not in "aeiouwxy" and verb[-2] in "aeiou" else ""
    return f"{verb}ed{doubled}"
