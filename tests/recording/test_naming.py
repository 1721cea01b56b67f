"""Names of cassettes: readable, no two alike, and never outside the test's folder."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.recording.naming import CassetteLocation, is_partial, models_part, safe_name

FOLDER = Path("tests/cassettes/test_lamp")


def location(test, *models, run="", sample=1):
    return CassetteLocation(FOLDER, test, models or ["openai:gpt-5", "openai:gpt-5"], run=run, sample=sample)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (location("test_refund"), "test_refund.openai-gpt-5.1.jsonl"),
        (location("test_refund[cake-0.5]"), "test_refund[cake-0.5].openai-gpt-5.1.jsonl"),
        (location("test_refund", run="second"), "test_refund.second.openai-gpt-5.1.jsonl"),
        (location("test_refund", sample=12), "test_refund.openai-gpt-5.12.jsonl"),
        (location("t", "openai:gpt-5", "callable:till"), "t.openai-gpt-5+callable-till.1.jsonl"),
    ],
)
def test_plain_names_are_kept(where, name):
    assert where.path == FOLDER / name
    assert where.partial_path.name == name.replace(".jsonl", ".partial.jsonl")
    assert is_partial(where.partial_path)
    assert not is_partial(where.path)


STRANGE = [
    "a/b", "a-b", "a\\b", "../../etc/passwd", "..", ".", "\0", "\\x00", "\N{CAT}", "\N{DOG}", "x" * 300, "x" * 301,
    "a b", "a:b", "a*b", "a?b", "a|b", 'a"b', "a<b", "a>b", "a\nb", "CON", "~", "é", "e\N{COMBINING ACUTE ACCENT}",
    "%2F", "Hello", "hello", "HELLO", "a].b", "a][b", "\udcff",
    "a::b", "a.b", "::",
]  # fmt: skip


def test_strange_ids_stay_apart_and_in_their_folder():
    tests = [location(f"test_refund[{name}]") for name in STRANGE]
    runs = [location("test_refund", run=name) for name in STRANGE]
    names = [where.path.name for where in [*tests, *runs]]
    assert len({name.lower() for name in names}) == len(names)
    for where in [*tests, *runs]:
        assert where.path.parent == FOLDER
        name = where.path.name
        assert name.isascii()
        assert len(where.partial_path.name) < 256
        assert not set(name) & set('/\\:*?"<>|\0\n ')
        assert name.startswith("test_refund")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (location("test_unit"), location("test_UNIT")),
        (location("TestLamp::test_unit"), location("Testlamp::test_unit")),
        (location("test_unit[MB]"), location("test_unit[mb]")),
        (location("test_unit", run="Again"), location("test_unit", run="again")),
        (location("test_unit", "ollama:Llama"), location("test_unit", "ollama:llama")),
        (location("test_unit", "callable:Till"), location("test_unit", "callable:till")),
    ],
    ids=["function", "class", "parameter", "run", "model", "callable"],
)
def test_names_in_other_case_are_other_files_where_case_does_not_count(one, other):
    assert one.path.name.lower() != other.path.name.lower()


@pytest.mark.parametrize("test", ["TestLamp::test_refund", "test_SHOUTS", "test_x[a-b]"])
@pytest.mark.parametrize("model", ["ollama:Llama", "openai:gpt-5"])
def test_recording_whose_name_kept_its_capitals_is_still_found(test, model, tmp_path):
    where = CassetteLocation(tmp_path / "test_lamp", test, [model])
    older = where.folder / f"{test.replace('::', '.')}.{model.replace(':', '-')}.1.jsonl"
    older.parent.mkdir()
    older.write_text(json.dumps({"duolog": 1, "test": f"test_lamp.py::{test}", "run": ""}) + "\n")
    assert where.path == older


def test_recording_of_another_test_whose_name_kept_its_capitals_is_not_taken(tmp_path):
    where = CassetteLocation(tmp_path / "test_lamp", "TestLamp::test_refund", ["openai:gpt-5"])
    other = where.folder / "TestLamp.test_refund.openai-gpt-5.1.jsonl"
    other.parent.mkdir()
    other.write_text(json.dumps({"duolog": 1, "test": "test_lamp.py::testlamp::test_refund"}) + "\n")
    assert where.path != other


def test_models_stay_apart():
    models = [
        "vllm:meta/llama",
        "vllm:meta-llama",
        "vllm:meta:llama",
        "openai:" + "m" * 99,
        "openai:" + "m" * 98,
    ]
    names = [models_part([model]) for model in models]
    assert len(set(names)) == len(names)
    assert models_part(["openai:a", "openai:a"]) == "openai-a"
    assert len(models_part(["openai:" + "m" * 99, "vllm:" + "n" * 99])) <= 81


@given(st.lists(st.text(max_size=40) | st.text("aA-./[]", max_size=6), unique=True, max_size=12))
def test_changed_names_never_meet(texts):
    safe = [safe_name(text, limit=30) for text in texts]
    assert len(set(safe)) == len(texts)
    assert all(len(name) <= 30 for name in safe)


PARTS = st.text("ab.[]", min_size=1, max_size=4)


def test_dialogue_of_one_test_is_not_taken_for_another_tests():
    assert location("test_x[a]", run="b]").path != location("test_x[a].b]").path
    assert location("test_x[a]", run="b.c").path != location("test_x[a].b", run="c").path


@given(st.lists(st.tuples(PARTS, st.text("ab.[]", max_size=3)), unique=True, max_size=20))
def test_test_and_run_cannot_be_taken_for_one_another(pairs):
    paths = [location(f"test_x[{param}]", run=run).path for param, run in pairs]
    for (one, path), (other, other_path) in itertools.combinations(zip(pairs, paths, strict=True), 2):
        assert path != other_path, (one, other)


PROJECT = """
import pytest

IDS = ["a/b", "a-b", "../../../escape", "..", "\\0", "\\N{CAT FACE}", "\\N{DOG FACE}", "x" * 300, "x" * 301,
       "Hello", "hello", "a b", "a:b", "CON"]

@pytest.mark.parametrize("word", IDS, ids=IDS)
@pytest.mark.dialogue(a="openai:small", b="scripted:counter", turns=1)
def test_it(dialogue, word):
    assert dialogue.messages
    assert dialogue.run(name=word, opener="Hello, you.").messages
"""


def test_strange_ids_are_recorded_and_replayed_inside_the_test_tree(pytester, chat_server):
    tree = pytester.mkdir("deep").joinpath("er", "tests")
    tree.mkdir(parents=True)
    (tree / "test_it.py").write_text(PROJECT)
    before = set(everything_under(pytester.path.parent))
    recorded = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", tree)
    recorded.assert_outcomes(passed=14)
    written = set(everything_under(pytester.path.parent)) - before
    assert {path for path in written if "__pycache__" not in path.parts} == set(
        (tree / "cassettes" / "test_it").iterdir()
    )
    assert len(list((tree / "cassettes" / "test_it").iterdir())) == 28
    chat_server.close()
    pytester.runpytest("-p", "no:cacheprovider", tree).assert_outcomes(passed=14)


def everything_under(folder):
    return [path for path in folder.rglob("*") if path.is_file()]
