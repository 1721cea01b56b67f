"""The redactor for commands: it replaces the same secrets as a pytest run of the project."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import iniconfig

from pytest_duolog.endpoints.registry import all_providers
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.secret_names import EnvironmentRules
from pytest_duolog.settings.project_table import configured_providers, read_project_table

# pytest's configuration files, in the order in which it looks for them in a folder (9.2), and the required section of
# each.
INI_FILES = {
    "pytest.toml": ("pytest",),
    ".pytest.toml": ("pytest",),
    "pytest.ini": ("pytest",),
    ".pytest.ini": ("pytest",),
    "pyproject.toml": ("tool", "pytest"),
    "tox.ini": ("pytest",),
    "setup.cfg": ("tool:pytest",),
}
ALWAYS_COUNT = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
SECRETS = "duolog_secrets"


def project_redactor() -> Redactor:
    """A redactor for the environment, with the settings of the project in the working directory or above it.

    Raises ConfigurationError for wrong settings.
    """
    return _redactor_in(Path.cwd(), tuple(os.environ.items()))


@lru_cache(maxsize=1)
def _redactor_in(folder: Path, environ: tuple[tuple[str, str], ...]) -> Redactor:
    root, found = _project(folder)
    given = found.get(SECRETS, ())
    rules = tuple(given.split() if isinstance(given, str) else map(str, given))
    known = all_providers(configured_providers(read_project_table(root / "pyproject.toml")))
    variables = [name for provider in known.values() for name in provider.secret_variables]
    return Redactor(dict(environ), variables, rules=EnvironmentRules(rules))


def project_path(key: str) -> Path | None:
    """The path that an ini key of the project names, from its root folder; None if the project does not set it.

    Raises ConfigurationError if the ini file cannot be read.
    """
    root, found = _project(Path.cwd())
    given = found.get(key)
    return root / str(given) if given else None


def _project(folder: Path) -> tuple[Path, Mapping[str, Any]]:
    """The folder of pytest's ini file (`folder` if there is none) and pytest's section of it."""
    for above in (folder, *folder.parents):
        for name in INI_FILES:
            path = above / name
            if path.is_file() and (found := _section(path)) is not None:
                return above, found
    return folder, {}


def _section(path: Path) -> Mapping[str, Any] | None:
    """The section that pytest reads from a file; None if it skips the file."""
    try:
        found = _toml_section(path) if path.suffix == ".toml" else _ini_section(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, iniconfig.ParseError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return {} if found is None and path.name in ALWAYS_COUNT else found


def _toml_section(path: Path) -> Mapping[str, Any] | None:
    value: Any = tomllib.loads(path.read_text("utf-8"))
    for name in INI_FILES[path.name]:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping) and isinstance(value.get("ini_options"), Mapping):
        return value["ini_options"]  # type: ignore[no-any-return]  # nothing is known of its values
    return value if isinstance(value, Mapping) else None


def _ini_section(path: Path) -> Mapping[str, Any] | None:
    [section] = INI_FILES[path.name]
    found = iniconfig.IniConfig(path)
    return dict(found[section].items()) if section in found else None
