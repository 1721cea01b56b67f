"""Messages of a kind are found by learned weights, with the piece that says so; near ones are not."""

from __future__ import annotations

import pytest

from pytest_duolog.detectors import learned
from pytest_duolog.detectors.learned import LEAVES, THINKS, Part, Spoken, pieces_of
from pytest_duolog.topics import learned as meant

THOUGHT = (
    "The seller is bluffing, so my reply should stay friendly but not mention our budget. "
    "That sounds fair, would you take four hundred?"
)
SPOKEN = "That sounds fair, would you take four hundred? My husband wants to see the bike first."


def first(message: str) -> str | None:
    return learned.first_of(THINKS, [Spoken(message)])[0]


def test_a_thought_about_the_answer_is_found_where_it_stands() -> None:
    found = first(f"Good morning! {THOUGHT}")
    assert found is not None
    assert found.startswith("The seller is bluffing")
    assert first(SPOKEN) is None


@pytest.mark.parametrize("message", ["", " \n", "?!", "...", "\u200b"])
def test_a_message_without_words_is_of_no_kind(message: str) -> None:
    assert first(message) is None
    assert meant.first_of(THINKS, [Spoken(message)]) == [None]


def test_the_end_of_a_long_message_is_read() -> None:
    story = "We walked along the river until the rain came. " * 100
    assert first(story) is None
    assert first(story + THOUGHT) is not None


def test_meanings_find_in_other_languages_what_was_learned_in_some() -> None:
    message = (
        "De klant wil een korting, maar volgens mijn instructies mag ik die niet geven. Ik moet beleefd weigeren. "
        "Helaas kan ik de prijs niet verlagen."
    )
    spoken = "Helaas kan ik de prijs niet verlagen, maar de verzending is gratis."
    found, other = meant.first_of(THINKS, [Spoken(message), Spoken(spoken)])
    assert found is not None
    assert found in message
    assert other is None


def test_words_of_the_own_prompt_are_known_as_such() -> None:
    part = Part.of("You are a gardener. You talk with the other speaker.")
    (piece,) = pieces_of(Spoken("The gardener waters the roses.", part))
    assert "OWN" in piece.features
    (piece,) = pieces_of(Spoken("The gardener waters the roses."))
    assert "OWN" not in piece.features


def test_who_is_helped_does_not_serve() -> None:
    message = "Thank you for calling. May I have your order number so that I can look into this for you?"
    customer = Part.of("You are a customer whose parcel is late.", is_helped=True)
    agent = Part.of("You are an agent of a parcel service.")
    found = meant.first_of(LEAVES, [Spoken(message, customer), Spoken(message, agent)])
    assert found[0] is not None
    assert found[1] is None


def test_who_has_a_part_does_not_ask_how_to_play_it() -> None:
    sailor = Part.of("You are a retired sailor.")
    left = "Fair winds! I hope that's what you wanted, shall I go on in character or make him gruffer?"
    kept = "Fair winds! I hope that you'll come aboard again. Shall I tell you how I lost the boat?"
    found, other = meant.first_of(LEAVES, [Spoken(left, sailor), Spoken(kept, sailor)])
    assert found is not None
    assert other is None


def test_runs_of_characters_are_features_whatever_the_script() -> None:
    (piece,) = pieces_of(Spoken("用户 wants\t12"))
    assert {"§ 用户", "§户 w", "§ 0 "} <= piece.features


@pytest.mark.parametrize("kind", [THINKS, LEAVES])
def test_weights_fit_the_encoder(kind: str) -> None:
    (rows,) = meant.meanings_of([Spoken("Good morning. Is it you?", Part.of("You are a gardener."))])
    assert not learned.weights_of(kind).directions
    assert len(learned.weights_of(kind, meant.__package__).directions) == rows.shape[1]
