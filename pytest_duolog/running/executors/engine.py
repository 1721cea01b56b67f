"""What an engine must do: call a method of a worker once, and say if the worker died."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pytest_duolog.settings.executor import ExecutorAddress

if TYPE_CHECKING:
    from pytest_duolog.running.executors.job import Answer

# A worker that does not answer within this time when it is made has no place in the cluster.
LONGEST_START_S = 120.0


class Lost(Exception):
    """The worker died, or cannot be reached, before it answered; whether it did what it was told is not known."""


class Engine(Protocol):
    """The workers of one cluster, by name; all methods run on the event loop on which models are asked."""

    @property
    def distribution(self) -> str:
        """The name of the package whose versions must be equal here and in the workers."""

    async def open(self, *, n_workers: int) -> Sequence[str]:
        """Reach the cluster and choose at most `n_workers` workers; returns their names.

        Raises ConfigurationError if there is no such cluster.
        """

    async def call(self, worker: str, method: str, arguments: tuple[Any, ...]) -> Answer:
        """What `Worker.answer` gives for a method, which is called at most once, beside others.

        The first method of each is `greet`. Raises Lost.
        """

    async def others(self, dead: str) -> Sequence[str]:
        """New workers in the place of one that died; none if there are none."""

    async def close(self) -> None:
        """Leave the cluster; ends only what `open` has started."""


def is_cancelled() -> bool:
    """Whether somebody has cancelled the task that runs; if not, what it awaits was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def engine_at(address: ExecutorAddress) -> Engine:
    """The engine of an address; it is imported here, because it is large."""
    if address.engine == "ray":
        from pytest_duolog.running.executors.ray_engine import RayEngine  # noqa: PLC0415  # most runs have none

        return RayEngine(address)
    from pytest_duolog.running.executors.dask_engine import DaskEngine  # noqa: PLC0415

    return DaskEngine(address)
