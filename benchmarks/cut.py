"""How often a goodbye is found in public dialogues that are cut off long before their end.

    python benchmarks/cut.py FOLDER [FOLDER ...]

Each folder holds a corpus; `docs/topic.md` says which, and from where. Of each corpus, `MOST` dialogues are cut at a
random message in their first 60 %. Prints how many of them are said to end with a goodbye, corpus by corpus. Some do
say one there: people hang up and call again.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from corpora import PARTS, parts_in

from pytest_duolog import Message, Transcript
from pytest_duolog.properties.endings import find_closing

MOST, FEWEST_MESSAGES, KEPT = 400, 8, (4, 0.6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    chance = random.Random(5)
    n_all = n_found = 0
    for part, dialogues in parts_in(parser.parse_args().folders, PARTS):
        long_enough = [said for said in dialogues if len(said) >= FEWEST_MESSAGES][:MOST]
        found = 0
        for said in long_enough:
            fewest, share = KEPT
            kept = said[: chance.randint(fewest, max(fewest, int(len(said) * share)))]
            messages = [Message(speaker="AB"[at % 2], content=text) for at, text in enumerate(kept)]
            found += find_closing(Transcript(messages=messages)) is not None
        print(f"{part.name:36} {found:3} of {len(long_enough)}")
        n_all, n_found = n_all + len(long_enough), n_found + found
    print(f"{'all':36} {n_found:3} of {n_all}")


if __name__ == "__main__":
    main()
