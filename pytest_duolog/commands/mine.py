"""`duolog mine`: failing dialogues of chat logs as tests, one for each kind of failure."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pytest_duolog.commands.columns import add_column_argument, given_columns
from pytest_duolog.commands.logs import each_logged
from pytest_duolog.commands.mine_failures import (
    USUAL,
    Miner,
    name_of_side,
    transcript_of,
)
from pytest_duolog.commands.mine_test import (
    FOLDER,
    Asserted,
    MinedTest,
    remove_unfinished,
    stored_form,
    write_folder,
    written_tests,
)
from pytest_duolog.commands.properties import add_property_argument, check_topic, given_properties
from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.commands.scan import on_all_processors
from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.mining.details import require_extra
from pytest_duolog.mining.kinds import Failure, Kind, kinds_of
from pytest_duolog.mining.stand_ins import StandIn
from pytest_duolog.properties.base import judge
from pytest_duolog.properties.by_name import parse_property
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.reports.mine_words import FORMATS, MinedKind, MinedLog, State
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.scenarios.scenario import STOP_ON
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.settings import Settings
from pytest_duolog.settings.pyproject import nearest_pyproject
from pytest_duolog.storage.json_text import canonical
from pytest_duolog.transcripts.logs.tables import Columns
from pytest_duolog.transcripts.sources import Unreadable

MOST = 20
# If the property no longer fails on the leader of a kind with its stand-ins, so many others are tried.
TRIED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog mine`."""
    parser.add_argument(
        "logs",
        nargs="+",
        metavar="LOG",
        help="chat logs, transcripts, cassettes or run records, or folders with such files; also globs and "
        "addresses; - reads stdin",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help=f"your folder of tests; each test is a folder in FOLDER/{FOLDER}",
    )
    add_property_argument(parser, f"a property to look for instead of the usual ones ({', '.join(USUAL)})")
    add_column_argument(parser)
    parser.add_argument("--topic", metavar="TEXT", help="the topic of dialogues that do not state one")
    parser.add_argument(
        "--most",
        type=_count,
        default=MOST,
        metavar="N",
        help=f"write at most N tests, for the largest kinds first (default {MOST})",
    )
    parser.add_argument(
        "--speaker",
        metavar="NAME",
        help="the speaker under test (default: the one named like an assistant or a bot, else the second one)",
    )
    parser.add_argument(
        "--under-test",
        metavar="MODEL",
        help="the model of the speaker under test, provider:model (default: the tests have a function that you "
        "fill in)",
    )
    parser.add_argument(
        "--keep-details", action="store_true", help="write personal details as they are in the log"
    )
    parser.add_argument(
        "--replacements",
        type=Path,
        metavar="FILE",
        help="write what was replaced with what into this new file, outside of every git repository (default: nowhere)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing, and show what would be written"
    )
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="text", help="the format of the report (default text)"
    )
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tests, at least 1")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Mine the logs; 0 if every new kind that was to be written is written, 1 if not, 2 if something is unreadable."""
    given = arguments.property or list(USUAL)
    properties = given_properties(arguments) or list(map(parse_property, USUAL))
    _check(arguments)
    check_topic(arguments.topic, properties)
    columns = given_columns(arguments.logs, arguments.column)
    miner = Miner(
        properties,
        is_usual=not arguments.property,
        topic=arguments.topic,
        speaker=arguments.speaker,
        keeps_details=arguments.keep_details,
        notes_replaced=arguments.replacements is not None,
    )
    asserted = [Asserted.of(check, text) for check, text in zip(properties, given, strict=True)]
    with _replacements(arguments.replacements) as replacements:
        log = _mined(arguments, miner, asserted, columns, replacements)
    for line in FORMATS[arguments.format](log, is_dry=arguments.dry_run):
        print(line)
    for failed in log.unreadable:
        print(printable(f"duolog: {failed.file}:{failed.line}: {failed.problem}"), file=sys.stderr)
    if log.unreadable or any(kind.state is State.FAILED for kind in log.kinds):
        return 2
    return int(any(kind.state is State.NOT_KEPT for kind in log.kinds))


def _mined(
    arguments: argparse.Namespace,
    miner: Miner,
    asserted: Sequence[Asserted],
    columns: Columns,
    replacements: IO[bytes] | None,
) -> MinedLog:
    """Read the logs, and write the tests."""
    log = MinedLog()
    failures = list(_failures(miner, each_logged(arguments.logs, columns), log))
    known = [
        (str(folder), failure)
        for folder, transcript in written_tests(arguments.output)
        for failure in miner.known(transcript, str(folder))
    ]
    if not arguments.dry_run:
        remove_unfinished(arguments.output)
    writing = Writing(arguments, asserted, replacements)
    log.kinds.extend(map(writing.mined, kinds_of(failures, known)))
    return log


def _check(arguments: argparse.Namespace) -> None:
    """Raises ConfigurationError for what would be wrong after the logs are read."""
    if arguments.keep_details and arguments.replacements:
        raise ConfigurationError(
            "--replacements has nothing to list with --keep-details: leave one of them out"
        )
    if arguments.dry_run and arguments.replacements:
        raise ConfigurationError("--replacements writes a file, and --dry-run none: leave one of them out")
    if not arguments.keep_details:
        require_extra()
    if arguments.output.exists() and not arguments.output.is_dir():
        raise ConfigurationError(f"-o {arguments.output}: it is not a folder")
    if arguments.under_test is not None:
        Speaker("bot", model=arguments.under_test)
        Settings.merge(
            record_mode=RecordMode.NONE.value,
            model_options=[f"bot={arguments.under_test}"],
            model_ini=[],
            stop_on=STOP_ON,
            pyproject=nearest_pyproject(),
        )
    if arguments.replacements:
        _check_outside(arguments.replacements)


def _check_outside(path: Path) -> None:
    """Raises ConfigurationError for a file that is there, or that git could see."""
    if path.exists() or path.is_symlink():
        raise ConfigurationError(f"--replacements {path}: there is a file already; name a new one")
    real = path.absolute().parent.resolve()
    inside = next((folder for folder in (real, *real.parents) if (folder / ".git").exists()), None)
    if inside is not None:
        raise ConfigurationError(
            f"--replacements {path}: it would be in the git repository {inside}, and it has the personal details of "
            f"the log; name a file outside, for example {Path.home() / 'replacements.jsonl'}"
        )


def _failures(
    miner: Miner, entries: Iterable[FiledDialogue | Unreadable], log: MinedLog
) -> Iterator[Failure]:
    """The failures; counts in `log` what was read."""
    for found in on_all_processors(miner.failures, entries):
        if isinstance(found, Unreadable):
            log.unreadable.append(found)
            continue
        log.n_dialogues += 1
        if found is not None:
            log.n_failing += 1
            yield found


@dataclass
class Writing:
    """Writes the tests of kinds, as many as are wanted."""

    arguments: argparse.Namespace
    asserted: Sequence[Asserted]
    replacements: IO[bytes] | None
    _n_written: int = 0

    def mined(self, kind: Kind) -> MinedKind:
        """What became of a kind."""
        asserted = self.asserted[kind.leader.check]
        shown = kind.members[0]
        found = MinedKind(type(asserted.check).__name__, len(kind), shown.place, "", State.KNOWN, kind.test)
        if kind.test:
            return found
        if self._n_written >= self.arguments.most:
            return found._replace(state=State.LEFT_OUT)
        test = self._test(asserted, kind)
        if test is None:
            return found._replace(state=State.NOT_KEPT)
        self._n_written += 1
        folder = self.arguments.output / FOLDER / test.name
        module = f"test_{test.name}.py"
        found = found._replace(
            place=test.place, why=test.stored.verdict.explanation, test=str(folder / module)
        )
        if self.arguments.dry_run:
            return found._replace(state=State.WOULD_BE)
        try:
            is_new = write_folder(
                folder, {test.stored.file: test.stored.text, module: test.module(project_redactor().text)}
            )
            if is_new and self.replacements:
                with _removed_if_wrong(folder):
                    _note(self.replacements, folder, test.replaced)
        except OSError as error:
            wrong = error.filename2 or error.filename or self.arguments.replacements
            return found._replace(state=State.FAILED, why=f"{wrong}: {error.strerror}")
        return found._replace(state=State.WRITTEN if is_new else State.KNOWN)

    def _test(self, asserted: Asserted, kind: Kind) -> MinedTest | None:
        """The test of the member most like all others whose dialogue still fails once it is stored."""
        for failure in [one for one in kind.members if one.content][:TRIED]:
            transcript = transcript_of(failure.content)
            stored = stored_form(asserted.check, transcript, judge(asserted.check, transcript))
            if stored is not None:
                return MinedTest(
                    asserted,
                    transcript,
                    stored,
                    failure.place,
                    len(kind),
                    self.arguments.under_test or "",
                    name_of_side(transcript, failure.under_test),
                    failure.replaced,
                )
        return None


@contextmanager
def _replacements(path: Path | None) -> Iterator[IO[bytes] | None]:
    """The new file for what is replaced, which nobody else may read; it is removed if nothing is written into it.

    Raises ConfigurationError if it cannot be made.
    """
    if path is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise ConfigurationError(f"--replacements {path}: cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    finally:
        with suppress(FileNotFoundError):
            if not path.stat().st_size:
                path.unlink()


@contextmanager
def _removed_if_wrong(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _note(file: IO[bytes], folder: Path, replaced: Iterable[StandIn]) -> None:
    """Write what was replaced in a test. Raises OSError."""
    for one in replaced:
        row = {"test": folder.name, "kind": one.kind.value, "value": one.value, "stand_in": one.stand_in}
        file.write(canonical(row) + b"\n")
    file.flush()
