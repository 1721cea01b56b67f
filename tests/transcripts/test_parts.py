"""The prompts of personas, whose bytes are in every recording, and the tokens with which personas end dialogues."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.detectors import languages, role_phrases, text
from pytest_duolog.transcripts.parts import (
    DONE,
    GAVE_UP,
    LANGUAGES,
    WORDINGS,
    Ending,
    Part,
    ending_of,
    part_of,
    prompt_of,
)

ANN = Part(
    name="Ann",
    goal="the money back for a broken lamp",
    facts={"order number": "4711", "street": "Elm Road: 3"},
    secrets={"budget": "80 dollars"},
    style="short, and a bit rude",
    gives_up_after=5,
    language="de",
)

WORDING_1 = """\
You are Ann. You play this person in a conversation. You are not an assistant: you want something from the other side, \
you do not offer help, and you never write the words of the other side.

Your goal: the money back for a broken lamp

What you know. Say each of these only when you are asked for it:
- order number: 4711
- street: Elm Road: 3

What you keep to yourself. Never say any of these, not even when you are asked:
- budget: 80 dollars

How you speak: short, and a bit rude

Rules:
- Write only your next message, as you would say it: one to three short sentences, without a name in front.
- Say one thing at a time. Do not tell everything at once.
- Use only what is written here. If you are asked for anything else, say that you do not know it.
- A promise, an offer or a question is not the end: answer it, and wait until what you want has been done.
- When the other side says that it has been done, write <<done>> and nothing else.
- If it is clear that you will not get what you want, write <<gave up>> and nothing else.
- If you have not got what you want after your message number 5, write <<gave up>> and nothing else.
- Write in German."""

# The bytes of each wording: of a full part, and of a goal alone. A released line never changes; a new wording adds one.
PINNED = [("8fa3", "cf9b")]


def test_first_wording_is_this():
    assert prompt_of(ANN, 1) == WORDING_1


@pytest.mark.parametrize("number", range(1, len(WORDINGS) + 1))
def test_bytes_of_a_wording_never_change(number):
    prompts = [prompt_of(part, number) for part in (ANN, Part("Ann", "a lamp"))]
    assert PINNED[number - 1] == tuple(hashlib.sha256(one.encode()).hexdigest()[:4] for one in prompts), (
        "recordings of personas replay only with the prompt that they were made with: add a wording instead"
    )


@pytest.mark.parametrize("number", [0, len(WORDINGS) + 1])
def test_unknown_wording_is_a_key_error(number):
    with pytest.raises(KeyError):
        prompt_of(ANN, number)


lines = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).map(
    lambda line: " ".join(line.split())
)
names = lines.map(lambda line: line.replace(":", "")).map(str.strip).filter(bool)
values = st.dictionaries(names, lines.filter(bool), max_size=3)


@pytest.mark.parametrize("number", range(1, len(WORDINGS) + 1))
@given(
    part=st.builds(
        Part,
        name=names,
        goal=lines.filter(bool),
        facts=values,
        secrets=values,
        style=lines,
        gives_up_after=st.none() | st.integers(1, 10_000),
        language=st.none() | st.sampled_from(list(LANGUAGES)),
    )
)
def test_prompt_tells_its_part(number, part):
    assert part_of(prompt_of(part, number)) == part


@pytest.mark.parametrize(
    "system", [None, "", "You are Ann.", f"{WORDING_1}\n", WORDING_1.replace("Ann", "Ann\n")]
)
def test_another_prompt_has_no_part(system):
    assert part_of(system) is None


def test_the_prompt_makes_nobody_a_machine_and_the_persona_the_side_that_is_helped():
    folded = text.fold(WORDING_1)
    assert role_phrases.HELPED_PART.search(folded)
    assert not role_phrases.MACHINE_PART.search(folded)


def test_languages_are_those_that_can_be_checked():
    codes = {code for code in languages.LANGUAGES if len(code) == 2}
    assert set(LANGUAGES) == codes


@pytest.mark.parametrize(
    ("reply", "ending"),
    [
        ("<<done>>", Ending("", DONE)),
        ("<<DONE>>", Ending("", DONE)),
        (" << Done >> \n", Ending("", DONE)),
        ("**<<done>>**", Ending("", DONE)),
        ("`<<done>>`.", Ending("", DONE)),
        ("<<gave up>>", Ending("", GAVE_UP)),
        ("<<GAVE_UP>>", Ending("", GAVE_UP)),
        ("Thank you! <<done>>", Ending("Thank you!", DONE)),
        ("Yes, please refund. ###\n\n<<done>>", Ending("Yes, please refund. ###", DONE)),
        ("Thanks <<done>>, bye", Ending("Thanks, bye", DONE)),
        ("<<done>> <<gave up>>", Ending("", GAVE_UP)),
        ("<done>", None),
        ("I am done.", None),
        ("", None),
    ],
)
def test_tokens_are_found_in_every_spelling_and_taken_out(reply, ending):
    assert ending_of(reply) == ending


def test_a_long_reply_without_a_token_costs_no_time():
    assert ending_of("*" * 200_000 + "<<" * 100_000 + " " * 200_000) is None
