"""Dialogues that people write by hand: names, colons, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_duolog import Transcript
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.sources import Source, Unreadable, read_sources

TALK = [("Alice", "Do you repair lamps?"), ("Bob", "We do."), ("Alice", "Good.")]


def only(text: str) -> Source:
    (found,) = read_sources(text, file="talk.md")
    assert isinstance(found, Source), found
    return found


def said(text: str) -> list[tuple[str, str]]:
    return [(message.speaker, message.content) for message in only(text).transcript.messages]


@pytest.mark.parametrize(
    "text",
    [
        "Alice: Do you repair lamps?\nBob: We do.\nAlice: Good.\n",
        "Alice: Do you repair lamps?\n\nBob: We do.\n\n\nAlice: Good.",
        "\ufeffAlice: Do you repair lamps?\r\nBob: We do.\r\nAlice: Good.\r\n",
        "# A talk about lamps\n\nAlice: Do you repair lamps?\nBob: We do.\nAlice: Good.",
        "## Conversation\n\nAlice: Do you repair lamps?\n\nBob: We do.\n\nAlice: Good.",
        "**Alice:** Do you repair lamps?\n\n**Bob:** We do.\n\n**Alice:** Good.",
        "*Alice*: Do you repair lamps?\n_Bob_: We do.\n__Alice__: Good.",
        "Alice:\nDo you repair lamps?\nBob:\nWe do.\nAlice:\nGood.",
        "Alice : Do you repair lamps?\nBob : We do.\nAlice : Good.",
        "2026-03-01 09:05Z Alice: Do you repair lamps?\n2026-03-01 09:06 Bob: We do.\n[2026-03-01T09:07] Alice: Good.",
        "[2026-03-01 10:01] Alice: Do you repair lamps?\n[2026-03-01 10:02] Bob: We do.\n[10:03] Alice: Good.",
        "[10:01:22] Alice: Do you repair lamps?\n[10:02] Bob: We do.\n10:03 Alice: Good.",
        "(10:01) Alice: Do you repair lamps?\n10:02 pm Bob: We do.\n[10:03 AM] Alice: Good.",
        "1/3/26, 1:01 - Alice: Do you repair lamps?\n1.3.26, 1:02 – Bob: We do.\n1.3.26, 1:03\u202fPM - Alice: Good.",
        "[01/03/26, 10:01:22] Alice: Do you repair lamps?\n\u200e[01.03.26, 10:02] Bob: We do.\n[10:03] Alice: Good.",
        "**Alice** (by phone: room 3): Do you repair lamps?\n\n**Bob** [09:06:10]:\n\nWe do.\n\n**Alice**: Good.",
        "**🧑 Alice:** Do you repair lamps?\n\n🤖 **Bob**: We do.\n\n**🧑‍💻️Alice:** Good.",
        "# Lamps\n> **Alice**: Do you repair lamps?\n>\n> Bob: We do.\n\n> **Alice**: Good.",
        "- **Alice:** Do you repair lamps?\n- **Bob:** We do.\n\n- **Alice:** Good.",
    ],
    ids=[
        *("lines", "paragraphs", "Windows", "title", "heading", "bold", "marks", "names alone", "space"),
        *(
            "times",
            "times in brackets",
            "hours",
            "more hours",
            "WhatsApp",
            "WhatsApp in brackets",
            "remarks",
            "signs",
            "quotes",
            "list",
        ),
    ],
)
def test_a_name_and_a_colon_begin_a_message(text: str):
    assert said(text) == TALK


def test_words_before_two_names_in_bold_that_take_turns_are_passed_over():
    two = "**Alice:** Do you repair lamps?\n\n**Bob:** We do.\n\n"
    assert said("# Lamps\n\n*Started at nine*\n\n" + two + two) == TALK[:2] * 2
    assert said("*Nine*\n\n**Host:** Begin.\n\n" + two + two) == [("Host", "Begin."), *TALK[:2], *TALK[:2]]


def test_headings_of_two_who_take_turns_are_names():
    head = "# A and B\n\n**Started:** 2026-03-01\n\n---\n\n"
    two = "### A 1.5\n\nHi.\n\n---\n\n### B\n\n### Menu\n\n- tea\n\n---\n\n"
    assert said(head + two + two) == [("A 1.5", "Hi."), ("B", "### Menu\n\n- tea")] * 2
    assert only("Talk\n## A\nx\n## B\ny\n## A\nz\n## B\nw").message_lines == (2, 4, 6, 8)
    wide = "### a" + " " * 20_000 + "b"
    assert said(f"Talk\n## A \t\n{wide}\n## B\ny\n## A\nz\n## B\nw")[:2] == [("A", wide), ("B", "y")]


@pytest.mark.parametrize(
    "heads",
    [("User:", "**User:**"), ("**User**:", "User"), ("🧑 User", "__User__"), ("**🧑 User：**", "User :")],
)
def test_the_name_in_a_heading_is_bare(heads: tuple[str, str]):
    text = "".join(f"#### {head}\n\nHi.\n\n#### 🤖:\n\nHo.\n\n" for head in heads)
    assert said(text) == [("User", "Hi."), ("🤖", "Ho.")] * 2


@pytest.mark.parametrize(
    "text",
    [
        "Changes\n\n## 1.1\n\n### Added\n\nx\n\n### Fixed\n\ny\n\n## 1.0\n\n### Added\n\nz\n\n### Fixed\n\nw\n",
        "Notes\n\n## Use\n\nx\n\n## Why\n\ny\n\n## How\n\nz\n\n## Use\n\nw\n",
        "Notes\n\n## Use\n\nx\n\n## Why\n\ny\n",
        "Notes\n\n**Use:** x\n\n**Why:** y\n",
        "Notes\n\n**Use:** x\n\n**Why:** y\n\n**How:** z\n\n**Use:** x\n\n**Why:** y\n\n**How:** z\n",
        "Notes\n\n**Use:** x\n**Why:** y\n\n**Use:** x\n**Why:** y\n",
        "# Lamps\n\n- **Fast:** x\n- **Small:** y\n",
    ],
    ids=[
        *("changelog", "three headings", "two messages", "two in bold", "three in bold", "lists in bold"),
        "list of features",
    ],
)
def test_other_headings_and_words_in_bold_are_no_names(text: str):
    (found,) = read_sources(text, file="notes.md")
    assert isinstance(found, Unreadable)


def test_names_are_what_people_are_called():
    names = ["Dr. Smith", "Agent 7", "李明", "Anne-Marie O’Neil", "Zoë (support)", "user"]
    assert [name for name, _ in said("\n".join(f"{name}: Hello." for name in names * 2))] == names * 2
    assert said("李明：你好。\n王芳：你好！") == [("李明", "你好。"), ("王芳", "你好！")]


def test_other_lines_belong_to_the_message_before_them():
    first = "Here is the recipe:\nNote: it is long.\n\n- milk\n  Bob: not him\nhttps://example.org"
    assert said(f"Ann: {first}\nBob: Thanks.\nAnn: Bye.\nBob: Bye.") == [
        ("Ann", first),
        ("Bob", "Thanks."),
        ("Ann", "Bye."),
        ("Bob", "Bye."),
    ]


def test_a_third_speaker_who_speaks_once_is_heard():
    assert [name for name, _ in said("Ann: Hi.\nBob: Hello.\nCem: Good day.")] == ["Ann", "Bob", "Cem"]
    assert [name for name, _ in said("Ann: Hi.\nall\n\nBob: Hello.\n\nCem: Good day.")] == [
        "Ann",
        "Bob",
        "Cem",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "Lamp: MIT.\nDesk: Jo Doe\nChair: 1.2\nRug: none\nBed: new",
            "only once come 'Lamp', 'Desk', 'Chair' and 2 more, and speakers come again",
        ),
        ("License: MIT.\nVersion: 2", "'License', 'Version' are no names of speakers"),
        ("# Lamp\n\nname: Lux\n\nPrice: 30", "'name', 'Price' are no names of speakers"),
        (
            "**Step 1:** Open the lid.\n\n**Step 2:** Fill it.\n\n**Step 3:** Close it.\n\n**Step 4:** Wait.",
            "only once come 'Step 1', 'Step 2', 'Step 3' and 1 more",
        ),
        ("Fact: hot.\nFact: wet.\nDanger: high.\nFact: dry.\nFact: cold.", "only once come 'Danger'"),
        ("Fact: hot.\nFact: wet.\nFact: dry.\nFact: cold.", "all of it is of 'Fact'"),
    ],
    ids=["terms", "two fields", "fields after a title", "steps", "notes", "one label"],
)
def test_a_list_is_no_dialogue(text: str, why: str):
    (found,) = read_sources(text, file="talk.md")
    assert isinstance(found, Unreadable)
    assert found.line in (1, 3)
    assert found.problem.startswith(f"this is no dialogue but a list: {why}")


@pytest.mark.parametrize(
    "text",
    [
        "Ann: Tea?\nBen: Yes.\nAnn: Now?\nBen: Please.\nCem: Me too.",
        "Narrator: It rains.\nAnn: Tea?\nBen: Yes.\nAnn: Now?\nBen: Please.",
        "[10:01] Ann: Tea?\n[10:02] Ben: Yes.\n[10:03] Cem: No.\n[10:04] Dan: Please.",
        "User: hello\nUser: anyone there?\nUser: hello\nBot: Sorry for the wait.\nUser: bye",
    ],
    ids=["a late guest", "a narrator", "with times", "one answer"],
)
def test_who_speaks_once_in_a_dialogue_makes_no_list_of_it(text: str):
    assert len(said(text)) == len(text.splitlines())


def test_an_export_of_whatsapp_has_notices_and_numbers():
    text = (
        "3/1/26, 10:01\u202fAM - Messages and calls are end-to-end encrypted.\n"
        "3/1/26, 10:01\u202fAM - \u202a+33 6 12 34 56 78\u202c: Is the lamp there?\nThe red one.\n"
        "3/1/26, 10:02\u202fAM - Ann added Ben\n"
        "3/1/26, 10:02\u202fAM - ~\u202fBen: Yes.\n"
        "3/1/26, 10:03\u202fAM - +1 (555) 123-4567: I want it.\n"
    )
    assert said(text) == [
        ("+33 6 12 34 56 78", "Is the lamp there?\nThe red one."),
        ("Ben", "Yes."),
        ("+1 (555) 123-4567", "I want it."),
    ]


def test_a_line_with_a_date_is_said_where_names_have_none():
    text = "Ann: When was it?\n2026-03-01 10:01 in the morning\nBen: I see."
    assert said(text) == [("Ann", "When was it?\n2026-03-01 10:01 in the morning"), ("Ben", "I see.")]


def test_a_label_inside_a_message_is_no_speaker():
    text = "Ann: Hi.\nBob: The list,\nas promised.\nNote: it is long.\nAnn: Thanks."
    assert said(text) == [
        ("Ann", "Hi."),
        ("Bob", "The list,\nas promised.\nNote: it is long."),
        ("Ann", "Thanks."),
    ]


def test_an_item_in_bold_inside_a_message_is_no_speaker():
    text = "There are two.\n\n- **Pros:** light\n- **Cons:** dear"
    assert said(f"Ann: Which lamps?\n\nBob: {text}\n\nAnn: > Bye.") == [
        ("Ann", "Which lamps?"),
        ("Bob", text),
        ("Ann", "> Bye."),
    ]


def test_a_timetable_inside_a_message_has_no_speakers():
    text = "The day:\n\n10:00 Opening: Eve\n\n11:00 Opening: Dan"
    assert said(f"Ann: When?\n\nBob: {text}\n\nAnn: Thanks.") == [
        ("Ann", "When?"),
        ("Bob", text),
        ("Ann", "Thanks."),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[build-system]\nrequires = []\n", "expected a speaker's name"),
        ("[tool.x]\na = 1\n", "expected a speaker's name"),
        ("[1, 2", "not JSON"),
        ('[{"role": "user",', "not JSON"),
        ("[\n", "not JSON"),
        ("[true,", "not JSON"),
    ],
)
def test_only_what_begins_as_json_is_called_damaged_json(text: str, problem: str):
    (found,) = read_sources(text, file="x.txt")
    assert isinstance(found, Unreadable)
    assert problem in found.problem


def test_headings_that_are_nearly_names_are_told():
    (found,) = read_sources("## **User**\n\nHi.\n\n## Bot:\n\nHo.\n", file="x.md")
    assert isinstance(found, Unreadable)
    assert (
        "its headings ('Bot', 'User') are speakers only if two of them take turns, in 4 messages"
        in found.problem
    )
    (found,) = read_sources("Notes\n\n## A\n\n## B\n\n## C\n\n## D\n", file="x.md")
    assert isinstance(found, Unreadable)
    assert "headings" not in found.problem


def test_a_topic_may_stand_above():
    transcript = only("Topic: lamps\n\nAlice: Do you repair lamps?\nBob: We do.\nAlice: Good.").transcript
    assert transcript.topic == "lamps"
    assert [(message.speaker, message.content) for message in transcript.messages] == TALK


def test_every_message_has_its_line():
    text = "# Title\n\nAlice: One\nmore.\n\nBob: Two.\nAlice: Three."
    source = only(text)
    assert [text.split("\n")[source.line_of(number) - 1] for number in (1, 2, 3)] == [
        "Alice: One",
        "Bob: Two.",
        "Alice: Three.",
    ]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (
            "\n\nSome notes.\nAlice: Hi.\nBob: Hello.",
            3,
            "expected a speaker's name and a colon, as in 'Alice: Hello.'",
        ),
        (
            "Note: buy milk.",
            1,
            "expected two messages or more, each after a speaker's name and a colon, found one",
        ),
        ("# Only a title\n", 1, "not a transcript"),
        ("- Alice: Hi.\n- Bob: Hello.", 1, "found '- Alice: Hi.'"),
        ("This line is a whole sentence and ends with: a colon\nAlice: Hi.", 1, "expected a speaker's name"),
        ("## Conversation\n\nEve: hi", 3, "expected two messages"),
        ("Speaker A: Ann\nSpeaker B: Ben\n\n## Conversation\n\nEve: hi", 6, "expected 'Ann:' or 'Ben:'"),
        ("Topic: lamps\nSome words.\nAlice: Hi.", 2, "found 'Some words.'"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, problem: str):
    (found,) = read_sources(text, file="talk.md")
    assert not isinstance(found, Source)
    assert found.line == line
    assert problem in found.problem


def test_a_file_is_read_without_pytest_and_named_in_errors(tmp_path):
    path = tmp_path / "talk.md"
    path.write_text("Alice: Hi.\nBob: Hello.\n", "utf-8")
    assert len(Transcript.from_markdown(path)) == 2
    path.write_text("Alice: Hi.\n", "utf-8")
    with pytest.raises(TranscriptError, match="line 1: expected two messages"):
        Transcript.from_markdown(path)


NAMES = st.sampled_from(["Ann", "Ben", "Dr. Who", "李明"])
LINE = st.text(alphabet=st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20).filter(
    lambda text: ":" not in text and "：" not in text
)


@given(st.lists(st.tuples(NAMES, LINE), min_size=2, max_size=8), st.sampled_from(["\n", "\n\n"]))
def test_what_was_written_by_hand_is_read(talk: list[tuple[str, str]], between: str):
    talk = talk if len(talk) < 4 else [*talk, *talk]
    assume(len(talk) < 4 or len({name for name, _ in talk}) > 1)
    text = between.join(f"{name}: {line}" for name, line in talk)
    assert said(text) == [(name, line.strip()) for name, line in talk]


@given(st.text(alphabet="ABab:： \n*_#.-`", max_size=80))
def test_any_text_is_read_or_refused_with_a_line(text: str):
    for found in read_sources(text, file="x.md"):
        assert isinstance(found, Source) or found.line >= 1


@pytest.mark.parametrize("text", ["Ann: MIT.\nVersion: 2", "[10:01] Name: Hi.\n[10:02] Note: Hello."])
def test_a_name_or_a_time_makes_a_dialogue_of_fields(text: str):
    assert len(said(text)) == 2
