"""A package that publishes a protocol, built and installed as anybody's: it is recorded, replayed and gated.

Its JSON is like no other's: the history stands under `lines`, as texts; a ticket and a clock change with every answer;
the model is named under `engine`.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.recording.journal_file import read_journal
from tests.loopback import LoopbackServer, QuietHandler

pytestmark = pytest.mark.slow

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-duolog"
version = "1.0"

[project.entry-points."pytest_duolog.endpoints"]
acme = "acme_duolog:AcmeTalk"

[tool.hatch.build.targets.wheel]
include = ["acme_duolog.py"]
"""

PROTOCOL = """
from pytest_duolog import Reply
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.providers import Provider


class AcmeTalk(ChatProtocol):
    history_name = "lines"
    volatile_fields = ("ticket", "clock")
    model_name = "engine"
    key_header = "x-acme-pass"
    provider = Provider("https://acme.invalid/api", base_url_env="ACME_TALK", api_key_env="ACME_PASS", needs_key=True)

    def path(self, request):
        return "/talk"

    def fields(self, request):
        return {"engine": request.model, **request.knobs}

    def entry(self, message):
        return f"{message.role}: {message.content}"

    def read(self, body, answer):
        return Reply(body["said"]["text"], model=body["engine"])
"""

SUITE = """
import pytest
from pytest_duolog import Speaker


@pytest.mark.dialogue(
    a="scripted:counter", b=Speaker("Bot", model="acme:one", role="agent"), opener="Hello, is the lamp ready?", turns=4
)
def test_lamp(dialogue):
    assert "wrong" not in dialogue.transcript.to_markdown()
"""


GATE = ("-o", "duolog_margin=0.4")  # a few rounds decide that


class Acme(LoopbackServer):
    """The provider: no answer is like another, and `broken` is always wrong."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.asked: list[tuple[str | None, dict[str, Any]]] = []
        acme = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = json.loads(self.body())
                acme.asked.append((self.headers["x-acme-pass"], body))
                number = next(numbers)
                engine = body["engine"]
                words = "wrong" if engine == "broken" else "right"
                said = {"text": f"Line {len(body['lines'])} of {engine} is {words}, for the {number}th time."}
                answer = {"said": said, "engine": f"{engine}-2", "ticket": f"t{number}", "clock": number}
                self.send(200, json.dumps(answer).encode())

        super().__init__(Handler)
        self.environ = {
            "ACME_TALK": self.root,
            "ACME_PASS": "pl4nted-pass-of-acme",
        }


@pytest.fixture
def acme() -> Iterator[Acme]:
    server = Acme()
    yield server
    server.close()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new virtual environment, with the package of a stranger built and installed into it.

    What it depends on comes from where these tests have it.
    """
    root = tmp_path_factory.mktemp("acme")
    source = root / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "acme_duolog.py").write_text(PROTOCOL)
    venv.create(root / "venv", with_pip=True)
    scripts = root / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    own = Path(sysconfig.get_path("purelib", vars={"base": str(root / "venv")}))
    ours = sysconfig.get_path("purelib")
    (own / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", str(source)]
    subprocess.run(pip, check=True, capture_output=True, timeout=300)
    return python


@pytest.fixture
def run(python: Path, tmp_path: Path):
    (tmp_path / "test_acme.py").write_text(SUITE)

    def pytest_in(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", *options]
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("ACME_", "PYTEST"))
        }
        return subprocess.run(
            command,
            cwd=folder,
            env=inherited | environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return lambda *options, **environ: pytest_in(tmp_path, *options, **environ)


def only_cassette(tmp_path: Path) -> Path:
    [path] = (tmp_path / "cassettes").rglob("*.jsonl")
    return path


def test_it_records_and_replays_from_the_file_alone(run, acme: Acme, tmp_path: Path):
    recorded = run("--record-mode=once", **acme.environ)
    assert recorded.returncode == 0, recorded.stdout
    assert [key for key, _ in acme.asked] == ["pl4nted-pass-of-acme"] * 4
    assert acme.asked[1][1]["lines"][:2] == [
        "user: Hello, is the lamp ready?",
        "assistant: Line 1 of one is right, for the 1th time.",
    ]
    path = only_cassette(tmp_path)
    text = path.read_text("utf-8")
    assert "pl4nted" not in text + recorded.stdout
    assert "ticket" not in text
    assert '"clock"' not in text
    # In the answer, in the history after it, and in the words at the end, because both sides are code of others.
    assert text.count("Line 1 of one is right") == 3
    journal = read_journal(path)
    assert [one.served for one in journal.interactions] == ["one-2"] * 4
    assert {one.request.body.history_name for one in journal.interactions} == {"lines"}
    assert journal.end is not None
    assert journal.end["served"] == ["one-2"]

    n_asked = len(acme.asked)
    replayed = run()
    assert replayed.returncode == 0, replayed.stdout
    assert len(acme.asked) == n_asked
    assert path.read_text("utf-8") == text


def test_it_is_gated(run, acme: Acme):
    passed = run("--record-mode=once", "--duolog-candidate=agent=acme:two", *GATE, **acme.environ)
    assert passed.returncode == 0, passed.stdout
    assert "PASS: the mean pass rate does not drop" in passed.stdout
    n_asked = len(acme.asked)
    again = run("--duolog-candidate=agent=acme:two", *GATE)
    assert again.returncode == 0, again.stdout
    assert len(acme.asked) == n_asked
    blocked = run("--record-mode=once", "--duolog-candidate=agent=acme:broken", *GATE, **acme.environ)
    assert blocked.returncode != 0
    assert "FAIL" in blocked.stdout


def test_a_table_gives_the_protocol_another_address(run, acme: Acme, tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.duolog.providers.lab]\nprotocol = "acme"\nbase_url = "{acme.environ["ACME_TALK"]}"\n'
        f'api_key_env = "LAB_PASS"\n'
    )
    options = ("--record-mode=once", "--duolog-model=agent=lab:one")
    asked = run(*options, LAB_PASS="pl4nted-pass-of-lab")
    assert asked.returncode == 0, asked.stdout
    assert {key for key, _ in acme.asked} == {"pl4nted-pass-of-lab"}
    assert "duolog://lab/talk" in only_cassette(tmp_path).read_text("utf-8")
    assert run("--duolog-model=agent=lab:one").returncode == 0


def test_what_is_missing_is_named(run):
    result = run("--record-mode=once")
    assert result.returncode == 1
    assert "no key for provider 'acme': the environment variable ACME_PASS is not set" in result.stdout
