"""Mentions, NeverSays, MaxWords and AnswersQuestions."""

from __future__ import annotations

import re

import pytest

from pytest_duolog import AnswersQuestions, ConfigurationError, MaxWords, Mentions, NeverSays, Outcome
from pytest_duolog.topics import meanings
from tests.dialogues import LIGHTHOUSES, dialogue

LAMP = dialogue(
    "Hello, my lamp does not work.",
    "I am sorry. We can offer a “full\u00a0Refund” within 30 days.",
    "A refund would be fine.",
)


@pytest.mark.parametrize(
    ("phrase", "numbers"),
    [
        ("refund", [2, 3]),
        ("FULL refund", [2]),
        ("fund", []),
        ("lamp does", [1]),
        ("\uff4c\uff41\uff4d\uff50", [1]),
        (re.compile(r"\d+ days"), [2]),
        (re.compile(r"Refund"), [2]),
        (("lamp", "fine"), [1, 3]),
    ],
    ids=[
        "word",
        "case and space",
        "part of a word",
        "phrase",
        "full width",
        "pattern",
        "pattern has case",
        "any of two",
    ],
)
def test_phrase_is_found_as_people_read_it(phrase, numbers):
    verdict = Mentions(phrase).check(LAMP)
    assert bool(verdict) is bool(numbers)
    assert verdict.explanation.endswith(f"is in {len(numbers)} of 3 messages (at least 1)")
    assert [evidence.message for evidence in NeverSays(phrase).check(LAMP).evidence] == numbers


@pytest.mark.parametrize(
    ("said", "phrase"),
    [
        ("The date is 2024-01-05, at (3/10).", "2024-01-05"),
        ("我们可以退款。", "退款"),
        ("Zu\u0308rich ist scho\u0308n", "Zürich"),
        ("Straße", "STRASSE"),
        ("state\u2010of\u2010the\u2010art", "state-of-the-art"),
        ("re\u200bfund", "refund"),
    ],
    ids=["date", "Chinese", "combining", "sharp s", "hyphen", "zero width"],
)
def test_spelling_makes_no_difference(said, phrase):
    assert dialogue(said).mentions(phrase)


def test_other_date_is_another_phrase():
    assert not dialogue("It was on 2024-01-06.").mentions("2024-01-05")


def test_whose_words_count():
    assert LAMP.mentions("refund", speaker="Ben")
    assert not LAMP.mentions("sorry", speaker="Ann")
    assert LAMP.never_says("sorry", speaker="Ann")


def test_verdict_quotes_the_place():
    verdict = dialogue("word " * 200 + "we promise money " + "word " * 200).never_says("promise money")
    assert verdict.outcome is Outcome.FAILS
    assert repr(verdict).startswith(
        "NeverSays(phrases=('promise money',)) fails: 'promise money' is in 1 of 1 messages"
    )
    assert "we promise money" in verdict.evidence[0].quote
    assert verdict.evidence[0].quote.startswith("…")
    assert verdict.evidence[0].quote.endswith("…")


@pytest.mark.parametrize("phrases", ["", "  ", (), "\u200b", 7], ids=repr)
def test_what_is_no_phrase_is_named(phrases):
    with pytest.raises(ConfigurationError, match="Mentions: a phrase must be a non-blank string"):
        Mentions(phrases)


PATTERNS = ["re.*fund", r"order \d{6}", r"\bsorry\b", "[0-9]+", "[^,]+sorry", "(?i)sorry", "a|[A-Z]"]
PLAIN = ["What? (No.)", "a.b*c", "C++ [new]", "50 %", "https://x.org/?q=a.b", "*laughs*", "..."]


@pytest.mark.parametrize("phrase", PATTERNS)
def test_pattern_in_a_string_is_refused(phrase):
    with pytest.raises(ConfigurationError, match=re.escape(f"write re.compile({phrase!r})")):
        NeverSays(("sorry", phrase))
    assert NeverSays(re.compile(phrase)).check(dialogue("?"))


@pytest.mark.parametrize("phrase", PLAIN)
def test_marks_that_people_write_are_no_pattern(phrase):
    assert Mentions(phrase).check(dialogue(f"So {phrase} then"))


def test_longest_message_is_named():
    verdict = LAMP.has_max_words(9)
    assert verdict.explanation == (
        "1 of 3 messages are longer than 9 words; the longest is message 2 with 12"
    )
    assert [evidence.message for evidence in verdict.evidence] == [2]
    assert LAMP.has_max_words(12)
    assert LAMP.has_max_words(6, speaker="Ann")
    assert not dialogue("没有空格的句子").has_max_words(6)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Is it raining there?", ""),
        ("Which floor is the library on?", "Thank you so much!"),
        ("Which floor is the library on?", "Goodbye, take care!"),
        ("Which floor is the library on?", "Noted. Understood."),
        ("Which floor is the library on?", "Which floor is the library on?"),
        ("Which floor is the library on?", "🙏✨"),
        ("图书馆在几楼？", "谢谢！再见！"),
        ("In welchem Stock ist die Bibliothek?", "Vielen Dank, auf Wiedersehen!"),
    ],
    ids=["nothing", "thanks", "goodbye", "acknowledgement", "echo", "symbols", "Chinese", "German"],
)
def test_courtesies_do_not_answer(question, reply):
    verdict = dialogue("Hello.", question, reply).answers_questions()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "0 of 1 questions got a response (at least 100%)"
    assert [evidence.message for evidence in verdict.evidence] == [2, 3]


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Какой этаж у библиотеки?", "Хорошо, спасибо, понял."),
        ("图书馆什么时候开门？", "好的，知道了，谢谢你。"),
        ("Why does the library close at noon?", "Hm, why does the library close at noon..."),
        ("Où avez-vous rangé les livres anciens ?", "Où est-ce que j'ai rangé les livres anciens ?"),
        ("Is there a cheaper ticket to Leeds?", "You're asking whether there is a cheaper ticket to Leeds."),
        ("Did you take the ladder?", "Let's not talk about that now."),
        ("Why was the park sold?", "That's an excellent question, and there are many sides to it."),
        ("¿Cuánto cobra usted?", "Prefiero no hablar de eso."),
        ("Does the museum have your coat?", "Goats can climb trees."),
    ],
)
def test_replies_that_pass_a_question_by_do_not_answer(question, reply):
    assert not dialogue("Hello.", question, reply).answers_questions()


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Why did you move to Leeds?", "I'm pleased that you let me know, thanks a bunch."),
        ("Why is the tram so full?", "The tram's being so full, you'd like an explanation for it."),
        ("Warum kam der Zug zu spät?", "Das Wohl unserer Fahrgäste liegt uns am Herzen."),
    ],
    ids=["acknowledged", "echoed", "evaded"],
)
def test_what_passes_a_question_by_is_found_by_meaning_with_the_extra(monkeypatch, question, reply):
    asked = dialogue("Hello.", question, reply)
    assert not asked.answers_questions()
    monkeypatch.setattr(meanings, "can_read_meanings", lambda: False)
    assert asked.answers_questions()


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("¿Cuándo vuelves?", "En cuanto termine la cosecha."),
        ("Where is my refund?", "I sent it this morning."),
    ],
)
def test_an_answer_without_the_wanted_thing_is_seen_by_meaning(monkeypatch, question, reply):
    asked = dialogue("Hello.", question, reply)
    assert asked.answers_questions()
    monkeypatch.setattr(meanings, "can_read_meanings", lambda: False)
    assert not asked.answers_questions()


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Why do you like the library?", "Good question! It is quiet."),
        ("Is that all that I have to do?", "That is all."),
        ("Please confirm: two tickets for 5 pm at the Roxie, is that right?", "Alright that sounds nice."),
        ("Can you confirm that you want a table for two?", "Alright, sounds nice."),
        ("Can I bring pets to the library?", "Pets are not allowed."),
        ("Do you like the sports club?", "I like the club. What do you like to do?"),
        ("Is it raining there?", "Yes."),
        ("Is it raining there?", "No, thanks."),
        ("What time is it?", "12:30"),
        ("How are you today?", "I am fine, thank you."),
        ("What is your name?", "Bob."),
        ("Can you book a table for us?", "Which city, please?"),
        ("Shall I book it?", "Sure, thank you!"),
        ("Which floor is the library on?", "Thanks for asking! It is on the third floor."),
        ("图书馆在几楼？", "三楼。"),
        ("Sudah makan?", "Belum."),
        ("Would you like some tea?", "Thank you, that would be lovely."),
        ("Would you like some tea?", "Please."),
        ("Are you coming along?", "👍"),
    ],
    ids=[
        "praise and answer",
        "yes by echo",
        "confirms",
        "confirms a wish",
        "general but about it",
        "answer and question",
        "yes",
        "no",
        "clock",
        "small talk",
        "name",
        "asks back",
        "sure",
        "thanks and answer",
        "Chinese",
        "Indonesian",
        "takes the offer",
        "please",
        "thumb",
    ],
)
def test_short_answers_answer(question, reply):
    assert dialogue("Hello.", question, reply).answers_questions()


def test_questions_of_one_side_and_their_share():
    transcript = dialogue(
        "Is the lens made of glass?",
        "Yes. Have you seen one?",
        "Thank you!",
        "Which one did you see?",
        "The one on the pier.",
    )
    assert transcript.answers_questions(speaker="Ben")
    assert not transcript.answers_questions(speaker="Ann")
    assert transcript.answers_questions(min_share=0.5)


@pytest.mark.parametrize(
    "texts",
    [
        ("Your room is booked.", "Is there anything else I can help you with?", "Thank you, goodbye!"),
        ("Hello.", "Where were we?"),
        LIGHTHOUSES[:2],
    ],
    ids=["offer", "last message", "no question"],
)
def test_where_nothing_was_asked_nothing_is_ignored(texts):
    verdict = dialogue(*texts).answers_questions()
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.explanation == f"there is no question to answer in {len(texts)} messages"


def test_healthy_dialogue_answers():
    assert dialogue(*LIGHTHOUSES).answers_questions()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: MaxWords(0), "not a number of words"),
        (lambda: AnswersQuestions(0), "min_share 0 is not above 0"),
        (lambda: AnswersQuestions(50), "min_share 50"),
    ],
    ids=["no words", "zero", "percent"],
)
def test_bounds_that_mean_nothing_are_refused(make, problem):
    with pytest.raises(ConfigurationError, match=problem):
        make()


def test_a_no_with_another_wish_answers_whether_something_is_correct():
    asked = "You would like an SUV from March 2nd at 4:30 pm until March 4th. Is that correct?"
    assert dialogue(asked, "No. I want to get insurance.").answers_questions()
