"""How long the detectors and properties take for texts that are made to be slow: CPU seconds for each megabyte.

    python benchmarks/bounds.py [--megabytes 1] [NAME ...]

Each text is read twice: as one message, and as many messages of a few characters or words. Every property that needs no
model reads it. What takes longer than 2 s for a megabyte is marked with `!`.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import time
from collections.abc import Iterator

from labelled import read_dialogues

from pytest_duolog import Message, Transcript
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.by_name import property_types
from pytest_duolog.topics.boundaries import find_boundaries

LIMIT_S = 2.0
MEGABYTE = 1_000_000


def texts(n: int) -> Iterator[tuple[str, str]]:
    """Texts of about `n` characters, by name."""
    noise = random.Random(1).randbytes(n)
    yield "one word", "goodbye " * (n // 8)
    yield "no spaces", "goodbye" * (n // 7)
    yield "punctuation", "?!., \"'" * (n // 7)
    yield "api keys", "?api_key=" * (n // 9)
    yield "nested json", '{"a":[' * (n // 12) + "1" + "]}" * (n // 12)
    yield "json values", json.dumps([{"id": at, "text": f"line {at}"} for at in range(n // 34)])
    yield "emoji", "🙏👋" * (n // 8)
    yield "combining", "e\u0301\u0323" * (n // 5)
    yield "right to left", "مع السلامة " * (n // 20)
    yield "digits", "1234567890" * (n // 10)
    yield "base64", base64.b64encode(noise).decode()[:n]
    yield "quotes", '"a" ' * (n // 4)
    yield "line breaks", "a\n\n" * (n // 3)
    yield "backticks", "`" * n
    yield "questions", "do you? " * (n // 8)
    yield "new words", " ".join(f"w{at:x}" for at in range(n // 7))
    yield "i have", "i have to thank you " * (n // 20)


def transcripts(content: str, pieces: int) -> Iterator[tuple[str, Transcript]]:
    """The text as one message, and cut into many messages."""
    yield "one message", Transcript(messages=(Message(speaker="A", content=content),))
    size = max(1, len(content) // pieces)
    cut = [content[at : at + size] for at in range(0, len(content), size)]
    yield (
        f"{len(cut):,} messages",
        Transcript(messages=tuple(Message(speaker="AB"[at % 2], content=c) for at, c in enumerate(cut))),
    )


def measured(names: list[str]) -> Iterator[Property]:
    """The properties that can be made without arguments."""
    for name, kind in property_types().items():
        if not names or name in names:
            try:
                yield kind()
            except (TypeError, ConfigurationError):
                continue


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=1.0)
    parser.add_argument("--pieces", type=int, default=25_000, help="messages for each text that is cut")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these properties, or `boundaries`")
    arguments = parser.parse_args()
    checks = [(type(one).__name__, one.check) for one in measured(arguments.names)]
    if not arguments.names or "boundaries" in arguments.names:
        checks.append(("boundaries", lambda transcript: find_boundaries(transcript.messages)))
    for dialogue in list(read_dialogues())[::10]:  # what is loaded and compiled once does not count
        for _, check in checks:
            check(Transcript(messages=tuple(Message(speaker=a, content=b) for a, b in dialogue.messages)))
    slow = 0
    for name, content in texts(int(MEGABYTE * arguments.megabytes)):
        for cut, transcript in transcripts(content, int(arguments.pieces * arguments.megabytes)):
            for check_name, check in checks:
                start = time.process_time()
                check(transcript)
                rate = (time.process_time() - start) / arguments.megabytes
                slow += rate > LIMIT_S
                if rate > LIMIT_S / 4:
                    print(
                        f"{'!' if rate > LIMIT_S else ' '} {name:<14} {cut:<16} {check_name:<22} {rate:6.2f}"
                    )
    print(f"{slow} above {LIMIT_S:g} s for each megabyte; what took less than a quarter of it is left out")


if __name__ == "__main__":
    main()
