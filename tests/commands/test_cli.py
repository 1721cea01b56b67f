"""The `duolog` command as a whole."""

from __future__ import annotations

import errno
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_duolog.cli import main


def test_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pytest-duolog {version('pytest-duolog')}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["cassettes"], "the following arguments are required: ACTION"),
        (["cassettes", "export"], "the following arguments are required: CASSETTE.jsonl"),
    ],
)
def test_wrong_use_says_what_is_accepted(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["export", "import", "prune"])
def test_missing_file_is_named_on_one_line(command, capsys):
    assert main(["cassettes", command, "nowhere.x"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("duolog: ")
    assert "nowhere.x" in error
    assert "No such file or directory" in error


def test_ctrl_c_while_a_command_is_loaded_is_told_in_a_line(capsys, monkeypatch):
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_duolog.cli.import_module", interrupted)
    assert main(["check", "x.json"]) == 130
    assert capsys.readouterr().err == "duolog: interrupted\n"


SHOW = "import sys; from pytest_duolog.cli import main; sys.exit(main(['show', sys.argv[1]]))"
DIALOGUE = '{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Bye."}]}'


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "-o"],
        ["show", "--format=csv", "-o"],
        ["show", "--format=parquet", "-o"],
        ["report", "-o"],
        ["check", "--out"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_written_is_named_with_advice(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("log.jsonl").write_text(DIALOGUE, "utf-8")
    Path("taken").write_text("", "utf-8")
    assert main([arguments[0], "log.jsonl", *arguments[1:], "taken/out"]) == 2
    assert capsys.readouterr().err.endswith(
        "taken/out cannot be written: Not a directory; move away what is there now\n"
    )
    assert sorted(map(str, Path().iterdir())) == ["log.jsonl", "taken"]


LOADED = "import sys; from pytest_duolog.cli import main; main(sys.argv[1:]); print(*sys.modules)"


def test_a_check_loads_only_what_it_needs(tmp_path):
    """HTTP libraries would take longer to import than a short log takes to check; people wait for all of it."""
    log = tmp_path / "log.jsonl"
    log.write_text(DIALOGUE, "utf-8")
    command = [sys.executable, "-c", LOADED, "check", str(log)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout.startswith("1 dialogue checked: none with findings\n")
    loaded = set(done.stdout.split())
    assert "pytest_duolog.commands.check" in loaded
    assert not loaded & {"vcr", "httpx", "requests", "aiohttp", "urllib3", "asyncio", "ssl", "pytest"}
    ours = {name.removeprefix("pytest_duolog.") for name in loaded}
    assert not ours & {"commands.scan_folder", "recording.retelling", "results.store", "properties.roles"}


@pytest.mark.parametrize("is_there", [True, False], ids=["old", "new"])
@pytest.mark.parametrize("kind", ["text", "csv"])
def test_a_file_stays_as_it_was_on_a_full_disk(kind, is_there, tmp_path, monkeypatch, capsys):
    def write_half(path, text, *_, **__):
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    Path("log.jsonl").write_text(DIALOGUE, "utf-8")
    if is_there:
        Path("out").write_text("the old one", "utf-8")
    before = {path.name: path.read_text("utf-8") for path in Path().iterdir()}
    monkeypatch.setattr(Path, "write_text", write_half)
    assert main(["show", "log.jsonl", "--format", kind, "-o", "out"]) == 2
    said = capsys.readouterr().err
    assert said == "duolog: out cannot be written: No space left on device; make room on the disk\n"
    assert {path.name: path.read_text("utf-8") for path in Path().iterdir()} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_output_that_cannot_be_written_is_told(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(DIALOGUE, "utf-8")
    command = [sys.executable, "-c", SHOW, str(log)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "duolog: the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check"], "Check finished transcripts."),
        (["check"], "Exit status: 0 if all properties hold"),
        (["gate"], "Exit status: 0 for PASS"),
        (["cassettes", "export"], "Convert cassettes to plain vcrpy YAML, in the same folder."),
        (["local"], "Download the embedded model"),
    ],
)
def test_help_of_a_command_says_what_it_does(arguments, said, capsys):
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["text", "md", "json", "csv"])
def test_a_file_stays_as_it_was_if_nothing_could_be_read(kind: str, tmp_path: Path) -> None:
    broken, kept = tmp_path / "broken.md", tmp_path / "kept"
    broken.write_text("---\n", "utf-8")
    kept.write_text("precious", "utf-8")
    assert main(["show", str(broken), "--format", kind, "-o", str(kept)]) == 2
    assert kept.read_text("utf-8") == "precious"


@pytest.mark.parametrize(
    "command",
    [
        ["rejudge", "input"],
        ["show", "input", "--format", "md"],
        ["report", "input"],
        ["compare", "other.jsonl", "input"],
        ["compare", "input"],
    ],
    ids=" ".join,
)
def test_an_output_that_is_an_input_is_refused(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("input").write_text("precious", "utf-8")
    Path("other.jsonl").write_text("also", "utf-8")
    assert main([*command, "-o", "./input"]) == 2
    assert "-o input: this would replace input, which is read; name another file" in capsys.readouterr().err
    assert Path("input").read_text("utf-8") == "precious"


@pytest.mark.parametrize(
    "command",
    [["show", "talks"], ["show", "talks/*.md"], ["show"], ["report", "talks"], ["compare", "talks", "talks"]],
    ids=" ".join,
)
def test_an_output_that_is_a_dialogue_of_a_folder_is_refused(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talks").mkdir()
    Path("talks/one.md").write_text("Ann: Tea?\nBen: Yes. Bye!\n", "utf-8")
    assert main([*command, "-o", "talks/one.md"]) == 2
    assert "this would replace talks/one.md, which is read" in capsys.readouterr().err
    assert Path("talks/one.md").read_text("utf-8") == "Ann: Tea?\nBen: Yes. Bye!\n"


def test_an_output_beside_the_dialogues_of_a_folder_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.md").write_text("Ann: Tea?\nBen: Yes. Bye!\n", "utf-8")
    for _ in range(2):
        assert main(["show", "--format", "jsonl", "-o", "rows.jsonl"]) == 0


@pytest.mark.parametrize("option", ["-k", "--says"])
def test_a_selection_needs_a_text(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["show", ".", option, ""])
    assert f"{option}: '' is empty: give a text, or leave the option out" in capsys.readouterr().err


def test_a_folder_is_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("duolog: this is a folder, and no run record\n")
    assert "move away" not in told
