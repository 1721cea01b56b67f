"""Any callable as a speaker: a list of `{"role", "content"}` in, the reply's text (or a `Reply`) out.

Several texts are paragraphs of one reply: in a dialogue each side has one message in turn.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import anyio.to_thread

from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.errors import EndpointError, shorten


class FunctionEndpoint:
    """A user's function, sync or async.

    A sync function is called in the thread of the event loop; with `in_thread` it gets a worker thread, so
    that it cannot hold up other dialogues of the same loop.
    """

    def __init__(self, function: Callable[..., Any], *, in_thread: bool = False) -> None:
        self._function = function
        self._in_thread = in_thread

    async def reply(self, request: ChatRequest) -> Reply:
        """What the function returned."""
        messages = [message._asdict() for message in request.messages]
        if self._in_thread and not inspect.iscoroutinefunction(self._function):
            answer = await anyio.to_thread.run_sync(self._function, messages)
        else:
            answer = self._function(messages)
        if inspect.isawaitable(answer):
            answer = await answer
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
