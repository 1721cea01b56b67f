"""`--duolog-screen`: asks a candidate for the next message at every turn of the tests' recorded dialogues."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.commands.continuations import ContinuationsStopped
from pytest_duolog.commands.next_messages import Recorded, screened_turns
from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError, DuologError
from pytest_duolog.gate.screen import screen
from pytest_duolog.plugin import SITE
from pytest_duolog.plugin.state import session_of, settings_of
from pytest_duolog.reports.screen_words import screen_data, screen_words
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.plan import roles_words
from pytest_duolog.running.talks import TalkFolder
from pytest_duolog.storage.line_file import replacing
from pytest_duolog.storage.own_folder import OWN_FOLDER, make_folder

FOLDER = Path(OWN_FOLDER) / "screen"
ANSWER = Path(OWN_FOLDER) / "screen.json"
FAILED = 1
# So many answers of each side at a turn.
MOST_SAMPLES = 20


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Screening:
    """Keeps the dialogues of all tests, and screens them when the tests are over.

    The exit status is never that of a pass: a screen that sees nothing says nothing about loops.
    """

    config: pytest.Config
    n_samples: int
    _recorded: list[Recorded] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the dialogues of a test; whether it passes does not matter."""
        report = yield
        if report.when == "call" and SITE in item.stash:
            for dialogue in item.stash[SITE].dialogues:
                result = dialogue.result
                if result is None or result.misfit is not None or dialogue.was_prevented:
                    continue
                name = f"{item.nodeid}, {result.title}" if result.name else item.nodeid
                on_trial = dialogue.cast(Arm.CANDIDATE)
                self._recorded.append(
                    Recorded(name, result.transcript, dialogue.cast(Arm.BASELINE), on_trial)
                )
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Screen the dialogues."""
        if session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        session.exitstatus = settings_of(self.config).inconclusive or FAILED
        try:
            is_suspicious = self._screen()
        except (ContinuationsStopped, KeyboardInterrupt) as error:
            self._lines = [
                f"STOPPED: {str(error) or 'interrupted'}",
                "every finished answer is kept: the same command continues where this one stopped",
            ]
            session.exitstatus = FAILED
        except (DuologError, OSError) as error:
            self._lines = [f"the screen could not be made: {error}"]
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        else:
            session.exitstatus = FAILED if is_suspicious else session.exitstatus

    def _screen(self) -> bool:
        recorded = [one for one in self._recorded if any(one.numbers)]
        if not recorded:
            raise ConfigurationError(
                "no recorded dialogue has a message of the candidate's role after the first one; record the baseline "
                "first: pytest --record-mode=once"
            )
        session, root = session_of(self.config), self.config.rootpath
        turns, missing = screened_turns(session, TalkFolder(root / FOLDER), recorded, self.n_samples)
        found = screen(turns)
        on_trial = roles_words(settings_of(self.config).candidates)
        self._lines = list(screen_words(found, on_trial, missing))
        make_folder(root / OWN_FOLDER)
        with replacing(root / ANSWER) as file:
            data = session.redactor.json(screen_data(found, on_trial, self.n_samples))
            file.append_as_is(f"{json.dumps(data, indent=1)}\n".encode())
        self._lines.append(f"all turns: {root / ANSWER}")
        return found.is_suspicious

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the order of suspicion."""
        if self._lines:
            terminalreporter.write_sep("-", "screen")
            for line in self._lines:
                terminalreporter.write_line(printable(session_of(self.config).redactor.shown(line)))


def register_screening(config: pytest.Config, given: str) -> None:
    """Screen the dialogues of this run. Raises ConfigurationError for a wrong number, or workers of pytest-xdist."""
    n_samples = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else 0
    if not 2 <= n_samples <= MOST_SAMPLES:
        raise ConfigurationError(
            f"--duolog-screen: {given!r} is not a number of answers from 2 to {MOST_SAMPLES}: one answer has no noise"
        )
    if hasattr(config, "workerinput") or getattr(config.option, "numprocesses", None):
        raise ConfigurationError("--duolog-screen: one process asks for all answers at once; leave out -n")
    config.pluginmanager.register(Screening(config, n_samples), "duolog-screening")
