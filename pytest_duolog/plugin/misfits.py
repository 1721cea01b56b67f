"""Prints one message about many dialogues that do not match their recordings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.plugin.state import settings_of
from pytest_duolog.reports.misfits import misfit_lines
from pytest_duolog.results.dialogue_result import DialogueResult


def tell_misfits(terminalreporter: Any, dialogues: Sequence[tuple[str, DialogueResult]]) -> None:
    """Print it at the end of the run; `dialogues` come with the ids of their tests."""
    config: pytest.Config = terminalreporter.config
    has_cache = config.pluginmanager.hasplugin("cacheprovider")
    for line in misfit_lines(dialogues, same_tests(config, named=has_cache), has_cache=has_cache):
        terminalreporter.write_line(printable(line))


def same_tests(config: pytest.Config, *, named: bool) -> list[str]:
    """The arguments of this run with which another run collects the same tests and runs the same dialogues.

    Tests that the user named on the command line are included only if `named`.
    """
    command_line = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for names in (("-c", "--config-file"), ("--rootdir",), ("-o", "--override-ini")):
        command_line.add_argument(*names, dest=names[0], action="append", default=[])
    # Not `config.option`, which also has the options of the ini file and of PYTEST_ADDOPTS.
    typed, _ = command_line.parse_known_args(list(map(str, config.invocation_params.args)))
    given = [word for name, values in vars(typed).items() for value in values for word in (name, value)]
    is_named = named and config.args_source is pytest.Config.ArgsSource.ARGS
    return [*given, *settings_of(config).casting_arguments, *(config.args if is_named else ())]
