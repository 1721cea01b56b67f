"""The properties that are given on a command line, those of the user's own included."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_duolog.properties.base import Property
from pytest_duolog.properties.by_name import given_property


def add_property_argument(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `--property`; `text` says what it does."""
    parser.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="NAME(...)",
        help=f"{text}; may be given several times, as in --property 'TerminatesWithin(turns=20)'; a property of your "
        f"own is module:Class(...)",
    )


def given_properties(arguments: argparse.Namespace) -> list[Property]:
    """The properties in order; modules are found in the working directory first, as with `python -m`.

    Raises ConfigurationError that says what is accepted.
    """
    here = str(Path.cwd())
    if here not in sys.path and any(":" in written for written in arguments.property):
        sys.path.insert(0, here)
    return [given_property(written) for written in arguments.property]
