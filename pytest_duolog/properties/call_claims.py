"""The property that who says to have done something has called the tool that does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_duolog.detectors import text
from pytest_duolog.display import counted, listed
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.act_words import tool_words
from pytest_duolog.properties.base import Evidence, Verdict
from pytest_duolog.properties.made import calls_in
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.transcripts.transcript import Message, Transcript

Act = str | re.Pattern[str]

_ADVERBS = r"(?:\s+(?:now|just|already|also|been|both|all|\w+ly)){0,3}"
# Such phrases deny, ask and promise nothing, whatever words they have.
_SET_PHRASES = re.compile(
    r"\b(?:no (?:problems?|worries|worry|doubt|trouble|need to worry)|not (?:a problem|to worry)|never mind"
    r"|(?:please|you (?:should|can|may|will)|you'll) (?:also )?"
    r"(?:note|know|rest assured|understand|see|find|be (?:aware|advised|assured|informed)"
    r"|be (?:glad|happy|pleased) to (?:hear|know|see))"
    r"|as you (?:can|may|will) (?:\w+ )?(?:see|know|notice)"
    r"|once (?:again|more)|once and for all|in no time|to be (?:clear|sure|safe|honest)"
    r"|(?:i|we)(?:'d| would| can| may| must) (?:(?:also|now|just|like to|be happy to|gladly|happily) )*"
    r"(?:confirm|tell you|inform you|let you know|assure you|report|say|add))\b"
)
# After such a word in its clause it is a plan or a question, or it was not done.
_NOT_DONE = re.compile(
    r"\b(?:if|once|when|whenever|after|until|unless|whether|before|should|would|will|could|can|cannot|may(?!\s+\d)|might|must"
    r"|not|never|no|none|nothing|nobody|neither|to be|to have|as soon as|in case|please|make sure"
    r"|ensure|check(?= (?:that|it|your|the)\b)|wait|hope|imagine|pretend)\b|n't\b|'ll\b|'d\b"
)
# Such a condition holds for the clauses that follow, up to a word that begins anew.
_CONDITION = re.compile(r"\b(?:if|once|when|whenever|until|unless|whether|as soon as|in case)\b")
_ANEW = re.compile(r";|\s-+\s|\b(?:but|however|anyway|nevertheless|meanwhile)\b")
# Where a clause begins that stands for itself.
_CLAUSE = re.compile(
    r"[,:](?!\d)|[;()]|\s-+\s|\b(?:but|however|so|yet|though|although)\b|\band(?=\s+(?:i|we|it|the|your|this|that|they)\b)"
)
# A clause that begins so belongs to the one before it.
_BELONGS = re.compile(r"\s*(?:as|since|because|that|which|who|where|for|until|or|nor)\b")
# A question begins with such words: one that begins after a claim ("..., is there anything else?") leaves it a claim.
_ASKS = (
    r"(?:is(?!\s+(?:that|this|it)\s+(?:right|correct|so|true|ok|okay)\b)|are|was|do|does|did|can|could|would|will|shall"
    r"|should|may|what|which|how|when|where|why|who|whose|anything)\b"
)
_ASKS_AFTER = re.compile(rf"(?:[,;:]|\s-+\s)\s*(?:(?:and|so|but|now)\s+)?{_ASKS}|\b(?:and|so|but)\s+{_ASKS}")
_ASKS_FIRST = re.compile(rf"\W*(?:(?:and|so|but|ok|okay|sorry|wait)\W+)*(?:{_ASKS}|have\b|has\b|am\b)")
_NOTHING_DONE = re.compile(r"\s+(?:no|none|nothing|nobody|neither)\b")


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
        sought = f"; looked for: {listed(list(dict.fromkeys(words.acts.values())), 8)}" if words.acts else ""
        sought += f"; {unknown}" if words.unknown else ""
        return self.verdict(
            not unbacked,
            f"{len(unbacked)} of {counted(claims, 'claim')} without a call (at most 0){missing}{sought}",
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
        claimed = [
            tool for act, tools in by_act.items() if _is_claim(sentence, folded, act) for tool in tools
        ]
        if claimed:
            yield _Claim(message.content[at:end], at, tuple(claimed))


def _is_claim(sentence: str, folded: str, act: Act) -> bool:
    if isinstance(act, re.Pattern):
        return act.search(sentence) is not None
    found = [one for one in _claim_pattern(act).finditer(folded) if _is_done(folded, one)]
    if folded.endswith("?"):
        return not _ASKS_FIRST.match(folded) and any(_ASKS_AFTER.search(folded, one.end()) for one in found)
    return bool(found)


def _is_done(folded: str, found: re.Match[str]) -> bool:
    """Whether what stands before and after a claim lets it stand."""
    said = _SET_PHRASES.sub(lambda phrase: "_" * len(phrase[0]), folded)
    before = said[: found.start()]
    anew = max((word.end() for word in _ANEW.finditer(before)), default=0)
    starts = [0, *(word.end() for word in _CLAUSE.finditer(said) if word.end() <= found.start())]
    while len(starts) > 1 and _BELONGS.match(said, starts[-1]):
        starts.pop()
    start = 0 if _lacks_subject(said, starts[-1], found) else starts[-1]
    return not (
        _NOT_DONE.search(before, start)
        or _CONDITION.search(before, anew)
        or _NOTHING_DONE.match(said, found.end())
    )


def _lacks_subject(folded: str, start: int, found: re.Match[str]) -> bool:
    """Whether who or what it is about stands before the clause: `none of them, sadly, has been refunded`."""
    return not (found[0].startswith(("i ", "i'", "we ", "we'")) or folded[start : found.start()].strip())


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
