"""`duolog check --out`: every dialogue once, in files that are whole, however often the scan is killed."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import signal
import subprocess
import sys
import time
from functools import partialmethod
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.cli import main
from pytest_duolog.commands import scan, scan_folder
from pytest_duolog.transcripts.logs import chunks
from pytest_duolog.transcripts.logs.chunks import chunks_of, dialogues_of
from pytest_duolog.transcripts.logs.files import UNPACKED
from pytest_duolog.transcripts.logs.reading import dialogues_in
from tests.scans import Now, contents, line, log, rows, table


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chunks are checked in this process."""
    monkeypatch.setattr(scan, "ProcessPoolExecutor", Now)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("log.jsonl").write_text(log(), "utf-8")
    return tmp_path


def test_every_verdict_is_a_row_with_its_place(folder, capsys):
    assert main(["check", "--out", "out", "--chunk-mb", "0.001", "log.jsonl"]) == 1
    found = rows()
    assert [(row["line"], row["property"]) for row in found] == [
        (number, name) for number in range(1, 7) for name in ("NoLoops", "EndsCleanly")
    ]
    assert [row["line"] for row in found if row["property"] == "NoLoops" and row["outcome"] == "fails"] == [
        1,
        4,
    ]
    assert {row["id"] for row in found} == {f"talk {number}" for number in range(6)}
    assert (found[0]["loop_kind"], found[0]["loop_end"], found[0]["messages"]) == ("repeat", 12, 12)
    *chunks, last = capsys.readouterr().out.splitlines()
    assert len(chunks) == len(list(Path("out").iterdir())) > 1
    assert last == "6 dialogues checked: 2 with findings"


def test_a_second_scan_checks_nothing_and_says_the_same(folder, one_process, capsys, monkeypatch):
    assert main(["check", "--out", "out", "log.jsonl"]) == 1
    before = contents(Path("out"))
    monkeypatch.setattr(scan_folder.FolderScan, "rows", None)
    assert main(["check", "--out", "out", "log.jsonl"]) == 1
    assert contents(Path("out")) == before
    assert "(was there)" in capsys.readouterr().out


def test_of_a_log_that_grew_only_the_end_is_checked_again(folder, one_process, capsys):
    command = ["check", "--out", "out", "--chunk-mb", "0.001", "log.jsonl"]
    main(command)
    before = set(contents(Path("out")))
    with Path("log.jsonl").open("a", encoding="utf-8") as file:
        file.write(line(7, "Hello.", "Goodbye!"))
    capsys.readouterr()
    main(command)
    assert len(before - set(contents(Path("out")))) <= 1
    assert capsys.readouterr().out.count("(was there)") >= len(before) - 1
    assert len(rows()) == 14


def test_other_options_replace_the_results_and_other_inputs_do_not(folder, one_process, capsys):
    Path("other.jsonl").write_text(log(3), "utf-8")
    main(["check", "--out", "out", "log.jsonl", "other.jsonl"])
    main(["check", "--out", "out", "--property", "NoLoops", "log.jsonl"])
    assert "removed 1 result of earlier contents or options" in capsys.readouterr().out
    assert [row["source"] for row in rows()] == ["log.jsonl"] * 6 + ["other.jsonl"] * 6


@pytest.mark.parametrize("content", ["", "Ann: Hello.\n", None])
def test_a_log_that_is_refused_or_gone_leaves_no_old_results(folder, one_process, capsys, content):
    Path("other.jsonl").write_text(log(3), "utf-8")
    main(["check", "--out", "out", "log.jsonl", "other.jsonl"])
    Path("log.jsonl").unlink()
    if content is not None:
        Path("log.jsonl").write_text(content, "utf-8")
    assert main(["check", "--out", "out", "log.jsonl"]) == 2
    assert "removed 1 result of earlier contents or options" in capsys.readouterr().out
    assert {row["source"] for row in rows()} == {"other.jsonl"}


def test_dialogues_over_two_batches_of_parquet_count_once(folder, one_process, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    main(["check", "--out", "out", "--rows", "parquet", "log.jsonl"])
    (path,) = Path("out").iterdir()
    file = parquet.ParquetFile
    monkeypatch.setattr(file, "iter_batches", partialmethod(file.iter_batches, 3))
    assert scan_folder.read_counts(path) == scan_folder.Counts(6, 2, 0)


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_compressed_logs_have_the_same_rows(folder, one_process, suffix, pack):
    main(["check", "--out", "plain", "log.jsonl"])
    Path(f"log.jsonl.{suffix}").write_bytes(pack(log().encode()))
    assert main(["check", "--out", "out", f"log.jsonl.{suffix}"]) == 1
    assert [row | {"source": "log.jsonl"} for row in rows()] == rows("plain")


def test_zstandard_has_the_same_rows(folder, one_process):
    zstandard = pytest.importorskip("zstandard")
    main(["check", "--out", "plain", "log.jsonl"])
    Path("log.jsonl.zst").write_bytes(zstandard.compress(log().encode()))
    assert main(["check", "--out", "out", "*.zst"]) == 1
    assert [row | {"source": "log.jsonl"} for row in rows()] == rows("plain")


def test_a_damaged_archive_and_a_bad_line_are_rows_that_say_why(folder, one_process, capsys):
    packed = gzip.compress(random.Random(1).randbytes(90_000).hex().encode())
    Path("cut.jsonl.gz").write_bytes(gzip.compress(log().encode()) + packed[: len(packed) // 2])
    Path("bad.jsonl").write_text(f"{log(1)}[1\n{log(1)}", "utf-8")
    assert main(["check", "--out", "out", "cut.jsonl.gz", "bad.jsonl"]) == 2
    errors = [(row["source"], row["line"], row["error"]) for row in rows() if row["error"]]
    assert [error[:2] for error in errors] == [("bad.jsonl", 2), ("cut.jsonl.gz", 6)]
    assert errors[0][2].startswith("not JSON: ")
    assert errors[1][2].startswith("damaged after this line: Compressed file ended")
    assert len([row for row in rows() if not row["error"]]) == 16
    assert "2 places could not be read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cut.jsonl", "cut.csv"])
@pytest.mark.parametrize("out", [[], ["--out", "out"]])
def test_zstandard_that_was_cut_between_two_lines_is_damaged(folder, one_process, capsys, name, out):
    zstandard = pytest.importorskip("zstandard")
    packer = zstandard.ZstdCompressor().compressobj()
    text = (log() if name.endswith("jsonl") else table() + "\n").encode()
    cut = packer.compress(text) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    whole = zstandard.compress(text)
    for content, status in ((whole, 1), (whole[:-1], 2), (cut, 2)):
        Path(f"{name}.zst").write_bytes(content)
        assert main(["check", *out, f"{name}.zst"]) == status
    if not out or name == "cut.csv":
        assert "Compressed file ended before the end" in capsys.readouterr().err
    else:
        assert [row["line"] for row in rows() if row["error"]] == [6]


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.binary(max_size=3000), max_size=4), cut=st.integers(0, 10_000))
def test_frames_of_zstandard_are_whole_or_damaged(parts, cut):
    zstandard = pytest.importorskip("zstandard")
    frames = [zstandard.compress(part) for part in parts]
    packed = b"".join(frames)
    ends = [sum(map(len, frames[:n])) for n in range(len(frames) + 1)]
    cut = min(cut, len(packed))
    reader = UNPACKED[".zst"](io.BytesIO(packed[:cut]))
    if cut in ends:
        assert reader.read() == b"".join(parts[: ends.index(cut)])
    else:
        with pytest.raises(EOFError):
            reader.read()


def test_parquet_has_the_same_rows(folder, one_process):
    parquet = pytest.importorskip("pyarrow.parquet")
    Path("log.jsonl").write_text(log() + line(9, "\ud800 odd", "Bye!"), "utf-8")
    main(["check", "--out", "out", "log.jsonl"])
    assert main(["check", "--out", "table", "--rows", "parquet", "--chunk-mb", "0.002", "log.jsonl"]) == 1
    found = parquet.read_table("table").to_pylist()
    assert sorted(found, key=lambda row: row["line"])[:12] == [
        row | {"chunk": found[at]["chunk"]} for at, row in enumerate(rows()[:12])
    ]
    assert main(["check", "--out", "table", "--rows", "parquet", "--chunk-mb", "0.002", "log.jsonl"]) == 1


DUCKDB = "the SQL of docs/scan.md is run by duckdb: pip install --group clusters"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_every_statement_of_the_docs_answers_over_both_formats(folder, one_process, form):
    duckdb = pytest.importorskip("duckdb", reason=DUCKDB)
    page = (Path(__file__).parents[2] / "docs" / "scan.md").read_text("utf-8")
    statements = [part.partition("```")[0] for part in page.split("```sql\n")[1:]]
    if form == "jsonl":
        told = page.partition("For JSON Lines,\nwrite `")[2].partition("`")[0]
        statements = [one.replace("'verdicts/*.parquet'", told) for one in statements]
    Path("bad.jsonl").write_text(f"{log(1)}[1\n{log(1)}", "utf-8")
    main(["check", "--out", "verdicts", "--rows", form, "log.jsonl", "bad.jsonl"])
    by_property, by_log, findings, unread = (duckdb.sql(one).fetchall() for one in statements)
    assert by_property == [
        ("EndsCleanly", "fails", 4),
        ("EndsCleanly", "holds", 4),
        ("NoLoops", "fails", 4),
        ("NoLoops", "holds", 4),
    ]
    assert by_log == [("bad.jsonl", 2, 2, 100.0), ("log.jsonl", 2, 6, 33.3)]
    assert [(row[0], row[1]) for row in findings[:2]] == [("bad.jsonl", 1), ("bad.jsonl", 1)]
    assert len(findings) == 8
    assert [(row[0], row[1]) for row in unread] == [("bad.jsonl", 2)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("more", ["", ",turn"])
def test_the_statement_that_sorts_rows_makes_a_file_that_can_be_read(folder, kind, more, capsys):
    duckdb = pytest.importorskip("duckdb", reason=DUCKDB)
    rows = ["01,user,b,2", "02,user,c,1", '01,bot,"a\n,b",1', "02,bot,,2"]
    text = "\n".join([f"session,role,content{more}", *(row if more else row[:-2] for row in rows)])
    Path("it's.csv").write_text(text, "utf-8")
    if kind == "parquet":
        duckdb.sql("copy (from read_csv('it''s.csv', all_varchar = true)) to 'it''s.parquet'")
    assert main(["check", f"it's.{kind}"]) == 2
    said = capsys.readouterr().err
    duckdb.sql(said.partition("with DuckDB: ")[2])
    entries = list(dialogues_in(f"sorted.{kind}"))
    assert [(one.id, [message.content for message in one.transcript.messages]) for one in entries] == [
        ("01", ["a\n,b", "b"] if more else ["b", "a\n,b"]),
        ("02", ["c", ""]),
    ]


def test_an_address_is_read_through_fsspec(folder, one_process):
    pytest.importorskip("fsspec")
    assert main(["check", "--out", "out", f"file://{folder}/l*.jsonl"]) == 1
    assert {row["source"] for row in rows()} == {f"file://{folder}/log.jsonl"}


def test_without_the_extra_an_address_names_it(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert main(["check", "--out", "out", "s3://logs/a.jsonl"]) == 2
    assert "addresses need fsspec, which is not installed: pip install" in capsys.readouterr().err


def test_without_the_extra_parquet_names_it(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["check", "--out", "out", "--rows", "parquet", "log.jsonl"]) == 2
    assert "--rows parquet needs pyarrow" in capsys.readouterr().err


def test_an_address_that_cannot_be_opened_says_what_to_look_at(folder, capsys):
    pytest.importorskip("fsspec")
    assert main(["check", "--out", "out", "no-such-protocol://x/a.jsonl", "log.jsonl"]) == 2
    said = capsys.readouterr()
    assert "no-such-protocol://x/a.jsonl: cannot be read: " in said.err
    assert "credentials" in said.err
    assert said.out.splitlines()[-1].startswith("6 dialogues checked")  # the others are


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rows", "parquet", "log.jsonl"], "--rows is about the files of --out"),
        (["--chunk-mb", "1", "log.jsonl"], "--chunk-mb is about the files of --out"),
        (["--out", "out", "--format", "json", "log.jsonl"], "--format json has no effect with --out"),
        (["--out", "out", "--chunk-mb", "0", "log.jsonl"], "--chunk-mb 0 is not above 0"),
        (["--out", "out", "-"], "--out cannot read stdin"),
        (["--out", "out", "none*.jsonl"], "none*.jsonl: there is no such file"),
        (["--out", "out", "empty"], "empty: there are no logs in this folder (.jsonl, .ndjson, .csv,"),
    ],
)
def test_what_would_have_no_effect_is_refused(folder, capsys, arguments, said):
    Path("empty").mkdir()
    assert main(["check", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["lists.jsonl", "lists.JSONL.GZ"])
def test_a_line_may_be_a_bare_list_of_messages(folder, one_process, capsys, name):
    lists = "".join(f"{json.dumps(json.loads(row)['messages'])}\n" for row in log().splitlines()).encode()
    Path(name).write_bytes(gzip.compress(lists) if name.endswith("GZ") else lists)
    assert main(["check", name]) == 1
    assert main(["check", "--out", "out", name]) == 1
    assert capsys.readouterr().out.count("6 dialogues checked: 2 with findings") == 2
    assert {row["id"] for row in rows()} == {f"lists:{number}" for number in range(1, 7)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("Ann: Hello.\n", "is not a dialogue in JSON"),
        ('{"duolog": 2}\n', "is not a dialogue in JSON"),
        ('[{"messages": [{"role": "user", "content": "x"}]}]\n', "is not a dialogue in JSON"),
    ],
)
def test_files_that_are_read_whole_are_refused(folder, capsys, content, said):
    Path("odd.jsonl").write_text(content, "utf-8")
    assert main(["check", "--out", "out", "odd.jsonl"]) == 2
    assert said in capsys.readouterr().err


@settings(max_examples=30, deadline=None)
@given(
    lines=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30), max_size=20
    ),
    n_bytes=st.integers(1, 300),
    ends=st.booleans(),
)
def test_chunks_hold_each_line_once_with_its_number(tmp_path_factory, lines, n_bytes, ends):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    first = line(0, "Hi.")
    path.write_bytes((first + "\n".join(lines) + "\n" * ends).encode())
    chunks = list(chunks_of(str(path), n_bytes))
    assert [chunk.start for chunk in chunks[1:]] == [chunk.end for chunk in chunks[:-1]]
    found = [entry.line for chunk in chunks for entry in dialogues_of(chunk)]
    assert found == [1, *(number for number, text in enumerate(lines, start=2) if text.encode().strip())]


def test_two_spellings_of_a_log_are_one(folder, one_process, capsys):
    Path("link.jsonl").symlink_to("log.jsonl")
    assert (
        main(["check", "--out", "out", "./log.jsonl", "log.jsonl", "link.jsonl", str(folder / "log.jsonl")])
        == 1
    )
    assert capsys.readouterr().out.splitlines()[-1] == "6 dialogues checked: 2 with findings"
    main(["check", "--out", "out", "log.jsonl"])
    assert "removed 1 result of earlier contents or options" in capsys.readouterr().out
    assert {row["source"] for row in rows()} == {"log.jsonl"}
    assert len(rows()) == 12


def test_results_inside_a_scanned_folder_are_no_logs(folder, one_process, capsys):
    command = ["check", "--out", "out", "."]
    assert [main(command), main(command)] == [1, 1]
    assert {row["source"] for row in rows()} == {"log.jsonl"}


@pytest.mark.parametrize(
    ("out", "written"), [(".", "log.jsonl"), (".", "."), ("logs", "logs/*.jsonl"), (".", "logs/log.jsonl")]
)
def test_logs_beside_or_below_the_results_are_read(folder, one_process, capsys, out, written):
    Path("logs").mkdir()
    Path("log.jsonl").rename(written if written.endswith("log.jsonl") else "logs/log.jsonl")
    for _ in range(2):
        assert main(["check", "--out", out, written]) == 1
        assert capsys.readouterr().out.splitlines()[-1] == "6 dialogues checked: 2 with findings"


def test_a_scan_of_nothing_but_results_fails(folder, one_process, capsys):
    main(["check", "--out", "out", "log.jsonl"])
    for written in ("out", "out/*.jsonl"):
        assert main(["check", "--out", "out", written]) == 2
        assert f"{written}: it has no logs, only results of a scan" in capsys.readouterr().err


@pytest.mark.parametrize("torn", ['{"id": "talk 0", "mess', 'and goodbye!"}]}', "\x00\x00\x00"])
def test_a_torn_first_line_is_a_row_that_says_why(folder, one_process, capsys, torn):
    Path("torn.jsonl").write_text(f"{torn}\n{log(2)}", "utf-8")
    assert main(["check", "--out", "out", "torn.jsonl"]) == 2
    assert [(row["line"], row["id"]) for row in rows() if not row["error"]] == [
        (line, f"talk {line - 2}") for line in (2, 2, 3, 3)
    ]
    ((line, error),) = [(row["line"], row["error"]) for row in rows() if row["error"]]
    assert (line, error[:10]) == (1, "not JSON: ")
    capsys.readouterr()
    assert main(["check", "torn.jsonl"]) == 2
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "2 dialogues checked: 1 with findings, 1 could not be read"
    assert "torn.jsonl:1: not JSON: " in said.err


def test_a_line_above_the_limit_does_not_shift_the_numbers_of_others(folder, one_process, monkeypatch):
    monkeypatch.setattr(chunks, "MOST_LINE_BYTES", 400)
    monkeypatch.setattr(chunks, "BLOCK", 64)
    short = [line(number, "Hi.", "Bye!") for number in range(1, 6)]
    lines = [short[0], line(9, "x" * 500), short[1], short[2], line(9, "y" * 2000), short[3], short[4]]
    Path("long.jsonl").write_text("".join(lines), "utf-8")
    for n_bytes in (1, 150, 600, 100_000):
        found = [entry for chunk in chunks_of("long.jsonl", n_bytes) for entry in dialogues_of(chunk)]
        assert [(one.line, getattr(one, "id", None)) for one in found] == [
            (1, "talk 1"), (2, None), (3, "talk 2"), (4, "talk 3"), (5, None), (6, "talk 4"), (7, "talk 5")
        ]  # fmt: skip
        assert "which is no dialogue" in found[1].problem


@pytest.mark.parametrize("n_mb", ["0.001", "8"])
def test_tables_have_the_rows_of_json_lines(folder, one_process, capsys, n_mb):
    arrow, csv = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.csv")
    main(["check", "--out", "plain", "log.jsonl"])
    Path("log.csv").write_text(table(), "utf-8")
    Path("log.csv.gz").write_bytes(gzip.compress(table().encode()))
    pytest.importorskip("pyarrow.parquet").write_table(
        csv.read_csv("log.csv"), "log.parquet", row_group_size=5
    )
    lines = [json.loads(row)["messages"] for row in log().splitlines()]
    whole = arrow.table({"id": [f"talk {at}" for at in range(6)], "messages": lines})
    pytest.importorskip("pyarrow.parquet").write_table(whole, "whole.parquet", row_group_size=2)
    expected = [{**row, "source": "", "chunk": 0, "line": 0} for row in rows("plain")]
    for name in ("log.csv", "log.csv.gz", "log.parquet", "whole.parquet"):
        assert main(["check", "--out", name + n_mb, "--chunk-mb", n_mb, name]) == 1
        assert [{**row, "source": "", "chunk": 0, "line": 0} for row in rows(name + n_mb)] == expected
    n_files = {
        name: len(list(Path(name + n_mb).iterdir())) for name in ("log.csv", "log.csv.gz", "whole.parquet")
    }
    assert (n_files["log.csv"] > 1, n_files["log.csv.gz"]) == (n_mb == "0.001", 1)


def test_of_a_table_that_grew_only_the_end_is_checked_again(folder, one_process, capsys):
    command = ["check", "--out", "out", "--chunk-mb", "0.001", "log.csv"]
    Path("log.csv").write_text(table(), "utf-8")
    main(command)
    before = set(contents(Path("out")))
    Path("log.csv").write_text(table() + "\nnew,user,Hello.\nnew,bot,Goodbye!\n", "utf-8")
    main(command)
    assert len(before - set(contents(Path("out")))) == 1
    Path("log.csv").write_text(table().replace("session_id", "thread_id", 1), "utf-8")
    main(command)
    assert not before & set(contents(Path("out")))  # another header may mean anything


def test_columns_can_be_named_and_have_no_effect_elsewhere(folder, one_process, capsys):
    Path("log.csv").write_text(table().replace("content", "was_said", 1), "utf-8")
    assert main(["check", "--out", "out", "log.csv"]) == 2
    assert "which column has the text of each message" in capsys.readouterr().err
    assert main(["check", "--out", "out", "--column", "text=was_said", "log.csv"]) == 1
    assert main(["check", "--column", "text=was_said", "log.csv"]) == 1
    capsys.readouterr()
    assert main(["check", "--out", "out", "--column", "text=was_said", "log.jsonl"]) == 2
    assert "--column text=was_said is about tables" in capsys.readouterr().err
    assert main(["check", "--column", "text=was_said", "."]) == 2  # only --out reads the tables of a folder
    assert "--column text=was_said is about tables" in capsys.readouterr().err


RUN = "import sys; from pytest_duolog.cli import main; sys.exit(main())"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process")
def test_ctrl_c_stops_at_once_and_the_next_scan_goes_on(folder, capsys):
    Path("big.jsonl").write_text(log(30_000), "utf-8")  # one chunk, which takes a minute
    command = ["check", "--out", "out", "--chunk-mb", "500", "log.jsonl", "big.jsonl"]
    with subprocess.Popen([sys.executable, "-c", RUN, *command], stderr=subprocess.PIPE) as process:
        assert process.stderr
        while not (list(Path("out").glob("log.jsonl-*")) and list(Path("out").glob(".big.jsonl-*"))):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert "interrupted; the same command continues" in process.stderr.read().decode()
    (name,) = [path.name for path in Path("out").iterdir()]  # the running chunk left nothing
    assert name.startswith("log.jsonl-")
    assert len(rows()) == 12
    Path("big.jsonl").write_text(log(1), "utf-8")
    assert main(command) == 1
    assert "log.jsonl chunk 0: 6 dialogues, 2 with findings (was there)" in capsys.readouterr().out


def killed(folder: Path, n_kills: int) -> int:
    """Scan with kills after random times until it has ended by itself; how many kills hit."""
    command = [sys.executable, "-c", RUN, "check", "--out", "out", "--chunk-mb", "0.02"]
    draws, hits = random.Random(7), 0
    for _ in range(n_kills * 4):
        with subprocess.Popen([*command, "log.jsonl"], cwd=folder, stdout=subprocess.DEVNULL) as process:
            time.sleep(draws.uniform(0.3, 0.9) if hits < n_kills else 0)
            if hits < n_kills and process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                hits += 1
            process.wait()
            if hits >= n_kills and process.returncode in (0, 1):
                break
    return hits


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("n_kills", [5])
def test_killed_scans_go_on_to_the_same_bytes(folder, n_kills):
    Path("log.jsonl").write_text(log(400), "utf-8")
    assert main(["check", "--out", "whole", "--chunk-mb", "0.02", "log.jsonl"]) == 1
    assert killed(folder, n_kills) == n_kills
    assert contents(Path("out")) == contents(Path("whole"))


def test_reports_read_tables_compressed_logs_and_globs_too(folder, capsys):
    Path("one.csv").write_text(table(2), "utf-8")
    Path("two.jsonl.gz").write_bytes(gzip.compress(log(3).encode()))
    assert main(["report", "one.csv", "two.*.gz", "-o", "page.html"]) == 0
    assert capsys.readouterr().out == "page.html: 5 dialogues\n"
    assert "I will send the refund" in Path("page.html").read_text("utf-8")
    assert main(["report", "none*.csv", "-o", "page.html"]) == 2
    assert "none*.csv:1: there is no such file" in capsys.readouterr().err
    Path("other.csv").write_text(table(2).replace("content", "was_said", 1), "utf-8")
    assert main(["show", "other.csv", "--column", "text=was_said", "-k", "talk 1"]) == 0
    assert "lighthouse" in capsys.readouterr().out
