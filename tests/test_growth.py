"""What reads hostile text does work that grows with the text, and not with its square.

Two sizes are compared; no time has a limit. The fast tests count calls, which neither a busy machine nor a tracer
changes; but the work of a pattern is one call. The slow ones compare CPU seconds: a line and a square are so far apart
there that no noise leads from one to the other. The texts are those of `benchmarks/hostile.py`, which measures them at
full size.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Read = Callable[[Any], object]
Make = Callable[[], Any]

FILE = Path(__file__).parents[1] / "benchmarks" / "hostile.py"


def _hostile() -> Any:
    spec = importlib.util.spec_from_file_location("hostile", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["hostile"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOSTILE = _hostile()
TEXT_READERS: dict[str, Read] = HOSTILE.text_readers()
READERS: dict[str, Read] = HOSTILE.readers()
TEXTS = [name for name, _ in HOSTILE.texts(1)]
DIALOGUES = [name for name, _ in HOSTILE.dialogues(1)]

# Readings are kept up to a number; what is kept for ever, such as the tables of the languages, is loaded once.
CACHES = [
    found
    for found in gc.get_objects()
    if isinstance(found, functools._lru_cache_wrapper)
    and str(getattr(found, "__module__", "")).startswith("pytest_duolog")
    and found.cache_parameters()["maxsize"] is not None
]


def forget() -> None:
    """Makes every reading the first one."""
    for cache in CACHES:
        cache.cache_clear()


def text(name: str, n: int) -> Make:
    return dict(HOSTILE.texts(n))[name]


def dialogue_around(name: str, n: int) -> Make:
    make = text(name, n)
    return lambda: HOSTILE.dialogue(["Hello.", make(), "And then?", make(), "Fine."])


def messages(name: str, n: int) -> Make:
    return dict(HOSTILE.dialogues(n))[name]


def n_calls(read: Read, make: Make) -> int:
    """How many functions are called, those of C as well."""
    forget()
    given = make()
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        read(given)
    finally:
        sys.setprofile(None)
    return calls


def calls_too_often(read: Read, make: Callable[[int], Make], n: int) -> str:
    """What is wrong if eight times the text takes more than twice eight times the calls; a square would take 64."""
    for size in (n, 8 * n):
        read(make(size)())  # imports, and compiles the patterns of phrases that the text may have
    small, large = n_calls(read, make(n)), n_calls(read, make(8 * n))
    return f"{small} calls, and {large} for 8 times as much" if large > 16 * small else ""


def cpu_s(read: Read, make: Make) -> float:
    forget()
    given = make()
    started = time.thread_time()
    read(given)
    return time.thread_time() - started


def takes_too_long(read: Read, make: Callable[[int], Make], n: int) -> str:
    """What is wrong if 32 times the text takes more than five times 32 times as long; a square would take 1024 times.

    What takes less than 10 ms is no square that hurts: a megabyte would take a minute at the most.
    """
    small = large = float("inf")
    for _ in range(5):
        large = min(large, cpu_s(read, make(32 * n)))
        if large < 0.01:
            return ""
        small = min(small, cpu_s(read, make(n)))
        if large < 160 * small:
            return ""
    return f"{small * 1e3:.2f} ms, and {large * 1e3:.0f} ms for 32 times as much"


def found(
    wrong: Callable[[Read, Callable[[int], Make], int], str],
    readers: dict[str, Read],
    make: Callable[[int], Make],
    n: int,
) -> dict[str, str]:
    """What is wrong, by reader."""
    return {name: said for name, read in readers.items() if (said := wrong(read, make, n))}


@pytest.mark.parametrize("subject", TEXT_READERS)
def test_a_text_is_read_with_calls_that_grow_with_it(subject: str) -> None:
    assert not calls_too_often(TEXT_READERS[subject], lambda n: text("everything at once", n), 500)


@pytest.mark.parametrize("subject", READERS)
def test_a_dialogue_is_read_with_calls_that_grow_with_it(subject: str) -> None:
    assert not calls_too_often(READERS[subject], lambda n: dialogue_around("everything at once", n), 500)


@pytest.mark.parametrize("name", DIALOGUES)
def test_messages_are_read_with_calls_that_grow_with_them(name: str) -> None:
    def read_all(transcript: Any) -> None:
        for read in READERS.values():
            read(transcript)

    assert not calls_too_often(read_all, lambda n: messages(name, n), 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_read_once(name: str) -> None:
    assert not found(takes_too_long, TEXT_READERS, lambda n: text(name, n), 500)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_texts_in_dialogues_are_read_once(name: str) -> None:
    assert not found(takes_too_long, READERS, lambda n: dialogue_around(name, n), 250)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIALOGUES)
def test_messages_are_read_once(name: str) -> None:
    assert not found(takes_too_long, READERS, lambda n: messages(name, n), 20)


def read_again_at_every_place(given: str) -> object:
    return [max(given[at:]) for at in range(0, len(given), 8)]


def ask_again_at_every_place(given: str) -> object:
    return [letter.isalpha() for at in range(0, len(given), 8) for letter in given[at::8]]


@pytest.mark.slow
def test_what_is_read_again_at_every_place_would_be_caught() -> None:
    assert takes_too_long(read_again_at_every_place, lambda n: text("many letters", n), 200)


def test_calls_at_every_place_would_be_caught() -> None:
    assert calls_too_often(ask_again_at_every_place, lambda n: text("many letters", n), 500)
