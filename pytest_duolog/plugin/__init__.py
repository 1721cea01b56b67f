"""The pytest plugin: options, the marker, fixtures and hooks.

This module is imported in every pytest run if the package is installed, so it imports nothing heavy; the rest is
imported when the first test uses a dialogue. Code that every run needs is in this one module, because importing
another module costs more than its content.
"""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog import WithoutCollector, claims_of_tests
from pytest_duolog import genuine as genuine  # imported before anything is patched

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from pytest_duolog.plugin.collector import Collector
    from pytest_duolog.plugin.wire import RecordPart
    from pytest_duolog.properties.claims import Claim
    from pytest_duolog.running.dialogue import Dialogue, TestSite

# Stands in the stash of a test that opened a dialogue.
SITE: pytest.StashKey[TestSite] = pytest.StashKey()
# What the body of a test claimed besides its dialogues.
CLAIMS: pytest.StashKey[list[Claim]] = pytest.StashKey()
# The dialogues of a test, as `DialogueResult`s on its report.
REPORT_ATTRIBUTE = "duolog"
# What a worker of pytest-xdist adds to the run record, a `RecordPart`.
RECORD_ATTRIBUTE = "duolog_record"
# By this key the controller of pytest-xdist tells its workers how tests are distributed.
DISTRIBUTION = "duolog_dist"
OF_TESTPATHS = "duolog_of_testpaths"
# And whether no test is taken back from a worker.
KEEPS_TESTS = "duolog_keeps_tests"
COMING_TESTS = "duolog-coming-tests"
COLLECTOR = "duolog-collector"

_making = threading.Lock()
RECORD_MODES = ("none", "once", "new_episodes", "all", "rewrite")

# The options about dialogues. Without dialogues, their values are checked all the same, and those that make something
# else of a run are refused.
NEED_DIALOGUES = (
    *("candidate", "screen", "screen_batch", "blame", "collect", "samples", "record", "baseline", "ahead"),
    *("margin", "rounds", "inconclusive", "budget", "concurrency", "otel", "executor"),
)
# The reports that have an option; a test compares them with `reports/run_reports.py`.
REPORTS = {
    "ctrf": "write the verdicts on samples as a CTRF document (JSON)",
    "code-quality": "write what does not pass as a Code Quality report of GitLab (JSON)",
    "comment": "write the verdict as the body of a comment on a pull request (Markdown, at most 60 kB)",
    "report": "write the verdict, the samples and their dialogues as one HTML page",
}
# Variables of CI systems that may ask for outputs, too.
CI_VARIABLES = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")

MARKER = (
    "dialogue(a, b, opener='Hello.', opener_by='a', turns=10, system=None, topic=None, "
    "stop_phrases=(), stop_on=('goodbye', 'loop'), grace=2, history=(), model=None, "
    "temperature=None, top_p=None, max_tokens=None, seed=None, token_budget=None, "
    "seconds_budget=None, cost_budget=None, stub=..., steps=None, samples=1, min_pass_rate=1, claim='meets', "
    "scenarios=None): the dialogue that the `dialogue` fixture runs. `a` and `b` are Speakers or "
    "'provider:model'. On a function, class or module; nearer values win, and a parametrized "
    "argument with the name of a value sets it."
)


def _given_text(text: str) -> str:
    """The value of an option; an empty one (an unset variable in CI) would silently mean the default."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no value: give one, or leave the option out")
    return text.strip()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add all options except `--record-mode`, which another plugin may have added."""
    group = parser.getgroup("duolog", "two-model dialogues")

    def add(name: str, metavar: str, text: str, *, default: str = "", **more: Any) -> None:
        """Add an option and the ini key of the same name; an option that is not given has no value."""
        key = _key(name)
        # With `dest`, pytest (9.2) does not compare the option with those of all plugins.
        group.addoption(name, default=None, help=text, metavar=metavar, type=_given_text, dest=key, **more)
        parser.addini(key, text, default=default)

    def add_many(name: str, metavar: str, text: str) -> None:
        """The same for an option that may be given several times; its key has one value on each line."""
        group.addoption(
            name,
            action="append",
            default=[],
            metavar=metavar,
            type=_given_text,
            help=f"{text}; can be given several times",
            dest=_key(name),
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
    add(
        "--duolog-collect",
        "N",
        "take exactly N samples of every dialogue test and judge none: for a stored baseline, or to fill the cells of "
        "a matrix; candidates are left out",
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
    add(
        "--duolog-rounds",
        "N",
        "the largest number of pairs of samples of each test in a gate, or of rounds with --duolog-blame (default 20, "
        "with blame 40)",
    )
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
        "--duolog-history",
        "FOLDER",
        "add what each test took to the history of builds in this folder: a file for this build, unless every "
        "dialogue was replayed; duolog history reads it",
    )
    group.addoption(
        "--duolog-build",
        default=None,
        type=_given_text,
        metavar="NAME",
        help="the name of this build in the history (default: commit and number from the CI system's variables, or "
        "else the commit that is checked out and the time)",
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
    add(
        "--duolog-ahead",
        "SCREEN",
        "the answer of a screen (.duolog/screen.json): a gate runs pairs of its most suspicious tests before the "
        "others, so that a bad candidate is blocked sooner",
    )
    group.addoption(
        "--duolog-screen",
        metavar="N",
        type=_given_text,
        help="ask the candidate and the baseline N times each for the next message at every turn of the recorded "
        "dialogues, and say which ones to read first; never a PASS",
    )
    group.addoption(
        "--duolog-screen-batch",
        metavar="MINUTES",
        type=_given_text,
        help="a screen asks through the batch APIs of the providers, at a lower price, and waits at most so many "
        "minutes for the answers; the same command continues to wait",
    )
    group.addoption(
        "--duolog-blame",
        action="store_true",
        help="run every dialogue test in four pairings of its models (or of its candidates, old and new), and "
        "say which side carries its failure and from which message on; judges nothing else",
    )
    group.addoption(
        "--duolog-plan",
        action="store_true",
        help="print the costs (dialogues, replies, tokens) and risks of the run, and run nothing",
    )
    add(
        "--duolog-otel",
        "off|spans|content",
        "write the dialogues as spans to the OpenTelemetry tracer provider that your code has set: nothing (off, the "
        "default), without what was said (spans), or with it (content)",
        default="off",
    )
    add(
        "--duolog-executor",
        "ADDRESS",
        "run the live dialogues in workers: ray://local or dask://local (workers that this run starts), "
        "ray://HOST:PORT or dask://HOST:PORT (a running cluster); ?workers=N limits their number",
    )
    for name, text in REPORTS.items():
        add(f"--duolog-{name}", "FILE", text)
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
    """The given shard."""
    return _given(config, "duolog_shard") or None


def given_record_mode(config: pytest.Config) -> str:
    """The given record mode."""
    return str(config.getoption("record_mode", None) or config.getini("duolog_record_mode"))


def _given(config: pytest.Config, name: str) -> Any:
    return config.getoption(name) or config.getini(name)


def _key(option: str) -> str:
    """The ini key for an option."""
    return option.removeprefix("--").replace("-", "_")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> None:
    """Add `--record-mode` unless pytest-recording or cassetter has added it; here all plugins' options are known."""
    if not hasattr(early_config.known_args_namespace, "record_mode"):
        parser.getgroup("duolog").addoption(
            "--record-mode",
            choices=RECORD_MODES,
            default=None,
            help="when models are asked: none (replay only, the default), once (record what is missing), "
            "new_episodes (replay what matches), all or rewrite (record everything again)",
        )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    is_worker = hasattr(config, "workerinput")
    _refuse_unknown_keys(config)
    if config.getini("duolog_transcript_properties") and not config.getini("duolog_transcripts"):
        raise pytest.UsageError(
            "duolog_transcript_properties has no effect: duolog_transcripts names no files that are checked for them"
        )
    wants_report = any(_given(config, f"duolog_{name.replace('-', '_')}") for name in REPORTS)
    has_plan = config.getoption("duolog_plan") and not is_worker
    if (wants_report and not is_worker) or has_plan or given_shard(config) is not None:
        collector_of(config)  # its summary is printed last
    if has_plan:
        from pytest_duolog.plugin.planning import Planning

        config.pluginmanager.register(Planning(config), "duolog-planning")
    if given_shard(config) is not None:
        from pytest_duolog.plugin.sharding import register_sharding

        register_sharding(config)
    wants_history = _given(config, "duolog_history")
    if config.getoption("duolog_build") and not wants_history:
        raise pytest.UsageError("--duolog-build: it has no effect without --duolog-history or duolog_history")
    if wants_history and not (is_worker or has_plan):
        from pytest_duolog.plugin.history import watch_history

        watch_history(config, config.rootpath / wants_history)
    if config.getoption("duolog_model"):
        from pytest_duolog.plugin.state import settings_of

        settings_of(config)  # reports wrong values of the options at once


def _refuse_unknown_keys(config: pytest.Config) -> None:
    """Raises UsageError for an ini key with our prefix that no plugin knows; pytest only warns, and runs the tests.

    pytest has no public list of the keys that were given (9.2).
    """
    unknown = sorted(key for key in config._get_unknown_ini_keys() if key.startswith("duolog"))  # noqa: SLF001
    if unknown:
        from pytest_duolog.display import among_known, shorten

        known = sorted(key for key in config._parser._inidict if key.startswith("duolog_"))  # noqa: SLF001
        raise pytest.UsageError(f"{shorten(unknown[0])}: unknown ini key{among_known(unknown[0], known)}")


def collector_of(config: pytest.Config) -> Collector:
    """What gathers the dialogues of this run, and what is left of them for CI; made for the first dialogue.

    pytest-xdist receives the reports of each worker in a thread of its own, so that two may ask for it at once.
    """
    with _making:
        found: Collector | None = config.pluginmanager.get_plugin(COLLECTOR)
        return found or _make_collector(config)


def _make_collector(config: pytest.Config) -> Collector:
    from pytest_duolog.plugin.collector import Collector

    is_worker = hasattr(config, "workerinput")
    collector = Collector() if is_worker else Collector(partial(_receive, config))
    config.pluginmanager.register(collector, COLLECTOR)
    if getattr(config.option, "numprocesses", None):  # this process collects no tests
        from pytest_duolog.plugin.interrupted import watch_interrupts

        watch_interrupts(config)
    is_given = any(_given(config, _key(f"--duolog-{name}")) for name in REPORTS)
    has_outputs = not (is_worker or config.getoption("duolog_plan"))
    if has_outputs and (is_given or any(map(os.environ.get, CI_VARIABLES))):
        from pytest_duolog.plugin.outputs import watch_outputs

        watch_outputs(config, collector)
    return collector


def _receive(config: pytest.Config, part: RecordPart, node: object) -> None:
    from pytest_duolog.plugin.record_keeper import record_keeper_of

    record_keeper_of(config).receive(part, node)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if parent.config.getini("duolog_transcripts"):
        from pytest_duolog.plugin.transcript_tests import TranscriptFile, matches

        if matches(file_path, parent.config):
            return TranscriptFile.from_parent(parent, path=file_path)
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dialogue" in metafunc.fixturenames and any(metafunc.definition.iter_markers("dialogue")):
        with WithoutCollector():
            from pytest_duolog.plugin.scenario_files import parametrize

        parametrize(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Check every dialogue's scenario before anything runs."""
    report = yield
    if any("dialogue" in getattr(item, "fixturenames", ()) for item in report.result or ()):
        with WithoutCollector():
            from pytest_duolog.plugin.collection import mistakes_in, tests_in
            from pytest_duolog.plugin.harmless import guard_of

        collector_of(collector.config)
        guard = guard_of(collector.config)
        tests = tests_in(report.result)
        guard.watch(tests)
        if mistakes := mistakes_in(collector, report.result, tests):
            report.outcome, report.longrepr, report.result = "failed", guard.harmless(mistakes), []
    return report


@pytest.hookimpl(tryfirst=True)  # before tests are deselected
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getini("duolog_transcripts"):
        from pytest_duolog.plugin.transcript_tests import refuse_idle_globs

        refuse_idle_globs(session, items)
    if any(item.get_closest_marker("dialogue") for item in items):
        from pytest_duolog.plugin.unused_markers import find_unused_markers

        if failed := find_unused_markers(config, items):
            for report in failed:
                config.hook.pytest_collectreport(report=report)
            items.clear()
    has_dialogues = any("dialogue" in getattr(item, "fixturenames", ()) for item in items)
    if has_dialogues:
        from pytest_duolog.plugin.strays import refuse_strays

        refuse_strays(config, items)
    names_roles = config.getoption("duolog_model") or config.getoption("duolog_candidate")
    has_gate = config.getini("duolog_candidate") and has_dialogues
    if (names_roles or has_gate) and items:
        from pytest_duolog.plugin.collection import refuse, unused_roles

        if mistake := unused_roles(config, items):
            refuse(config, items, mistake)


@pytest.hookimpl(tryfirst=True)  # before a worker of pytest-xdist sends its tests to the controller
def pytest_collection_finish(session: pytest.Session) -> None:
    has_dialogues = any("dialogue" in getattr(item, "fixturenames", ()) for item in session.items)
    if has_dialogues and not session.config.option.collectonly:
        with WithoutCollector():
            from pytest_duolog.plugin.ended_dialogues import watch_dialogues
            from pytest_duolog.plugin.fixture import watch_environment
            from pytest_duolog.plugin.interrupted import watch_interrupts

        watch_environment(session.config)
        watch_interrupts(session.config)
        watch_dialogues(session.config)
    if has_dialogues and hasattr(session.config, "workerinput"):
        from pytest_duolog.plugin.distribution import ComingTests

        session.config.pluginmanager.register(ComingTests(session.config), COMING_TESTS)
    wants_dialogues = any(session.config.getoption(f"duolog_{name}") for name in NEED_DIALOGUES)
    if has_dialogues or (wants_dialogues and session.items) or given_shard(session.config) is not None:
        from pytest_duolog.plugin.launch import launch

        launch(session)  # hooks of samples are called before those of earlier plugins
    if has_dialogues and given_record_mode(session.config) != "none":
        from pytest_duolog.plugin.rewrites import watch_rewrite

        watch_rewrite(session)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    collector: Collector | None = config.pluginmanager.get_plugin(COLLECTOR)
    if collector is not None and any(result.misfit for _, result in collector.dialogues):
        from pytest_duolog.plugin.misfits import tell_misfits

        tell_misfits(terminalreporter, collector.dialogues)
    if any((config.rootpath / ".duolog").glob("rewrite-*.jsonl")):
        from pytest_duolog.plugin.rewrites import end_rewrites

        end_rewrites(terminalreporter, config)


@pytest.hookimpl(wrapper=True, trylast=True)  # innermost, closest to the body of the test
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that asked for a verdict and did not check it; a doctest checks what it prints."""
    claims: list[Claim] = []
    item.stash[CLAIMS] = claims
    claims_of_tests.append(claims)
    for made in item.stash[SITE].dialogues if SITE in item.stash else ():
        made.is_of_fixture = True
    try:
        yield
    finally:
        claims_of_tests.pop()
    if (claims or SITE in item.stash) and isinstance(item, pytest.Function):
        from pytest_duolog.plugin.unseen import require_seen

        require_seen(item, claims)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what it does not know of its run."""
    node.workerinput[DISTRIBUTION] = node.config.getoption("dist", "no")
    node.workerinput[KEEPS_TESTS] = _keeps_tests(node.config)
    node.workerinput[OF_TESTPATHS] = node.config.args_source is node.config.ArgsSource.TESTPATHS


def _keeps_tests(config: pytest.Config) -> bool:
    """Whether a test that was sent to a worker is never taken back; a scheduler of another plugin may do so."""
    schedulers = config.hook.pytest_xdist_make_scheduler.get_hookimpls()
    are_known = all(impl.function.__module__ in ("xdist.dsession", __name__) for impl in schedulers)
    return are_known and config.getoption("dist", "no") != "worksteal"


@pytest.hookimpl(optionalhook=True, trylast=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send workers more tests ahead once a dialogue asked models, unless `--maxschedchunk` says how many."""
    is_usual = config.getoption("dist") == "load" and config.getoption("maxschedchunk") is None
    if not is_usual or given_record_mode(config) == "none":
        return None
    from pytest_duolog.plugin.distribution import scheduler_for

    return scheduler_for(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(
    config: pytest.Config, report: pytest.CollectReport | pytest.TestReport
) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Make plain data of a report's dialogues where it leaves the process, for xdist or a log of reports."""
    data = yield
    if data is not None and (REPORT_ATTRIBUTE in data or RECORD_ATTRIBUTE in data):
        from pytest_duolog.plugin.wire import dump_report

        dump_report(data, config)
    return data


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable(config: pytest.Config, data: dict[str, Any]) -> Generator[None, Any, Any]:
    """Validate what comes from another process."""
    if REPORT_ATTRIBUTE in data or RECORD_ATTRIBUTE in data:
        from pytest_duolog.plugin.wire import load_report

        collector_of(config)
        load_report(data, config)
    return (yield)


@pytest.fixture
def duolog_scenario() -> Mapping[str, Any]:
    """Scenario values for the `dialogue` fixture; override or parametrize it to set them in code."""
    return {}


@pytest.fixture(scope="module")
def duolog_vcr_config() -> Mapping[str, Any]:
    """Vcrpy settings for recordings (filters and hooks such as `before_record_request`); override it to set them."""
    return {}


@pytest.fixture
def dialogue(
    request: pytest.FixtureRequest, duolog_scenario: Mapping[str, Any], duolog_vcr_config: Mapping[str, Any]
) -> Iterator[Dialogue]:
    """The dialogue of the `dialogue` marker; it runs, or is replayed, when the test first uses it."""
    from pytest_duolog.plugin.fixture import open_dialogue

    collector_of(request.config)  # the test may have asked for its fixture while it runs
    yield from open_dialogue(request, duolog_scenario, duolog_vcr_config)


@pytest.fixture
def duolog_snapshot(request: pytest.FixtureRequest, snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Syrupy's `snapshot` for transcripts: `assert dialogue.transcript == duolog_snapshot`."""
    from pytest_duolog.plugin.attempts import attempt_of
    from pytest_duolog.plugin.snapshot import TranscriptSnapshot
    from pytest_duolog.plugin.state import redactor_of

    redactor, attempt = redactor_of(request.config), attempt_of(request.node)
    return TranscriptSnapshot.beside(snapshot, redactor, sample=attempt.number)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.excinfo is not None and (SITE in item.stash or item.stash.get(CLAIMS, [])):
        from pytest_duolog.plugin.assertions import tell_verdicts_once

        tell_verdicts_once(item, call.excinfo.value)
    report = yield
    if "dialogue" in getattr(item, "fixturenames", ()):
        from pytest_duolog.plugin.harmless import guard_of

        guard = guard_of(item.config)
        if guard.watches(item):
            guard.clean(report)
    if SITE in item.stash:
        from pytest_duolog.plugin.fixture import add_dialogues

        add_dialogues(report, item, call.excinfo)
    if "duolog_snapshot" in getattr(item, "fixturenames", ()):
        from pytest_duolog.plugin.snapshot import spare_unseen

        spare_unseen(item, report)
    return report
