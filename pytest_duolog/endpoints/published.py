"""Loads protocols that other packages publish under the entry point group `pytest_duolog.endpoints`.

The name of the entry point is the name of the protocol and of its provider. The object is called with an
`EndpointConfig` and returns an endpoint; a subclass of `ChatProtocol` can be used directly. Its attribute `provider`, a
`Provider`, has the address of the provider and the variables for address and key; without it, `acme` has the variables
`ACME_BASE_URL` and `ACME_API_KEY`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, distribution, distributions

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.base import ChatRequest, Endpoint, EndpointConfig, Reply, then
from pytest_duolog.endpoints.providers import PROVIDER_NAME, Provider
from pytest_duolog.errors import ConfigurationError, EndpointError

ENTRY_POINT_GROUP = "pytest_duolog.endpoints"

Factory = Callable[[EndpointConfig], Endpoint]


@cache
def published_points() -> Mapping[str, Sequence[EntryPoint]]:
    """The entry points of other packages by name; a name that two packages use has two entry points."""
    # `entry_points()` would parse those of every installed package. A package can be on the path twice.
    packages = {
        package.metadata["Name"]
        for package in distributions()
        if ENTRY_POINT_GROUP in (package.read_text("entry_points.txt") or "")
    }
    found: dict[str, list[EntryPoint]] = {}
    for name in sorted(packages):
        for point in distribution(name).entry_points.select(group=ENTRY_POINT_GROUP):
            if point not in found.setdefault(point.name, []):
                found[point.name].append(point)
    return found


def published_factory(name: str) -> Factory:
    """The factory that the entry point of this name publishes.

    Raises ConfigurationError that names the entry point if it cannot be used.
    """
    points = published_points()[name]
    if len(points) > 1:
        raise ConfigurationError(
            f"{' and '.join(map(_shown, points))} both publish a protocol named {name!r}; uninstall "
            "one of them"
        )
    [point] = points
    if not re.fullmatch(PROVIDER_NAME, name):  # it is the host of a logical address
        raise ConfigurationError(
            f"{_shown(point)}: the name of a provider may have only lower-case letters, digits, - and "
            f"_, not {shorten(name)}"
        )
    try:
        factory: Factory = point.load()
    except Exception as error:  # the code of another package may raise anything
        problem = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{_shown(point)} cannot be loaded: {shorten(problem, 300)}; reinstall or upgrade that package"
        ) from error
    if not callable(factory):
        raise ConfigurationError(f"{_shown(point)} is {shorten(repr(factory))}, which cannot be called")
    return factory


def published_provider(name: str) -> Provider:
    """The provider of a published protocol; raises the errors of `published_factory`."""
    factory = published_factory(name)
    variable = re.sub(r"\W", "_", name).upper()
    given = getattr(factory, "provider", None)
    if given is None:
        given = Provider("", base_url_env=f"{variable}_BASE_URL", api_key_env=f"{variable}_API_KEY")
    if not isinstance(given, Provider):
        raise ConfigurationError(
            f"{_shown(published_points()[name][0])}: its attribute 'provider' is "
            f"{shorten(repr(given))}, not a Provider"
        )
    return replace(given, protocol=name, key_header=given.key_header or getattr(factory, "key_header", None))


def open_published(name: str, config: EndpointConfig) -> Endpoint:
    """The endpoint from a published factory; raises ConfigurationError if it is not an endpoint."""
    endpoint = published_factory(name)(config)
    if not callable(getattr(endpoint, "reply", None)):
        raise ConfigurationError(
            f"the entry point {name!r} returned {endpoint!r}, which has no method 'reply'"
        )
    return _CheckedEndpoint(name, endpoint)


class _CheckedEndpoint:
    """Checks the replies of another package's endpoint, which may be sync."""

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self._name = name
        self._endpoint = endpoint

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The endpoint's reply; raises EndpointError if it is not a Reply."""
        return then(self._endpoint.reply(request), self._checked)

    def _checked(self, reply: object) -> Reply:
        if not isinstance(reply, Reply):
            raise EndpointError(
                f"the endpoint of the entry point {self._name!r} returned {shorten(repr(reply))}, not a "
                f"pytest_duolog.Reply"
            )
        return reply


def _shown(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist else ""
    return f"the entry point {point.name!r}{package}"
