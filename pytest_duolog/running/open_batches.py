"""The batches that are not read to the end yet, on disk: a run that is killed while it waits loses none of them.

Each has a file with the ids that its provider gave it and those of its requests, and nothing of what is said in them.
It is written before the batch is made, so that a batch is found again even if its own id never arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pytest_duolog.display import wrong_fields
from pytest_duolog.endpoints.batches import LONGEST_ID
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.genuine import uuid4
from pytest_duolog.storage.line_file import FileInUse, LineFile, read_content, replacing

OWNER_ONLY = 0o600
LOCK = "lock"


class OpenBatch(BaseModel):
    """A batch of a provider; `id` is empty until the provider has given it one.

    `upload` is the id of its file, `before` are the batches that the provider had before it, as far as its API tells
    batches apart by nothing else. `requests` are the ids of its requests.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Format history: 1, the first.
    format: Literal[1] = 1
    provider: str
    name: str = Field(default_factory=lambda: uuid4().hex, pattern=r"^[0-9a-f]{32}$")
    id: str = Field(default="", max_length=LONGEST_ID)
    upload: str = Field(default="", max_length=LONGEST_ID)
    before: tuple[str, ...] = ()
    requests: tuple[str, ...]

    @property
    def label(self) -> str:
        """The batch, as people read it."""
        return f"batch {self.id or 'without an id'} of {self.provider}"


@dataclass
class OpenBatches:
    """The folder with the open batches, which one run at a time has."""

    folder: Path

    def __post_init__(self) -> None:
        """Take the folder. Raises ConfigurationError if another run has it, and OSError."""
        try:
            self._lock = LineFile(self.folder / LOCK)
        except FileInUse:
            raise ConfigurationError(
                f"another run waits for the batches in {self.folder}: let it end first"
            ) from None

    def read(self) -> Sequence[OpenBatch]:
        """All open batches. Raises ConfigurationError for a file that is none, and OSError."""
        found = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                found.append(OpenBatch.model_validate_json(read_content(path)))
            except ValidationError as error:
                raise ConfigurationError(
                    f"{path} is not the file of a batch ({wrong_fields(error)}); without it, its requests are made "
                    "again"
                ) from None
        return found

    def path(self, batch: OpenBatch) -> Path:
        """Its file."""
        return self.folder / f"{batch.name}.json"

    def write(self, batch: OpenBatch) -> None:
        """Keep a batch as it is now. Raises OSError."""
        with replacing(self.path(batch)) as file:
            file.path.chmod(OWNER_ONLY)
            file.append_as_is(f"{batch.model_dump_json()}\n".encode())

    def remove(self, batch: OpenBatch) -> None:
        """Forget a batch. Raises OSError."""
        self.path(batch).unlink(missing_ok=True)

    def close(self) -> None:
        """Let other runs have the folder."""
        self._lock.close()
