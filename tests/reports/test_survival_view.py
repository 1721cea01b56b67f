"""Time to loop and goodbye, as a page and a terminal tell it."""

from __future__ import annotations

import re

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.report import dialogues_text
from pytest_duolog.reports.survival_view import MOST_CURVES, band_of, line_of, p_words
from pytest_duolog.reports.wording import record_words
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import RunRecord
from pytest_duolog.stats.survival import Observation, kaplan_meier
from pytest_duolog.transcripts.transcript import TranscriptSpeaker
from tests.dialogues import LIGHTHOUSES, dialogue
from tests.reports.pages import HEALTHY, LOOPING, Page, filed, gate_of, page_of, spoken
from tests.run_records import arm_samples, header

GATE = gate_of({"a": ("+" * 12, "-" * 12), "b": ("+" * 12, "-" * 12)})


def test_page_of_a_gate_has_curves_and_their_numbers():
    page = page_of(GATE)
    assert "Time to loop, goodbye and drift in messages" in page.words
    assert re.search(r"First loop by arm: log-rank p = 1\.000", page.words)
    assert "baseline 0 of 24 more than half have none" in page.words
    assert "candidate 24 of 24 15" in page.words
    assert "Kaplan-Meier curves with pointwise 95 % bands." in page.words
    assert [path["class"] for path in page.of("path") if "km" in (path.get("class") or "")] == [
        "km km0",
        "km km1",
    ] * 2
    assert {"href": "#time"} in page.of("a")


def test_pictures_are_described_and_styled_by_the_sheet_alone():
    page = page_of(GATE)
    pictures = [svg for svg in page.of("svg") if (svg.get("aria-labelledby") or "").startswith("surv")]
    assert len(pictures) == 2
    titles = {title.get("id") for title in page.of("title")}
    assert {svg["aria-labelledby"].split()[0] for svg in pictures} <= titles
    assert all("style" not in attributes for _, attributes in page.elements)


def test_text_of_a_gate_says_it_in_a_line_and_that_it_decides_nothing():
    words = list(record_words(GATE, decide_record(GATE)))
    (loops,) = [line for line in words if line.startswith("first loop by arm")]
    assert loops.startswith(
        "first loop by arm: baseline 0 of 24, candidate 24 of 24; mean number of messages until then, within 14: "
        "14.0, 14.0, difference +0.0"
    )
    assert loops.endswith("(descriptive)")


def test_text_of_a_collection_compares_what_differs():
    plan = RunPlan({"t[m1]": None, "t[m2]": None}, collect=8)
    samples = [*arm_samples("t[m1]", Arm.BASELINE, "+" * 8), *arm_samples("t[m2]", Arm.BASELINE, "-" * 8)]
    record = spoken(RunRecord(header(plan), tuple(samples)))
    told = []
    for sample in record.samples:
        (result,) = sample.dialogues
        speakers = tuple(TranscriptSpeaker(name=name, model=sample.scenario) for name in ("Ann", "Ben"))
        talk = result.transcript.model_copy(update={"speakers": speakers})
        told.append(
            sample.model_copy(update={"dialogues": (result.model_copy(update={"transcript": talk}),)})
        )
    record = RunRecord(record.header, tuple(told))
    words = list(record_words(record, decide_record(record)))
    assert any(line.startswith("first goodbye by model: t[m1] 8 of 8, t[m2] 8 of 8;") for line in words)
    assert "First goodbye by model" in page_of(record).words


def test_without_an_event_nothing_is_said():
    calm = [filed(dialogue(*LIGHTHOUSES[:at])) for at in (6, 8)]
    assert "Time to loop" not in Page(dialogues_text(calm)).words
    assert "#time" not in dialogues_text(calm)


def test_copies_are_told():
    words = Page(dialogues_text([filed(LOOPING), filed(LOOPING), filed(HEALTHY)])).words
    assert "1 copy counts once." in words


def test_hostile_names_of_models_stay_text_and_many_groups_have_a_row_each():
    views = []
    for model in range(6):
        for at in range(2):
            name = f"<script>alert({model})</script>"
            speakers = tuple(TranscriptSpeaker(name=who, model=name) for who in ("Ann", "Ben"))
            talk = dialogue(*LIGHTHOUSES[: 6 + at], *("See you.",) * 8)
            views.append(filed(talk.model_copy(update={"speakers": speakers}), f"talk {model} {at}"))
    page = Page(dialogues_text(views))
    assert len(page.of("script")) == 1
    assert page.words.count("<script>alert(5)</script> 2 of 2") >= 1
    drawn = [path for path in page.of("path") if re.search(r"\bkm km", path.get("class") or "")]
    n_pictures = len([svg for svg in page.of("svg") if (svg.get("aria-labelledby") or "").startswith("surv")])
    assert len(drawn) == MOST_CURVES * n_pictures


def test_steps_are_drawn_at_their_messages():
    curve = kaplan_meier(
        [Observation(2, happened=True), Observation(4, happened=False), Observation(5, happened=True)]
    )
    assert line_of(curve) == "M0,0H2V33.3H4V33.3H5V100"
    assert band_of(curve).startswith("M0,0H2V")
    assert band_of(curve).endswith("H2V0Z")


def test_p_values_never_round_to_nothing():
    assert p_words(0.0004) == "< 0.001"
    assert p_words(0.0004999) == "< 0.001"
    assert p_words(0.049) == "= 0.049"
