"""More than eighty secrets, planted in every place where text comes from or goes to, are found nowhere after a run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.chat_server import ChatServer, completion
from tests.planted import Maker, planted

KINDS = planted(20261130)
IN_VARIABLES = {f"PLANTED_{number}_SECRET": Maker(number).word(12 + number) for number in range(5)}

PROJECT = """
import json, logging, os, re, sys, warnings
import httpx
import pytest
from pytest_duolog import HttpTarget, Script, Speaker

ALL = json.loads(os.environ["PLANTED"])
TEXT = "\\n".join(ALL)
IN_LINE = [text for text in ALL if "\\n" not in text and text.isascii()]
log = logging.getLogger("planted")


async def sends(messages):
    async with httpx.AsyncClient() as client:
        response = await client.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            params={f"p{number}": text for number, text in enumerate(IN_LINE[:40])},
            headers={f"x-note-{number}": text for number, text in enumerate(IN_LINE[:40])},
            json={"model": "m", "messages": messages, "metadata": {"notes": ALL, "text": TEXT}},
        )
    return response.json()["choices"][0]["message"]["content"]

@pytest.fixture
def told(dialogue, record_property):
    def tell():
        local = [TEXT, ALL]
        print(TEXT)
        print(json.dumps(ALL), file=sys.stderr)
        log.warning("%s", TEXT)
        warnings.warn(TEXT)
        record_property("text", TEXT)
        record_property("all", ALL)
        return local
    return tell

@pytest.mark.dialogue(a="openai:m", b="openai:m", system=TEXT, opener=TEXT, turns=2, topic=TEXT)
class TestProvider:
    def test_passes(self, dialogue, told, duolog_snapshot):
        told()
        assert dialogue == duolog_snapshot

    def test_fails(self, dialogue, told):
        local = told()
        assert dialogue.messages == local, TEXT

@pytest.mark.dialogue(a=sends, b=sends, opener="Hello.", turns=1)
class TestFunction:
    def test_passes(self, dialogue, told):
        told()
        assert dialogue.messages

    def test_raises(self, dialogue, told):
        raise RuntimeError(told())

@pytest.mark.dialogue(
    a=HttpTarget(os.environ["OPENAI_BASE_URL"] + "/chat/completions", name="bot", reply="choices.0.message.content",
                 request={"model": "m", "messages": "{messages}", "text": TEXT},
                 headers={"x-lab": "${LAB_ID}", "authorization": "Token " + os.environ["WRITTEN"]}),
    b=Script(TEXT, "Fine."), opener="Hello.", turns=2)
def test_target(dialogue, told):
    told()
    assert "[redacted LAB_ID]" in dialogue.messages[2].content, dialogue.messages

@pytest.mark.dialogue(a="openai:m", b=Script(TEXT), opener="Hello.", turns=1, samples=2)
def test_samples(dialogue, told):
    told()
    assert dialogue.never_says(re.compile("."))

@pytest.mark.parametrize("key", ALL)
@pytest.mark.dialogue(model="scripted:counter", turns=1)
def test_names(dialogue, key, duolog_snapshot):
    assert dialogue == duolog_snapshot
"""

OPTIONS = (
    *(
        "-v",
        "-rA",
        "--showlocals",
        "-Wdefault",
        "--record-mode=once",
        "--snapshot-update",
        "--log-cli-level=INFO",
    ),
    *(
        "--junitxml=junit.xml",
        "--log-file=planted.log",
        "--duolog-ctrf=ctrf.json",
        "--duolog-code-quality=quality.json",
        "--duolog-comment=comment.md",
        "--duolog-report=report.html",
    ),
)


def written_and_printed(folder: Path, printed: str) -> dict[str, str]:
    found = {"what was printed": printed}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("test_"):
            name = str(path.relative_to(folder))
            found[name] = name + path.read_bytes().decode("utf-8", "replace")
    return found


def left_of(texts: dict[str, str]) -> list[tuple[str, str]]:
    """Where something of which secret is left: any twelve characters of what is secret in it."""
    left = []
    for kind, (_, cores) in {
        **KINDS,
        **{name: ("", [value]) for name, value in IN_VARIABLES.items()},
    }.items():
        parts = {core[at : at + 12] for core in cores for at in range(max(1, len(core) - 11))}
        left += [(name, kind) for name, text in texts.items() if any(part in text for part in parts)]
    return left


@pytest.mark.slow
@pytest.mark.skipif(pytest.version_tuple < (8, 3), reason="prints sections in other places")
def test_nothing_is_left_of_more_than_eighty_secrets(
    pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [text for text, _ in KINDS.values()]
    monkeypatch.setenv("PLANTED", json.dumps([*secrets, *IN_VARIABLES.values()]))
    monkeypatch.setenv("LAB_ID", "lab-" + IN_VARIABLES["PLANTED_0_SECRET"][::-1])
    monkeypatch.setenv("WRITTEN", IN_VARIABLES["PLANTED_1_SECRET"][::-1])
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    for name, value in IN_VARIABLES.items():
        monkeypatch.setenv(name, value)

    def answer(body: dict[str, object]) -> object:
        sent = chat_server.headers[-1]
        text = "\n".join(
            [*secrets, *IN_VARIABLES.values(), sent.get("x-lab", ""), sent.get("authorization", "")]
        )
        return 200, completion(body, text), {"x-request-id": secrets[0], "set-cookie": secrets[1]}

    chat_server.answer = answer
    pytester.makepyfile(PROJECT)
    result = pytester.runpytest(*OPTIONS)
    n_names = len(secrets) + len(IN_VARIABLES)
    result.assert_outcomes(passed=n_names + 3, failed=3, warnings=result.parseoutcomes()["warnings"])
    texts = written_and_printed(pytester.path, "\n".join([*result.outlines, *result.errlines]))
    assert left_of(texts) == []
    for place in (
        "junit.xml",
        "planted.log",
        "ctrf.json",
        "quality.json",
        "summary.md",
        ".duolog/record.jsonl",
    ):
        assert "[redacted " in texts[place] or place in ("quality.json", "summary.md"), place
    assert len(list((pytester.path / "__snapshots__").rglob("*.md"))) == n_names + 1
    assert [name for name in texts if re.search("sk-|gh._|AKIA|BEGIN", name)] == []

    chat_server.close()
    replayed = pytester.runpytest("-p", "no:cacheprovider", "-Wdefault", "-q", "-k", "not samples")
    replayed.assert_outcomes(
        passed=n_names + 3, failed=2, deselected=1, warnings=replayed.parseoutcomes()["warnings"]
    )
