"""What a question asks for, and which replies take it up."""

from __future__ import annotations

import pytest

from pytest_duolog.detectors import text
from pytest_duolog.detectors.questions import Kind, kinds_of, takes_up


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When does the ferry leave?", Kind.TIME),
        ("And at what time?", Kind.TIME),
        ("How often do you water it?", Kind.NUMBER),
        ("What's the price of the tent?", Kind.NUMBER),
        ("Where do you keep the salt?", Kind.PLACE),
        ("Whose coat is this?", Kind.NAME),
        ("How come it is so quiet?", Kind.REASON),
        ("How do I open the lid?", Kind.MANNER),
        ("Which soap is the best?", Kind.THING),
        ("Could you close the door?", Kind.DEED),
        ("Did it rain?", Kind.YES_OR_NO),
    ],
)
def test_kind(question, kind):
    assert kinds_of(text.normalise(question))[0] is kind


@pytest.mark.parametrize(
    ("question", "answers", "others"),
    [
        ("When does the ferry leave?", ["At six.", "Not before noon.", "No idea.", "Which ferry?", "Once it is full."],
         ["Okay.", "The ferry.", "Ferries are a fine way to travel.", "My aunt sings.", "Thanks for asking!"]),
        ("Where do you keep the salt?", ["Behind the flour.", "Cupboard.", "I can't say."],
         ["Alright.", "Salt, I see.", "Pepper tastes better than vinegar."]),
        ("How many goats do you have?", ["Nine.", "Too many!", "A couple.", "None any more."],
         ["Great!", "Goats are clever animals.", "Goats, I see."]),
        ("Who painted this?", ["My daughter.", "Paula Rego, I believe.", "I did it.", "Nobody remembers."],
         ["I see.", "Interesting question!", "So who painted this."]),
        ("Why is the road closed?", ["A tree fell.", "Because of the fair."], ["Okay, noted.", "The road is closed."]),
        ("Would you like red or white?", ["White.", "Either.", "Red, please.", "Neither, I drive."], ["I see."]),
        ("Could you close the door?", ["Okay.", "Sure!", "Done.", "My hands are full."], []),
        ("Did it rain?", ["Only a little.", "It did.", "Buckets!", "Nope."], ["I see.", "Oh."]),
    ],
)  # fmt: skip
def test_replies(question, answers, others):
    asked = text.normalise(question)
    assert [reply for reply in answers if not takes_up(asked, reply)] == []
    assert [reply for reply in others if takes_up(asked, reply)] == []


@pytest.mark.parametrize(
    ("question", "answers", "others"),
    [
        ("Wann legt die Fähre ab?", ["Um sechs.", "Erst wenn alle da sind.", "Keine Ahnung."],
         ["Verstehe.", "Die Fähre, aha.", "Fähren sind eine schöne Art zu reisen."]),
        ("Wie viele Ziegen habt ihr?", ["Neun.", "Viel zu viele!"], ["Super!", "Ziegen sind kluge Tiere."]),
        ("Où gardez-vous le sel ?", ["Derrière la farine.", "Je ne sais pas."], ["D'accord.", "Le sel est important."]),
        ("À quelle heure part le bac ?", ["À six heures.", "Pas avant midi."], ["Très bien.", "Le bac, je vois."]),
        ("¿Cuánto cuesta la bicicleta?", ["Doscientos euros.", "Depende del color."], ["Vale.", "Es preciosa."]),
        ("¿Quién pintó esto?", ["Mi hija.", "Fue Remedios Varo."], ["Entiendo.", "¡Interesante pregunta!"]),
        ("Dove tenete il sale?", ["Dietro la farina.", "Nell'armadio."], ["Capisco.", "Il sale, certo."]),
        ("Quando parte o barco?", ["Às seis.", "Ainda não se sabe."], ["Entendi.", "Os barcos são lindos."]),
        ("Waarom is de weg dicht?", ["Er ligt een boom op.", "Geen idee."], ["Oké, begrepen.", "De weg is dicht."]),
    ],
    ids=["de time", "de number", "fr place", "fr time", "es number", "es name", "it", "pt", "nl"],
)  # fmt: skip
def test_replies_in_other_languages(question, answers, others):
    asked = text.normalise(question)
    assert [reply for reply in answers if not takes_up(asked, reply)] == []
    assert [reply for reply in others if takes_up(asked, reply)] == []


@pytest.mark.parametrize(
    ("question", "echo", "answer"),
    [
        ("Why is the road closed?", "I hear you asking why the road is closed.", "You asked why: a tree fell."),
        ("Who painted this?", "Who painted this? Who painted this indeed.", "Who painted this? My daughter."),
        ("Which tie would you like?", "Ah, the tie you would like.", "The tie I would like is the red one."),
        ("Warum bellt der Hund?", "Du fragst, warum der Hund bellt.", "Du fragst, warum? Wegen der Katze."),
        ("Warum bellt der Hund?", "Warum der Hund bellt, fragen Sie.", "Sie fragen, ob er Hunger hat."),
        ("Pourquoi ce chien aboie ?", "Vous demandez pourquoi ce chien aboie.", "Vous demandez pourquoi ? Il a faim."),
        ("¿Por qué canta?", "Me pregunta por qué canta.", "Me preguntó si sabía canciones."),
        ("Perché canta?", "Vorrebbe sapere perché canta.", "Mi chiede perché? Ha vinto."),
        ("Por que ele canta?", "Você quer saber por que ele canta.", "Você quer saber por que? Ganhou."),
        ("Waarom is de weg dicht?", "U vraagt waarom de weg dicht is.", "Je vraagt waarom? Er ligt een boom."),
    ],
)  # fmt: skip
def test_saying_that_it_was_asked_is_no_answer(question, echo, answer):
    asked = text.normalise(question)
    assert not takes_up(asked, echo)
    assert takes_up(asked, answer)


@pytest.mark.parametrize(
    "question", ["kiedy odpływa prom?", "fährt das schiff heute?"], ids=["Polish", "yes or no"]
)
def test_what_is_not_understood_is_left_to_others(question):
    assert takes_up(question, "o szóstej, tak mówił") is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How are you tonight?", "I am fine, thank you."),
        ("What do you do for fun when you are not at work?", "I go to the opera a lot."),
        ("When you go out, do you take the dog?", "She stays at home."),
        ("How do you say goodbye in Swahili?", "Goodbye is kwaheri."),
        ("Where should I look?", "san francisco is good"),
        ("How did you check it?", "hmm i didnt really"),
    ],
)
def test_real_answers_that_look_like_none(question, answer):
    assert takes_up(text.normalise(question), answer) is not False
