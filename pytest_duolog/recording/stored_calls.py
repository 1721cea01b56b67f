"""How the calls of tools are stored, and the messages for which they were made, made again of a cassette."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.rounds import calls_to_run, joined_reply, not_run, placed
from pytest_duolog.recording.interaction import Interaction, Response
from pytest_duolog.storage.json_text import canonical, parsed
from pytest_duolog.transcripts.rounds import numbered_calls
from pytest_duolog.transcripts.transcript import ToolCall

# The only field of the response to a call, and the reasons of such responses.
RESULT = "result"
OF_ERRORS = "error"
OF_RESULTS = "OK"
# A call that ended the dialogue: its tool stopped it, or returned what cannot be told.
OF_STOPS = "stopped"
OF_UNUSABLE = "unusable"


def rounds_by_message(
    made: Sequence[Interaction], with_tools: Collection[str]
) -> Mapping[int, Sequence[Interaction]]:
    """The interactions of each message of the speakers `with_tools`, by its number."""
    numbers = dict.fromkeys(one.message_number for one in made if one.speaker in with_tools)
    return {number: [one for one in made if one.message_number == number] for number in numbers}


def reply_of_rounds(
    interactions: Sequence[Interaction], read: Callable[[Interaction], Reply | None], n_before: int
) -> Reply | None:
    """The reply that these interactions make together; None if a response cannot be read.

    `read` reads a response; `n_before` calls were made before this message.
    """
    replies: list[Reply] = []
    calls: list[ToolCall] = []
    left: list[ToolCall] = []
    for interaction in interactions:
        if interaction.request.called_tool is None:
            reply = read(interaction)
            if reply is None:
                return None
            replies.append(replace(reply, latency_ms=interaction.latency_ms))
            left = list(placed(calls_to_run(reply), replies))
        elif left:
            calls.append(completed(left.pop(0), interaction.response, interaction.latency_ms))
    calls += not_run(left)
    return joined_reply(replies, numbered_calls(calls, n_before)) if replies else None


def completed(call: ToolCall, response: Response, latency_ms: float | None) -> ToolCall:
    """The call with the result in its recorded response."""
    result, is_error = recorded_result(response)
    return call.model_copy(update={"result": result, "is_error": is_error, "latency_ms": latency_ms})


def recorded_result(response: Response) -> tuple[str, bool]:
    """What the model was told, in the recorded response to a call, and whether it is an error."""
    value = parsed(response.content)
    result = value.get(RESULT) if isinstance(value, dict) else None
    return result if isinstance(result, str) else "", response.reason in (
        OF_ERRORS,
        OF_STOPS,
        OF_UNUSABLE,
    )


def response_of(result: str, reason: str) -> Response:
    """The response that stores what the model was told, or why it was told nothing."""
    return Response(200, reason, {}, canonical({RESULT: result}))
