"""The pytest plugin: options, the marker, fixtures and hooks.

This module is imported in every pytest run if the package is installed, so it imports nothing heavy; the rest is
imported when the first test uses a dialogue.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog import genuine as genuine  # imported before anything is patched
from pytest_duolog.plugin.collector import CLAIMS, SITE, Collector
from pytest_duolog.plugin.options import add_options, given_shard
from pytest_duolog.plugin.unused_markers import find_unused_markers
from pytest_duolog.properties.claims import claims_of_test

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from pytest_duolog.plugin.wire import RecordPart
    from pytest_duolog.running.dialogue import Dialogue

RECORD_MODES = ("none", "once", "new_episodes", "all", "rewrite")

MARKER = (
    "dialogue(a, b, opener='Hello.', opener_by='a', turns=10, system=None, topic=None, "
    "stop_phrases=(), stop_on=('goodbye', 'loop'), grace=2, history=(), model=None, "
    "temperature=None, top_p=None, max_tokens=None, seed=None, token_budget=None, "
    "seconds_budget=None, cost_budget=None, stub=..., samples=1, min_pass_rate=1, claim='meets', "
    "scenarios=None): the dialogue that the `dialogue` fixture runs. `a` and `b` are Speakers or "
    "'provider:model'. On a function, class or module; nearer values win, and a parametrized "
    "argument with the name of a value sets it."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


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
    from pytest_duolog.plugin.outputs import Outputs, are_wanted

    is_worker = hasattr(config, "workerinput")
    collector = Collector() if is_worker else Collector(partial(_receive, config))
    config.pluginmanager.register(collector, "duolog-collector")
    if not is_worker and are_wanted(config):
        config.pluginmanager.register(Outputs(config, collector), "duolog-outputs")
    if config.getoption("duolog_plan") and not is_worker:
        from pytest_duolog.plugin.planning import Planning

        config.pluginmanager.register(Planning(config), "duolog-planning")
    if given_shard(config) is not None:
        from pytest_duolog.plugin.sharding import register_sharding

        register_sharding(config)
    if config.getoption("duolog_model"):
        from pytest_duolog.plugin.state import settings_of

        settings_of(config)  # reports wrong values of the options at once


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
        from pytest_duolog.plugin.scenario_files import parametrize

        parametrize(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Check every dialogue's scenario before anything runs."""
    report = yield
    if any("dialogue" in getattr(item, "fixturenames", ()) for item in report.result or ()):
        from pytest_duolog.plugin.collection import mistakes_in
        from pytest_duolog.plugin.harmless import guard_of

        guard = guard_of(collector.config)
        guard.watch(report.result)
        if mistakes := mistakes_in(collector, report.result):
            report.outcome, report.longrepr, report.result = "failed", guard.harmless(mistakes), []
    return report


@pytest.hookimpl(tryfirst=True)  # before tests are deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if failed := find_unused_markers(config, items):
        for report in failed:
            config.hook.pytest_collectreport(report=report)
        items.clear()
    names_roles = config.getoption("duolog_model") or config.getoption("duolog_candidate")
    has_gate = config.getini("duolog_candidate") and any(
        "dialogue" in getattr(item, "fixturenames", ()) for item in items
    )
    if (names_roles or has_gate) and items:
        from pytest_duolog.plugin.collection import refuse, unused_roles

        if mistake := unused_roles(config, items):
            refuse(config, items, mistake)


@pytest.hookimpl(tryfirst=True)  # before a worker of pytest-xdist sends its tests to the controller
def pytest_collection_finish(session: pytest.Session) -> None:
    has_dialogues = any("dialogue" in getattr(item, "fixturenames", ()) for item in session.items)
    if has_dialogues:
        from pytest_duolog.plugin.fixture import watch_environment
        from pytest_duolog.plugin.interrupted import watch_interrupts

        watch_environment(session.config)
        watch_interrupts(session.config)
    if has_dialogues and hasattr(session.config, "workerinput"):
        from pytest_duolog.plugin.fixture import NextTest

        session.config.pluginmanager.register(NextTest(), "duolog-next-test")
    if has_dialogues or given_shard(session.config) is not None:
        from pytest_duolog.plugin.sampling import register_sampler

        register_sampler(session)  # its hooks are called before those of earlier plugins
    if has_dialogues:
        from pytest_duolog.plugin.rewrites import watch_rewrite

        watch_rewrite(session)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    collector: Any = config.pluginmanager.get_plugin("duolog-collector")
    if any(result.misfit for _, result in collector.dialogues):
        from pytest_duolog.plugin.misfits import tell_misfits

        tell_misfits(terminalreporter, collector.dialogues)
    if any((config.rootpath / ".duolog").glob("rewrite-*.jsonl")):
        from pytest_duolog.plugin.rewrites import end_rewrites

        end_rewrites(terminalreporter, config)


@pytest.hookimpl(wrapper=True, trylast=True)  # innermost, closest to the body of the test
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that asked for a verdict and did not check it; a doctest checks what it prints."""
    with claims_of_test() as claims:
        item.stash[CLAIMS] = claims
        yield
    if (claims or SITE in item.stash) and isinstance(item, pytest.Function):
        from pytest_duolog.plugin.unseen import require_seen

        require_seen(item, claims)


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

    yield from open_dialogue(request, duolog_scenario, duolog_vcr_config)


@pytest.fixture
def duolog_snapshot(request: pytest.FixtureRequest, snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Syrupy's `snapshot` for transcripts: `assert dialogue.transcript == duolog_snapshot`."""
    from pytest_duolog.plugin.attempts import attempt_of
    from pytest_duolog.plugin.snapshot import TranscriptSnapshot
    from pytest_duolog.plugin.state import session_of

    redactor, attempt = session_of(request.config).redactor, attempt_of(request.node)
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
