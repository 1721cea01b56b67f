"""Runs a tool that a model has called, within a time limit, and says what the model is told of it."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import BaseModel

from pytest_duolog.endpoints.threads import call_in_thread
from pytest_duolog.errors import ConfigurationError, ToolStopped, told
from pytest_duolog.scenarios.tools import BadArguments, Tool
from pytest_duolog.transcripts.transcript import ToolCall, storable

# The largest result in bytes: it is sent with every later request of the dialogue.
MOST_RESULT_BYTES = 64 * 1024
LONGEST_ERROR = 2000


class Outcome(NamedTuple):
    """What the model is told of a call: the tool's result, or an error."""

    text: str
    is_error: bool = False


def error_outcome(kind: str, message: str) -> Outcome:
    """The error that the model is told: its kind, and a sentence on it."""
    words = (
        message
        if len(message) <= LONGEST_ERROR
        else f"{message[:LONGEST_ERROR]}… ({len(message)} characters)"
    )
    return Outcome(json.dumps({"error": kind, "message": storable(words)}, ensure_ascii=False), is_error=True)


async def run_tool(call: ToolCall, tool: Tool | None) -> Outcome:
    """Run the tool of a call and return what the model is told; None is a tool that the model was not offered.

    Errors of the tool are told to the model. Raises ToolStopped for an AssertionError and for what ends a test, such
    as `pytest.fail`, and ConfigurationError for a result that cannot be told.
    """
    if tool is None:
        return error_outcome("unknown_tool", f"there is no tool named {call.name!r}")
    try:
        arguments = tool.arguments(call.arguments)
    except BadArguments as error:
        return error_outcome("invalid_arguments", str(error))
    import anyio  # noqa: PLC0415  # a replay runs no tools

    with anyio.move_on_after(tool.timeout_s):
        try:
            return _told(await _result(tool.function, arguments), tool.definition.name)
        except ConfigurationError:
            raise
        except AssertionError as error:
            raise ToolStopped(call.name, told(error)) from error
        except Exception as error:  # noqa: BLE001  # the model is told of all others
            return error_outcome(type(error).__name__, str(error))
        except BaseException as error:
            if _ends_more_than_the_test(error, anyio.get_cancelled_exc_class()):
                raise
            raise ToolStopped(call.name, told(error)) from error
    return error_outcome("timeout", f"no result within {tool.timeout_s:g} s")


def _ends_more_than_the_test(error: BaseException, cancelled: type[BaseException]) -> bool:
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | cancelled)


async def _result(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """The function's result. A plain function runs in a thread of its own, which can be left if it never returns."""
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # of an object, to see whether it is async
    )
    result = function(**arguments) if is_async else await call_in_thread(lambda: function(**arguments))
    return await result if inspect.isawaitable(result) else result


def _told(result: Any, name: str) -> Outcome:
    """A text as it is, everything else as JSON; raises ConfigurationError if it is neither, or too long."""
    try:
        text = (
            result
            if isinstance(result, str)
            else json.dumps(result, ensure_ascii=False, allow_nan=False, default=_plain)
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"the tool {name} returned {type(result).__name__}, which is not JSON: {error}; return a text, or a "
            "value of dict, list, str, int, float, bool and None"
        ) from None
    text = storable(text)
    n_bytes = len(text.encode())
    if n_bytes > MOST_RESULT_BYTES:
        raise ConfigurationError(
            f"the tool {name} returned {n_bytes} bytes, more than the limit of {MOST_RESULT_BYTES}: the model would "
            "get them with every request; return less"
        )
    return Outcome(text)


def _plain(value: Any) -> Any:
    """A value that JSON does not know, as one that it knows; raises TypeError if there is none."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is no JSON value")
