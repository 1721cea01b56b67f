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


def test_a_question_in_another_language_is_left_to_others():
    assert takes_up("wann fährt das schiff?", "um sechs") is None
