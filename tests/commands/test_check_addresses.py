"""`duolog check` of addresses: logs that fsspec fetches, with its own files, over HTTP, and without ranges."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands import scan, scan_folder
from pytest_duolog.transcripts.logs.files import opened, shown_address
from pytest_duolog.transcripts.logs.reading import dialogues_in
from tests.scans import Now, contents, log, rows, table

fsspec = pytest.importorskip("fsspec")
FILES: dict[str, bytes] = {}


class _Fetching(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """An object store: its files are fsspec's own, which fetch ranges of bytes and have no `readline` with a limit."""

    protocol = "store"

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        return _Fetched(self, path, mode, block_size=1000)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if path not in FILES:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(FILES[path]), "type": "file"}

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        found = [self.info(name) for name in FILES if name.startswith(path.strip("/") + "/")]
        return found if detail else [one["name"] for one in found]


class _Fetched(fsspec.spec.AbstractBufferedFile):  # type: ignore[misc]
    def _fetch_range(self, start: int, end: int) -> bytes:
        return FILES[self.path][start:end]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scan, "ProcessPoolExecutor", Now)
    fsspec.register_implementation("store", _Fetching, clobber=True)
    yield FILES
    FILES.clear()


class _Server(BaseHTTPRequestHandler):
    """Sends FILES; with ranges unless the path begins with /whole/."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._send(has_body=False)

    def do_GET(self) -> None:
        self._send(has_body=True)

    def _send(self, *, has_body: bool) -> None:
        data = FILES.get(self.path.rpartition("/")[2])
        is_forbidden = self.path.startswith("/forbidden/")
        if data is None or is_forbidden:
            self.send_response(403 if is_forbidden else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        in_parts = not self.path.startswith("/whole/")
        wanted = self.headers.get("Range") if in_parts else None
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last or len(data)) + 1, len(data))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(data)}")
            data = data[int(first) : end]
        else:
            self.send_response(200)
        if in_parts:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(data)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body:
            self.wfile.write(data)
        self.close_connection = not in_parts

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url(store: dict[str, bytes]) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def expected() -> list[dict[str, Any]]:
    Path("log.jsonl").write_text(log(), "utf-8")
    main(["check", "--out", "plain", "log.jsonl"])
    return [{**row, "source": "", "chunk": 0} for row in rows("plain")]


@pytest.mark.parametrize("suffix", PACKED)
def test_files_of_an_object_store_have_the_rows_of_local_ones(store: dict[str, bytes], suffix: str):
    store[f"bucket/log.jsonl{suffix}"] = PACKED[suffix](log().encode())
    assert main(["check", "--out", "out", "--chunk-mb", "0.002", "store://bucket/*.jsonl*"]) == 1
    found = rows()
    assert [{**row, "source": "", "chunk": 0} for row in found] == expected()
    assert {row["source"] for row in found} == {f"store://bucket/log.jsonl{suffix}"}
    assert (len(contents(Path("out"))) > 1) == (not suffix)


def test_tables_of_an_object_store_are_read_in_parts(store: dict[str, bytes]):
    store["bucket/log.csv"] = table().encode()
    assert main(["check", "--out", "out", "--chunk-mb", "0.001", "store://bucket/log.csv"]) == 1
    assert len(rows()) == 12
    assert len(contents(Path("out"))) > 1


def test_parquet_of_an_object_store(store: dict[str, bytes]):
    parquet, csv = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow.csv")
    Path("log.csv").write_text(table(), "utf-8")
    parquet.write_table(csv.read_csv("log.csv"), "log.parquet", row_group_size=7)
    store["bucket/log.parquet"] = Path("log.parquet").read_bytes()
    assert main(["check", "--out", "out", "--chunk-mb", "0.001", "store://bucket/log.parquet"]) == 1
    assert len(rows()) == 12


def test_a_long_line_of_an_object_store_is_read_whole(store: dict[str, bytes]):
    store["bucket/log.jsonl"] = b"x" * 5000 + b"\nshort\n"
    with opened("store://bucket/log.jsonl") as stream:
        assert [len(stream.readline(3000)) for _ in range(4)] == [3000, 2001, 6, 0]


@pytest.mark.parametrize("place", ["parts", "whole"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_server_of_http_with_and_without_ranges(url: str, suffix: str, place: str):
    FILES[f"log.jsonl{suffix}"] = PACKED[suffix](log().encode())
    address = f"{url}/{place}/log.jsonl{suffix}"
    assert main(["check", "--out", "out", "--chunk-mb", "0.002", address]) == 1
    assert [{**row, "source": "", "chunk": 0} for row in rows()] == expected()
    assert (len(contents(Path("out"))) > 1) == (place == "parts" and not suffix)


@pytest.mark.slow
def test_processes_fetch_their_parts_themselves(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scan, "ProcessPoolExecutor", ProcessPoolExecutor)
    FILES["log.jsonl"] = log().encode()
    assert main(["check", "--out", "out", "--chunk-mb", "0.002", f"{url}/parts/log.jsonl"]) == 1
    assert len(rows()) == 12


def test_the_report_reads_addresses_too(url: str, capsys: pytest.CaptureFixture[str]):
    FILES["log.csv"] = table().encode()
    FILES["talk.json"] = json.dumps(json.loads(log(1))).encode()
    assert main(["check", f"{url}/parts/log.csv", f"{url}/whole/log.csv", f"{url}/parts/talk.json"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("13 dialogues checked: ")


def test_an_address_that_is_not_there_is_said(url: str, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "--out", "out", f"{url}/parts/none.jsonl"]) == 2
    assert "/parts/none.jsonl: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("query", ["", "?signature=old"])
def test_an_address_that_is_refused_is_said_with_the_error_of_its_service(
    url: str, capsys: pytest.CaptureFixture[str], query: str
):
    FILES[f"log.jsonl{query}"] = log().encode()
    for options in ([], ["--out", "out"]):
        assert main(["check", f"{url}/forbidden/log.jsonl{query}", *options]) == 2
        said = capsys.readouterr().err
        assert "cannot be read: ClientResponseError: 403" in said
        assert "there is no such file" not in said


def test_a_new_query_of_an_address_is_the_same_log(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    FILES["log.jsonl?signature=old"] = FILES["log.jsonl?signature=new"] = log().encode()
    assert main(["check", "--out", "out", f"{url}/parts/log.jsonl?signature=old"]) == 1
    before = contents(Path("out"))
    monkeypatch.setattr(scan_folder.FolderScan, "rows", None)
    assert main(["check", "--out", "out", f"{url}/parts/log.jsonl?signature=new"]) == 1
    assert contents(Path("out")) == before
    assert "(was there)" in capsys.readouterr().out


def test_addresses_with_another_question_in_their_query_are_logs_of_their_own(url: str):
    for day in "12":
        FILES[f"log.jsonl?day={day}&signature=s"] = log(int(day)).encode()
        assert main(["check", "--out", "out", f"{url}/parts/log.jsonl?day={day}&signature=s"]) == 1
    assert len(list(Path("out").iterdir())) == 2


def test_a_file_that_breaks_off_is_a_row_that_says_why(
    store: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
):
    class Broken(Exception):
        """What a library of an object store may raise."""

    def fetch(self: Any, start: int, end: int) -> bytes:
        if end > 1_500_000:
            raise Broken("the service is away")
        return FILES[self.path][start:end]

    store["bucket/log.jsonl"] = log(3).encode() + b" " * 3_000_000
    monkeypatch.setattr(_Fetched, "_fetch_range", fetch)
    *found, last = dialogues_in("store://bucket/log.jsonl")
    assert [one.line for one in found] == [1, 2, 3]
    assert last.problem == "damaged after this line: Broken: the service is away"  # type: ignore[union-attr]


SIGNED = "?X-Amz-Signature=abc123sig&part=zx81/tail.part#frag99"


@pytest.mark.parametrize("command", ["check", "check --out out", "mine -o tests --keep-details"])
@pytest.mark.parametrize("is_there", [True, False])
def test_user_password_and_query_of_an_address_are_neither_shown_nor_stored(
    url: str, store: dict[str, bytes], capsys: pytest.CaptureFixture[str], command: str, is_there: bool
):
    if is_there:
        stuck = [
            {"role": ("user", "assistant")[i % 2], "content": "I am sorry, say it again."} for i in range(20)
        ]
        lines = f"{json.dumps({'messages': stuck})}\n" + "{broken\n"
        store["tail.part"] = store[f"log.jsonl{SIGNED.partition('#')[0]}"] = lines.encode()
    name, _, rest = command.partition(" ")
    address = url.replace("://", "://ann:pw77@") + f"/log.jsonl{SIGNED}"
    assert main([name, address, *rest.split()]) == 2
    written = {str(path): path.read_text("utf-8") for path in Path().rglob("*") if path.is_file()}
    streams = capsys.readouterr()
    assert f"{url}/log.jsonl" in streams.out + streams.err + "".join(written.values())
    everything = f"{streams}{written}"
    for secret in ("ann", "pw77", "abc123sig", "zx81", "tail", "frag99"):
        assert secret not in everything
    assert bool(written) == (is_there and bool(rest))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("log.jsonl", "log.jsonl"),
        ("what?#.jsonl", "what?#.jsonl"),
        ("s3://bucket/a#1.jsonl", "s3://bucket/a#1.jsonl"),
        ("sftp://ann@host/a.jsonl", "sftp://host/a.jsonl"),
        ("https://ann:p@w@host:1/a.jsonl.gz?b=/c", "https://host:1/a.jsonl.gz"),
        ("https://[::1]:80/a?b", "https://[::1]:80/a"),
        ("zip://a.jsonl::https://ann:pw@host/x.zip?b", "zip://a.jsonl::https://host/x.zip"),
        ("simplecache::https://host/a?b#c", "simplecache::https://host/a"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(address: str, shown: str):
    assert shown_address(address) == shown
