"""How much of what `duolog mine` promises holds: personal details found, and mined tests that fail for their reason.

    python benchmarks/mining.py details
    python benchmarks/mining.py logs LOG... --most 1000

`details` reads `data/details.jsonl`: sentences with one planted detail each, in two sets (the first was looked at while
the rules were written, the second was written after them), and sentences without any; `data/details_in_dialogues.tsv`:
short dialogues in many languages, whose details also come again in other letters; and all messages of the labelled
dialogues, in which it shows what it takes for a detail. `logs` makes a test of every failing dialogue, whatever its
kind, runs all of them, and compares the reason of each failure with the one that its module states. Logs that such
tests come from belong to others, so none are here.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

from labelled import read_dialogues

from pytest_duolog.cli import main as duolog
from pytest_duolog.commands import mine
from pytest_duolog.mining import kinds
from pytest_duolog.mining.details import details_in
from pytest_duolog.mining.stand_ins import with_stand_ins
from pytest_duolog.transcripts.transcript import Message, Transcript

DATA = Path(__file__).with_name("data") / "details.jsonl"
DIALOGUES = DATA.with_name("details_in_dialogues.tsv")
MARK = re.compile(r"\{(\w+):(.+?)\}")


def is_gone(text: str, value: str) -> bool:
    """Whether nothing of a planted value is left, apart from words of three letters or less."""
    for _, found in details_in(text):
        text = text.replace(found, "")
    return not any(len(part) > 3 and part in text for part in value.split())


def in_dialogues() -> None:
    """Recall in dialogues: of every place where a detail stands, also where it comes again."""
    for number in "12":
        planted, gone = Counter[str](), Counter[str]()
        for line in DIALOGUES.read_text("utf-8").splitlines():
            of_set, _, *marked = line.replace("\\n", "\n").split("\t")
            if of_set != number:
                continue
            messages = [
                Message(speaker="ab"[i % 2], content=MARK.sub(r"\2", text)) for i, text in enumerate(marked)
            ]
            said, _ = with_stand_ins(Transcript(messages=tuple(messages)))
            for text, message in zip(marked, said.messages, strict=True):
                for kind, value in MARK.findall(text):
                    planted[kind] += 1
                    parts = [part for part in value.split() if len(part) > 2] or [value]
                    left = [
                        part
                        for part in parts
                        if re.search(rf"(?i)(?<!\w){re.escape(part)}(?!\w)", message.content)
                    ]
                    gone[kind] += not left and value not in message.content
        print(f"dialogues, set {number}: {gone.total()} of {planted.total()} gone")
        for kind in planted:
            print(f"  {kind:12} {gone[kind]:>3} of {planted[kind]}")


def details() -> None:
    """Recall by kind, and what is found where nothing is."""
    rows = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
    for number in (1, 2):
        planted, gone = Counter[str](), Counter[str]()
        for row in rows:
            if row["set"] == number:
                planted[row["kind"]] += 1
                gone[row["kind"]] += is_gone(row["text"], row["value"])
        print(f"set {number}: {gone.total()} of {planted.total()} gone")
        for kind in planted:
            print(f"  {kind:12} {gone[kind]:>3} of {planted[kind]}")
    innocent = [row["text"] for row in rows if not row["set"]]
    wrong = {text: found for text in innocent if (found := details_in(text))}
    print(f"innocent sentences: {len(wrong)} of {len(innocent)} with something found", wrong or "")
    in_dialogues()
    said = dict.fromkeys(text for one in read_dialogues() for _, text in one.messages)
    found = [(kind.value, value, text) for text in said for kind, value in details_in(text)]
    print(f"labelled dialogues: {len(found)} details in {len(said)} messages")
    for kind, value, text in found:
        print(f"  {kind:12} {value!r} in {text[:80]!r}")


def logs(paths: list[str], most: int) -> None:
    """Make the tests, run them, and count those that fail for their reason."""
    kinds.ALIKE = kinds.ALIKE_TO_KNOWN = 1.01  # every failure is a kind of its own
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        duolog(["mine", *paths, "-o", name, "--most", str(most), "--format", "text"])
        print(f"mined in {time.perf_counter() - began:.0f} s")
        report = folder / "report.xml"
        began = time.perf_counter()
        command = [sys.executable, "-m", "pytest", "-q", "-k", "test_as_logged", f"--junitxml={report}"]
        command += ["-p", "no:cacheprovider", "--no-header", "--tb=short", "-o", "addopts="]
        subprocess.run([*command, name], cwd=name, stdout=subprocess.DEVNULL, check=False)
        print(f"run in {time.perf_counter() - began:.0f} s")
        outcomes = Counter(_outcome(case, folder) for case in ET.parse(report).iter("testcase"))
        print(f"{outcomes.total()} mined tests: {dict(outcomes)}")


def _outcome(case: ET.Element, folder: Path) -> str:
    failure = case.find("failure")
    if failure is None:
        return "passed" if case.find("error") is None else "error"
    [module] = folder.rglob(f"{case.attrib['classname'].rpartition('.')[2]}.py")
    lines = module.read_text("utf-8").split("\n")
    check, why = lines[0].removeprefix('"""').split(" fails in")[0], lines[2]
    shown = f"{failure.attrib.get('message', '')} {failure.text or ''}".replace('"', "'").replace("\\", "/")
    is_stated = f"{check} fails" in shown or f"{check}(" in shown
    return "fails for its reason" if is_stated and why[:60] in " ".join(shown.split()) else "fails otherwise"


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("details", "logs"))
    parser.add_argument("logs", nargs="*")
    parser.add_argument("--most", type=int, default=mine.MOST)
    arguments = parser.parse_args()
    if arguments.what == "details":
        details()
    else:
        logs(arguments.logs, arguments.most)


if __name__ == "__main__":
    main()
