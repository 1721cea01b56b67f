"""Logs as tables: which columns hold what, and that no conversation is judged in halves."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.commands.logs import each_logged
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.logs.chunks import chunks_of, dialogues_of
from pytest_duolog.transcripts.logs.reading import dialogues_in
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS, Columns, columns_from
from pytest_duolog.transcripts.sources import Source, Unreadable

HEADER = "conversation_id,role,content"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(entry: Source | Unreadable) -> tuple[str, int, Any]:
    """The id, the line and what was said; of a place that cannot be read, the problem."""
    if isinstance(entry, Unreadable):
        return "", entry.line, entry.problem
    return entry.id, entry.line, [(one.speaker, one.content) for one in entry.transcript.messages]


def read(*files: str, columns: Columns = NO_COLUMNS) -> list[tuple[str, int, Any]]:
    return [told(entry) for file in files for entry in dialogues_in(file, columns)]


def parquet(columns: dict[str, Any], name: str = "log.parquet", **options: Any) -> None:
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(arrow.table(columns), name, **options)


@pytest.mark.parametrize(
    ("header", "sign"),
    [
        (HEADER, ","),
        ("Session ID;Speaker;Message", ";"),
        ("\ufeffthread_id\tauthor\tbody", "\t"),
        ("dialogue-id,FROM,text", ","),
    ],
)
def test_usual_names_are_found_whatever_their_spelling(header: str, sign: str):
    rows = [header, f"a{sign}user{sign}Hi.", f"a{sign}bot{sign}Bye!", f"b{sign}user{sign}Hm."]
    Path("log.csv").write_text("\n".join(rows), "utf-8")
    assert read("log.csv") == [
        ("a", 2, [("user", "Hi."), ("bot", "Bye!")]),
        ("b", 4, [("user", "Hm.")]),
    ]


def test_columns_that_are_named_win_over_usual_ones():
    Path("log.csv").write_text("role,content,who,id,text\nx,y,Ann,1,Hi.\nx,y,Ben,1,Bye!\n", "utf-8")
    columns = columns_from(["conversation=id", "role=who", "text=text"])
    assert read("log.csv", columns=columns) == [("1", 2, [("Ann", "Hi."), ("Ben", "Bye!")])]


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        (("10", "9", "8.5"), ["c", "b", "a"]),
        (("2026-01-02", "2026-01-01T10:00:00+02:00", "2026-01-01T09:00:00Z"), ["b", "c", "a"]),
        (("1", "1", "0"), ["c", "a", "b"]),
    ],
)
def test_rows_are_in_the_order_of_their_times(moments: tuple[str, ...], said: list[str]):
    rows = [f"1,user,{text},{at}" for text, at in zip("abc", moments, strict=True)]
    Path("log.csv").write_text("\n".join([f"{HEADER},timestamp", *rows]), "utf-8")
    assert [text for _, text in read("log.csv")[0][2]] == said
    assert [text for _, text in read("log.csv", columns=Columns(order=""))[0][2]] == ["a", "b", "c"]


@pytest.mark.parametrize("first", [2**53, 2**60, 10**37])
@pytest.mark.parametrize("kind", ["csv", "parquet", "decimal"])
def test_great_numbers_of_an_order_are_not_rounded(first: int, kind: str):
    order: list[Any] = [first + 1, first]
    if kind == "csv":
        rows = (f"1,user,{text},{at}" for text, at in zip("ba", order, strict=True))
        Path("log.csv").write_text("\n".join([f"{HEADER},seq", *rows]), "utf-8")
    else:
        if kind == "decimal" or first >= 2**63:
            order = list(map(Decimal, order))
        cells = {"conversation_id": ["1", "1"], "role": ["user"] * 2, "content": ["b", "a"], "seq": order}
        parquet(cells)
    ((_, _, said),) = read("log.csv" if kind == "csv" else "log.parquet")
    assert [text for _, text in said] == ["a", "b"]


def test_columns_of_facts_are_found_whatever_their_spelling():
    header = "Session ID,Role,Content,Topic,System,Model,Tool-Calls,Tool Call ID,NAME"
    call = '"[{""id"": ""c1"", ""function"": {""name"": ""look"", ""arguments"": ""{}""}}]"'
    rows = [
        "1,user,Hi.,parcels,Be kind.,m1,,,",
        f"1,assistant,I look.,parcels,Be kind.,m1,{call},,",
        "1,tool,found,parcels,Be kind.,m1,,c1,look",
    ]
    Path("odd.csv").write_text("\n".join([header, *rows]), "utf-8")
    plain = "session_id,role,content,topic,system,model,tool_calls,tool_call_id,name"
    Path("plain.csv").write_text("\n".join([plain, *rows]), "utf-8")
    odd, usual = (
        [one.transcript for one in dialogues_in(name) if isinstance(one, Source)]
        for name in ("odd.csv", "plain.csv")
    )
    assert odd == usual
    assert odd[0].topic == "parcels"
    assert odd[0].messages[1].tool_calls


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_quote_that_does_not_end_names_the_lines_it_takes(end: str):
    rows = [HEADER, "a,user,Hi.", 'b,user,"Hm.', *(f"{at},user,Hello." for at in range(9))]
    Path("log.csv").write_text("\n".join(rows) + end, "utf-8")
    problems = [said for id_, _, said in read("log.csv") if not id_]
    assert any("lines 3 to 12 are lost: a quote in them" in said for said in problems)


def test_columns_of_one_name_that_are_not_used_do_no_harm():
    Path("log.csv").write_text(f"{HEADER},,\n1,user,Hi.,,\n", "utf-8")
    assert read("log.csv") == [("1", 2, [("user", "Hi.")])]


def test_an_empty_table_is_refused():
    Path("log.csv").write_text(f"{HEADER}\n", "utf-8")
    Path("log.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n".encode()))
    parquet({"messages": []})
    assert read("log.csv", "log.csv.gz", "log.parquet") == [("", 1, "the table has no rows")] * 3


def test_an_order_that_cannot_be_told_is_said_with_the_way_out():
    Path("log.csv").write_text(f"{HEADER},date\n1,user,a,1/31/26\n2,user,b,3\n2,user,c,2026-01-01\n", "utf-8")
    (_, line, problem), (_, _, other) = read("log.csv")
    assert line == 2
    assert (
        "'1/31/26' is neither a number nor a date such as 2026-01-31T09:30:00; --column order= keeps"
        in problem
    )
    assert "has numbers and dates" in other


def test_a_row_may_be_a_whole_conversation():
    messages = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Bye!"}]
    with Path("log.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ["id", "messages"],
                ["x", json.dumps(messages)],
                ["", "oops"],
                ["z", json.dumps({"messages": messages})],
            ]
        )
    said = [("user", "Hi."), ("assistant", "Bye!")]
    assert read("log.csv") == [
        ("x", 2, said),
        ("", 3, "column 'messages' is not JSON with a list of messages: 'oops'"),
        ("z", 4, said),
    ]


def test_parquet_with_lists_of_structs_as_data_sets_have_them():
    said = [
        [{"role": "user", "content": "Hi.", "turn": 1}, {"role": "assistant", "content": None, "turn": None}]
    ]
    parquet({"conversation_hash": ["h"], "model": ["m"], "conversation": said, "turn": [1]})
    assert read("log.parquet") == [("h", 1, [("user", "Hi."), ("assistant", "")])]
    (entry,) = dialogues_in("log.parquet")
    assert isinstance(entry, Source)
    assert entry.transcript.speakers[1].model == "m"
    share = [[{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Bye!"}]]
    parquet({"conversations": share}, "share.parquet")
    assert read("share.parquet") == [("share:1", 1, [("human", "Hi."), ("gpt", "Bye!")])]


def test_parquet_with_a_row_a_message_is_cut_between_conversations():
    numbers = [n // 3 for n in range(30)]
    days = [date(2026, 1, 1 + 9 - at % 3) for at in range(30)]
    parquet(
        {"session_id": numbers, "role": ["user"] * 30, "content": [f"m{n}" for n in range(30)], "date": days},
        row_group_size=4,
    )
    chunks = list(chunks_of("log.parquet", 1))
    assert len(chunks) > 2
    found = [told(entry) for chunk in chunks for entry in dialogues_of(chunk)]
    assert found == read("log.parquet")
    assert found[1] == ("1", 4, [("user", "m5"), ("user", "m4"), ("user", "m3")])


def test_nanoseconds_of_parquet_order_rows():
    arrow = pytest.importorskip("pyarrow")
    times = arrow.array([1_700_000_000_000_000_999, 1_700_000_000_000_000_001], arrow.timestamp("ns"))
    parquet({"session": ["a", "a"], "role": ["user", "bot"], "text": ["2", "1"], "time": times})
    # A float cannot tell them apart, so they keep their order.
    assert read("log.parquet") == [("a", 1, [("bot", "1"), ("user", "2")])]


@pytest.mark.parametrize("pack", [False, True])
def test_a_conversation_whose_rows_are_apart_is_refused(pack: bool):
    text = f"{HEADER}\n1,user,a\n2,user,b\n1,bot,c\n".encode()
    name = "log.csv.gz" if pack else "log.csv"
    Path(name).write_bytes(gzip.compress(text) if pack else text)
    ((_, line, problem),) = read(name)
    assert line == 1
    assert problem.startswith("conversation '1' comes again in line 4, after others: ")
    assert "order by \"conversation_id\", row_number() over ()) to 'sorted.csv'" in problem


def test_a_row_that_cannot_be_read_spoils_what_it_may_be_part_of_and_nothing_else():
    rows = ["1,user,a", "2,user,b", "2,bot,c, d", "3,user,e", "4,user,f"]
    Path("log.csv").write_text("\n".join([HEADER, *rows, '5,user,"g', "6,user,h"]), "utf-8")
    assert read("log.csv") == [
        ("1", 2, [("user", "a")]),
        ("", 4, "it has 4 cells, and there are 3 columns: put quotes around text with ','"),
        ("", 3, "2: not judged, because line 4 cannot be read and may be part of it"),
        ("", 5, "3: not judged, because line 4 cannot be read and may be part of it"),
        ("", 7, "not CSV: unexpected end of data; lines 7 to 8 are lost: a quote in them does not end"),
        ("", 6, "4: not judged, because line 7 cannot be read and may be part of it"),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b",user,a", "column 'conversation_id' is empty"),
        (b"1,user,\xff", "not UTF-8"),
        (b'1,user,"a"b', "not CSV: ',' expected after '\"'"),
        (b"1,user,a\r1,user,b", "not CSV: it has a carriage return that ends no line (CR without LF), as in"),
    ],
)
def test_each_kind_of_bad_row_says_why(row: bytes, problem: str):
    Path("log.csv").write_bytes(HEADER.encode() + b"\n" + row + b"\n")
    ((id_, line, said),) = read("log.csv")
    assert (id_, line) == ("", 2)
    assert said.startswith(problem)


@pytest.mark.parametrize(
    ("content", "columns", "problem"),
    [
        (
            "a,b\n1,2\n",
            NO_COLUMNS,
            "it cannot be told which column has the conversation's id and the role and the",
        ),
        (
            "session,role\n1,2\n",
            NO_COLUMNS,
            "which column has the text of each message; its columns are 'session'",
        ),
        ("a,b\n1,2\n", Columns(text="c"), "it has no column 'c' (text); its columns are 'a', 'b'"),
        (f"{HEADER},content\n1,user,a,b\n", NO_COLUMNS, "it has 2 columns 'content': rename all but one"),
        ("", NO_COLUMNS, "the file is empty, or its first line is"),
        ("session,role\n", NO_COLUMNS, "it is UTF-16"),
        (
            f"{HEADER}\r1,user,a\r",
            NO_COLUMNS,
            "its first line is not CSV: it has a carriage return that ends no line",
        ),
    ],
)
def test_a_table_without_dialogues_is_refused_in_words(content: str, columns: Columns, problem: str):
    Path("log.csv").write_bytes(content.encode("utf-16-le" if "UTF-16" in problem else "utf-8"))
    ((_, _, said),) = read("log.csv", columns=columns)
    assert problem in said


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            ["who=x"],
            "'who=x' is not PART=NAME, with one of conversation, role, text, order, messages as PART",
        ),
        (["role"], "'role' is not PART=NAME"),
        (["role="], "'role=' is not PART=NAME"),
        (["role=a", "role=b"], "role=b and role=a name two columns"),
        (["messages=a", "text=b"], "text has no effect with it"),
    ],
)
def test_columns_that_mean_nothing_are_refused(written: list[str], problem: str):
    with pytest.raises(ConfigurationError, match=problem):
        columns_from(written)


def test_one_file_in_several_spellings_is_read_once(tmp_path: Path):
    Path("log.csv").write_text(f"{HEADER}\n1,user,a\n", "utf-8")
    Path("inner").mkdir()
    Path("link.csv").symlink_to("log.csv")
    spellings = (
        "inner/../log.csv",
        "./log.csv",
        "link.csv",
        "*.csv",
        str(tmp_path),
        str(tmp_path / "log.csv"),
    )
    found = [
        told(entry.source if isinstance(entry, FiledDialogue) else entry)
        for entry in each_logged(spellings, NO_COLUMNS)
    ]
    assert found == [("1", 2, [("user", "a")])]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    dialogues=st.lists(st.lists(TEXTS, min_size=1, max_size=4).filter(any), min_size=1, max_size=12),
    n_bytes=st.integers(1, 300),
)
def test_chunks_of_csv_hold_each_conversation_whole_and_once(tmp_path_factory, dialogues, n_bytes):
    path = tmp_path_factory.mktemp("log") / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(HEADER.split(","))
        writer.writerows([f"c{at}", "user", text] for at, texts in enumerate(dialogues) for text in texts)
    chunks = list(chunks_of(str(path), n_bytes))
    assert [chunk.start for chunk in chunks[1:]] == [chunk.end for chunk in chunks[:-1]]
    found = [told(entry) for chunk in chunks for entry in dialogues_of(chunk)]
    assert found == read(str(path))
    assert [(name, [text for _, text in said]) for name, _, said in found] == [
        (f"c{at}", texts) for at, texts in enumerate(dialogues)
    ]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("speaker,text\nAnn,Tea?\nBen,Yes.\n", NO_COLUMNS),
        ("Turn,From,Message\n2,Ben,Yes.\n1,Ann,Tea?\n", NO_COLUMNS),
        ("id,speaker,text\n7,Ann,Tea?\n8,Ben,Yes.\n", columns_from(["conversation="])),
    ],
    ids=["two columns", "with an order", "said"],
)
def test_a_table_without_ids_is_one_dialogue(content: str, columns: Columns):
    Path("talk.csv").write_text(content)
    [found] = dialogues_in("talk.csv", columns)
    assert isinstance(found, Source)
    assert found.id == "talk"
    assert [(message.speaker, message.content) for message in found.transcript.messages] == [
        ("Ann", "Tea?"),
        ("Ben", "Yes."),
    ]


def test_a_table_with_a_column_that_may_be_an_id_is_not():
    Path("talk.csv").write_text("case,speaker,text\n7,Ann,Tea?\n8,Ben,Yes.\n")
    [found] = dialogues_in("talk.csv", NO_COLUMNS)
    assert isinstance(found, Unreadable)
    assert "--column conversation=NAME (conversation= if all rows are one)" in found.problem
