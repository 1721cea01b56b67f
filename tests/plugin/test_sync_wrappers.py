"""Sync callables that run an event loop of their own, as the sync methods of SDKs do."""

from __future__ import annotations

import pytest

BOTS = """
    import asyncio
    import contextvars
    import os
    import threading

    import anyio
    import httpx
    import pytest
    import trio

    WHO = contextvars.ContextVar("who", default="nobody")

    async def think(messages):
        await anyio.sleep(0)
        return f"{WHO.get()} heard {len(messages)}."

    def with_asyncio_run(messages):
        return asyncio.run(think(messages))

    def with_anyio_run(messages):
        return anyio.run(think, messages)

    def with_trio_run(messages):
        return trio.run(think, messages)

    def with_a_runner(messages):
        with asyncio.Runner() as runner:
            return runner.run(think(messages))

    def with_a_loop_of_its_own(messages):
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(think(messages))
        finally:
            loop.close()

    def with_the_current_loop(messages):  # what pydantic-ai and others do
        try:
            loop = asyncio.get_event_loop_policy().get_event_loop()
        except RuntimeError:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
        answer = loop.run_until_complete(think(messages))
        loop.close()
        asyncio.set_event_loop(None)
        return answer

    async def think_in_a_client(messages):
        body = {"model": "m", "messages": [{"role": "user", "content": f"{WHO.get()} {len(messages)}"}]}
        async with httpx.AsyncClient() as client:
            answer = await client.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body)
        return answer.json()["choices"][0]["message"]["content"]

    def with_a_client(messages):
        return asyncio.run(think_in_a_client(messages))

    BOTS = [
        with_asyncio_run, with_anyio_run, with_trio_run, with_a_runner, with_a_loop_of_its_own,
        with_the_current_loop,
    ]
    every_bot = pytest.mark.parametrize("bot", BOTS)
    EXPECTED = ["Ann heard 1.", "Ann heard 3."]

    def said(dialogue):
        return [message.content for message in dialogue.messages[1::2]]
"""

TESTS = {
    "plain": """
    @every_bot
    @pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
    def test_it(dialogue, bot):
        WHO.set("Ann")
        assert said(dialogue.run(b=bot)) == EXPECTED
    """,
    "pytest-asyncio": """
    @every_bot
    @pytest.mark.asyncio
    @pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
    async def test_it(dialogue, bot):
        WHO.set("Ann")
        assert said(await dialogue.run(b=bot)) == EXPECTED
    """,
    "anyio": """
    @every_bot
    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
    @pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
    async def test_it(dialogue, bot):
        WHO.set("Ann")
        assert said(await dialogue.run(b=bot)) == EXPECTED
    """,
    "not awaited": """
    @every_bot
    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
    @pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
    async def test_it(dialogue, bot):
        WHO.set("Ann")
        assert said(dialogue.run(b=bot)) == EXPECTED
    """,
    "many at once": """
    @every_bot
    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
    @pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
    async def test_it(dialogue, bot):
        names = [f"Ann{number}" for number in range(8)]
        heard = {}

        async def hold(name):
            WHO.set(name)
            heard[name] = said(await dialogue.run(name=name, b=bot))

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(hold, name)
        assert heard == {name: [f"{name} heard 1.", f"{name} heard 3."] for name in names}
    """,
}


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS.keys())
def test_it_may_run_an_event_loop_and_sees_the_context_of_the_test(pytester, test):
    pytester.makepyfile(BOTS + test)
    result = pytester.runpytest("-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning")
    result.assert_outcomes(passed=12 if "trio" in test else 6)


WITH_CLIENT = """
    @pytest.mark.parametrize("n", range(2))
    @pytest.mark.dialogue(a="openai:m", b=with_a_client, turns=2, stop_on=())
    def test_plain(dialogue, n):
        assert len(dialogue.messages) == 5

    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
    @pytest.mark.dialogue(a="openai:m", b=with_a_client, turns=2, stop_on=())
    async def test_async(dialogue, anyio_backend):
        await dialogue
"""


def test_what_it_asks_is_recorded_and_replayed_beside_a_provider(pytester, chat_server):
    pytester.makepyfile(BOTS + WITH_CLIENT)
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=4)
    n_asked = len(chat_server.requests)
    assert n_asked == 16
    chat_server.close()
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["4 dialogues, 16 replies replayed"])


MIXED = """
    import asyncio
    import contextvars
    import pytest

    SEEN = contextvars.ContextVar("seen", default=())

    async def async_bot(messages):
        SEEN.set((*SEEN.get(), "async"))
        await asyncio.sleep(0)
        return f"Async {len(SEEN.get())}."

    def sync_bot(messages):
        assert SEEN.get() == ("test",)
        return asyncio.run(async_bot(messages)) + f" Sync {len(messages)}."

    @pytest.mark.dialogue(a=sync_bot, b=async_bot, turns=2, stop_on=())
    def test_it(dialogue):
        SEEN.set(("test",))
        assert [message.content for message in dialogue.messages[1:]] == [
            "Async 2.", "Async 2. Sync 3.", "Async 3.", "Async 2. Sync 5.",
        ]
"""


def test_async_and_sync_callables_may_talk_to_each_other(pytester):
    """An async one goes on in the same event loop and context; a sync one never leaves anything behind in them."""
    pytester.makepyfile(MIXED)
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


GROUPS = """
    import asyncio
    import anyio
    import pytest

    async def fails(words):
        raise ValueError(words)

    async def in_a_group(messages):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fails, "the kettle is cold")

    async def deep(messages):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(in_a_group(messages))

    async def two(messages):
        raise ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("first"), KeyError("second")])

    def by_run(messages):
        asyncio.run(in_a_group(messages))

    def wrapped(messages):
        try:
            raise OSError("the cable is out")
        except OSError as error:
            raise RuntimeError("Connection error.") from error

    def unwrapped(messages):
        raise ExceptionGroup("outer", [pytest_duolog.EndpointError("the model sleeps")])

    import pytest_duolog

    @pytest.mark.parametrize(
        ("bot", "said"),
        [
            (in_a_group, "raised ValueError: the kettle is cold"),
            (deep, "raised ValueError: the kettle is cold"),
            (by_run, "raised ValueError: the kettle is cold"),
            (two, "raised 2 errors: ValueError: first; KeyError: 'second'"),
            (wrapped, "raised RuntimeError: Connection error. (caused by OSError: the cable is out)"),
            (unwrapped, "no message 2 from Model B: the model sleeps"),
        ],
    )
    @pytest.mark.dialogue(a="scripted:counter", turns=1)
    def test_it(dialogue, bot, said):
        with pytest.raises(pytest_duolog.DialogueError) as failed:
            dialogue.run(b=bot)
        assert said in str(failed.value)
        assert "TaskGroup" not in str(failed.value)

    def check(transcript):
        raise ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("no scale")])

    @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1)
    def test_check(dialogue):
        assert "ValueError: no scale" in dialogue.satisfies(check).explanation
        assert "TaskGroup" not in dialogue.satisfies(check).explanation
"""


def test_a_cause_is_told_and_not_the_group_around_it(pytester):
    pytester.makepyfile(GROUPS)
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=7)
