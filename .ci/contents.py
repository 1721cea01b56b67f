"""Checks that a wheel and an sdist hold every file of the package, the licence, and nothing that is not meant to ship.

python .ci/contents.py dist/*.whl dist/*.tar.gz
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

SHIPPED_WITH_SDIST = (
    ".ci", ".gitignore", ".pre-commit-hooks.yaml", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE",
    "Makefile", "PKG-INFO", "README.md", "SECURITY.md", "action.yml", "benchmarks", "docs", "example_project",
    "pyproject.toml", "pytest_duolog", "templates", "tests",
)  # fmt: skip


def tracked(*folders: str) -> set[str]:
    """Files under version control in these folders."""
    listed = subprocess.check_output(["git", "ls-files", "-z", *folders], text=True)  # noqa: S607
    return set(filter(None, listed.split("\0")))


def problems_of_wheel(path: Path) -> list[str]:
    """One line for each file that a wheel lacks or must not have."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    facts = {name for name in names if ".dist-info/" in name}
    kinds = {name.partition(".dist-info/")[2] for name in facts}
    expected = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    return differences(names - facts, tracked("pytest_duolog")) + differences(kinds, expected)


def problems_of_sdist(path: Path) -> list[str]:
    """One line for each file that an sdist lacks or must not have."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return differences(
        names, tracked(*(name for name in SHIPPED_WITH_SDIST if name != "PKG-INFO")) | {"PKG-INFO"}
    )


def differences(found: set[str], expected: set[str]) -> list[str]:
    """One line for each file that is missing or must not be there."""
    missing = [f"missing: {name}" for name in sorted(expected - found)]
    return missing + [f"not meant to ship: {name}" for name in sorted(found - expected)]


def main() -> None:
    """Print every problem; the exit status is 1 if there is one."""
    wrong = False
    for path in map(Path, sys.argv[1:]):
        problems = problems_of_wheel(path) if path.suffix == ".whl" else problems_of_sdist(path)
        print(f"{path.name}: {'as it should be' if not problems else ''}", *problems, sep="\n  ")
        wrong = wrong or bool(problems)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
