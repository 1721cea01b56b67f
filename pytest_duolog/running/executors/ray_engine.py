"""Workers of a Ray cluster: one actor each, which Ray never starts again and never calls again by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.running.executors.engine import Lost
from pytest_duolog.running.executors.job import Answer, Failure
from pytest_duolog.running.executors.worker import Worker
from pytest_duolog.settings.executor import ExecutorAddress

# A cluster that does not answer within this time is not there.
CONNECT_S = 20.0
# More calls at a time than a worker ever has.
MOST_CALLS = 10_000


class RayEngine:
    """See `Engine`."""

    distribution = "ray"

    def __init__(self, address: ExecutorAddress) -> None:
        # Nobody is told that Ray is used; Ray looks at this when it is imported.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray: Any = import_module("ray")
        self._address = address
        self._actors: dict[str, Any] = {}
        self._n_made = 0
        self._is_ours = False
        self._folder = ""

    async def open(self, *, n_workers: int) -> Sequence[str]:
        """See `Engine`."""
        if self._ray.is_initialized():
            self._check_joined()
        else:
            await self._check_reached()
            self._connect(n_workers)
        n_free = int(self._ray.cluster_resources().get("CPU", 1))
        return [self._new() for _ in range(max(1, min(n_workers, n_free)))]

    def _check_joined(self) -> None:
        """Raises ConfigurationError if this process is part of another cluster than the one that was asked for."""
        joined = self._ray.get_runtime_context().gcs_address
        host, _, port = self._address.place.rpartition(":")
        own, own_port = joined.rsplit(":", 1)
        is_here = host in ("127.0.0.1", "localhost") and own == self._ray.util.get_node_ip_address()
        if self._address.place == "auto" or (port == own_port and (host == own or is_here)):
            return
        raise ConfigurationError(
            f"executor: this process has joined the Ray cluster at {joined} already, not {self._address}: "
            f"use ray://{joined}, or do not call ray.init()"
        )

    async def _check_reached(self) -> None:
        """Raises ConfigurationError if nothing listens at the address; Ray itself would try for minutes."""
        host, _, port = self._address.place.rpartition(":")
        if not host:
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(host, int(port))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"executor: nothing listens at {self._address}: {error or 'no answer'}; the port of a Ray "
                "cluster is 6379, if 'ray start' was given no other"
            ) from None
        writer.close()

    def _connect(self, n_workers: int) -> None:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self._address.is_local:
            # Paths of sockets are short, and nobody else's files lie there.
            self._folder = tempfile.mkdtemp(prefix="ray", dir="/tmp" if os.name == "posix" else None)  # noqa: S108
            quiet |= {"num_cpus": n_workers, "include_dashboard": False, "_temp_dir": self._folder}
        try:
            self._ray.init(address=self._address.place, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigurationError(
                f"executor: no Ray cluster can be joined at {self._address}: {error}\n"
                "Ray says the same for a wrong or missing token: see 'ray get-auth-token', RAY_AUTH_TOKEN and "
                "RAY_AUTH_TOKEN_PATH. This process must run on a node of the cluster."
            ) from None
        self._is_ours = True

    def _new(self) -> str:
        self._n_made += 1
        name = f"actor {self._n_made}"
        remote = self._ray.remote(
            num_cpus=1,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=MOST_CALLS,
            scheduling_strategy="SPREAD",
        )
        self._actors[name] = remote(Worker).remote(self.distribution)
        return name

    async def call(self, worker: str, method: str, arguments: tuple[Any, ...]) -> Answer:
        """See `Engine`."""
        if worker not in self._actors:
            raise Lost(worker)
        errors = self._ray.exceptions
        try:
            answer: Answer = await self._actors[worker].answer.remote(method, arguments)
        except errors.RayTaskError as error:  # what it answers cannot be sent
            return Answer(failure=Failure.of(error.cause))
        except errors.RayError as error:  # also of an object that was lost with its node
            raise Lost(f"{worker}: {str(error).partition(chr(10))[0]}") from error
        return answer

    async def others(self, dead: str) -> Sequence[str]:
        """See `Engine`."""
        self._actors.pop(dead, None)
        return [self._new()]

    async def close(self) -> None:
        """See `Engine`."""
        for actor in self._actors.values():
            with suppress(Exception):
                self._ray.kill(actor)
        if self._is_ours:
            await asyncio.to_thread(self._ray.shutdown)
        if self._folder:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
