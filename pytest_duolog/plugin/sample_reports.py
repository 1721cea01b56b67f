"""Converts the reports of one run to a sample, and the samples of a test to its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from _pytest.skipping import (
    evaluate_xfail_marks,
)  # there is no public way (9.2) to find out whether a mark expects a failure

from pytest_duolog.display import counted, printable
from pytest_duolog.gate.blame import BlameDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import FIRST_LOOK, PairsDecision
from pytest_duolog.gate.samples import SamplesDecision
from pytest_duolog.plugin import REPORT_ATTRIBUTE
from pytest_duolog.plugin.assertions import asserted_line, said_by
from pytest_duolog.plugin.attempts import Attempt
from pytest_duolog.plugin.collector import STATUS_ATTRIBUTE, UNMEASURED_ATTRIBUTE
from pytest_duolog.plugin.subtests import XPASS_STRICT, is_strict_xpass
from pytest_duolog.properties.steps import is_unreached
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.blame_words import carrier_words
from pytest_duolog.reports.wording import pairs_words, samples_words
from pytest_duolog.results.arm import AnyArm, Arm, Pairing
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.results.record import Sample, SampleOutcome, n_passed
from pytest_duolog.running.dialogue import TestSite

# At most this many samples that did not pass are shown.
MOST_SHOWN = 2

# What tests are counted as in a gate without an answer.
INCONCLUSIVE = "inconclusive"
# What tests are counted as whose samples are only taken.
COLLECTED = "collected"
# Why a test fails whose gate passes.
NOT_HAD = "some samples of this test could not be had"
# What tests are counted as whose failure is traced to a side.
BLAMED = "blamed"
# The property of JUnit XML with the verdict.
VERDICT = "duolog_verdict"

# So much of why a sample did not pass is kept.
LONGEST_PROBLEM = 300

# pytest's mark for the lines of a traceback with the exception.
RAISED = "E   "


@dataclass(eq=False)
class SampledTest:
    """A test and its samples so far."""

    item: pytest.Item
    samples: list[Sample] = field(default_factory=list)
    is_reported: bool = False
    measured: dict[AnyArm, dict[int, Sample]] = field(
        default_factory=lambda: {arm: {} for arm in (*Arm, *Pairing)}
    )
    shown: list[tuple[Sample, pytest.TestReport]] = field(default_factory=list)
    wrong: list[pytest.TestReport] = field(default_factory=list)
    last: dict[str, pytest.TestReport] = field(default_factory=dict)
    dialogues: list[DialogueResult] = field(default_factory=list)
    duration_s: float = 0.0

    def add(self, sample: Sample, reports: Sequence[pytest.TestReport]) -> None:
        """Add a sample and the reports of its run."""
        self.samples.append(sample)
        if sample.is_measured:
            self.measured[sample.arm][sample.number] = sample
        self.last = {report.when or "": report for report in reports}
        self.duration_s += sum(report.duration for report in reports)
        self.dialogues += [found for report in reports for found in getattr(report, REPORT_ATTRIBUTE, ())]
        wrong = _first_wrong(reports)
        if wrong is not None:
            self.wrong.append(wrong)
            if len(self.shown) < MOST_SHOWN:
                self.shown.append((sample, wrong))

    @property
    def expected_failure(self) -> str | None:
        """The reason of the xfail if it expects every failure; None if it does not, or nothing could be measured."""
        reasons = [getattr(report, "wasxfail", None) for report in self.wrong]
        return None if self.has_gaps or None in reasons or not reasons else reasons[-1]

    @property
    def fails_as_candidate(self) -> bool:
        """Whether a sample of the candidate failed."""
        return not all(sample.passed for sample in self.measured[Arm.CANDIDATE].values())

    @property
    def is_skipped(self) -> bool:
        """Whether it was skipped each time."""
        return len(self.wrong) == len(self.samples) and all(map(_is_skip, self.wrong))

    @property
    def speaks_for_itself(self) -> bool:
        """Whether there were only skips or errors of fixtures."""
        return "call" not in self.last or self.is_skipped

    def take(self, sample: Sample) -> None:
        """Add a sample of an earlier run."""
        self.samples.append(sample)
        self.measured[sample.arm][sample.number] = sample

    def has_outcome(self, attempt: Attempt) -> bool:
        """Whether an attempt is final: it was measured, or is not retried."""
        return attempt.number in self.measured[attempt.arm] or any(
            sample.is_given_up and (sample.number, sample.arm) == (attempt.number, attempt.arm)
            for sample in self.samples
        )

    @property
    def has_gaps(self) -> bool:
        """Whether a sample was tried and has no outcome yet, or an arm has no outcome at all."""
        tried = {Attempt(self.item, sample.number, sample.arm) for sample in self.samples}
        return not all(self.has_outcome(attempt) and self.measured[attempt.arm] for attempt in tried)

    def is_unanswered(self, arm: AnyArm) -> bool:
        """Whether an arm gave no outcome in as many final errors as the gate waits for before its first look."""
        n_given_up = sum(sample.is_given_up and sample.arm is arm for sample in self.samples)
        return n_given_up >= FIRST_LOOK and not self.measured[arm]

    def n_tries(self, attempt: Attempt) -> int:
        """The number of tries of an attempt."""
        return sum((sample.number, sample.arm) == (attempt.number, attempt.arm) for sample in self.samples)


def sample_of(
    attempt: Attempt, reports: Sequence[pytest.TestReport], site: TestSite | None, *, try_number: int
) -> Sample:
    """The sample for one run of a test.

    Its outcome is that of the body, regardless of an xfail. It is an error, which says nothing about the models, if a
    model could not be asked, a recording does not match, a property could not be measured, or something outside the
    body failed.
    """
    wrong = _first_wrong(reports)
    dialogues = site.dialogues if site is not None else []
    results = tuple(result for made in dialogues if (result := made.result))
    is_unmeasured = getattr(wrong, UNMEASURED_ATTRIBUTE, False) or lacks_verdicts(results)
    if wrong is None:
        outcome = SampleOutcome.PASSED
    elif (
        wrong.when != "call"
        or _is_skip(wrong)
        or is_unmeasured
        or any(made.was_prevented for made in dialogues)
    ):
        outcome = SampleOutcome.ERROR
    else:
        outcome = SampleOutcome.FAILED
    return Sample(
        scenario=attempt.item.nodeid,
        number=attempt.number,
        arm=attempt.arm,
        attempt=try_number,
        outcome=outcome,
        problem=_problem(wrong, results) if wrong else "",
        asserted=asserted_line(wrong) if wrong and wrong.when == "call" else "",
        dialogues=tuple(result.with_reading() for result in results),
        duration_s=round(sum(report.duration for report in reports), 3),
    )


def lacks_verdicts(results: Iterable[DialogueResult]) -> bool:
    """Whether a property of some dialogues could not be measured, although they came that far."""
    return any(
        verdict.outcome is Outcome.UNMEASURED and not is_unreached(verdict.property)
        for result in results
        for verdict in result.verdicts
    )


def _problem(wrong: pytest.TestReport, results: Sequence[DialogueResult]) -> str:
    """The first line of the reason why it did not pass; for an assertion about a property, the verdict."""
    line = _first_line(wrong)
    verdicts = (told.verdict(result.transcript) for result in results for told in result.verdicts)
    return said_by(line, verdicts)[:LONGEST_PROBLEM] or line


def with_subtests(
    reports: Sequence[pytest.TestReport], failed: Sequence[pytest.TestReport]
) -> list[pytest.TestReport]:
    """The reports of a sample's phases; if the body passed, it fails with the first of its `failed` subtests."""
    return [_with_subtests(report, failed) if report.when == "call" else report for report in reports]


def _with_subtests(call: pytest.TestReport, failed: Sequence[pytest.TestReport]) -> pytest.TestReport:
    if not failed or not (call.passed or is_strict_xpass(call)):
        return call
    first, *others = failed
    more = f" (and {len(others)} more)" if others else ""
    wrong = copy(call)
    vars(wrong).pop("wasxfail", None)
    wrong.outcome, wrong.sections = first.outcome, first.sections
    wrong.longrepr = f"subtest{_subtest_name(first)} failed{more}\n{first.longreprtext}"
    for name in ("wasxfail", UNMEASURED_ATTRIBUTE):
        if hasattr(first, name):
            setattr(wrong, name, getattr(first, name))
    return wrong


def _subtest_name(report: Any) -> str:
    """A subtest's message and values, as pytest shows them."""
    context = getattr(report, "context", None)
    message, values = getattr(context, "msg", None), getattr(context, "kwargs", None) or {}
    said = [f"[{message}]"] if message is not None else []
    said += [f"({', '.join(f'{name}={value}' for name, value in values.items())})"] if values else []
    return printable("".join(f" {part}" for part in said))


def _first_wrong(reports: Sequence[pytest.TestReport]) -> pytest.TestReport | None:
    """The first phase that failed or was skipped, expected or not."""
    return next((found for found in reports if not (found.passed or is_strict_xpass(found))), None)


def _is_skip(report: pytest.TestReport) -> bool:
    return report.skipped and not hasattr(report, "wasxfail")


def _first_line(report: pytest.TestReport) -> str:
    """The first line of the problem; for a traceback as text, the last exception that pytest marks."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else _text_of(report))
    marked = [
        line.removeprefix(RAISED)
        for before, line in pairwise(["", *text.splitlines()])
        if line.startswith(RAISED) and not before.startswith(RAISED)
    ]
    return (marked[-1] if marked else text).strip().partition("\n")[0][:LONGEST_PROBLEM]


def _text_of(report: pytest.TestReport) -> str:
    """The text of a report; for a skip without the place in the code."""
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext


def logged_reports(
    test: SampledTest, decided: SamplesDecision | PairsDecision
) -> Iterator[pytest.TestReport]:
    """The reports of set-up, call and teardown to log for a test, with the verdict on all its samples."""
    if test.speaks_for_itself:
        yield from test.last.values()
    elif isinstance(decided, SamplesDecision):
        is_held_against = decided.decision is not Decision.PASS
        yield from _reports(test, list(samples_words(decided)), is_held_against=is_held_against)
    else:
        yield from decided_reports(undecided_reports(test), decided)


def collected_reports(test: SampledTest, n_samples: int) -> Iterator[pytest.TestReport]:
    """Set-up, call and teardown of a test whose samples nobody judges; it fails only if some of them cannot be had."""
    if test.speaks_for_itself:
        yield from test.last.values()
        return
    n = len(test.measured[Arm.BASELINE])
    words = f"{n} of {counted(n_samples, 'sample')} taken, none judged; {_passed_words(test, Arm.BASELINE)}"
    setup, call, teardown = _reports(test, [words], is_held_against=n < n_samples)
    yield from (setup, call if n < n_samples else unjudged(call, COLLECTED, words), teardown)


def blamed_reports(test: SampledTest, decided: BlameDecision) -> Iterator[pytest.TestReport]:
    """Set-up, call and teardown of a test with blame; it fails only if some dialogues cannot be had."""
    if test.speaks_for_itself:
        yield from test.last.values()
        return
    lines = [carrier_words(decided, test.samples), *(_passed_words(test, arm) for arm in Pairing)]
    is_held_against = not decided.n_rounds or bool(decided.wanted)
    setup, call, teardown = _reports(test, lines, is_held_against=is_held_against)
    yield from (setup, call if is_held_against else unjudged(call, BLAMED, lines[0]), teardown)


def undecided_reports(test: SampledTest, *, allows_gaps: bool = False) -> list[pytest.TestReport]:
    """The reports of set-up, call and teardown in an undecided gate, and the call if the gate accuses the test."""
    lines = [_passed_words(test, arm) for arm in Arm]
    setup, call, teardown = _reports(test, lines, is_held_against=test.has_gaps and not allows_gaps)
    _, if_accused, _ = _reports(test, lines, is_held_against=True)
    return [setup, call, teardown, if_accused]


def decided_reports(
    undecided: Sequence[pytest.TestReport], decided: PairsDecision
) -> Iterator[pytest.TestReport]:
    """The reports of `undecided_reports` to log after the gate has decided; it may accuse their test.

    If it is inconclusive, no test is shown as passed.
    """
    setup, call, teardown, if_accused = undecided
    headline = next(pairs_words(decided))
    if decided.decision is Decision.INCONCLUSIVE and call.passed and not hasattr(call, "wasxfail"):
        call = unjudged(call, INCONCLUSIVE, headline)
    is_accused = call.nodeid in decided.accused
    why = "" if is_accused or decided.decision is not Decision.PASS else f"{NOT_HAD}; the gate says "
    yield from with_headline((setup, if_accused if is_accused else call, teardown), headline, why=why)


def with_headline(
    reports: Iterable[pytest.TestReport], headline: str, *, why: str = ""
) -> Iterator[pytest.TestReport]:
    """The reports of a test with the verdict of its gate, or the text instead of it.

    `why` is said before it by a test that fails although its gate passes.
    """
    for report in reports:
        if isinstance(report.longrepr, str) and not is_strict_xpass(report):
            report.longrepr = f"{why if report.failed else ''}{headline}\n{report.longrepr}"
        report.user_properties = [(VERDICT, headline), *report.user_properties]
        yield report


def unrun_report(test: SampledTest, decision: Decision | None) -> pytest.TestReport:
    """The report of a test of which no sample ran: the tests ahead of it decided the gate, or the gate stopped."""
    item = test.item
    path, line, _ = item.location
    is_open = decision is Decision.INCONCLUSIVE
    why = (
        path,
        line or 0,
        f"Skipped: the gate {'stopped' if is_open else 'was decided'} before a sample of this test ran",
    )
    report = pytest.TestReport(
        item.nodeid, item.location, dict.fromkeys(item.keywords, 1), "skipped", why, "setup"
    )
    if is_open:
        setattr(report, STATUS_ATTRIBUTE, INCONCLUSIVE)
    return report


def unjudged(call: pytest.TestReport, status: str, why: str) -> pytest.TestReport:
    """The report of a body that neither passes nor fails: counted as `status`, and as skipped in JUnit XML."""
    report = copy(call)
    vars(report).pop("wasxfail", None)
    report.outcome, report.longrepr = "skipped", (*place_of_report(call), why)
    setattr(report, STATUS_ATTRIBUTE, status)
    return report


def place_of_report(report: pytest.TestReport) -> tuple[str, int]:
    """The file and the first line of a test, from 1."""
    path, line, _ = report.location
    return path, (line or 0) + 1


def _reports(
    test: SampledTest, lines: Sequence[str], *, is_held_against: bool
) -> tuple[pytest.TestReport, ...]:
    in_gate = any(sample.arm is not Arm.BASELINE for sample in test.samples)
    shown = [_sample_text(*found, in_gate=in_gate) for found in test.shown]
    call = copy(test.last["call"])
    _judge(call, test, "\n\n".join(["\n".join(lines), *shown]), is_held_against=is_held_against)
    call.duration = test.duration_s
    call.sections = []
    setattr(call, REPORT_ATTRIBUTE, tuple(test.dialogues))
    reports = (_harmless(test.last["setup"]), call, _harmless(test.last["teardown"]))
    verdict = [] if in_gate else [(VERDICT, lines[0])]
    for report in reports:
        report.user_properties = [*report.user_properties, *verdict, *_counts(test)]
    return reports


def _judge(call: pytest.TestReport, test: SampledTest, text: str, *, is_held_against: bool) -> None:
    """Turn the last report of a body into the report of the verdict; an xfail applies to it as to a single run.

    In a gate, a test that is expected to fail does so if the candidate's samples fail, whether or not it got worse.
    """
    vars(call).pop("wasxfail", None)
    xfail = None if test.item.config.option.runxfail else evaluate_xfail_marks(test.item)
    if (is_held_against or test.fails_as_candidate) and test.expected_failure is not None:
        call.outcome, call.longrepr, call.wasxfail = "skipped", text, test.expected_failure
    elif is_held_against:
        call.outcome, call.longrepr = "failed", text
    elif xfail is not None and xfail.strict:
        call.outcome, call.longrepr = "failed", XPASS_STRICT + xfail.reason
    else:
        call.outcome, call.longrepr = "passed", None
        if xfail is not None:
            call.wasxfail = xfail.reason


def _harmless(report: pytest.TestReport) -> pytest.TestReport:
    """A passed report for a phase whose errors are counted in the samples."""
    report = copy(report)
    vars(report).pop("wasxfail", None)
    report.outcome, report.longrepr = "passed", None
    return report


def _passed_words(test: SampledTest, arm: AnyArm) -> str:
    found = test.measured[arm].values()
    return f"{arm}: {n_passed(found)} of {len(found)} passed"


def _sample_text(sample: Sample, report: pytest.TestReport, *, in_gate: bool) -> str:
    parts = [f"{sample.label(in_gate=in_gate)} ({sample.outcome}):", _text_of(report)]
    parts += [f"--- {title} ---\n{text}" for title, text in report.sections if title.startswith("dialogue")]
    return "\n".join(parts)


def _counts(test: SampledTest) -> list[tuple[str, str]]:
    return [
        (f"duolog_{arm}", f"{n_passed(found.values())}/{len(found)}")
        for arm, found in test.measured.items()
        if found
    ]
