"""Groups failures of dialogues into kinds: the same property, and like words of the user and in the failing passage.

The first failures are those that are most like all others, so that a kind is led by a typical one. A failure joins the
leader that it is most like, or leads a kind of its own. The order of the failures does not matter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt

from pytest_duolog.mining.stand_ins import StandIn

# Two failures are of one kind from this likeness on, 0 to 1; a failure that is known as a test attracts a bit more.
ALIKE = 0.3
ALIKE_TO_KNOWN = 0.25


@dataclass(frozen=True)
class Failure:
    """A dialogue that a property fails on: which property, and what it is about.

    `place` says where it is, `digest` is a hash of its words. `user` and `passage` are stems of the words that the
    user said, and of the messages that are the evidence. `content` is the dialogue as JSON, compressed; it is empty
    if the property no longer fails in the same way once stand-ins are in place. `replaced` has these, if they are
    wanted. `under_test` is the number of the side under test among those who speak, from 0 in the order in which they
    first do; names may be replaced.
    """

    check: int
    place: str
    digest: str
    user: frozenset[str]
    passage: frozenset[str]
    content: bytes = field(default=b"", repr=False)
    replaced: tuple[StandIn, ...] = field(default=(), repr=False)
    under_test: int = 1

    @cached_property
    def words(self) -> frozenset[str]:
        """All of its stems."""
        return self.user | self.passage


@dataclass
class Kind:
    """Like failures of one property.

    `members` begin with the leader, then those most like it. `test` is the folder of the test that stands for the kind
    already, if there is one; its leader is then that test's dialogue, and is no member.
    """

    leader: Failure
    test: str = ""
    members: list[Failure] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.members)


def likeness(one: Failure, other: Failure) -> float:
    """How alike two failures are, from 0 to 1: the mean for the user's words and for the failing passage."""
    return (_cosine(one.user, other.user) + _cosine(one.passage, other.passage)) / 2


def _cosine(one: frozenset[str], other: frozenset[str]) -> float:
    if not one or not other:
        return 1.0 if one == other else 0.0
    return len(one & other) / sqrt(len(one) * len(other))


def kinds_of(failures: Iterable[Failure], known: Iterable[tuple[str, Failure]] = ()) -> list[Kind]:
    """The kinds, the largest first; `known` are tests that are there, with their failures."""
    by_check: dict[int, list[Failure]] = defaultdict(list)
    for failure in failures:
        by_check[failure.check].append(failure)
    leaders: dict[int, list[Kind]] = defaultdict(list)
    for test, failure in known:
        leaders[failure.check].append(Kind(failure, test))
    kinds = [kind for check in sorted(by_check) for kind in _kinds(by_check[check], leaders[check])]
    return sorted(kinds, key=lambda kind: (-len(kind), kind.leader.check, kind.leader.digest))


def _kinds(failures: Sequence[Failure], known: Sequence[Kind]) -> list[Kind]:
    frequent = Counter(word for failure in failures for word in failure.words)

    def typical(failure: Failure) -> tuple[float, str, str]:
        weight = sum(frequent[word] for word in failure.words) / sqrt(len(failure.words) or 1)
        return -weight, failure.digest, failure.place

    leading = _Leaders()
    for kind in known:
        leading.add(kind)
    for failure in sorted(failures, key=typical):
        closest = leading.closest(failure)
        if closest is None:
            closest = Kind(failure)
            leading.add(closest)
        closest.members.append(failure)
    for kind in leading.kinds:
        kind.members.sort(key=lambda one: (-likeness(one, kind.leader), one.digest, one.place))
    return [kind for kind in leading.kinds if kind.members]


class _Leaders:
    """The kinds so far, found by the words of their leaders: most have none in common with a new failure."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self._wordless: list[int] = []

    def add(self, kind: Kind) -> None:
        for word in kind.leader.words:
            self._by_word[word].append(len(self.kinds))
        if not (kind.leader.user and kind.leader.passage):
            self._wordless.append(len(self.kinds))
        self.kinds.append(kind)

    def closest(self, failure: Failure) -> Kind | None:
        """The kind whose leader is most like it; None if none is alike."""
        candidates = {number for word in failure.words for number in self._by_word.get(word, ())}
        best, most = None, 0.0
        for number in sorted(candidates.union(self._wordless)):
            kind = self.kinds[number]
            found = likeness(failure, kind.leader)
            if found > most and found >= (ALIKE_TO_KNOWN if kind.test else ALIKE):
                best, most = kind, found
        return best
