"""Runs llama.cpp's server in a child process: one for each model, started when first needed, stopped with its owner.

It needs a separate process because native threads, fork or an abort in C++ could end pytest.
"""

from __future__ import annotations

import importlib.util
import json
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_duolog.errors import LocalModelError
from pytest_duolog.local.weights import find_weights

N_PARALLEL = 2
CONTEXT_TOKENS = 4096
MOST_REPLY_TOKENS = 1024
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0
KEPT_LINES = 200
SHOWN_LINES = 8
INSTALL_COMMAND = "pip install 'pytest-duolog[local]'"


class LocalServer:
    """One running model. `base_url` ends in `/v1`; requests need `api_key`."""

    def __init__(self, model: str, gguf: Path, *, chat_template: str = "") -> None:
        """Start the server and wait until it answers.

        Raises LocalModelError with llama.cpp's last lines of output if it does not start.
        """
        self.model = model
        self.api_key = secrets.token_urlsafe(24)
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._answer: queue.Queue[str] = queue.Queue()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", str(Path(__file__).with_name("child.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._readers = [
            threading.Thread(target=self._read_answer, daemon=True),
            threading.Thread(target=self._drain_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.base_url = self._start(_config(model, gguf, self.api_key, chat_template)).rstrip("/") + "/v1"
        except BaseException:
            self.stop()
            raise

    def _start(self, config: dict[str, Any]) -> str:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(config) + "\n")
            stdin.flush()
            answer = self._answer.get(timeout=START_TIMEOUT_S)
        except queue.Empty:
            raise self._failed(f"did not answer within {START_TIMEOUT_S:.0f} s") from None
        except BrokenPipeError:
            answer = ""
        word, _, facts = answer.partition(" ")
        if word == "READY":
            return str(json.loads(facts)["url"])
        # llama.cpp logs from a thread, whose last lines arrive at the end.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_S)
        reason = (
            json.loads(facts)["reason"] if word == "FAILED" else f"ended with status {self._process.poll()}"
        )
        raise self._failed(f"did not start: {reason}")

    def _read_answer(self) -> None:
        """Pass on the first line that is an answer, or an empty line at the end of the output; ignore the rest."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("READY ", "FAILED ")):
                self._answer.put(line)
        self._answer.put("")

    def _drain_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._last_lines.append(line.rstrip())

    def _failed(self, problem: str, advice: str = "") -> LocalModelError:
        self.stop()
        said = [line for line in self._last_lines if line][-SHOWN_LINES:]
        return LocalModelError(
            "\n".join([f"the server of local:{self.model} {problem}", *said]), advice=advice
        )

    def check_alive(self) -> None:
        """Raises LocalModelError with llama.cpp's last lines of output if the process has ended."""
        status = self._process.poll()
        if status is None:
            return
        how = f"with status {status}" if status >= 0 else f"by {_signal_name(-status)}"
        likely = "; the system kills processes with SIGKILL if memory runs out" if "SIGKILL" in how else ""
        raise self._failed(
            f"stopped: its process ended {how}",
            advice=f"run again: what is recorded is kept{likely}",
        )

    def stop(self) -> None:
        """End the process and wait for it; a second call does nothing."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it may have ended already
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(STOP_TIMEOUT_S)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _config(model: str, gguf: Path, api_key: str, chat_template: str) -> dict[str, Any]:
    return {
        "gguf": str(gguf),
        # Two threads on two busy cores are slower than one: llama.cpp spins while it waits (measured: 1.5 to
        # 22 tokens/s instead of 45 to 50).
        "n_threads": 1,
        "params": {
            "n_parallel": N_PARALLEL,
            "n_ctx": N_PARALLEL * CONTEXT_TOKENS,  # shared by the slots
            "n_predict": MOST_REPLY_TOKENS,  # the default is unlimited
            "port": 0,
            "hostnames": ["127.0.0.1"],
            "api_keys": [api_key],
            "cors_origins": "",
            "ui": False,
            "cache_ram_mib": 256,  # the default is 8 GiB
            "prefill_assistant": False,
            "model_alias": [f"local/{model}"],  # otherwise replies contain the absolute path of the file
            "verbosity": 1,
            "chat_template": chat_template,
        },
    }


class LocalServers:
    """The servers of one session, by model, each started when first needed."""

    def __init__(self) -> None:
        self._servers: dict[str, LocalServer] = {}
        self._lock = threading.Lock()

    def get(self, model: str) -> LocalServer:
        """The running server of a model.

        Raises LocalModelError that names the command for installing the missing part.
        """
        with self._lock:
            server = self._servers.get(model)
            if server is None:
                if importlib.util.find_spec("xllamacpp") is None:
                    raise LocalModelError(f"local:{model} needs xllamacpp: {INSTALL_COMMAND}")
                server = self._servers[model] = LocalServer(model, find_weights(model))
            server.check_alive()
            return server

    def stop_all(self) -> None:
        """Stop every server."""
        with self._lock:
            while self._servers:
                self._servers.popitem()[1].stop()
