"""Keeps track of a run with record mode `rewrite`, so that `once` can continue it if it ends early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog.display import counted, printable
from pytest_duolog.plugin import COLLECTOR
from pytest_duolog.plugin.collection import test_in_module, uses_our_fixture
from pytest_duolog.plugin.state import SESSION, session_of, settings_of
from pytest_duolog.recording.naming import CassetteLocation, folder_of
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.rewrites import PATTERN, Rewrites, clear_if_done

if TYPE_CHECKING:
    from pytest_duolog.plugin.collector import Collector

# At most this many remaining tests are named.
MOST_NAMED = 3


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class RewriteWatch:
    """Notes which tests of a rewrite have run; `tests` maps pytest's node ids to the names in the rewrite."""

    rewrites: Rewrites
    tests: Mapping[str, str]

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note that a test has ended, with all its samples and reruns."""
        if nodeid in self.tests:
            self.rewrites.tested(self.tests[nodeid])


def watch_rewrite(session: pytest.Session) -> None:
    """Begin a rewrite of the collected tests if the record mode says so, and follow it.

    Raises UsageError if its file cannot be written.
    """
    config = session.config
    mode = settings_of(config).record_mode
    if mode is RecordMode.NONE or config.option.collectonly or config.getoption("duolog_plan"):
        return
    rewrites = session_of(config).rewrites
    tests = {
        item.nodeid: rewrites.test_of(_location(item)) for item in session.items if uses_our_fixture(item)
    }
    if tests and mode.is_anew:
        try:
            rewrites.begin(tests.values(), run=_run_id(config))
        except OSError as error:
            raise pytest.UsageError(f"--record-mode={mode}: {error.filename}: {error.strerror}") from None
    config.pluginmanager.register(RewriteWatch(rewrites, tests), "duolog-rewrite-watch")


def _location(item: pytest.Item) -> CassetteLocation:
    return CassetteLocation(folder_of(item.path), test_in_module(item), ())


def _run_id(config: pytest.Config) -> str:
    """The id that all workers of a pytest-xdist run share; empty without pytest-xdist."""
    workerinput: Mapping[str, Any] = getattr(config, "workerinput", {})
    return str(workerinput.get("testrunuid", ""))


def end_rewrites(terminalreporter: Any, config: pytest.Config) -> None:
    """Remove the files of complete rewrites; a run with dialogues reports the others."""
    if SESSION in config.stash:
        session_of(config).rewrites.close()
    rewrites = clear_if_done(config.rootpath)
    collector: Collector | None = config.pluginmanager.get_plugin(COLLECTOR)
    if rewrites is not None and collector is not None and collector.dialogues:
        for line in rewrite_words(rewrites):
            terminalreporter.write_line(printable(line))


def rewrite_words(rewrites: Rewrites) -> Iterator[str]:
    """The notice about incomplete rewrites."""
    left = rewrites.left()
    names = list(dict.fromkeys(test.partition("[")[0] for test in left))
    named = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
    started = rewrites.started[:16].replace("T", " ")
    yield (
        f"the rewrite of {started} is not complete: {counted(len(left), 'test')} may still have older "
        "recordings "
        f"({named})"
    )
    yield (
        "to continue: --record-mode=once, which records these again and replays the others; to "
        f"cancel it, delete .duolog/{PATTERN}"
    )
