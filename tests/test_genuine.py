"""What tests replace, and what must not notice."""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime, timedelta

from pytest_duolog import genuine
from pytest_duolog.genuine import CLOCK


def test_the_clock_goes_on_and_the_date_is_todays(monkeypatch):
    before = CLOCK.seconds()
    for name in ("monotonic", "time", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: 1_767_225_600.0)
    assert before <= CLOCK.seconds() < before + 60
    monkeypatch.undo()
    assert abs(CLOCK.now() - datetime.now(UTC)) < timedelta(seconds=60)
    assert CLOCK.now().tzinfo is UTC
    assert 0 <= CLOCK.ms_since(before) < 60_000


def test_a_seed_neither_decides_our_numbers_nor_loses_its_own():
    random.seed(1)
    expected = [random.random() for _ in range(3)]
    drawn = set()
    for _ in range(3):
        random.seed(1)
        drawn.add(genuine.RANDOM.random())
        assert [random.random() for _ in range(3)] == expected
    assert len(drawn) == 3


def test_ids_differ_where_a_test_wants_one(monkeypatch):
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    assert genuine.uuid4() != genuine.uuid4()
