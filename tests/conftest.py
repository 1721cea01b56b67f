"""What the tests share, and what makes inner pytest runs cheap.

An inner run forgets what it has imported itself. What it would import is imported here, so that it happens once and
not with every inner run.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import httpcore  # noqa: F401  # httpx maps its errors by the class it saw first
import pytest
from hypothesis import HealthCheck, settings

import pytest_duolog
from pytest_duolog.commands import pytest_runs
from tests.chat_server import ChatServer, asked

# Without bytecode on disk, each of the many interpreters that the tests start compiles every plugin again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

for found in pkgutil.walk_packages(pytest_duolog.__path__, "pytest_duolog."):
    importlib.import_module(found.name)
# Extension modules of the extra [topic], which cannot be imported twice in a process.
for name in ("numpy", "safetensors.numpy", "tokenizers"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

distributions = importlib.metadata.distributions
kept: dict[tuple[str, ...], list[importlib.metadata.Distribution]] = {}


class KeptDistribution(importlib.metadata.PathDistribution):
    """A package that is installed, whose metadata is read once."""

    metadata = cached_property(importlib.metadata.PathDistribution.metadata.fget)
    entry_points = cached_property(importlib.metadata.PathDistribution.entry_points.fget)
    files = cached_property(importlib.metadata.PathDistribution.files.fget)


def kept_distributions(**context: Any) -> Iterator[importlib.metadata.Distribution]:
    """What is installed: pytest asks it three times a run, and Python reads it all anew, a quarter of an inner run."""
    if context:
        return distributions(**context)
    path = tuple(sys.path)
    if path not in kept:
        kept[path] = [KeptDistribution(found._path) for found in distributions()]
    return iter(kept[path])


importlib.metadata.distributions = kept_distributions

# A shell starts what runs in the background deaf to Ctrl-C, and so would be what our tests start to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure. CI looks at more examples.
NO_CLOCK = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("few", max_examples=25, **NO_CLOCK)
settings.register_profile("many", max_examples=100, **NO_CLOCK)
settings.load_profile("few")


@pytest.fixture
def chat_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A running chat server that `openai:` models are asked at."""
    with asked(ChatServer(), monkeypatch) as server:
        yield server


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner runs leave nothing in the summary of the CI job that runs these tests, and print as at a desk."""
    for name in (
        "CI",
        "BUILD_NUMBER",
        "GITHUB_ACTIONS",
        "GITHUB_STEP_SUMMARY",
        "GITHUB_WORKSPACE",
        "CI_PROJECT_DIR",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def inner_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner runs have the setting whose absence pytest-asyncio warns of, no hypothesis, and leave no bytecode.

    The plugin of hypothesis imports it at the end of every run. Python would take the bytecode of a module for that
    of another text with the same length and the same second.
    """
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester")  # it forgets PYTEST_ADDOPTS
        monkeypatch.setenv(
            "PYTEST_ADDOPTS", "-o asyncio_default_fixture_loop_scope=function -p no:hypothesispytest"
        )
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture
def collecting_in_process(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that ask pytest what it collects run it in this process, which takes a tenth of the time."""

    run_for_real = subprocess.run

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        if "pytest" not in command:
            return run_for_real(command, **options)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = pytester.inline_run(*command[command.index("pytest") + 1 :]).ret
        return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())

    monkeypatch.setattr(pytest_runs.subprocess, "run", run)
