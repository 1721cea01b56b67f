"""The child process of the embedded model: a llama.cpp server that ends when its parent ends.

It runs as a script, without the parent's packages except xllamacpp. The first line on standard input is its
configuration as JSON; it writes one line to standard output, `READY {"url": ...}` or `FAILED {"reason": ...}`. When
standard input closes, the process ends; this also happens if the parent is killed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any


def main() -> None:
    """Serve until standard input closes."""
    config = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        server = _start(config)
    except Exception as error:  # noqa: BLE001  # the parent makes an error of its own from it
        _say("FAILED", reason=f"{type(error).__name__}: {error}")
        sys.exit(1)
    _say("READY", url=server.listening_address)
    threading.Event().wait()


def _end_with_parent() -> None:
    while os.read(0, 1):  # a thread in sys.stdin would hold its lock when the interpreter ends
        pass
    os._exit(0)


def _say(word: str, **facts: str) -> None:
    sys.__stdout__.write(f"{word} {json.dumps(facts)}\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def _start(config: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415  # only this process needs it, and may fail for it

    params = xllamacpp.CommonParams()
    params.model.path = config["gguf"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["n_threads"]
    for name, value in config["params"].items():
        if hasattr(params, name):  # names differ between llama.cpp versions
            setattr(params, name, set(value) if name == "model_alias" else value)
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
