"""Identifies one run of a test's body: the number of its sample and its side of a gate."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pytest_duolog.results.arm import Arm


class Attempt(NamedTuple):
    """A test and the number of its run, from 1; a test without samples has one run."""

    item: pytest.Item
    number: int = 1
    arm: Arm = Arm.BASELINE

    @property
    def title(self) -> str:
        """The name of the run of a test with samples."""
        of_candidate = " of the candidate" if self.arm is Arm.CANDIDATE else ""
        return f"{self.item.nodeid}, sample {self.number}{of_candidate}"


# The stash key of a sample, set while it runs.
ATTEMPT: pytest.StashKey[Attempt] = pytest.StashKey()


def attempt_of(item: pytest.Item) -> Attempt:
    """The current attempt of a test."""
    return item.stash.get(ATTEMPT, Attempt(item))
