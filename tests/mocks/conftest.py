"""Libraries that mock HTTP, stop the clock or block sockets.

Most are pytest plugins, so `make` puts them into a folder of their own, and only these tests look there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

MOCKS = Path(sys.prefix) / "mocks"


@pytest.fixture(autouse=True)
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have inner runs find the libraries, and load those that are plugins."""
    if not MOCKS.is_dir():
        pytest.skip("make puts the libraries there")
    monkeypatch.syspath_prepend(MOCKS)
    monkeypatch.setenv("PYTHONPATH", str(MOCKS), prepend=os.pathsep)
