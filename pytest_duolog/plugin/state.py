"""The settings and the session of a pytest run, created when the first dialogue needs them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog import WithoutCollector
from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin import given_record_mode, given_shard
from pytest_duolog.running.redactors import Redactors, run_redactors
from pytest_duolog.settings import Settings

if TYPE_CHECKING:
    from pytest_duolog.recording.redaction import Redactor
    from pytest_duolog.running.session import Session

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
REDACTORS: pytest.StashKey[Redactors] = pytest.StashKey()
SESSION: pytest.StashKey[Session] = pytest.StashKey()

# The options that make something else of a run; the options that then have no effect, and the reason.
ALONE = {
    "screen": (
        (
            "blame",
            "collect",
            "samples",
            "baseline",
            "margin",
            "rounds",
            "shard",
            "ahead",
            "history",
            "record",
        ),
        "asks for single messages",
    ),
    "blame": (
        ("collect", "samples", "baseline", "margin", "shard", "ahead", "inconclusive"),
        "runs rounds of four pairings (--duolog-rounds)",
    ),
    "collect": (
        ("candidate", "samples", "baseline", "margin", "rounds", "ahead", "inconclusive"),
        "takes samples of today's models and judges none",
    ),
}


def settings_of(config: pytest.Config) -> Settings:
    """The merged settings; raises UsageError for wrong values."""
    if SETTINGS not in config.stash:
        is_blamed = config.getoption("duolog_blame")  # what the ini file says of gates does not hold then
        is_screened = bool(config.getoption("duolog_screen"))
        under_xdist = getattr(config, "workerinput", {})
        try:
            _check_gate_options(config)
            config.stash[SETTINGS] = Settings.merge(
                record_mode=given_record_mode(config),
                concurrency=_given(config, "duolog_concurrency"),
                candidate_options=(
                    config.getoption("duolog_candidate") if is_blamed else _given(config, "duolog_candidate")
                ),
                samples=None if is_screened else _given(config, "duolog_samples"),
                collect=None if is_blamed or is_screened else _given(config, "duolog_collect"),
                blame=is_blamed,
                margin=_given(config, "duolog_margin"),
                rounds=_given(config, "duolog_rounds"),
                inconclusive=_given(config, "duolog_inconclusive"),
                edited_cassettes=config.getini("duolog_edited_cassettes"),
                shard=given_shard(config),
                model_options=config.getoption("duolog_model"),
                model_ini=config.getini("duolog_model"),
                stop_on=config.getini("duolog_stop_on"),
                pyproject=config.rootpath / "pyproject.toml",
                secrets=config.getini("duolog_secrets"),
                otel=_given(config, "duolog_otel"),
                executor=_given(config, "duolog_executor"),
                budget=config.getoption("duolog_budget") or config.getini("duolog_budget"),
                n_workers=under_xdist.get("workercount", 1),
                worker=int(under_xdist.get("workerid", "gw0").removeprefix("gw")),
            )
        except ConfigurationError as error:
            raise pytest.UsageError(printable(str(error))) from error
    return config.stash[SETTINGS]


def _check_gate_options(config: pytest.Config) -> None:
    """Raises ConfigurationError for options without effect; ini keys are allowed, because they are for all runs."""
    if config.getoption("duolog_screen_batch") and not config.getoption("duolog_screen"):
        raise ConfigurationError("--duolog-screen-batch: it has no effect without --duolog-screen")
    for kind, (names, why) in ALONE.items():
        if config.getoption(f"duolog_{kind}"):
            if idle_names := [name for name in names if config.getoption(f"duolog_{name}")]:
                raise ConfigurationError(
                    f"--duolog-{idle_names[0]}: it has no effect with --duolog-{kind}, which {why}"
                )
            if kind == "screen" and not _given(config, "duolog_candidate"):
                raise ConfigurationError("--duolog-screen: it has no effect without --duolog-candidate")
            return
    has_gate = bool(_given(config, "duolog_candidate"))
    idle = (
        [
            (name, "is for a gate, but there is no gate without --duolog-candidate")
            for name in ("margin", "rounds", "ahead", "inconclusive")
        ]
        if not has_gate
        else [("samples", "has no effect in a gate, which runs pairs: see --duolog-rounds")]
    )
    for name, problem in idle:
        if config.getoption(f"duolog_{name}"):
            raise ConfigurationError(f"--duolog-{name}: it {problem}")


def _given(config: pytest.Config, name: str) -> Any:
    """The value of an option, or else of its ini key."""
    return config.getoption(name) or config.getini(name)


def is_recording(config: pytest.Config) -> bool:
    """Whether a run that is stopped keeps the replies that it got, and can be continued."""
    return given_record_mode(config) in ("once", "new_episodes", "all")


def session_of(config: pytest.Config) -> Session:
    """The session that all dialogues of this run share; it is closed when pytest ends."""
    if SESSION not in config.stash:
        with WithoutCollector():
            from pytest_duolog.running.session import Session  # noqa: PLC0415  # whoever only collects needs none

        session = Session(settings_of(config), root=config.rootpath, redactors=_redactors_of(config))
        config.stash[SESSION] = session
        config.add_cleanup(session.close)
    return config.stash[SESSION]


def redactor_of(config: pytest.Config) -> Redactor:
    """A redactor with the current secrets of the environment; raises UsageError for wrong settings."""
    return _redactors_of(config).current


def _redactors_of(config: pytest.Config) -> Redactors:
    if REDACTORS not in config.stash:
        config.stash[REDACTORS] = run_redactors(settings_of(config), os.environ)
    return config.stash[REDACTORS]
