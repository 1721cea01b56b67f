"""The page of a screen: what to read first, both sides side by side, and that nothing on it passes anything."""

from __future__ import annotations

import re

from pytest_duolog.gate.screen import Spoken, Turn, screen
from pytest_duolog.reports.report import screen_text
from pytest_duolog.reports.screen_words import side_words
from pytest_duolog.results.acts import read_act
from pytest_duolog.transcripts.transcript import Message
from tests.hostile import HOSTILE
from tests.reports.pages import Page, screen_page

USUAL = ["The crate lies beside the barrel.", "Do you mean the old crate?", "It lies in the second hall."]


def test_the_page_answers_and_orders_what_to_read():
    page = Page(
        screen_page({"lamp": [(USUAL, USUAL)] * 2, "harbour": [(USUAL, USUAL), (USUAL, ["Goodbye!"] * 3)]})
    )
    words = page.words
    assert "What would agent=openai:new say next? NOTHING SEEN: " in words
    assert "This is no PASS: a screen sees neither loops" in words
    assert words.index("1. harbour") < words.index("2. lamp")
    assert re.search(r"Message 4 excess [0-9.]+ over a noise floor of", words)
    assert "candidate: says goodbye 3 of 3, 1 word" in words
    assert "No scored message of this dialogue differs beyond the noise." in words
    assert not [
        attributes for _, attributes in page.elements if "pass" in (attributes.get("class") or "").split()
    ]


def test_both_sides_stand_side_by_side_after_what_was_said_before():
    text = screen_page({"harbour": [(USUAL, ["Goodbye!"] * 3)] * 2})
    page = Page(text)
    divs = [text.strip() for tag, text in page.texts if tag in ("div", "span") and text.strip()]
    for said in (*USUAL, "Goodbye!", "Where is it?", "It was recorded."):
        assert said in divs
    assert divs.index(USUAL[0]) < divs.index("Goodbye!") < divs.index(USUAL[1])


def test_turns_after_a_divergence_are_grey_and_say_so():
    usual = [USUAL[0], USUAL[2], USUAL[0]]
    page = Page(screen_page({"harbour": [(usual, ["Goodbye!"] * 3), (usual, ["Goodbye!"] * 3)]}))
    assert page.words.count("not scored") == 3  # in the key, in the table, and in the sentence below it
    assert {"class": "dim"} in page.of("tr")
    assert "because the candidate had left the recorded dialogue in message 2: messages 4" in page.words
    assert "Message 4" not in page.words
    unscored = [one for one in page.of("path") if one["class"] == "new off"]
    assert unscored[0]["d"]


def test_the_noise_floor_is_shown_beside_the_excess():
    page = Page(screen_page({"harbour": [(USUAL, ["Goodbye!"] * 3)]}))
    cells = [text for tag, text in page.texts if tag == "td"]
    one = [read_act(Message(speaker="Ben", content=text), []) for text in USUAL]
    assert side_words(one) in cells
    floor, excess = cells[cells.index(side_words(one)) - 1], cells[cells.index(side_words(one)) - 2]
    assert float(floor) > 0
    assert f"excess {excess} over a noise floor of {floor}" in page.words


def test_a_long_screen_stays_small_and_says_what_is_left_out():
    said = [f"{text} {'word ' * 4000}" for text in USUAL]
    text = screen_page({f"t.py::test_{n}": [(said, ["Goodbye!"] * 3)] * 9 for n in range(250)})
    assert len(text) < 1_500_000
    words = Page(text).words
    assert "and 50 more dialogues" in words
    assert "190 more dialogues without turns on this page; screen.json has all of them" in words
    assert "The answers are too long for this page; .duolog/screen has them." in words


def test_hostile_texts_are_escaped():
    text = screen_page({attack: [(USUAL, [attack] * 3)] for attack in HOSTILE})
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("<script>") == 1


def test_an_answer_that_is_missing_or_empty_has_its_place():
    said = [
        tuple(Message(speaker="Ben", content=text) for text in side) for side in (USUAL, ["Goodbye!", ""])
    ]
    turn = Turn(2, *(tuple(read_act(message, []) for message in side) for side in said))
    asked = Message(speaker="Ann", content="Where?")
    spoken = {"it": {2: Spoken(asked, asked, said[0], said[1])}}
    page = Page(screen_text(screen([("it", [turn])]), "agent=x:y", spoken, "1 of 6 answers is missing: why"))
    assert "1 of 6 answers is missing: why." in page.words
    assert "(empty)" in page.words
    assert [one for one in page.of("div") if (one.get("class") or "").startswith("gone")]
