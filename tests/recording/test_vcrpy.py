"""vcrpy is imported late, and what it remembers of HTTP libraries is theirs and no mock's."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

# What vcrpy remembers, and where from.
PLACES = {
    "_HTTPConnection": ("http.client", "HTTPConnection"),
    "_connHTTPConnection": ("urllib3.connection", "HTTPConnection"),
    "_VerifiedHTTPSConnection": ("urllib3.connection", "VerifiedHTTPSConnection"),
    "_AiohttpClientSessionRequest": ("aiohttp.client", "ClientSession._request"),
    "_HttpxHttpTransport_handle_request": ("httpx", "HTTPTransport.handle_request"),
    "_Httpx2AsyncHttpTransport_handle_async_request": ("httpx2", "AsyncHTTPTransport.handle_async_request"),
}

MOCKED = f"""
import operator, sys
from importlib import import_module
from unittest import mock
from pytest_duolog.recording.vcrpy import ORIGINALS, vcrpy

PLACES = {PLACES!r}

def at(module, path):
    return operator.attrgetter(path)(import_module(module))

def mock_all():
    for module, path in PLACES.values():
        owner, _, name = path.rpartition(".")
        mock.patch.object(at(module, owner) if owner else import_module(module), name).start()
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", MOCKED + textwrap.dedent(code)], check=True)


@pytest.mark.parametrize("imported", ["before", "while"])
def test_vcrpy_remembers_no_mocks(imported):
    """Wherever libraries were imported: before anybody watched, or afterwards."""
    run(f"""
    if {imported!r} == "before":
        [import_module(module) for module, _ in PLACES.values()]
    ORIGINALS.watch()
    originals = {{name: at(*place) for name, place in PLACES.items()}}
    mock_all()
    assert "vcr" not in sys.modules
    remembered = vcrpy("vcr.patch")
    assert [name for name in PLACES if getattr(remembered, name) is not originals[name]] == []
    assert all(isinstance(at(*place), mock.NonCallableMock) for place in PLACES.values())
    """)


def test_libraries_are_as_they_were_found():
    """Whoever watches leaves no trace in what is imported meanwhile, nor in the way in which things are imported."""
    run("""
    import importlib.resources, inspect
    before = list(sys.meta_path)
    ORIGINALS.watch()
    ORIGINALS.watch()
    import httpx
    assert type(httpx.__loader__) is type(mock.__loader__)
    assert httpx.__spec__.loader is httpx.__loader__
    assert inspect.getsource(httpx)
    assert (importlib.resources.files("httpx") / "py.typed").is_file()
    ORIGINALS.unwatch()
    assert sys.meta_path != before
    ORIGINALS.unwatch()
    assert sys.meta_path == before
    """)


def test_a_library_that_is_not_there_is_not_found():
    run("""
    ORIGINALS.watch()
    try:
        import tornado.curl_httpclient
    except ImportError as error:
        assert error.name.partition(".")[0] in ("tornado", "pycurl")
    """)
