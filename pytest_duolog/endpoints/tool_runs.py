"""Runs a tool that a model has called, within a time limit, and says what the model is told of it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python

from pytest_duolog.display import cut
from pytest_duolog.endpoints.threads import call_in_thread
from pytest_duolog.errors import CassetteError, ConfigurationError, ToolStopped, ends_test, told, words_of
from pytest_duolog.scenarios.tools import BadArguments, Tool
from pytest_duolog.transcripts.stored import storable
from pytest_duolog.transcripts.transcript import ToolCall

# The largest result in bytes: it is sent with every later request of the dialogue.
MOST_RESULT_BYTES = 64 * 1024
LONGEST_ERROR = 2000


class ServerFailed(Exception):
    """An MCP server could not be asked, which says nothing of the model; `problem` ends the dialogue."""

    def __init__(self, problem: ConfigurationError | CassetteError) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Outcome(NamedTuple):
    """What the model is told of a call: the tool's result, or an error.

    `ends` is the error that ends the dialogue, in place of telling the model; the tool has run all the same.
    """

    text: str
    is_error: bool = False
    ends: ToolStopped | ConfigurationError | None = None


def error_outcome(kind: str, message: str) -> Outcome:
    """The error that the model is told: its kind, and a sentence on it."""
    words = storable(cut(message, LONGEST_ERROR))
    return Outcome(json.dumps({"error": kind, "message": words}, ensure_ascii=False), is_error=True)


def message_of(text: str) -> str:
    """The sentence in the text of an `error_outcome`; the text itself if it is none."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, TypeError, KeyError):
        return text


def unusable(problem: str) -> Outcome:
    """The outcome of a tool that has run, but whose result cannot be told."""
    return error_outcome("unusable_result", problem)._replace(ends=ConfigurationError(problem))


def _stopped(tool: str, error: BaseException) -> Outcome:
    """The outcome of a tool that has stopped the dialogue."""
    stopped = ToolStopped(tool, told(error))
    stopped.__cause__ = error
    return error_outcome("stopped", stopped.problem)._replace(ends=stopped)


async def run_tool(call: ToolCall, tool: Tool | None) -> Outcome:
    """Run the tool of a call and return what the model is told; None is a tool that the model was not offered.

    Errors of the tool are told to the model. An AssertionError, what fails a test such as `pytest.fail`, and a result
    that cannot be told end the dialogue. Raises only what ends more than the dialogue, such as `pytest.exit`.
    """
    if tool is None:
        return error_outcome("unknown_tool", f"there is no tool named {call.name!r}")
    try:
        arguments = tool.arguments(call.arguments)
    except BadArguments as error:
        return error_outcome("invalid_arguments", str(error))
    try:
        if tool.prepare is not None:
            await call_in_thread(tool.prepare)
        return await _ran(call.name, tool, arguments)
    except ServerFailed as error:
        raise error.problem from None


async def _ran(name: str, tool: Tool, arguments: dict[str, Any]) -> Outcome:
    import anyio  # noqa: PLC0415  # a replay runs no tools

    with anyio.move_on_after(tool.timeout_s):
        try:
            return _told(await _result(tool.function, arguments), tool.definition.name)
        except AssertionError as error:
            return _stopped(name, error)
        except BaseException as error:
            if isinstance(error, ServerFailed) or ends_test(error) or _ends_more(error):
                raise
            if not isinstance(error, Exception | anyio.get_cancelled_exc_class()):
                return _stopped(name, error)
            return error_outcome(type(error).__name__, words_of(error))  # the model is told of all others
    problem = f"no result within {tool.timeout_s:g} s"
    is_left = not _is_async(tool.function)
    return error_outcome(
        "timeout", f"{problem}; it may still be running; do not call it again" if is_left else problem
    )


def _ends_more(error: BaseException) -> bool:
    """Whether an exception ends more than the test."""
    import anyio  # noqa: PLC0415  # a replay runs no tools

    if isinstance(error, anyio.get_cancelled_exc_class()):
        return not _is_its_own(error)
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)


def _is_its_own(error: BaseException) -> bool:
    """Whether a tool has raised what says that a task was cancelled, but nobody cancels the task it runs in."""
    import asyncio  # noqa: PLC0415  # a replay runs no tools

    task = asyncio.current_task() if isinstance(error, asyncio.CancelledError) else None
    return task is not None and not task.cancelling()


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # of an object, to see whether it is async
    )


async def _result(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """The function's result. A plain function runs in a thread of its own, which can be left if it never returns."""
    is_async = _is_async(function)
    result = function(**arguments) if is_async else await call_in_thread(lambda: function(**arguments))
    return await result if inspect.isawaitable(result) else result


def _told(result: Any, name: str) -> Outcome:
    """A text as it is, everything else as JSON; one that is neither, or too long, ends the dialogue."""
    try:
        text = result if isinstance(result, str) else _json(result)
    except (TypeError, ValueError, RecursionError) as error:
        return unusable(
            f"the tool {name} returned {type(result).__name__}, which is not JSON: {error}; return a text, or a "
            "value of dict, list, str, int, float, bool and None"
        )
    text = storable(text)
    n_bytes = len(text.encode())
    if n_bytes > MOST_RESULT_BYTES:
        return unusable(
            f"the tool {name} returned {n_bytes} bytes, more than the limit of {MOST_RESULT_BYTES}: the model would "
            "get them with every request; return less"
        )
    return Outcome(text)


def _json(value: Any) -> str:
    """A value as JSON, also a date, a Decimal, a UUID, an Enum, a set, a dataclass or a pydantic model."""
    if isinstance(value, bytes | bytearray | Iterator):
        raise TypeError(f"{type(value).__name__} is no JSON value")
    return json.dumps(to_jsonable_python(value, by_alias=False), ensure_ascii=False, allow_nan=False)
