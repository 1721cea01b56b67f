"""Secrets in chat logs from elsewhere are shown and written by no command."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.results.store import write_record
from tests.planted import planted
from tests.reports.pages import gate_of

WORD = "plainword42"
PLANTED = planted(3)
KEY = PLANTED["OpenAI"][0]
TEXT = f"My key is {{}}, and {WORD} opens it, with password=hunter2hunter2."


def assert_clean(text: str) -> None:
    cores = [core for _, found in PLANTED.values() for core in found]
    assert [core for core in [*cores, WORD, "hunter2hunter2"] if core in text] == []


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A log full of secrets, in a project whose settings make one more of a variable's value."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_HIDDEN", WORD)
    Path("pytest.ini").write_text("[pytest]\nduolog_secrets =\n    MY_HIDDEN\n")
    messages = [
        {"role": ("user", "assistant")[at % 2], "content": TEXT.format(secret)}
        for at, (secret, _) in enumerate(PLANTED.values())
    ]
    Path("log.json").write_text(json.dumps({"id": f"of {KEY}", "messages": messages}))
    Path("bad.json").write_text(f'{{"messages": {KEY}')
    return "log.json"


@pytest.mark.parametrize(
    "command",
    [
        *(["check", "--format", form] for form in ("text", "json", "github", "sarif")),
        *(["show", "--format", form] for form in ("text", "md", "json", "jsonl", "csv")),
        ["show", "--full"],
        ["show", "--format", "json", "--messages"],
    ],
    ids=" ".join,
)
def test_command_shows_no_secret_of_a_log(log: str, capsys: pytest.CaptureFixture[str], command: list[str]):
    main([*command, log, "bad.json"])
    printed = "".join(capsys.readouterr())
    assert "[redacted" in printed
    assert_clean(printed)


def test_page_holds_no_secret_of_a_log(log: str):
    main(["report", log, "-o", "page.html"])
    assert_clean(Path("page.html").read_text("utf-8"))


def test_nothing_made_of_a_record_holds_its_secrets(log: str, capsys: pytest.CaptureFixture[str]):
    record = gate_of({f"t.py::test_a[{WORD}]": ("+-", "--")}, said=[TEXT.format(KEY)])
    write_record(Path("record.jsonl"), record)
    main(["report", "record.jsonl", "-o", "page.html"])
    for command in (["gate"], ["merge", "-o", "merged.jsonl"]):
        main([*command, "record.jsonl"])
    printed = "".join(capsys.readouterr())
    assert "BLOCK" in printed or "INCONCLUSIVE" in printed
    assert_clean(printed)
    text = Path("page.html").read_text("utf-8")
    assert "May I merge?" in text
    assert "[redacted" in text
    assert_clean(text)


def test_log_on_stdin_is_redacted_as_well(
    log: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(log).read_bytes())))
    main(["check", "-"])
    assert_clean(capsys.readouterr().out)


def test_ini_files_are_read_as_pytest_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_HIDDEN", WORD)
    files = {
        "pytest.ini": "[pytest]\nduolog_secrets = MY_HIDDEN\n",
        "pyproject.toml": "[tool.pytest.ini_options]\nduolog_secrets = ['MY_*']\n",
        "tox.ini": "[pytest]\nduolog_secrets =\n    OTHER\n    MY_HIDDEN\n",
        "setup.cfg": "[tool:pytest]\nduolog_secrets = MY_HIDDEN\n",
        "pytest.toml": "[pytest]\nduolog_secrets = ['MY_HIDDEN']\n",
    }
    for at, (name, text) in enumerate(files.items()):
        folder = tmp_path / str(at) / "below"
        folder.mkdir(parents=True)
        (folder.parent / name).write_text(text)
        monkeypatch.chdir(folder)
        assert project_redactor().text(WORD) == "[redacted MY_HIDDEN]", name


def test_file_with_another_purpose_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_HIDDEN", WORD)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.duolog]\n")
    (tmp_path / "tox.ini").write_text("[tox]\n")
    assert project_redactor().text(WORD) == WORD


def test_wrong_rule_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nduolog_secrets = MY HIDDEN=1\n")
    with pytest.raises(ConfigurationError, match="duolog_secrets: 'HIDDEN=1' is not the name"):
        project_redactor()


def test_cassette_of_vcrpy_is_imported_without_what_the_settings_call_secret(log: str):
    Path("old.yaml").write_text(
        "version: 1\ninteractions:\n- request: {method: POST, uri: 'https://h.example/x', body: 'I am "
        f"{WORD}', headers: {{}}}}\n  response: {{status: {{code: 200, message: OK}}, headers: {{}}, body: {{string: 'I"
        f" am {WORD}'}}}}\n"
    )
    assert main(["cassettes", "import", "old.yaml"]) == 0
    assert WORD not in Path("old.jsonl").read_text("utf-8")
