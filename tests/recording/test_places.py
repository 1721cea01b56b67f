"""What may stand where a cassette belongs: it is told, with what to do, before a model is asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_duolog.storage import line_file

PROJECT = """
import pytest

@pytest.mark.dialogue(model="openai:m", opener="Hello.", turns=1)
def test_it(dialogue):
    assert dialogue.messages
"""
NAME = "test_it.openai-m.1.jsonl"
MODES = ["none", "once", "new_episodes", "all", "rewrite"]


class Project:
    def __init__(self, pytester, server):
        self.pytester = pytester
        self.server = server
        self.folder = pytester.path / "cassettes" / "test_project"
        self.path = self.folder / NAME
        pytester.makepyfile(test_project=PROJECT)
        pytester.makeini("[pytest]\naddopts = -p no:asyncio -p no:cacheprovider\nduolog_stop_on = nothing")

    def refuses(self, mode: str, problem: str, advice: str) -> None:
        """The test fails with this, and no model was asked."""
        self.server.requests.clear()
        result = self.pytester.runpytest("test_project.py", f"--record-mode={mode}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"E *UnreadableCassette: {problem}", f"E *to fix: *{advice}*"])
        assert self.server.requests == []


@pytest.fixture
def project(pytester, chat_server):
    return Project(pytester, chat_server)


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def dangling_link(path: Path) -> None:
    path.symlink_to("gone.jsonl")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


NO_FILES: list[tuple[Callable[[Path], None], str, str]] = [
    (folder, "the cassette cannot be read: Is a directory", "move away what is there now"),
    (pipe, "the cassette cannot be read: Not a regular file", "move away what is there now"),
    (dangling_link, "the cassette cannot be read: a link to gone.jsonl, which does not exist", "remove the link, or"),
    (link_to_itself, f"the cassette cannot be read: a link to {NAME}, which leads back to itself", "remove the link"),
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("make", "problem", "advice"), NO_FILES, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_is_no_file_is_told(project, mode, make, problem, advice):
    project.folder.mkdir(parents=True)
    make(project.path)
    project.refuses(mode, problem, advice)
    assert [path.name for path in project.folder.iterdir()] == [NAME]


@pytest.mark.parametrize("make", [folder, pipe, dangling_link])
def test_so_it_is_where_an_unfinished_recording_would_be(project, make):
    project.pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    before = project.path.read_bytes()
    make(project.path.with_name(NAME.replace(".jsonl", ".partial.jsonl")))
    project.refuses("rewrite", "the cassette cannot be read: *", "*")
    assert project.path.read_bytes() == before


@pytest.mark.parametrize("place", ["cassettes", "cassettes/test_project"])
@pytest.mark.parametrize("mode", ["once", "rewrite"])
def test_a_file_where_the_folder_belongs(project, place, mode):
    project.folder.parent.mkdir()
    if place == "cassettes":
        project.folder.parent.rmdir()
    (project.pytester.path / place).write_text("a file")
    project.refuses(mode, "the cassette cannot be written: *is not a folder", "move away what is there now")


@pytest.fixture
def _bound_by_permissions(tmp_path: Path) -> None:
    """Skips the test for users whom permissions do not bind, such as root."""
    probe = tmp_path / "probe"
    probe.mkdir(0o000)
    is_bound = not os.access(probe, os.W_OK)
    probe.rmdir()
    if not is_bound:
        pytest.skip("permissions do not bind this user")


@pytest.mark.usefixtures("_bound_by_permissions")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rights", [0o000, 0o600], ids=oct)
def test_a_folder_that_may_not_be_searched(project, mode, rights):
    project.pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    project.folder.chmod(rights)
    try:
        project.refuses(mode, "the cassette cannot be read: Permission denied", "the folders above it")
    finally:
        project.folder.chmod(0o700)


@pytest.mark.usefixtures("_bound_by_permissions")
@pytest.mark.parametrize("mode", ["once", "rewrite"])
def test_a_folder_that_may_not_be_written(project, mode):
    project.folder.mkdir(parents=True)
    project.folder.chmod(0o500)
    try:
        project.refuses(
            mode, "the cassette cannot be written: no permission to write to *", "give this user the right"
        )
    finally:
        project.folder.chmod(0o700)


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_that_may_not_be_searched_is_told_to_anybody(project, mode, monkeypatch):
    project.pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    real = os.stat

    def stat(path, *arguments, **options):
        if str(path).startswith(str(project.folder / "test")):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    project.refuses(mode, "the cassette cannot be read: Permission denied", "search the folders above it")


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.EROFS, "make the file system writable"), (errno.EACCES, "give this user the right")],
)
@pytest.mark.parametrize("mode", ["new_episodes", "rewrite"])
def test_a_place_that_may_not_be_written_is_told_to_anybody(project, mode, number, advice, monkeypatch):
    project.pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    project.pytester.makepyfile(test_project=PROJECT.replace("Hello.", "Good morning."))
    before = project.path.read_bytes()
    real = os.open

    def open_for_reading(path, flags, *arguments, **options):
        if flags & (os.O_WRONLY | os.O_RDWR) and "cassettes" in str(path):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", open_for_reading)
    project.refuses(mode, f"the cassette cannot be written: {os.strerror(number)}", advice)
    assert project.path.read_bytes() == before


def test_a_read_only_folder_is_replayed_from(project, monkeypatch):
    project.pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    project.server.close()
    monkeypatch.setattr(line_file, "READ_AND_APPEND", None)  # whoever opens for writing fails
    for mode in ("none", "once", "new_episodes"):
        project.pytester.runpytest(f"--record-mode={mode}").assert_outcomes(passed=1)


@pytest.mark.parametrize("make", [folder, pipe, dangling_link])
def test_a_record_that_cannot_be_written_is_told_before_a_sample_is_paid_for(project, make):
    make(project.pytester.path / "record.jsonl")
    result = project.pytester.runpytest(
        "--record-mode=once", "--duolog-samples=3", "--duolog-record=record.jsonl"
    )
    assert result.ret in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR)
    result.stdout.fnmatch_lines(["*the run record cannot be written: *"])
    assert project.server.requests == []
