"""The folder of the history: what is written is read, and what is damaged is named while the rest counts."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.history.folder import added, read_folder, write_lines
from pytest_duolog.history.line import Asked, HistoryLine
from pytest_duolog.history.trends import trends_of
from pytest_duolog.reports.dialogue_text import Page
from pytest_duolog.reports.history_words import history_lines
from tests.histories import line, series, write
from tests.hostile import HOSTILE
from tests.locked import lock

TEXTS = st.text(max_size=20)
LINES = st.builds(
    HistoryLine,
    build=st.text(min_size=1, max_size=20),
    created=st.datetimes(
        min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)
    ),
    scenario=TEXTS,
    samples=st.just(20),
    passed=st.integers(0, 20),
    prompts=TEXTS,
)


@given(LINES)
def test_line_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, written: HistoryLine):
    folder = tmp_path_factory.mktemp("history")
    path = write_lines(folder, [written])
    assert path.parent == folder
    found = read_folder(folder)
    assert (list(found.lines), list(found.damage)) == ([written], [])


@pytest.mark.parametrize("name", [*HOSTILE, "../../etc/passwd", "a/b", "..", "x" * 200, "é"], ids=repr)
def test_any_name_of_a_build_is_one_file_in_the_folder(tmp_path: Path, name: str):
    (path,) = write(tmp_path / "history", [line(build=name[:200] or "-")])
    assert [path] == list(tmp_path.rglob("*.jsonl"))
    assert path.name.isascii()
    assert len(path.name) < 100


def test_file_is_never_changed_and_copies_count_once(tmp_path: Path):
    folder = tmp_path / "history"
    written = write(folder, series([18, 17, 16]))
    before = [path.read_bytes() for path in written]
    write(folder, series([18, 17, 16]))
    write(folder, [line(1, 3)])
    assert [path.read_bytes() for path in written] == before
    shutil.copytree(folder, folder / "artifact")
    found = read_folder(folder)
    assert [one.passed for one in found.lines] == [18, 17, 16]
    assert found.n_copies == 5
    assert found.damage == []


def test_first_line_of_a_build_counts_and_one_with_evidence_before_one_without(tmp_path: Path):
    later = timedelta(hours=1)
    begun = line().created
    write_lines(tmp_path, [line(0, 0, samples=0, looped=0, replayed=20)])
    write_lines(tmp_path, [line(0, 19, created=begun + later)])
    write_lines(tmp_path, [line(0, 5, created=begun + 2 * later)])
    assert [one.passed for one in read_folder(tmp_path).lines] == [19]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ({"created": line(1).created}, ""),
        (
            {"created": line(0).created + timedelta(days=1, seconds=1), "commit": ""},
            "build main is spread over 2 days; only",
        ),
        ({"commit": "b" * 40}, "build main is of 2 commits; only the first line"),
        ({"created": line(59).created, "commit": "b" * 40}, "of 2 commits and spread over 59 days"),
        ({"created": line(2).created, "scenario": "other", "commit": ""}, "spread over 2 days"),
        ({"commit": ""}, ""),
    ],
    ids=["a day later", "more than a day later", "other commit", "both", "other scenario", "no commit"],
)
def test_name_of_several_builds_is_told_when_written_and_when_read(
    tmp_path: Path, later: dict[str, object], expected: str
):
    first = line(build="main", created=line(0).created, commit="a" * 40)
    second = line(build="main", **{"created": first.created, "commit": first.commit} | later)
    assert "WARNING" not in added(tmp_path, [first])
    assert "WARNING" not in added(tmp_path, [line(build="main-2", created=line(40).created)])
    assert ("WARNING" in added(tmp_path, [second])) == bool(expected)
    assert [expected in problem for problem in read_folder(tmp_path).mixed] == [True] * bool(expected)


@pytest.mark.parametrize("hours", [24, 25, 24 * 9])
def test_later_run_of_a_build_on_its_commit_is_a_second_one_and_said(tmp_path: Path, hours: int):
    first = line(build="a-1", commit="a" * 40)
    later = {"build": "a-1", "commit": "a" * 40, "created": first.created + timedelta(hours=hours)}
    added(tmp_path, [first])
    said = added(tmp_path, [line(0, 3, **later), line(0, 4, **later, scenario="new")])
    folder = read_folder(tmp_path)
    assert [(one.scenario, one.passed) for one in folder.lines] == [(first.scenario, 18), ("new", 4)]
    rerun = [f"build a-1 was run again on its commit, over {ceil(hours / 24)} days: only the first line"] * (
        hours > 24
    )
    assert list(folder.mixed) == []
    assert [found in problem for found, problem in zip(rerun, folder.reruns, strict=True)] == [True] * len(
        rerun
    )
    assert "WARNING" not in said
    assert ("was run again on its commit" in said) == bool(rerun)


def test_shards_of_a_build_are_one_build(tmp_path: Path):
    write_lines(tmp_path, [line(scenario="a")])
    write_lines(tmp_path, [line(scenario="b")])
    assert len(read_folder(tmp_path).lines) == 2


def _whole(**fields: object) -> bytes:
    known = {"duolog_history": 1, "build": "b", "created": "2026-03-01T03:17:00Z", "scenario": "t"}
    return json.dumps(known | fields).encode() + b"\n"


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (b'{"duolog_history": 1, "build": "b', "not whole JSON; it ends there: copy the file again"),
        (b'{"duolog_history": 1, "bui\n', "not whole JSON; restore the file, or delete the line"),
        (_whole(duolog_history=2), "it has format 2; this version of pytest-duolog reads up to 1: upgrade"),
        (_whole(duolog_history=True), "not a line of a history"),
        (_whole(duolog_history="1"), "not a line of a history"),
        (b"[1, 2]\n", "not a line of a history"),
        (b'{"duolog_record": 2}\n', "not a line of a history; move other files to another folder"),
        (_whole(samples=-1), "wrong values (samples: "),
        (_whole(samples=10**9), "wrong values (samples: "),
        pytest.param(_whole(messages=10**400), "wrong values (messages: ", id="huge messages"),
        (_whole(speakers=[{"replies": 10**13}]), "wrong values (speakers.0.replies: "),
        pytest.param(
            _whole(speakers=[{"tokens_read": 10**400}]),
            "wrong values (speakers.0.tokens_read: ",
            id="huge tokens",
        ),
        (_whole(judges=[{"tokens_written": 10**13}]), "wrong values (judges.0.tokens_written: "),
        (_whole(speakers=[{"cost": 1e308}]), "wrong values (speakers.0.cost: "),
        (_whole(speakers=[{"latency_ms": 1e308}]), "wrong values (speakers.0.latency_ms: "),
        pytest.param(
            _whole(duolog_history=10**400),
            "; this version of pytest-duolog reads up to 1: upgrade",
            id="huge format",
        ),
        (_whole(passed=1), "more of its samples passed or looped than there are"),
        (_whole(unknown=1), "wrong values (unknown: "),
        (_whole(created="0001-01-01T00:00:00+14:00"), "or its time is impossible"),
        (_whole(created="9999-12-31T23:59:59-14:00"), "or its time is impossible"),
        (_whole(created="2026-03-01T03:17:00"), "wrong values (created: "),
        (_whole(build=""), "wrong values (build: "),
        (b"[" * 100_000 + b"\n", "not whole JSON"),
        (b"\xff\xfe\x00\n", "not whole JSON"),
        (b"<<<<<<< HEAD\n" + _whole() + b"=======\n" + _whole(build="c") + b">>>>>>> other\n", "conflict"),
    ],
)
def test_damage_is_named_and_every_other_line_counts(tmp_path: Path, damaged: bytes, said: str):
    (path,) = write(tmp_path, [line()])
    path.write_bytes(path.read_bytes() + damaged)
    found = read_folder(tmp_path)
    assert {line().build} <= {one.build for one in found.lines}
    (problem,) = found.damage
    assert f"{path.name}: line 2" in problem
    assert len(problem) < 400
    assert said in problem


HUGE = st.sampled_from([10**12, 10**13, 10**400, 1e12, 1e308])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | HUGE | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def names_of(kind: type) -> list[str]:
    """The names of its fields."""
    return [field.name for field in fields(kind)]


ASKED = st.dictionaries(st.sampled_from(names_of(Asked)), JSON, max_size=3)
FIELDS = st.dictionaries(st.sampled_from([*names_of(HistoryLine), "other"]), JSON, max_size=3) | st.builds(
    lambda one, n: {"samples": 1, "speakers": [one], "messages": n}, ASKED, HUGE | st.just(0)
)


@given(st.lists(st.binary(max_size=20) | FIELDS.map(lambda fields: _whole(**fields)), max_size=4))
def test_whatever_is_in_a_file_is_read_or_named(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]):
    folder = tmp_path_factory.mktemp("history")
    content = b"".join(parts)
    folder.joinpath("a.jsonl").write_bytes(content)
    found = read_folder(folder)
    said = list(history_lines(trends_of(found), Page(width=100)))
    assert max(map(len, said)) < 300
    n_lines = sum(bool(text.strip()) for text in content.split(b"\n"))
    assert bool(found.damage) == (len(found.lines) + found.n_copies < n_lines)


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lock(tmp_path / "old", monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert read_folder(tmp_path).damage == ["old: cannot be read: Permission denied"]


def test_both_sides_of_a_conflict_count(tmp_path: Path):
    content = (
        b"<<<<<<< HEAD\n" + _whole(build="b") + b"=======\n" + _whole(build="c").rstrip() + b"\n>>>>>>> x\n"
    )
    tmp_path.joinpath("merged.jsonl").write_bytes(content)
    found = read_folder(tmp_path)
    assert [one.build for one in found.lines] == ["b", "c"]
    assert len(found.damage) == 1
    assert "line 1 and 2 more lines: the mark of a conflict" in found.damage[0]


def test_whole_last_line_without_its_end_counts(tmp_path: Path):
    (path,) = write(tmp_path, [line()])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(read_folder(tmp_path).lines) == 1
    assert read_folder(tmp_path).damage == []


def test_other_files_and_an_empty_folder_are_no_damage(tmp_path: Path):
    tmp_path.joinpath("README.md").write_text("What this is.", "utf-8")
    tmp_path.joinpath("empty.jsonl").touch()
    found = read_folder(tmp_path)
    assert (found.lines, found.damage) == ([], [])


def test_file_that_cannot_be_read_is_named(tmp_path: Path):
    tmp_path.joinpath("folder.jsonl").mkdir()
    tmp_path.joinpath("gone.jsonl").symlink_to(tmp_path / "nowhere")
    assert ["it cannot be read" in problem for problem in read_folder(tmp_path).damage] == [True, True]


def test_folder_that_is_none_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="is not a folder: name the one that pytest writes"):
        read_folder(tmp_path / "nowhere")
    tmp_path.joinpath("file").touch()
    with pytest.raises(ConfigurationError, match=r"the history cannot be written to .*move away"):
        write_lines(tmp_path / "file", [line()])
