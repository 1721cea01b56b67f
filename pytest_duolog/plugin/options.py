"""The pytest options and ini keys; `settings` defines their meaning."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_duolog.reports.run_reports import RUN_REPORTS


def add_options(parser: pytest.Parser) -> None:
    """Add all options except `--record-mode`, which another plugin may have added."""
    group = parser.getgroup("duolog", "two-model dialogues")

    def add(name: str, metavar: str | None, text: str, *, default: str = "", **more: Any) -> None:
        """Add an option and the ini key of the same name; an option that is not given has no value."""
        named = {"metavar": metavar} if metavar else {}
        group.addoption(name, default=None, help=text, **named, **more)
        parser.addini(_key(name), text, default=default)

    def add_many(name: str, metavar: str, text: str) -> None:
        """The same for an option that may be given several times; its key has one value on each line."""
        group.addoption(
            name, action="append", default=[], metavar=metavar, help=f"{text}; can be given several times"
        )
        parser.addini(_key(name), f"{text}; one on each line", type="linelist", default=[])

    add_many(
        "--duolog-model",
        "ROLE=PROVIDER:MODEL",
        "model for the speaker with this role or name, instead of its own",
    )
    add(
        "--duolog-concurrency",
        "N",
        "how many live dialogues run at a time, including those of the next tests (default 8; 1: one "
        "after the other)",
    )
    add(
        "--duolog-budget",
        "NAME=LIMIT,...",
        "limits for asking models in this run: tokens, seconds, cost, dialogues; replays are free",
    )
    add(
        "--duolog-samples",
        "N",
        "run every dialogue test this many times, whatever its marker says; a test stops as soon as "
        "its result is certain",
    )
    add_many(
        "--duolog-candidate",
        "ROLE=PROVIDER:MODEL",
        "a candidate model: every test with this role runs with its own model and with this one, and "
        "the run says PASS, BLOCK or INCONCLUSIVE",
    )
    add(
        "--duolog-margin",
        "DROP",
        "the smallest drop of the mean pass rate that a gate must detect (default 0.10: ten points)",
    )
    add("--duolog-rounds", "N", "the largest number of pairs of samples of each test in a gate (default 20)")
    add(
        "--duolog-inconclusive",
        "fail|warn|STATUS",
        "what an inconclusive gate does: fail the run with status 1 (default), only warn (warn), or "
        "end the run with this exit status",
        default="fail",
    )
    add(
        "--duolog-record",
        "FILE",
        "the file for the record of all samples (default .duolog/record.jsonl in the root folder)",
    )
    add(
        "--duolog-shard",
        "I/N",
        "run shard I of N of the tests (1/3, 2/3 and 3/3 are all tests); duolog merge joins the "
        "records of the shards and decides",
    )
    add(
        "--duolog-baseline",
        "RECORD",
        "a run record whose samples are used as the baseline of a gate, so that the run asks little "
        "more than the candidate",
    )
    group.addoption(
        "--duolog-plan",
        action="store_true",
        help="print the costs (dialogues, replies, tokens) and risks of the run, and run nothing",
    )
    for report in RUN_REPORTS:
        if report.help:
            add(report.option, "FILE", report.help)
    parser.addini(
        "duolog_record_mode", "record mode of dialogues if --record-mode is not given", default="none"
    )
    parser.addini(
        "duolog_secrets",
        "environment variables whose values are secrets, in addition to those with names like "
        "`*_API_KEY`; with `!` before it, a variable that is not a secret; one name on each line, "
        "`*` and `?` allowed",
        type="linelist",
        default=[],
    )
    parser.addini(
        "duolog_edited_cassettes",
        "what a cassette that was edited after it was recorded does: warn (default), or fail its test",
        default="warn",
    )
    parser.addini(
        "duolog_stop_on",
        "what stops dialogues early that do not set stop_on: goodbye, loop, or nothing",
        type="args",
        default=["goodbye", "loop"],
    )
    parser.addini(
        "duolog_transcripts",
        "globs of transcript files to collect as tests, relative to the root folder",
        type="args",
        default=[],
    )
    parser.addini(
        "duolog_transcript_properties",
        "the properties that those transcripts must have, one on each line, for example "
        "TerminatesWithin(turns=20)",
        type="linelist",
        default=[],
    )


def given_shard(config: pytest.Config) -> str | None:
    """The given shard.

    An empty option (an unset variable in CI) is kept and refused later; otherwise every machine would run all tests.
    """
    given: str | None = config.getoption("duolog_shard")
    return given if given is not None else config.getini("duolog_shard") or None


def _key(option: str) -> str:
    """The ini key for an option."""
    return option.removeprefix("--").replace("-", "_")
