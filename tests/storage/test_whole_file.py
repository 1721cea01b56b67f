"""A file that a user named is written as a whole, or left as it was."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pytest_duolog.storage.whole_file import whole_file, write_whole


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("old", ["the old one", None])
def test_an_error_leaves_what_was_there(old: str | None):
    if old is not None:
        Path("page.html").write_text(old)

    def write_half() -> None:
        with whole_file(Path("page.html")) as place:
            place.write_text("the n")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert [path.read_text() for path in Path().iterdir()] == [old] * (old is not None)


def test_what_a_killed_process_left_is_removed_by_the_next_one():
    left, fresh, other = (
        Path(name) for name in (".page.html.12.part", ".page.html.13.part", ".rows.csv.12.part")
    )
    for path in (left, fresh, other):
        path.write_text("half")
    for path in (left, other):
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    write_whole(Path("page.html"), "whole")
    assert sorted(path.name for path in Path().iterdir()) == [fresh.name, other.name, "page.html"]


def test_a_long_name_can_be_written():
    write_whole(Path("n" * 250), "whole")
    assert [path.name for path in Path().iterdir()] == ["n" * 250]


def test_rights_and_links_stay():
    Path("here").mkdir()
    page = Path("here/page.html")
    page.write_text("the old one")
    page.chmod(0o640)
    Path("link").symlink_to(page)
    write_whole(Path("link"), "the new one")
    assert Path("link").is_symlink()
    assert (page.read_text(), page.stat().st_mode & 0o777) == ("the new one", 0o640)
    assert [path.name for path in Path("here").iterdir()] == ["page.html"]


def test_a_new_file_has_the_usual_rights():
    Path("usual").touch()
    write_whole(Path("page.html"), "ä\n")
    assert Path("page.html").read_bytes() == b"\xc3\xa4\n"
    assert Path("page.html").stat().st_mode == Path("usual").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_stays_a_pipe():
    os.mkfifo("pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text()))
    reader.start()
    write_whole(Path("pipe"), "through")
    reader.join(30)
    assert read == ["through"]
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize("target", ["loop", "other/page.html"])
def test_a_link_in_a_loop_or_into_no_folder_is_an_error_and_stays(target: str):
    Path("loop").symlink_to(target)
    with pytest.raises(OSError, match="loop"):
        write_whole(Path("loop"), "new")
    assert [path.name for path in Path().iterdir()] == ["loop"]


def test_what_cannot_be_replaced_is_written_in_place(monkeypatch: pytest.MonkeyPatch):
    def busy(path: Path, target: Path) -> None:
        raise OSError(16, "Device or resource busy", str(path), None, str(target))

    Path("page.html").write_text("the old one")
    monkeypatch.setattr(Path, "replace", busy)
    write_whole(Path("page.html"), "the new one")
    assert [path.read_text() for path in Path().iterdir()] == ["the new one"]
    with pytest.raises(OSError, match="busy"):
        write_whole(Path("new.html"), "no other")
