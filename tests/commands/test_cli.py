"""The `duolog` command as a whole."""

from __future__ import annotations

from importlib.metadata import version

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
