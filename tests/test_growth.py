"""What reads hostile text takes time that grows with the text, and not with its square.

Sizes are compared, not seconds: eight times the text takes eight times as long if it is read once, and 64 times if it
is read again at every place. The texts are those of `benchmarks/hostile.py`, which measures them at full size.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "hostile.py"
GROWTH = 8
# Between linear and quadratic; what a busy machine adds is left out by taking the least of several.
MOST = GROWTH * 3.5
TRIES = 5
# Too short to be measured, or to hurt anybody: a megabyte would take half a second if it were linear.
SHORTEST_S = 0.004
N = 1000
# More than what detectors remember of the last texts.
N_MESSAGES = 200


def _hostile() -> Any:
    spec = importlib.util.spec_from_file_location("hostile", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["hostile"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOSTILE = _hostile()
TEXT_READERS: dict[str, Callable[[str], object]] = HOSTILE.text_readers()
READERS: dict[str, Callable[[Any], object]] = HOSTILE.readers()


def cpu_s(read: Callable[[Any], object], make: Callable[[], Any]) -> float:
    given = make()  # made anew each time: nothing of it is remembered
    started = time.thread_time()
    read(given)
    return time.thread_time() - started


def grows_too_fast(read: Callable[[Any], object], small: Callable[[], Any], large: Callable[[], Any]) -> bool:
    read(small())  # imports, and patterns are compiled
    least_small = least_large = float("inf")
    for _ in range(TRIES):
        least_small = min(least_small, cpu_s(read, small))
        least_large = min(least_large, cpu_s(read, large))
        if least_large < SHORTEST_S or least_large < MOST * least_small:
            return False
    return True


def text(name: str, n: int) -> Callable[[], str]:
    return dict(HOSTILE.texts(n))[name]


def dialogue_around(name: str, n: int) -> Callable[[], Any]:
    make = text(name, n)
    return lambda: HOSTILE.dialogue(["Hello.", make(), "And then?", make(), "Fine."])


TEXTS = [name for name, _ in HOSTILE.texts(1)]
DIALOGUES = [name for name, _ in HOSTILE.dialogues(1)]


@pytest.mark.parametrize("subject", TEXT_READERS)
def test_a_mixture_is_read_once(subject: str) -> None:
    small, large = text("everything at once", N), text("everything at once", GROWTH * N)
    assert not grows_too_fast(TEXT_READERS[subject], small, large)


@pytest.mark.parametrize("subject", READERS)
def test_a_mixture_in_a_dialogue_is_read_once(subject: str) -> None:
    small, large = dialogue_around("everything at once", N), dialogue_around("everything at once", GROWTH * N)
    assert not grows_too_fast(READERS[subject], small, large)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("subject", TEXT_READERS)
def test_texts_are_read_once(subject: str, name: str) -> None:
    assert not grows_too_fast(TEXT_READERS[subject], text(name, N), text(name, GROWTH * N))


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("subject", READERS)
def test_texts_in_dialogues_are_read_once(subject: str, name: str) -> None:
    assert not grows_too_fast(READERS[subject], dialogue_around(name, N), dialogue_around(name, GROWTH * N))


@pytest.mark.slow
@pytest.mark.parametrize("name", DIALOGUES)
@pytest.mark.parametrize("subject", READERS)
def test_messages_are_read_once(subject: str, name: str) -> None:
    small, large = (dict(HOSTILE.dialogues(n))[name] for n in (N_MESSAGES, GROWTH * N_MESSAGES))
    assert not grows_too_fast(READERS[subject], small, large)


def test_what_is_read_again_at_every_place_would_be_caught() -> None:
    def read(given: str) -> object:
        return [max(given[at:]) for at in range(0, len(given), 8)]

    assert grows_too_fast(read, text("many letters", N), text("many letters", GROWTH * N))
