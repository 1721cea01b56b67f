"""`duolog init`: what it finds out about a project, what it writes, and what it leaves alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from pytest_duolog.cli import main
from pytest_duolog.commands import init as init_command


@pytest.fixture(autouse=True)
def here(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of nothing, on a machine without the embedded model and without keys."""
    monkeypatch.setattr(init_command.importlib.util, "find_spec", lambda _: None)
    for name in init_command._keys():
        monkeypatch.delenv(name)
    return pytester.path


def files() -> dict[str, str]:
    return {
        path.relative_to(Path.cwd()).as_posix(): path.read_text("utf-8")
        for path in Path.cwd().rglob("*")
        if path.is_file()
    }


def init(*arguments: str, status: int = 0) -> None:
    assert main(["init", *arguments]) == status


def test_an_empty_folder_gets_a_test_that_passes_at_once(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
):
    init()
    assert sorted(files()) == [
        ".github/workflows/dialogues.yml",
        "pyproject.toml",
        "tests/test_first_dialogue.py",
    ]
    shown = capsys.readouterr().out
    assert "wrote  tests/test_first_dialogue.py" in shown
    assert "pytest tests/test_first_dialogue.py    # passes at once" in shown
    assert "git add the test: CI runs it; scripted speakers leave no recordings" in shown
    assert "its cassettes/ folder" not in shown
    pytester.runpytest("--record-mode=none").assert_outcomes(passed=1)


def test_nothing_that_is_there_is_changed(capsys: pytest.CaptureFixture[str]):
    init()
    Path("tests/test_first_dialogue.py").write_text("# mine\n")
    before = files()
    capsys.readouterr()
    init()
    assert files() == before
    assert "kept   tests/test_first_dialogue.py" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["", "\n"], ids=["no line feed at the end", "line feed"])
def test_a_pyproject_without_our_table_is_added_to(end: str):
    mine = f'[project]\nname = "mine"  # é\n\n[tool.other]\nx = [1]{end}'
    Path("pyproject.toml").write_text(mine, "utf-8")
    init()
    after = Path("pyproject.toml").read_text("utf-8")
    assert after.startswith(mine)
    assert tomllib.loads(after)["tool"].keys() == {"other", "duolog"}


def test_a_pyproject_with_our_table_stays_as_it_is():
    mine = '[tool.duolog]\ndefault_model = "scripted:counter"\n'
    Path("pyproject.toml").write_text(mine)
    init()
    assert Path("pyproject.toml").read_text("utf-8") == mine


def test_a_pyproject_that_is_broken_is_told_and_nothing_is_written(capsys: pytest.CaptureFixture[str]):
    Path("pyproject.toml").write_text("[tool\n")
    init(status=2)
    assert "pyproject.toml cannot be read" in capsys.readouterr().err
    assert list(files()) == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pytest.ini", "[pytest]\ntestpaths = checks more\n", "checks/test_first_dialogue.py"),
        ("pytest.ini", "[pytest]\npython_files = check_*.py\n", "tests/check_first_dialogue.py"),
        ("setup.cfg", "[tool:pytest]\ntestpaths = unit\n", "unit/test_first_dialogue.py"),
        ("tox.ini", "[pytest]\ntestpaths = unit\n", "unit/test_first_dialogue.py"),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\ntestpaths = ["unit"]\n',
            "unit/test_first_dialogue.py",
        ),
        ("test/keep.txt", "", "test/test_first_dialogue.py"),
    ],
)
def test_the_test_lies_where_pytest_looks(pytester: pytest.Pytester, name: str, text: str, expected: str):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)
    init()
    assert expected in files()
    pytester.runpytest().assert_outcomes(passed=1)


def test_with_the_embedded_model_the_test_is_played_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(init_command.importlib.util, "find_spec", lambda _: object())
    init()
    models = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["tool"]["duolog"]["models"]
    assert set(models.values()) == {"local:smollm2-135m-instruct"}
    assert "pytest --record-mode=once tests/test_first_dialogue.py" in capsys.readouterr().out


def test_keys_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-private")
    init()
    shown = capsys.readouterr().out
    assert "keys that are set: OPENAI_API_KEY" in shown
    assert "private" not in shown + "".join(files().values())


@pytest.mark.parametrize(
    ("there", "steps"),
    [
        ({}, ["pip install pytest-duolog"]),
        ({"requirements.txt": "x"}, ["pip install -r requirements.txt", "pip install pytest-duolog"]),
        ({"pyproject.toml": '[project]\nname = "x"\n'}, ["pip install -e .", "pip install pytest-duolog"]),
    ],
    ids=["nothing", "requirements", "package"],
)
def test_the_workflow_installs_the_project_and_replays(there: dict[str, str], steps: list[str]):
    for name, text in there.items():
        Path(name).write_text(text)
    init()
    workflow = yaml.safe_load(Path(".github/workflows/dialogues.yml").read_text("utf-8"))
    ran = [step["run"] for step in workflow["jobs"]["replay"]["steps"] if "run" in step]
    assert ran == [*steps, "pytest --record-mode=none"]
    assert "OPENAI_API_KEY" not in str(workflow)


def test_a_project_on_gitlab_gets_a_job_for_gitlab(capsys: pytest.CaptureFixture[str]):
    Path(".git").mkdir()
    Path(".git/config").write_text('[remote "origin"]\n\turl = git@gitlab.com:me/mine.git\n')
    init()
    assert (
        "pytest --record-mode=none"
        in yaml.safe_load(Path(".gitlab-ci.yml").read_text("utf-8"))["dialogues"]["script"]
    )
    assert not Path(".github").exists()
    Path(".gitlab-ci.yml").write_text("mine: {script: [make]}\n")
    init()
    assert Path(".gitlab-ci.yml").read_text("utf-8") == "mine: {script: [make]}\n"
    assert Path(".gitlab/dialogues.yml").exists()
    assert "include: [{local: .gitlab/dialogues.yml}]" in capsys.readouterr().out


def test_another_folder_and_one_that_is_not_there(capsys: pytest.CaptureFixture[str]):
    Path("mine").mkdir()
    init("mine")
    assert "mine/tests/test_first_dialogue.py" in files()
    init("nowhere", status=2)
    assert "nowhere: there is no such folder" in capsys.readouterr().err


def test_a_file_in_the_place_of_a_folder_is_told(capsys: pytest.CaptureFixture[str]):
    Path(".github").write_text("")
    init(status=2)
    assert ".github" in capsys.readouterr().err
