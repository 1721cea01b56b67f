"""Has models asked through the batch APIs of their providers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.registry import batch_api
from pytest_duolog.genuine import CLOCK
from pytest_duolog.running.batch_queue import BatchQueue
from pytest_duolog.running.open_batches import OpenBatches
from pytest_duolog.running.session import Session

# A file with requests or with answers may take longer than a message: so many bytes are waited for in a second.
SLOWEST_BYTES_A_SECOND = 100_000
LARGEST_WAITED_FOR = 64 * 1024 * 1024
LARGEST_FILE = 1024 * 1024 * 1024


@contextmanager
def asked_in_batches(
    session: Session, folder: Path, wait_s: float, tell: Callable[[str], None]
) -> Iterator[BatchQueue]:
    """Inside the block, every model is asked through a batch API; the folder keeps the batches that are open.

    The block waits for answers `wait_s` seconds at most. `tell` hears what happens to batches. Raises
    ConfigurationError if another run has the folder, or a file in it is not that of a batch, and OSError.
    """
    import anyio  # noqa: PLC0415  # a replay waits for nothing

    patience = session.settings.patience

    async def send(question: HttpQuestion, limit: int) -> HttpAnswer:
        n_bytes = len(question.content()) + min(limit, LARGEST_WAITED_FOR)
        line = session.open_line(
            replace(
                patience,
                tries=1,
                timeout_s=patience.timeout_s + n_bytes / SLOWEST_BYTES_A_SECOND,
                largest_reply_bytes=min(limit, LARGEST_FILE),
            )
        )
        try:
            return await line.post(question)
        finally:
            await line.aclose()

    session.batch_queue = BatchQueue(
        send,
        partial(batch_api, configured=session.settings.providers),
        OpenBatches(folder),
        patience,
        CLOCK.seconds() + wait_s,
        tell,
        anyio.sleep,
    )
    try:
        yield session.batch_queue
    finally:
        session.batch_queue.close()
        session.batch_queue = None
