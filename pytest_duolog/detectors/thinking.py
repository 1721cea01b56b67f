"""Recognises messages in which a speaker plans what to say, besides fixed phrases: JSON with a thought, and English.

A sentence that plans says what the speaker is about to say, and not to whom: "I should refuse politely." So it has a
verb of speech after "I should" or "let's", no "you", and a word about the form of the answer. People say such a thing
to a third party as well, so the text must also speak of its addressee as "the user", or of its instructions or part, or
begin with a plan for "a reply".
"""

from __future__ import annotations

import re

from pytest_duolog.detectors import role_phrases, text
from pytest_duolog.detectors.wrapping import SPOKEN, json_values

# Thoughts stand at the beginning; so many characters are read, and so many sentences may part the two signs.
_READ = 1_200
_APART = 3

_PLANS = re.compile(
    r"\b(?:(?:i|we)(?:'ll|'d|'m supposed to|'m going to| am supposed to| am going to| should| need to| must| have to"
    r"| will| would| can| could| might| want to| ought to)|let's|let me|best to|time to)(?: not| never)?"
    r"(?: \w+ly| just| now| also| first| probably| simply| maybe| perhaps){0,2} (?:respond|reply|answer|output"
    r"|apologi[sz]e|greet|ask|acknowledge|refuse|decline|deflect|mention|reveal|explain|clarify|stay|remain|keep|be"
    r"|give|write|craft|draft|produce|generate|compose|offer|pretend|play|act|counter|check|confirm|show|sound|use"
    r"|avoid|follow|start|begin|open|say|tell|thank|encourage|validate|provide|make)\b"
)
_FORM = re.compile(
    r"\b(?:(?:a|an|my|the)(?: [\w-]+,?){0,3} (?:reply|response|answer|message)|tone|persona|in character"
    r"|role(?:-?play)?|json|format|briefly|brief|politely|polite|concise|concisely|short|friendly|helpful|empath\w+"
    r"|warm(?:ly)?|words?|sentences?|instructions?|policy|prompt|guidelines?|as (?:the|a|an) \w+)\b"
)
_ABOUT = re.compile(
    r"\b(?:the|this) (?:user|customer|caller|client|human|speaker|other (?:side|party|model|agent|speaker)|persona"
    r"|assistant|(?:system )?prompt)\b(?! (?:manual|guide|service|support|interface|account|name|id)\b)"
    r"|(?:^|[.:] )(?:user|customer|caller|human) (?:is|wants|asks|asked|says|said|wrote|needs|seems|sounds)\b"
    r"|\b(?:my|the) (?:instructions?|persona|system prompt|character (?:sheet|description))|\bmy (?:character|role)\b"
    r"|\b(?:supposed|meant|told|asked|instructed) to (?:play|portray|act as|impersonate|pretend)\b"
)
# A plan for the message itself.
_REPLY = re.compile(
    r"^\W{0,4}(?:let's|let me|i'll|we'll|(?:i|we) (?:should|need to|must|have to|will))(?: now| just| simply)?"
    r" (?:craft|write|draft|compose|formulate|generate|produce|give|provide|output|keep)\b[^\n]{0,60}"
    r"\b(?:reply|response|output|json)\b(?! (?:to|from|for|of|by|time|code|body|header|file)\b)"
)
# So many characters show signs of a thought, and of whom it speaks.
_SIGNS_READ = 500
_AT_ONCE = 90
# With more words on how to speak, nothing need follow: what does may be quoted.
_MANY = 2
_TO_SOMEBODY = re.compile(
    r"\b(?:please|my|your?|i|bitte|mein\w*|s'il|mon|ma|mes|por favor|mi|mis|per favore|mio|mia)\b"
)
_YOU = re.compile(r"\byou(?:r|rs|'re|'ll|'ve|'d)?\b")
# What is left of a chat template, folded; text about such marks has them in code.
_REMAINS = re.compile(
    r"<\|[a-z_]{2,30}\|>(?! (?:after|before|between|is|are|and|or|tags?|tokens?|marks?)\b)"
    r"|<(?:start|end)_of_turn>|\A\s*\[/?inst\]|\[/?inst\]\s*\Z|<</?sys>>|(?<!<s>)</s>\s*\Z|<0x[0-9a-f]{2}>|◁/?[a-z]+▷"
    r"|^\W{0,3}/(?:no_)?think\b|\b(?:assistant|analysis|final)commentary\b|\bassistantfinal\b"
)
# Keys of a thought beside the message.
_THOUGHT = frozenset(
    (
        "thought",
        "thoughts",
        "thinking",
        "reasoning",
        "reflection",
        "analysis",
        "chain_of_thought",
        "scratchpad",
    )
)


def plan_of_speech(content: str) -> int | None:
    """Where a folded text plans what it is going to say; None if it does not."""
    opening = content[:_READ]
    if not _PLANS.search(opening):
        return None
    about = 0 if _REPLY.match(opening) else None
    for at, sentence in enumerate(text.sentences(opening)):
        announced = sentence.partition(":")[0]
        if about is not None and at - about > _APART:
            about = None
        if _ABOUT.search(announced):
            about = at
        if about is not None and _plans_form(announced) and not _YOU.search(announced):
            return max(0, content.find(sentence))
    return None


def _plans_form(sentence: str) -> bool:
    """Whether a sentence plans to speak in some form, or ends where the speech begins."""
    return any(
        plan.end() == len(sentence) or _FORM.search(sentence, plan.end())
        for plan in _PLANS.finditer(sentence)
    )


def remains_of_template(content: str) -> int | None:
    """Where a folded text has a mark of a chat template; None if it has none."""
    found = _REMAINS.search(content)
    return found.start() if found else None


def first_sign(content: str) -> int | None:
    """Where a folded text begins to think about what it is going to say, in any language; None if it does not.

    It speaks of the user by orders or with an intention, follows orders about how to speak, or tells itself how.
    """
    opening = content[:_SIGNS_READ]
    orders, intends = role_phrases.ORDERS.first(opening), role_phrases.INTENDS.first(opening)
    plays, manner = role_phrases.PLAYS.first(opening), role_phrases.MANNER.first(opening)
    told = [at for at in (orders, intends, plays, manner) if at is not None]
    if not told:
        return None
    user, other = role_phrases.USER.first(opening), role_phrases.OTHER.first(opening)
    is_about_user = user is not None and user < _AT_ONCE
    is_about_other = other is not None and other < _AT_ONCE and len(told) > 1
    is_ordered = orders is not None and len(told) > 1
    is_part = plays is not None and manner is not None
    if is_about_user or is_about_other or is_ordered or is_part or _tells_itself(opening):
        return min([*told, *(at for at in (user, other) if at is not None)])
    return None


def _tells_itself(opening: str) -> bool:
    """Whether a text begins with words on how to speak, in two sentences or many in one, and to nobody."""
    n_told = 0
    for at, sentence in enumerate(text.sentences(opening)):
        _, told = role_phrases.MANNER.subn(" ", sentence)
        if not told or _TO_SOMEBODY.search(sentence):
            return not told and (at > 1 or n_told > _MANY)
        n_told += told
    return n_told > _MANY


def has_thought(content: str) -> bool:
    """Whether a message is JSON that has a thought beside what is said."""
    stripped = content.strip()
    values = json_values(stripped) if stripped.startswith("{") else None
    keys = {key.casefold() for key, _ in values or ()}
    return not keys.isdisjoint(_THOUGHT) and not keys.isdisjoint(SPOKEN)
