"""Files that grow by whole lines: one writer at a time, nothing half, nothing left behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_duolog.storage import line_file
from pytest_duolog.storage.checksums import without_checksum, wrong_lines
from pytest_duolog.storage.line_file import (
    FileChanged,
    FileInUse,
    LineFile,
    Lines,
    check_writable,
    left_by_killed_run,
    read_first_line,
    read_lines,
    replacing,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two lines."""
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"one\ntwo\n")
    return path


def texts(path: Path) -> list[bytes]:
    """The whole lines of a file, without the checksums of those that have them."""
    return [without_checksum(line) for line in read_lines(path).whole]


@pytest.mark.parametrize(
    ("content", "whole", "torn"),
    [
        (b"", [], b""),
        (b"torn", [], b"torn"),
        (b"one\n", [b"one"], b""),
        (b"one\n\ntwo\nthr", [b"one", b"", b"two"], b"thr"),
        (b"one\r\n", [b"one\r"], b""),
    ],
)
def test_lines_of_a_file(tmp_path, content, whole, torn):
    lines = Lines(content)
    assert (lines.whole, lines.torn) == (whole, torn)
    assert lines.n_bytes == len(content)
    assert lines.whole_bytes == len(content) - len(torn)
    (tmp_path / "file").write_bytes(content)
    assert read_lines(tmp_path / "file") == lines
    assert read_first_line(tmp_path / "file") == content.partition(b"\n")[0] + b"\n" * (b"\n" in content)


def test_file_grows_by_what_is_appended(path):
    with LineFile(path) as file:
        file.append(['{"n":"drei ä"}'.encode()])
        assert texts(path) == [b"one", b"two", '{"n":"drei ä"}'.encode()]
        assert file.read() == read_lines(path)
        assert file.n_bytes == path.stat().st_size
        file.cut(4)
        file.append([b'{"n":4}', b'{"n":5}'])
        file.append_as_is(b"six\n")
    assert texts(path) == [b"one", b'{"n":4}', b'{"n":5}', b"six"]


def test_lines_are_numbered_through_for_their_checksums(tmp_path):
    path = tmp_path / "new.jsonl"
    with LineFile(path) as file:
        file.append([b'{"n":1}', b'{"n":2}'])
    with LineFile(path) as file:
        file.append([b'{"n":3}'])
        file.append([b'{"n":4}'])
    assert list(wrong_lines(read_lines(path).whole)) == []
    assert len(texts(path)) == 4


def test_folders_are_made(tmp_path):
    LineFile(tmp_path / "a" / "b" / "c.jsonl").close()
    assert (tmp_path / "a" / "b" / "c.jsonl").read_bytes() == b""


def test_one_run_at_a_time(path):
    with LineFile(path):
        with pytest.raises(FileInUse):
            LineFile(path)
        with pytest.raises(FileInUse):
            check_writable(path, expected_bytes=None)
        assert read_lines(path).whole == [b"one", b"two"]
    LineFile(path).close()


def test_a_process_of_another_run_is_kept_out_too(path):
    code = """if True:
        import sys
        from pathlib import Path
        from pytest_duolog.storage.line_file import LineFile
        LineFile(Path(sys.argv[1]))
    """
    with LineFile(path):
        command = [sys.executable, "-c", code, str(path)]
        other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "FileInUse" in other.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no descriptors are inherited there")
def test_a_child_that_inherited_the_file_does_not_keep_others_from_it(path):
    file = LineFile(path)
    command = [sys.executable, "-c", "input()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[file._descriptor])
    file.close()
    LineFile(path).close()
    child.communicate(b"\n", timeout=60)


@pytest.mark.parametrize(("expected", "is_right"), [(None, True), (8, True), (0, False), (7, False)])
def test_length_is_what_was_read(path, expected, is_right):
    if is_right:
        LineFile(path, expected_bytes=expected).close()
        check_writable(path, expected_bytes=expected)
    else:
        with pytest.raises(FileChanged):
            LineFile(path, expected_bytes=expected)
        with pytest.raises(FileChanged):
            check_writable(path, expected_bytes=expected)
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_file_that_was_read_and_is_gone_is_not_made_again(tmp_path):
    gone = tmp_path / "gone.jsonl"
    with pytest.raises(FileChanged):
        LineFile(gone, expected_bytes=5)
    with pytest.raises(FileChanged):
        check_writable(gone, expected_bytes=5)
    assert not gone.exists()


def test_checking_makes_nothing(tmp_path):
    check_writable(tmp_path / "a" / "b.jsonl", expected_bytes=0)
    assert list(tmp_path.iterdir()) == []


def test_file_put_into_its_place_while_it_was_opened_is_not_written(path, monkeypatch):
    """Another run finishes and renames between our opening and locking."""
    other = path.with_name("other.jsonl")
    real, replaced = line_file._lock, []

    def lock(descriptor: int) -> None:
        if not replaced:
            replaced.append(True)
            path.rename(other)
            path.write_bytes(b"new\n")
        real(descriptor)

    monkeypatch.setattr(line_file, "_lock", lock)
    with LineFile(path) as file:
        file.append([b'{"n":2}'])
    assert other.read_bytes() == b"one\ntwo\n"
    assert texts(path) == [b"new", b'{"n":2}']


def test_a_path_that_changes_all_the_time_is_given_up(path, monkeypatch):
    def lock(descriptor: int) -> None:
        path.unlink()
        path.write_bytes(b"")

    monkeypatch.setattr(line_file, "_lock", lock)
    with pytest.raises(FileInUse):
        LineFile(path)


def full_after(n_bytes: int):
    """A stand-in for os.write on a disk with room for so many bytes."""
    room, real = [n_bytes], os.write

    def write(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(descriptor, data[: room[0]])
        room[0] -= written
        return written

    return write


def test_a_full_disk_leaves_whole_lines(path, monkeypatch):
    with LineFile(path) as file:
        with monkeypatch.context() as full:
            full.setattr(line_file.os, "write", full_after(5))
            with pytest.raises(OSError, match="No space left"):
                file.append([b'{"n":"a line that is cut"}'])
        assert path.read_bytes() == b"one\ntwo\n"
        file.append([b'{"n":3}'])
    assert texts(path) == [b"one", b"two", b'{"n":3}']


def test_file_takes_the_place_of_another(path, tmp_path):
    target = tmp_path / "target.jsonl"
    target.write_bytes(b"old\n")
    file = LineFile(path)
    file.take_place_of(target)
    assert file.path == target
    assert {found.name: found.read_bytes() for found in tmp_path.iterdir()} == {"target.jsonl": b"one\ntwo\n"}
    LineFile(target).close()


def test_it_does_so_where_open_files_cannot_be_renamed(path, tmp_path, monkeypatch):
    monkeypatch.setattr(line_file, "CAN_RENAME_OPEN_FILES", False)
    target = tmp_path / "target.jsonl"
    target.write_bytes(b"old\n")
    LineFile(path).take_place_of(target)
    assert target.read_bytes() == b"one\ntwo\n"


def test_a_file_that_another_run_writes_is_not_replaced(path, tmp_path):
    target = tmp_path / "target.jsonl"
    with LineFile(target) as other:
        with pytest.raises(FileInUse):
            LineFile(path).take_place_of(target)
        with pytest.raises(FileInUse), replacing(target) as file:
            file.append([b'{"is":"mine"}'])
        other.append([b'{"is":"theirs"}'])
    assert texts(target) == [b'{"is":"theirs"}']
    assert path.read_bytes() == b"one\ntwo\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_is_no_longer_ours_does_not_replace_another(path, tmp_path):
    target = tmp_path / "target.jsonl"
    file = LineFile(path)
    path.rename(tmp_path / "moved.jsonl")
    path.write_bytes(b"theirs\n")
    with pytest.raises(FileChanged):
        file.take_place_of(target)
    assert path.read_bytes() == b"theirs\n"
    assert not target.exists()


@pytest.mark.parametrize("is_there", [True, False])
def test_whole_file_is_written_or_nothing(tmp_path, is_there):
    path = tmp_path / "whole.jsonl"
    if is_there:
        path.write_bytes(b"before\n")
    before = {found: found.read_bytes() for found in tmp_path.iterdir()}
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.append([b'{"n":1}', b"{}" * (1 // 0)])
    assert {found: found.read_bytes() for found in tmp_path.iterdir()} == before
    with replacing(path) as file:
        file.append([b'{"n":1}'])
    assert list(tmp_path.iterdir()) == [path]
    assert texts(path) == [b'{"n":1}']


def test_what_a_killed_run_leaves_is_known_by_its_name(tmp_path):
    with replacing(tmp_path / "a b.1.jsonl") as file:
        assert left_by_killed_run(file.path) == "a b.1.jsonl"
    for name in ("a.jsonl", ".a.jsonl", "a.jsonl.12", ".a.jsonl.x", ".env.12"):
        assert left_by_killed_run(tmp_path / name) is None


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "problem"), [(folder, "Is a directory"), (pipe, "Not a regular file")], ids=["folder", "pipe"]
)
def test_what_is_no_file_is_neither_read_nor_written(tmp_path, make, problem):
    path = tmp_path / "place"
    make(path)
    for use in (
        read_lines,
        read_first_line,
        LineFile,
        lambda path: check_writable(path, expected_bytes=None),
    ):
        with pytest.raises(OSError, match=problem):
            use(path)


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        check_writable(tmp_path / "file" / "a.jsonl", expected_bytes=0)


def test_file_systems_without_locks_are_written_all_the_same(path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("portalocker.portalocker.LOCKER", no_locks)
    with LineFile(path) as file:
        file.append([b'{"n":3}'])
    assert texts(path) == [b"one", b"two", b'{"n":3}']
