"""Reads dialogues of public corpora from folders that somebody downloaded; `docs/topic.md` says which, and from where.

A corpus is known by a file that only it has. Nothing of them is part of the project.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Said = list[str]
"""What was said in a dialogue, message by message."""
Reader = Callable[[Path], Iterable[Said]]

# Of a long turn in a meeting, so many letters are read; shorter ones than this many words say nothing.
_TURN_LETTERS = 1500
_FEWEST_WORDS = 3
# Dialogues of ConvAI and CMU_DoG that were broken off, and more of them than anybody needs.
_FEWEST_TURNS = 12
_MOST_FILES = 200
_PIECES = re.compile(r"\s+([.,!?;:'’])")


@dataclass(frozen=True)
class Part:
    """A part of a corpus; `chose` says whether weights or bounds of the package were chosen with it."""

    name: str
    file: str
    """The file by which it is known, within its folder; a pattern if there are many."""
    read: Reader
    chose: bool = False


@dataclass(frozen=True)
class Marked:
    """A dialogue, and the positions at which people said that something new begins."""

    said: Said
    boundaries: list[int]


def parts_in(folders: Sequence[Path], parts: Sequence[Part]) -> Iterator[tuple[Part, list[Said]]]:
    """The dialogues of the parts that these folders have, without empty messages."""
    for part in parts:
        for folder in folders:
            if next(folder.glob(part.file), None):
                said = (
                    [text.strip()[:_TURN_LETTERS] for text in one if text.strip()]
                    for one in part.read(folder)
                )
                yield part, list(said)


def marked_in(folders: Sequence[Path]) -> Iterator[tuple[str, list[Marked]]]:
    """The dialogues with boundaries in these folders, corpus by corpus."""
    for name, file, read in (
        ("DialSeg711", "data/eval/dialseg_711.json", _dialseg),
        ("TIAGE", _TIAGE, _tiage),
        ("change of service", "dev/dialogues_006.json", _changes_of_service),
        ("ZYS", _ZYS, _zys),
    ):
        for folder in folders:
            if (folder / file).is_file():
                yield name, list(read(folder))


def _json(path: Path) -> Any:  # each corpus has another form
    return json.loads(path.read_text("utf-8"))


def _everyday(file: str) -> Reader:
    def read(folder: Path) -> Iterator[Said]:
        for line in (folder / file).read_text("utf-8").splitlines():
            yield [_PIECES.sub(r"\1", text) for text in line.split("__eou__")]

    return read


def _personas(file: str) -> Reader:
    def read(folder: Path) -> Iterator[Said]:
        for dialogue in _json(folder / file):
            yield [text for pair in dialogue["dialogue"] for text in pair if "__SILENCE__" not in text]

    return read


def _topical(file: str) -> Reader:
    def read(folder: Path) -> Iterator[Said]:
        for dialogue in _json(folder / file).values():
            yield [turn["message"] for turn in dialogue["content"]]

    return read


def _meetings(file: str) -> Reader:
    """The parts of meetings that are about one line of the agenda."""

    def read(folder: Path) -> Iterator[Said]:
        for line in (folder / file).read_text("utf-8").splitlines():
            meeting = json.loads(line)
            turns = [turn["content"] for turn in meeting["meeting_transcripts"]]
            for topic in meeting["topic_list"]:
                if len(spans := topic["relevant_text_span"]) == 1:
                    first, last = map(int, spans[0])
                    yield [text for text in turns[first : last + 1] if len(text.split()) >= _FEWEST_WORDS]

    return read


def _runs(file: str, key: str | None, messages: str) -> Reader:
    """Runs of agents with a simulated customer, without calls of tools."""

    def read(folder: Path) -> Iterator[Said]:
        runs = _json(folder / file)
        for run in runs[key] if key else runs:
            spoken = (one for one in run[messages] if one["role"] in ("user", "assistant"))
            texts = (one["content"] for one in spoken if isinstance(one.get("content"), str))
            yield [text for text in texts if "###STOP###" not in text]

    return read


def _services(folder: Path) -> Iterator[Said]:
    for number in range(1, 5):
        for dialogue in _json(folder / f"dev/dialogues_{number:03}.json"):
            if len(dialogue["services"]) == 1:
                yield [turn["utterance"] for turn in dialogue["turns"]]


def _dream(folder: Path) -> Iterator[Said]:
    for messages, *_ in _json(folder / "data/train.json"):
        yield [re.sub(r"^\w+:\s*", "", text) for text in messages]


def _films(folder: Path) -> Iterator[Said]:
    for path in sorted(folder.glob("Conversations/test/*.json"))[:_MOST_FILES]:
        yield [turn["text"] for turn in _json(path)["history"]]


def _convai(folder: Path) -> Iterator[Said]:
    for dialogue in _json(folder / "data/export_2018-07-07_train.json"):
        if len(dialogue["dialog"]) >= _FEWEST_TURNS:
            yield [turn["text"] for turn in dialogue["dialog"]]


def _tickets(folder: Path) -> Iterator[Said]:
    lines = io.StringIO((folder / "data/movie_all.tsv").read_text("latin-1"))
    found: dict[str, list[tuple[int, str]]] = {}
    for session, turn, _, _, text, *_ in (
        row for row in csv.reader(lines, "excel-tab", quoting=3) if len(row) > 4
    ):
        if turn.isdigit():
            found.setdefault(session, []).append((int(turn), text.strip('"')))
    for turns in found.values():
        yield [text for _, text in sorted(turns, key=lambda one: one[0])]


def _crosswoz(folder: Path) -> Iterator[Said]:
    with zipfile.ZipFile(folder / "data/crosswoz/val.json.zip") as packed:
        for dialogue in json.loads(packed.read("val.json")).values():
            yield [turn["content"] for turn in dialogue["messages"]]


_FREQUENT, _RARE = "conversations/valid_freq.json", "conversations/test_rare.json"
_AIRLINE = "historical_trajectories/gpt-4o-airline.json"
_QMSUM_VAL, _QMSUM_TEST = "data/ALL/jsonl/val.jsonl", "data/ALL/jsonl/test.jsonl"
_ITALIAN = "dataset/It_persona_split_test_human_annotated.json"
_RETAIL = (
    "web/leaderboard/public/submissions/toolorchestra_nvidia_2025-12-02/trajectories/"
    "toolorchestra_retail_gpt-5_1trial.json"
)

PARTS = (
    *(
        Part(f"XDailyDialog, development, {name}", file, _everyday(file), chose=True)
        for name in ("en", "de", "zh")
        for file in [f"data/{name}_dev_human.txt"]
    ),
    *(
        Part(f"XPersona, development, {name}", file, _personas(file), chose=True)
        for name, split in (
            ("En", ""),
            ("Fr", "split_"),
            ("Id", "split_"),
            ("Zh", "split_"),
            ("Jp", "split_"),
        )
        for file in [f"dataset/{name}_persona_{split}valid{'_human_annotated' if split else ''}.json"]
    ),
    Part("Topical-Chat, frequent", _FREQUENT, _topical(_FREQUENT), chose=True),
    Part("Schema-Guided Dialogue", "dev/dialogues_001.json", _services, chose=True),
    Part("tau-bench, airline", _AIRLINE, _runs(_AIRLINE, None, "traj"), chose=True),
    Part("QMSum, development", _QMSUM_VAL, _meetings(_QMSUM_VAL), chose=True),
    Part("CMU_DoG", "Conversations/test/*.json", _films),
    Part("ConvAI", "data/export_2018-07-07_train.json", _convai),
    Part("DREAM", "data/train.json", _dream),
    Part("tau2-bench, retail", _RETAIL, _runs(_RETAIL, "simulations", "messages")),
    Part("films to book", "data/movie_all.tsv", _tickets),
    Part("CrossWOZ", "data/crosswoz/val.json.zip", _crosswoz),
    Part("XPersona, Italian", _ITALIAN, _personas(_ITALIAN)),
    Part("QMSum, test", _QMSUM_TEST, _meetings(_QMSUM_TEST)),
    Part("XDailyDialog, test", "data/en_test_human.txt", _everyday("data/en_test_human.txt")),
    Part("Topical-Chat, rare", _RARE, _topical(_RARE)),
)

_TIAGE = "data/personachat/anno/test/anno_test.json"
_ZYS = "examples/DATASET/ch/cut_result_zys_reference_v2.txt"
_TURN = re.compile(r"(?P<segment>\d+) (?:坐席|客户)[:：](?P<text>.*)")


def _dialseg(folder: Path) -> Iterator[Marked]:
    for dialogue in _json(folder / "data/eval/dialseg_711.json"):
        ends = [sum(dialogue["segments"][:at]) for at in range(1, len(dialogue["segments"]))]
        yield Marked(dialogue["utterances"], ends)


def _tiage(folder: Path) -> Iterator[Marked]:
    for turns in _json(folder / _TIAGE).values():
        yield Marked(
            [text for text, _ in turns], [at for at, (_, label) in enumerate(turns) if at and label == "1"]
        )


def _changes_of_service(folder: Path) -> Iterator[Marked]:
    for number in range(6, 21, 2):
        path = folder / f"dev/dialogues_{number:03}.json"
        for dialogue in _json(path) if path.is_file() else ():
            changes = list(_changes(dialogue["turns"]))
            if changes and len(dialogue["services"]) > 1:
                yield Marked([turn["utterance"] for turn in dialogue["turns"]], changes)


def _changes(turns: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """Where a customer wants something of another service than before."""
    before = None
    for at, turn in enumerate(turns):
        wanted = [
            frame["service"]
            for frame in turn["frames"]
            if turn["speaker"] == "USER" and any(act["act"] == "INFORM_INTENT" for act in frame["actions"])
        ]
        if wanted:
            if before and wanted[0] != before:
                yield at
            before = wanted[0]


def _zys(folder: Path) -> Iterator[Marked]:
    for call in re.split(r"call_id\S*\n", (folder / _ZYS).read_text("utf-8"))[1:]:
        turns = [found for line in call.splitlines() if (found := _TURN.match(line))]
        segments = [int(found["segment"]) for found in turns]
        starts = [at for at in range(1, len(turns)) if segments[at] != segments[at - 1]]
        yield Marked([found["text"].strip() or "。" for found in turns], starts)
