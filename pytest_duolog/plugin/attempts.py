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


# The stash key of a sample, set while it runs.
ATTEMPT: pytest.StashKey[Attempt] = pytest.StashKey()


def attempt_of(item: pytest.Item) -> Attempt:
    """The current attempt of a test."""
    return item.stash.get(ATTEMPT, Attempt(item))
