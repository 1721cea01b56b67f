"""What the end of a run is told from."""

from __future__ import annotations

from pytest_duolog.plugin.collector import Collector


def test_pytest_may_keep_it_in_a_set():
    assert len({Collector(), Collector()}) == 2


def test_notice_that_many_samples_share_is_said_once():
    transcript = {"messages": []}
    entry = {"played": 1, "recorded": 0, "spared": 0, "transcript": transcript, "notices": ["it was cut"]}
    collector = Collector(entries=[("t::a", entry), ("t::a", entry), ("t::b", entry)])
    assert list(collector.summary())[1:] == ["t::a: it was cut (in 2 dialogues)", "t::b: it was cut"]


def test_notice_that_many_tests_share_is_said_once():
    entry = {"played": 1, "recorded": 0, "spared": 0, "transcript": {"messages": []}, "notices": ["no seed"]}
    collector = Collector(entries=[(f"t::{name}", entry) for name in "abcd"])
    assert list(collector.summary())[1:] == ["no seed (in 4 tests, t::a the first)"]
