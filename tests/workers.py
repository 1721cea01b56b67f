"""Inner pytest runs in one process and in workers of pytest-xdist."""

from __future__ import annotations

import pytest


def alone_or_in_workers(n: int = 2) -> pytest.MarkDecorator:
    """`options` of a run in one process, and of one in `n` workers, which is slow.

    For what is the same in both. Where workers are the point (records, samples, shards, budgets), a test of its own
    is fast.
    """
    workers = pytest.param((f"-n{n}",), marks=pytest.mark.slow)
    return pytest.mark.parametrize("options", [(), workers], ids=["plain", "xdist"])
