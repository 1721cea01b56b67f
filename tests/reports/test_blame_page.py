"""The page of a run with blame: the answer, the table of pairings with its picture, and the dialogues."""

from __future__ import annotations

import re

from pytest_duolog.gate.blame import Round, decide_blame
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.blame_words import Blame, blame_rows, blames_of
from pytest_duolog.results.plan import BlamePlan
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


def test_without_an_answer_it_says_how_many_dialogues_more_would_give_one():
    mixed = [at * 7 % 20 for at in range(20)]
    rounds = [Round(at < 11, at < 11, at < 5, at < 5) for at in mixed]
    blame = Blame("t", decide_blame(BlamePlan(20), rounds), ())
    assert blame.headline.startswith("CANNOT TELL: the pairings fail alike")
    assert re.fullmatch(
        r"if the rates are those seen, \d+ dialogues more name side a in 90 % of runs: "
        r"--duolog-rounds=\d+ continues this one",
        blame.advice,
    )
    assert f"  {blame.advice}" in list(blame.lines)
    (row,) = blame_rows([blame])
    assert row["rounds_to_name"]["side"] == "a"
    alike = Blame("t", decide_blame(BlamePlan(6), [Round(*[True] * 4)] * 6), ())
    assert "no side is worse" in alike.advice
