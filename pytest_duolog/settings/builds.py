"""The build that a run belongs to: as its CI system names it, or else the commit and the time."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.history.line import LONGEST_BUILD, Build

# The variables of CI systems with the commit and the number of the build: all jobs of a build have the same ones.
CI_VARIABLES = (
    ("GITHUB_SHA", "GITHUB_RUN_ID"),
    ("CI_COMMIT_SHA", "CI_PIPELINE_ID"),  # GitLab
    ("BUILD_SOURCEVERSION", "BUILD_BUILDID"),  # Azure Pipelines
    ("CIRCLE_SHA1", "CIRCLE_WORKFLOW_ID"),
    ("BUILDKITE_COMMIT", "BUILDKITE_BUILD_NUMBER"),
    ("BITBUCKET_COMMIT", "BITBUCKET_BUILD_NUMBER"),
    ("GIT_COMMIT", "BUILD_NUMBER"),  # Jenkins
)
COMMIT_DIGITS = 10


def current_build(given: str | None, environ: Mapping[str, str], root: Path, created: datetime) -> Build:
    """The build of a run that began at `created` in the project in `root`; `given` is the user's name for it."""
    ci = next((names for names in CI_VARIABLES if environ.get(names[0])), None)
    commit = environ[ci[0]] if ci else _head(root)
    if given:
        return Build(given, commit)
    number = environ.get(ci[1]) if ci else None
    moment = f"{created:%Y%m%dT%H%M%SZ}"
    name = "-".join(filter(None, [commit[:COMMIT_DIGITS], number or moment]))
    return Build(name[:LONGEST_BUILD], commit)


def check_name(option: str, name: str) -> None:
    """Raises ConfigurationError for the name of a build that is too long."""
    if len(name) > LONGEST_BUILD:
        raise ConfigurationError(
            f"{option}: a name of {len(name)} characters is too long (at most {LONGEST_BUILD})"
        )


def _head(root: Path) -> str:
    """The commit that is checked out; empty without git or outside of a repository."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", "HEAD"],  # noqa: S607  # whichever git the user has
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return found.stdout.strip()
