"""Records the HTTP requests of a user's own speakers, with vcrpy's patches.

vcrpy patches libraries for the whole process. One set of patches serves all dialogues: it finds the dialogue of a
request with a context variable (which tasks and worker threads of the event loop inherit) and does not touch other
requests. Requests of other processes are not recorded.
"""

from __future__ import annotations

import http.client
import inspect
import threading
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from unittest import mock

from pytest_duolog.endpoints.base import ChatRequest, Endpoint, Reply
from pytest_duolog.endpoints.encodings import PackedWrongly
from pytest_duolog.errors import BudgetExceeded, CassetteError, EndpointError
from pytest_duolog.recording.fronts import MOCKED_BELOW, Front, through_mocks
from pytest_duolog.recording.hooks import VcrHooks, plain_response, vcr_response
from pytest_duolog.recording.interaction import Body, SentRequest
from pytest_duolog.recording.network import Complaining, NetworkDoors
from pytest_duolog.recording.noise import multipart_bytes
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.recording.vcrpy import vcrpy
from pytest_duolog.recording.whole_answers import refusing_buffers
from pytest_duolog.storage.json_text import canonical

if TYPE_CHECKING:
    from vcr.request import Request

# Transports without a network: they are also used in a replay.
IN_PROCESS = frozenset({"MockTransport", "WSGITransport", "ASGITransport"})

# The modules of the classes that vcrpy replaces.
LIBRARIES = frozenset({"http", "urllib3", "botocore", "httplib2", "vcr"})

_speaking: ContextVar[WatchedEndpoint | None] = ContextVar("duolog_speaking", default=None)


class WatchedEndpoint:
    """An endpoint whose own HTTP requests are recorded in a cassette while `patches` are in place."""

    def __init__(self, endpoint: Endpoint, cassette: Recorder, patches: LibraryPatches) -> None:
        self._endpoint = endpoint
        self._cassette = cassette
        self._patches = patches
        self._problem: CassetteError | EndpointError | None = None

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The endpoint's reply, or an awaitable if it is not available yet.

        If the cassette raised an error, raises that error, even if the libraries in between changed it.
        """
        with self._turn():
            answer = self._endpoint.reply(request)
        return self._awaited(answer) if inspect.isawaitable(answer) else answer

    async def _awaited(self, answer: Awaitable[Reply]) -> Reply:
        with self._turn():
            return await answer

    @contextmanager
    def _turn(self) -> Iterator[None]:
        token = _speaking.set(self)
        try:
            with self._patches.speaker(self):
                yield
        finally:
            _speaking.reset(token)
            if self._problem is not None:
                raise self._problem

    def takes(self, request: Request) -> bool:
        """Whether `request` is recorded at all; users may exclude hosts."""
        return self._sent(request) is not None

    def knows(self, request: Request) -> bool:
        """Whether the response to `request` is recorded; never raises."""
        sent = self._sent(request)
        return sent is not None and self._cassette.holds(sent)

    def has(self, request: Request) -> bool:
        """Whether the response to `request` is recorded."""
        sent = self._sent(request)
        if sent is None:
            self._patches.allowed_hosts.add(request.host)
            return False
        try:
            return self._cassette.has(sent)
        except (CassetteError, BudgetExceeded) as problem:
            self.complain(problem)
            raise

    def complain(self, problem: CassetteError | EndpointError) -> None:
        """Make `reply` raise this error, even if the libraries in between change it."""
        self._problem = problem

    def play(self, request: Request) -> dict[str, Any]:
        """The recorded response that `has` promised."""
        sent = self._sent(request)
        response = self._cassette.play(sent) if sent else None
        assert response is not None, "vcrpy asks before it plays"
        return vcr_response(response)

    def record(self, request: Request, response: Mapping[str, Any]) -> None:
        """Record a new response.

        An incomplete one is not recorded: the library may accept it as complete, but a replay could not return the same
        bytes.
        """
        sent = self._sent(request)
        if sent is None:
            return
        try:
            plain = plain_response(response)
        except PackedWrongly as error:
            self.complain(EndpointError(f"the response from {request.host} {error}", is_passing=True))
        else:
            self._cassette.record(sent, plain)

    def _sent(self, request: Request) -> SentRequest | None:
        """The request as this cassette matches and stores it; None if it is not recorded.

        It is kept on the request: vcrpy asks several times for the same one, but may ask before the body is complete.
        """
        given = (str(request.uri), _body_bytes(request), dict(request.headers))
        kept: dict[WatchedEndpoint, tuple[object, SentRequest | None]]
        kept = vars(request).setdefault("duolog_sent", {})
        if self not in kept or kept[self][0] != given:
            kept[self] = (given, self._as_sent(request, given[1]))
        return kept[self][1]

    def _as_sent(self, request: Request, content: bytes) -> SentRequest | None:
        body, headers = Body.of_stranger(content, request.headers, self._cassette.redactor)
        uri, names = self._cassette.address(str(request.uri))
        return self._cassette.hooks.request(SentRequest(request.method, uri, headers, body, names=names))


class LibraryPatches:
    """vcrpy's patches of HTTP libraries, in place while at least one dialogue needs them.

    vcrpy uses this object as the cassette; it passes each request to its speaker. With `offline`, the speakers' code
    cannot reach the network, except hosts that the user has excluded from recording.
    """

    _path = "duolog"
    write_protected = False

    def __init__(self, *, offline: bool = False) -> None:
        self.allowed_hosts: set[str] = set()
        self.doors = NetworkDoors(self._watcher if offline else lambda: None, self.allowed_hosts)
        self.custom_patches: Any = ()
        self.skip_patchers: Any = ()
        self._lock = threading.Lock()
        self._n_users = 0
        self._stack = ExitStack()
        self._fronts: list[Front] = []
        self._speakers: list[WatchedEndpoint] = []

    def install(self, hooks: VcrHooks) -> ExitStack:
        """Put the patches in place until the returned stack is closed."""
        with self._lock:
            if self._n_users == 0:
                self.custom_patches = hooks.custom_patches
                self.skip_patchers = hooks.skip_patchers
                self._stack.enter_context(self.doors.watch())
                for patcher in [*self._patchers(), *_lasting_patches(), *refusing_buffers(self._is_idle)]:
                    self._stack.enter_context(patcher)
            self._n_users += 1
        removal = ExitStack()
        removal.callback(self._remove)
        return removal

    def _patchers(self) -> Iterator[Any]:
        # vcrpy's public `use_cassette` uses one cassette for the whole process. Its builder of patches accepts any
        # object with a cassette's methods (since 1.0). To be dropped when vcrpy finds the cassette by context, as
        # cassetter does.
        for patcher in vcrpy("vcr.patch").CassettePatcherBuilder(self).build():
            name = getattr(patcher, "attribute", "")
            owner = patcher.getter() if name else None  # a module or a class
            if getattr(owner, "__name__", "") in IN_PROCESS:
                continue
            if (getattr(owner, "__module__", "").partition(".")[0], name) in MOCKED_BELOW:
                front = Front(owner, name, patcher.new, self._is_idle)
                self._fronts.append(front)
                yield front
            elif owner is None or not _is_mocked_class(getattr(owner, name)):
                yield patcher
        yield mock.patch.object(vcrpy("vcr.stubs").VCRConnection, "getresponse", through_mocks(self._is_idle))

    def _is_idle(self, cassette: object = None) -> bool:
        """Whether no speaker is active, or `cassette` is another one, made by the user."""
        return cassette not in (None, self) or not (self._speakers or _speaking.get())

    def _remove(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._fronts.clear()
                self._stack.close()

    def watched(self, endpoint: Endpoint, cassette: Recorder) -> WatchedEndpoint:
        """An endpoint whose own HTTP requests are recorded in a cassette."""
        return WatchedEndpoint(endpoint, cassette, self)

    def speaker(self, watched: WatchedEndpoint) -> ExitStack:
        """Count `watched` as active until the returned stack is closed."""
        for front in self._fronts:
            front.put()
        self._speakers.append(watched)
        turn = ExitStack()
        turn.callback(self._speakers.remove, watched)
        return turn

    def _owner_of(self, request: Request) -> WatchedEndpoint | None:
        """The speaker of `request`; None if it belongs to no speaker and must not be changed.

        A library's own threads do not have the context variable: then it is the only active speaker, or the only one
        that has the request recorded. Raises EndpointError if there are several.
        """
        speaking = _speaking.get()
        if speaking is not None:
            return speaking
        candidates = [watched for watched in self._speakers if watched.takes(request)]
        if len(candidates) > 1:
            candidates = [watched for watched in candidates if watched.knows(request)]
            if len(candidates) != 1:
                raise EndpointError(
                    "several dialogues are running, and a request from another thread could belong "
                    "to any of them",
                    advice="start the thread in the speaker's context (asyncio.to_thread, or "
                    "contextvars.copy_context().run), or run one dialogue after the other",
                )
        return candidates[0] if candidates else None

    def _watcher(self) -> Complaining | None:
        """The function that reports an error to the speaker in this thread; None if the speaker is not known."""
        speaking = _speaking.get()
        if speaking is None and len(self._speakers) == 1:
            speaking = self._speakers[0]
        return speaking.complain if speaking else None

    # Called by vcrpy's stubs, always with the same object for a request

    def can_play_response_for(self, request: Request) -> bool:
        """Whether a recorded response will be replayed."""
        owner = request.duolog_owner = self._owner_of(request)
        return owner is not None and owner.has(request)

    def play_response(self, request: Request) -> dict[str, Any]:
        """The recorded response."""
        owner = request.duolog_owner
        assert owner is not None, "vcrpy asks before it plays"
        response: dict[str, Any] = owner.play(request)
        return response

    def append(self, request: Request, response: Mapping[str, Any]) -> None:
        """Record a response from the network."""
        if request.duolog_owner is not None:
            request.duolog_owner.record(request, response)

    def filter_request(self, request: Request) -> Request:
        """Return the request unchanged; the cassette filters it."""
        return request

    def find_requests_with_most_matches(self, request: Request) -> list[tuple[Request, list[str], list[str]]]:
        """Find recorded requests; aiohttp's stub uses it to follow recorded redirects."""
        return [(request, [], [])]


def _is_mocked_class(current: Any) -> bool:
    """Whether the class that vcrpy would replace is a mock, or a test's own class."""
    if isinstance(current, type):
        return current.__module__.partition(".")[0] not in LIBRARIES
    return isinstance(current, mock.NonCallableMock)


def _lasting_patches() -> list[Any]:
    """Patches that keep vcrpy's patches in place all the time."""
    # Works around vcrpy (all versions, 9.4 too): while it makes a connection of http.client, urllib3 or requests, it
    # removes all its patches (`force_reset`), for every thread. Another speaker's request would go to the network, and
    # two threads at once can remove the patches permanently. It does so only for `http.client.HTTPSConnection`, which
    # looks up its own class by name when an object is made; these patches cover only that moment. To be dropped when
    # vcrpy has no `force_reset`, or one that other threads do not see.
    real = vcrpy("vcr.stubs").VCRHTTPSConnection._baseclass  # noqa: SLF001 - vcrpy's own record of the class it replaced
    make = real.__init__
    lock = threading.Lock()

    def make_as_itself(connection: Any, *args: Any, **options: Any) -> None:
        with lock, mock.patch.object(http.client, "HTTPSConnection", real):
            make(connection, *args, **options)

    return [
        mock.patch.object(vcrpy("vcr.patch"), "force_reset", nullcontext),
        mock.patch.object(real, "__init__", make_as_itself),
    ]


def _body_bytes(request: Request) -> bytes:
    body = request.body
    if isinstance(body, bytes | None):
        return body or b""
    if isinstance(body, str | Mapping | list):
        return body.encode() if isinstance(body, str) else canonical(body)
    if hasattr(body, "add_field"):  # an aiohttp form, which makes the same body each time it is called
        body = body()
    if hasattr(body, "decode"):
        return _payload_bytes(body)
    if hasattr(body, "read"):
        return bytes(body.read())
    parts = list(body)
    if any(isinstance(part, tuple) for part in parts):  # aiohttp's form of the parts of a multipart body
        return multipart_bytes((payload.headers, _payload_bytes(payload)) for payload, *_ in parts)
    return b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)


def _payload_bytes(payload: Any) -> bytes:
    """The bytes of an aiohttp payload, which is written later; reading it here does not consume it."""
    if hasattr(payload, "boundary"):
        return multipart_bytes((part.headers, _payload_bytes(part)) for part, *_ in payload)
    text: str = payload.decode("latin-1")
    return text.encode("latin-1" if all(ord(character) < 256 for character in text) else "utf-8")
