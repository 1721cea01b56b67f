"""Imports vcrpy when it is first needed, because vcrpy imports every installed HTTP library.

vcrpy remembers the functions of those libraries at import and calls them later. Mocks of the running test must not be
among them, so the original functions are put back during the import.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_HTTPX = (
    "HTTPTransport.handle_request",
    "AsyncHTTPTransport.handle_async_request",
    "WSGITransport.handle_request",
    "ASGITransport.handle_async_request",
    "MockTransport.handle_request",
    "MockTransport.handle_async_request",
)

# The names that vcrpy (9.4) remembers from each module (`vcr/patch.py` and the modules of `vcr.stubs`), and the method
# with which an httpx client sends, which is used for asking mocks.
REMEMBERED: Mapping[str, Sequence[str]] = {
    "http.client": ("HTTPConnection", "HTTPSConnection", "HTTPResponse"),
    "urllib3.connection": ("HTTPConnection", "HTTPSConnection", "VerifiedHTTPSConnection"),
    "botocore.awsrequest": ("AWSHTTPConnection", "AWSHTTPSConnection"),
    "httplib2": ("HTTPConnectionWithTimeout", "HTTPSConnectionWithTimeout", "SCHEME_TO_CONNECTION"),
    "tornado.simple_httpclient": ("SimpleAsyncHTTPClient.fetch_impl",),
    "tornado.curl_httpclient": ("CurlAsyncHTTPClient.fetch_impl",),
    "aiohttp.client": ("ClientSession._request",),
    "httpx": (*_HTTPX, "AsyncClient.send"),
    "httpx2": _HTTPX,
    "httpx_curl_cffi": ("CurlTransport.handle_request", "AsyncCurlTransport.handle_async_request"),
    "pyreqwest.compatibility.httpx": (
        "SyncHttpxTransport.handle_request",
        "HttpxTransport.handle_async_request",
    ),
}

Imported = Callable[[str, ModuleType], None]


class Originals:
    """The functions of HTTP libraries as they were when they were imported, or when watching began.

    While it watches, it remembers the functions of each library directly after its import.
    """

    def __init__(self) -> None:
        self._places: dict[str, list[tuple[Any, str, Any]]] = {}
        self._modules: dict[str, ModuleType] = {}
        self._finder = _Finder(self._look_at)
        self._n_watching = 0

    def watch(self) -> None:
        """Begin to watch; no mock may be in place."""
        for name in REMEMBERED:
            module = sys.modules.get(name)
            if module is not None and self._modules.get(name) is not module:
                self._look_at(name, module)
        self._n_watching += 1
        if self._finder not in sys.meta_path:  # pytester and others restore the list
            sys.meta_path.insert(0, self._finder)

    def unwatch(self) -> None:
        """Stop watching."""
        self._n_watching -= 1
        if not self._n_watching and self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)

    def _look_at(self, name: str, module: ModuleType) -> None:
        self._modules[name] = module
        self._places[name] = [place for path in REMEMBERED[name] for place in _places(module, path)]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the original functions in place inside the block."""
        places = [
            place
            for name, found in self._places.items()
            if sys.modules.get(name) is self._modules[name]
            for place in found
        ]
        with ExitStack() as stack:
            for owner, attribute, original in places:
                current = vars(owner).get(attribute)
                if current is not original:
                    stack.callback(setattr, owner, attribute, current)
                    setattr(owner, attribute, original)
            yield


def _places(module: ModuleType, path: str) -> Iterator[tuple[Any, str, Any]]:
    """The attributes on a path, each with its owner and value."""
    owner: Any = module
    for name in path.split("."):
        if name not in vars(owner):  # the library has another version, or the name is inherited
            return
        yield owner, name, vars(owner)[name]
        owner = vars(owner)[name]


class _Finder(MetaPathFinder):
    """Calls `imported` with each of the libraries after its import; finds no modules itself."""

    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        self._asking = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The result of the other finders."""
        if fullname not in REMEMBERED or getattr(self._asking, "is_busy", False):
            return None
        self._asking.is_busy = True
        try:
            spec = next(
                filter(None, (finder.find_spec(fullname, path, target) for finder in sys.meta_path)), None
            )
        finally:
            self._asking.is_busy = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._imported)
        return spec


class _Loader(Loader):
    """Loads with another loader and removes itself from the loaded module."""

    def __init__(self, usual: Loader, imported: Imported) -> None:
        self._usual = usual
        self._imported = imported

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usual, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module with the other loader."""
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module with the other loader, then call `imported`."""
        assert module.__spec__ is not None, "it is being imported"
        module.__spec__.loader = module.__loader__ = self._usual
        self._usual.exec_module(module)
        self._imported(module.__name__, module)


ORIGINALS = Originals()
_lock = threading.Lock()


def vcrpy(module: str = "vcr") -> Any:
    """A module of vcrpy, which knows the libraries without the mocks of tests."""
    if module not in sys.modules:
        with _lock, ORIGINALS.in_place():
            import_module("vcr")
            return import_module(module)
    return sys.modules[module]
