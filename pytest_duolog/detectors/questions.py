"""What kind of thing a question asks for, and whether a reply holds one.

A reply takes a question up if it holds such a thing (a time, a place, a number, a name), asks back, or says that it
cannot tell. Yes-or-no questions are often answered without either, so there any new word of content counts. Whether an
answer is right, nothing here knows. English is read best (`questions.toml`). Of six other languages
(`questions_elsewhere.toml`) only questions with a question word are understood.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib import resources

from pytest_duolog.detectors import languages, lexicon, text

# Words are one if so many first letters are the same.
STEM = 4
# A reply of so few words needs no grammar: "Ghana.", "The 14."
FEW_WORDS = 3
# A question word shows a language as well as so many function words.
ASKED = 2


class Kind(StrEnum):
    """What a question asks for."""

    TIME = "a time"
    NUMBER = "a number"
    PLACE = "a place"
    NAME = "a name"
    REASON = "a reason"
    MANNER = "a way"
    THING = "a thing"
    DEED = "something to be done"
    YES_OR_NO = "yes or no"


_TABLES = tomllib.loads(resources.files(__package__).joinpath("questions.toml").read_text("utf-8"))
_ELSEWHERE = tomllib.loads(
    resources.files(__package__).joinpath("questions_elsewhere.toml").read_text("utf-8")
)


def _pattern(parts: Sequence[str]) -> re.Pattern[str]:
    return re.compile("".join(parts))


def _reports(parts: Sequence[str], clause: str) -> re.Pattern[str]:
    """Saying that the other side asks, up to what it asks: "You want to know" when the pool opens."""
    said = "".join(parts)
    return re.compile(rf"(?<!\w)(?:{said})(?=\W+(?:{clause})\b)|,\W{{0,3}}(?:{said})\W{{0,3}}$")


_KINDS = [(Kind[name], _pattern(parts)) for name, *parts in _TABLES["kinds"]]
_BY_WORD = {Kind.TIME, Kind.NUMBER, Kind.PLACE, Kind.NAME, Kind.REASON, Kind.MANNER, Kind.THING}
_HOLDS = {kind: _pattern(_TABLES[kind.name.lower()]) for kind in (Kind.TIME, Kind.NUMBER, Kind.PLACE)}
_PERSON = _pattern(_TABLES["person"])
_MEANT = _pattern(_TABLES["meant"])
_LEAVES_OPEN = _pattern(_TABLES["leaves_open"])
_AFFIRMS = _pattern(_TABLES["affirms"])
_AGREES = _pattern(_TABLES["agrees"])
_TELLS = _pattern(_TABLES["tells"])
_CONFIRMS = _pattern(_TABLES["confirms"])
_ASKS_BACK = _pattern(_TABLES["asks_back"])
_REPORTS = _reports(_TABLES["reports"], r"wh\w+|how|if")
_OFFERED = _pattern(_TABLES["offered"])
_SPOT = _pattern(_TABLES["spot"])
_EARLY = _pattern(_TABLES["early"])
_STATE = _pattern(_TABLES["state"])
_WELL = _pattern(_TABLES["well"])
_PRAISES = frozenset(_TABLES["praises"].split())
_NAMED = re.compile(r"(?<=[a-z,;:] )[A-Z][\w'-]+|^\W*[A-Z][\w'-]+(?: [A-Z][\w'-]+)*[.!]?$")
# Several things, of which one can see how many they are.
_LISTED = re.compile(r"\w, [^,.]+,? (?:and|or) \w")
_ACTS = re.compile(
    r"(?:\b(?:i|we|he|she|they)|^\W*[\w'-]+) (?:did|do|does|am|are|is|was|were|will|can|could|have|has)\b"
)
_OR = re.compile(r"\bor\b")
_GRAMMAR = languages.words_of("en") | frozenset(_TABLES["grammar"].split())
# The verb of a question after "did", by the form that an echo has.
_PASTS = dict(pair.split(":") for pair in _TABLES["pasts"].split())


def kinds_of(question: str) -> list[Kind]:
    """What a normalised question asks for, the most telling first; none if it is not understood.

    Of several question words the first one counts: "What do you do when it rains?"
    """
    found = [(kind, match.start()) for kind, pattern in _KINDS if (match := pattern.search(question))]
    by_word = iter(sorted((one for one in found if one[0] in _BY_WORD), key=lambda one: one[1]))
    return [next(by_word)[0] if kind in _BY_WORD else kind for kind, _ in found]


def takes_up(question: str, reply: str) -> bool | None:
    """Whether a reply takes up a normalised question; None where the question is not understood."""
    if _IS_STATE.search(question):
        return bool(text.words(text.fold(reply)))
    tongues = _tongues_of(question, reply)
    if tongues:
        answers = {tongue.takes_up(question, reply) for tongue in tongues} - {None}
        return any(answers) if answers else None
    found = kinds_of(question)
    return _takes_up_in_english(question, reply, found) if found else None


def _takes_up_in_english(question: str, reply: str, found: Sequence[Kind]) -> bool:
    whole = text.fold(reply)
    is_told = bool(_TELLS.search(question))  # "Did you know that ...?" wants no more than a reaction
    if is_told or (found[0] is Kind.DEED and _AGREES.search(whole)):
        return bool(text.words(whole))
    folded = whole
    if not lexicon.POLITE.search(question):  # "How do you say thank you in Swahili?"
        folded = lexicon.LEAVE.sub(" ", whole)
    folded = _OFFERED.sub(" ", _without_report(folded, question, _REPORTS))
    words = text.words(folded)
    if words == text.words(question):
        return False
    if found[0] is Kind.MANNER and _STATE.search(question) and _WELL.search(whole):
        return True  # "I'm fine, thank you." is a courtesy, and an answer
    asks_back = _ASKS_BACK.search(folded) or ("?" in folded and (len(words) > 1 or bool(kinds_of(folded))))
    if not words or asks_back or _LEAVES_OPEN.search(folded):
        return bool(words)
    asked = {word[:STEM] for word in text.words(question)}
    new = [word for word in words if _is_new(word, asked)]
    chooses = bool(_OR.search(question)) and _chooses(words, asked)
    is_clause = found[0] is not Kind.DEED and not _EARLY.search(question)
    if found[0] is Kind.DEED or Kind.YES_OR_NO in found or is_clause:
        return bool(new or chooses or _AFFIRMS.search(folded))
    acknowledges = len(words) > 1 and _PRAISES.issuperset(words)
    return chooses or (not acknowledges and _holds(found[0], question, reply, folded, new))


def _holds(kind: Kind, question: str, reply: str, folded: str, new: list[str]) -> bool:
    """Whether a reply, as it was written and folded, holds a thing of this kind; `new` are its own words of content."""
    is_few = len(text.words(folded)) <= FEW_WORDS or reply.islower()  # names without capitals
    if kind is Kind.PLACE:
        if _SPOT.search(folded):
            return True
        return bool(new) and bool(is_few or _NAMED.search(reply) or _HOLDS[kind].search(folded))
    if kind in _HOLDS:
        is_listed = kind is Kind.NUMBER and bool(new) and bool(_LISTED.search(folded))
        return is_listed or bool(_HOLDS[kind].search(_without_echo(folded, question)))
    if kind is Kind.NAME:
        return bool(_ACTS.search(folded) or _MEANT.search(folded)) or (
            bool(new) and bool(is_few or _NAMED.search(reply) or _PERSON.search(folded))
        )
    if kind is Kind.REASON and "because" in folded:
        return True
    return bool(new)


def _is_new(word: str, asked: set[str]) -> bool:
    if word[0].isdigit():
        return True
    known = _PASTS.get(word, word)[:STEM] in asked or word in _PRAISES or word in _GRAMMAR
    return not known


def _chooses(words: Sequence[str], asked: set[str]) -> bool:
    return any(word[:STEM] in asked and word not in _GRAMMAR for word in words)


def _without_report(folded: str, question: str, reports: re.Pattern[str]) -> str:
    """The reply without a copy of the question in front of other words, and without saying that it was asked."""
    asked = text.words(question)
    first, *others = text.sentences(folded) or [""]
    rest = " ".join(others) if others and text.words(first) == asked else folded
    return reports.sub(" ", rest)


def _without_echo(folded: str, question: str) -> str:
    """The reply without the words of the question."""
    asked = set(text.words(question))
    return " ".join(
        word for word in re.findall(r"[^\s.,;:!?]+", folded) if word not in asked or word.isdigit()
    )


_REPORTS_ELSEWHERE = _reports(["|".join(_ELSEWHERE["anywhere"]["reports"])], _ELSEWHERE["anywhere"]["clause"])
_IS_STATE = re.compile(rf"\b(?:{_ELSEWHERE['anywhere']['state']})\b")
_IS_SPOT = re.compile(rf"\b(?:{_ELSEWHERE['anywhere']['spot']})\b")
_PROPOSES = re.compile(rf"^\W*(?:[\w']+\W+){{0,2}}?(?:{_ELSEWHERE['anywhere']['proposes']})\b")


# A question word among the first ones; in Chinese anywhere, but not in a question for yes or no.
_ASKS = re.compile(
    rf"(?:^|[.!?] )\W*(?:[\w']+\W+){{0,2}}?(?:{_ELSEWHERE['anywhere']['asks']})"
    rf"|^(?!.*(?:吗|嗎|为什么不)).*(?:{_ELSEWHERE['anywhere']['asks_unspaced']})"
)
_ACKNOWLEDGED = frozenset(_ELSEWHERE["anywhere"]["acknowledged"].split())
_EVADES = re.compile("|".join((_ELSEWHERE["anywhere"]["evades"], _ELSEWHERE["anywhere"]["evades_elsewhere"])))
_TRAILS_OFF = re.compile(r"(?:\?|\.\.\.?|…|。。)\W*$")
_GENERAL = _pattern(_TABLES["general"])
_CERTAIN = frozenset(_TABLES["general_words"].split())
_PRAISES_IT = re.compile(_ELSEWHERE["anywhere"]["praises"])
_DECIDES = re.compile(r"^\W*(?:yes|yeah|no|nope|ja|nein|oui|non|sí|sì|si|não|sim|nee|да|нет)\b")
_DENIES = re.compile(rf"\b(?:not|never|nicht|kein\w*|pas|niet|не)\b|n't\b|{_DECIDES.pattern}")
# An echo has at least this share of the words of content of a question, and no new one.
ECHOED = 0.7


def passes_by(question: str, reply: str) -> bool:
    """Whether a reply in any language only acknowledges a normalised question, says it again, or turns it away."""
    folded = text.fold(reply)
    return (
        _only_acknowledges(question, folded)
        or _evades(folded)
        or _is_echo(question, folded)
        or _is_general(question, folded)
    )


def _only_acknowledges(question: str, folded: str) -> bool:
    said = text.words(folded)
    if not said or not _ACKNOWLEDGED.issuperset(said) or not _ASKS.search(question):
        return False
    return not wants_agreement(question) and kinds_of(question)[:1] != [Kind.YES_OR_NO]


def wants_agreement(question: str) -> bool:
    """Whether a normalised question proposes, tells or repeats something, or asks how somebody is.

    Courtesies answer it.
    """
    patterns = (_IS_STATE, _STATE, _TELLS, _CONFIRMS)
    return (
        any(one.search(question) for one in patterns)
        or proposes(question)
        or kinds_of(question)[:1] == [Kind.DEED]
    )


def leaves_open(folded: str) -> bool:
    """Whether an English text says that it cannot tell."""
    return bool(_LEAVES_OPEN.search(folded))


def decides(question: str, folded: str) -> bool:
    """Whether a text begins with yes or no, after a normalised question that asks for it first."""
    return kinds_of(question)[:1] == [Kind.YES_OR_NO] and bool(_DECIDES.search(folded))


def denies(folded: str) -> bool:
    """Whether a text begins with yes or no, or has a negation."""
    return bool(_DENIES.search(folded))


def reports(folded: str) -> bool:
    """Whether a text says that the other side asks: "You want to know" when the pool opens."""
    return bool(_REPORTS.search(folded) or _REPORTS_ELSEWHERE.search(folded))


def _evades(folded: str) -> bool:
    """Whether each sentence of a text turns a question away, some after praising it."""
    said = text.sentences(folded)
    beside = [sentence for sentence in said if not _EVADES.search(sentence)]
    return len(beside) < len(said) and all(
        _PRAISES_IT.search(one) and not any(map(lexicon.is_news, text.words(_PRAISES_IT.sub(" ", one))))
        for one in beside
    )


def _is_general(question: str, folded: str) -> bool:
    """Whether an English reply is about things in general where the question is about a certain one."""
    said = text.words(folded)
    asked = text.words(question)
    if not _GENERAL.match(folded) or not _CERTAIN.isdisjoint(said) or {"the", *_CERTAIN}.isdisjoint(asked):
        return False
    known = {word.rstrip("s")[:STEM] for word in asked}
    return said[0].rstrip("s")[:STEM] not in known or bool(_ASKS.search(question))


def _is_echo(question: str, folded: str) -> bool:
    """Whether a reply asks or repeats a question, perhaps with other pronouns, and says nothing else."""
    own = _without_report(_without_report(folded, question, _REPORTS), question, _REPORTS_ELSEWHERE)
    asked = text.words(question)
    repeats = own != folded or _TRAILS_OFF.search(folded) or (_ASKS.search(question) and _ASKS.search(own))
    if not repeats or len(asked) <= FEW_WORDS or _DENIES.search(folded):
        return False
    small = languages.FUNCTION_WORDS | _ACKNOWLEDGED | {"whether"}
    known = set(map(_stem, asked))
    if any(word not in small and _stem(word) not in known for word in text.words(own)):
        return False
    content = {_stem(word) for word in asked if word not in languages.FUNCTION_WORDS}
    said = {_stem(word) for word in text.words(own if own != folded else (text.sentences(own) or ("",))[-1])}
    return len(content & said) >= max(2, ECHOED * len(content))


def _stem(word: str) -> str:
    return str(_PASTS.get(word, word))[:STEM]


def proposes(question: str) -> bool:
    """Whether a normalised question in one of the other languages proposes or asks for something."""
    return bool(_PROPOSES.search(question))


class _Tongue:
    """Another language than English: what its question words ask for, and what answers hold."""

    def __init__(self, code: str) -> None:
        table, anywhere = _ELSEWHERE[code], _ELSEWHERE["anywhere"]
        self.grammar = languages.words_of(code)
        self._acknowledges = frozenset(table["acknowledges"].split())
        self._has_capital_nouns = code == "de"
        before = rf"^\W*(?:(?:[\w']+ )?[\w']+,\W*)?(?:(?:{anywhere['before']})\W+){{0,3}}?"
        self._kinds = [
            (Kind[name], re.compile(rf"{before}(?:{words})\b")) for name, words in table["kinds"].items()
        ]
        self._holds = {
            kind: _any_of(table[name], anywhere.get(name))
            for kind, name in (
                (Kind.TIME, "time"),
                (Kind.NUMBER, "number"),
                (Kind.PLACE, "place"),
                (Kind.NAME, "person"),
            )
        }
        self._leaves_open = _any_of(table["leaves_open"])

    def kind_of(self, question: str) -> Kind | None:
        """What a normalised question asks for; None if it has no question word of this language."""
        return next((kind for kind, pattern in self._kinds if pattern.search(question)), None)

    def takes_up(self, question: str, reply: str) -> bool | None:
        """Whether a reply takes up a normalised question; None where the question is not understood."""
        kind = self.kind_of(question)
        return None if kind is None else self._holds_one(kind, question, reply)

    def _holds_one(self, kind: Kind, question: str, reply: str) -> bool:
        folded = _without_report(lexicon.POLITE.sub(" ", text.fold(reply)), question, _REPORTS_ELSEWHERE)
        words = text.words(folded)
        if words == text.words(question) or self._acknowledges.issuperset(words):
            return False
        if not words or ("?" in folded and len(words) > 1) or self._leaves_open.search(folded):
            return bool(words)
        asked = {word[:STEM] for word in text.words(question)}
        new = [word for word in words if word[0].isdigit() or self._is_new(word, asked)]
        if kind in (Kind.TIME, Kind.NUMBER):
            return bool(self._holds[kind].search(_without_echo(folded, question)))
        is_spot = kind is Kind.PLACE and bool(_IS_SPOT.search(folded))
        if is_spot or kind not in self._holds or not new:
            return is_spot or bool(new)
        is_named = not self._has_capital_nouns and bool(_NAMED.search(reply))
        return len(words) <= FEW_WORDS + 1 or is_named or bool(self._holds[kind].search(folded))

    def _is_new(self, word: str, asked: set[str]) -> bool:
        return not (word[:STEM] in asked or word in self._acknowledges or word in self.grammar)


def _any_of(*alternatives: str | None) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(filter(None, alternatives))})(?!\w)")


@cache
def _tongues() -> list[_Tongue]:
    return [_Tongue(code) for code in _ELSEWHERE if code != "anywhere"]


def _tongues_of(question: str, reply: str) -> list[_Tongue]:
    """The other languages that a question and its reply may be in, several if they have as many of the words."""
    words = [*text.words(question), *text.words(text.fold(reply))]
    n_english = sum(map(languages.words_of("en").__contains__, words))
    counts = [(sum(map(tongue.grammar.__contains__, words)), tongue) for tongue in _tongues()]
    shown = [(n + ASKED * bool(one.kind_of(question)), one) for n, one in counts if n >= n_english]
    most = max((count for count, _ in shown), default=0)
    kinds = {tongue.kind_of(question) for count, tongue in shown if count == most}
    # Two languages with the same question word share many of so few words.
    return [
        tongue
        for count, tongue in shown
        if count > n_english and (count == most or (count == most - 1 and tongue.kind_of(question) in kinds))
    ]
