"""Keeps the run record during a run, and decides at the end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.errors import RunRecordError
from pytest_duolog.gate.decide import RecordDecision, decide_record, pairs_of
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision
from pytest_duolog.gate.planner import rounds_to_pass
from pytest_duolog.genuine import CLOCK
from pytest_duolog.plugin.sample_reports import decided_reports, with_headline
from pytest_duolog.plugin.state import settings_of
from pytest_duolog.plugin.wire import RecordPart
from pytest_duolog.reports.run_summary import summary_lines
from pytest_duolog.reports.wording import hopeless_words, shard_words, undecided_words
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import Header, RunRecord, Sample
from pytest_duolog.results.store import RecordWriter, check_place, fresh_record
from pytest_duolog.storage.own_folder import OWN_FOLDER

# The default path of the record, relative to the root folder.
DEFAULT_PATH = Path(OWN_FOLDER) / "record.jsonl"


@contextmanager
def _ending_the_run() -> Iterator[None]:
    """End the run if the record cannot be written, because samples that are not stored may be expensive."""
    try:
        yield
    except RunRecordError as error:
        pytest.exit(f"{error}", returncode=pytest.ExitCode.USAGE_ERROR)


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class RecordKeeper:
    """Writes the samples of a run at once, and decides at the end.

    In a worker of pytest-xdist it keeps them until `unsent` adds them to a report for the controller, whose record
    keeper writes them.
    """

    config: pytest.Config
    header: Header | None = None
    samples: list[Sample] = field(default_factory=list)
    _decided: tuple[int, RecordDecision] | None = None
    _n_sent: int = 0
    _writer: RecordWriter | None = None
    _undecided: list[tuple[pytest.TestReport, ...]] = field(default_factory=list)
    _failed: list[str] = field(default_factory=list)
    notes: Sequence[str] = ()

    @property
    def _is_worker(self) -> bool:
        return hasattr(self.config, "workerinput")

    def begin(self, plan: RunPlan) -> None:
        """Set the plan of the run."""
        if self.header is None:
            shard = settings_of(self.config).shard
            self.header = Header(
                plan=plan,
                plugin=version("pytest-duolog"),
                created=CLOCK.now(),
                shard=str(shard) if shard else "",
            )
            self._warn(plan)

    def _warn(self, plan: RunPlan) -> None:
        """Say before anything is asked that a gate cannot pass."""
        terminal: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        warning = hopeless_words(plan.gate, len(plan.scenarios)) if plan.gate and not self._is_worker else ""
        if warning and terminal is not None:
            terminal.write_line(printable(warning), yellow=True)

    def check(self) -> None:
        """Raises RunRecordError if this process writes the record and cannot."""
        if not self._is_worker:
            check_place(self.path)

    def add(self, sample: Sample) -> None:
        """Add a sample; except in a worker, it is in the file when this returns."""
        assert self.header is not None, "the plan comes first"
        self.samples.append(sample)
        if self._is_worker:
            return
        if self._writer is None:
            with _ending_the_run():
                self._writer = fresh_record(self.path, self.header)
            self.config.add_cleanup(self._writer.close)
        with _ending_the_run():
            self._writer.append(sample)

    @property
    def path(self) -> Path:
        """The path of the record; shards have different names, so that their records can be in one folder."""
        given = self.config.getoption("duolog_record") or self.config.getini("duolog_record")
        shard = settings_of(self.config).shard
        part = f"-{shard.number}-of-{shard.n_shards}" if shard else ""
        return self.config.rootpath / (given or DEFAULT_PATH.with_stem(f"{DEFAULT_PATH.stem}{part}"))

    @property
    def plan(self) -> RunPlan:
        """The plan of this run, including the other shards."""
        assert self.header is not None, "the plan comes first"
        return self.header.plan

    @property
    def share(self) -> list[str]:
        """The scenarios of the plan that this run has."""
        shard = settings_of(self.config).shard
        return shard.share(self.plan.scenarios) if shard else list(self.plan.scenarios)

    @property
    def is_part_of_gate(self) -> bool:
        """Whether other shards have some of the gate's pairs, so that this run cannot decide."""
        return self.plan.gate is not None and len(self.share) < len(self.plan.scenarios)

    def unsent(self) -> RecordPart | None:
        """The part that was not sent to the controller yet; None in the controller's own process."""
        if not self._is_worker or self.header is None:
            return None
        fresh = self.samples[self._n_sent :]
        self._n_sent = len(self.samples)
        return RecordPart(self.header.plan, tuple(fresh))

    def receive(self, part: RecordPart, node: object) -> None:
        """Add the part that the record keeper of worker `node` sent."""
        self.begin(part.plan)
        for sample in part.samples:
            self.add(sample)
        if part.undecided:
            for report in part.undecided:
                setattr(report, "node", node)  # noqa: B010  # as xdist does with those it receives itself
            self._undecided.append(part.undecided)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which tests of the plan failed."""
        is_failure = report.failed and not hasattr(report, "wasxfail")  # as pytest counts them
        if is_failure and self.header is not None and report.nodeid in self.header.plan.scenarios:
            self._failed.append(report.nodeid)

    def pytest_runtest_logfinish(self) -> None:
        """Report the tests of workers once a gate has all of them."""
        if self.header is not None and len(self._undecided) == len(self.share):
            self._report_undecided()

    def _report_undecided(self) -> None:
        held, self._undecided = self._undecided, []
        if not held:
            return
        decided = self.decide()
        pairs = decided.pairs if decided else None
        for reports in held:
            logged = (
                decided_reports(reports, pairs)
                if pairs
                else with_headline(reports[:3], self.undecided_headline)
            )
            for report in logged:
                self.config.hook.pytest_runtest_logreport(report=report)

    @property
    def undecided_headline(self) -> str:
        """The text instead of a verdict for tests of a gate that is decided elsewhere."""
        return undecided_words(str(settings_of(self.config).shard))

    # The end of the run

    def record(self) -> RunRecord:
        """The record so far; without a gate, its plan has only this run's tests, because each is decided by itself."""
        assert self.header is not None, "the plan comes first"
        header = self.header
        if self.plan.gate is None:
            own = {scenario: self.plan.scenarios[scenario] for scenario in self.share}
            header = header.model_copy(update={"plan": replace(self.plan, scenarios=own)})
        return RunRecord(header, tuple(self.samples))

    def decide(self) -> RecordDecision | None:
        """The decision about the record so far; None if nothing ran, or if this run cannot decide."""
        if not self.samples or self._is_worker or self.is_part_of_gate:
            return None
        if self._decided is None or self._decided[0] != len(self.samples):  # the end of a run asks five times
            self._decided = len(self.samples), decide_record(self.record())
        return self._decided[1]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Set the exit status for a gate that does not pass; pytest's own failures have precedence."""
        self._report_undecided()
        decided = self.decide()
        if decided is None or self._writer is None:
            return
        for look in decided.pairs.looks if decided.pairs else ():
            self._writer.append_look(look)
        if decided.pairs and (session.exitstatus == 0 or self._has_failed_alone(session)):
            session.exitstatus = self._status(decided.decision) or session.exitstatus

    def _has_failed_alone(self, session: pytest.Session) -> bool:
        """Whether only tests of the plan failed, whose verdict is that of the gate."""
        is_plain = session.exitstatus == pytest.ExitCode.TESTS_FAILED
        return is_plain and session.testsfailed == len(self._failed)

    def _status(self, decision: Decision) -> int:
        """The exit status for the decision of a gate."""
        if decision is Decision.INCONCLUSIVE:
            return settings_of(self.config).inconclusive
        return int(pytest.ExitCode.OK if decision is Decision.PASS else pytest.ExitCode.TESTS_FAILED)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say the verdicts with their risks, and where the record is."""
        if not self.samples:
            return
        decided = self.decide()
        record = self.record()
        is_quiet = self.config.get_verbosity() < 0
        terminalreporter.write_sep("-", "samples")
        for note in self.notes:
            terminalreporter.write_line(printable(note))
        for line in (
            summary_lines(record, decided, is_quiet=is_quiet) if decided else shard_words(record, self.share)
        ):
            terminalreporter.write_line(printable(line))
        if decided and decided.pairs and self._status(decided.decision):
            advice = (
                " (--duolog-inconclusive=warn lets it pass)"
                if decided.decision is Decision.INCONCLUSIVE
                else ""
            )
            terminalreporter.write_line(f"{decided.decision.upper()} fails the run{advice}", red=True)
        for line in self._chosen_words(decided.pairs if decided else None):
            terminalreporter.write_line(printable(line))
        if decided.is_open if decided else self._lacks_pairs:
            terminalreporter.write_line(
                "to continue, repeat this with --record-mode=once: recorded replies are not asked for again"
            )
        plan = record.header.plan
        command = "blame" if plan.blame else "show" if plan.collect else "gate" if decided else "merge"
        terminalreporter.write_line(printable(f"run record: {self.path} (duolog {command} reads it)"))

    def _chosen_words(self, decided: PairsDecision | None) -> Iterator[str]:
        """What `--lf` makes of a gate: what it has made of this one, or how to look at those that are accused alone."""
        if decided is None:
            return
        if self.config.getoption("lf", False):
            yield "this gate is about the tests that --lf chose, and says nothing of the others"
        elif decided.accused and self.config.pluginmanager.hasplugin("lfplugin"):
            rounds = rounds_to_pass(decided.plan, len(decided.accused)) or 0
            more = [f"--duolog-rounds={rounds}"] if rounds > decided.plan.max_rounds else []
            given = map(str, self.config.invocation_params.args)
            command = shlex.join(["pytest", *given, "--lf", "--record-mode=rewrite", *more])
            yield f"to try the failed tests anew, in a gate of these alone: {command}"

    @property
    def _lacks_pairs(self) -> bool:
        """Whether a shard of a gate has not run every round of its tests."""
        assert self.plan.gate is not None
        pairs = pairs_of(self.record())
        most = self.plan.gate.max_rounds
        return any(len(pairs[name]) < most or None in pairs[name] for name in self.share)


RECORD_KEEPER: pytest.StashKey[RecordKeeper] = pytest.StashKey()


def record_keeper_of(config: pytest.Config) -> RecordKeeper:
    """The record_keeper of this run."""
    if RECORD_KEEPER not in config.stash:
        config.stash[RECORD_KEEPER] = RecordKeeper(config)
        config.pluginmanager.register(config.stash[RECORD_KEEPER], "duolog-record-keeper")
    return config.stash[RECORD_KEEPER]
