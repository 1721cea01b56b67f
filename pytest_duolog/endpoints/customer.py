"""`scripted:customer`: plays a persona by rules, without a model. It reads and writes English only.

It has no memory: all that it says follows from the history, so that it always says the same. It says no line twice, and
gives up when it has none left; so its dialogues always end, and never in a loop of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.transcripts.parts import DONE, GAVE_UP, Part, part_of

MODEL = "scripted:customer"

_NAMED = (
    "The {name} is {value}.",
    "As I said, the {name} is {value}.",
    "Once more: the {name} is {value}.",
)
_SECRET = ("I would rather not say.", "I do not want to tell you that.", "I will not tell you that.")
_AGREES = ("Yes, please.", "Yes, please go on.", "Yes, that is what I want.", "Yes.")
_INSISTS = (
    "Is there nothing that you can do?",
    "I am not happy with that. Please try again.",
    "Then who can help me?",
)
_DOES_NOT_KNOW = (
    "I do not know that, sorry.",
    "That I cannot tell you.",
    "I have no idea.",
    "I do not know.",
)
_WAITS = (
    "Good, I am waiting.",
    "And what happens now?",
    "Please tell me when it is done.",
    "I am still here.",
    "How long will it take?",
    "Are you still working on it?",
)

_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc\u00b4`", "'''''")

_DID = (
    "refunded|returned|sent|shipped|booked|cancelled|canceled|changed|ordered|reserved|repaired|replaced|processed|"
    "completed|done|confirmed|fixed|solved|resolved|paid|added|updated|arranged|scheduled|delivered|issued|ready"
)
_LATELY = "(?: (?:now|just|already|been|successfully|all))"
# What is reported as done now: not what was before, and not what the customer did.
_IS_DONE = re.compile(
    rf"(?:(?<!\byou)(?: (?:have|has)|'ve)|\b(?:have|has|'ve){_LATELY}* been|\b(?:is|are|i|we)|'s"
    rf"|\b(?:was|were)(?= (?:now|just|successfully)\b)){_LATELY}* (?:{_DID})\b(?! (?:my|our) (?:mind|best|part)\b)"
    r"|\b(?:on (?:its|the|their) way|all (?:set|done)|here (?:you (?:are|go)|is your|are your))\b"
)
_IS_PAST = (
    "yesterday|earlier|ago|last (?:week|month|year)|i (?:can )?see|i understand|you (?:said|told|wrote)"
)
_IS_OPEN = re.compile(
    r"\b(?:not|cannot|never|unable|once|if|when|after|before|until|will|would|could|can)\b|n't\b|\?$"
    rf"|\b(?:{_IS_PAST})\b"
)
_REFUSES = re.compile(
    r"\b(?:can ?not|can't|unable|not possible|impossible|not able|won't|(?:do not|don't) (?:offer|have)"
    r"|den(?:y|ied)|declined?|refuse[ds]?|rejected)\b"
)
_REGRETS = re.compile(r"\bunfortunately\b|\bsorry\b(?! (?:for|about|to hear|that you)\b)")
_OFFERS = re.compile(
    r"\b(?:shall|should|may|can|could) (?:i|we)\b"
    r"|\b(?:would you like|do you want|is (?:that|this)|are you sure|did you)\b|\b(?:correct|right|okay|ok)\?$"
)
# Who asks like this has not done all yet; an offer of more help is no such question.
_WANTS_MORE = re.compile(
    r"\?|\b(?:tell me|give me|i need|we need|provide|enter|let me have)\b|\bplease[.!]?$"
)
_MORE_HELP = re.compile(r"\b(?:(?:any|some)thing|any (?:other|more|further)|else|further)\b")
_ASKS = re.compile(r"\?|\b(?:please|tell me|give me|i need|we need|provide|enter|let me have)\b")


def require_part(name: str, part: Part | None) -> None:
    """Raises ConfigurationError if a speaker has no part that this model can play."""
    if part is None:
        raise ConfigurationError(
            f"{MODEL} plays a Persona, but {name} is none: Persona({name!r}, goal='...', model={MODEL!r})"
        )
    if part.language not in (None, "en"):
        raise ConfigurationError(f"{MODEL} speaks English only, but {name} has language={part.language!r}")


def customer(messages: list[dict[str, Any]]) -> str:
    """What the persona of the system prompt says after this history."""
    part = next((part for message in messages if (part := part_of(message["content"]))), None)
    require_part("the speaker", part)
    assert part is not None
    own = [str(message["content"]) for message in messages if message["role"] == "assistant"]
    heard = str(messages[-1]["content"]).casefold().translate(_APOSTROPHES)
    if not any(part.goal in said for said in own):
        return f"I need your help with this: {part.goal}."
    sentences = [sentence.strip() for sentence in re.split(r"(?<=[.!?])\s+|\n+", heard)]
    if _is_done(sentences):
        return f"Thank you very much, goodbye! {DONE}"
    if part.gives_up_after is not None and len(own) >= part.gives_up_after:
        return GAVE_UP
    return " ".join(_unsaid(lines, own) for lines in _answers(part, heard, sentences))


def _is_done(sentences: Sequence[str]) -> bool:
    """Whether a message says that something has been done, and neither asks for more nor denies anything."""
    for sentence in sentences:
        if _REFUSES.search(sentence) or _REGRETS.search(sentence):
            return False
        if _WANTS_MORE.search(sentence) and not _MORE_HELP.search(sentence):
            return False
    return any(_IS_DONE.search(sentence) and not _IS_OPEN.search(sentence) for sentence in sentences)


def _answers(part: Part, heard: str, sentences: Sequence[str]) -> Iterator[Sequence[str]]:
    """The lines from which it chooses its answer; several if it is asked for several facts."""
    asked = " ".join(sentence for sentence in sentences if _ASKS.search(sentence))
    named = [(name, value) for name, value in part.facts.items() if _names(asked, name)]
    for name, value in named:
        yield [line.format(name=name, value=value) for line in _NAMED]
    if named:
        return
    if any(_names(asked, name) for name in part.secrets):
        yield _SECRET
    elif _OFFERS.search(asked):
        yield _AGREES
    elif _REFUSES.search(heard):
        yield _INSISTS
    elif "?" in heard:
        yield _DOES_NOT_KNOW
    else:
        yield _WAITS


def _names(asked: str, name: str) -> bool:
    """Whether a question has all words of a name."""
    return set(re.findall(r"\w+", name.casefold())) <= set(re.findall(r"\w+", asked))


def _unsaid(lines: Sequence[str], own: Sequence[str]) -> str:
    """The first line that it has not said; without one it gives up."""
    return next((line for line in lines if not any(line in said for said in own)), GAVE_UP)
