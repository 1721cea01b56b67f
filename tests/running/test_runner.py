"""The turn loop: who is asked, what for, and every reason there is to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from pytest_duolog.detectors.text import phrase_pattern
from pytest_duolog.display import counted
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.errors import CassetteMismatch, DialogueError, EndpointError
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.transcripts.perspective import ChatMessage
from pytest_duolog.transcripts.transcript import StopKind, StopReason
from pytest_duolog.transcripts.usage import Usage


class Answers:
    """An endpoint with prepared answers; text, a Reply, or an exception to raise. The last one stays."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[ChatRequest] = []

    async def reply(self, request: ChatRequest) -> Reply:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return Reply(answer) if isinstance(answer, str) else answer


class Watcher:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, str]] = []

    def asking(self, number: int, speaker: str) -> None:
        self.heard.append(("asking", number, speaker))

    def said(self, number: int, message: Any) -> None:
        self.heard.append(("said", number, message.content))


def scenario(**values: Any) -> Scenario:
    return Scenario.build(
        {"a": Speaker("Ann"), "b": Speaker("Ben"), "opener": "Hello.", "turns": 3, **values}
    )


def hold(
    ann: Sequence[Any] | Answers = ("Indeed.",), ben: Sequence[Any] | Answers = ("Quite.",), **values: Any
) -> DialogueRun:
    """A dialogue of prepared answers, run to its end."""
    watchers = values.pop("observers", ())
    run = DialogueRun(scenario(**values), observers=watchers)
    ends = {
        side: given if isinstance(given, Answers) else Answers(*given)
        for side, given in zip("ab", (ann, ben), strict=True)
    }
    anyio.run(run.finish_async, ends)
    return run


def said(run: DialogueRun) -> list[str]:
    return [f"{message.speaker}: {message.content}" for message in run.messages]


# Turns: 2 * turns + 1 messages with an opener, whoever writes it.


@pytest.mark.parametrize("turns", [1, 2, 7])
@pytest.mark.parametrize("opener", ["Hello.", None])
@pytest.mark.parametrize("opener_by", ["a", "b"])
def test_turns_are_replies_from_each_side_after_the_opener(turns, opener, opener_by):
    a, b = Answers("Indeed."), Answers("Quite.")
    run = hold(a, b, turns=turns, opener=opener, opener_by=opener_by)
    assert run.stop_reason == StopReason(kind=StopKind.TURNS, detail=counted(turns, "turn"))
    assert len(run.messages) == 2 * turns + 1
    first, second = ("Ann", "Ben") if opener_by == "a" else ("Ben", "Ann")
    assert [message.speaker for message in run.messages] == [first, second] * turns + [first]
    opened_by, other = (a, b) if opener_by == "a" else (b, a)
    assert len(opened_by.requests) == turns + (opener is None)
    assert len(other.requests) == turns


def test_each_side_is_asked_in_its_own_perspective():
    a, b = Answers("How is the tea?"), Answers("Hot.")
    hold(a, b, turns=1, system="Be brief.")
    assert b.requests[0].messages == (ChatMessage("system", "Be brief."), ChatMessage("user", "Hello."))
    assert a.requests[0].messages == (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "Begin the conversation."),
        ChatMessage("assistant", "Hello."),
        ChatMessage("user", "Hot."),
    )


def test_reasoning_is_kept_and_never_shown():
    a, b = Answers("Fine."), Answers(Reply("Hot.", reasoning=" They want tea. "), "Cold.")
    run = hold(a, b, turns=2)
    assert run.messages[1].reasoning == "They want tea."
    shown = [message.content for request in a.requests + b.requests for message in request.messages]
    assert not any("They want tea." in content for content in shown)


def test_request_holds_what_the_speaker_set_and_the_name_of_its_model():
    a, b = Answers("Fine."), Answers("Hot.")
    hold(
        a,
        b,
        a=Speaker("Ann", model="openai:gpt:1", temperature=0, extra={"min_p": 0.1}),
        b=Speaker("Ben", model=lambda messages: ""),
        turns=1,
    )
    assert (a.requests[0].model, a.requests[0].knobs, a.requests[0].extra) == (
        "gpt:1",
        {"temperature": 0},
        {"min_p": 0.1},
    )
    assert (b.requests[0].model, b.requests[0].knobs, b.requests[0].extra) == ("", {}, {})


def test_reply_keeps_its_facts():
    usage = Usage(prompt_tokens=9, reply_tokens=2)
    run = hold(ben=[Reply("  Hot.\n", finish="truncated", usage=usage, latency_ms=12.5)], turns=1)
    message = run.messages[1]
    assert (message.content, message.finish, message.usage, message.latency_ms) == (
        "Hot.",
        "truncated",
        usage,
        12.5,
    )
    assert run.messages[0].finish is None, "nobody wrote the opener"


def test_lone_surrogate_of_a_model_becomes_a_question_mark():
    assert hold(ben=["Hot\ud83d."], turns=1).messages[1].content == "Hot?."


def test_plain_endpoint_may_answer_without_await():
    class Plain:
        def reply(self, request: ChatRequest) -> Reply:
            return Reply("Plain.")

    run = DialogueRun(scenario(turns=1))
    anyio.run(run.finish_async, {"a": Plain(), "b": Plain()})
    assert said(run) == ["Ann: Hello.", "Ben: Plain.", "Ann: Plain."]


def test_observers_hear_of_every_message_in_order():
    watcher = Watcher()
    hold(observers=[watcher], turns=1)
    assert watcher.heard == [
        ("said", 1, "Hello."),
        ("asking", 2, "Ben"),
        ("said", 2, "Quite."),
        ("asking", 3, "Ann"),
        ("said", 3, "Indeed."),
    ]


# Every reason to stop, and who caused it. Nobody is asked after it.


@pytest.mark.parametrize(
    ("answers", "values", "reason", "n_messages"),
    [
        (["Hot. Bye!"], {"stop_phrases": ("bye",)}, "stop phrase (Ben): 'Bye'", 2),
        ([""], {}, "empty reply (Ben): finish reason 'end'", 1),
        ([" \n\u00a0"], {}, "empty reply (Ben): finish reason 'end'", 1),
        (
            [Reply("", finish="truncated", raw_finish="length")],
            {},
            "empty reply (Ben): finish reason 'length'",
            1,
        ),
        ([Reply("I can't.", finish="refused")], {}, "refusal (Ben): finish reason 'refused'", 2),
        (
            [Reply("", finish="filtered", raw_finish="content_filter")],
            {},
            "refusal (Ben): finish reason 'content_filter'",
            1,
        ),
        ([Reply("Hot.", usage=Usage(reply_tokens=8))], {"token_budget": 8}, "budget (Ben): 8 of 8 tokens", 2),
        (
            ["Thank you, goodbye!"],
            {"stop_on": "goodbye", "grace": 0, "turns": 9},
            "goodbye (Ann): message 2 says goodbye",
            3,
        ),
    ],
    ids=["stop phrase", "empty", "blank", "empty by length", "refusal", "filter", "budget", "goodbye"],
)
def test_reason_to_stop_says_who_caused_it(answers, values, reason, n_messages):
    a, b = Answers("Thank you too, goodbye."), Answers(*answers)
    run = hold(a, b, **values)
    assert str(run.stop_reason) == reason
    assert len(run.messages) == n_messages
    assert len(a.requests) + len(b.requests) == max(n_messages - 1, 1)


def test_loop_stops_what_would_run_on():
    run = hold(["And you?"], ["And you?"], stop_on=("loop",), turns=40)
    assert run.stop_reason.kind is StopKind.LOOP
    assert run.n_spared == 81 - len(run.messages) > 60


def test_nothing_is_spared_where_the_turns_ran_out():
    assert hold(turns=1).n_spared == 0


def test_budget_counts_the_replies_of_both_and_what_is_not_counted_is_none():
    counted = [
        Reply("Hot.", usage=Usage(reply_tokens=3)),
        Reply("Cold.", usage=Usage(prompt_tokens=50)),
        "Mild.",
    ]
    run = hold([Reply("Well.", usage=Usage(reply_tokens=4))], counted, token_budget=10, turns=9)
    assert str(run.stop_reason) == "budget (Ann): 11 of 10 tokens"
    assert len(run.messages) == 5


@pytest.mark.parametrize(
    ("reply", "values", "kind"),
    [
        (Reply("Bye.", finish="refused"), {"stop_phrases": "bye"}, StopKind.REFUSAL),
        (
            Reply("Bye.", usage=Usage(reply_tokens=9)),
            {"stop_phrases": "bye", "token_budget": 1},
            StopKind.STOP_PHRASE,
        ),
        (Reply("", usage=Usage(reply_tokens=9)), {"token_budget": 1}, StopKind.EMPTY_REPLY),
    ],
)
def test_of_two_reasons_the_one_that_tells_more_is_recorded(reply, values, kind):
    assert hold(ben=[reply], **values).stop_reason.kind is kind


def test_reason_on_the_last_message_is_told_rather_than_the_turns():
    run = hold(["Bye."], stop_phrases=("bye",), turns=1)
    assert (len(run.messages), str(run.stop_reason)) == (3, "stop phrase (Ann): 'Bye'")


def test_opener_with_a_stop_phrase_does_not_stop():
    assert len(hold(opener="Hello, goodbye.", stop_phrases=("goodbye",), turns=1).messages) == 3


# Errors: what was said until then stays.


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (EndpointError("HTTP 500: overloaded", model="openai:x"), "HTTP 500: overloaded"),
        (EndpointError(""), ""),
        (KeyError("content"), "openai:x raised KeyError: 'content'"),
        (TimeoutError(), "openai:x raised TimeoutError: "),
    ],
)
def test_error_keeps_what_was_said_and_names_the_speaker(error, problem):
    run = DialogueRun(scenario(b=Speaker("Ben", model="openai:x")))
    with pytest.raises(DialogueError) as caught:
        anyio.run(run.finish_async, {"a": Answers("Well."), "b": Answers("Hot.", error)})
    assert str(caught.value).splitlines()[0] == f"no message 4 from Ben: {problem}"
    assert (caught.value.message_number, caught.value.speaker) == (4, "Ben")
    assert caught.value.transcript == run.transcript()
    assert caught.value.transcript.stop_reason == StopReason(
        kind=StopKind.ERROR, speaker="Ben", detail=problem
    )
    assert said(run) == ["Ann: Hello.", "Ben: Hot.", "Ann: Well."]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "openai:x returned None, not a pytest_duolog.Reply"),
        ({"content": "Hot."}, "openai:x returned {'content': 'Hot.'}, not a pytest_duolog.Reply"),
        (
            Reply(None),
            "openai:x returned a Reply that cannot be used: content: Input should be a valid string",
        ),
        (
            Reply("Hot.", reasoning=3),
            "openai:x returned a Reply that cannot be used: reasoning: Input should be a valid string",
        ),
        (
            Reply("Hot.", finish="stop"),
            "openai:x returned a Reply that cannot be used: finish: Input should be 'end', 'truncated', *",
        ),
    ],
    ids=["none", "dict", "no content", "odd reasoning", "odd finish"],
)
def test_answer_that_is_no_reply_is_the_speakers_error(answer, problem):
    run = DialogueRun(scenario(b=Speaker("Ben", model="openai:x")))
    with pytest.raises(DialogueError) as caught:
        anyio.run(run.finish_async, {"a": Answers("Well."), "b": Answers(answer)})
    assert str(caught.value).startswith(f"no message 2 from Ben: {problem.rstrip('*')}")
    assert (run.stop_reason.kind, run.stop_reason.speaker) == (StopKind.ERROR, "Ben")


def test_error_of_the_recording_is_nobodys_fault(tmp_path):
    mismatch = CassetteMismatch(
        "message 2 (Ben) has no recorded reply.", message_number=2, cassette_path=tmp_path
    )
    run = DialogueRun(scenario())
    with pytest.raises(CassetteMismatch) as caught:
        anyio.run(run.finish_async, {"a": Answers("Well."), "b": Answers(mismatch)})
    assert caught.value is mismatch
    assert run.stop_reason is None


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), pytest.skip.Exception("enough")])
def test_interruptions_pass_through(interruption):
    run = DialogueRun(scenario())
    with pytest.raises(type(interruption)):
        anyio.run(run.finish_async, {"a": Answers("Well."), "b": Answers(interruption)})
    assert run.stop_reason is None


def test_transcript_holds_the_scenario():
    run = hold(ann=["Fine."], system="Be brief.", topic="tea", turns=1)
    transcript = run.transcript()
    assert [(speaker.name, speaker.model, speaker.system) for speaker in transcript.speakers] == [
        ("Ann", "local:smollm2-135m-instruct", "Be brief."),
        ("Ben", "local:smollm2-135m-instruct", "Be brief."),
    ]
    assert (transcript.turns, transcript.opener, transcript.topic) == (1, "Hello.", "tea")
    assert transcript.recorded_at is None, "the recording knows it"


# Stop phrases.


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("bye", "Bye!", True),
        ("bye", "goodbye", False),
        ("bye", "by-products", False),
        ("good bye", "GOOD BYE now", True),
        ("[END]", "so [end]", True),
        ("[END]", "x[END]y", True),
        ("a.c", "abc", False),
        ("再见", "那么再见吧", True),
        ("100", "1000", False),
        ("!", "Bye!", True),
    ],
)
def test_stop_phrase_is_found_as_whole_words(phrase, text, found):
    assert bool(phrase_pattern([phrase]).search(text)) is found


def test_no_phrases_no_pattern():
    assert phrase_pattern([]) is None
