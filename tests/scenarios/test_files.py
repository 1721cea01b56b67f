"""Files of scenarios: what their rows become, and what is said of a wrong one, with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.files import READERS, read_scenarios
from tests.recording.test_bounded_yaml import HOSTILE, bomb

SAME = {
    "s.yaml": """\
- id: lamp
  opener: "My lamp, the \\"blue\\" one, is broken."
  b: {model: "openai:x", system: "You sell lamps."}
  turns: 3
  stop_on: [goodbye, loop]
- id: 7
  a: scripted:counter
  temperature: 0.5
  samples: 2
""",
    "s.toml": """\
[[scenarios]]
id = "lamp"
opener = '''My lamp, the "blue" one, is broken.'''
b = { model = "openai:x", system = "You sell lamps." }
turns = 3
stop_on = ["goodbye", "loop"]

[[scenarios]]
id = 7
a.model = "scripted:counter"
temperature = 0.5
samples = 2
""",
    "s.csv": """\
id,opener,b.model,b.system,turns,stop_on,a,temperature,samples
lamp,"My lamp, the ""blue"" one, is broken.",openai:x,You sell lamps.,3,goodbye|loop,,,

7,,,,,,scripted:counter,0.5,2
""",
    "s.jsonl": """\
{"id": "lamp", "opener": "My lamp, the \\"blue\\" one, is broken.", \
"b": {"model": "openai:x", "system": "You sell lamps."}, "turns": 3, "stop_on": ["goodbye", "loop"]}

{"id": 7, "a": "scripted:counter", "temperature": 0.5, "samples": 2}
""",
}


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def wrong(tmp_path: Path, name: str, text: str) -> list[str]:
    """The complaints on a file, without the folder in front."""
    path = written(tmp_path, name, text)
    with pytest.raises(ConfigurationError) as raised:
        read_scenarios(path)
    return str(raised.value).replace(f"{tmp_path}/", "").splitlines()


@pytest.mark.parametrize("name", SAME)
def test_every_format_holds_the_same_rows(tmp_path: Path, name: str):
    lamp, counter = read_scenarios(written(tmp_path, name, SAME[name]))
    assert lamp.id == "lamp"
    assert lamp.values == {
        "opener": 'My lamp, the "blue" one, is broken.',
        "b": {"model": "openai:x", "system": "You sell lamps."},
        "turns": 3,
        "stop_on": ["goodbye", "loop"],
    }
    assert counter.id == "7"
    assert counter.values == {"a": {"model": "scripted:counter"}, "temperature": 0.5}
    assert counter.sampling == {"samples": 2}


def test_semicolons_and_a_byte_order_mark_of_spreadsheets_are_read(tmp_path: Path):
    path = tmp_path / "s.csv"
    path.write_bytes("id;opener\r\nä;Grüße, Welt\r\n".encode("utf-8-sig"))
    assert [(row.id, row.values) for row in read_scenarios(path)] == [("ä", {"opener": "Grüße, Welt"})]


MATRIX = """\
defaults:
  turns: 4
  a.model: scripted:counter
matrix:
  opener: ["Hello.", "Good morning to everybody who is here"]
  b.system:
    plain: Be brief.
    pirate: You are a pirate.
scenarios:
  - {id: one, topic: lamps}
  - {id: two, b: {name: Bob}, turns: 2}
"""


def test_a_matrix_combines_every_row_with_every_value(tmp_path: Path):
    rows = read_scenarios(written(tmp_path, "s.yaml", MATRIX))
    assert [row.id for row in rows] == [
        f"{row}-{opener}-{system}"
        for row in ("one", "two")
        for opener in ("hello", "good-morning-to")
        for system in ("plain", "pirate")
    ]
    assert rows[-1].values == {
        "turns": 2,
        "a": {"model": "scripted:counter"},
        "b": {"name": "Bob", "system": "You are a pirate."},
        "opener": "Good morning to everybody who is here",
    }


def test_a_matrix_needs_no_rows(tmp_path: Path):
    rows = read_scenarios(written(tmp_path, "s.toml", '[matrix]\nopener = ["Hi.", "Hi!"]\nturns = [2, 3]\n'))
    assert len({row.id for row in rows}) == 4
    assert [row.id for row in rows][:2] == ["hi-2", "hi-3"]


@pytest.mark.parametrize(
    "text",
    [
        "defaults: {a: {system: Be brief.}}\nscenarios: [{id: one, system: Be kind.}]\n",
        "defaults: {system: Be kind.}\nscenarios: [{id: one, a: {system: Be brief.}}]\n",
        "matrix: {system: {k: Be kind.}}\nscenarios: [{id: one, a: {system: Be brief.}}]\n",
    ],
)
def test_a_value_for_both_leaves_what_a_speaker_has_of_its_own(tmp_path: Path, text: str):
    (row,) = read_scenarios(written(tmp_path, "s.yaml", text))
    assert row.values == {"system": "Be kind.", "a": {"system": "Be brief."}}


def test_ids_stay_when_values_and_rows_are_added(tmp_path: Path):
    before = read_scenarios(written(tmp_path, "s.yaml", MATRIX))
    grown = MATRIX.replace("is here", 'is here", "Hello!').replace("- {id: one", "- {id: new}\n  - {id: one")
    after = {row.id: row.values for row in read_scenarios(written(tmp_path, "t.yaml", grown))}
    assert {row.id: row.values for row in before}.items() <= after.items()
    assert len(after) == 18


def test_a_row_without_an_id_is_called_after_what_it_says(tmp_path: Path):
    text = '{"opener": "Hello you."}\n{"opener": "Hello, you!"}\n{"turns": 2}\n'
    rows = read_scenarios(written(tmp_path, "s.jsonl", text))
    assert [row.id for row in rows][::2] == ["hello-you.", "2"] or rows[0].id == "hello-you"
    assert len({row.id for row in rows}) == 3


COMPLAINTS = [
    ("s.yaml", "- id: x\n  openr: Hi.\n", "s.yaml:2:3: openr: unknown argument; did you mean 'opener'?"),
    ("s.yaml", "- id: x\n  turns: ten\n", "s.yaml:2:3: turns: Input should be a valid integer"),
    ("s.yaml", "- id: x\n  opener: 5\n", "s.yaml:2:3: opener: Input should be a valid string"),
    ("s.yaml", "- id: x\n  a:\n    sytem: x\n", "s.yaml:3:5: a.sytem: unknown argument"),
    ("s.yaml", "- id: x\n  a.sytem: x\n", "s.yaml:2:3: a.sytem: unknown argument"),
    ("s.yaml", "- id: x\n- id: y\n- id: x\n", "s.yaml:3:3: the id 'x' occurs twice: line 1 has it, too"),
    ("s.yaml", "- id: x\n  id: y\n", "s.yaml:2:3: the key 'id' occurs twice"),
    ("s.yaml", "- 5\n", "s.yaml:1:3: a row must be names with values (got 5)"),
    ("s.yaml", "", "s.yaml:1:1: the file has no scenarios"),
    ("s.yaml", "# nothing\n", "s.yaml:1:1: the file has no scenarios"),
    ("s.yaml", "scenarios: []\n", "s.yaml:1:1: the file has no scenarios"),
    ("s.yaml", "scenarois: []\n", "s.yaml:1:1: unknown section 'scenarois'; did you mean 'scenarios'?"),
    ("s.yaml", "just text\n", "s.yaml:1:1: the file must be a list of scenarios, or have the sections"),
    ("s.yaml", "- {id: x, turns: [1\n", "s.yaml:2:1: while parsing a flow sequence"),
    ("s.yaml", "- id: x\n  1: y\n", "s.yaml:2:3: a key must be text, not 1"),
    ("s.yaml", "- id: !!python/object:os.system {}\n", "s.yaml:1:7: the tag"),
    ("s.yaml", "- id: !mine x\n", "s.yaml:1:7: the tag '!mine' is not accepted"),
    ("s.yaml", "- id: x\n  a: {name: Bob}\n  b: {name: Bob}\n", "s.yaml:1:3: both speakers are named 'Bob'"),
    ("s.yaml", "- id: x\n  samples: 0\n", "s.yaml:2:3: samples: must be a whole number above 0 (got 0)"),
    ("s.yaml", "- id: [1]\n", "s.yaml:1:3: an id must be 1 to 80 printable characters (got [1])"),
    ("s.yaml", "matrix: {opener: []}\n", "s.yaml:1:10: opener: has no values"),
    (
        "s.yaml",
        "matrix: {opener: Hi}\n",
        "s.yaml:1:10: opener: must be a list of values, or names with values",
    ),
    (
        "s.yaml",
        "matrix:\n  turns: [1, 0]\n",
        "s.yaml:2:14: turns: Input should be greater than or equal to 1",
    ),
    ("s.yaml", "matrix:\n  turns: [1, 1]\n", "s.yaml:2:14: turns: this value occurs twice (1)"),
    (
        "s.yaml",
        "matrix: {turns: [1, 2]}\nscenarios:\n  - id: x\n    turns: 3\n",
        "s.yaml:4:5: turns has no effect: the matrix sets it (axis turns)",
    ),
    (
        "s.yaml",
        "defaults: {topic: a}\nscenarios:\n  - {id: x, topic: b}\n",
        "s.yaml:1:12: topic has no effect: every scenario sets it",
    ),
    ("s.yaml", "scenarios: 5\n", "s.yaml:1:1: the scenarios must be a list of rows (got 5)"),
    (
        "s.yaml",
        "defaults: 5\nscenarios: [{id: x}]\n",
        "s.yaml:1:1: defaults must be names with values (got 5)",
    ),
    ("s.yaml", "matrix: 5\n", "s.yaml:1:1: a matrix must be names with lists of values (got 5)"),
    ("s.yaml", "- {id: x, samples: 2, min_pass_rate: 2}\n", "s.yaml:1:23: min_pass_rate: must be above 0"),
    ("s.yaml", "- {id: x, samples: 2, claim: 5}\n", "s.yaml:1:23: claim: must be a text (got 5)"),
    ("s.yaml", "- {id: x, a: {system: S}, a.system: T}\n", "s.yaml:1:27: a.system is set twice"),
    ("s.yaml", "matrix: {system: {' ': x}}\n", "s.yaml:1:19: system: a name must be printable characters"),
    ("s.yaml", "matrix: {a: [{nam: x}]}\n", "s.yaml:1:15: a.nam: unknown argument; did you mean 'name'?"),
    ("s.yaml", "defaults: {opener: a}\nmatrix: {opener: [b, c]}\n", "s.yaml:1:12: opener has no effect: the"),
    ("s.yaml", "- {id: x, turns: " + "1" * 200 + "}\n", "s.yaml:1:18: a number with 200 characters"),
    ("s.yaml", "- {<<: 5}\n", "s.yaml:1:8: `<<` can only include mappings"),
    ("s.yaml", "- id: x\n- \0\n", "s.yaml:2:1: a character that YAML does not allow"),
    ("s.toml", "[[scenarios]]\nid = \n", "s.toml:2:6: Invalid value"),
    (
        "s.toml",
        '[[scenarios]]\nid = "x"\n\n[[scenarios]]\nid = "y"\nturnz = 3\n',
        "s.toml:6:1: turnz: unknown",
    ),
    (
        "s.toml",
        '[[scenarios]]\nid = "x"\nopener = """\nturns = no\n"""\n  turns = "no"\n',
        "s.toml:6:3: turns: Input should be a valid integer",
    ),
    ("s.toml", '[[scenarios]]\nid = "x"\n[scenarios.b]\nnom = "x"\n', "s.toml:4:1: b.nom: unknown argument"),
    (
        "s.toml",
        '[[scenarios]]\na = { model = "x" }\n',
        "s.toml:2:7: a.model: model 'x' is not 'provider:model'",
    ),
    ("s.toml", "", "s.toml:1:1: the file has no scenarios"),
    ("s.csv", "id,turns\nx,3\ny,many\n", "s.csv:3:2: turns: Input should be a valid integer"),
    ("s.csv", 'id,opener\nx,"a\nb"\ny,c,d\n', "s.csv:4:3: 3 fields, but the first line has 2 names"),
    ("s.csv", "id,id\nx,y\n", "s.csv:1:2: the column 'id' occurs twice"),
    ("s.csv", "id,\nx,y\n", "s.csv:1:2: the column has no name"),
    ("s.csv", 'id\n"x\n', "s.csv:2:1: not CSV: unexpected end of data"),
    ("s.csv", "id,colour\nx,red\n", "s.csv:2:2: colour: unknown argument"),
    ("s.csv", "", "s.csv:1:1: the file has no scenarios"),
    ("s.jsonl", '{"id": "x"}\n\n{"id": }\n', "s.jsonl:3:8: not JSON: Expecting value"),
    ("s.jsonl", '{"id": "x"}\n{"id": "y", "turn": 3}\n', "s.jsonl:2:13: turn: unknown argument"),
    ("s.jsonl", '{"id": "x", "id": "y"}\n', "s.jsonl:1:1: the key 'id' occurs twice"),
    ("s.jsonl", "[1]\n", "s.jsonl:1:1: a row must be names with values (got [1])"),
    (
        "s.json",
        '[\n {"id": "x",\n  "turns": "no"}\n]\n',
        "s.json:3:3: turns: Input should be a valid integer",
    ),
    ("s.txt", "x", "s.txt: scenarios are read from .yaml, "),
]


@pytest.mark.parametrize(("name", "text", "said"), COMPLAINTS, ids=[said[:50] for *_, said in COMPLAINTS])
def test_a_wrong_file_is_told_with_its_place(tmp_path: Path, name: str, text: str, said: str):
    assert wrong(tmp_path, name, text)[0].startswith(said)


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path):
    text = "- {id: x, turns: no}\n- {id: y, openr: a}\n- {id: z, a: {nam: b}, temperature: -1}\n"
    places = [line.split(":")[1] for line in wrong(tmp_path, "s.yaml", text)]
    assert places == ["1", "2", "3", "3", "3"]  # the temperature is wrong for both speakers


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_scenarios(tmp_path / "s.yaml")
    path = tmp_path / "t.yaml"
    path.write_bytes("- id: x".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="not a text file in UTF-8: it is UTF-16"):
        read_scenarios(path)


@pytest.mark.parametrize("text", [*HOSTILE.values(), bomb("body", 12), "[" * 100_000, "- {id: " * 200])
def test_hostile_yaml_is_refused_at_once(tmp_path: Path, text: str):
    assert wrong(tmp_path, "s.yaml", text)[0].startswith("s.yaml:")


def test_aliases_and_merged_mappings_are_read(tmp_path: Path):
    text = "- {id: x, b: &b {name: Bob, system: S}, a: {<<: *b, name: Al}}\n"
    (row,) = read_scenarios(written(tmp_path, "s.yaml", text))
    assert row.values == {"a": {"name": "Al", "system": "S"}, "b": {"name": "Bob", "system": "S"}}


def test_a_matrix_too_large_to_hold_is_refused(tmp_path: Path):
    axis = json.dumps(list(range(1, 400)))
    text = f"matrix: {{turns: {axis}, max_tokens: {axis}}}\n"
    assert "159,201 combinations" in wrong(tmp_path, "s.yaml", text)[0]


@pytest.mark.parametrize("suffix", READERS)
@given(data=st.one_of(st.text(), st.binary(max_size=80)))
def test_any_content_is_read_or_told(
    suffix: str, data: str | bytes, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    try:
        rows = read_scenarios(path)
    except ConfigurationError as error:
        assert str(error)  # noqa: PT017
    else:
        assert rows


@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(["opener", "topic", "system"]), st.text(st.characters(codec="utf-8"))
        ),
        min_size=1,
        max_size=5,
    )
)
def test_texts_come_through_json_lines_as_they_are(
    rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.getbasetemp() / "texts.jsonl"
    lines = [json.dumps({"id": f"row{at}", **row}) for at, row in enumerate(rows)]
    path.write_text("\n".join(lines), "utf-8")
    assert [dict(row.values) for row in read_scenarios(path)] == rows
