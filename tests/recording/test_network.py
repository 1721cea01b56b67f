"""Under record mode none nothing leaves this machine, and our own endpoints open nothing at all."""

from __future__ import annotations

import socket

import pytest

from tests.chat_server import ChatServer

# 192.0.2.1 is nobody's address (RFC 5737).
WAYS_OUT = """
import asyncio
import socket
import threading
import pytest

def by_socket(messages):
    with socket.socket() as sock:
        sock.settimeout(0.2)
        sock.connect(("192.0.2.1", 80))

def by_connection(messages):
    socket.create_connection(("192.0.2.1", 80), timeout=0.2)

def by_connect_ex(messages):
    with socket.socket() as sock:
        sock.settimeout(0.2)
        sock.connect_ex(("192.0.2.1", 80))
    return "never mind"

def by_datagram(messages):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", ("192.0.2.1", 53))
    return "sent"

def by_message(messages):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendmsg([b"hello"], [], 0, ("192.0.2.1", 53))
    return "sent"

def by_old_names(messages):
    for look_up in (socket.gethostbyname, socket.gethostbyname_ex, socket.gethostbyaddr):
        try:
            look_up("bot.example.invalid")
        except OSError:
            return "Nobody there."
        except Exception:
            pass

def by_name(messages):
    socket.getaddrinfo("bot.example.invalid", 443)

def by_swallowing(messages):
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=0.2)
    except Exception:
        return "I am offline."

async def by_asyncio(messages):
    await asyncio.open_connection("192.0.2.1", 80)

def by_thread(messages):
    def leave():
        try:
            by_socket(messages)
        except Exception:
            pass

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    return "done"

WAYS = [
    by_socket, by_connection, by_connect_ex, by_datagram, by_message, by_name, by_old_names, by_swallowing,
    by_asyncio, by_thread,
]

@pytest.mark.parametrize("way", WAYS)
def test_out(dialogue, way):
    with pytest.raises(Exception, match="tried to reach .*but record mode 'none' allows no network"):
        dialogue.run(a="scripted:echo", b=way, turns=1).messages
"""


def test_no_way_out_is_left_to_a_callable(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WAYS_OUT)
    pytester.runpytest().assert_outcomes(passed=10)


def test_the_patches_leave_with_the_dialogue(pytester: pytest.Pytester) -> None:
    # pytest-socket, in an earlier test, leaves the genuine methods in the dictionary of the class.
    before = (socket.getaddrinfo, dict(vars(socket.socket)))
    pytester.makepyfile(WAYS_OUT)
    pytester.runpytest("-k", "by_socket").assert_outcomes(passed=1)
    assert (socket.getaddrinfo, dict(vars(socket.socket))) == before


def test_loopback_stays_open(pytester: pytest.Pytester, chat_server: ChatServer) -> None:
    pytester.makepyfile(
        """
        import os, socket, pytest
        from urllib.parse import urlsplit

        def bot(messages):
            port = urlsplit(os.environ["OPENAI_BASE_URL"]).port
            for host in ("127.0.0.1", "localhost", "0.0.0.0"):
                with socket.create_connection((host, port), timeout=5) as sock:
                    sock.sendmsg((b"GET / ", b"HTTP/1.0"))
            return "It is up."

        @pytest.mark.dialogue(a="scripted:echo", b=bot, turns=1)
        def test_bot(dialogue):
            assert dialogue.messages[1].content == "It is up."
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


def test_excluded_hosts_stay_open(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import httpx, socket, pytest

        @pytest.fixture(scope="module")
        def duolog_vcr_config():
            return {"ignore_hosts": ["bot.example.invalid"]}

        def bot(messages):
            try:
                httpx.get("http://bot.example.invalid/", timeout=0.2, trust_env=False)
            except httpx.ConnectError as error:
                return "I tried."

        @pytest.mark.dialogue(a="scripted:echo", b=bot, turns=1)
        def test_bot(dialogue):
            assert dialogue.messages[1].content == "I tried."
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


TALK = """
import sys
import pytest

@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=2)
def test_plain(dialogue):
    assert len(dialogue.messages) == 5

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=2)
async def test_async(dialogue, anyio_backend):
    sys.is_closed = True  # the event loop of the test itself has its sockets by now
    await dialogue
    assert len(dialogue.run(name="not awaited").messages) == 5
    sys.is_closed = False

"""
NO_SOCKET = """
import sys
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    sys.is_closed = "anyio" not in item.keywords

def no_socket(event, args):
    if event in ("socket.__new__", "socket.getaddrinfo", "socket.connect", "subprocess.Popen"):
        if getattr(sys, "is_closed", False):
            raise RuntimeError(event)

sys.addaudithook(no_socket)
"""


def test_our_endpoints_open_no_socket_in_a_replay(pytester: pytest.Pytester, chat_server: ChatServer) -> None:
    """Not even the pair by which an event loop wakes itself."""
    pytester.makepyfile(TALK)
    pytester.runpytest("--record-mode=once", "-p", "no:cacheprovider").assert_outcomes(passed=3)
    pytester.makeconftest(NO_SOCKET)
    alone = (
        "-p",
        "no:rerunfailures",
        "-p",
        "no:cacheprovider",
    )  # it opens a socket of its own to xdist's workers
    pytester.runpytest_subprocess(*alone).assert_outcomes(passed=3)
    assert pytester.runpytest_subprocess(*alone, "--record-mode=rewrite").ret != pytest.ExitCode.OK


GUARDED = """
import asyncio
import socket
import pytest

class Guarded(socket.socket):
    def __new__(cls, *args, **kwargs):
        raise RuntimeError("a test tried to use socket.socket")

@pytest.fixture(autouse=True)
def no_sockets(monkeypatch):
    monkeypatch.setattr(socket, "socket", Guarded)

def sync_bot(messages):
    return "Yes."

async def async_bot(messages):
    await asyncio.sleep(0.001)
    return "No."

@pytest.mark.parametrize("bot", [sync_bot, async_bot])
@pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
def test_it(dialogue, bot):
    assert len(dialogue.run(b=bot).messages) == 5
"""


def test_functions_run_where_sockets_are_blocked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GUARDED)
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=2)
