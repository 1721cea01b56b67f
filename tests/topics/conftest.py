"""Both ways of comparing, for every test that asks for `method`."""

from __future__ import annotations

import pytest

from pytest_duolog.topics import assess


@pytest.fixture(params=["words", "vectors"])
def method(request, monkeypatch):
    if request.param == "words":
        monkeypatch.setattr(assess, "load_vectors", lambda: None)
    else:
        pytest.importorskip("wordllama", reason="needs the extra topic")
    return request.param
