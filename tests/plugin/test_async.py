"""Dialogues in `async def` tests: pytest-asyncio, and anyio with asyncio and trio."""

from __future__ import annotations

import pytest

MODEL = """
    import anyio
    import anyio.lowlevel
    import pytest
    from pytest_duolog import ConfigurationError, DialogueError, Speaker

    ASKED = []

    async def model(messages):
        ASKED.append(messages)
        await anyio.lowlevel.checkpoint()
        return f"Answer {len(ASKED)}."

    def slow(messages):
        return "Done in a thread."

    pytestmark = [MARK, pytest.mark.dialogue(model=model, turns=2)]
"""


@pytest.fixture(params=["pytest-asyncio", "anyio-asyncio", "anyio-trio"])
def run_async(request, pytester):
    """Run the body of a module of async tests under one kind of event loop."""

    def run(body: str, *arguments: str) -> pytest.RunResult:
        if request.param == "pytest-asyncio":
            mark = "pytest.mark.asyncio"
        else:
            mark = f"pytest.mark.anyio, pytest.mark.parametrize('anyio_backend', ['{request.param[6:]}'])"
        pytester.makepyfile(MODEL.replace("MARK", mark) + body)
        return pytester.runpytest(*arguments)

    return run


def test_awaited_dialogue_runs_once(run_async):
    body = """
    async def test_it(dialogue):
        assert await dialogue is dialogue
        assert await dialogue is dialogue
        assert len(dialogue.messages) == 5
        assert len(ASKED) == 4
    """
    run_async(body).assert_outcomes(passed=1)


def test_dialogue_looked_at_without_await_runs_as_well(run_async):
    body = """
    async def test_it(dialogue):
        assert len(dialogue.messages) == 5
        assert len(ASKED) == 4
    """
    run_async(body).assert_outcomes(passed=1)


def test_two_tasks_that_await_it_see_one_dialogue(run_async):
    body = """
    async def test_it(dialogue):
        async def look():
            await dialogue
            assert len(dialogue.messages) == 5

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            tasks.start_soon(look)
        assert len(ASKED) == 4
    """
    run_async(body).assert_outcomes(passed=1)


def test_further_dialogues_run_side_by_side(run_async):
    body = """
    async def test_it(dialogue):
        openers = ["One.", "Two.", "Three."]
        said = {}

        async def hold(opener):
            further = await dialogue.run(opener=opener, name=opener.strip("."))
            said[opener] = [message.content for message in further.messages]

        async with anyio.create_task_group() as tasks:
            for opener in openers:
                tasks.start_soon(hold, opener)
        assert {opener: words[0] for opener, words in said.items()} == {opener: opener for opener in openers}
        assert all(len(words) == 5 for words in said.values())
    """
    result = run_async(body)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["3 dialogues*"])


def test_sync_model_does_not_hold_up_the_event_loop(run_async):
    body = """
    async def test_it(dialogue):
        import threading

        threads = set()

        def model(messages):
            threads.add(threading.current_thread())
            return "Said in a thread."

        assert (await dialogue.run(model=model)).transcript
        assert threads and threading.current_thread() not in threads
    """
    run_async(body).assert_outcomes(passed=1)


def test_error_is_raised_again_at_every_look(run_async):
    body = """
    async def test_it(dialogue):
        def broken(messages):
            raise RuntimeError("out of words")

        further = dialogue.run(model=broken)
        for _ in range(2):
            with pytest.raises(DialogueError, match="no message 2 from Model B: .*out of words"):
                await further
        with pytest.raises(DialogueError, match="out of words"):
            further.messages
    """
    run_async(body).assert_outcomes(passed=1)


def test_failed_dialogue_is_shown_where_the_test_asked_for_it(run_async):
    body = """
    async def test_it(dialogue):
        await dialogue.run(model="openai:small")
    """
    result = run_async(body)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">       await dialogue.run(*", "E *has no recorded reply*"])
    result.stdout.no_fnmatch_line("*httpx*")
    result.stdout.no_fnmatch_line("*dialogue.py*")


def test_dialogue_that_was_cancelled_says_so(run_async):
    body = """
    async def test_it(dialogue):
        async def thinks_for_ever(messages):
            await anyio.sleep_forever()

        further = dialogue.run(model=thinks_for_ever)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(further._awaited)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        with pytest.raises(DialogueError, match="no message 2 from Model B: the dialogue was cancelled"):
            further.messages
        assert len(further.result.transcript) == 1
    """
    run_async(body).assert_outcomes(passed=1)


def test_dialogue_that_is_still_running_cannot_be_looked_at(run_async):
    body = """
    async def test_it(dialogue):
        async def thinks_for_ever(messages):
            await anyio.sleep_forever()

        further = dialogue.run(model=thinks_for_ever)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(further._awaited)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(ConfigurationError, match="still running> has not ended: await it"):
                further.messages
            tasks.cancel_scope.cancel()
    """
    run_async(body).assert_outcomes(passed=1)


def test_further_dialogue_that_nobody_awaits_is_a_complaint(run_async):
    body = """
    async def test_it(dialogue):
        dialogue.run(opener="Is anybody there?")
    """
    result = run_async(body)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E *dialogue.run() and never awaited"])


def test_recording_is_replayed_in_the_other_kind_of_test(pytester, chat_server):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.dialogue(model="openai:small", turns=2)
        async def test_it(dialogue):
            await dialogue
        """
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    asked = len(chat_server.requests)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(model="openai:small", turns=2)
        def test_it(dialogue):
            assert len(dialogue.messages) == 5
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)
    assert len(chat_server.requests) == asked == 4
