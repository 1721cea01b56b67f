"""`duolog compare`: the character of a candidate next to that of a baseline, from finished dialogues."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from pytest_duolog.commands.dialogue_paths import add_name_argument, selected_dialogues
from pytest_duolog.commands.pages import page_text, put_out, refuse_inputs
from pytest_duolog.display import counted, listed
from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.reports.comparison_words import comparison_json, comparison_lines
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.comparison import RATE, Comparison, compare
from pytest_duolog.results.filed import FiledDialogue

TEXT, JSON, HTML = "text", "json", "html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog compare`."""
    parser.add_argument(
        "baseline",
        type=Path,
        metavar="BASELINE",
        help="transcripts, chat logs, cassettes or a run record: a file or a folder; the record of a gate has both "
        "sides",
    )
    parser.add_argument(
        "candidate", type=Path, nargs="?", metavar="CANDIDATE", help="the same of the candidate"
    )
    add_name_argument(parser)
    parser.add_argument(
        "--speaker",
        action="append",
        default=[],
        metavar="NAME",
        help="compare what this speaker says; can be given several times (default: the speakers whose models differ)",
    )
    parser.add_argument(
        "--false-claims",
        type=float,
        default=RATE,
        metavar="SHARE",
        help=f"the share of claimed differences that may be false, above 0 and below 1 (default {RATE})",
    )
    parser.add_argument(
        "--format", choices=(TEXT, JSON, HTML), default=TEXT, help="the format of the report (default text)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the report to this file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison; 0 if no difference may be claimed, 1 if one may, 2 if something could not be read."""
    if not 0 < arguments.false_claims < 1:
        raise ConfigurationError(
            f"--false-claims {arguments.false_claims:g} is not above 0 and below 1: 0.05 lets one claim in twenty be "
            f"false"
        )
    inputs = (arguments.baseline, arguments.candidate)
    refuse_inputs(arguments.output, filter(None, inputs))
    baseline, candidate, n_unreadable = _sides(arguments)
    if n_unreadable and not (baseline and candidate):
        return 2
    _check_speakers(arguments.speaker, [*baseline, *candidate])
    comparison = compare(baseline, candidate, speakers=arguments.speaker, rate=arguments.false_claims)
    if not comparison.n_strata:
        raise TranscriptError(
            f"the two sides have no test in common, so nothing can be compared: {_tests(baseline)}; and "
            f"{_tests(candidate)}"
        )
    what = counted(len(comparison.claimed), "difference")
    put_out(_text(comparison, arguments), arguments.output, what)
    return 2 if n_unreadable else int(bool(comparison.claimed))


def _sides(arguments: argparse.Namespace) -> tuple[list[FiledDialogue], list[FiledDialogue], int]:
    """The dialogues of both sides, and how many could not be read. Raises ConfigurationError for the wrong files."""
    baseline, n_unreadable = selected_dialogues([str(arguments.baseline)], text=arguments.text or "")
    if arguments.candidate is None:
        by_arm = {arm: [dialogue for dialogue in baseline if dialogue.arm == arm] for arm in Arm}
        if not all(by_arm.values()):
            raise ConfigurationError(
                f"{arguments.baseline} has no dialogues of a candidate: name a second file or folder, or the run "
                f"record of a gate"
            )
        return by_arm[Arm.BASELINE], by_arm[Arm.CANDIDATE], n_unreadable
    candidate, n_more = selected_dialogues([str(arguments.candidate)], text=arguments.text or "")
    for path, side in ((arguments.baseline, baseline), (arguments.candidate, candidate)):
        if any(dialogue.arm == Arm.CANDIDATE for dialogue in side):
            raise ConfigurationError(
                f"{path} is the run record of a gate and has both sides: compare it alone, without another file"
            )
    return baseline, candidate, n_unreadable + n_more


def _check_speakers(wanted: list[str], dialogues: list[FiledDialogue]) -> None:
    known = dict.fromkeys(
        speaker.name for dialogue in dialogues for speaker in dialogue.source.transcript.speakers
    )
    for name in wanted:
        if name not in known:
            raise ConfigurationError(
                f"--speaker {name}: nobody has this name; the speakers are {listed(list(known))}"
            )


def _tests(dialogues: list[FiledDialogue]) -> str:
    return listed(list(dict.fromkeys(dialogue.test or dialogue.source.id for dialogue in dialogues)), most=3)


def _text(comparison: Comparison, arguments: argparse.Namespace) -> str:
    if arguments.format == JSON:
        return comparison_json(comparison)
    if arguments.format == HTML:
        from pytest_duolog.reports.report import comparison_text  # noqa: PLC0415  # only for a page

        return comparison_text(comparison)
    return page_text(partial(comparison_lines, comparison), arguments.output)
