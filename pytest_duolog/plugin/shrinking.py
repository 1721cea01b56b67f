"""Shortens the dialogue of a failing test, for `duolog shrink`; loaded only by it, with `-p`.

The test runs as usual and replays its recording. If it fails by a property, the property is what has to follow.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.commands.continuations import ContinuationsStopped
from pytest_duolog.commands.pytest_runs import INTERRUPTED
from pytest_duolog.commands.shrink import DOES_NOT_FOLLOW, NOTHING, STOPPED
from pytest_duolog.commands.shrink_test import write_test, writes
from pytest_duolog.commands.shrink_trials import Trials, plain, with_history
from pytest_duolog.display import counted, printable
from pytest_duolog.errors import ConfigurationError, DuologError
from pytest_duolog.gate.shrink import Ended, Shrunk, shrink
from pytest_duolog.plugin import SITE
from pytest_duolog.plugin.state import redactor_of, session_of
from pytest_duolog.properties.base import Property, judge
from pytest_duolog.properties.by_name import parse_property
from pytest_duolog.properties.steps import StepCheck
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.recording.header import text_hash
from pytest_duolog.reports.shrink_words import shrunk_words, step_words
from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult, failed_in, first_cited
from pytest_duolog.running.talks import TalkFolder
from pytest_duolog.scenarios.rows import slug
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.storage.own_folder import OWN_FOLDER

FOLDER = "shrink"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, which only `duolog shrink` uses."""
    parser.addoption("--duolog-shrink-rate", type=float, help="the rate at which the failure must follow")
    parser.addoption("--duolog-shrink-output", type=Path, help="the test module to write")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run."""
    if config.getoption("duolog_shrink_rate") is not None:
        config.pluginmanager.register(Shrinking(config), "duolog-shrinking")


@dataclass(frozen=True)
class Failed:
    """A dialogue of a test that failed by a property."""

    test: str
    module: Path
    scenario: Scenario
    result: DialogueResult
    verdict: PropertyResult

    def check(self) -> Property:
        """The property; raises ConfigurationError if its text is not enough to judge further dialogues."""
        check = parse_property(self.verdict.property)
        if isinstance(check, StepCheck) or self.scenario.steps:
            raise ConfigurationError(
                "dialogues with steps cannot be shortened: their steps fix what is said when"
            )
        outcome = judge(check, self.result.transcript)
        if outcome.outcome is not Outcome.FAILS:
            raise ConfigurationError(
                f"{self.verdict.property} does not fail on the transcript alone ({outcome.explanation}): a judge, or "
                "code of your own, would be needed for every continuation"
            )
        return check


@dataclass
class Shrinking:
    """Keeps the first dialogue that fails by a property, the asserted one, and shortens it when the tests are over."""

    config: pytest.Config
    _failed: Failed | None = None
    _n_failed: int = 0
    _n_run: int = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the first failure."""
        report = yield
        if report.when == "call":
            self._n_run += 1
            self._n_failed += call.excinfo is not None
        if report.when == "call" and call.excinfo is not None and SITE in item.stash and self._failed is None:
            for dialogue in item.stash[SITE].dialogues:
                result = dialogue.result
                wrong = failed_in(str(call.excinfo.value), result.verdicts) if result else []
                if result is not None and wrong and self._failed is None:
                    self._failed = Failed(item.nodeid, item.path, dialogue.scenario, result, wrong[0])
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Shorten it; the exit status of pytest is that of `duolog shrink`."""
        try:
            session.exitstatus = self._shrink()
        except ContinuationsStopped as error:
            self._say(f"STOPPED: {error}")
            self._say(
                "every finished continuation is kept: the same command continues where this one stopped"
            )
            session.exitstatus = STOPPED
        except KeyboardInterrupt:
            self._say("INTERRUPTED: the same command continues where this one stopped")
            session.exitstatus = INTERRUPTED
        except (DuologError, OSError) as error:
            self._say(f"duolog shrink: {error}")
            session.exitstatus = NOTHING

    def _say(self, text: str) -> None:
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        reporter.ensure_newline()
        if self.config.get_terminal_writer().width_of_current_line:  # with -q, after the letters of the tests
            reporter.write_line("")
        reporter.write_line(printable(redactor_of(self.config).shown(text)))

    def _shrink(self) -> int:
        failed = self._failed
        if failed is None:
            raise ConfigurationError(_why_nothing(self._n_run, self._n_failed))
        check, messages = failed.check(), plain(failed.result.transcript.messages)
        onset = first_cited(failed.verdict)
        output = self.config.getoption("duolog_shrink_output") or _beside(failed)
        folder = self.config.rootpath / OWN_FOLDER / FOLDER / _folder_name(failed)
        trials = Trials(session_of(self.config), TalkFolder(folder), failed.scenario, check)
        rate = self.config.getoption("duolog_shrink_rate")
        self._say("")
        self._say(
            f"{failed.test}: {failed.verdict.property} fails in {counted(len(messages), 'message')}"
            + (f", from message {onset} on" if onset else "")
        )
        found = shrink(messages, onset, trials, rate=rate, watch=lambda step: self._say(step_words(step)))
        n_distinct = len(trials.texts.get(found.history, ()))
        for line in shrunk_words(found, len(messages), n_distinct):
            self._say(line)
        if found.ended is not Ended.FOUND:
            return DOES_NOT_FOLLOW
        self._write(failed, found, trials, output)
        return 0

    def _write(self, failed: Failed, found: Shrunk, trials: Trials, output: Path) -> None:
        scenario = with_history(failed.scenario, found.history)
        recording = trials.location(scenario, found.numbers[0])
        if not writes(scenario) or not recording.path.exists():
            self._say(
                "no test was written, because a speaker is code of your own; give its marker this history instead: "
                f"the recordings are in {trials.folder.path}"
            )
            return
        write_test(
            output,
            scenario,
            found,
            test=failed.test,
            check=failed.verdict.property,
            recording=recording,
            redact=trials.session.redactor.text,
        )
        self._say(f"{output}: the test, which replays one of the continuations: pytest {output}")


def _why_nothing(n_run: int, n_failed: int) -> str:
    if not n_run:
        return "no test with a dialogue ran"
    if not n_failed:
        return "the test passes in its recording, so there is nothing to shorten: record a failing dialogue first"
    return (
        "the test fails, but not by a property of a dialogue, so nobody knows what has to follow: assert a property, "
        "for example dialogue.has_no_loops()"
    )


def _beside(failed: Failed) -> Path:
    name = slug(failed.test.rpartition("::")[2].removeprefix("test_")).replace("-", "_").replace(".", "_")
    return failed.module.with_name(f"test_{name}_shrunk.py")


def _folder_name(failed: Failed) -> str:
    """A folder for the continuations of this dialogue and property."""
    said = [[message.speaker, message.content] for message in failed.result.transcript.messages]
    identity = text_hash(repr([failed.test, failed.verdict.property, said]))
    return f"{slug(failed.test.rpartition('::')[2])[:60]}-{str(identity)[:8]}"
