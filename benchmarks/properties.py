"""How often the properties about questions, languages, roles, facts and agreement are right, file by file.

    python benchmarks/properties.py [--errors] [--folder FOLDER]

The labelled examples are in `benchmarks/data/`; their README says what each file holds. Prints how many examples of
each kind are found, and how many of the good ones are accused. `--errors` lists the examples on which we are wrong, and
`--folder` measures with the files of another folder, such as `benchmarks/data/later`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelled import FOLDER, Labelled, read_dialogues

from pytest_duolog import Message, Outcome, Property, Transcript
from pytest_duolog.properties import (
    AnswersQuestions,
    DoesNotRepeatItself,
    KeepsFacts,
    KeepsLanguage,
    LeaksNoReasoning,
    NoAgreementSpiral,
    StaysInCharacter,
)
from pytest_duolog.transcripts.transcript import TranscriptSpeaker

Maker = Callable[[Sequence[str]], Transcript]


@dataclass(frozen=True)
class Example:
    """A transcript, the kind that people gave it, and the text by which it is shown."""

    kind: str
    transcript: Transcript
    shown: str


@dataclass(frozen=True)
class Table:
    """Files with one example a line, the property that reads them, and the kind that it must not accuse."""

    pattern: str
    checked: Property
    good: str
    transcript: Maker


def _question(columns: Sequence[str]) -> Transcript:
    return _talk(columns[:2])


def _dialogue(columns: Sequence[str]) -> Transcript:
    return _talk(columns[0].split(" | "))


def _single(columns: Sequence[str]) -> Transcript:
    return _spoken("You are somebody else.", columns[0].replace("\\n", "\n"))


def _prompted(columns: Sequence[str]) -> Transcript:
    return _spoken(*(column.replace("\\n", "\n") for column in columns[:2]))


def _talk(said: Sequence[str]) -> Transcript:
    return Transcript(
        messages=tuple(Message(speaker="AB"[at % 2], content=one) for at, one in enumerate(said))
    )


def _spoken(system: str, said: str) -> Transcript:
    """A message of a speaker with this prompt, after an opener that says nothing about parts."""
    return Transcript(
        speakers=(TranscriptSpeaker(name="Ann"), TranscriptSpeaker(name="Ben", system=system)),
        messages=(Message(speaker="Ann", content="Well?"), Message(speaker="Ben", content=said)),
    )


TABLES = (
    Table("answers*.tsv", AnswersQuestions(), "answered", _question),
    Table("switch*.tsv", KeepsLanguage(), "same", _dialogue),
    Table("reasoning*.tsv", LeaksNoReasoning(), "ok", _single),
    Table("character*.tsv", StaysInCharacter(), "ok", _prompted),
    Table("facts*.tsv", KeepsFacts(), "right", _prompted),
    Table("repeats*.tsv", DoesNotRepeatItself(), "fresh", _dialogue),
)


def print_table(table: Table, folder: Path, *, with_errors: bool) -> None:
    for path in sorted(folder.glob(table.pattern)):
        rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line.strip()]
        examples = [Example(kind, table.transcript(columns), " -> ".join(columns)) for kind, *columns in rows]
        _print_scores(
            f"{type(table.checked).__name__}, {path.name}", examples, table.checked, table.good, with_errors
        )


def print_spirals(folder: Path, *, with_errors: bool) -> None:
    dialogues = list(read_dialogues(folder))
    for prefix in (
        "spirals-",
        "spirals2-",
        "spirals3-",
        "elsewhere3-",
        "elsewhere4-",
        "spirals4-",
        "elsewhere5-",
        "spirals5-",
        "spirals6-",
        "spirals7-",
        "spirals8-",
        "spirals9-",
        "spirals10-",
        "spirals11-",
        "",
    ):
        examples = list(_spirals(dialogues, prefix))
        name = f"NoAgreementSpiral, {prefix}*" if prefix else "NoAgreementSpiral, all healthy ones"
        if examples:
            _print_scores(name, examples, NoAgreementSpiral(), "none", with_errors)


def _spirals(dialogues: Sequence[Labelled], prefix: str) -> Iterator[Example]:
    for dialogue in dialogues:
        is_spiral = dialogue.family == "agreement" and dialogue.loop is not None
        is_wanted = dialogue.name.startswith(prefix) if prefix else dialogue.loop is None
        if is_wanted and "loops" in dialogue.looked_for:
            talk = Transcript(
                messages=tuple(Message(speaker=one, content=text) for one, text in dialogue.messages)
            )
            yield Example("agreement" if is_spiral else "none", talk, dialogue.name)


def _print_scores(
    name: str, examples: Sequence[Example], checked: Property, good: str, with_errors: bool
) -> None:
    print(name)
    for kind in sorted({example.kind for example in examples}):
        own = [example for example in examples if example.kind == kind]
        accused = [one for one in own if checked.check(one.transcript).outcome is Outcome.FAILS]
        print(f"  {kind:<14} {'accused' if kind == good else 'found'} {len(accused)} of {len(own)}")
        if with_errors:
            wrong = accused if kind == good else [one for one in own if one not in accused]
            print(*(f"      {one.shown}\n" for one in wrong), sep="", end="")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--errors", action="store_true", help="list what we got wrong")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="measure with the files in this folder")
    given = parser.parse_args()
    for table in TABLES:
        print_table(table, given.folder, with_errors=given.errors)
    print_spirals(given.folder, with_errors=given.errors)


if __name__ == "__main__":
    main()
