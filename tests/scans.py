"""Logs to scan, and what a scan of them leaves."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tests.dialogues import LIGHTHOUSES


class Now:
    """A pool of processes that does all work at once, in this process."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, work: Any, *given: Any) -> Any:
        done: Future[Any] = Future()
        done.set_result(work(*given))
        return done

    def shutdown(self, **_: Any) -> None:
        pass


def line(number: int, *texts: str) -> str:
    messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
    return json.dumps({"id": f"talk {number}", "messages": messages}) + "\n"


def log(n: int = 6) -> str:
    """Dialogues of which every third has a loop."""
    return "".join(
        line(at, *((["I will send the refund for the lamp today."] * 12) if at % 3 == 0 else LIGHTHOUSES))
        for at in range(n)
    )


def table(n: int = 6) -> str:
    """The dialogues of `log` as CSV, a row a message."""
    rows = [json.loads(row) for row in log(n).splitlines()]
    said = ((row["id"], one["role"], one["content"]) for row in rows for one in row["messages"])
    return "\n".join(
        ["session_id,role,content", *(",".join(json.dumps(cell) for cell in row) for row in said)]
    )


def rows(folder: str = "out") -> list[dict[str, Any]]:
    lines = (row for path in sorted(Path(folder).glob("*.jsonl")) for row in path.read_bytes().splitlines())
    found = [json.loads(row) for row in lines]
    return sorted(found, key=lambda row: (row["source"], row["line"]))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
