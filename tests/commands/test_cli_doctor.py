"""`duolog doctor`: what is installed, and what is wrong with a project's recordings."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands import doctor
from pytest_duolog.commands.redaction import project_redactor
from tests.locked import lock

EXAMPLE = Path(__file__).parents[2] / "example_project"
FOLDER = Path("tests/cassettes/test_counter")
REVIEWED = FOLDER / "test_the_conversation_is_the_one_we_reviewed.local-smollm2-135m-instruct.1.jsonl"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collecting_in_process: None) -> Path:
    """The example project without its gate, which is the working directory."""
    ignored = shutil.ignore_patterns("*test_upgrade*", "__pycache__", ".*")
    shutil.copytree(EXAMPLE, tmp_path / "project", ignore=ignored)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int) -> str:
    assert main(["doctor", *arguments]) == status
    return capsys.readouterr().out


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_extras_are_listed_with_what_they_lack(capsys: pytest.CaptureFixture[str], monkeypatch):
    def installed(name: str) -> str:
        if name in ("pyarrow", "ray"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", installed)
    monkeypatch.setattr(doctor, "distributions", list)
    lines = {
        line.partition("]")[0]: line for line in doctor._installed()
    }  # what is in the environment differs
    assert lines["[mine"].endswith(": faker 1.0; phonenumbers 1.0; python-stdnum 1.0")
    assert lines["[scan"].endswith(
        ": fsspec 1.0; zstandard 1.0; not installed: pyarrow (pip install 'pytest-duolog[scan]')"
    )
    assert lines["[ray"].endswith(": not installed: ray (pip install 'pytest-duolog[ray]')")
    table = tomllib.loads((EXAMPLE.parent / "pyproject.toml").read_text("utf-8"))
    assert doctor.EXTRAS.keys() == table["project"]["optional-dependencies"].keys()


def test_a_healthy_project_has_nothing_wrong(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-shown-0123456789abcdef")
    monkeypatch.setenv("GOOGLE_API_KEY", "")
    out = told(capsys, status=0)
    assert out.endswith("nothing is wrong\n")
    assert "pytest-duolog " in out
    assert "keys: OPENAI_API_KEY (openai)" in out
    assert "never-shown" not in out
    assert "GOOGLE_API_KEY" not in out
    assert re.search(r"recordings: \d\d cassettes", out)


def test_an_empty_folder_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert "recordings: 0 cassettes\nnothing is wrong\n" in told(capsys, status=0)


def test_a_folder_that_may_not_be_read_is_a_problem(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lock(Path("more"), monkeypatch)
    out = told(capsys, status=1)
    assert "! more: cannot be read: Permission denied; nothing is known of what is in it" in out
    assert "give this user the right to read the folder" in out


def test_damage_is_named_with_its_line(project: Path, capsys: pytest.CaptureFixture[str]):
    lines = REVIEWED.read_bytes().split(b"\n")
    REVIEWED.write_bytes(b"\n".join([*lines[:3], b"{torn", *lines[4:]]))
    out = told(capsys, status=1)
    assert f"! {REVIEWED}: line 4 cannot be read" in out
    assert "--record-mode=rewrite" in out


def test_a_recording_that_no_test_uses_is_named(project: Path, capsys: pytest.CaptureFixture[str]):
    replace(
        Path("tests/test_counter.py"), "def test_the_conversation_is_the_one_we_reviewed", "def test_renamed"
    )
    out = told(capsys, status=1)
    assert "! no test uses 1 recording:" in out
    assert str(REVIEWED) in out
    assert "duolog cassettes adopt" in out
    assert REVIEWED.exists()


def test_a_recording_of_another_scenario_is_named_with_what_changed(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    replace(REVIEWED, '"turns":', '"turns":1')
    out = told(capsys, status=1)
    assert f"! {REVIEWED}: its test has another scenario now (turns: recorded 1" in out
    assert "record it again: pytest --record-mode=rewrite tests/test_counter.py::" in out


def test_a_secret_in_a_recording_is_found_and_not_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    secret = "a-key-" + "of-no-account-81"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    with REVIEWED.open("a", encoding="utf-8") as file:
        file.write(f'{{"note": "{secret}"}}\n')
    out = told(capsys, status=1)
    assert "there is a secret in this line" in out
    assert secret not in out


def test_a_large_recording_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(doctor, "LARGE_BYTES", REVIEWED.stat().st_size - 1)
    assert f"! {REVIEWED}: 0.0 MB is large" in told(capsys, str(REVIEWED), status=1)


def test_fix_removes_what_is_safe_to_remove_and_nothing_else(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    subprocess.run(["git", "init", "--quiet"], check=True)
    leftover = FOLDER / f".{REVIEWED.name}.12345"
    leftover.write_bytes(b"{}\n")
    Path(".duolog").mkdir()
    files = sorted(FOLDER.iterdir())
    out = told(capsys, status=1)
    assert f"! {leftover}: a run was killed while it wrote {REVIEWED.name}\n    --fix removes it" in out
    assert "! git sees .duolog" in out
    assert sorted(FOLDER.iterdir()) == files
    assert told(capsys, "--fix", status=0).endswith("0 problems left\n")
    assert sorted(FOLDER.iterdir()) == [path for path in files if path != leftover]
    assert Path(".duolog/.gitignore").read_text("utf-8").splitlines()[-1] == "*"
    assert told(capsys, status=0).endswith("nothing is wrong\n")


def test_a_test_that_cannot_be_collected_says_so(project: Path, capsys: pytest.CaptureFixture[str]):
    Path("tests/test_counter.py").write_text("import nothing_of_the_kind\n", "utf-8")
    assert "cannot be collected, so nothing is known of its recordings" in told(capsys, status=1)


def test_before_a_commit_only_what_is_staged_is_looked_at(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    secret = "a-key-" + "of-no-account-81"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    project_redactor()
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path("notes.md").write_text(f"The key is {secret}.\n", "utf-8")
    assert told(capsys, "--staged", status=0) == "nothing is wrong\n"
    subprocess.run(["git", "add", "notes.md"], check=True)
    out = told(capsys, "--staged", status=1)
    assert "! notes.md:1: there is a secret in this line" in out
    assert secret not in out
    subprocess.run(["git", "rm", "--quiet", "--cached", "notes.md"], check=True)
    REVIEWED.write_bytes(REVIEWED.read_bytes()[:-30])
    subprocess.run(["git", "add", str(REVIEWED)], check=True)
    assert f"! {REVIEWED}: " in told(capsys, "--staged", status=1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["missing"], "missing: there is no such file or folder"),
        (["--staged", "--fix"], "--staged looks at the files of the next commit"),
        (["--staged"], "git cannot tell which files are staged"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    problem: str,
):
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", *arguments]) == 2
    assert problem in capsys.readouterr().err
