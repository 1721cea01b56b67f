"""Lets workers of pytest-xdist begin the dialogues of the tests that they certainly run next.

A worker keeps the tests that the controller has sent to it in a queue. It may begin their dialogues if no test is ever
taken back (see `keeps_tests`). pytest-xdist sends few tests ahead if tests take long; `LookAhead` sends more, once a
test had a dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScheduling

from pytest_duolog.plugin import COLLECTOR, KEEPS_TESTS
from pytest_duolog.plugin.attempts import Attempt
from pytest_duolog.plugin.fixture import prefetch_of
from pytest_duolog.plugin.prefetch import TESTS_PER_PLACE
from pytest_duolog.plugin.state import settings_of

if TYPE_CHECKING:
    from pytest_duolog.plugin.collector import Collector


class LookAhead(LoadScheduling):  # type: ignore[misc]  # it ships no types
    """Distributes tests as `--dist=load` does; after the first dialogue, each worker always has enough for its places.

    The controller collects no tests, so only a report tells it that the run has dialogues.
    """

    def __init__(self, config: pytest.Config, log: Any, *, n_ahead: int) -> None:
        super().__init__(config, log)
        self._n_ahead = n_ahead

    def check_schedule(self, node: Any, duration: float = 0) -> None:
        """Send more tests to a worker that has too few."""
        if self._n_missing(node) > 0 and not node.shutting_down:
            self._send_tests(node, 1)
        super().check_schedule(node, duration)

    def _send_tests(self, node: Any, num: int) -> None:  # there is no public way (pytest-xdist 3.8)
        super()._send_tests(node, max(num, self._n_missing(node)))

    def _n_missing(self, node: Any) -> int:
        """How many tests a worker lacks; it has never more ahead than its part of all. None without dialogues."""
        collector: Collector | None = self.config.pluginmanager.get_plugin(COLLECTOR)
        if collector is None or not collector.dialogues:
            return 0
        part = len(self.collection or ()) // len(self.nodes)
        return min(self._n_ahead, part) - len(self.node2pending[node])


def scheduler_for(config: pytest.Config, log: Any) -> LookAhead | None:
    """The distribution of a run that asks models; None if one dialogue runs after the other."""
    try:
        concurrency = settings_of(config).concurrency
    except pytest.UsageError:  # the workers report it
        return None
    return LookAhead(config, log, n_ahead=1 + TESTS_PER_PLACE * concurrency) if concurrency > 1 else None


class ComingTests:
    """In a worker, tells the prefetch which tests come next."""

    def __init__(self, config: pytest.Config) -> None:
        plugins = config.pluginmanager.get_plugins()
        # Workers run the source of xdist/remote.py, so that the class is not the one that can be imported.
        worker = next((plugin for plugin in plugins if type(plugin).__name__ == "WorkerInteractor"), None)
        keeps_tests = getattr(config, "workerinput", {}).get(KEEPS_TESTS, False)
        self._queue: Any = getattr(worker, "torun", None) if keeps_tests else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Expect this test and those after it."""
        prefetch = prefetch_of(item)
        if prefetch is not None:
            prefetch.expect(map(Attempt, [item, *self.after(item, nextitem)]))

    def after(self, item: pytest.Item, nextitem: pytest.Item | None) -> Sequence[pytest.Item]:
        """The tests that this worker certainly runs after `item`: `nextitem`, and what is in its queue."""
        if nextitem is None:
            return []
        if not hasattr(self._queue, "lock"):
            return [nextitem]
        with self._queue.lock() as waiting:
            numbers = [number for number in waiting if isinstance(number, int)]  # also a mark for the end
        return [nextitem, *(item.session.items[number] for number in numbers)]
