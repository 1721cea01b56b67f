"""Recording of HTTP libraries inside a user's own speaker, through vcrpy's patches.

vcrpy patches libraries for the whole process. Here one set of patches serves all dialogues: it looks up the
dialogue on whose behalf a request is made, which travels in a context variable (into tasks and into worker
threads of the event loop), and leaves everybody else's requests alone. What another process sends is not seen.
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

# Transports that reach no network: who made them wants them used, in a replay as well.
IN_PROCESS = frozenset({"MockTransport", "WSGITransport", "ASGITransport"})

# Where the classes come from that vcrpy replaces.
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
        """The endpoint's reply, to be awaited unless it is at hand.

        Raises the cassette's own error if there was one, whatever the libraries in between made of it.
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
        """Whether `request` would be recorded at all; users may exclude hosts."""
        return self._sent(request) is not None

    def knows(self, request: Request) -> bool:
        """Whether the response to `request` is recorded; the cassette does not complain if not."""
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
        """Have `reply` raise this, whatever becomes of it in between."""
        self._problem = problem

    def play(self, request: Request) -> dict[str, Any]:
        """The recorded response that `has` promised."""
        sent = self._sent(request)
        response = self._cassette.play(sent) if sent else None
        assert response is not None, "vcrpy asks before it plays"
        return vcr_response(response)

    def record(self, request: Request, response: Mapping[str, Any]) -> None:
        """Take a fresh response.

        One that is cut short is not recorded: the library that asked for it may take it as whole, and a replay could
        not give it the same bytes.
        """
        sent = self._sent(request)
        if sent is None:
            return
        try:
            plain = plain_response(response)
        except PackedWrongly as error:
            self.complain(EndpointError(f"the answer of {request.host} {error}", is_passing=True))
        else:
            self._cassette.record(sent, plain)

    def _sent(self, request: Request) -> SentRequest | None:
        body, headers = Body.of_stranger(_body_bytes(request), request.headers, self._cassette.redactor)
        uri, names = self._cassette.address(str(request.uri))
        return self._cassette.hooks.request(SentRequest(request.method, uri, headers, body, names=names))


class LibraryPatches:
    """vcrpy's patches of HTTP libraries, in place while at least one dialogue wants them.

    To vcrpy this object is the cassette; it hands each request to the speaker it belongs to. With `offline`, the
    speakers' code is kept off the network altogether, but for hosts that the user has excluded from recording.
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
        # vcrpy's public `use_cassette` brings a cassette of its own, one for the whole process. Its builder of
        # patches takes any object with a cassette's methods; it has done so since 1.0. To be dropped when
        # vcrpy finds the cassette by context (as cassetter does).
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
        """Whether nobody speaks; or another cassette, of the user's, is asked for."""
        return cassette not in (None, self) or not (self._speakers or _speaking.get())

    def _remove(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._fronts.clear()
                self._stack.close()

    def speaker(self, watched: WatchedEndpoint) -> ExitStack:
        """Count `watched` among those who speak, until the returned stack is closed."""
        for front in self._fronts:
            front.put()
        self._speakers.append(watched)
        turn = ExitStack()
        turn.callback(self._speakers.remove, watched)
        return turn

    def _owner_of(self, request: Request) -> WatchedEndpoint | None:
        """On whose behalf `request` is made; None if it is nobody's, and goes where it would have gone anyway.

        A library's own threads do not carry the context variable; if only one speaker is at work it is that one's,
        and if only one has it recorded, that one's. Raises EndpointError if nobody can tell.
        """
        speaking = _speaking.get()
        if speaking is not None:
            return speaking
        candidates = [watched for watched in self._speakers if watched.takes(request)]
        if len(candidates) > 1:
            candidates = [watched for watched in candidates if watched.knows(request)]
            if len(candidates) != 1:
                raise EndpointError(
                    "several dialogues are at work, and a request from a thread of its own could be any one's",
                    advice="start the thread in the speaker's context (asyncio.to_thread, or "
                    "contextvars.copy_context().run), or hold one dialogue after the other",
                )
        return candidates[0] if candidates else None

    def _watcher(self) -> Complaining | None:
        """How to complain to who is at work in this thread, as far as that can be told."""
        speaking = _speaking.get()
        if speaking is None and len(self._speakers) == 1:
            speaking = self._speakers[0]
        return speaking.complain if speaking else None

    # What vcrpy's stubs call, always with one and the same object for a request

    def can_play_response_for(self, request: Request) -> bool:
        """Whether a recorded response will be played."""
        owner = request.duolog_owner = self._owner_of(request)
        return owner is not None and owner.has(request)

    def play_response(self, request: Request) -> dict[str, Any]:
        """That response."""
        owner = request.duolog_owner
        assert owner is not None, "vcrpy asks before it plays"
        response: dict[str, Any] = owner.play(request)
        return response

    def append(self, request: Request, response: Mapping[str, Any]) -> None:
        """Take a response that came from the network."""
        if request.duolog_owner is not None:
            request.duolog_owner.record(request, response)

    def filter_request(self, request: Request) -> Request:
        """Filtering is the cassette's business."""
        return request

    def find_requests_with_most_matches(self, request: Request) -> list[tuple[Request, list[str], list[str]]]:
        """Aiohttp's stub follows recorded redirects with it."""
        return [(request, [], [])]


def _is_mocked_class(current: Any) -> bool:
    """Whether what vcrpy would replace is a mock already, or a test's own class."""
    if isinstance(current, type):
        return current.__module__.partition(".")[0] not in LIBRARIES
    return isinstance(current, mock.NonCallableMock)


def _lasting_patches() -> list[Any]:
    """Patches that keep vcrpy's in place all the time."""
    # Works around vcrpy (all versions, 9.4 too): while it makes a connection of http.client, urllib3 or requests, it
    # takes all its patches away (`force_reset`), for every thread. Another speaker's request would go to the network,
    # and two threads at once can leave the patches away for good. It does so only for `http.client.HTTPSConnection`,
    # which looks up its own class by name when one is made; here that moment alone is covered. To be dropped when
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
    if hasattr(body, "add_field"):  # a form of aiohttp: it makes the same body each time it is called
        body = body()
    if hasattr(body, "decode"):
        return _payload_bytes(body)
    if hasattr(body, "read"):
        return bytes(body.read())
    parts = list(body)
    if any(isinstance(part, tuple) for part in parts):  # how aiohttp holds the parts of a multipart body
        return multipart_bytes((payload.headers, _payload_bytes(payload)) for payload, *_ in parts)
    return b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)


def _payload_bytes(payload: Any) -> bytes:
    """The bytes of a payload of aiohttp, which writes it later; reading it before takes nothing away."""
    if hasattr(payload, "boundary"):
        return multipart_bytes((part.headers, _payload_bytes(part)) for part, *_ in payload)
    text: str = payload.decode("latin-1")
    return text.encode("latin-1" if all(ord(character) < 256 for character in text) else "utf-8")
