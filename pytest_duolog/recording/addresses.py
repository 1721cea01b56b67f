"""Real addresses and logical ones: where a provider is reached must not matter to a recording."""

from __future__ import annotations

from collections.abc import Sequence

# Pairs of a provider and a URL under which it is reached.
BaseUrls = Sequence[tuple[str, str]]


def logical_uri(uri: str, base_urls: BaseUrls) -> str:
    """The address with a provider's name for its base URL; any other address as it is."""
    for provider, base_url in base_urls:
        if uri.startswith(base_url + "/"):
            return f"duolog://{provider}{uri[len(base_url) :]}"
    return uri


def real_uri(uri: str, base_urls: BaseUrls) -> str:
    """The address with a provider's base URL for its name, if it has one."""
    for provider, base_url in base_urls:
        if uri.startswith(f"duolog://{provider}/"):
            return base_url + uri[len(f"duolog://{provider}") :]
    return uri
