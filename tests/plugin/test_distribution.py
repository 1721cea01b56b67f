"""How many tests the workers of pytest-xdist get ahead."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from xdist.scheduler import LoadScheduling

from pytest_duolog.plugin import COLLECTOR
from pytest_duolog.plugin.collector import Collector
from pytest_duolog.plugin.distribution import LookAhead

TESTS = [f"test_it.py::test_it[{number}]" for number in range(40)]
# The seconds that the tests take, for the worker that is idle first.
DURATIONS = [0.01, 2.0, 0.3, 0.01, 0.5] * 8


class Worker:
    """A worker that gets tests and runs none."""

    shutting_down = False

    def __init__(self):
        self.got = []
        self.gateway = SimpleNamespace(id="gw")

    def send_runtest_some(self, numbers):
        self.got += numbers

    def shutdown(self):
        self.shutting_down = True


@pytest.fixture
def config(pytester):
    config = pytester.parseconfig("-p", "xdist", "-n2", "--record-mode=once")
    config.option.tx = ["popen", "popen"]
    return config


def distributed(scheduler, durations=DURATIONS):
    """The tests of each worker, and how many each had got when the first of all ended."""
    workers = [Worker(), Worker()]
    for worker in workers:
        scheduler.add_node(worker)
    for worker in workers:
        scheduler.add_node_collection(worker, TESTS)
    scheduler.schedule()
    at_first = []
    clocks = dict.fromkeys(workers, 0.0)
    n_run = dict.fromkeys(workers, 0)
    for duration in durations:
        worker = min((one for one in workers if n_run[one] < len(one.got)), key=clocks.__getitem__)
        clocks[worker] += duration
        scheduler.mark_test_complete(worker, worker.got[n_run[worker]], duration)
        n_run[worker] += 1
        at_first = at_first or [len(one.got) for one in workers]
    return [one.got for one in workers], at_first


def test_tests_without_dialogues_are_distributed_as_ever(config):
    assert distributed(LookAhead(config, None, n_ahead=17)) == distributed(LoadScheduling(config))


def test_after_the_first_dialogue_a_worker_has_enough_for_its_places(config):
    collector = Collector()
    config.pluginmanager.register(collector, COLLECTOR)
    collector.take(TESTS[0], [None])
    _, usual = distributed(LoadScheduling(config))
    found, at_first = distributed(LookAhead(config, None, n_ahead=17))
    assert sorted(number for got in found for number in got) == list(range(len(TESTS)))
    assert max(at_first) >= 17 > max(usual)
