"""`duolog history`: formats, exit status, options and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from tests.histories import DROP, TEST, line, series, write
from tests.hostile import HOSTILE
from tests.reports.pages import Page


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A history with a drop in build 30, and a scenario without one."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "history", [*DROP, *series([20, 19] * 21, scenario="tests/test_b.py::test_b")])
    return "history"


def test_text_names_the_build_the_models_and_the_figures(folder: str, capsys):
    assert main(["history", folder]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 scenarios is worse than before (42 builds)." in said
    assert f"{TEST} passes less often since build build-30" in said
    assert "92.5 % (555 of 600) passed before, " in said
    assert "in this build the models changed: agent=openai:old -> agent=openai:new" in said
    rows = [one.split() for one in said.splitlines() if one.startswith("  build-")]
    assert [row[:6] for row in rows] == [
        ["build-0", "42", "97.5", "%", "(819", "of"],
        ["build-0", "30", "92.5", "%", "(555", "of"],
        ["build-30", "12", "67.5", "%", "(162", "of"],
    ]
    assert "passes less often, loops more often, other models" in said
    assert "at most 5 % of histories of 1,000 builds claim a change" in " ".join(said.split())


def test_quiet_history_exits_with_0(folder: str, capsys):
    assert main(["history", folder, "-k", "TEST_B"]) == 0
    assert "No change for the worse is found in 1 scenario and 42 builds." in capsys.readouterr().out


def test_since_accepts_a_change(folder: str, capsys):
    assert main(["history", folder, "--since", "build-30"]) == 0
    assert "12 builds" in capsys.readouterr().out


def test_json_has_the_documented_keys(folder: str, capsys):
    assert main(["history", folder, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["false_alarms"], found["looks"]) == (1, 0.05, 1000)
    assert found["builds"][30] == {"name": "build-30", "commit": f"{30:040x}"}
    _, drop = found["series"]
    assert (drop["scenario"], drop["arm"]) == (TEST, "baseline")
    assert [(one["first_build"], one["builds"], one["passed"]) for one in drop["stretches"]] == [
        ("build-0", 30, 555),
        ("build-30", 12, 162),
    ]
    passes = drop["changes"][0]
    assert (passes["measure"], passes["is_worse"], passes["is_open"]) == ("passes", True, True)
    assert (passes["began"], passes["other_models"]) == ("build-30", True)
    assert passes["p"] <= passes["limit"]


def test_page_has_a_picture_and_a_table_for_each_series(folder: str, capsys):
    assert main(["history", folder, "--format", "html", "-o", "page.html"]) == 1
    assert capsys.readouterr().out == "page.html: 2 series\n"
    page = Page(Path("page.html").read_text("utf-8"))
    assert "1 of 2 scenarios is worse than before" in page.words
    pictures = [svg for svg in page.of("svg") if svg.get("role") == "img"]
    assert len(pictures) == len(page.of("table")) == 2
    titles = {title.get("id") for title in page.of("title")}
    assert {svg["aria-labelledby"].split()[0] for svg in pictures} <= titles
    cuts = [path["d"] for path in page.of("path") if path.get("class") == "cut-line" and path["d"]]
    assert cuts == ["M30,0V100M30,0V100"]
    assert all("style" not in attributes for _, attributes in page.elements)


def test_folder_of_the_ini_file_is_the_default(folder: str, capsys, monkeypatch: pytest.MonkeyPatch):
    Path("pytest.ini").write_text("[pytest]\nduolog_history = history\n", "utf-8")
    Path("below").mkdir()
    monkeypatch.chdir("below")
    assert main(["history"]) == 1
    assert "build-30" in capsys.readouterr().out


def test_rename_joins_what_a_suggestion_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.chdir(tmp_path)
    old, new = series([18] * 30, scenario="t::old[a=b]"), series([12] * 12, first=30, scenario="t::new")
    write(tmp_path / "h", [*old, *new])
    assert main(["history", "h"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "t::new may be t::old[a=b] under a new name" in said
    assert "--rename t::old[a=b]=t::new" in said
    assert main(["history", "h", "--rename", "t::old[a=b]=t::new"]) == 1
    assert "may be" not in capsys.readouterr().out


@pytest.mark.parametrize("order", [("t::a=t::b", "t::b=t::c"), ("t::b=t::c", "t::a=t::b")])
def test_chain_of_renames_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, order: tuple[str, str]
):
    monkeypatch.chdir(tmp_path)
    parts = [series([18] * 15, first=15 * at, scenario=f"t::{name}") for at, name in enumerate("ab")]
    write(tmp_path / "h", [*parts[0], *parts[1], *series([10] * 12, first=30, scenario="t::c")])
    assert main(["history", "h", "--rename", order[0], "--rename", order[1], "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["series"]
    assert found["scenario"] == "t::c"
    assert [one["builds"] for one in found["stretches"]] == [30, 12]


@pytest.mark.parametrize(
    ("renames", "said"),
    [
        (["t::a=t::b"], "t::a and t::b cannot be one scenario: both have samples in build build-30"),
        (["t::a=t::old", "t::b=t::old"], "t::a and t::b cannot be one scenario"),
        (["t::a=t::old", "t::old=t::b"], "t::a and t::b cannot be one scenario"),
        (["t::old=t::a", "t::old=t::b"], "t::old is given twice, as t::a and as t::b"),
        (["t::old=t::a", "t::a=t::old"], "t::old = t::a = t::old is a circle"),
        (["t::a=t::a"], "t::a = t::a is a circle"),
    ],
    ids=["side by side", "one target", "chain", "twice", "circle", "itself"],
)
def test_rename_that_would_lose_samples_or_has_no_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, renames: list[str], said: str
):
    monkeypatch.chdir(tmp_path)
    side_by_side = [*series([19] * 5, first=30, scenario="t::a"), *series([5] * 5, first=30, scenario="t::b")]
    write(tmp_path / "h", [*series([19] * 30, scenario="t::old"), *side_by_side])
    assert main(["history", "h", *(part for pair in renames for part in ("--rename", pair))]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["text", "json", "html"])
def test_names_are_only_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, kind: str):
    monkeypatch.chdir(tmp_path)
    for at, text in enumerate(HOSTILE):
        named = line(at, scenario=f"t::{text}", build=f"{text[:150]}{at}", model=text, prompts=str(at))
        write(tmp_path / "h", [named])
    assert main(["history", "h", "--format", kind]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x07" not in said
    if kind == "html":
        assert len(Page(said).of("script")) == 1
    else:
        assert not [one for one in said.splitlines() if one.lstrip().startswith("::")]


def test_secrets_of_the_project_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_API_KEY", "correct-horse-battery")
    named = line(scenario="t::correct-horse-battery", model="openai:correct-horse-battery")
    write(tmp_path / "h", [named])
    assert main(["history", "h"]) == 0
    assert "correct-horse" not in capsys.readouterr().out


def test_damage_is_named_and_the_rest_is_shown(folder: str, capsys):
    first = min(Path(folder).iterdir())
    first.write_bytes(first.read_bytes()[:-40])
    assert main(["history", folder]) == 2
    shown = capsys.readouterr()
    assert f"duolog: {first}: line 2: not whole JSON; it ends there: copy the file again" in shown.err
    assert "worse than before (42 builds)" in shown.out


def test_constant_name_of_builds_is_no_quiet_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.chdir(tmp_path)
    for at in range(60):
        write(tmp_path / "h", [line(at, 20 if at < 30 else 0, build="main")])
    assert main(["history", "h"]) == 2
    shown = capsys.readouterr()
    assert "duolog: build main is of 60 commits and spread over 59 days; only the first line" in shown.err
    assert "20 of 20" in shown.out


def test_build_that_was_run_again_days_later_is_said_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "h", series([18, 17, 19]))
    write(tmp_path / "h", [line(0, 2, created=line(5).created)])
    assert main(["history", "h"]) == 0
    shown = capsys.readouterr()
    assert "duolog: build build-0 was run again on its commit, over 5 days: only the first line" in shown.err
    assert "54 of 60" in shown.out
    assert "not counted: 1 line of builds that have the same scenario already" in shown.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no folder: name the one that pytest writes with --duolog-history, or set duolog_history"),
        (["nowhere"], "nowhere is not a folder"),
        (["empty"], "empty has no history yet: run pytest with --duolog-history empty"),
        (["torn"], "torn has no history that can be read"),
        (["history", "-k", "refnd"], "none of 2 series has 'refnd' in its id"),
        (["history", "--since", "x"], "--since x: there is no such build; the last ones are build-41, "),
        (["history", "--since", "build-"], "--since build-: 42 builds begin with it"),
        (["history", "--rename", "a"], "--rename: 'a' is not OLD=NEW"),
        (
            ["history", "--rename", f"{TEST}=tests/test_b.py::test_c"],
            "did you mean 'tests/test_b.py::test_b'?",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(folder: str, capsys, arguments: list[str], words: str):
    Path("empty").mkdir()
    Path("torn").mkdir()
    Path("torn", "a.jsonl").write_text('{"duolog', "utf-8")
    assert main(["history", *arguments]) == 2
    assert words in capsys.readouterr().err
