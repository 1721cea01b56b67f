"""Boundaries: where a dialogue turns to something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.topics.boundaries import boundary_points, find_boundaries, opens_topic
from pytest_duolog.topics.terms import terms_of
from tests.dialogues import BREAD, LIGHTHOUSES, RITUAL, dialogue


def boundaries(*texts: str) -> list[int]:
    return find_boundaries(dialogue(*texts).messages)


def test_change_of_subject_is_a_boundary():
    assert boundaries(*LIGHTHOUSES[:8], *BREAD) == [8]


def test_talk_about_one_thing_and_its_goodbyes_have_none():
    assert boundaries(*LIGHTHOUSES, *RITUAL) == []


def test_request_after_an_offer_of_help_is_a_boundary():
    booked = ("Book a table at the harbour inn for two.", "Done, a table for two at seven.")
    assert boundaries(*booked, "Anything else?", "Yes, I need a taxi to the airport.", "From where?") == [3]


def test_answer_to_a_question_is_none():
    asked = ("Book a table at the harbour inn for two.", "What would you like to drink with the fish?")
    assert 2 not in boundaries(*asked, "I would like a bottle of white wine.", "Noted.")


TAXI = ("I need a taxi to the airport.", "I'd like to order roses for my aunt.")


def test_of_two_neighbours_that_open_something_one_is_a_boundary():
    apart = (*LIGHTHOUSES[:8], TAXI[0], *BREAD[:4], TAXI[1], *BREAD[4:])
    assert boundaries(*apart) == [8, 13]
    together = (*LIGHTHOUSES[:8], *TAXI, *BREAD[2:])
    assert len(boundaries(*together)) == 1


def test_the_first_topic_has_two_messages():
    assert boundaries("Lighthouses have lenses.", TAXI[0], "It rains.") == []
    assert boundaries("Lighthouses have lenses.", "They do.", TAXI[0], "It rains.") == [2]


def test_what_a_goodbye_answers_is_no_boundary():
    opened = (*LIGHTHOUSES[:8], TAXI[0])
    assert boundaries(*opened, "From the harbour or the old town?", "The harbour.") == [8]
    assert boundaries(*opened, "Goodbye, and thanks for everything!", "Bye!") == []


@pytest.mark.parametrize(
    "text",
    [
        "I'd like to see a film.",
        "Okay. Could you please book a flight?",
        "do you have any pets ?",
        "Ich suche ein Hotel.",
        "Je voudrais réserver une table.",
        "Quiero comprar un libro.",
        "Vorrei un caffè.",
        "Preciso de um táxi.",
        "Saya ingin memesan tiket.",
        "请问明天的天气怎么样？",
        "ホテルを予約したいんですが。",
        "표를 예약하고 싶어요.",
    ],
)
def test_requests_open_a_topic(text):
    assert opens_topic(text.casefold())


@pytest.mark.parametrize("text", ["", "That is right.", "The bus leaves at noon.", "Das stimmt.", "没错。"])
def test_statements_open_none(text):
    assert not opens_topic(text.casefold())


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(LIGHTHOUSES + BREAD)), max_size=12))
def test_points_stay_in_their_range_and_the_first_message_is_no_boundary(texts):
    messages = dialogue(*texts).messages
    contents = [message.content.lower() for message in messages]
    points = boundary_points(contents, list(map(terms_of, contents)))
    assert len(points) == len(texts)
    assert all(-3 - 1e-9 <= value <= 2.5 for value in points)
    assert 0 not in find_boundaries(messages)
