"""`duolog compare`: inputs, formats, exit status and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.results.store import write_record
from tests.reports.pages import Page, gate_of
from tests.results.test_comparison import sides


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, side in zip(("old", "new"), sides(), strict=True):
        tmp_path.joinpath(name).mkdir()
        for dialogue in side:
            path = tmp_path / name / f"{dialogue.source.id}.json"
            path.write_text(dialogue.source.transcript.to_json(), "utf-8")
    return tmp_path


def test_folders_are_compared_in_text(folders, capsys):
    assert main(["compare", "old", "new"]) == 1
    shown = capsys.readouterr().out
    assert "differ: " in shown
    assert "baseline: 12 dialogues (same, old)" in shown
    assert "compared by what Ben said, within 12 tests or names" in shown
    assert "words in a message: the clearest pair" in shown
    assert "- talk" in shown


def test_one_model_on_both_sides_exits_with_0(folders, capsys):
    assert main(["compare", "old", "old"]) == 0
    assert "No difference may be claimed" in capsys.readouterr().out


def test_json_has_the_documented_keys(folders, capsys):
    assert main(["compare", "old", "new", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["speakers"], found["strata"]) == (1, ["Ben"], 12)
    (words,) = (trait for trait in found["traits"] if trait["trait"] == "words")
    assert words["differs"]
    assert words["baseline"]["dialogues"] == 12
    assert [Path(side["file"]).parts[0] for side in words["pair"]] == ["old", "new"]


def test_page_shows_the_clearest_pair_and_hostile_text_stays_text(folders, capsys):
    for path in Path("new").glob("*.json"):
        path.write_text(path.read_text("utf-8").replace("keeper", "<script>alert(1)</script>"), "utf-8")
    assert main(["compare", "old", "new", "--format", "html", "-o", "page.html"]) == 1
    page = Page(Path("page.html").read_text("utf-8"))
    assert "The clearest pair for each difference" in page.words
    assert len(page.of("script")) == 1
    assert "page.html: " in capsys.readouterr().out


def test_record_of_a_gate_has_both_sides(tmp_path, capsys):
    path = tmp_path / "gate.jsonl"
    write_record(path, gate_of({"a": ("+" * 8, "-" * 8)}))
    assert main(["compare", str(path)]) == 1
    assert "baseline: 8 dialogues" in capsys.readouterr().out
    assert main(["compare", str(path), str(path)]) == 2
    assert "has both sides: compare it alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["old"], "has no dialogues of a candidate"),
        (["old", "new", "--speaker", "Carl"], "nobody has this name; the speakers are Ann, Ben"),
        (["old", "new", "--false-claims", "2"], "not above 0 and below 1"),
        (["old", "missing"], "missing"),
    ],
)
def test_what_cannot_be_compared_is_refused(folders, capsys, arguments, words):
    assert main(["compare", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_side_that_cannot_be_read_is_named_once(folders, capsys):
    Path("new").joinpath("torn.json").write_text("[1", "utf-8")
    assert main(["compare", "old", "new/torn.json"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("duolog: new/torn.json:1: ")
