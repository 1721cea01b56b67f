"""`--duolog-shard`: leaves a run its share of the collected tests."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_duolog.display import counted
from pytest_duolog.plugin.state import settings_of
from pytest_duolog.results.shard import Shard

# What choose tests by what this machine has seen, so that machines would not deal the same ones.
CHOOSING_BY_CACHE = {"lf": "--lf", "stepwise": "--stepwise", "stepwise_skip": "--stepwise-skip"}
NAME = "duolog-sharding"
# Where a worker of pytest-xdist tells the controller, which collects nothing itself, how the tests were dealt.
OUTPUT = "duolog_shard"


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Sharding:
    """Deals the collected tests, and says at the end how many were this shard's."""

    config: pytest.Config
    shard: Shard
    _n_own: int = 0
    _n_all: int = 0

    def deal(self, session: pytest.Session, scenarios: Iterable[str]) -> None:
        """Leave the session what this shard is dealt; `scenarios` are the names of the tests with samples."""
        own = set(self.shard.share(scenarios, (item.nodeid for item in session.items)))
        others = [item for item in session.items if item.nodeid not in own]
        self._n_all = len(session.items)
        session.items[:] = [item for item in session.items if item.nodeid in own]
        self._n_own = len(session.items)
        if others:
            self.config.hook.pytest_deselected(items=others)
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput[OUTPUT] = (self._n_own, self._n_all)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker says; all of them deal alike."""
        self._n_own, self._n_all = getattr(node, "workeroutput", {}).get(OUTPUT, (self._n_own, self._n_all))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """A shard that no test was left for is no mistake; syrupy sets the status again, so this comes after it."""
        yield
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._n_all:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how the tests were dealt."""
        if self._n_all:
            terminalreporter.section(f"shard {self.shard}", sep="-")
            terminalreporter.write_line(
                f"{self._n_own} of {counted(self._n_all, 'test')} belong to this shard"
            )


def register_sharding(config: pytest.Config) -> None:
    """Have the tests of this run dealt.

    Raises UsageError beside an option by which shards would deal different tests, some of them to none.
    """
    shard = settings_of(config).shard
    assert shard is not None, "it is given"
    for name, option in CHOOSING_BY_CACHE.items():
        if config.getoption(name, False):
            raise pytest.UsageError(
                f"--duolog-shard: {option} chooses tests by what was run on this machine, so that shards would not "
                f"deal the same tests; leave one of the two out"
            )
    config.pluginmanager.register(Sharding(config, shard), NAME)


def deal(session: pytest.Session, scenarios: Iterable[str]) -> None:
    """Leave the session the tests of this shard, if it is one."""
    sharding: Sharding | None = session.config.pluginmanager.get_plugin(NAME)
    if sharding is not None:
        sharding.deal(session, scenarios)
