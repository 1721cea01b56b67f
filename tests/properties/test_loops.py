"""NoLoops: what is a loop, where it begins, and what is none."""

from __future__ import annotations

import pytest

from pytest_duolog import ConfigurationError, NoLoops, Outcome
from pytest_duolog.properties.loops import find_loops
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue

QUESTION = "Could you tell me the price of the blue bicycle?"
ANSWER = "I would have to look that up in the catalogue first."


def spans(*texts: str, **fields: object) -> list[tuple[int, int, str, int | None]]:
    """Each loop as first message, last message, kind, period; numbered from 1."""
    return [
        (loop.onset + 1, loop.end + 1, loop.kind, loop.period)
        for loop in find_loops(dialogue(*texts, **fields))
    ]


@pytest.mark.parametrize(
    ("cycle", "period"),
    [
        pytest.param(
            [f"{name} is the one that I would take along." for name in names], len(names), id=str(len(names))
        )
        for names in (
            ["Anna"],
            ["Anna", "Bertha"],
            ["Anna", "Bertha", "Clara"],
            ["Anna", "Bertha", "Clara", "Dora"],
            ["Anna", "Bertha", "Clara", "Dora", "Emil"],
            ["Anna", "Bertha", "Clara", "Dora", "Emil", "Fritz"],
        )
    ],
)
def test_cycle_begins_with_its_first_copy(cycle, period):
    assert spans("Whom would you choose?", *cycle * 8)[0] == (2 + period, 1 + 8 * period, "repeat", period)


@pytest.mark.parametrize(
    "variants",
    [
        [
            "The connection is closed – truly.",
            "the connection is closed - truly",
            "THE CONNECTION IS CLOSED — truly!",
        ],
        ["*The connection is closed.*", '"The connection is closed."', "The connection is closed. ✨"],
        ["The connection is clo\u200bsed.", "Ｔhe connection is closed.", "Thе connection is closed."],
        [
            "[12:01] The connection is closed.",
            "[12:02] The connection is closed.",
            "[12:03] The connection is closed.",
        ],
        [
            "The connection closes in 9 seconds.",
            "The connection closes in 8 seconds.",
            "The connection closes in 7 seconds.",
        ],
        [
            "Add 9 grams to 41 litres, please.",
            "Add 10 grams to 43 litres, please.",
            "Add 11 grams to 45 litres, please.",
        ],
    ],
    ids=["case and dashes", "markup", "unicode", "time stamps", "counter", "two counters"],
)
def test_variants_of_one_sentence_are_a_loop(variants):
    assert [span[2] for span in spans("Are we done?", *variants * 3)] == ["repeat"]


def test_ritual_in_ever_new_words_begins_after_the_goodbye_and_its_answer():
    assert spans(*LIGHTHOUSES, *RITUAL) == [(15, 27, "ritual", None)]


@pytest.mark.parametrize(
    "texts",
    [
        [
            "Thank you, your reading is so generous!", "You deserve it, your imagination is a treasure!",
            "And your insight lights up my work!", "You are too kind, your words touch me deeply!",
            "They come from the heart, you are an inspiration!", "No, it is you who inspires me!",
            "I am humbled, your kindness knows no bounds!", "It only reflects the kindness I see in you!",
        ],
        [
            "좋은 하루 보내세요, 감사합니다.", "저도 감사합니다. 또 만나요.", "네, 또 만나요. 건강하세요.",
            "건강하시고 행복하세요.", "감사합니다, 행복하세요.", "고맙습니다. 다음에 또 봬요.", "네, 감사합니다.",
            "안녕히 계세요.",
        ],
        [
            "I completely agree with you.", "And I with you. We are so aligned.", "Aligned indeed, it is wonderful.",
            "Thank you for understanding me so deeply.", "Thank you for being so open.", "Openness is precious.",
            "Precious indeed.", "Always and truly.", "Truly.",
        ],
    ],
    ids=["praise", "Korean farewells", "agreement"],
)  # fmt: skip
def test_ritual_without_a_goodbye_before_it_is_a_loop(texts):
    [(onset, end, kind, _)] = spans(*LIGHTHOUSES[:8], *texts)
    assert (8 < onset <= 11, end, kind) == (True, 8 + len(texts), "ritual")


@pytest.mark.parametrize(
    "deflections",
    [
        ["Das habe ich nicht verstanden.", "Bitte formulieren Sie das anders.", "Dazu kann ich leider nichts sagen."],
        ["Je n'ai pas compris.", "Pouvez-vous reformuler ?", "Je ne comprends pas votre question."],
        ["Извините, я не понял.", "Перефразируйте, пожалуйста.", "К сожалению, не могу помочь."],
        ["抱歉，我没听懂。", "请换一种说法。", "我无法回答这个问题。"],
        ["Anlamadım, kusura bakmayın.", "Tekrarlar mısınız?", "Üzgünüm, yardımcı olamıyorum."],
        ["माफ़ कीजिए, समझ नहीं आया।", "दोबारा बताइए।", "मैं मदद नहीं कर सकता।"],
    ],
    ids=["de", "fr", "ru", "zh", "tr", "hi"],
)  # fmt: skip
def test_bot_that_deflects_in_other_languages_is_stuck(deflections):
    texts = [text for pair in zip(LIGHTHOUSES[:6], deflections * 2, strict=True) for text in pair]
    assert [span[2] for span in spans(*texts)] == ["deflection"]


def test_thanks_and_goodbye_after_a_confirmed_change_are_no_loop():
    booking = [
        "Send the letter to Ada.", "Shall I send the letter about the blue room to Ada?", "Yes, that's correct.",
        "I have sent it.", "Thanks a lot!", "Anything else?", "Could you send it to Mia as well?",
        "Shall I send the letter about the blue room to Mia?", "Yes, that's correct.", "I have sent it.",
        "Thanks a lot!", "Anything else?", "No, that's all. Thanks!", "Have a nice day!",
    ]  # fmt: skip
    assert spans(*booking) == []


VAGUE = (
    "This really is the end of it.", "Truly the last thing from me, then.", "And nothing more from here either.",
    "Although by saying so I have said something again.", "As have I, so let us both be done with it.",
    "Done, for real this time around.", "We keep doing this to each other.", "Somehow neither of us can let it be.",
    "Then I will be the first to stop.", "Or we both stop at the same time.", "On three, or whenever you feel like it.",
    "Whenever is fine, it makes no difference.", "It makes none, and still we go on.", "On and on, it seems.",
    "So it does, and here I am again.", "Here I am as well, which was to be expected.", "It was, and so was this.",
)  # fmt: skip


def test_messages_that_name_nothing_new_are_a_loop_when_many_of_them_run():
    assert spans(*LIGHTHOUSES[:8], *VAGUE) == [(9, 25, "vague", None)]
    few = spans(*LIGHTHOUSES[:8], *VAGUE[:9], *LIGHTHOUSES[8:])
    assert [kind for _, _, kind, _ in few] in ([], ["ending"])  # by meaning, with the extra topic


def test_loop_of_copies_does_not_begin_with_the_vague_messages_before_it():
    assert spans(*LIGHTHOUSES[:8], *VAGUE[:5], *[QUESTION, ANSWER] * 5)[0][0] == 16


def test_mere_signs_of_listening_are_a_loop_when_many_of_them_run():
    heard = ["Yeah.", "Right.", "Okay.", "Uh-huh."]
    assert spans(*LIGHTHOUSES[:8], *heard * 2, *LIGHTHOUSES[8:], *heard) == []
    assert [span[2] for span in spans(*LIGHTHOUSES[:8], *heard * 5)] == ["listening"]


def test_loop_begins_before_single_messages_that_are_fresh():
    kettle, postman = (
        "The kettle downstairs whistles for porridge.",
        "A postman rings twice, carrying cheese.",
    )
    texts = [*RITUAL[:3], kettle, *RITUAL[3:5], postman, *RITUAL[5:]]
    assert spans(*LIGHTHOUSES, *texts)[0][0] == 15


def test_thanks_just_before_the_goodbye_do_not_move_the_loop_before_it():
    texts = [
        "Aww. Thank you!", "You're welcome! Would you like another one?", "No thanks, that's enough. Bye!",
        "Goodbye! Have a wonderful day!", "You too!", "Thank you! I appreciate that!", "No problem!",
        "Thanks again for stopping by!", "Sure thing!", "I'm glad I could help!", "Me too!", "Take care!",
    ]  # fmt: skip
    assert spans(*LIGHTHOUSES[:4], *texts)[0][:2] == (9, 16)


def test_what_comes_before_the_goodbye_is_healthy():
    assert spans(*LIGHTHOUSES, *RITUAL[:2]) == []


@pytest.mark.parametrize("symbol", ["", ".", "🙏", "…"], ids=["nothing", "dot", "emoji", "ellipsis"])
def test_ping_pong_without_words_is_a_loop(symbol):
    assert [span[2] for span in spans(*LIGHTHOUSES[:4], *[symbol] * 8)] == ["empty"]


def test_document_rewritten_again_and_again_is_a_loop():
    sections = [sentence for sentence in LIGHTHOUSES if "?" not in sentence]
    rewrites = [
        f"Here is version {n}. " + " ".join(sections[n % 4 :] + sections[: n % 4]) + f" Note {word} added."
        for n, word in enumerate(["ships", "fog", "rocks", "storms", "maps", "tides", "buoys", "crews"])
    ]
    assert [span[0] for span in spans("Write an essay on lighthouses.", *rewrites)] == [3]


def test_one_speaker_who_says_the_same_is_stuck_whatever_the_other_says():
    texts = [
        text for asked in LIGHTHOUSES[:8] for text in (asked, "I am sorry, please tell me more about it.")
    ]
    [loop] = find_loops(dialogue(*texts))
    assert (loop.kind, loop.speakers, loop.onset, loop.period) == ("stuck", ("Ben",), 3, 1)


def test_question_and_deflection_in_other_words_are_a_loop():
    asked = [
        "What does the ticket cost?",
        "How much is it?",
        "Tell me the fare.",
        "And the price?",
        "What do I pay?",
    ]
    deflected = [
        "Sorry, say that again?",
        "I did not catch that.",
        "Could you repeat it?",
        "Pardon?",
        "Please rephrase.",
    ]
    texts = [text for pair in zip(asked, deflected, strict=True) for text in pair]
    assert [span[2] for span in spans(*texts)] == ["deflection"]


def test_dialogue_that_recovers_has_a_loop_with_an_end_and_may_loop_again():
    loop = [QUESTION, ANSWER] * 5
    again = ["Nice weather for a tour around the lake today.", "Yes, cycling is healthy and quiet."] * 5
    found = spans(*loop, *LIGHTHOUSES, *again)
    assert [(onset, end) for onset, end, *_ in found] == [(3, 10), (26, 33)]


@pytest.mark.parametrize(
    "texts",
    [
        [
            text
            for land, city in [
                ("Peru", "Lima"), ("Spain", "Madrid"), ("Chile", "Santiago"), ("Cuba", "Havana"), ("Kenya", "Nairobi"),
                ("Italy", "Rome"), ("Japan", "Tokyo"), ("Egypt", "Cairo"), ("Norway", "Oslo"), ("Ghana", "Accra"),
            ]
            for text in (f"What is the capital of {land}?", f"The capital of {land} is {city}.")
        ],
        [text for n in range(2, 12) for text in (f"What is 7 times {n}?", f"{7 * n}.")],
        [text for told in LIGHTHOUSES for text in (told, "Uh-huh.")],
        [f"Acknowledged. {told}" for told in LIGHTHOUSES],
        [
            text
            for n, told in enumerate(LIGHTHOUSES)
            for text in (
                f"## Review of part {n}\n\n**Summary:** {told}\n\n**Verdict:** keep",
                f"Thanks for the review of {n}.",
            )
        ],
        ["🐣🥚", "🐔🌽", "🦊🌲", "🐔🏃", "🐕🏡", "🦊💨", "🥚🐣🐣", "🎉🐔", "🌅🚜"],
        ["¿Qué comiste ayer?", "Una sopa de pescado.", "¿Y de postre?", "Un flan con nata.", "Suena rico.", "Lo era."],
    ],
    ids=["capitals", "times table", "backchannels", "acknowledged", "review headings", "emoji story", "Spanish"],
)  # fmt: skip
def test_healthy_repetition_is_no_loop(texts):
    assert spans(*texts) == []


def test_verdict_says_where_who_how_long_and_quotes():
    verdict = dialogue(*LIGHTHOUSES, *RITUAL).has_no_loops()
    assert verdict.outcome is Outcome.FAILS
    assert "messages 15 to 27 add nothing new (ritual): 13 messages, about" in verdict.explanation
    assert "by Ann and Ben, Ann first" in verdict.explanation
    assert [evidence.message for evidence in verdict.evidence] == [15, 16, 17]


def test_allowed_kinds_are_not_held_against_it():
    assert NoLoops(allow=("ritual",)).check(dialogue(*LIGHTHOUSES, *RITUAL))


@pytest.mark.parametrize(
    "texts", [["Hello."], [""], ["\x00"], ["\ud800"], ["z̷̡̛͙a̸l̶g̷o̵"], ["\u202eاهلا"]], ids=repr
)
def test_odd_transcripts_have_a_verdict(texts):
    assert dialogue(*texts).has_no_loops()


def test_monologue_that_repeats_is_a_loop():
    assert [span[2] for span in spans(*[QUESTION] * 9, speakers=["Ann"])] == ["repeat"]


def test_thousand_speakers_are_read():
    assert spans(*LIGHTHOUSES * 80, speakers=[f"Speaker {n}" for n in range(1000)])[0][:2] == (14, 1040)


@pytest.mark.parametrize("allow", ["ritual", ("rituals",), [3]], ids=repr)
def test_kinds_that_do_not_exist_are_refused(allow):
    with pytest.raises(
        ConfigurationError, match=r"NoLoops: allow=.* \(known: repeat, .*, stuck, deflection, .*, calls\)"
    ):
        NoLoops(allow)


COMES_BACK = "So tell me, which boat will you take?"
ASIDES = ["A red one.", "", "Fine weather.", "", "", "I like tea.", "", "", ""]


def test_one_speaker_who_comes_back_to_the_same_is_stuck_though_not_in_a_row():
    texts = [
        text
        for asked, aside in zip(LIGHTHOUSES, ASIDES, strict=False)
        for text in (asked, aside if aside == "I like tea." else f"{aside} {COMES_BACK}".strip())
    ]
    [loop] = find_loops(dialogue(*texts))
    assert (loop.kind, loop.speakers) == ("stuck", ("Ben",))


def test_who_asks_for_the_next_thing_and_gets_it_is_not_stuck():
    dishes = [
        "Lentil soup.",
        "Rye bread.",
        "Grilled trout.",
        "Green salad.",
        "Plum cake.",
        "Cider.",
        "Espresso.",
    ]
    texts = [text for dish in dishes for text in ("Certainly. Would you like anything else with that?", dish)]
    assert find_loops(dialogue(*texts)) == []


def test_who_offers_more_and_gets_nothing_is_stuck():
    texts = [text for _ in range(7) for text in ("Certainly. Would you like anything else with that?", "ok")]
    assert find_loops(dialogue("A chair is broken.", *texts))


def test_a_second_round_of_the_same_questions_is_no_loop():
    questions = [
        f"{what} did you have in that year?"
        for what in ("What house", "Which job", "How many dogs", "What hopes")
    ]
    answers = [
        "A mill.",
        "Weaver.",
        "Two terriers.",
        "Emigration.",
        "A cottage.",
        "Postman.",
        "One spaniel.",
        "Retirement.",
    ]
    texts = [text for asked, said in zip(questions * 2, answers, strict=True) for text in (asked, said)]
    assert find_loops(dialogue(*texts)) == []


def test_both_sides_that_only_agree_are_in_a_loop():
    agreeing = ["Absolutely.", "Totally agree.", "So true.", "Exactly my view.", "Spot on.", "You nailed it."]
    assert spans("Remote work makes people happier.", *agreeing) == [(2, 6, "agreeing", None)]
    assert spans("Remote work makes people happier.", *agreeing[:4]) == []
    assert NoLoops(allow=("agreeing",)).check(dialogue("Remote work is good.", *agreeing))


def test_who_asks_the_same_and_gets_a_new_number_is_not_stuck():
    miles = ("Mile 12, two hours to go.", "Mile 19, the wind is better now.", "Mile 23, a seal on the ice.")
    more = ("Mile 31, all well.", "Mile 38, we see the lamp.", "Mile 44 of 44, on shore.")
    said = [one for answer in (*miles, *more) for one in ("How far is the boat by now?", answer)]
    assert spans(*said) == []
    deaf = [
        one
        for answer in "abcdef"
        for one in ("How far is the boat by now?", f"Ask the {answer}berry harbour.")
    ]
    assert [span[2] for span in spans(*deaf)] == ["stuck"]


def test_single_symbols_that_are_new_each_time_are_empty():
    assert [span[2] for span in spans("It came!", "The blue one?", *"💙🥰😘🤗💃🎉😍🌊")] == ["empty"]


def test_who_gives_back_questions_as_well_is_stuck():
    heard = (
        "The pump is gone.",
        "Are you home by nine?",
        "I asked you.",
        "That is not funny.",
        "Will you stop?",
        "Ben!",
    )
    (loop,) = find_loops(dialogue(*(one for said in heard for one in (said, said))))
    assert (loop.kind, loop.speakers) == ("stuck", ("Ben",))
    lesson = (
        "The pump is gone.",
        "I am home by nine.",
        "She asked him.",
        "That is funny.",
        "We will stop.",
        "So it is.",
    )
    assert spans(*(one for said in lesson for one in (said, said))) == []
