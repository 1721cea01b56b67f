"""Event loops whose clock and sockets no test can replace."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import time

import anyio
import anyio.lowlevel
import pytest

from pytest_duolog import genuine
from pytest_duolog.running.event_loop import LocalLoop, NetworkLoop, SteadyLoop
from pytest_duolog.running.scheduler import Scheduler
from pytest_duolog.running.waiting import in_event_loop, outside_event_loop
from tests.chat_server import ChatServer


def refuse(*_args, **_options):
    raise RuntimeError("refused")


class Refused(socket.socket):
    def __new__(cls, *args, **kwargs):
        raise RuntimeError("a test tried to use socket.socket")


def run_on(kind, function):
    with asyncio.Runner(loop_factory=kind) as runner:
        return runner.run(function())


@pytest.mark.parametrize("kind", [SteadyLoop, NetworkLoop])
def test_it_starts_wakes_and_waits_with_a_frozen_clock_and_no_sockets(kind, monkeypatch):
    async def work():
        woken = asyncio.Event()
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(loop.call_soon_threadsafe, woken.set)
        await woken.wait()
        with anyio.move_on_after(0.01):
            await anyio.sleep(30)
        return "done"

    monkeypatch.setattr(socket, "socket", Refused)
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)
    assert run_on(kind, work) == "done"


@pytest.mark.parametrize(
    "name", ["getaddrinfo", "create_connection"]
)  # `socket` is the server's, too, in this process
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_network_is_reached_whatever_is_patched(name, host, monkeypatch):
    server = ChatServer()
    port = int(server.url.partition("127.0.0.1:")[2].partition("/")[0])

    async def ask():
        async with await anyio.connect_tcp(host, port) as stream:
            await stream.send(b"BREW / HTTP/1.0\r\n\r\n")
            return await stream.receive()

    try:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, name, refuse)
        assert b"501" in run_on(NetworkLoop, ask)
    finally:
        monkeypatch.undo()
        server.close()


def test_a_name_that_nobody_has_is_the_usual_error(monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror("nobody knows it")

    async def ask():
        await anyio.connect_tcp("nobody.example.invalid", 80)

    monkeypatch.setattr(genuine, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="nobody knows it"):
        run_on(NetworkLoop, ask)


WHO = contextvars.ContextVar("who", default="nobody")


def test_between_two_waits_no_loop_runs_and_the_loop_is_the_same():
    loops = []

    async def work():
        loops.append(asyncio.get_running_loop())
        return WHO.get()

    WHO.set("Ann")
    local = LocalLoop()
    assert local.wait(work()) == "Ann"
    assert not in_event_loop()
    assert asyncio.run(work()) == "Ann"
    assert local.wait(work()) == "Ann"
    assert loops[0] is loops[2] is not loops[1]
    local.close()
    assert loops[0].is_closed()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_inside_a_loop_a_function_is_called_outside_of_one(backend):
    async def work():
        WHO.set("Ben")
        assert in_event_loop()
        return outside_event_loop(lambda: (in_event_loop(), WHO.get()))

    assert anyio.run(work, backend=backend) == (False, "Ben")


async def double(number):
    await anyio.lowlevel.checkpoint()
    return 2 * number


@pytest.mark.parametrize("backend", ["plain", "asyncio", "trio"])
def test_a_job_is_performed_from_anywhere(backend):
    scheduler = Scheduler(2)

    async def inside():
        return await scheduler.perform(lambda: double(4))

    try:
        if backend == "plain":
            assert scheduler.perform(lambda: double(4)) == 8
        else:
            assert anyio.run(inside, backend=backend) == 8
    finally:
        scheduler.close()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_job_that_nobody_waits_for_any_more_is_cancelled(backend):
    scheduler = Scheduler(2)
    ended = []

    async def job():
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    async def impatient():
        with anyio.move_on_after(0.05):
            await scheduler.perform(job)

    anyio.run(impatient, backend=backend)
    scheduler.close()
    assert ended == ["cancelled"]


def test_what_a_job_raises_is_raised():
    scheduler = Scheduler(1)

    async def job():
        raise KeyError("kettle")

    with pytest.raises(KeyError, match="kettle"):
        scheduler.perform(job)
    scheduler.close()
