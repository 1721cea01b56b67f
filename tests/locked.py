"""A folder that may not be listed, also by a user whom permissions do not bind."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest


def lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the folder, and refuse to list it."""
    folder.mkdir(parents=True, exist_ok=True)
    real = os.scandir

    def scandir(path: Any = ".") -> Any:
        if not isinstance(path, int) and Path(path).resolve() == folder.resolve():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
