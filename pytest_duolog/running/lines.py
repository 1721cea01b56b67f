"""The lines on which models are asked: to providers, to the embedded model, and to the mocks of a test."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pytest_duolog.endpoints import providers, registry
from pytest_duolog.endpoints.providers import Destination
from pytest_duolog.endpoints.rate_limiter import Limit, RateLimiter
from pytest_duolog.recording.mocks import NotMocked
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.settings import Settings

if TYPE_CHECKING:
    from pytest_duolog.endpoints.network import Surroundings
    from pytest_duolog.endpoints.patience import Patience
    from pytest_duolog.endpoints.retrying import RetryingTransport
    from pytest_duolog.local.server import LocalServers
    from pytest_duolog.recording.mocked_line import MockedLine
    from pytest_duolog.recording.patching import LibraryPatches


class Lines:
    """Makes lines, and owns what they share: rate limits, local servers and the patches of libraries."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._lock = threading.Lock()
        self._made_patches: LibraryPatches | None = None
        self._rate_limiters: dict[str, RateLimiter] = {}
        # Hears which provider asks to wait for how many seconds.
        self.on_wait: Callable[[str, float], None] = lambda _provider, _seconds: None

    @property
    def patches(self) -> LibraryPatches:
        """The patches of HTTP libraries, with which requests of users' own code are recorded."""
        # A replay of providers needs none, and no HTTP library; nor does it need the lines to the network below.
        from pytest_duolog.recording.patching import LibraryPatches  # noqa: PLC0415

        with self._lock:
            if self._made_patches is None:
                self._made_patches = LibraryPatches(offline=self._settings.record_mode is RecordMode.NONE)
            return self._made_patches

    def mocked(self) -> MockedLine:
        """A line to the mocks of a test."""
        from pytest_duolog.recording.mocked_line import MockedLine  # noqa: PLC0415

        return MockedLine(self._mocked_destination, self._settings.patience, self.patches.doors)

    def live(self, around: Surroundings | None, patience: Patience | None = None) -> RetryingTransport:
        """A line to the providers; `around` is the environment for asking them, None for the current one.

        Without `patience`, that of the settings is used.
        """
        from pytest_duolog.endpoints.live import LiveTransport  # noqa: PLC0415
        from pytest_duolog.endpoints.retrying import RetryingTransport  # noqa: PLC0415

        environ = around.environ if around else self._environ
        live = LiveTransport(partial(self._destination, environ), around=around)
        return RetryingTransport(live, patience or self._settings.patience, self._rate_limiter_to)

    def _rate_limiter_to(self, provider: str) -> RateLimiter:
        if provider not in self._rate_limiters:
            limit = self._settings.limits.get(provider, Limit())
            told = partial(self.on_wait, provider)
            self._rate_limiters.setdefault(provider, RateLimiter(limit, told=told))
        return self._rate_limiters[provider]

    def wait_too(self, provider: str, seconds: float) -> None:
        """Ask a provider nothing for `seconds`, because it has asked another process to wait."""
        self._rate_limiter_to(provider).wait_too(seconds)

    def _destination(
        self, environ: Mapping[str, str], provider: str, model: str
    ) -> Destination | Awaitable[Destination]:
        if provider == "local":  # its server may have to start
            import anyio.to_thread  # noqa: PLC0415

            return anyio.to_thread.run_sync(self._local_destination, model)
        found = registry.provider_named(provider, self._settings.providers)
        return providers.destination(provider, found, environ, model)

    def _mocked_destination(self, provider: str, model: str) -> Destination:
        """The address at which mocks are asked; they need no key."""
        if provider == "local":
            raise NotMocked  # its address is not known in advance
        found = registry.provider_named(provider, self._settings.providers)
        environ = {**dict.fromkeys(found.secret_variables, "a-mock-needs-no-key"), **self._environ}
        return providers.destination(provider, found, environ, model)

    @cached_property
    def _local_servers(self) -> LocalServers:
        from pytest_duolog.local.server import LocalServers  # noqa: PLC0415  # only where the embedded model is asked

        return LocalServers()

    def _local_destination(self, model: str) -> Destination:
        with self._lock:
            servers = self._local_servers
        server = servers.get(model)
        return Destination(server.base_url, {"authorization": f"Bearer {server.api_key}"})

    def close(self) -> None:
        """Stop the local servers."""
        if "_local_servers" in vars(self):
            self._local_servers.stop_all()
