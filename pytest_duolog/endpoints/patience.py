"""How long a model is waited for."""

from __future__ import annotations

from pytest_duolog.dataclass import dataclass
from pytest_duolog.errors import EndpointError
from pytest_duolog.genuine import RANDOM

LONGEST_BACKOFF_S = 8.0
CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Patience:
    """How long to try to get one message. Set by `[tool.duolog.requests]` in pyproject.toml.

    `timeout_s` covers all tries and the waits between them; if a server is silent for half of this time, the try
    ends. The wait between tries doubles from `backoff_s` up to 8 s, unless the provider asks for a time; if that is
    longer than `longest_wait_s`, there is no other try. A body with more than `largest_reply_bytes`, unpacked, is
    an error.

    A callable uses its own client and has `function_timeout_s` for a reply.
    """

    tries: int = 3
    timeout_s: float = 120.0
    backoff_s: float = 0.5
    longest_wait_s: float = 60.0
    largest_reply_bytes: int = 8 * 1024 * 1024
    function_timeout_s: float = 600.0  # the default timeout of the clients of OpenAI and Anthropic

    @property
    def silence_s(self) -> float:
        """How many seconds a server may send nothing."""
        return self.timeout_s / 2

    @property
    def connect_s(self) -> float:
        """How many seconds a connection may take."""
        return min(CONNECT_TIMEOUT_S, self.silence_s)

    def wait_s(self, n_tries: int, error: EndpointError) -> float:
        """How many seconds to wait after `n_tries` tries, the last of which ended in `error`."""
        if error.wait_s is not None:
            return error.wait_s
        longest = min(LONGEST_BACKOFF_S, self.backoff_s * 2 ** (n_tries - 1))
        return RANDOM.uniform(longest / 2, longest)  # random, so that dialogues do not retry at the same time
