"""Which English sentences claim that something was done: `I have refunded it`, `your flight has been cancelled`.

A question, a condition, a plan, a denial and what somebody else says are no claims.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pytest_duolog.detectors import text

Act = str | re.Pattern[str]

# So many characters before a claim may say that it is none.
LOOKED_BACK = 1000

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
# After such a word in its clause it is a plan or a question, or it is not sure, or it was not done.
_NOT_DONE = re.compile(
    r"\b(?:if|once|when|whenever|after|until|unless|whether|before|should|would|will|could|can|cannot|may(?!\s+\d)|might|must"
    r"|not|never|no|none|nothing|nobody|neither|to be|to have|as soon as|in case|please|make sure"
    r"|ensure|check(?= (?:that|it|your|the)\b)|wait|hope|imagine|pretend|doubt|maybe|perhaps|probably|possibly"
    r"|presumably"
    r"|refuse|hesitate|unlikely|impossible|unclear|uncertain|unsure|far from|about to|going to|ought to"
    r"|(?:wrong|false|untrue) that)\b|n't\b|'ll\b|'d\b"
)
# Words between `has been` and the verb after which it was not done, or is only said to be.
_NOT_QUITE = re.compile(
    r"\b(?:hardly|barely|scarcely|nearly|allegedly|supposedly|apparently|reportedly|presumably|probably|possibly)\b"
)
# Somebody else says, thinks or sees it: `you say it has been`, `the system shows that it has been`, `I see that`.
_SAY = (
    r"(?:say|mention|tell|claim|think|believe|write|state|report|assume|know|hear|feel|see|mean|suspect|expect|show|indicate"
    r"|suggest|inform|confirm|complain|assure|promise|admit|explain|insist|warn|notify|advise|announce|argue|read|seem"
    r"|appear|(?:look|sound|feel) (?:like|as if))"
)
_SAID = (
    rf"(?:{_SAY}(?:s|es|d|ed|ing)|said|told|thought|wrote|written|knew|heard|felt|saw|meant|shown|admitted|notifie[sd]|read"
    r"|(?:looks|sounds|feels) (?:like|as if))"
)
_I_SEE = (
    r"(?:understand|hear|see|notice|gather|guess|suppose|suspect|assume|read|find|know|recall|remember|deny)"
)
_TOLD = re.compile(
    rf"(?:(?<!\bi )(?<!\bwe )(?<!\bi have )(?<!\bwe have )(?<!\bi've )(?<!\bwe've )(?<!\balready )\b{_SAID}"
    rf"|\b(?:you|they|people|others|records|notes|files|details|emails)(?: \w+ly| also)? {_SAY}"
    rf"|\A\W*(?:(?:just|only|simply|always) )?{_SAY}"
    rf"|\b(?:i|we)(?: can| also| do| now)? {_I_SEE}|\bto (?:hear|see|learn|read|find))"
    r"(?: here)?(?: (?:me|us|you|him|her|them|to me|to us))?"
    r"(?= (?:it|its|i|we|he|she|they|you|the|this|these|those|all|both|my|your|our|his|her|their|everything)\b)"
)
# The next words are somebody else's, too: `according to your mail, it has been`.
_SOURCE = re.compile(
    r"\b(?:(?:according to|from what|as far as you know|in (?:your|his|her|their) words)\b[^,;]*+"
    r"|apparently|supposedly|reportedly|allegedly),?"
    r"(?:(?!\b(?:so|but|and i|and we)\b)[^,;])*+$"
)
# A clause after `that` is what its speaker says only after such words: `I can confirm that it has been`.
_THAT = re.compile(
    r"(?<![,;:])(?<!\bfor)(?<!\bwith)(?<!\bof)(?<!\bafter)(?<!\bin)(?<!\bon)(?<!\bby)(?<!\ball)(?<!\bso)\s+that\s+"
)
_ASSERTS = re.compile(
    r"(?:_|\blet\s+me\s+(?:add|say|repeat|confirm|(?:tell|assure)\s+you)|\b(?:i|we)(?:'ve|\s+(?:have|already|just|also|do|hereby))*"
    r"\s+(?:told|said|mentioned|wrote|written|confirm|promise|repeat|report|added|explained|inform|assure)(?:ed|d)?"
    r"(?:\s+(?:you|to you|before|above|earlier))*"
    r"|\bto\s+(?:say|share|know|(?:report|announce|confirm)(?:\s+to\s+you)?|let\s+you\s+know|(?:tell|inform|assure)\s+you)"
    r"|\brest assured|\bbe\s+(?:assured|advised|informed|aware)|\b(?:news|part|thing|update|result|point)\s+is)$"
)
# `the lamp that you ordered has been`: it is said of the lamp.
_THE_ONE = re.compile(r"(?:i|we|you|he|she|they|it)\s+\w+")
# It only says which one is meant: `the card that has been blocked`.
_WHICH_ONE = re.compile(r"[a-z]\s+(?:that|which|who)\s+$")
# Somebody else did it.
_BY_OTHERS = re.compile(
    r"\s+by\s+(?:you|him|her|them|some(?:body|one)|another|(?:the|your|his|her|their|an?)\s+(?!way\b|end\b|time\b|deadline\b)\w+)\b"
)
# Such a condition holds for the clauses that follow, up to a word that begins anew.
_CONDITION = re.compile(
    r"\b(?:if|once|when|whenever|until|unless|whether|as soon as|in case|assuming|suppose|supposing|as long as|either"
    r"|let(?:'s| us)|in the event|given that|on condition"
    r"|provid(?:ed|ing) (?:that|it|the|your))\b"
)
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
# Such a question doubts the claim before it: `..., is it?`, `..., do you know that?`, `..., does your app say so?`.
_DOUBTS = re.compile(
    r"\W*(?:(?:and|so|but|now)\s+)?"
    r"(?:(?:is|are|was|has|have|had|did|does|do)(?:n't)?\s+(?:i|we|it|that|this|they|he|she)\s*"
    r"|(?:(?:where|why|how|when)\s+)?(?:do|does|did|are|is|can|could|would)(?:n't)?\s+(?:you|he|she|they|it|(?:your|the|my)\s+\w+)\s+(?:really\s+|also\s+)?"
    r"(?:know|think|believe|say|show|tell|remember|check|sure|certain|aware|agree|mean|confirm|see|hear|read)"
    r"(?:\s+(?:me|us|you|that|this|it|so|about|of|for sure|for certain|by chance|yet|already))*\s*"
    r"|who (?:says|said|told)\b.*|how (?:do|did|can) you know\b.*|what makes you\b.*"
    r"|(?:yes|no|really|is that (?:true|right|so))\s*)\?$"
)
_NOTHING_DONE = re.compile(r"\s+(?:no|none|nothing|nobody|neither)\b")


def is_claim(sentence: str, folded: str, act: Act) -> bool:
    """Whether a sentence claims an act: forms of its verb, or a pattern that finds a claim by itself.

    `folded` is the sentence after `detectors.text.fold`.
    """
    if isinstance(act, re.Pattern):
        return act.search(sentence) is not None
    masked = _SET_PHRASES.sub(lambda phrase: "_" * len(phrase[0]), folded)
    found = next((one for one in _claim_pattern(act).finditer(folded) if _is_done(masked, one)), None)
    if found is None or not folded.endswith("?"):
        return found is not None
    return not _ASKS_FIRST.match(folded) and _is_asked_after(folded, found.end())


def _is_asked_after(folded: str, end: int) -> bool:
    """Whether the question is about something else than the claim that ends here."""
    asked = _ASKS_AFTER.search(folded, end)
    return asked is not None and not _DOUBTS.match(folded, asked.start())


def _is_done(said: str, found: re.Match[str]) -> bool:
    """Whether what stands before and after a claim lets it stand; `said` is the sentence without set phrases."""
    begin, end = max(0, found.start() - LOOKED_BACK), found.start()
    near = end + len(" everything ")  # the first words of the claim may say what those before it are
    anew = max((word.end() for word in _ANEW.finditer(said, begin, end)), default=begin)
    starts = [begin, *(word.end() for word in _CLAUSE.finditer(said, begin, near) if word.end() <= end)]
    while len(starts) > 1 and _BELONGS.match(said, starts[-1]):
        starts.pop()
    start = begin if _lacks_subject(said, starts[-1], found) else starts[-1]
    return not (
        _NOT_DONE.search(said, start, end)
        or _NOT_QUITE.search(found[0])
        or _SOURCE.search(said, anew, end)
        or _is_of_another(said, start, end)
        or any(told.end() <= end for told in _TOLD.finditer(said, start, near))
        or _BY_OTHERS.match(said, found.end())
        or (not _is_own(found) and _WHICH_ONE.search(said, start, end))
        or _CONDITION.search(said, anew, end)
        or _NOTHING_DONE.match(said, found.end())
    )


def _is_of_another(said: str, start: int, end: int) -> bool:
    """Whether the clause stands after a `that` which does not make it the speaker's own: `you complain that it has`."""
    for that in _THAT.finditer(said, start, end):
        is_of_a_thing = end > that.end() and _THE_ONE.match(said, that.end(), end)
        if not is_of_a_thing and not _ASSERTS.search(said, start, that.start()):
            return True
    return False


def _lacks_subject(folded: str, start: int, found: re.Match[str]) -> bool:
    """Whether who or what it is about stands before the clause: `none of them, sadly, has been refunded`."""
    return not (_is_own(found) or folded[start : found.start()].strip())


def _is_own(found: re.Match[str]) -> bool:
    """Whether the claim has its own subject, as in `I have refunded`."""
    return found[0].startswith(("i ", "i'", "we ", "we'"))


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
