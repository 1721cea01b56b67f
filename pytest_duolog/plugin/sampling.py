"""Runs tests many times: for one verdict from samples, or for a gate that compares candidate and baseline.

A run of a test's body is one sample. In one process, the first samples of all tests run first, then the second ones,
and so on: tests stop as soon as their counts decide, and the prefetch has many dialogues to run at once. A worker of
pytest-xdist gets whole tests and runs the samples of one test after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

# pytest (9.2) has no public way to run a test again with new fixtures. Plugins that rerun tests (pytest-rerunfailures,
# flaky) use the same function. To be dropped when pytest offers one.
from _pytest.runner import runtestprotocol

from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.gate.blame import BlameDecision, decide_blame, rounds_of
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.gate.pairs import FIRST_LOOK, PairsDecision
from pytest_duolog.gate.samples import SamplesDecision, decide_samples, trials_of
from pytest_duolog.plugin import COMING_TESTS, RECORD_ATTRIBUTE, SITE, collector_of
from pytest_duolog.plugin.attempts import ATTEMPT, Attempt, seed_of_sample
from pytest_duolog.plugin.collection import (
    SNAPSHOT_FIXTURE,
    refuse,
)
from pytest_duolog.plugin.ended_dialogues import NAME as ENDED_DIALOGUES
from pytest_duolog.plugin.ended_dialogues import EndedDialogues
from pytest_duolog.plugin.fixture import prefetch_of
from pytest_duolog.plugin.record_keeper import RecordKeeper, record_keeper_of
from pytest_duolog.plugin.refusals import check_blame, check_distribution, check_gate, check_plan
from pytest_duolog.plugin.run_plan import plan_of
from pytest_duolog.plugin.sample_reports import (
    SampledTest,
    blamed_reports,
    collected_reports,
    logged_reports,
    sample_of,
    undecided_reports,
    unrun_report,
    with_headline,
    with_subtests,
)
from pytest_duolog.plugin.screened import ahead_words, with_screen
from pytest_duolog.plugin.sharding import deal
from pytest_duolog.plugin.snapshot import spare
from pytest_duolog.plugin.source_of_tests import TestSources
from pytest_duolog.plugin.state import session_of, settings_of
from pytest_duolog.plugin.stored_baseline import StoredBaseline, stored_baseline
from pytest_duolog.plugin.subtests import SampleSubtests
from pytest_duolog.plugin.wire import RecordPart
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.results.arm import Arm, Pairing
from pytest_duolog.results.plan import FEWEST_BLAME_ROUNDS, FIRST_CANARY, RunPlan
from pytest_duolog.results.record import Sample, SampleOutcome, n_passed

if TYPE_CHECKING:
    from pytest_duolog.plugin.distribution import ComingTests

# An error says nothing about the model, so it is retried this often if models are asked.
MOST_ATTEMPTS = 3
RERUNS_HIDE_RATES = (
    "another plugin (such as pytest-retry) reruns a failed sample, which hides how often the test "
    "fails: do not use reruns (--retries, @pytest.mark.flaky) for tests with samples"
)
# In workers and shards, which do not see each other's tests, this many new samples of a stored baseline are run.
CANARIES_OF_A_TEST_ALONE = 5


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Sampler:
    """Runs the tests of a plan as often as needed; all other tests run as usual."""

    record_keeper: RecordKeeper
    plan: RunPlan
    items: Sequence[pytest.Item]
    is_live: bool
    stored: StoredBaseline | None = None
    subtests: SampleSubtests = field(default_factory=SampleSubtests)
    _tests: dict[pytest.Item, SampledTest] = field(init=False)
    _is_set_up: bool = False

    def __post_init__(self) -> None:
        self._tests = {item: SampledTest(item) for item in self.items if item.nodeid in self.plan.scenarios}

    # Called by pytest

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all tests round by round; with xdist, the workers run test by test."""
        if hasattr(session.config, "workerinput") or session.config.option.collectonly or session.testsfailed:
            return None
        attempts = [attempt for item in self.items if self._begins(item) for attempt in self._first(item)]
        if not attempts:
            return None
        before = attempts[0].item
        while attempts:
            before = self._run_round(before, attempts)
            attempts = self._next_round()
        self._tear_down(before, None)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run one attempt of a test, or, in a worker of xdist, all of them."""
        if item not in self._tests:
            return None
        if ATTEMPT in item.stash:
            self._run(item.stash[ATTEMPT], nextitem)
            return True
        attempts = self._first(item)
        coming: ComingTests | None = item.config.pluginmanager.get_plugin(COMING_TESTS)
        assert coming is not None, "this process is a worker"
        while attempts:
            after = coming.after(item, nextitem)
            self._expect(attempts, [attempt for test in after for attempt in self._likely(test)])
            for attempt in attempts:
                item.stash[ATTEMPT] = attempt
                self._run(attempt, item.parent)
            attempts = self._rest(item)
        self._tear_down(item, nextitem)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """End the run if another plugin reruns a sample: only its last run would count."""
        if item in self._tests:
            if self._is_set_up:
                item.session.shouldfail = RERUNS_HIDE_RATES
            self._is_set_up = True

    # The attempts to run

    def _first(self, item: pytest.Item) -> list[Attempt]:
        if item in self._tests and self.plan.blame is not None:
            return self._pairings(self._tests[item], 1)
        is_gated = item in self._tests and self.plan.gate is not None
        return self._pair(self._tests[item], 1) if is_gated else [Attempt(item)]

    def _begins(self, item: pytest.Item) -> bool:
        """Whether a test runs from the start; those of a gate wait for the tests ahead of them."""
        waits = item in self._tests and bool(self.plan.ahead) and not self.record_keeper.is_part_of_gate
        return not waits or item.nodeid in self.plan.ahead

    def _next_round(self) -> list[Attempt]:
        """The next attempts; tests without further attempts are reported."""
        if self.plan.gate is None or self.record_keeper.is_part_of_gate:
            return [attempt for test in self._open_tests() for attempt in self._rest(test.item)]
        decided = decide_record(self.record_keeper.record()).pairs
        assert decided is not None, "the plan has a gate"
        by_name = {test.item.nodeid: test for test in self._open_tests()}
        attempts = [
            attempt
            for scenario, number in decided.wanted
            for attempt in self._pair(by_name[scenario], number)
        ] + [Attempt(by_name[scenario].item, number) for scenario, number in decided.canaries_wanted]
        if decided.wanted and not attempts:  # only stored samples were wanted
            return self._next_round()
        if not attempts or any(self._gave_up(attempt) for attempt in attempts):
            for test in by_name.values():
                self._finish(test, decided)
            return []
        return attempts

    def _rest(self, item: pytest.Item) -> list[Attempt]:
        """The next attempts of a single test; it is reported if there are none."""
        test = self._tests[item]
        decided: SamplesDecision | BlameDecision | None = None
        if self.plan.blame is not None:
            decided = decide_blame(self.plan.blame, rounds_of(test.samples))
            attempts = [attempt for number in decided.wanted for attempt in self._pairings(test, number)]
        elif self.plan.gate is not None:
            attempts = self._next_pair(test, self.plan.gate.max_rounds)
        elif self.plan.collect:
            attempts = self._uncollected(test)
        else:
            decided = self._decide(test)
            attempts = [Attempt(item, number) for number in decided.wanted]
        if not attempts or any(map(self._gave_up, attempts)):
            self._finish(test, decided)
            return []
        return attempts

    def _pairings(self, test: SampledTest, number: int) -> list[Attempt]:
        """The dialogues of a round of blame that have no outcome yet."""
        attempts = (Attempt(test.item, number, arm) for arm in Pairing)
        return [attempt for attempt in attempts if not test.has_outcome(attempt)]

    def _uncollected(self, test: SampledTest) -> list[Attempt]:
        """The next sample of a collection; none where nobody answers."""
        if test.is_unanswered(Arm.BASELINE):
            return []
        samples = (Attempt(test.item, number) for number in range(1, self.plan.collect + 1))
        return list(islice((attempt for attempt in samples if not test.has_outcome(attempt)), 1))

    def _next_pair(self, test: SampledTest, n_rounds: int) -> list[Attempt]:
        """The first incomplete pair of a test that runs alone, or the canaries of a stored baseline.

        Empty if an arm gives no outcomes.
        """
        if any(map(test.is_unanswered, Arm)):
            return []
        pairs = (self._pair(test, number) for number in range(1, n_rounds + 1))
        canaries = range(FIRST_CANARY, FIRST_CANARY + CANARIES_OF_A_TEST_ALONE)
        missing = [
            attempt
            for number in (canaries if test.item.nodeid in self.plan.stored else ())
            if not test.has_outcome(attempt := Attempt(test.item, number))
        ]
        return next(filter(None, pairs), missing)

    def _pair(self, test: SampledTest, number: int) -> list[Attempt]:
        stored = self._stored(test.item, number)
        for sample in stored:
            if sample.number not in test.measured[Arm.BASELINE]:
                test.take(sample)
                self.record_keeper.add(sample)
        return [
            attempt
            for arm in Arm
            if not (arm is Arm.BASELINE and stored)
            and not test.has_outcome(attempt := Attempt(test.item, number, arm))
        ]

    def _stored(self, item: pytest.Item, number: int) -> list[Sample]:
        return self.stored.samples(item.nodeid, number) if self.stored else []

    def _gave_up(self, attempt: Attempt) -> bool:
        is_worth_it = self.is_live and not session_of(attempt.item.config).budget.has_refused
        most = MOST_ATTEMPTS if is_worth_it else 1
        return self._tests[attempt.item].n_tries(attempt) >= most

    def _is_last_try(self, sample: Sample) -> bool:
        """Whether the sample of a gate or collection is not retried after this error."""
        is_spent = session_of(self.items[0].config).budget.has_refused
        is_over = sample.attempt >= MOST_ATTEMPTS and self.is_live and not is_spent
        has_bar = not (self.plan.has_arms or self.plan.collect)
        return not has_bar and not sample.is_measured and is_over

    def _open_tests(self) -> list[SampledTest]:
        return [test for test in self._tests.values() if not test.is_reported]

    def _decide(self, test: SampledTest) -> SamplesDecision:
        bar = self.plan.scenarios[test.item.nodeid]
        assert bar is not None, "without a gate every test of the plan has a bar"
        return decide_samples(bar, trials_of(test.measured[Arm.BASELINE], bar.samples))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """If the run ends early, count the dialogues of tests without a verdict, too."""
        collector = collector_of(session.config)
        for test in self._open_tests():
            collector.take(test.item.nodeid, test.dialogues)

    # Running attempts

    def _run_round(self, before: pytest.Item, attempts: Sequence[Attempt]) -> pytest.Item:
        """Run attempts after a test; returns the test of the last one."""
        self._expect(attempts)
        for attempt in attempts:
            item = attempt.item
            self._tear_down(before, item.parent)
            before = item
            if item in self._tests:
                item.stash[ATTEMPT] = attempt
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=item.parent)
            _stop_if_told(item.session)
        return before

    def _likely(self, item: pytest.Item) -> list[Attempt]:
        """The first attempts of a test that this worker runs later."""
        if item not in self._tests or self.plan.gate is None:
            return self._first(item)
        arms = [Arm.CANDIDATE] if self._stored(item, 1) else list(Arm)
        return [Attempt(item, 1, arm) for arm in arms]

    def _expect(self, attempts: Sequence[Attempt], after: Sequence[Attempt] = ()) -> None:
        """Tell the prefetch the next attempts, those that follow unless a test fails early, and those `after` all."""
        prefetch = prefetch_of(attempts[0].item)
        if prefetch is not None:
            sampled = (attempt for attempt in attempts if attempt.item in self._tests)
            later = [attempt._replace(number=n) for attempt in sampled for n in self._foreseen(attempt)]
            later = [
                attempt
                for attempt in later
                if attempt.arm is not Arm.BASELINE or not self._stored(attempt.item, attempt.number)
            ]
            prefetch.expect([*attempts, *sorted(later, key=lambda attempt: attempt.number), *after])

    def _foreseen(self, attempt: Attempt) -> range:
        """The next numbers: up to the gate's first look, or up to the earliest pass with the failures so far."""
        bar = self.plan.scenarios[attempt.item.nodeid]
        if self.plan.gate is not None:
            last = min(max(FIRST_LOOK, attempt.number + 1), self.plan.gate.max_rounds)
        elif self.plan.blame is not None:
            last = min(max(FEWEST_BLAME_ROUNDS, attempt.number + 1), self.plan.blame.max_rounds)
        elif self.plan.collect:
            last = self.plan.collect
        else:
            assert bar is not None, "without a gate every test of the plan has a bar"
            found = self._tests[attempt.item].measured[attempt.arm].values()
            n_failed = sum(sample.outcome is SampleOutcome.FAILED for sample in found)
            last = bar.acceptance.passes_at[min(n_failed, len(bar.acceptance.passes_at) - 1)]
        return range(attempt.number + 1, last + 1)

    def _run(self, attempt: Attempt, nextitem: Any) -> None:
        item = attempt.item
        test = self._tests[item]
        if SITE in item.stash:
            del item.stash[SITE]
        self._is_set_up = False
        with seed_of_sample(item.config, attempt.number), self.subtests.of_sample(item) as failed:
            reports = with_subtests(runtestprotocol(item, log=False, nextitem=nextitem), failed)
        _stop_if_told(item.session)
        try_number = test.n_tries(attempt) + 1
        sample = sample_of(attempt, reports, item.stash.get(SITE, None), try_number=try_number)
        if self._is_last_try(sample):
            sample = sample.model_copy(update={"is_given_up": True})
        ended = item.config.pluginmanager.get_plugin(ENDED_DIALOGUES)
        if isinstance(ended, EndedDialogues):
            ended.write_sample(attempt, sample, reports)
        test.add(sample, reports)
        self.record_keeper.add(sample)

    def _tear_down(self, item: pytest.Item, nextitem: Any) -> None:
        """Tear down the fixtures of a test's classes, modules and packages that the next test does not share."""
        capture: Any = item.config.pluginmanager.get_plugin("capturemanager")

        def end() -> None:
            with capture.item_capture("teardown", item) if capture else nullcontext():
                # As in pytest's own teardown, which runs only after a test; there is no public way to call it.
                item.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001

        call = pytest.CallInfo.from_call(end, when="teardown")
        if call.excinfo is not None:
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
            item.ihook.pytest_runtest_logreport(report=report)

    def _finish(
        self, test: SampledTest, decided: SamplesDecision | PairsDecision | BlameDecision | None
    ) -> None:
        test.is_reported = True
        item = test.item
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        part = self.record_keeper.unsent()
        if not test.samples and decided is not None:
            reports = [unrun_report(test, decided.decision if isinstance(decided, PairsDecision) else None)]
        elif self.plan.collect:
            reports = list(collected_reports(test, self.plan.collect))
        elif isinstance(decided, BlameDecision):
            reports = list(blamed_reports(test, decided))
        elif decided is not None:
            reports = list(logged_reports(test, decided))
        elif test.speaks_for_itself:
            reports = list(test.last.values())
        else:
            reports, part = self._undecided(test, part)
        if part is not None:
            reports[0] = copy(reports[0])  # the part contains the report itself if the gate is undecided
            setattr(reports[0], RECORD_ATTRIBUTE, part)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if SNAPSHOT_FIXTURE in getattr(item, "fixturenames", ()) and not self._has_run_all(test):
            spare(item)
        _stop_if_told(item.session)

    def _has_run_all(self, test: SampledTest) -> bool:
        """Whether every sample of a test without a gate passed; otherwise some snapshots may not have been used."""
        bar = self.plan.scenarios[test.item.nodeid]
        return bar is not None and n_passed(test.measured[Arm.BASELINE].values()) == bar.samples

    def _undecided(
        self, test: SampledTest, part: RecordPart | None
    ) -> tuple[list[pytest.TestReport], RecordPart | None]:
        """The reports of a test whose verdict is not decided here, with the data for the controller.

        A worker of pytest-xdist does not know the decision of a gate: it logs that the set-up passed and sends the
        reports to the controller, which logs them after the decision. A shard never knows it and does not wait. Samples
        that it lacks because of its budget may not be needed, so no test is blamed for them.
        """
        is_spent = session_of(test.item.config).budget.has_refused
        undecided = undecided_reports(test, allows_gaps=is_spent and self.record_keeper.is_part_of_gate)
        if part is None:
            return list(with_headline(undecided[:3], self.record_keeper.undecided_headline)), None
        # The logged report carries the part, so it must not be one of the reports inside.
        return [copy(undecided[0])], replace(part, undecided=tuple(undecided))


def _stop_if_told(session: pytest.Session) -> None:
    """End the run like pytest's own loop, for example for `-x`."""
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


def register_sampler(session: pytest.Session) -> None:
    """Split the tests of this run if it is a shard, and register the sampler if a test has samples."""
    config = session.config
    plan = plan_of(session.items, settings_of(config), TestSources(config.rootpath))
    try:
        check_distribution(config, plan)
        check_gate(session.items, plan, settings_of(config))
        check_blame(session.items, plan, settings_of(config))
        stored = stored_baseline(config, plan)
        plan = replace(plan, stored=stored.per_pair) if plan and stored else plan
        plan = with_screen(config, plan)
        check_plan(config, session.items, plan)
        if plan is not None and not config.getoption("duolog_plan"):
            record_keeper_of(config).check()
    except (ConfigurationError, RunRecordError) as error:
        refuse(config, session.items, str(error))
        return
    if not config.getoption("duolog_plan"):  # the plan is about all shards
        deal(session, plan.scenarios if plan else ())
    if plan is not None:
        record_keeper = record_keeper_of(config)
        record_keeper.begin(plan)
        record_keeper.notes = [
            *(f"stored baseline: {words}; run anew" for words in (stored.anew if stored else ())),
            *filter(None, [ahead_words(plan)]),
        ]
        is_live = settings_of(config).record_mode is not RecordMode.NONE
        sampler = Sampler(record_keeper, plan, session.items, is_live, stored)
        config.pluginmanager.register(sampler, "duolog-sampler")
        config.pluginmanager.register(sampler.subtests, "duolog-subtests")
