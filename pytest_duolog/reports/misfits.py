"""What is said once of many dialogues that no longer fit their recordings for one and the same reason."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pytest_duolog.display import counted
from pytest_duolog.results.dialogue_result import DialogueResult, RecordingMisfit

# Fewer say it well enough themselves.
FEWEST = 2
# So many functions are named to pytest one by one, more by their files.
MOST_NAMED = 8
ADOPT = "adopt"


def misfit_lines(
    dialogues: Iterable[tuple[str, DialogueResult]], options: Sequence[str], *, has_cache: bool
) -> Iterator[str]:
    """A sentence for each reason that several dialogues share, with the command that costs least.

    `dialogues` come with the ids of their tests. `options` are what pytest needs besides to run the same tests with the
    same models. `has_cache` says that pytest remembers which tests failed.
    """
    alike: dict[RecordingMisfit, list[str]] = defaultdict(list)
    for nodeid, result in dialogues:
        if result.misfit is not None:
            alike[result.misfit].append(nodeid)
    for misfit, nodeids in alike.items():
        if len(nodeids) < FEWEST:
            continue
        n, where = counted(len(nodeids), "dialogue"), _files(nodeids)
        chosen = ["--lf", *options] if has_cache else [*options, *_tests(nodeids)]
        command = shlex.join(["pytest", f"--record-mode={misfit.remedy}", *chosen])
        if misfit.remedy == ADOPT:
            yield f"{n} in {where} are recorded for tests that are gone; take them over: duolog cassettes adopt"
        elif misfit.changes:
            yield f"{n} are stale: {_named(misfit.changes)} changed in {where}; record again: {command}"
        else:
            yield f"{n} in {where} {_state(misfit)}: {command}"


def _state(misfit: RecordingMisfit) -> str:
    if misfit.remedy == "once":
        return "have no whole recording; record what is missing"
    return "go on after their recordings end; record the rest"


def _named(changes: Sequence[str]) -> str:
    return changes[0] if len(changes) == 1 else f"{', '.join(changes[:-1])} and {changes[-1]}"


def _files(nodeids: Iterable[str]) -> str:
    files = list(dict.fromkeys(nodeid.partition("::")[0] for nodeid in nodeids))
    n_more = len(files) - 1
    return files[0] + (f" and {counted(n_more, 'more file')}" if n_more else "")


def _tests(nodeids: Iterable[str]) -> list[str]:
    tests = list(dict.fromkeys(nodeid.partition("[")[0] for nodeid in nodeids))
    return (
        tests if len(tests) <= MOST_NAMED else list(dict.fromkeys(test.partition("::")[0] for test in tests))
    )
