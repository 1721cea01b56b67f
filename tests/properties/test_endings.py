"""EndsCleanly and TerminatesWithin: goodbyes in ten languages, what follows them, and who reopened."""

from __future__ import annotations

import pytest

from pytest_duolog import (
    ConfigurationError,
    EndsCleanly,
    Message,
    Outcome,
    StopKind,
    StopReason,
    TerminatesWithin,
    Transcript,
)
from pytest_duolog.properties.endings import find_closing
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue

TALK = LIGHTHOUSES[:6]


@pytest.mark.parametrize(
    "goodbyes",
    [
        ["Goodbye!", "Bye, take care."],
        ["Thanks, that's all I need.", "You're welcome. Have a nice day!"],
        ["I have no further points. It has been a pleasure to talk with you.", "Likewise. Until next time."],
        ["Well, I should let you go.", "Okay, nice talking to you. Bye-bye."],
        ["All tests pass. We are done here.", "Confirmed, task complete."],
        ["I will. Thank you, doctor.", "You're welcome. Get well soon."],
        ["Okay. Night night.", "Sweet dreams, little one."],
        ["Thank you for the collaboration!", "It was a pleasure, too. May the shop grow and prosper!"],
        ["ok i gtg, ty", "Best of luck with your interview!"],
        ["Thank you for the exchange!", "Thank you as well! I'm here too should you need assistance."],
        ["Danke für das Gespräch, bis bald!", "Auf Wiedersehen!"],
        ["Merci pour cet échange. Au revoir !", "À bientôt, bonne journée !"],
        ["Gracias por todo, hasta luego.", "¡Adiós, que tenga un buen día!"],
        ["Grazie, arrivederci!", "Buona giornata, a presto!"],
        ["Obrigado, até logo!", "Tchau, tenha um bom dia!"],
        ["Terima kasih, sampai jumpa!", "Selamat tinggal!"],
        ["谢谢你，再见！", "再见，祝你一切顺利！"],
        ["ありがとうございました。さようなら。", "こちらこそ。またお会いしましょう。"],
        ["감사합니다. 안녕히 계세요.", "안녕히 가세요. 좋은 하루 보내세요."],
        ["太好了，谢谢你！", "不用客气！"],
        ["Listen, the kids are home, gotta dash.", "Okay, love to everyone!"],
        ["Fijn. Ik moet hangen.", "Dag!"],
        ["Right, I'll let you get on then.", "Ta, Mo."],
        ["No bother. Mind how you go.", "You too."],
        ["Returning. Unit 9 out.", "Copy."],
        ["Off you go, then, and don't be strangers.", "We'll send photos."],
        ["Alors bon vent, capitaine !", "Merci."],
        ["여기 있어요. 많이 파세요.", "네, 또 오세요."],
        ["Bác xin phép về trước nhé.", "Dạ, bác đi cẩn thận ạ."],
        ["QUIT", "221 closing connection"],
        ["Refund issued. [END]", "[END_OF_CHAT]"],
        ["那我先挂了。", "好,路上慢点。"],
        ["行ってくるね、また夜に。", "行ってらっしゃい。"],
        ["Allora buonanotte, Pia.", "Buonanotte, e grazie."],
        ["Viele Grüße an Ihre Frau.", "Mit freundlichen Grüßen, Ihr Hörgeräteladen"],
        ["Kell még valami? Nem? Üdvözlöm a családot, viszonthallásra!", "Minden jót!"],
        ["नमस्ते भैया।", "ठीक है।"],
        ["Right, gotta run.", "Talk tomorrow!"],
        ["Here is where we stop for tonight.", "Safe travels!"],
        ["Me despeço, Iara.", "Vá em paz."],
        ["Rămâi cu bine!", "Mergeți cu bine!"],
        ["Nothing. Releasing this channel.", "Released here as well. Quiet night to the vault."],
        ["Pues nada más por hoy. Buena guardia.", "Buena guardia, cabo Negro. Corto y cierro."],
        ["Behouden vaart, en tot de terugreis.", "Dank u, fijne dienst verder."],
        ["Viel Glück mit dem Ofen, und bis morgen in der Werkstatt!", "Bis morgen!"],
    ],
    ids=[
        "English",
        "service",
        "debate",
        "phone",
        "agents",
        "wish",
        "night",
        "well-wishing",
        "slang",
        "offers",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "id",
        "zh",
        "ja",
        "ko",
        "Chinese thanks",
        "on the phone",
        "Dutch phone",
        "let go",
        "British",
        "radio",
        "strangers",
        "French wind",
        "Korean market",
        "Vietnamese leave",
        "protocol",
        "stop token",
        "hanging up, Chinese",
        "leaving the house, Japanese",
        "one word, Italian",
        "letter, German",
        "greetings, Hungarian",
        "with a name, Hindi",
        "in a hurry",
        "game night",
        "in peace, Portuguese",
        "stay well, Romanian",
        "agents",
        "radio, Spanish",
        "radio, Dutch",
        "with a place, German",
    ],
)
def test_goodbye_and_answer_end_cleanly(goodbyes):
    transcript = dialogue(*TALK, *goodbyes)
    assert find_closing(transcript) == len(TALK)
    assert transcript.ends_cleanly()


@pytest.mark.parametrize(
    "texts",
    [
        [*TALK],
        ["Is there anything else I can do for you?"],
        ["Thanks! Now I would like to book a table.", "For how many people?"],
        ["Your table is booked. Have a great time!", "Thank you.", "Is there anything else?"],
        [
            "How do you say goodbye in Finnish?",
            "It is 'näkemiin', and 'hei hei' among friends.",
            "And in Estonian?",
        ],
        [
            "Thank you.",
            "You are welcome.",
            "Which floor is the library on?",
            "It is on the third floor, on the left.",
        ],
        ["Guten Tag, haben Sie offen?", "Guten Tag. Bis sechs Uhr."],
        ["Ciao!", "Ciao! Hai visto il mio ombrello?"],
        ["Hello.", "Hello.", "I'm Jamal, nice to meet you.", "Nice to meet you, too.", "I live in Atlanta."],
        ["Write me a farewell letter for my colleagues.", "Here it is, with thanks to all of them."],
        ["In Bavaria you would hear 'Pfiat di' for goodbye.", "how do you pronounce goodbye"],
        ["How was the film?", "It was wonderful."],
        ["The scene where she says goodbye, please.", '"Goodbye, Henrik. Keep the boat."', "Colder."],
        [
            "Dear Mr. Hay,\n\nWe propose the 14th.\n\nKind regards,\nJoan",
            "Dear Joan,\n\nThe 15th?\n\nBest wishes,\nM. Hay",
        ],
        ['She waves and sings "goodnight, sweetheart" at the end.', "I have to see it."],
        ["He gives her the peel and says that it is a map.", "She says that it smells of oranges."],
        ["Where do you buy valves?", "From a man in Ohio who sells nothing else."],
        ["Hàng đang đi, cảm ơn anh đã báo.", "Cảm ơn. Khi nào tới nơi vậy"],
        ["Il y a un bon vent aujourd'hui.", "Je prends les gilets."],
        ["What shall we sing?", "'Goodbye, Harbour', and then 'So Long, Marianne'."],
        ["会社で先に帰るときは?", "「お先に失礼します」。"],
        ["When may I touch it?", "Until tomorrow the paint on the wall stays wet."],
        ["And what is 'see you' in Czech?", "Na shledanou říkají sousedé jenom při loučení."],
        ["Wie oft fährt er?", "Von Montag bis Freitag."],
        ["Is it ready?", "We need to run the tests, and we have to go through the logs."],
        ["Why is she late?", "That train takes so long."],
        ["I wait for an answer.", "Let me know if you need anything else to verify me."],
        ["Are these your boxes?", "We have a meeting about them at noon."],
        ["Hello, Nancy, nice to see you.", "Nice to see you, too.", "How is the boat?"],
        [
            'How do I say "see you soon" in Italian?',
            '"A presto!" To a friend, "stammi bene", take care.',
            "And good night.",
            "Buonanotte is for the end of the evening.",
            "Is it rude to an old man?",
            "A bit too familiar.",
        ],
        ["Write a good night rhyme for my son.", "Rest your claw, big digger, and dream of sand."],
    ],
    ids=[
        "cut",
        "offer",
        "thanks and on",
        "wish and on",
        "talk about goodbyes",
        "thanks in passing",
        "greeting",
        "greeting that may part",
        "nice to meet you",
        "farewell letter",
        "question without a mark",
        "something else was nice",
        "line of a scene",
        "letters",
        "quotation",
        "that it is",
        "nothing else in passing",
        "Vietnamese question without a mark",
        "wind",
        "titles in single quotes",
        "Japanese quotation",
        "goes on, English",
        "goes on, Czech",
        "opening days",
        "things to run and go through",
        "how long",
        "what the other side may need",
        "meeting ahead",
        "nice to see you",
        "lesson about goodbyes",
        "rhyme to write",
    ],
)
def test_no_goodbye_is_found_where_there_is_none(texts):
    transcript = dialogue(*texts)
    assert find_closing(transcript) is None
    assert "nobody said goodbye" in transcript.ends_cleanly().explanation


def test_thanks_with_other_news_are_no_end():
    assert dialogue(*TALK, "Thanks!").ends_cleanly()
    assert not dialogue(*TALK, "Thanks. The hall is locked on Mondays.").ends_cleanly()


def test_refused_offer_is_a_goodbye():
    texts = [
        "Your room is booked.",
        "Great.",
        "Anything else I can help you with?",
        "No, thank you.",
        "Okay.",
    ]
    assert find_closing(dialogue(*texts)) == 3


def test_messages_after_goodbye_are_counted_against_their_bound():
    transcript = dialogue(*LIGHTHOUSES, *RITUAL)
    assert "goodbye at message 13, and 14 messages" in transcript.ends_cleanly().explanation
    assert "(at most 8)" in transcript.ends_cleanly().explanation
    assert transcript.ends_cleanly(messages_after_goodbye=14)


def test_who_reopened_is_named():
    transcript = dialogue(*LIGHTHOUSES, *RITUAL[:2], "By the way, which lighthouse is the oldest?", *TALK)
    verdict = EndsCleanly(3).check(transcript)
    assert "Ben reopened it at message 16" in verdict.explanation
    assert [evidence.message for evidence in verdict.evidence] == [13, 14, 16]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (StopKind.TURNS, "it was stopped at its turn limit"),
        (StopKind.BUDGET, "its budget ran out"),
        (StopKind.EMPTY_REPLY, "it ended with an empty reply"),
        (StopKind.REFUSAL, "a model refused to go on"),
    ],
)
def test_being_stopped_is_no_clean_end(kind, reason):
    verdict = dialogue(*TALK, stop_reason=StopReason(kind=kind)).ends_cleanly()
    assert verdict.outcome is Outcome.FAILS
    assert reason in verdict.explanation


def test_cap_is_named_beside_a_goodbye_as_well():
    capped = StopReason(kind=StopKind.TURNS)
    parted = dialogue(*TALK, "Thanks, goodbye!", "Goodbye!", stop_reason=capped).ends_cleanly()
    assert parted
    assert (
        parted.explanation
        == "goodbye at message 7, and 1 message after it (at most 8); it was stopped at its turn limit"
    )
    went_on = dialogue(*LIGHTHOUSES, *RITUAL, stop_reason=capped).ends_cleanly()
    assert not went_on
    assert went_on.explanation.endswith("it was stopped at its turn limit")


def test_question_after_the_goodbye_that_nobody_answers_is_a_finding():
    texts = [*TALK, "Thanks, goodbye!", "Goodbye!", "Oh wait, where is the station?"]
    verdict = dialogue(*texts).ends_cleanly()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "the question in message 9 is not answered"
    assert [evidence.message for evidence in verdict.evidence] == [7, 8, 9]
    assert dialogue(*TALK, "Thanks, goodbye!", "Bye! Shall we talk again tomorrow?").ends_cleanly()


def test_stop_phrase_takes_leave():
    stop = StopReason(kind=StopKind.STOP_PHRASE, speaker="Ann", detail="'DONE'")
    assert dialogue(*TALK, "DONE", stop_reason=stop).ends_cleanly()


def test_cut_off_message_and_open_question_are_findings():
    cut = Message(speaker="Ann", content="And then the keepers went to", finish="truncated")
    assert "message 1 is cut off" in Transcript(messages=(cut,)).ends_cleanly().explanation
    assert (
        "the question in message 2 is not answered"
        in dialogue("Hello.", "Where were we?").ends_cleanly().explanation
    )


def test_empty_transcript_could_not_be_measured():
    assert dialogue().ends_cleanly().outcome is Outcome.UNMEASURED
    assert dialogue().terminates_within(turns=3).outcome is Outcome.UNMEASURED
    assert dialogue().has_no_loops().outcome is Outcome.UNMEASURED


@pytest.mark.parametrize("value", [-1, "3", 2.5, True, None])
def test_bounds_are_whole_numbers(value):
    with pytest.raises(ConfigurationError, match=r"EndsCleanly: .* is not a number of messages, at least 0"):
        EndsCleanly(value)
    with pytest.raises(
        ConfigurationError, match=r"TerminatesWithin: .* is not a number of turns, at least 0"
    ):
        TerminatesWithin(value)


def test_terminates_within_its_turns():
    transcript = dialogue(*TALK, "Goodbye!", turns=50)
    assert transcript.terminates_within(turns=3)
    assert transcript.terminates_within(turns=2).explanation == "3 turns (at most 2)"


@pytest.mark.parametrize(
    "fields",
    [{"turns": 3}, {"turns": 50, "stop_reason": StopReason(kind=StopKind.TURNS)}],
    ids=["imported", "stopped"],
)
def test_dialogue_at_its_cap_did_not_terminate(fields):
    verdict = dialogue(*TALK, "And then?", **fields).terminates_within(turns=20)
    assert not verdict
    assert " limit" in verdict.explanation
    assert not dialogue(*LIGHTHOUSES[:5], "Goodbye!", "Wait, what is a wick?", **fields).terminates_within(20)


def test_dialogue_that_took_leave_when_it_reached_its_cap_ended_by_itself():
    capped = {"turns": 4, "stop_reason": StopReason(kind=StopKind.TURNS)}
    parting = dialogue(*TALK, "Thanks, goodbye!", "Goodbye!", "Take care.", **capped)
    assert (
        parting.terminates_within(4).explanation
        == "4 turns (at most 4), and it said goodbye at its turn limit"
    )
    assert not parting.terminates_within(3)
    assert not dialogue(*LIGHTHOUSES, *RITUAL, **capped).terminates_within(20)


@pytest.mark.parametrize(
    ("tail", "holds"),
    [
        (["Thanks, goodbye!", "Sorry, I did not understand that."], False),
        (["Thanks, goodbye!", "Sorry, I did not understand that.", "Goodbye!", "I did not get that."], False),
        (["Thanks, goodbye!", "Goodbye, and enjoy the meal."], True),
        (["Sorry, I did not understand that.", "Thanks, goodbye!"], True),
    ],
    ids=["once", "twice", "understood", "before"],
)
def test_a_goodbye_that_is_not_understood_is_no_clean_end(tail, holds):
    talk = dialogue("Can you book a table?", "For how many?", "For two.", "It is booked for eight.", *tail)
    verdict = talk.ends_cleanly()
    assert bool(verdict) is holds
    assert ("was not understood" in verdict.explanation) is not holds


REFUND = ("Hello, I would like a refund for my lamp.", "Certainly, what is the order number?", "It is 4711.")


@pytest.mark.parametrize(
    "last",
    ["Thanks, refunded.", "Thanks, that worked.", "Danke, hat geklappt.", "Thanks, I will look into it."],
)
def test_thanks_beside_what_is_done_end_a_dialogue(last: str):
    assert dialogue(*REFUND, last).ends_cleanly()


@pytest.mark.parametrize(
    "last",
    [
        "Thanks, let me check.",
        "Thanks, one moment.",
        "Thanks, still broken.",
        "Thanks, but it does not work.",
        "Danke, einen Moment bitte.",
        "Merci, toujours pas.",
        "Gracias, un momento.",
    ],
)
def test_thanks_beside_what_is_still_to_come_end_none(last: str):
    assert not dialogue(*REFUND, last).ends_cleanly()
