"""Splits one run over several machines: which tests each shard runs, and which shards a record lacks.

Tests are assigned to shards in turn, in the order of their names, so that every machine computes the same split in
whatever order it collects them. Tests with samples come first, because they cost most: the numbers of them in two
shards differ by at most one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_duolog.dataclass import dataclass
from pytest_duolog.errors import ConfigurationError


@dataclass(frozen=True)
class Shard:
    """Shard `number`, from 1, of a run in `n_shards` shards."""

    number: int
    n_shards: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard for the text I/N; raises ConfigurationError for any other text."""
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        number, n_shards = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= n_shards:
            raise ConfigurationError(
                f"duolog_shard: {text!r} is not I/N, the number of this shard and the number of "
                "shards (1/3, 2/3 and 3/3)"
            )
        return cls(number, n_shards)

    def __str__(self) -> str:
        return f"{self.number}/{self.n_shards}"

    def share(self, scenarios: Iterable[str], others: Iterable[str] = ()) -> list[str]:
        """The names of this shard's tests: of those with samples, and of the others."""
        first = set(scenarios)
        names = [*sorted(first), *sorted(set(others) - first)]
        return names[self.number - 1 :: self.n_shards]


def missing_shards(
    labels: Iterable[str], missing: Iterable[str], scenarios: Iterable[str]
) -> dict[str, list[str]]:
    """The shards of the `missing` scenarios, according to the labels of the records that are there.

    Empty if none of these is the record of a shard.
    """
    without = set(missing)
    found: dict[str, list[str]] = {}
    for n_shards in sorted({shard.n_shards for label in labels if (shard := _shard(label))}):
        for place, name in enumerate(sorted(set(scenarios))):
            if name in without:
                found.setdefault(str(Shard(place % n_shards + 1, n_shards)), []).append(name)
    return found


def _shard(label: str) -> Shard | None:
    """The shard of a label; None for labels that other programs wrote."""
    try:
        return Shard.parse(label)
    except ConfigurationError:
        return None
