"""`duolog doctor`: what is installed, which keys are there, and what is wrong with a project's recordings."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

from pytest_duolog.commands.pytest_runs import collect
from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.display import and_more, counted, from_here, listed, printable
from pytest_duolog.endpoints.registry import all_providers
from pytest_duolog.errors import ConfigurationError, LocalModelError
from pytest_duolog.local.weights import MODELS, PULL_COMMAND, find_weights
from pytest_duolog.recording.header import changes
from pytest_duolog.recording.inventory import CollectedDialogue, Inventory
from pytest_duolog.recording.maintenance import CassetteFacts, cassettes_under, leftovers_under
from pytest_duolog.recording.orphans import Recording
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.settings.project_table import configured_providers, read_project_table
from pytest_duolog.storage.line_file import is_in_use
from pytest_duolog.storage.own_folder import IGNORING, OWN_FOLDER

# A recording of an ordinary dialogue has some kilobytes; what is larger than this slows every checkout.
LARGE_BYTES = 5_000_000
# So many files with the same kind of problem are named.
MOST_NAMED = 10
PACKAGES = ("pytest-duolog", "pytest", "syrupy", "vcrpy", "httpx", "pydantic", "jinja2")
# What the extras are for; a test holds them to those of the package.
EXTRAS = {
    "local": "the embedded model",
    "topic": "topics by meaning",
    "languages": "the language of a text",
    "scan": "large logs: Parquet, addresses, .zst",
    "mine": "more kinds of personal details in logs",
    "mcp": "tools of MCP servers",
    "otel": "spans for OpenTelemetry",
    "ray": "dialogues in workers of Ray",
    "dask": "dialogues in workers of Dask",
}
REQUIRED_BY = re.compile(r"""(?P<package>[\w.-]+).*\bextra == ['"](?P<extra>[\w-]+)['"]""")
# Other plugins of pytest that change what a dialogue test does, and how.
NEIGHBOURS = {
    "pytest-recording": "shares pytest's --record-mode with this package; its own cassettes stay its own",
    "cassetter": "shares pytest's --record-mode with this package; its own cassettes stay its own",
    "pytest-run-parallel": "runs a test in several threads; that is refused for a test with a dialogue",
    "pytest-rerunfailures": "passes a test that fails now and then; samples say how often it does",
    "pytest-retry": "passes a test that fails now and then; samples say how often it does",
    "flaky": "passes a test that fails now and then; samples say how often it does",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and what to do about it. `can_fix` says whether `--fix` did or would do it."""

    text: str
    advice: str
    can_fix: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog doctor`."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="cassettes, or folders to search for them (default: the working directory)",
    )
    parser.add_argument(
        "--fix",
        action="store_true",
        help="remove what killed runs left behind, and hide .duolog from git; no recording is changed or removed",
    )
    parser.add_argument(
        "--staged",
        action="store_true",
        help="look only at the files that the next commit has (for a hook); nothing is collected",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what is there and what is wrong; 0 if nothing is wrong, 1 if something is, 2 if it could not look."""
    if arguments.staged and (arguments.paths or arguments.fix):
        raise ConfigurationError(
            "--staged looks at the files of the next commit: it takes no PATH and no --fix"
        )
    redactor = project_redactor()
    if arguments.staged:
        paths = _staged()
        findings = [*_of_files(paths, redactor), *_of_cassettes(list(cassettes_under(_cassettes_in(paths))))]
    else:
        for line in _installed():
            print(printable(line))
        paths = arguments.paths or [Path()]
        for path in paths:
            if not path.exists():
                raise ConfigurationError(f"{path}: there is no such file or folder")
        refused: list[OSError] = []
        facts = list(cassettes_under(paths, refused))
        print(f"recordings: {counted(len(facts), 'cassette')}")
        findings = [
            *map(_of_refused, refused),
            *_of_files([one.path for one in facts], redactor),
            *_of_cassettes(facts),
            *_of_tests(facts),
            *_of_folder(paths, fix=arguments.fix),
        ]
    for finding in findings:
        print(printable(f"! {finding.text}\n    {finding.advice}"))
    left = [finding for finding in findings if not (arguments.fix and finding.can_fix)]
    print("nothing is wrong" if not findings else f"{counted(len(left), 'problem')} left")
    return 1 if left else 0


# What is installed


def _installed() -> Iterator[str]:
    yield f"Python {platform.python_version()} on {platform.system()}"
    yield ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield from map(_extra, EXTRAS)
    names = {str(found.metadata["Name"]).lower().replace("_", "-") for found in distributions()}
    for name, words in NEIGHBOURS.items():
        if name in names:
            yield f"beside it: {name} {words}"
    yield _keys()
    for model in MODELS:
        try:
            yield f"embedded model {model}: {find_weights(model)}"
        except LocalModelError:
            yield f"embedded model {model}: not there ({PULL_COMMAND})"


def _extra(name: str) -> str:
    """Which packages of an extra are there."""
    needed = [found for one in requires("pytest-duolog") or () if (found := REQUIRED_BY.match(one))]
    lacking, there = [], []
    for package in [one["package"] for one in needed if one["extra"] == name]:
        try:
            there.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            lacking.append(package)
    advice = [f"not installed: {', '.join(lacking)} (pip install 'pytest-duolog[{name}]')"] * bool(lacking)
    return f"[{name}] {EXTRAS[name]}: {'; '.join([*there, *advice])}"


def _keys() -> str:
    """Which providers have a key, by the names of the variables; never a value."""
    known = all_providers(configured_providers(read_project_table(Path("pyproject.toml"))))
    found = {
        variable: name
        for name, provider in known.items()
        for variable in provider.secret_variables
        if os.environ.get(variable)
    }
    if not found:
        return (
            "keys: none is set; recordings are replayed without, and `local:` and `scripted:` models "
            "need none"
        )
    return "keys: " + ", ".join(f"{variable} ({name})" for variable, name in found.items())


# What is wrong


def _of_refused(error: OSError) -> Finding:
    return Finding(
        f"{from_here(Path(error.filename))}: cannot be read: {error.strerror}; nothing is known of what is in it",
        "give this user the right to read the folder",
    )


def _of_files(paths: Iterable[Path], redactor: Redactor) -> Iterator[Finding]:
    """Files with secrets, and files that are too large."""
    for path in paths:
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue  # it was named as unreadable, or is a deletion that is staged
        secret = next((at for at, line in enumerate(lines, start=1) if redactor.finds_secret(line)), None)
        if secret is not None:
            yield Finding(
                f"{from_here(path)}:{secret}: there is a secret in this line",
                "replace the key at its provider, delete the file, and record again; if it was "
                "committed, it is in the "
                "history",
            )
        if path.stat().st_size > LARGE_BYTES:
            size = path.stat().st_size / 1_000_000
            yield Finding(
                f"{from_here(path)}: {size:.1f} MB is large for a recording",
                "end the dialogue earlier (turns=, token_budget=), or split the test",
            )


def _of_cassettes(facts: Sequence[CassetteFacts]) -> Iterator[Finding]:
    """Damage, edits, and dialogues that never ended."""
    for one in facts:
        if one.problem:
            yield Finding(
                f"{from_here(one.path)}: {one.problem}",
                "restore it from git, or record it again: pytest --record-mode=rewrite",
            )
        elif not one.is_finished:
            yield Finding(
                f"{from_here(one.path)}: the run that recorded it ended early "
                f"({counted(one.n_replies, 'reply', 'replies')} are there)",
                "continue with pytest --record-mode=once: recorded replies are not asked for again",
            )


def _of_tests(facts: Sequence[CassetteFacts]) -> Iterator[Finding]:
    """Recordings that no test uses, and those of another scenario than their test has now."""
    recordings = [Recording(one.path, one.header) for one in facts if one.header]
    modules = sorted({found.module for found in recordings if found.module.is_file()})
    try:
        inventory = collect(modules) if modules else Inventory()
    except ConfigurationError as error:
        first = str(error).partition("\n")[0]
        yield Finding(f"{first} Whether recordings are used is not known.", "run pytest --collect-only")
        return
    for name in inventory.broken:
        yield Finding(
            f"{name} cannot be collected, so nothing is known of its recordings", "run pytest --collect-only"
        )
    orphans = [found for found in recordings if inventory.is_orphan(found)]
    if orphans:
        names = [from_here(found.path) for found in orphans]
        yield Finding(
            "\n  ".join([f"no test uses {counted(len(orphans), 'recording')}:", *names[:MOST_NAMED]])
            + "".join(f"\n  {more}" for more in and_more(len(names), MOST_NAMED)),
            "duolog cassettes adopt gives them to renamed tests; duolog cassettes prune --delete "
            "removes them",
        )
    for found in recordings:
        if changed := _changes(found, inventory.of(found)):
            what = listed([f"{name}: {told}" for name, told in changed.items()], between="; ")
            yield Finding(
                f"{from_here(found.path)}: its test has another scenario now ({what})",
                f"record it again: pytest --record-mode=rewrite {shlex.quote(found.node_id)}",
            )


def _changes(found: Recording, dialogue: CollectedDialogue | None) -> Mapping[str, str]:
    """What has changed in the scenario of a recording that stands where its test looks for it.

    Recordings with other models, as those of a candidate, stand elsewhere.
    """
    for sample, header in enumerate(dialogue.headers if dialogue else (), start=1):
        if dialogue and dialogue.location(sample).path.resolve() == found.path.resolve():
            return changes(found.header, header)
    return {}


def _of_folder(paths: Iterable[Path], *, fix: bool) -> Iterator[Finding]:
    """What killed runs left, and a folder of our own that git would take in."""
    for path, name in leftovers_under(paths):
        if fix and not is_in_use(path):
            path.unlink()
        yield Finding(
            f"{from_here(path)}: a run was killed while it wrote {name}",
            "removed" if fix else "--fix removes it",
            can_fix=True,
        )
    folder = Path(OWN_FOLDER)
    if folder.is_dir() and not (folder / ".gitignore").exists() and not _is_ignored(folder):
        if fix:
            (folder / ".gitignore").write_text(IGNORING, "utf-8", newline="\n")
        yield Finding(
            f"git sees {OWN_FOLDER}, in which runs leave their records",
            "a .gitignore was written into it" if fix else "--fix writes a .gitignore into it",
            can_fix=True,
        )


# What git knows


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603  # git, with our own arguments
            ["git", *arguments],  # noqa: S607  # whichever git the user has
            capture_output=True,
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(arguments, 127, b"", str(error).encode())


def _is_ignored(folder: Path) -> bool:
    """Whether git ignores a folder, or there is no repository in which it could see it."""
    return _git("check-ignore", "--quiet", f"{folder}/record.jsonl").returncode != 1


def _staged() -> list[Path]:
    """The files that the next commit adds or changes. Raises ConfigurationError if git cannot tell."""
    found = _git("diff", "--cached", "--name-only", "-z", "--diff-filter=ACMR", "--relative")
    if found.returncode:
        raise ConfigurationError(f"git cannot tell which files are staged: {found.stderr.decode().strip()}")
    return [Path(os.fsdecode(name)) for name in found.stdout.split(b"\0") if name]


def _cassettes_in(paths: Iterable[Path]) -> list[Path]:
    return [
        path for path in paths if "cassettes" in path.parts and path.suffix == ".jsonl" and path.is_file()
    ]
