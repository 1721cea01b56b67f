"""Callables as speakers: a list of `{"role", "content"}` in, the text of the reply (or a `Reply`) out.

A list of texts becomes the paragraphs of one reply, because each side has one message in turn.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.threads import call_in_thread
from pytest_duolog.errors import EndpointError


class FunctionEndpoint:
    """A user's function, sync or async.

    A sync function runs in the caller's thread. With `in_thread` it runs in a thread of its own: it cannot block an
    event loop, and it may run its own. After `limit_s` seconds an async function is cancelled, and a thread is no
    longer waited for; there is no limit for a function in the caller's thread.
    """

    def __init__(
        self, function: Callable[..., Any], *, in_thread: bool = False, limit_s: float = math.inf
    ) -> None:
        self._function = function
        self._in_thread = in_thread and not inspect.iscoroutinefunction(function)
        self._limit_s = limit_s

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The function's reply; raises EndpointError if it returns no reply, or not in time."""
        messages = [message._asdict() for message in request.messages]
        if self._in_thread:
            return self._awaited(call_in_thread(self._function, messages))
        answer = self._function(messages)
        return self._awaited(answer) if inspect.isawaitable(answer) else self._read(answer)

    async def _awaited(self, awaited: Awaitable[Any]) -> Reply:
        import anyio  # noqa: PLC0415  # most replays have no event loop

        with anyio.move_on_after(self._limit_s):
            answer = await awaited
            return self._read(await answer if inspect.isawaitable(answer) else answer)
        left = (
            "it continues in its thread, which cannot be stopped" if self._in_thread else "it was cancelled"
        )
        raise EndpointError(
            f"the callable did not return within {self._limit_s:g} s; {left}",
            advice="if it is only slow, raise function_timeout_s in [tool.duolog.requests], or the dialogue's "
            "seconds_budget",
        )

    def _read(self, answer: Any) -> Reply:
        if isinstance(answer, Reply):
            return answer
        if isinstance(answer, list | tuple) and answer and all(isinstance(text, str) for text in answer):
            return Reply("\n\n".join(answer))
        if not isinstance(answer, str):
            raise EndpointError(
                f"the callable returned {type(answer).__name__} ({shorten(str(answer))}), not text",
                advice="return a str, a list of them, or pytest_duolog.Reply",
            )
        return Reply(answer)
