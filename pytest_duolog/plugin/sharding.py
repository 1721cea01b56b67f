"""`--duolog-shard`: selects the tests of one shard."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_duolog.display import counted
from pytest_duolog.plugin.state import settings_of
from pytest_duolog.results.shard import Shard

# Options that select tests by the history of this machine, so that machines would not split the same tests.
CHOOSING_BY_CACHE = {"lf": "--lf", "stepwise": "--stepwise", "stepwise_skip": "--stepwise-skip"}
NAME = "duolog-sharding"
# The key with which a worker of pytest-xdist reports the split to the controller, which collects no tests.
OUTPUT = "duolog_shard"


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Sharding:
    """Selects the tests of this shard, and prints their number at the end."""

    config: pytest.Config
    shard: Shard
    _n_own: int = 0
    _n_all: int = 0

    def deal(self, session: pytest.Session, scenarios: Iterable[str]) -> None:
        """Keep only the tests of this shard; `scenarios` are the names of the tests with samples."""
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
        """Read a worker's report; all workers split in the same way."""
        self._n_own, self._n_all = getattr(node, "workeroutput", {}).get(OUTPUT, (self._n_own, self._n_all))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """A shard without tests is not an error; this runs after syrupy, which sets the exit status again."""
        yield
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._n_all:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print how many tests this shard has."""
        if self._n_all:
            terminalreporter.section(f"shard {self.shard}", sep="-")
            terminalreporter.write_line(
                f"{self._n_own} of {counted(self._n_all, 'test')} belong to this shard"
            )


def register_sharding(config: pytest.Config) -> None:
    """Split the tests of this run.

    Raises UsageError together with an option that makes shards split different tests.
    """
    shard = settings_of(config).shard
    assert shard is not None, "it is given"
    for name, option in CHOOSING_BY_CACHE.items():
        if config.getoption(name, False):
            raise pytest.UsageError(
                f"--duolog-shard: {option} selects tests by what ran on this machine, so the shards "
                "would not split the same tests; use only one of the two"
            )
    config.pluginmanager.register(Sharding(config, shard), NAME)


def deal(session: pytest.Session, scenarios: Iterable[str]) -> None:
    """Keep only the tests of this shard, if the run is a shard."""
    sharding: Sharding | None = session.config.pluginmanager.get_plugin(NAME)
    if sharding is not None:
        sharding.deal(session, scenarios)
