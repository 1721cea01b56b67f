"""Decides which dialogues of a folder exist, and which must run or continue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_duolog.commands.talk_cells import Cell
from pytest_duolog.display import counted
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.running.talks import Talk, TalkFolder, goes_on, unfinished_turns
from pytest_duolog.storage.line_file import replacing
from pytest_duolog.transcripts.transcript import Transcript

# The file with the turns that the dialogues of an interrupted `--more` must have, by the names of their recordings.
MORE_FILE = ".more"


@dataclass
class More:
    """`--more`: the number of turns that each dialogue must have.

    It is stored before it begins, because a command that continues after an interruption must not add the turns again.
    """

    path: Path
    n_turns: int | None
    targets: dict[str, int] = field(default_factory=dict)
    is_interrupted: bool = False

    @classmethod
    def of(cls, folder: Path, n_turns: int | None) -> More:
        """With what an interrupted one has left; raises ConfigurationError if that was another one."""
        path = folder / MORE_FILE
        try:
            found = json.loads(path.read_text("utf-8"))
            before, targets = (
                int(found["more"]),
                {str(name): int(turns) for name, turns in found["turns"].items()},
            )
        except FileNotFoundError:
            return cls(path, n_turns)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError(f"{path} cannot be read; delete it") from None
        if n_turns and n_turns != before:
            raise ConfigurationError(
                f"--more {n_turns}: an interrupted --more {before} is not finished; run that again first, or "
                f"delete {path}"
            )
        return cls(path, before, targets, is_interrupted=True)

    def write(self) -> None:
        """Write down what is left; raises OSError."""
        if not self.targets:
            self.path.unlink(missing_ok=True)
            return
        text = json.dumps({"more": self.n_turns, "turns": self.targets})
        with replacing(self.path) as file:
            file.append_as_is(text.encode())


class Plan:
    """The dialogues of all cells; `talks` are those with something left to say, `notices` what a person should know."""

    def __init__(self, folder: TalkFolder, cells: Sequence[Cell], more: More) -> None:
        """Read the folder. Raises OSError if a transcript that a killed run did not write cannot be written."""
        self.folder = folder
        self.cells = cells
        self.talks: list[Talk] = []
        self.n_new = 0
        self._held: dict[Path, Transcript] = {}
        self._more = more
        self._n_over = 0
        self._n_longer = 0
        for cell in cells:
            for sample in range(1, cell.n_samples + 1):
                self._take(cell, sample)

    @property
    def notices(self) -> Iterator[str]:
        """Notices to print before the dialogues begin."""
        more = self._more
        if more.is_interrupted:
            yield f"continues the --more {more.n_turns} that was interrupted"
        elif more.n_turns and not more.targets:
            yield f"--more {more.n_turns}: no dialogue in {self.folder.path} has ended at its turn limit"
        if self._n_longer:
            has, stays = ("has", "stays as it is") if self._n_longer == 1 else ("have", "stay as they are")
            yield f"{counted(self._n_longer, 'dialogue')} {has} more turns than this asks for and {stays}"
        if more.n_turns and self._n_over:
            stay, them = ("stays as it is", "it") if self._n_over == 1 else ("stay as they are", "them")
            yield (
                f"{counted(self._n_over, 'dialogue')} ended by goodbye or loop and {stay}; --stop-on "
                "nothing continues "
                f"{them}, too"
            )

    def _take(self, cell: Cell, sample: int) -> None:
        location = self.location(cell, sample)
        scenario = cell.cast.for_sample(sample)
        held = self.folder.held(location, topic=scenario.topic)
        if held is not None:
            self._held[location.path] = held
            scenario = scenario.model_copy(update={"turns": self._turns(cell, location, held)})
        if held is None or goes_on(held, scenario):
            begins = held is None or location.partial_path.exists()
            mode = RecordMode.ONCE if begins else RecordMode.NEW_EPISODES
            n_held = len(held) if held else 0
            self.talks.append(Talk(cell.row.id, sample, scenario, location, mode, n_held))
        elif goes_on(held, scenario.model_copy(update={"turns": scenario.turns + 1, "stop_on": ()})):
            self._n_over += 1

    def _turns(self, cell: Cell, location: CassetteLocation, held: Transcript) -> int:
        """The number of turns for an existing dialogue, never fewer than it has."""
        had, name = held.turns or 0, location.path.name
        if self._more.n_turns and not self._more.is_interrupted:
            longer = had + self._more.n_turns
            if goes_on(held, cell.cast.model_copy(update={"turns": longer})):
                self._more.targets[name] = longer
        asked = cell.cast.turns if "turns" in cell.row.values else 0
        self._n_longer += bool(asked) and asked < had
        return max(had, asked, unfinished_turns(location), self._more.targets.get(name, 0))

    def location(self, cell: Cell, sample: int) -> CassetteLocation:
        """Where a sample lies."""
        return self.folder.location(cell.row.id, cell.cast, sample)

    def begin(self) -> None:
        """Make the folder, and write down what is to be done; raises OSError."""
        if self.talks:
            self.folder.path.mkdir(parents=True, exist_ok=True)
            self._more.write()

    def ended(self, talk: Talk, transcript: Transcript) -> None:
        """Note that a dialogue has ended."""
        self._held[talk.location.path] = transcript
        self.n_new += 1

    def end(self) -> None:
        """All dialogues of this plan are finished: remove the file about their turns."""
        here = {self.location(cell, sample).path.name for cell, sample in self._samples()}
        left = {name: turns for name, turns in self._more.targets.items() if name not in here}
        if left != self._more.targets:
            self._more.targets = left
            self._more.write()

    def _samples(self) -> Iterator[tuple[Cell, int]]:
        return ((cell, sample) for cell in self.cells for sample in range(1, cell.n_samples + 1))

    @property
    def counts(self) -> tuple[int, int]:
        """The number of finished dialogues, and of all dialogues."""
        return len(self._held), sum(cell.n_samples for cell in self.cells)

    def rows(self) -> list[tuple[str, list[Transcript | None]]]:
        """Each cell's name with its samples, None for one that is not there."""
        return [(cell.row.id, [found for _, found in self.samples(cell)]) for cell in self.cells]

    def samples(self, cell: Cell) -> list[tuple[CassetteLocation, Transcript | None]]:
        """The samples of a cell."""
        locations = [self.location(cell, sample) for sample in range(1, cell.n_samples + 1)]
        return [(location, self._held.get(location.path)) for location in locations]
