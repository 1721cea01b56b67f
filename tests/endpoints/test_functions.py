"""Callables as speakers."""

from __future__ import annotations

import functools
import threading

import anyio
import pytest

from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.errors import EndpointError
from pytest_duolog.transcripts.perspective import ChatMessage

REQUEST = ChatRequest("", (ChatMessage("system", "Be brief."), ChatMessage("user", "Hello.")))


def answer_of(function, *, backend: str = "asyncio", **options) -> Reply:
    """The reply of a function; an event loop runs only while there is something to wait for."""
    answer = FunctionEndpoint(function, **options).reply(REQUEST) if not options.get("in_thread") else None

    async def awaited() -> Reply:
        return await (answer or FunctionEndpoint(function, **options).reply(REQUEST))

    return answer if isinstance(answer, Reply) else anyio.run(awaited, backend=backend)


def plain(messages):
    return f"{len(messages)} messages"


async def coroutine(messages):
    await anyio.lowlevel.checkpoint()
    return plain(messages)


class PlainBot:
    def __call__(self, messages):
        return plain(messages)

    def talk(self, messages):
        return plain(messages)


class AsyncBot:
    async def __call__(self, messages):
        return plain(messages)


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize(
    "function",
    [
        plain,
        coroutine,
        PlainBot(),
        PlainBot().talk,
        AsyncBot(),
        functools.partial(coroutine),
        lambda messages: coroutine(list(messages)),
    ],
    ids=["function", "coroutine", "object", "method", "async object", "partial", "lambda of a coroutine"],
)
def test_every_kind_of_callable_is_a_speaker(function, in_thread):
    assert answer_of(function, in_thread=in_thread) == Reply("2 messages")


def test_it_is_shown_plain_dicts_of_its_own():
    seen = []

    def greedy(messages):
        seen.extend(messages)
        messages.clear()
        return "Mine."

    answer_of(greedy)
    assert seen == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}]
    assert len(REQUEST.messages) == 2


def test_reply_is_taken_as_it_is():
    reply = Reply("No.", finish="refused", reasoning="They ask too much.")
    assert answer_of(lambda messages: reply) is reply


@pytest.mark.parametrize("in_thread", [False, True])
def test_thread_of_the_call(in_thread):
    threads = []
    answer_of(lambda messages: threads.append(threading.current_thread()) or "Hi.", in_thread=in_thread)
    assert (threads[0] is not threading.main_thread()) is in_thread


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (None, "NoneType ('None')"),
        (3, "int ('3')"),
        (b"Hi.", "bytes (\"b'Hi.'\")"),
        ([], "list ('[]')"),
        (["Hi.", 3], "list (\"['Hi.', 3]\")"),
    ],
)
def test_other_answers_are_named(answer, shown):
    with pytest.raises(EndpointError) as caught:
        answer_of(lambda messages: answer)
    assert str(caught.value) == (
        f"the callable returned {shown}, not text\n  to fix:  return a str, a list of them, or pytest_duolog.Reply"
    )


@pytest.mark.parametrize("texts", [["One moment.", "Here it is."], ("One moment.", "Here it is.")])
def test_several_texts_are_paragraphs_of_one_reply(texts):
    assert answer_of(lambda messages: texts).content == "One moment.\n\nHere it is."


def test_what_it_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        answer_of(lambda messages: 1 / 0)


async def hang(messages):
    await anyio.sleep_forever()


class Blocking:
    """A sync function that returns when the test is over, and how often it was called."""

    def __init__(self) -> None:
        self.is_called, self.is_over = threading.Event(), threading.Event()
        self.threads: list[threading.Thread] = []

    def __call__(self, messages):
        self.threads.append(threading.current_thread())
        self.is_called.set()
        self.is_over.wait(60)
        return "At last."


@pytest.fixture
def blocking():
    function = Blocking()
    yield function
    function.is_over.set()
    for thread in function.threads:
        thread.join()


def test_an_async_function_that_does_not_return_is_cancelled():
    with pytest.raises(EndpointError) as caught:
        answer_of(hang, limit_s=0.01)
    assert str(caught.value) == (
        "the callable did not return within 0.01 s; it was cancelled\n"
        "  to fix:  if it is only slow, raise function_timeout_s in [tool.duolog.requests], or the dialogue's "
        "seconds_budget"
    )


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_thread_that_does_not_return_is_left_to_itself(blocking, backend):
    with pytest.raises(
        EndpointError, match=r"within 0\.01 s; it continues in its thread, which cannot be stopped"
    ):
        answer_of(blocking, in_thread=True, limit_s=0.01, backend=backend)
    assert blocking.is_called.wait(60)
    (thread,) = blocking.threads
    assert thread.is_alive()
    assert thread.daemon, "it does not hold up the end of the process either"


def test_a_timeout_of_its_own_is_its_own():
    def impatient(messages):
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        answer_of(impatient, limit_s=9)


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_sync_function_may_run_an_event_loop(in_thread):
    answer = answer_of(lambda messages: anyio.run(coroutine, messages), in_thread=in_thread)
    assert answer == Reply("2 messages")


HANGING = """
    import anyio
    import threading
    import pytest

    async def async_bot(messages):
        await anyio.sleep_forever()

    def blocking_bot(messages):
        threading.Event().wait()

    @pytest.mark.dialogue(a="scripted:counter", b=async_bot, turns=1, seconds_budget=0.05)
    def test_async(dialogue):
        assert dialogue.messages

    @pytest.mark.asyncio
    @pytest.mark.dialogue(a="scripted:counter", b=blocking_bot, turns=1)
    async def test_blocking(dialogue):
        await dialogue

    def test_after():
        pass
"""


@pytest.mark.parametrize("mode", ["none", "once"])
def test_functions_that_never_return_end_their_tests_and_not_the_run(pytester, mode):
    """Nor does the thread that is left to itself keep the process."""
    pytester.makepyprojecttoml("[tool.duolog.requests]\nfunction_timeout_s = 0.1\n")
    pytester.makepyfile(HANGING)
    run = pytester.runpytest_subprocess if mode == "once" else pytester.runpytest
    result = run(
        "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestDeprecationWarning", f"--record-mode={mode}"
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "E *no message 2 from Model B: the callable did not return within 0.05 s; it was cancelled",
            "E *no message 2 from Model B: the callable did not return within 0.1 s; it continues in its thread, *",
        ]
    )


LATE = """
    import os, threading
    import httpx
    import pytest

    given_up, asked = threading.Event(), threading.Event()

    def ask(question):
        body = {"model": "m", "messages": [{"role": "user", "content": question}]}
        httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body)

    def late_bot(messages):
        given_up.wait(30)
        ask("Too late.")
        asked.set()

    def bot(messages):
        given_up.set()
        asked.wait(30)
        ask("In time.")
        return "Yes."

    @pytest.mark.asyncio
    @pytest.mark.dialogue(a="scripted:counter", b=late_bot, turns=1, seconds_budget=0.05)
    async def test_late(dialogue):
        await dialogue

    @pytest.mark.dialogue(a="scripted:counter", b=bot, turns=1)
    def test_it(dialogue):
        assert dialogue.messages
"""


def test_what_a_thread_asks_after_it_was_given_up_is_in_no_recording(pytester, chat_server):
    pytester.makepyfile(LATE)
    result = pytester.runpytest(
        "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestDeprecationWarning", "--record-mode=once"
    )
    result.assert_outcomes(passed=1, failed=1)
    assert len(chat_server.requests) == 2
    (cassette,) = pytester.path.rglob("*.jsonl")
    assert cassette.name.startswith("test_it.")
    text = cassette.read_text("utf-8")
    assert "In time." in text
    assert "Too late." not in text
