"""What the end of a run is told from."""

from __future__ import annotations

from pytest_duolog.collector import Collector


def test_pytest_may_keep_it_in_a_set():
    assert len({Collector(), Collector()}) == 2
