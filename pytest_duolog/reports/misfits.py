"""One message about many dialogues that no longer match their recordings for the same reason."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pytest_duolog.display import counted
from pytest_duolog.results.dialogue_result import DialogueResult, RecordingMisfit

# For fewer dialogues, their own errors are enough.
FEWEST = 2
# Up to this many functions are named in the command one by one, more by their files.
MOST_NAMED = 8
ADOPT = "adopt"


def misfit_lines(
    dialogues: Iterable[tuple[str, DialogueResult]], options: Sequence[str], *, has_cache: bool
) -> Iterator[str]:
    """A sentence for each reason that several dialogues share, with the cheapest command.

    `dialogues` come with the ids of their tests. `options` are the other arguments with which pytest runs the same
    tests with the same models. `has_cache` says whether pytest's cache has the tests that failed.
    """
    alike: dict[RecordingMisfit, list[str]] = defaultdict(list)
    told = set[tuple[str, str]]()  # a rerun has the same dialogue again
    for nodeid, result in dialogues:
        if result.misfit is not None and (nodeid, result.name) not in told:
            told.add((nodeid, result.name))
            alike[result.misfit].append(nodeid)
    for misfit, nodeids in alike.items():
        if len(nodeids) < FEWEST:
            continue
        n, where = counted(len(nodeids), "dialogue"), _files(nodeids)
        chosen = ["--lf", *options] if has_cache else [*options, *_tests(nodeids)]
        command = shlex.join(["pytest", f"--record-mode={misfit.remedy}", *chosen])
        if misfit.remedy == ADOPT:
            yield (
                f"{n} in {where} are recorded for tests that no longer exist; take them over: duolog "
                "cassettes adopt"
            )
        elif misfit.changes:
            yield f"{n} are stale: {_named(misfit.changes)} changed in {where}; record again: {command}"
        else:
            yield f"{n} in {where} {_state(misfit)}: {command}"


def _state(misfit: RecordingMisfit) -> str:
    if misfit.remedy == "once":
        return "have no complete recording; record what is missing"
    return "continue after their recordings end; record the rest"


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
