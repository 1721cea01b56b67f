"""One run of a test's body: which sample it is, and whose models speak in it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pytest_duolog.results.record import Arm


class Attempt(NamedTuple):
    """A test and the number of its run, from 1; a test without samples has one."""

    item: pytest.Item
    number: int = 1
    arm: Arm = Arm.BASELINE


# Set while a test runs for its samples.
ATTEMPT: pytest.StashKey[Attempt] = pytest.StashKey()


def attempt_of(item: pytest.Item) -> Attempt:
    """The present attempt of a test."""
    return item.stash.get(ATTEMPT, Attempt(item))
