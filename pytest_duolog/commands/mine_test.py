"""Writes a failure of a logged dialogue as a test: a folder with the dialogue and a test module."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from pytest_duolog.commands.mine_failures import fails_alike, speaking
from pytest_duolog.commands.shrink_test import property_code
from pytest_duolog.commands.talk_test import literal
from pytest_duolog.display import counted
from pytest_duolog.mining.stand_ins import StandIn
from pytest_duolog.properties.base import Property, judge
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.scenarios.names import LONGEST_NAME
from pytest_duolog.transcripts.markdown import to_snapshot
from pytest_duolog.transcripts.sources import Source, read_file, read_sources
from pytest_duolog.transcripts.transcript import Message, Transcript

FOLDER = "mined"
# The hidden folder of a test that is being written, and for how long it may be: a test is written in far less.
UNFINISHED = re.compile(r"\.\w+_[0-9a-f]{8}\.\w+")
LEFT_BEHIND_S = 600
MARKDOWN, JSON = "dialogue.md", "dialogue.json"
MODULE = '''"""{summary}

{why}

{origin}
"""

from pathlib import Path

{imports}

LOGGED = Transcript.{reader}(Path(__file__).with_name("{file}"))


def test_as_logged():
    """Fails as the dialogue did, without a model. Delete it once `test_again` has a recording."""
    assert LOGGED.satisfies({check})
'''
AGAIN = '''

@pytest.mark.dialogue(
{values})
def test_again(dialogue):
    """The same messages of {partner} to {under_test} as it is today: pytest --record-mode=once."""
    assert dialogue.satisfies({check})
'''
PLACEHOLDER = '''

def under_test(messages):
    """What is under test: gets the history as {"role", "content"}, and returns its reply."""
    raise NotImplementedError("ask your bot here, or name its model below: model='provider:model'")
'''


@dataclass(frozen=True)
class Asserted:
    """A property of a test: the property, and the code that makes it, with the modules that the code imports from."""

    check: Property
    code: str
    imports: dict[str, str]

    @classmethod
    def of(cls, check: Property, given: str = "") -> Asserted:
        """A property that was given in this text; without one, it is one of the package."""
        module, colon, own = map(str.strip, given.partition(":"))
        if not colon or not re.fullmatch(r"[\w.]+", module):
            return cls(check, property_code(str(check)), {type(check).__name__: "pytest_duolog"})
        is_class = "(" not in own and type(check).__name__ == own.rpartition(".")[2]
        first = re.split(r"\W", own, maxsplit=1)[0]
        return cls(check, f"{own}()" if is_class else own, {first: module})

    @property
    def name(self) -> str:
        """The name of the property, as a part of names of files: `no_loops`."""
        plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self.check).__name__).lower()
        return re.sub(r"\W+", "_", plain)


class Stored(NamedTuple):
    """A dialogue as a file of a test: its name, its text, and the verdict on what is read from it."""

    file: str
    text: str
    verdict: Verdict


@dataclass(frozen=True)
class MinedTest:
    """A test that is to be written: its property, its dialogue, and what it says about them.

    `under_test` is the model of the side under test, empty if nobody named it; `speaker` the name of that side.
    `n_alike` is how many dialogues it stands for.
    """

    asserted: Asserted
    transcript: Transcript
    stored: Stored
    place: str
    n_alike: int
    under_test: str
    speaker: str
    replaced: Sequence[StandIn] = ()

    @property
    def name(self) -> str:
        """The name of its folder, which has a hash of the dialogue."""
        digest = blake2b(self.stored.text.encode("utf-8"), digest_size=4).hexdigest()
        return f"{self.asserted.name}_{digest}"

    def module(self, redact: Callable[[str], str]) -> str:
        """The code of the test module."""
        again = "".join(self._again())
        names = {**self.asserted.imports, "Transcript": "pytest_duolog"}
        if again:
            names |= {"Script": "pytest_duolog", "Speaker": "pytest_duolog"}
        imports = "import pytest\n\n" if again else ""
        for module in sorted(set(names.values())):
            of_module = sorted(name for name, home in names.items() if home == module)
            imports += f"from {module} import {', '.join(of_module)}\n"
        what = type(self.asserted.check).__name__
        alike = f", and in {counted(self.n_alike - 1, 'dialogue')} like it" if self.n_alike > 1 else ""
        text = MODULE.format(
            summary=f"{what} fails in this logged dialogue{alike}; found by duolog mine.",
            why=harmless(self.stored.verdict.explanation),
            origin=harmless(f"From {Path(self.place).name}."),
            imports=imports.rstrip("\n"),
            file=self.stored.file,
            reader="from_markdown" if self.stored.file == MARKDOWN else "from_json",
            check=self.asserted.code,
        )
        return redact(text + again)

    def _again(self) -> Iterator[str]:
        """The test that says the partner's messages again; nothing if there are not exactly two speakers."""
        speakers = speaking(self.transcript)
        partner = next((name for name in speakers if name != self.speaker), None)
        blocks = list(_blocks(self.transcript.messages))
        lines = [text for name, text in blocks if name == partner]
        if len(speakers) != 2 or partner is None or not lines:
            return
        if not self.under_test:
            yield PLACEHOLDER
        yield AGAIN.format(
            values="".join(f"    {name}={value},\n" for name, value in self._values(partner, lines, blocks)),
            partner=harmless(partner),
            under_test=harmless(self.speaker),
            check=self.asserted.code,
        )

    def _values(
        self, partner: str, lines: Sequence[str], blocks: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        said = "".join(f"\n            {line!r}," for line in lines)
        script = f'Script({said}\n            then="silence",\n        )'
        name = plain_name(partner)
        yield "a", f"Speaker(\n        {name!r},\n        model={script},\n    )"
        index, speaker = next(
            (index, one) for index, one in enumerate(self.transcript.speakers) if one.name == self.speaker
        )
        prompt = f", system=LOGGED.speakers[{index}].system" if speaker.system else ""
        model = repr(self.under_test) if self.under_test else "under_test"
        yield "b", f"Speaker({plain_name(self.speaker, other=name)!r}, model={model}{prompt})"
        opener, text = blocks[0]
        yield "opener", "None" if opener == partner else literal(text)
        if opener != partner:
            yield "opener_by", '"b"'
        yield "turns", str(max(1, len(blocks) // 2))
        if self.transcript.topic:
            yield "topic", literal(self.transcript.topic)


def _blocks(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """Who said what: messages of one speaker in a row are one, and those without words are left out."""
    spoken = (message for message in messages if message.content.strip())
    for name, group in groupby(spoken, key=lambda message: message.speaker):
        yield name, "\n\n".join(message.content for message in group)


def harmless(text: str) -> str:
    """A text that can stand in a docstring: on one line, with nothing that ends it."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.replace("\\", "/").replace('"', "'").split())


def plain_name(name: str, *, other: str = "") -> str:
    """A name as a speaker of a test may have it, not that of the `other` one; a log may have any text as a name."""
    plain = " ".join(harmless(name).replace(":", " ").split())[: LONGEST_NAME - 2].strip() or "Speaker"
    return plain if plain != other else f"{plain} 2"


def stored_form(check: Property, transcript: Transcript, verdict: Verdict) -> Stored | None:
    """The form that keeps the failure, Markdown if that is enough; None if the property fails alike on neither."""
    for file, text in ((MARKDOWN, to_snapshot(transcript)), (JSON, transcript.to_json())):
        for read in read_sources(text, file=file):
            if isinstance(read, Source) and fails_alike(again := judge(check, read.transcript), verdict):
                return Stored(file, text, again)
    return None


def write_folder(folder: Path, files: dict[str, str]) -> bool:
    """Write a folder with these files, whole or not at all; False if there is one already. Raises OSError."""
    if folder.exists():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A new name each time: another run may be writing the same test.
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, text in files.items():
            (unfinished / name).write_text(text, "utf-8", newline="\n")
        unfinished.chmod(0o777 & ~_umask())
        unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if folder.is_dir():
            return False  # another run was faster
        raise
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return True


def remove_unfinished(output: Path) -> None:
    """Remove the hidden folders of tests that killed runs left, but not new ones: they may be of a run beside this."""
    for path in (output / FOLDER).glob(".*"):
        with suppress(OSError):
            is_old = time.time() - path.lstat().st_mtime > LEFT_BEHIND_S
            if is_old and UNFINISHED.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def _umask() -> int:
    """The rights that new files do not get; it can only be read by setting it."""
    now = os.umask(0o077)
    os.umask(now)
    return now


def written_tests(output: Path) -> Iterator[tuple[Path, Transcript]]:
    """The folders of the tests that are there, with their dialogues; a folder without a readable one is passed over."""
    for path in sorted((output / FOLDER).glob("[!.]*/dialogue.*")):
        if path.name in (MARKDOWN, JSON):
            found = read_file(path)
            if len(found) == 1 and isinstance(found[0], Source):
                yield path.parent, found[0].transcript
