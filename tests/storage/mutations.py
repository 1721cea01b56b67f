"""Seeded changes to files of lines, of every kind that hands, merges, editors and disks make."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

Mutation = Callable[[random.Random, list[bytes]], None]


def change_byte(rng: random.Random, lines: list[bytes]) -> None:
    number = rng.randrange(len(lines))
    line = bytearray(lines[number])
    line[rng.randrange(len(line))] = rng.randrange(256)
    lines[number] = bytes(line)


def change_bytes(rng: random.Random, lines: list[bytes]) -> None:
    for _ in range(rng.randint(2, 6)):
        change_byte(rng, lines)


def drop_bytes(rng: random.Random, lines: list[bytes]) -> None:
    number = rng.randrange(len(lines))
    start = rng.randrange(len(lines[number]))
    lines[number] = lines[number][:start] + lines[number][start + rng.randint(1, 9) :]


def put_bytes_in(rng: random.Random, lines: list[bytes]) -> None:
    number = rng.randrange(len(lines))
    at = rng.randrange(len(lines[number]))
    new = rng.choice([b" ", b"x", b"\n", b"\\n", b"not ", bytes([rng.randrange(256)])])
    lines[number] = lines[number][:at] + new + lines[number][at:]


def change_word(rng: random.Random, lines: list[bytes]) -> None:
    number = rng.randrange(len(lines))
    words = list(re.finditer(rb"[A-Za-z]{3,}", lines[number]))
    if words:
        word = rng.choice(words)
        new = rng.choice([b"never", b"always", word[0].upper(), word[0][::-1], b""])
        lines[number] = lines[number][: word.start()] + new + lines[number][word.end() :]


def change_number(rng: random.Random, lines: list[bytes]) -> None:
    number = rng.randrange(len(lines))
    found = list(re.finditer(rb"(?<=[:\[,])-?\d+(?=[,\]}])", lines[number]))
    if found:
        place = rng.choice(found)
        new = b"%d" % rng.choice([-1, 0, 1, 2, 3, 99, 10**9])
        lines[number] = lines[number][: place.start()] + new + lines[number][place.end() :]


def swap_words(rng: random.Random, lines: list[bytes]) -> None:
    number = rng.randrange(len(lines))
    words = list(re.finditer(rb"[A-Za-z]{3,}", lines[number]))
    if len(words) > 1:
        one, two = sorted(rng.sample(words, 2), key=lambda word: word.start())
        line = lines[number]
        lines[number] = b"".join(
            [line[: one.start()], two[0], line[one.end() : two.start()], one[0], line[two.end() :]]
        )


def swap_lines(rng: random.Random, lines: list[bytes]) -> None:
    one, two = rng.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]


def double_line(rng: random.Random, lines: list[bytes]) -> None:
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))


def drop_line(rng: random.Random, lines: list[bytes]) -> None:
    del lines[rng.randrange(len(lines))]


def put_line_in(rng: random.Random, lines: list[bytes]) -> None:
    line = bytearray(rng.choice(lines))
    lines.insert(rng.randrange(len(lines) + 1), re.sub(rb',"sum":"\w+"', b"", bytes(line)))


def replace_text_everywhere(rng: random.Random, lines: list[bytes]) -> None:
    word = rng.choice(re.findall(rb"[A-Za-z]{4,}", rng.choice(lines)) or [b"none"])
    lines[:] = [line.replace(word, b"something") for line in lines]


def take_checksum_away(rng: random.Random, lines: list[bytes]) -> None:
    number = rng.randrange(len(lines))
    lines[number] = re.sub(rb',"sum":"\w+"', b"", lines[number])
    change_word(rng, lines)


def take_checksum_of_another_line(rng: random.Random, lines: list[bytes]) -> None:
    one, two = rng.sample(range(len(lines)), 2)
    lines[one] = lines[one][:-10] + lines[two][-10:]


def cut(rng: random.Random, lines: list[bytes]) -> None:
    content = b"\n".join(lines)
    lines[:] = content[: rng.randrange(len(content))].split(b"\n")


MUTATIONS: tuple[Mutation, ...] = (
    change_byte, change_bytes, drop_bytes, put_bytes_in, change_word, change_number, swap_words, swap_lines,
    double_line, drop_line, put_line_in, replace_text_everywhere, take_checksum_away, take_checksum_of_another_line,
    cut,
)  # fmt: skip


def mutants(content: bytes, n: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """`n` changed contents of a file, each with the name of its change; those that changed nothing are left out."""
    for number in range(n):
        rng = random.Random(f"{seed} {number}")
        mutate = MUTATIONS[number % len(MUTATIONS)]
        lines = content.splitlines()
        mutate(rng, lines)
        changed = b"\n".join(lines) + b"\n"
        if changed != content:
            yield f"{mutate.__name__}, {seed} {number}", changed
