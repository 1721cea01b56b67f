"""Callables as speakers."""

from __future__ import annotations

import functools
import threading

import anyio
import pytest

from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.errors import EndpointError
from pytest_duolog.perspective import ChatMessage

REQUEST = ChatRequest("", (ChatMessage("system", "Be brief."), ChatMessage("user", "Hello.")))


def answer_of(function, *, in_thread: bool = False) -> Reply:
    return anyio.run(FunctionEndpoint(function, in_thread=in_thread).reply, REQUEST)


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
