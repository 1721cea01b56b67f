"""How well StaysOnTopic and find_boundaries do: dialogues spliced from two, whole ones, boundaries, stated topics.

    python benchmarks/topics.py [--seed 1] [--each] [FOLDER ...]

The dialogues are those of `benchmarks/data/`. FOLDER is a checkout of a public corpus; `docs/topic.md` names them and
their licences. Half of the dialogues are spliced from two pieces of others, and the other half are whole; the seed says
which. Everything is measured by words and, with the extra `[topic]`, by vectors. `--each` adds a row for each corpus.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from corpora import PARTS, Marked, Said, marked_in, parts_in
from labelled import FOLDER, Labelled, read_dialogues

from pytest_duolog import Message, Transcript
from pytest_duolog.topics import assess
from pytest_duolog.topics.boundaries import find_boundaries
from pytest_duolog.topics.vectors import load_vectors

# Shortest and longest piece, in messages; for the second, other pieces are taken.
PIECES = ((8, 16), (5, 20))
# Of one corpus, so many are spliced, and so many whole. Whole ones have so many messages, or else at least the second.
EACH = 60
WHOLE, SHORT_WHOLE = 16, 10
# An answer is at the right place if it is at most so far from the joint.
SLACK = 2

Joined = tuple[Said, int | None]
"""A dialogue, and where it was joined; None for a whole one."""

OWN = "benchmarks/data"


@dataclass(frozen=True)
class Source:
    """Dialogues that are spliced with each other, and the row in which they are counted."""

    name: str
    row: str
    dialogues: Sequence[Said]


@dataclass
class Score:
    """What was found in spliced dialogues and in whole ones."""

    spliced: int = 0
    found: int = 0
    in_place: int = 0
    whole: int = 0
    accused: int = 0

    def add(self, joint: int | None, at: int | None) -> None:
        """Take one answer; None: nothing leaves the topic."""
        if joint is None:
            self.whole += 1
            self.accused += at is not None
        else:
            self.spliced += 1
            self.found += at is not None
            self.in_place += at is not None and abs(at - joint) <= SLACK

    def __str__(self) -> str:
        recall = self.found / max(1, self.spliced)
        precision = self.found / max(1, self.found + self.accused)
        return (
            f"found {self.found:4d} of {self.spliced:4d} ({recall:.2f}), in place {self.in_place:4d}, "
            f"accused {self.accused:3d} of {self.whole:4d}, precision {precision:.3f}"
        )


def splices(dialogues: Sequence[Said], seed: int, shortest: int, longest: int) -> Iterator[Joined]:
    """Dialogues of two pieces of others, and whole ones about as long."""
    chance = random.Random(seed)
    pieces = [said for said in dialogues if len(said) >= shortest]
    whole = [said for said in dialogues if len(said) >= WHOLE]
    chance.shuffle(pieces)
    chance.shuffle(whole)
    if len(whole) < EACH:
        whole = sorted((said for said in dialogues if len(said) >= SHORT_WHOLE), key=len, reverse=True)
    for one, other in zip(pieces[: 2 * EACH : 2], pieces[1 : 2 * EACH : 2], strict=False):
        size, more = chance.randint(shortest, longest), chance.randint(shortest, longest)
        at_start = chance.random() < 1 / 2 or len(other) <= more
        start = 0 if at_start else chance.randint(0, len(other) - more)
        begun = one[:size]
        yield begun + other[start : start + more], len(begun)
    for said in whole[:EACH]:
        yield said[: chance.randint(2 * shortest, 2 * longest)], None


def leaves(said: Said) -> int | None:
    """Where a dialogue leaves its own opening; None: nowhere."""
    return assess.assess_topic(_transcript(said)).first_drift


def print_splices(sources: Sequence[Source], seed: int, *, each: bool) -> None:
    for shortest, longest in PIECES:
        print(f"spliced from two pieces of {shortest} to {longest} messages")
        totals: dict[str, Score] = defaultdict(Score)
        # The pieces of each size are others, so the sizes do not find or miss the same joints.
        own_seed = seed if (shortest, longest) == PIECES[0] else seed + 6
        for source in sources:
            score = Score()
            for said, joint in splices(source.dialogues, own_seed, shortest, longest):
                at = leaves(said)
                score.add(joint, at)
                totals[source.row].add(joint, at)
            if each and source.row != OWN:
                print(f"  {source.name:<30} {score}")
        for row, score in totals.items():
            print(f"  {row:<30} {score}")


def print_labelled(dialogues: Sequence[Labelled]) -> None:
    """The dialogues that are no loop: none is known to leave its subject."""
    accused = [one.name for one in dialogues if leaves(_said(one)) is not None]
    print(
        f"healthy dialogues of benchmarks/data: accused {len(accused)} of {len(dialogues)}: {' '.join(accused)}"
    )


def print_breaks() -> None:
    """Dialogues that were written to leave their subject, or to stay: label, position of the joint, messages."""
    for path in sorted(FOLDER.rglob("breaks*.tsv")):
        score = Score()
        for line in path.read_text("utf-8").splitlines():
            label, joint, said = line.split("\t")
            score.add(int(joint) if label == "splice" else None, leaves(said.split(" | ")))
        print(f"{path.name:<32} {score}")


def print_stated(dialogues: Iterable[Labelled]) -> None:
    """How well a dialogue's own statement is told from those of all others."""
    table = (line.split("\t") for line in (FOLDER / "topics.tsv").read_text("utf-8").splitlines())
    statements = dict(table)
    talks = {one.name: _transcript(_said(one)) for one in dialogues if one.name in statements}
    assert talks.keys() == statements.keys(), statements.keys() - talks.keys()
    right: list[float] = []
    wrong: list[float] = []
    for name, transcript in talks.items():
        for of, statement in statements.items():
            found = assess.assess_topic(transcript, statement)
            (right if of == name else wrong).append(found.score or 0.0)
    pairs = ((mine > other) + (mine == other) / 2 for mine in right for other in wrong)
    print(
        f"topics.tsv, {len(talks)} statements: area under the curve {sum(pairs) / (len(right) * len(wrong)):.3f}"
    )


def print_boundaries(named: Iterable[tuple[str, Sequence[Marked]]]) -> None:
    """Pk (lower is better; a window of half the mean length), and F1 of exact positions."""
    print("boundaries: dialogues, Pk, Pk if none is named, F1")
    for name, dialogues in named:
        missed = wrong = hits = 0
        errors, silent = [], []
        for one in dialogues:
            said = find_boundaries(_transcript(one.said).messages)
            errors.append(pk(len(one.said), one.boundaries, said))
            silent.append(pk(len(one.said), one.boundaries, []))
            right = len(set(said) & set(one.boundaries))
            hits += right
            missed += len(one.boundaries) - right
            wrong += len(said) - right
        f1 = 2 * hits / max(1, 2 * hits + missed + wrong)
        n = len(dialogues)
        print(f"  {name:<30} {n:4d} {sum(errors) / n:.3f} {sum(silent) / n:.3f} {f1:.3f}")


def pk(n: int, wanted: Sequence[int], said: Sequence[int]) -> float:
    """How often two messages half a segment apart are wrongly called of one topic, or of two."""
    width = min(n - 1, max(2, round(n / (2 * (len(wanted) + 1)))))
    if width < 1:
        return 0.0
    places = range(n - width)
    wrong = sum(_parts(wanted, at, width) != _parts(said, at, width) for at in places)
    return wrong / len(places)


def _parts(boundaries: Iterable[int], at: int, width: int) -> bool:
    return any(at < boundary <= at + width for boundary in boundaries)


def _joints(dialogues: Sequence[Said], seed: int) -> list[Marked]:
    spliced = splices(dialogues, seed, *PIECES[0])
    return [Marked(said, [joint]) for said, joint in spliced if joint is not None]


def _transcript(said: Iterable[str]) -> Transcript:
    return Transcript(
        messages=tuple(Message(speaker="AB"[at % 2], content=text) for at, text in enumerate(said))
    )


def _said(dialogue: Labelled) -> Said:
    return [text for _, text in dialogue.messages]


def _sources(healthy: Iterable[Labelled], folders: Sequence[Path]) -> Iterator[Source]:
    """Each language by itself, because a change of language is no change of subject; then each part of a corpus."""
    languages: dict[str, list[Said]] = defaultdict(list)
    for one in healthy:
        languages[one.language].append(_said(one))
    for language, dialogues in sorted(languages.items()):
        yield Source(language, OWN, dialogues)
    for part, dialogues in parts_in(folders, PARTS):
        yield Source(part.name, "corpora that chose the rules" if part.chose else "other corpora", dialogues)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", action="store_true", help="a row for each corpus, too")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    dialogues = list(read_dialogues())
    healthy = [one for one in dialogues if one.loop is None]
    sources = list(_sources(healthy, arguments.folders))
    for mode, vectors in (("words", None), ("vectors", load_vectors())):
        if mode == "vectors" and vectors is None:
            print("\nby vectors: needs the extra [topic]")
            continue
        print(f"\nby {mode}")
        with patch.object(assess, "load_vectors", lambda found=vectors: found):
            print_splices(sources, arguments.seed, each=arguments.each)
            print_labelled(healthy)
            print_breaks()
            print_stated(dialogues)
    joints = [joint for one in sources if one.row == OWN for joint in _joints(one.dialogues, arguments.seed)]
    print()
    marked = list(marked_in(arguments.folders))
    # The weights were chosen with every second dialogue, from the first one on.
    left_out = [(f"{name}, left out", found[1::2]) for name, found in marked]
    print_boundaries([(f"spliced, {OWN}", joints), *marked, *left_out])


if __name__ == "__main__":
    main()
