"""CPU seconds that detectors, properties, readers, redaction and printing take on texts made to be slow.

    python benchmarks/hostile.py [--bytes 1000000] [--messages 100000] [--only redact] [--limit 2.0]

Every subject reads every text of so many characters, and every dialogue of so many short messages. For each subject the
slowest text is shown. What takes longer than the limit a megabyte is counted, and the exit code is then 1; a message
counts as 150 characters at least, for each costs something. A subject whose time grows faster than its text does is
caught by `tests/test_growth.py`, which compares two sizes of each text.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from pytest_duolog import Message, Transcript
from pytest_duolog.detectors.closings import ClosingDetector
from pytest_duolog.detectors.loops import LoopDetector
from pytest_duolog.display import printable
from pytest_duolog.properties.by_name import property_types
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.stream_redaction import without_secrets_in_stream
from pytest_duolog.reports.terminal import dialogue_section
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.topics.assess import assess_topic
from pytest_duolog.transcripts.markdown import from_markdown, to_markdown
from pytest_duolog.transcripts.transcript import TranscriptSpeaker

SHORTEST_MESSAGE = 150

# Texts are one of these, again and again: what patterns begin with, go on with or break off in.
PARTS: Mapping[str, str] = {
    **{f"many {name}": part for name, part in (
        ("letters", "a"), ("spaces", " "), ("line feeds", "\n"), ("stops", "."), ("digits", "7"), ("brackets", "("),
        ("quotes", '"'), ("backslashes", "\\"), ("escapes", "\x1b[2J"), ("fences", "```"), ("accents", "a\u0301"),
        ("joined emoji", "\U0001f469\u200d\U0001f469\u200d\U0001f467"), ("Chinese", "祝你"), ("Korean", "다음에 "),
        ("Thai", "สวัสดี"), ("right to left", "\u202e"), ("commands", "\n::error::"), ("colons", ":"), ("dashes", "-"),
        ("equal signs", "="), ("percent signs", "%41"), ("entities", "&amp;"), ("surrogates", "\\ud83d"),
        ("tags", "<think>"), ("bold", "**a "), ("opening tags", "<"),
    )},
    **{f"beginnings of {name}": part for name, part in (
        ("thanks", "thank you so much "), ("wishes", "have a very really truly "), ("leave", "it was so very nice "),
        ("questions", "would you like to "), ("offers", "how can I help "), ("praise", "that's a great great "),
        ("thoughts", "the user wants me to "), ("machines", "as an AI language "), ("lines", "Ann: \n"),
        ("messages", "Model A: a\n\n"), ("headings", "## "), ("lists", "- a\n"), ("tables", "| a "), ("links", "[a]("),
        ("addresses", "http://a.b/"), ("mail", "a@b."), ("JSON", '{"a":'), ("lists in lists", "["), ("words", "a-b_c "),
        ("repeats", "we went there and "), ("sentences", "So it is. "),
        ("keys", "sk-"), ("long keys", "sk-aaaaaaaaaaaaaaaa-"), ("tokens", "eyJ"), ("bearers", "Bearer "),
        ("blocks", "-----BEGIN PRIVATE KEY-----"), ("ends", "-----END PRIVATE KEY"), ("basics", "basic dXNlcjpw"),
        ("passwords", "password="), ("quoted passwords", "password='"), ("options", "--password "),
        ("parameters", "?api_key="), ("users", "://a:"), ("annotations", "token: str | "), ("cuts", "sk-a..."),
        ("markers", "[redacted "), ("events", 'data: {"a":"s"}\n\n'), ("putty", "Private-Lines: 8\n"),
        ("curl", "curl -u a:"), ("logins", "login a password "), ("cookies", "Cookie: a="),
        ("hooks", "hooks.slack.com/"),
    )},
}  # fmt: skip


def texts(n: int) -> Iterator[tuple[str, Callable[[], str]]]:
    """Names, and what makes a text of `n` characters."""
    for name, part in PARTS.items():
        yield name, lambda part=part: (part * (n // len(part) + 1))[:n]  # type: ignore[misc]
    yield "new words", lambda: _words(n, 1_000_000)
    yield "few words", lambda: _words(n, 50)
    yield "one new sentence after the other", lambda: _sentences(n)
    yield "everything at once", lambda: ("".join(PARTS.values()) * (n // 1000 + 1))[:n]
    yield (
        "base64",
        lambda: "".join(random.Random(1).choices("ABCDEFGHIJKLMNOPabcdefghijklmnop0123456789+/", k=n)),
    )


def _words(n: int, n_words: int) -> str:
    numbers = random.Random(1).choices(range(n_words), k=n // 6)
    return " ".join(f"w{number:x}" for number in numbers)[:n]


def _sentences(n: int) -> str:
    numbers = random.Random(2)
    return " ".join(
        f"The {numbers.randrange(9999)} lamps of {numbers.randrange(9999)} were lit." for _ in range(n // 30)
    )[:n]


def dialogues(n: int) -> Iterator[tuple[str, Callable[[], Transcript]]]:
    """Names, and what makes a dialogue of `n` messages."""
    numbers = random.Random(3)
    made: dict[str, Callable[[int], str]] = {
        "one message": lambda _: "So it is.",
        "two messages": lambda at: ("Yes, indeed.", "No, never.")[at % 2],
        "two sentences": lambda at: (
            "I would like to know how bright these lamps are.",
            "They light the whole room, and the stairs as well.",
        )[at % 2],
        "goodbyes": lambda at: ("Goodbye!", "Take care, bye!", "See you soon.")[at % 3],
        "empty messages": lambda _: "",
        "new messages": lambda at: f"The {at} lamps of {numbers.randrange(10**6)} were lit.",
        "nearly the same": lambda at: f"We went there {at} times and saw the lamps.",
        "questions": lambda at: f"Is it {at % 1000}?",
        "thanks": lambda at: f"Thank you, great point {at % 7}!",
        "long periods": lambda at: f"Step {at % 997}.",
        "growing periods": lambda at: f"Step {at - int(at**0.5) ** 2} of {int(at**0.5)}.",
    }
    for name, make in made.items():
        yield name, lambda make=make: dialogue([make(at) for at in range(n)])  # type: ignore[misc]


def dialogue(contents: list[str]) -> Transcript:
    """A transcript in which two speakers take turns."""
    speakers = (
        TranscriptSpeaker(name="Ann", model="a", system="You are Ann. " * 20),
        TranscriptSpeaker(name="Ben", model="b", system="Be kind."),
    )
    messages = tuple(
        Message(speaker=("Ann", "Ben")[at % 2], content=text) for at, text in enumerate(contents)
    )
    return Transcript(speakers=speakers, messages=messages, topic="lamps")


def _loops(transcript: Transcript) -> object:
    detector = LoopDetector()
    for message in transcript.messages:
        detector.read(message.speaker, message.content)
    return detector.loops()


def _closings(transcript: Transcript) -> object:
    detector = ClosingDetector()
    for message in transcript.messages:
        detector.read(message.content)
    return detector.at_end()


ARGUMENTS: Mapping[str, tuple[object, ...]] = {
    "TerminatesWithin": (20,),
    "Mentions": ("refund",),
    "NeverSays": ("a refund of it",),
    "MaxWords": (150,),
    "CallsTool": ("refund",),
    "NeverCalls": ("refund",),
    "CallsInOrder": (("look_up", "refund"),),
    "ClaimsAreCalls": ({"refund": "refunded"},),
}


def readers() -> dict[str, Callable[[Transcript], object]]:
    """What reads dialogues: the detectors, the properties, and what writes and shows them."""
    properties = {
        name: made(*ARGUMENTS.get(name, ())).check  # type: ignore[call-arg]
        for name, made in property_types().items()
        if name != "Judged"
    }
    return {
        "detect loops": _loops,
        "detect endings": _closings,
        "detect drift": lambda transcript: assess_topic(transcript, "lamps"),
        **properties,
        "write Markdown": to_markdown,
        "write and read Markdown": lambda transcript: from_markdown(to_markdown(transcript)),
        "show a dialogue": lambda transcript: dialogue_section(DialogueResult(transcript=transcript)),
    }


def text_readers() -> dict[str, Callable[[str], object]]:
    """What reads texts whatever they are: redaction, and what is shown to people."""

    def redactor() -> Redactor:  # a new one each time: it remembers texts and secrets
        return Redactor({"LAB_TOKEN": "aaaa-7777-aaaa-1b", "LAB_PASSWORD": "77777777"})

    return {
        "redact": lambda text: Redactor({}).text(text),
        "redact values": lambda text: redactor().text(text),
        "redact what is shown": lambda text: redactor().shown(text),
        "redact JSON": lambda text: redactor().json({"password": text, "a": [text]}),
        "redact a stream": lambda text: without_secrets_in_stream(text, redactor()),
        "redact an address": lambda text: redactor().uri(f"https://h/x?key={text[:100_000]}"),
        "refuse": lambda text: redactor().finds_secret(text),
        "print": printable,
        "read Markdown": _read_markdown,
    }


def _read_markdown(text: str) -> object:
    try:
        return from_markdown(text)
    except ValueError as error:
        return error


def seconds(read: Callable[[], object]) -> float:
    """The CPU time of one reading."""
    started = time.process_time()
    read()
    return time.process_time() - started


def measured(n_bytes: int, n_messages: int, only: str) -> Iterator[tuple[str, str, float, float]]:
    """Subject, text, CPU seconds, and megabytes read."""
    for name, make in texts(n_bytes):
        text = make()
        alone, answered = dialogue([text, "Well."]), dialogue(["Hello.", text, "And then?", text, "Fine."])
        for subject, read in text_readers().items():
            if only in subject:
                yield subject, name, seconds(lambda read=read, text=text: read(text)), n_bytes / 1e6  # type: ignore[misc]
        for subject, check in readers().items():
            if only in subject:
                yield subject, name, seconds(lambda check=check, alone=alone: check(alone)), n_bytes / 1e6  # type: ignore[misc]
                both = seconds(lambda check=check, answered=answered: check(answered))  # type: ignore[misc]
                yield subject, f"{name}, twice", both, 2 * n_bytes / 1e6
    for name, made in dialogues(n_messages):
        transcript = made()
        size = sum(max(SHORTEST_MESSAGE, len(message.content)) for message in transcript.messages) / 1e6
        for subject, check in readers().items():
            if only in subject:
                yield (
                    subject,
                    f"{n_messages} messages: {name}",
                    seconds(lambda check=check, transcript=transcript: check(transcript)),  # type: ignore[misc]
                    size,
                )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--limit", type=float, default=2.0)
    parser.add_argument("--verbose", action="store_true", help="say what is above the limit at once")
    options = parser.parse_args()
    slowest: dict[str, tuple[float, str]] = {}
    too_slow = []
    for subject, name, cpu_s, size in measured(options.bytes, options.messages, options.only):
        per_mb = cpu_s / size
        slowest[subject] = max(slowest.get(subject, (0.0, "")), (per_mb, name))
        if per_mb > options.limit:
            too_slow.append((subject, name, per_mb))
            if options.verbose:
                print(f"too slow: {subject}: {name}: {per_mb:.1f} s/MB", flush=True)
    print(f"{'subject':<26} {'s/MB':>6}  slowest text")
    for subject, (per_mb, name) in sorted(slowest.items(), key=lambda item: -item[1][0]):
        print(f"{subject:<26} {per_mb:>6.2f}  {name}")
    print(f"{len(too_slow)} above {options.limit} s/MB")
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
