"""Balanced, KeepsLength and KeepsLanguage."""

from __future__ import annotations

import pytest

from pytest_duolog import Balanced, ConfigurationError, KeepsLanguage, KeepsLength, Outcome
from pytest_duolog.detectors import language_changes, language_odds, languages
from tests.detectors.test_languages import SENTENCES
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue

TALK = dialogue(*LIGHTHOUSES)


def test_who_says_nearly_everything_is_named():
    verdict = dialogue("word " * 95, "five words are enough here").is_balanced()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "Ann says 95 of 100 words, 95.0% (at most 90%)"
    assert [evidence.message for evidence in verdict.evidence] == [1]


def test_balanced_dialogue_and_its_bound():
    assert TALK.is_balanced()
    assert not TALK.is_balanced(max_share=0.5)
    assert dialogue("a b c", "d").is_balanced(max_share=0.75)


def test_monologue_is_not_balanced_and_silence_is_nothing():
    assert dialogue("I talk.", "And talk.", speakers=["Ann"]).is_balanced().outcome is Outcome.FAILS
    assert dialogue("", "...").is_balanced().outcome is Outcome.UNMEASURED


def lengths(*counts: int):
    """Ann's messages have these numbers of words, Ben's always ten."""
    texts = [text for count in counts for text in ("tide " * count, "wave " * 10)]
    return dialogue(*texts)


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ([30] * 9, Outcome.HOLDS),
        ([30, 30, 30, 60, 60, 60, 120, 120, 120], Outcome.HOLDS),
        ([30, 30, 30, 60, 60, 60, 121, 121, 121], Outcome.FAILS),
        ([200, 200, 200, 60, 60, 60, 5, 5, 5], Outcome.FAILS),
        ([1, 1, 1, 2, 2, 2, 15, 15, 15], Outcome.HOLDS),
        ([30, 30, 500, 30, 30, 30, 30, 500, 30], Outcome.HOLDS),
    ],
    ids=["steady", "at the bound", "growth", "collapse", "all short", "single long ones"],
)
def test_length_of_first_and_last_third(counts, outcome):
    assert lengths(*counts).keeps_length().outcome is outcome


def test_growth_names_who_and_how_much():
    verdict = lengths(30, 30, 30, 60, 60, 60, 200, 200, 200).keeps_length()
    assert (
        verdict.explanation
        == "Ann: 30 words in the first third, 200 in the last (at most 4 times longer or shorter)"
    )
    assert [evidence.message for evidence in verdict.evidence] == [1, 17]


def test_goodbyes_are_no_collapse():
    texts = [f"{line} {line}" for line in (*LIGHTHOUSES[:12], *LIGHTHOUSES[:7])]
    assert KeepsLength(1.5).check(dialogue(*texts, *RITUAL))


def test_short_dialogue_shows_no_length():
    verdict = dialogue(*LIGHTHOUSES[:10]).keeps_length()
    assert verdict.outcome is Outcome.UNMEASURED
    assert verdict.explanation == "nobody has 6 messages before the goodbye"


@pytest.mark.parametrize("language", [name for name in SENTENCES if name != "en"])
def test_change_of_language_is_found_at_its_message(language):
    verdict = dialogue(*LIGHTHOUSES[:3], SENTENCES[language], LIGHTHOUSES[3]).keeps_language()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == f"expected en; of 5 messages with a recognised language, 1 in {language}"
    assert [evidence.message for evidence in verdict.evidence] == [4]


@pytest.mark.parametrize("language", SENTENCES)
def test_each_language_keeps_itself(language):
    transcript = dialogue(SENTENCES[language], "OK!", SENTENCES[language])
    assert transcript.keeps_language()
    assert transcript.keeps_language(language)


def test_expected_language_and_speaker_may_be_given():
    transcript = dialogue(SENTENCES["en"], SENTENCES["fr"])
    assert not transcript.keeps_language()
    assert not transcript.keeps_language("de")
    assert transcript.keeps_language("fr", speaker="Ben")


def test_words_of_another_language_in_passing_are_no_change():
    assert dialogue(
        "How do you say in German that the train is late?",
        'You would say "Der Zug hat leider Verspätung und ist noch nicht da", or something like it.',
        "And what do the people in the station say to that?",
    ).keeps_language()


def test_short_messages_are_read_together():
    transcript = dialogue("Yes, it is.", "And why?", "Not here.", "It was so.")
    assert transcript.keeps_language().explanation == "4 short messages, read as one text, are in en"
    assert not transcript.keeps_language("fr")


@pytest.mark.parametrize(
    "short",
    [
        "Wir haben noch drei Zimmer.", "Il pleut depuis ce matin.", "¿A qué hora cierra la cocina?",
        "Kapılar ne zaman açılıyor?",
    ],
    ids=["de", "fr", "es", "tr"],
)  # fmt: skip
def test_short_message_in_another_language_is_found(short):
    pytest.importorskip("py3langid")
    transcript = dialogue("Is there a room for tonight?", short, "How much is it?", "Sixty pounds a night.")
    assert [evidence.message for evidence in transcript.keeps_language().evidence] == [2]


def test_a_few_words_in_another_script_are_found():
    transcript = dialogue(
        "How cold is it outside?", "Minus five.", "Сегодня очень скользко.", "Take the bus, then."
    )
    assert [evidence.message for evidence in transcript.keeps_language().evidence] == [3]


@pytest.mark.parametrize(
    ("said", "odd"),
    [
        (["Hur mår mormor?", "Bättre idag.", "That is wonderful news, tell her hello.", "Det ska jag."], 3),
        (["Who won the cup?", "Nobody knows yet.", "裁判还在看录像,我们得等。", "Typical."], 3),
        (["The bus is late.", "Again?", "Sì, oggi è già la terza volta.", "Terrible."], 3),
        (["Is dinner ready?", "Nearly.", "Сколько ещё минут ждать?", "Fine."], 3),
    ],
    ids=["Swedish", "Chinese", "Italian", "Russian"],
)
def test_odd_message_is_found_though_all_others_are_too_short(said, odd):
    pytest.importorskip("py3langid")
    assert [evidence.message for evidence in dialogue(*said).keeps_language().evidence] == [odd]


@pytest.mark.parametrize(
    "said",
    [
        ["i m from london", "me too! i m a cook", "i m a nurse, and u", "i work in a pub"],
        ["Bhai, kal ka match dekha?", "Haan yaar, last over was crazy!", "Bilkul, what an innings."],
        ["Have you read Das Parfum?", "No, but I liked La peste.", "Me too, last year."],
        ["Where to?", "Café de Flore, Boulevard Saint-Germain.", "Twelve euros.", "Keep the change."],
        [
            "Who wrote it?",
            "Three people.",
            "José García Hernández, María del Carmen López and Juan de la Cruz.",
            "Thanks.",
        ],
    ],
    ids=["no apostrophes", "Hinglish", "titles", "an address", "names"],
)
def test_careless_or_mixed_talk_is_no_change(said):
    assert dialogue(*said).keeps_language().outcome is not Outcome.FAILS


@pytest.mark.parametrize(
    "said",
    [
        ['Put this into French: "We are closed."', "Nous sommes fermés.", "And tomorrow?", "Nous serons ouverts."],
        ["Wie sagt man das auf Englisch?", "I have lost my umbrella.", "Danke. Und kürzer?", "My umbrella is gone."],
        ["Shall we speak Italian today?", "Volentieri, di che cosa parliamo?", "Del tuo nuovo lavoro."],
        ["What did they serve?", "Risotto alla milanese.", "And after that?", "Tarte aux pommes, crème brûlée."],
        ["What is the film called?", "Così è la vita.", "Never heard of it.", "It is old."],
        ["Oye, are you at home?", "Sí, but I have to leave pronto.", "Then mañana sin falta.", "Pues I will wait."],
    ],
    ids=["translation", "asked in German", "another language from now on", "dishes", "title", "mixture"],
)  # fmt: skip
def test_what_was_asked_for_or_is_a_name_is_no_change(said):
    pytest.importorskip("py3langid")
    assert dialogue(*said).keeps_language().outcome is not Outcome.FAILS


def test_a_language_that_was_asked_for_does_not_excuse_another_one():
    verdict = dialogue(
        "Please answer in French from now on.", "Volontiers, de quoi voulez-vous parler ?",
        "Ich weiß noch nicht, worüber wir sprechen wollen.", "Alors, parlons de la mer.",
    ).keeps_language()  # fmt: skip
    assert [evidence.message for evidence in verdict.evidence] == [3]


def test_what_was_said_before_it_was_asked_for_is_a_change():
    verdict = dialogue(
        "Where is the station?", "Der Bahnhof ist gleich um die Ecke, neben der Post.",
        "Can you say that in German again?", "Der Bahnhof ist um die Ecke.",
    ).keeps_language()  # fmt: skip
    assert [evidence.message for evidence in verdict.evidence] == [2]


def test_odd_message_is_found_by_function_words_alone(monkeypatch):
    monkeypatch.setattr(languages, "_library", lambda: None)
    language_odds.odds.cache_clear()
    said = ["Wo ist er?", "Nicht hier.", "I think that it was here with you.", "Da ist er ja."]
    verdict = dialogue(*said).keeps_language()
    language_odds.odds.cache_clear()
    assert [evidence.message for evidence in verdict.evidence] == [3]


def test_without_a_language_it_could_not_be_measured():
    assert dialogue("OK!", "🎉").keeps_language().outcome is Outcome.UNMEASURED


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: KeepsLanguage("klingon"), "unknown language 'klingon' .known: en, de, "),
        (lambda: Balanced(70), "max_share 70 is not above 0 and at most 1"),
        (lambda: KeepsLength(0.5), "max_ratio 0.5 is not a number of at least 1"),
    ],
    ids=["language", "share", "ratio"],
)
def test_settings_that_mean_nothing_are_refused(make, problem):
    with pytest.raises(ConfigurationError, match=problem):
        make()


def test_the_library_is_asked_about_the_first_messages_of_a_long_dialogue(monkeypatch):
    asked = []
    monkeypatch.setattr(language_changes, "MOST_ASKED", 2)
    monkeypatch.setattr(language_changes, "MOST_COMPARED", 2)
    monkeypatch.setattr(languages, "_identified", lambda folded: asked.append(folded) or None)
    monkeypatch.setattr(languages, "ranked", lambda folded: asked.append(folded) or [])
    said = [f"zork blit {kind} fram quon wex" for kind in ("plo", "gra", "snu", "tre")]
    KeepsLanguage().check(dialogue(*said))
    assert [one for one in said if one in asked] == said[:2]


def test_words_that_are_spelled_have_no_language():
    said = (
        "Right. Spell the first one, please.",
        "E, M, B, A, R, R, A, S, S.",
        "Right. Spell the next one.",
        "Q, U, E, U, E.",
    )
    verdict = dialogue(*said).keeps_language()
    assert verdict, verdict.explanation
