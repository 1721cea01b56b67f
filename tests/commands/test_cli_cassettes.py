"""`duolog cassettes`: listing, converting and cleaning up recordings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.storage.line_file import LineFile
from tests.locked import lock

EXAMPLE = Path(__file__).parents[2] / "example_project"
EXAMPLE_TESTS = EXAMPLE / "tests"
REVIEWED = "test_the_conversation_is_the_one_we_reviewed.local-smollm2-135m-instruct.1.jsonl"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example project without its gate, which is the working directory."""
    ignored = shutil.ignore_patterns("*test_upgrade*", "__pycache__", ".*")
    shutil.copytree(EXAMPLE, tmp_path / "project", ignore=ignored)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def tests_folder(collecting_in_process: None, project: Path) -> Path:
    return project / "tests"


@pytest.fixture
def cassette(tests_folder: Path) -> Path:
    return tests_folder / "cassettes" / "test_counter" / REVIEWED


def test_list_shows_what_is_recorded(cassette: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cassettes", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(Path("tests").rglob("*.jsonl")))
    [line] = [line for line in lines if REVIEWED in line]
    assert "6 replies, finished, 20" in line
    assert line.endswith("local:smollm2-135m-instruct")


def test_list_counts_a_single_reply_in_the_singular(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cassettes", "list", str(EXAMPLE_TESTS / "cassettes" / "test_upgrade")]) == 0
    assert all("  1 reply, finished, 20" in line for line in capsys.readouterr().out.splitlines())


def test_list_names_damage(cassette: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = cassette.read_bytes().split(b"\n")
    cassette.write_bytes(b"\n".join([*lines[:3], b"{torn", *lines[4:]]))
    (cassette.parent / "test_x.jsonl").write_bytes(b"not a cassette\n")
    assert main(["cassettes", "list", str(cassette.parent), "missing.jsonl"]) == 1
    out = capsys.readouterr().out
    assert "line 4 cannot be read" in out
    assert "test_x.jsonl  line 1 of the cassette is not a header\n" in out
    assert "missing.jsonl  there is no such file\n" in out


def test_list_says_that_there_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cassettes", "list", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no cassettes below {tmp_path}\n"


def test_export_and_import_keep_every_reply(cassette: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original = read_journal(cassette)
    yaml = cassette.with_suffix(".yaml")
    assert main(["cassettes", "export", str(cassette)]) == 0
    cassette.unlink()
    assert main(["cassettes", "import", str(yaml)]) == 0
    assert "6 interactions" in capsys.readouterr().out
    copy = read_journal(cassette)
    assert copy.is_finished
    for one, other in zip(original.interactions, copy.interactions, strict=True):
        assert one.request.same_as(other.request)
        assert one.response.content == other.response.content


def test_export_and_import_leave_a_file_that_is_there(
    cassette: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = cassette.read_bytes()
    yaml = cassette.with_suffix(".yaml")
    assert main(["cassettes", "export", str(cassette)]) == 0
    exported = yaml.read_bytes()
    assert main(["cassettes", "export", str(cassette)]) == 2
    assert main(["cassettes", "import", str(yaml)]) == 2
    problems = capsys.readouterr().err
    assert problems.count("the file exists already") == 2
    assert "to fix:    move it away" in problems
    assert (cassette.read_bytes(), yaml.read_bytes()) == (recorded, exported)


def test_import_of_something_else_is_an_error(tests_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text("a: [1, 2", encoding="utf-8")
    assert main(["cassettes", "import", "x.yaml"]) == 2
    said = capsys.readouterr().err
    assert "not a vcrpy cassette: it does not list requests with their responses (" in said
    assert "  to fix:    name a YAML file that vcrpy or pytest-recording wrote\n" in said
    assert "test:" not in said
    assert not Path("x.jsonl").exists()


def test_a_folder_that_may_not_be_read_is_listed(
    tests_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(Path("more/cassettes"), monkeypatch)
    assert main(["cassettes", "list", "more"]) == 1
    assert capsys.readouterr().out == f"{Path('more/cassettes')}  cannot be read: Permission denied\n"


def test_export_of_a_missing_file_is_an_error(tests_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cassettes", "export", "nowhere.jsonl"]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_prune_leaves_what_tests_use(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pytest, which is asked, has a process of its own here."""
    assert main(["cassettes", "prune", "--delete", "--superseded"]) == 0
    assert capsys.readouterr().out == ""


def test_prune_names_what_no_test_uses_and_deletes_only_when_told(
    tests_folder: Path, cassette: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = tests_folder / "test_counter.py"
    renamed = module.read_text("utf-8").replace("def test_the_conversation_is", "def test_it_is")
    module.write_text(renamed, "utf-8")
    interrupted = cassette.with_name(
        "test_every_opening_gets_an_answer[cake].local-smollm2-135m-instruct.1.partial.jsonl"
    )
    shutil.copy(cassette.with_name(interrupted.name.replace(".partial", "")), interrupted)
    assert main(["cassettes", "prune"]) == 0
    out = capsys.readouterr().out
    assert (
        f"unused: tests/cassettes/test_counter/{REVIEWED} (its test test_counter.py::test_the_conversation_is"
        in out
    )
    assert "the run that recorded test_every_opening_gets_an_answer[cake]" in out
    assert len(out.splitlines()) == 2
    assert cassette.exists()
    assert main(["cassettes", "prune", "--delete"]) == 0
    assert not cassette.exists()
    assert not interrupted.exists()


def test_prune_superseded_keeps_the_newest_recording(
    cassette: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = cassette.with_name(REVIEWED.replace("local-smollm2-135m-instruct", "openai-old"))
    header, rest = cassette.read_text("utf-8").split("\n", 1)
    year = header.index('"recorded":"') + len('"recorded":"')
    older.write_text(f"{header[:year]}1999{header[year + 4 :]}\n{rest}", "utf-8")
    assert main(["cassettes", "prune", "--superseded"]) == 0
    assert capsys.readouterr().out == f"unused: {older.relative_to(Path.cwd())} (superseded by {REVIEWED})\n"


def test_prune_of_a_module_that_is_gone(tests_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tests_folder / "test_counter.py").unlink()
    recordings = list((tests_folder / "cassettes" / "test_counter").iterdir())
    assert main(["cassettes", "prune"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(recordings) > 1
    assert all("its test module test_counter.py no longer exists" in line for line in lines)


@pytest.mark.parametrize(
    "arguments", [[], ["cassettes"], ["cassettes", "burn"]], ids=["none", "no action", "unknown"]
)
def test_a_wrong_call_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: duolog" in capsys.readouterr().err


def test_local_status_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DUOLOG_CACHE_DIR", str(tmp_path))
    assert main(["local", "status"]) == 1
    assert "download them once: duolog local pull" in capsys.readouterr().out
    weights = tmp_path / "own.gguf"
    weights.write_bytes(b"GGUF")
    monkeypatch.setenv("DUOLOG_LOCAL_GGUF", str(weights))
    main(["local", "status"])
    assert f"local:smollm2-135m-instruct: {weights}" in capsys.readouterr().out


def test_export_names_what_it_leaves_out(cassette: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = cassette.read_bytes().split(b"\n")
    cassette.write_bytes(b"\n".join([*lines[:6], b"{torn", *lines[7:]]))
    assert main(["cassettes", "export", str(cassette)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith(".yaml: 5 interactions")
    assert out[1].startswith(f"  {REVIEWED}: line 7 cannot be read (")
    assert cassette.with_suffix(".yaml").is_file()


def test_export_that_is_killed_leaves_no_half_yaml(cassette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_duolog.storage.line_file.LineFile.take_place_of", killed)
    assert main(["cassettes", "export", str(cassette)]) == 130
    assert not cassette.with_suffix(".yaml").exists()


@pytest.fixture
def leftover(cassette: Path) -> Path:
    """What a run leaves that is killed while it writes a whole file."""
    path = cassette.with_name(f".{REVIEWED}.4711")
    path.write_bytes(cassette.read_bytes()[:500])
    return path


def test_list_names_what_a_killed_run_left(
    cassette: Path, leftover: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cassettes", "list"]) == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if ".4711" in line]
    assert line.endswith(
        f"  a run was killed while it wrote {REVIEWED}; duolog cassettes prune --delete removes it"
    )


def test_prune_removes_what_a_killed_run_left(
    cassette: Path, leftover: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cassettes", "prune", str(cassette.parent)]) == 0
    assert (
        f"unused: {leftover} (left by a run that was killed while it wrote {REVIEWED})"
        in capsys.readouterr().out
    )
    assert leftover.is_file()
    assert main(["cassettes", "prune", "--delete", str(cassette.parent)]) == 0
    assert not leftover.exists()
    assert cassette.is_file()


def test_files_that_another_run_writes_are_left_alone(
    cassette: Path, leftover: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = cassette.with_name(REVIEWED.replace(".jsonl", ".partial.jsonl"))
    shutil.copy(cassette, partial)
    with LineFile(partial), LineFile(leftover):
        assert main(["cassettes", "prune", "--delete", str(cassette.parent)]) == 0
        assert f"kept: {partial} (another run is writing it right now)" in capsys.readouterr().out
    assert partial.is_file()
    assert leftover.is_file()
