"""Two runs at once, step by step in a given order: no run takes a step by itself, so nothing depends on time."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

# What a run does to files. Before each of these the other run may take its own steps.
STEPS = ("open", "close", "read", "write", "ftruncate", "fstat", "stat", "replace", "rename", "unlink")


class Interleaving:
    """Runs functions in threads that stop before every step on files; `order` says who goes on each time.

    Each function has a process id of its own; locks on files keep threads apart as they do processes. Where the order
    ends, or who is named has ended, the first that has not goes on.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, order: Sequence[int]) -> None:
        self._order = list(order)
        self._changed = threading.Condition()
        self._names: dict[int, int] = {}
        self._waiting: set[int] = set()
        self._goes: int | None = None
        self._ended: set[int] = set()
        for name in STEPS:
            monkeypatch.setattr(os, name, self._stopping(getattr(os, name)))
        monkeypatch.setattr("portalocker.portalocker.LOCKER", self._stopping(_locker()))
        pid = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: pid + 1_000_000 * self._names.get(threading.get_ident(), 0))

    def run(self, *functions: Callable[[], Any]) -> list[Any]:
        """Run them to their ends; returns what each returned or raised."""
        results: list[Any] = [None] * len(functions)

        def work(name: int) -> None:
            self._names[threading.get_ident()] = name + 1
            try:
                results[name] = functions[name]()
            except Exception as error:  # noqa: BLE001  # the test looks at it
                results[name] = error
            with self._changed:
                self._ended.add(name)
                self._changed.notify_all()

        threads = [threading.Thread(target=work, args=(name,)) for name in range(len(functions))]
        for thread in threads:
            thread.start()
        while len(self._ended) < len(functions):
            self._let_one_go(set(range(len(functions))))
        for thread in threads:
            thread.join()
        return results

    def _let_one_go(self, all_names: set[int]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._goes is None and self._waiting | self._ended == all_names)
            if not self._waiting:
                return
            name = self._order.pop(0) if self._order else -1
            self._goes = name if name in self._waiting else min(self._waiting)
            self._waiting.discard(self._goes)
            self._changed.notify_all()

    def _stopping(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def stopping(*arguments: Any, **options: Any) -> Any:
            name = self._names.get(threading.get_ident())
            if name is not None:
                with self._changed:
                    self._waiting.add(name - 1)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._goes == name - 1)
                    self._goes = None
            return step(*arguments, **options)

        return stopping


def _locker() -> Callable[..., Any]:
    import portalocker.portalocker

    return portalocker.portalocker.LOCKER


def orders(n: int, *, seed: int, n_steps: int = 400) -> list[list[int]]:
    """`n` orders of two runs: one after the other, in turns, and at random in stretches of random length."""
    made: list[list[int]] = [[0] * n_steps, [1] * n_steps, [0, 1] * (n_steps // 2)]
    rng = random.Random(seed)
    while len(made) < n:
        longest = rng.choice([1, 2, 5, 20, 60])
        order: list[int] = []
        while len(order) < n_steps:
            order += [rng.randrange(2)] * rng.randint(1, longest)
        made.append(order)
    return made[:n]
