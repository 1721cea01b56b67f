"""Identifies one run of a test's body: the number of its sample and its side of a gate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from pytest_duolog.results.arm import AnyArm, Arm, Pairing

# Set-up, call and teardown: pytest-randomly sets a seed before each.
N_PHASES = 3


class Attempt(NamedTuple):
    """A test and the number of its run, from 1; a test without samples has one run."""

    item: pytest.Item
    number: int = 1
    arm: AnyArm = Arm.BASELINE

    @property
    def title(self) -> str:
        """The name of the run of a test with samples."""
        named = {Arm.BASELINE: "", Arm.CANDIDATE: " of the candidate"}
        whose = f" with {self.arm}" if isinstance(self.arm, Pairing) else named[self.arm]
        return f"{self.item.nodeid}, sample {self.number}{whose}"


# The stash key of a sample, set while it runs.
ATTEMPT: pytest.StashKey[Attempt] = pytest.StashKey()


def attempt_of(item: pytest.Item) -> Attempt:
    """The current attempt of a test."""
    return item.stash.get(ATTEMPT, Attempt(item))


@contextmanager
def seed_of_sample(config: pytest.Config, number: int) -> Iterator[None]:
    """Give each sample its own seed if pytest-randomly sets one before every phase of a test.

    With the same seed, speakers with random numbers would say the same in every sample.
    """
    seed = getattr(config.option, "randomly_seed", None)
    if not isinstance(seed, int):
        yield
        return
    config.option.randomly_seed = seed + N_PHASES * (number - 1)
    try:
        yield
    finally:
        config.option.randomly_seed = seed
