"""Names that try to be more than names: nothing of them acts on a terminal, a report, or a file outside the tests."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from tests.dialogues import RITUAL

NAMES = (
    "../../up", "/etc/up", "a\0b", "\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\u202eright to left", "a\n::error::owned",
    "]]><b>&amp;", "<script>alert(1)</script>", "| `x` | [link](https://example.org) @all #1", "##[error]owned",
    "x" * 10_000,
)  # fmt: skip


def check_harmless(text: str) -> None:
    """Nothing in what was printed acts on a terminal, or on a CI system that reads it."""
    assert [character for character in text if not (character.isprintable() or character == "\n")] == []
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::error::owned")]
    assert "##[error]owned" not in text


def everything_under(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


PROJECT = """
import pytest
from pytest_duolog import Script, Speaker

NAMES = {names!r}

@pytest.mark.parametrize("name", NAMES, ids=[name.replace("##[", "# [") for name in NAMES])  # pytest prints ids itself
@pytest.mark.dialogue(b="scripted:echo", turns=2, stop_on=(){sampled})
def test_it(dialogue, name):
    assert dialogue.run(name=name, history=dialogue.transcript).messages
    assert dialogue.never_says("again"), name

@pytest.fixture
def duolog_scenario(name):
    speaker = Speaker("Ann", model=Script("Hm.", "Here we go again."), {speaker})
    return {{"a": speaker, "topic": name, "stub": name, {scenario}}}
"""


@pytest.fixture
def run_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")

    def run(sampled: str = "", speaker: str = "system=name", scenario: str = "", **options: str):
        parts = {"sampled": sampled, "speaker": speaker, "scenario": scenario, "names": NAMES}
        tree = pytester.mkdir("tests")
        (tree / "test_it.py").write_text(PROJECT.format(**parts), "utf-8")
        before = everything_under(pytester.path.parent)
        result = pytester.runpytest(
            *("-p", "no:cacheprovider", "-rA", "-vv", "--junitxml=junit.xml", "--duolog-ctrf=ctrf.json"),
            *("--duolog-code-quality=quality.json", "--record-mode=once", "--rootdir=.", "tests"),
        )
        for stream in (result.stdout, result.stderr):
            check_harmless(str(stream))
        return result, everything_under(pytester.path.parent) - before

    return run


def test_names_in_a_failing_dialogue_are_only_text(run_in_ci, pytester: pytest.Pytester) -> None:
    result, written = run_in_ci()
    result.assert_outcomes(failed=len(NAMES))
    assert {path.relative_to(pytester.path).as_posix() for path in written} == {"junit.xml"}
    assert len(ET.parse("junit.xml").findall(".//failure")) == len(NAMES)


def test_names_in_a_verdict_on_samples_are_only_text(run_in_ci, pytester: pytest.Pytester) -> None:
    result, written = run_in_ci(sampled=", samples=2, min_pass_rate=0.5")
    result.assert_outcomes(failed=len(NAMES))
    assert {path.relative_to(pytester.path).as_posix() for path in written} == {
        *(
            "junit.xml",
            "ctrf.json",
            "quality.json",
            "summary.md",
            ".duolog/record.jsonl",
            ".duolog/.gitignore",
        )
    }
    assert len(ET.parse("junit.xml").findall(".//failure")) == len(NAMES)
    assert len(json.loads(Path("ctrf.json").read_text("utf-8"))["results"]["tests"]) == len(NAMES)
    assert len(json.loads(Path("quality.json").read_text("utf-8"))) == len(NAMES)
    summary = Path("summary.md").read_text("utf-8")
    check_harmless(summary)
    for markup in ("<script", "](http", "<b>", "@all", "#1 "):
        assert markup not in summary


@pytest.mark.parametrize(
    "wrong",
    [
        {"speaker": "label=name"},
        {"scenario": "'b': Speaker(name, model='scripted:echo')"},
        pytest.param({"scenario": "'b': name + ':m'"}, marks=pytest.mark.slow),
        pytest.param({"scenario": "'b': 'local:' + name"}, marks=pytest.mark.slow),
        {"scenario": "'b': 'scripted:' + name"},
        {"scenario": "name: 1"},
        pytest.param({"speaker": "extra={name: 1}, **{name: 1}"}, marks=pytest.mark.slow),
        {"scenario": "'stop_on': [name]"},
    ],
    ids=str,
)
def test_names_that_are_refused_are_shown_as_text(run_in_ci, wrong: dict[str, str]) -> None:
    result, written = run_in_ci(**wrong)
    outcomes = result.parseoutcomes()
    assert outcomes.get("errors", 0) + outcomes.get("failed", 0) == len(NAMES)
    assert ET.parse("junit.xml").findall(".//*[@message]")
    assert {path.name for path in written} == {"junit.xml"}


PYPROJECT = """
[tool.duolog.{table}."\\u001b[2J\\u202e"]
{value}
"""


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("providers", 'base_url = "https://example.org"'),
        ("variants", 'model = "openai:m"'),
        ("limits", "x = 1"),
    ],
)
def test_names_in_settings_are_shown_as_text(pytester: pytest.Pytester, table: str, value: str) -> None:
    pytester.makepyprojecttoml(PYPROJECT.format(table=table, value=value))
    pytester.makepyfile("import pytest\n@pytest.mark.dialogue()\ndef test_it(dialogue): pass")
    for options in ([], ["--duolog-model=agent=openai:m"]):
        result = pytester.runpytest("-p", "no:cacheprovider", *options)
        assert result.ret != 0
        check_harmless(str(result.stdout) + str(result.stderr))
        assert "\\x1b[2J\\u202e" in str(result.stdout) + str(result.stderr)


def test_roles_that_nobody_has_are_shown_as_text(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import pytest\n"
        "@pytest.mark.dialogue(a='scripted:echo', b='scripted:echo')\n"
        "def test_it(dialogue): pass"
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "--duolog-model=\x1b[2J?=openai:m")
    assert result.ret != 0
    check_harmless(str(result.stdout) + str(result.stderr))
    result.stdout.fnmatch_lines(["*no collected test has a speaker*2J[?]*(there are: *"])
    pytester.makepyprojecttoml('[tool.duolog.models]\n"\\u001b[2J\\u202e" = "openai:m"\n')
    result = pytester.runpytest("-p", "no:cacheprovider")
    assert result.ret != 0
    check_harmless(str(result.stdout) + str(result.stderr))
    result.stdout.fnmatch_lines(["*models.*x1b[[]2J*: a role is 1 to 80 printable characters*"])


def transcripts(name: str) -> str:
    talk = [{"speaker": name, "text": text} for text in RITUAL]
    rows = [{"id": name, "topic": name, "messages": talk}, {"id": name, "messages": name}]
    return "".join(json.dumps(row) + "\n" for row in rows) + f"{name}\n"


FILES = (
    b"\x1b[2J.jsonl",
    "\u202e.jsonl".encode(),
    b"a\n::error::owned.jsonl",
    b"\xff.jsonl",
    b"]]>&<b>.jsonl",
)


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_names_in_checked_files_are_only_text(tmp_path: Path, form: str, capsys) -> None:
    for number, name in enumerate(NAMES):
        (tmp_path / f"{number}.jsonl").write_text(transcripts(name), "utf-8")
    try:
        for file in FILES:
            Path(os.fsdecode(bytes(tmp_path) + b"/" + file)).write_text(transcripts("Ann"), "utf-8")
    except OSError:
        pytest.skip("this file system keeps such names out itself")
    assert main(["check", "--format", form, *map(str, sorted(tmp_path.iterdir()))]) == 2
    printed, complaints = capsys.readouterr()
    check_harmless(printed)
    check_harmless(complaints)
    if form == "sarif":
        assert len(json.loads(printed)["runs"][0]["results"]) >= len(NAMES) + len(FILES)


def test_names_of_cassettes_and_records_are_only_text(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "cassettes" / "test_it"
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        header = {"duolog": 1, "recorded": name, "test": name, "speakers": [{"name": name, "model": name}]}
        (folder / f"{number}.jsonl").write_text(json.dumps(header) + "\n", "utf-8")
    strange = folder / "\x1b[2J\n::error::owned.jsonl"
    strange.write_text("{}\n", "utf-8")
    for arguments in (
        ["cassettes", "list", str(tmp_path)],
        ["cassettes", "prune", str(tmp_path)],
        ["cassettes", "export", str(folder / "3.jsonl")],
        ["cassettes", "export", str(strange)],
        ["gate", str(strange)],
        ["merge", str(strange), "-o", str(strange) + ".out"],
        ["rejudge", "\x1b[2J\n::error::owned", "-o", "\x1b[2J"],
    ):
        main(arguments)
        for printed in capsys.readouterr():
            check_harmless(printed)
