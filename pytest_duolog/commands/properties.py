"""Properties on a command line, including the user's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_duolog.display import listed
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.by_name import given_property
from pytest_duolog.results.examination import reads_topic


def add_property_argument(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `--property` with the help `text`."""
    parser.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="NAME(...)",
        help=f"{text}; can be given several times, for example --property 'TerminatesWithin(turns=20)'; your own "
        f"property is module:Class(...)",
    )


def given_properties(arguments: argparse.Namespace) -> list[Property]:
    """The properties in order; modules are searched in the working directory first, as with `python -m`.

    Raises ConfigurationError that says what is accepted.
    """
    here = str(Path.cwd())
    if here not in sys.path and any(":" in written for written in arguments.property):
        sys.path.insert(0, here)
    return [given_property(written) for written in arguments.property]


def check_topic(topic: str | None, properties: Sequence[Property]) -> None:
    """Raises ConfigurationError for a blank topic, and for one that none of the given properties reads."""
    if topic is None:
        return
    if not topic.strip():
        raise ConfigurationError(f"--topic: {topic!r} is no topic: say what the dialogues are about")
    if properties and not any(map(reads_topic, properties)):
        raise ConfigurationError(
            f"--topic: it has no effect on {listed(list(map(str, properties)))}: add --property StaysOnTopic, or leave "
            "it out"
        )
