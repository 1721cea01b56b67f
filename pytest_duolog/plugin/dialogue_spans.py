"""Writes the dialogues of a test as spans of OpenTelemetry, if they are wanted."""

from __future__ import annotations

from pytest_duolog.reports.otel import write_spans
from pytest_duolog.reports.spans import SpansOf
from pytest_duolog.running.dialogue import TestSite


def write_dialogues(site: TestSite, test: str) -> None:
    """Write the spans of each dialogue that ran, below the span that is current now; say so if nobody takes them."""
    session = site.session
    labels: dict[str, str | int] = {"test.case.name": test}
    if site.is_sample:
        labels["duolog.sample"] = site.sample
    if session.settings.candidates or session.settings.blame:
        labels["duolog.arm"] = site.arm.value
    for dialogue in site.dialogues:
        result, timeline = dialogue.result, dialogue.timeline
        if result is None or timeline is None:
            continue
        wanted = SpansOf(
            result,
            timeline,
            labels,
            has_content=session.settings.otel == "content",
        )
        if notice := write_spans(wanted.planned(), session.redactor.json):
            dialogue.notices.append(notice)
