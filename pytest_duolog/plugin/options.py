"""The options of pytest and their twins in the ini file; `settings` says what they mean."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_duolog.reports.run_reports import RUN_REPORTS


def add_options(parser: pytest.Parser) -> None:
    """Add all but `--record-mode`, which a neighbour may have added."""
    group = parser.getgroup("duolog", "two-model dialogues")

    def add(name: str, metavar: str | None, text: str, *, default: str = "", **more: Any) -> None:
        """An option and the ini key of the same name; the option has no value of its own if it is not given."""
        named = {"metavar": metavar} if metavar else {}
        group.addoption(name, default=None, help=text, **named, **more)
        parser.addini(_key(name), text, default=default)

    def add_many(name: str, metavar: str, text: str) -> None:
        """The same for one that may be given several times; its key takes a line each."""
        group.addoption(
            name, action="append", default=[], metavar=metavar, help=f"{text}; may be given several times"
        )
        parser.addini(_key(name), f"{text}; a line each", type="linelist", default=[])

    add_many(
        "--duolog-model",
        "ROLE=PROVIDER:MODEL",
        "model for the speaker with this role or name, instead of its own",
    )
    add(
        "--duolog-concurrency",
        "N",
        "live dialogues that run at a time, those of coming tests among them (default 8; 1: one after the other)",
    )
    add(
        "--duolog-budget",
        "NAME=LIMIT,...",
        "what asking models may cost in this run: tokens, seconds, cost, dialogues; replays are free",
    )
    add(
        "--duolog-samples",
        "N",
        "samples of every dialogue test, whatever its marker says; a test stops as soon as its count is decided",
    )
    add_many(
        "--duolog-candidate",
        "ROLE=PROVIDER:MODEL",
        "a model on trial: every test with this role runs with its own model and with this one, and the run says "
        "PASS, BLOCK or INCONCLUSIVE",
    )
    add(
        "--duolog-margin",
        "DROP",
        "the smallest drop of the mean pass rate that must be caught (default 0.10: ten points)",
    )
    add("--duolog-rounds", "N", "the most pairs of samples of each test in a gate (default 20)")
    add(
        "--duolog-inconclusive",
        "fail|warn|STATUS",
        "what an inconclusive gate does: it fails the run with status 1 (default), is only said, or ends the run with "
        "an exit status of your own",
        default="fail",
    )
    add(
        "--duolog-record",
        "FILE",
        "where every sample is written down (default .duolog/record.jsonl below the root folder)",
    )
    add(
        "--duolog-shard",
        "I/N",
        "run the I-th of N shares of the tests (1/3, 2/3 and 3/3 are all of them); duolog merge makes one run of the "
        "shards' records and decides",
    )
    add(
        "--duolog-baseline",
        "RECORD",
        "a run record whose samples stand in for the baseline of a gate, so that little more than the candidate costs "
        "anything",
    )
    group.addoption(
        "--duolog-plan",
        action="store_true",
        help="say what a run would take and risk (dialogues, replies, tokens), and run nothing",
    )
    for report in RUN_REPORTS:
        if report.help:
            add(report.option, "FILE", report.help)
    parser.addini(
        "duolog_record_mode", "record mode of dialogues where --record-mode is not given", default="none"
    )
    parser.addini(
        "duolog_secrets",
        "environment variables whose values are secrets, besides those that are named so, and after `!` those whose "
        "values are none; a name a line, `*` and `?` allowed",
        type="linelist",
        default=[],
    )
    parser.addini(
        "duolog_edited_cassettes",
        "whether a cassette that was changed after it was recorded fails its test, or is only named (warn, fail)",
        default="warn",
    )
    parser.addini(
        "duolog_stop_on",
        "what ends dialogues that do not say it themselves: goodbye, loop, or nothing",
        type="args",
        default=["goodbye", "loop"],
    )
    parser.addini(
        "duolog_transcripts",
        "files with finished transcripts that are collected as tests, as globs relative to the root folder",
        type="args",
        default=[],
    )
    parser.addini(
        "duolog_transcript_properties",
        "what those transcripts must fulfil, one property a line, as in TerminatesWithin(turns=20)",
        type="linelist",
        default=[],
    )


def given_shard(config: pytest.Config) -> str | None:
    """The shard; an empty option, of a variable that is not set in CI, must not make every machine run everything."""
    given: str | None = config.getoption("duolog_shard")
    return given if given is not None else config.getini("duolog_shard") or None


def _key(option: str) -> str:
    """The ini key that is an option's twin."""
    return option.removeprefix("--").replace("-", "_")
