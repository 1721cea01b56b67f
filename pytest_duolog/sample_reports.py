"""From the reports of single runs to the sample they are, and from samples to the one report of their test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_duolog.collector import REPORT_ATTRIBUTE
from pytest_duolog.dialogue import TestSite
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision
from pytest_duolog.gate.samples import SamplesDecision
from pytest_duolog.gate.words import pairs_words, samples_words
from pytest_duolog.launches import Launch
from pytest_duolog.properties.base import Outcome
from pytest_duolog.results.record import Arm, PropertyResult, Sample, SampleDialogue, SampleOutcome
from pytest_duolog.transcript import Transcript

# So many of the samples that did not pass are shown.
MOST_SHOWN = 2


@dataclass(eq=False)
class SampledTest:
    """A test and the samples of it so far."""

    item: pytest.Item
    samples: list[Sample] = field(default_factory=list)
    is_reported: bool = False
    measured: dict[Arm, dict[int, Sample]] = field(default_factory=lambda: {arm: {} for arm in Arm})
    shown: list[tuple[Sample, pytest.TestReport]] = field(default_factory=list)
    last: dict[str, pytest.TestReport] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    duration_s: float = 0.0

    def add(self, sample: Sample, reports: Sequence[pytest.TestReport]) -> None:
        """Take a sample and the reports of its run."""
        self.samples.append(sample)
        if sample.is_measured:
            self.measured[sample.arm][sample.number] = sample
        self.last = {report.when or "": report for report in reports}
        self.duration_s += sum(report.duration for report in reports)
        self.entries += [entry for report in reports for entry in getattr(report, REPORT_ATTRIBUTE, ())]
        wrong = next((report for report in reports if report.outcome != "passed"), None)
        if wrong is not None and len(self.shown) < MOST_SHOWN:
            self.shown.append((sample, wrong))

    @property
    def has_gaps(self) -> bool:
        """Whether a sample was tried and never measured."""
        return any(sample.number not in self.measured[sample.arm] for sample in self.samples)

    def n_attempts(self, launch: Launch) -> int:
        """How often a launch has been tried."""
        return sum((sample.number, sample.arm) == (launch.number, launch.arm) for sample in self.samples)


def sample_of(
    launch: Launch, reports: Sequence[pytest.TestReport], site: TestSite | None, *, attempt: int
) -> Sample:
    """What one run of a test came to.

    It passed or failed by its body. It is an error, which says nothing of the models, if a model could not be asked,
    a recording did not fit, a property could not be measured, or something beside the body went wrong.
    """
    wrong = next((report for report in reports if report.outcome != "passed"), None)
    dialogues = site.dialogues if site is not None else []
    entries = [entry for made in dialogues if (entry := made.report())]
    verdicts = [
        PropertyResult.model_validate(site.session.redactor.json(found))
        for entry in entries
        for found in map(_result, entry["verdicts"])
        if site is not None
    ]
    is_unmeasured = any(found.outcome is Outcome.UNMEASURED for found in verdicts)
    if wrong is None:
        outcome = SampleOutcome.PASSED
    elif (
        wrong.when != "call"
        or wrong.skipped
        or is_unmeasured
        or any(made.was_prevented for made in dialogues)
    ):
        outcome = SampleOutcome.ERROR
    else:
        outcome = SampleOutcome.FAILED
    return Sample(
        scenario=launch.item.nodeid,
        number=launch.number,
        arm=launch.arm,
        attempt=attempt,
        outcome=outcome,
        problem=_first_line(wrong) if wrong else "",
        properties=tuple(verdicts),
        dialogues=tuple(
            SampleDialogue(
                transcript=Transcript.model_validate(entry["transcript"]), cassette=entry["cassette"]
            )
            for made in dialogues
            if (entry := made.report())
        ),
        duration_s=round(sum(report.duration for report in reports), 3),
    )


def _result(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name in PropertyResult.model_fields}


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longreprtext)
    return text.strip().partition("\n")[0][:300]


def logged_reports(
    test: SampledTest, decided: SamplesDecision | PairsDecision | None
) -> Iterator[pytest.TestReport]:
    """Set-up, call and teardown of a test as they are logged, with the verdict on all its samples."""
    last = test.last
    if "call" not in last:
        yield from last.values()  # nothing but errors or skips: they speak for themselves
        return
    lines = list(_verdict_lines(test, decided))
    call = copy(last["call"])
    call.outcome = "failed" if _is_held_against(test, decided) else "passed"
    call.duration = test.duration_s
    call.longrepr = "\n\n".join(["\n".join(lines), *map(_shown, test.shown)]) if call.failed else None
    call.sections = []
    setattr(call, REPORT_ATTRIBUTE, test.entries)
    for report in (_harmless(last["setup"]), call, _harmless(last["teardown"])):
        report.user_properties = [*report.user_properties, *_properties(test, lines)]
        yield report


def _harmless(report: pytest.TestReport) -> pytest.TestReport:
    """The report of a phase whose errors are counted among the samples."""
    report = copy(report)
    report.outcome, report.longrepr = "passed", None
    return report


def _is_held_against(test: SampledTest, decided: SamplesDecision | PairsDecision | None) -> bool:
    if isinstance(decided, SamplesDecision):
        return decided.decision is not Decision.PASS
    if test.has_gaps:
        return True
    return decided is not None and test.item.nodeid in decided.accused


def _verdict_lines(test: SampledTest, decided: SamplesDecision | PairsDecision | None) -> Iterator[str]:
    if isinstance(decided, SamplesDecision):
        yield from samples_words(decided)
        return
    if decided is not None:
        yield next(iter(pairs_words(decided)))
    for arm in Arm:
        passed = [sample.outcome is SampleOutcome.PASSED for sample in test.measured[arm].values()]
        yield f"{arm}: {sum(passed)} of {len(passed)} passed"


def _shown(found: tuple[Sample, pytest.TestReport]) -> str:
    sample, report = found
    parts = [f"{sample} ({sample.outcome}):", report.longreprtext]
    parts += [f"--- {title} ---\n{text}" for title, text in report.sections if title.startswith("dialogue")]
    return "\n".join(parts)


def _properties(test: SampledTest, lines: Sequence[str]) -> list[tuple[str, str]]:
    counts = [
        (f"duolog_{arm}", f"{sum(s.outcome is SampleOutcome.PASSED for s in found.values())}/{len(found)}")
        for arm, found in test.measured.items()
        if found
    ]
    return [("duolog_verdict", lines[0]), *counts]
