"""`duolog diff`: two dialogues aligned by message."""

from __future__ import annotations

import argparse

from pytest_duolog.commands.dialogue_paths import add_dialogue_arguments, given_dialogues
from pytest_duolog.commands.pages import terminal_page
from pytest_duolog.display import counted, listed
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.reports.dialogue_diff import DialogueDiff


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog diff`."""
    add_dialogue_arguments(parser)
    parser.add_argument("--full", action="store_true", help="also show all messages that are the same")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; 0 if the two dialogues are the same, 1 if not, 2 if something could not be read."""
    dialogues, n_unreadable = given_dialogues(arguments, are_sides=True)
    if n_unreadable:
        return 2
    if len(dialogues) != 2:  # the two that are compared
        names = listed([dialogue.source.id for dialogue in dialogues])
        raise ConfigurationError(
            f"two dialogues can be compared, and these are {counted(len(dialogues), 'dialogue')}: {names}; give one or "
            f"two files, and choose with -k TEXT"
        )
    diff = DialogueDiff(*dialogues)
    for line in diff.lines(terminal_page(is_full=arguments.full)):
        print(line)
    return 0 if diff.is_same else 1
