"""`--duolog-screen`: asks a candidate for the next message at every turn of the tests' recorded dialogues."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.commands.batched import asked_in_batches
from pytest_duolog.commands.continuations import ContinuationsStopped
from pytest_duolog.commands.next_messages import NextMessages, Recorded, asked_models, screened_turns
from pytest_duolog.display import printable
from pytest_duolog.endpoints.registry import check_has_batches
from pytest_duolog.errors import ConfigurationError, DuologError
from pytest_duolog.gate.screen import Screen, screen
from pytest_duolog.plugin import SITE
from pytest_duolog.plugin.collection import scenario_of, uses_our_fixture
from pytest_duolog.plugin.outputs import SCREENING, given_report
from pytest_duolog.plugin.state import redactor_of, session_of, settings_of
from pytest_duolog.reports.screen_words import batch_words, screen_data, screen_words
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.plan import roles_words
from pytest_duolog.running.batch_queue import BatchQueue
from pytest_duolog.running.talks import TalkFolder
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.settings import Settings
from pytest_duolog.storage.line_file import replacing
from pytest_duolog.storage.own_folder import OWN_FOLDER, make_folder
from pytest_duolog.storage.whole_file import write_whole

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
    # How long answers of batch APIs are waited for; None asks for every answer by itself.
    wait_s: float | None = None
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
            return
        if page := given_report(self.config):
            self._lines.append(f"HTML report: {page} is not written, because the screen has no verdict")

    def _screen(self) -> bool:
        recorded = [one for one in self._recorded if any(one.numbers)]
        if not recorded:
            raise ConfigurationError(
                "no recorded dialogue has a message of the candidate's role after the first one; record the baseline "
                "first: pytest --record-mode=once"
            )
        session, root = session_of(self.config), self.config.rootpath
        with self._asking(recorded) as queue:
            before = session.budget.usage
            answers = screened_turns(session, TalkFolder(root / FOLDER), recorded, self.n_samples)
        found = screen(answers.turns)
        on_trial = roles_words(settings_of(self.config).candidates)
        self._lines = list(screen_words(found, on_trial, answers.missing))
        if queue is not None and queue.n_answers:
            self._lines.append(batch_words(queue.n_answers, before, session.budget.usage))
        make_folder(root / OWN_FOLDER)
        with replacing(root / ANSWER) as file:
            data = session.redactor.json(screen_data(found, on_trial, self.n_samples))
            file.append_as_is(f"{json.dumps(data, indent=1)}\n".encode())
        self._lines.append(f"all turns: {root / ANSWER}")
        if page := given_report(self.config):
            self._write_page(page, found, on_trial, answers)
        return found.is_suspicious

    def _write_page(self, page: Path, found: Screen, on_trial: str, answers: NextMessages) -> None:
        """Write the HTML report."""
        from pytest_duolog.reports.report import screen_text  # noqa: PLC0415  # only for a page

        text = screen_text(found, on_trial, answers.spoken, answers.missing)
        try:
            make_folder(page.parent)
            write_whole(page, text)
        except OSError as error:
            self._lines.append(f"HTML report: {page} cannot be written: {error.strerror}")
        else:
            self._lines.append(f"HTML report: {page}")

    def _asking(self, recorded: Sequence[Recorded]) -> AbstractContextManager[BatchQueue | None]:
        """How models are asked inside the block: by batches, or one answer at a time, without a queue."""
        if self.wait_s is None:
            return nullcontext()
        session = session_of(self.config)
        for one in recorded:
            _check_models(one.name, one.baseline, one.candidate, session.settings)
        return asked_in_batches(session, self.config.rootpath / FOLDER / "batches", self.wait_s, self._tell)

    def _tell(self, words: str) -> None:
        """Print what happens to a batch, at once: a run can wait for hours."""
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(printable(session_of(self.config).redactor.shown(f"screen: {words}")))
            reporter.flush()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the order of suspicion."""
        if self._lines:
            terminalreporter.write_sep("-", "screen")
            for line in self._lines:
                terminalreporter.write_line(printable(redactor_of(self.config).shown(line)))


def register_screening(session: pytest.Session, given: str) -> None:
    """Screen the dialogues of this run.

    Raises ConfigurationError for a wrong number, workers of pytest-xdist, or models without a batch API that are to be
    asked in batches.
    """
    config = session.config
    n_samples = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else 0
    if not 2 <= n_samples <= MOST_SAMPLES:
        raise ConfigurationError(
            f"--duolog-screen: {given!r} is not a number of answers from 2 to {MOST_SAMPLES}: one answer has no noise"
        )
    if hasattr(config, "workerinput") or getattr(config.option, "numprocesses", None):
        raise ConfigurationError("--duolog-screen: one process asks for all answers at once; leave out -n")
    wait_s = None
    if (minutes := config.getoption("duolog_screen_batch")) is not None:
        wait_s = _wait_s(minutes)
        for item in session.items:
            if uses_our_fixture(item):
                _check_batches(item, settings_of(config))
    config.pluginmanager.register(Screening(config, n_samples, wait_s), SCREENING)


def _wait_s(minutes: str) -> float:
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", minutes):
        raise ConfigurationError(
            f"--duolog-screen-batch: {minutes!r} is not a number of minutes: most batches take less than 60, and all "
            "end within 1440"
        )
    return float(minutes) * 60


def _check_batches(item: pytest.Item, settings: Settings) -> None:
    """Raises ConfigurationError if a screen of this test would ask a model without a batch API."""
    try:
        scenario = scenario_of(item)
        arms = [settings.cast(scenario, arm=arm) for arm in (Arm.BASELINE, Arm.CANDIDATE)]
    except ConfigurationError:  # its fixtures say more; what is wrong with it, the test itself says
        return
    _check_models(item.nodeid, arms[0], arms[1], settings)


def _check_models(name: str, baseline: Scenario, candidate: Scenario, settings: Settings) -> None:
    for model in asked_models(baseline, candidate):
        try:
            check_has_batches(model, settings.providers)
        except ConfigurationError as error:
            raise ConfigurationError(f"--duolog-screen-batch: {name}: {error}") from None
