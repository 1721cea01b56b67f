"""The dialogues of a project's tests, as pytest collected them, and the places of their recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from pytest_duolog.display import counted
from pytest_duolog.recording.maintenance import Move, move_of
from pytest_duolog.recording.naming import CassetteLocation, folder_of, is_partial, whole_of
from pytest_duolog.recording.orphans import Recording, likeness


class CollectedDialogue(BaseModel):
    """The first dialogue of a collected test.

    `test` is the test's id inside `module`, `samples` how often it runs. `headers` are the current headers of its
    recordings, one for each sample; empty if fixtures set the scenario, so that it is not known before they run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodeid: str
    module: Path
    test: str
    samples: int = 1
    headers: tuple[Mapping[str, Any], ...] = ()

    def location(self, sample: int) -> CassetteLocation:
        """The current place of the recording of a sample, from 1."""
        models = [str(speaker["model"]) for speaker in self.headers[sample - 1]["speakers"]]
        return CassetteLocation(folder_of(self.module), self.test, models, sample=sample)

    @property
    def is_recorded(self) -> bool:
        """Whether a sample of it has a recording; True if its scenario is not known."""
        places = map(self.location, range(1, len(self.headers) + 1))
        return not self.headers or any(place.path.exists() or place.yaml_path for place in places)


class Inventory(BaseModel):
    """What pytest collected and, if the tests ran, which recordings they used.

    `modules` are the collected test modules, `broken` those that could not be collected, each with the reason. `passed`
    are the node ids of tests that passed, `used` the cassettes of their dialogues.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dialogues: tuple[CollectedDialogue, ...] = ()
    modules: frozenset[Path] = frozenset()
    broken: Mapping[str, str] = {}
    passed: frozenset[str] = frozenset()
    used: frozenset[Path] = frozenset()

    def of(self, recording: Recording) -> CollectedDialogue | None:
        """The collected test of a recording, found by the recording's place; None if there is none."""
        return next(
            (
                found
                for found in self.dialogues
                if (found.module, found.test) == (recording.module.resolve(), recording.test)
            ),
            None,
        )

    def is_orphan(self, recording: Recording) -> bool:
        """Whether no test can use a recording: its module does not exist, or was collected without its test."""
        if not recording.test:
            return False
        is_collected = recording.module.resolve() in self.modules
        return not recording.module.is_file() or (is_collected and self.of(recording) is None)


class Adoption(NamedTuple):
    """Which recordings go to which tests, and messages about tests for which there are several candidates."""

    moves: list[Move]
    left_alone: list[str]


def adopt(inventory: Inventory, recordings: Iterable[Recording]) -> Adoption:
    """Assign the recordings of tests that no longer exist to tests with an equal dialogue and no recording.

    All recordings of a test stay together: samples, further dialogues, other models. If several tests had the same
    dialogue, the most similar name decides; if two are equally similar, nothing is assigned.
    """
    old_tests: dict[tuple[Path, str], list[Recording]] = {}
    for found in filter(inventory.is_orphan, recordings):
        old_tests.setdefault((found.module, found.test), []).append(found)
    new_tests = [dialogue for dialogue in inventory.dialogues if not dialogue.is_recorded]
    pairs = [
        _Pair(likeness(old[1], new.test), old, new)
        for new in new_tests
        for old, group in old_tests.items()
        if any(found.holds(header) for found in group for header in new.headers)
    ]
    adoption = Adoption([], [])
    for pair in sorted(pairs, key=lambda pair: -pair.likeness):
        if pair.old not in old_tests or pair.new not in new_tests:
            continue
        new_tests.remove(pair.new)
        draw = [one for one in pairs if one.new is pair.new and one.old in old_tests]
        draw = [one for one in draw if one.likeness == pair.likeness]
        if len(draw) > 1:
            names = ", ".join(sorted(old_tests[one.old][0].node_id for one in draw))
            adoption.left_alone.append(
                f"{pair.new.nodeid}: several tests that no longer exist had this dialogue ({names}); "
                f"choose one: duolog cassettes move OLD {pair.new.nodeid}"
            )
        else:
            group = old_tests.pop(pair.old)
            adoption.moves.extend(move_of(found, pair.new.module, pair.new.test) for found in group)
    return adoption


class _Pair(NamedTuple):
    likeness: float
    old: tuple[Path, str]
    new: CollectedDialogue


def prunable(
    recordings: Iterable[Recording],
    inventory: Inventory,
    *,
    superseded: bool = False,
    replay: Callable[[Sequence[str]], Inventory],
) -> Iterator[tuple[Recording, str]]:
    """Recordings that no test uses any longer, each with the reason.

    `replay` replays tests to find their further dialogues, which are not known from collection. With `superseded`, also
    older recordings of the same dialogue with other models than the newest one.
    """
    used: list[Recording] = []
    further: dict[str, list[Recording]] = {}
    for found in recordings:
        dialogue = inventory.of(found)
        if reason := _unused_reason(found, inventory, dialogue):
            yield found, reason
        elif dialogue is not None and found.header.get("run"):
            further.setdefault(dialogue.nodeid, []).append(found)
        else:
            used.append(found)
    ran = replay(sorted(further)) if further else Inventory()
    for nodeid, group in further.items():
        for found in group:
            if nodeid in ran.passed and found.path.resolve() not in ran.used:
                yield found, f"{nodeid} no longer has a dialogue named {found.header['run']!r}"
            else:
                used.append(found)
    if superseded:
        yield from _superseded(used)


def _unused_reason(found: Recording, inventory: Inventory, dialogue: CollectedDialogue | None) -> str:
    whole = whole_of(found.path)
    if is_partial(found.path) and whole.exists():
        return f"the run that recorded {whole.name} again was interrupted"
    if inventory.is_orphan(found):
        return found.gone or f"its test {found.module.name}::{found.test} no longer exists"
    sample = found.header.get("sample")
    is_of_gate = found.header.get(
        "gate", True
    )  # older recordings do not have the number, and a gate has its own samples
    if dialogue is not None and isinstance(sample, int) and sample > dialogue.samples and not is_of_gate:
        return f"its test has {counted(dialogue.samples, 'sample')} now"
    return ""


def _superseded(recordings: Iterable[Recording]) -> Iterator[tuple[Recording, str]]:
    newest: dict[tuple[object, ...], Recording] = {}
    for found in recordings:
        if not found.test:
            continue
        dialogue = (found.path.parent, *(found.header.get(name) for name in ("test", "run", "sample")))
        older, newest[dialogue] = sorted((newest.get(dialogue, found), found), key=lambda one: one.recorded)
        if older is not newest[dialogue]:
            yield older, f"superseded by {newest[dialogue].path.name}"
