"""The program in docs/gate-code.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent.parent / "docs" / "gate-code.md"


def test_the_program_in_the_docs_drives_a_gate_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [program] = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, str(DOCS), "exec"), {})
    assert capsys.readouterr().out.startswith(
        "PASS: the mean pass rate does not drop by 20 points or more\n"
        "candidate for agent: openai:new-model instead of openai:old-model\n"
        "baseline 20 of 20"
    )
    assert len((tmp_path / "run.jsonl").read_text("utf-8").splitlines()) == 1 + 40
