"""The page of a run with blame: the answer, the table of pairings with its picture, and the dialogues."""

from __future__ import annotations

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.blame_words import blames_of
from tests.reports.pages import blame_of, page_of


def distinct(outcomes: str) -> list[str]:
    return [f"Words of dialogue {number}." for number in range(4 * len(outcomes))]


def test_the_page_answers_and_shows_every_pairing_with_its_interval():
    record = blame_of("------", "++++++", "------", "------", said=distinct("------"))
    page = page_of(record)
    assert "Which side carries the failure? Blame: Ben (" in page.words
    assert "it fails with this suspect and not without it" in page.words
    pictures = [
        found["aria-label"] for name, found in page.elements if name == "svg" and "aria-label" in found
    ]
    assert [label for label in pictures if label and "interval" in label] == [
        "100 %, 95 % interval 61 % to 100 %",
        "0 %, 95 % interval 0 % to 39 %",
        "100 %, 95 % interval 61 % to 100 %",
        "100 %, 95 % interval 61 % to 100 %",
    ]
    assert "p = 0.0022" in page.words


def test_the_picture_lies_where_the_rate_does():
    record = blame_of("--------++", "+" * 10, "-" * 10, "-" * 10, said=distinct("+" * 10))
    (blame,) = blames_of(record, decide_record(record))
    n = blame.decided.n_rounds
    x, low, width = blame.rows[0].drawn
    interval = blame.rows[0].interval
    assert n == 6
    assert float(x) == 100
    assert float(low) == round(100 * interval.low, 1)
    assert abs(float(low) + float(width) - 100 * interval.high) < 0.2


def test_an_open_run_names_nobody():
    page = page_of(blame_of("-- ", "++ ", "-- ", "-- ", said=distinct("---")))
    assert "Cannot tell: rounds are missing (round 3 is next)" in page.words


def test_without_an_answer_the_page_says_how_many_dialogues_more_would_give_one():
    both, only_b = "+-" * 20, "++++-" * 8
    record = blame_of(both, both, only_b, only_b, said=distinct(both))
    (blame,) = blames_of(record, decide_record(record))
    assert not blame.is_named
    assert blame.advice in page_of(record).words
    assert "more name Ann in 90 % of runs: --duolog-rounds=" in blame.advice
