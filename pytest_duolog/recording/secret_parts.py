"""Finds parts of secrets in text that was shortened for people.

pytest cuts the middle out of long values, leaves out equal beginnings of long texts, and stops after some lines. So the
shown text may start or end inside a secret, or be a piece of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pytest_duolog.recording.secret_names import is_word
from pytest_duolog.recording.secret_spans import merged, shaped, with_markers
from pytest_duolog.recording.shapes import Span, is_random

SHORTEST_PART = 8
# The smallest length of a piece from the middle: a shorter one could be chance.
PIECE = 10
MOST_KNOWN = 1000
LONGEST_KNOWN = 5000

# These are compiled for texts of people only; `re` keeps them.
# The marks of pytest, reprlib and `shorten` for omitted text.
_CUT = r"(?:\\?['\"])?(?:\.{3}|…)"
_RUN_BEFORE = r"[A-Za-z0-9_+/=.~:-]{4,200}$"
_RUN_AFTER = r"[A-Za-z0-9_+/=~:-]+(?:\.[A-Za-z0-9_+/=~:-]+)*"
_RUN = r"[A-Za-z0-9_+/=.~:%!@#$^*-]{10,}"
_END_OF_KEY = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY"
_KEY_LINES = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n\\")
# Matches the continuation of any key.
_FILLERS = ("0a1b2c3d4e5f6a7b" * 8, "0A1B2C3D4E5F6A7B" * 8)
MOST_CUTS = 1000
LONGEST_KEY = 10_000


class KnownSecrets:
    """The secrets that a run has found, with their names; finds parts of them in texts."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._pieces: dict[str, str] = {}

    def add(self, secrets: Mapping[str, str]) -> None:
        """Add secrets."""
        for secret, name in secrets.items():
            known = secret[:LONGEST_KNOWN]
            is_short = len(secret) <= SHORTEST_PART
            if known in self._names or is_short or len(self._names) >= MOST_KNOWN:
                continue
            self._names[known] = name
            for at in range(len(known) - PIECE + 1):
                piece = known[at : at + PIECE]
                if is_random(piece) or (piece.isalpha() and not is_word(piece)):
                    self._pieces.setdefault(piece, name)

    def without_parts(self, text: str) -> str:
        """`text` without pieces of known secrets, and without shapes of secrets that were cut."""
        spans = [span for secret, name in self._names.items() for span in _ends(text, secret, name)]
        spans += self._found_pieces(text)
        spans += _ends_of_keys(text)
        if "..." in text or "…" in text:
            spans += _beside_cuts(text)
        return with_markers(text, merged(spans)) if spans else text

    def _found_pieces(self, text: str) -> Iterator[Span]:
        if not self._pieces:
            return
        for token in re.finditer(_RUN, text):
            start, end = token.span()
            for at in range(start, end - PIECE + 1):
                if name := self._pieces.get(text[at : at + PIECE]):
                    yield Span(at, at + PIECE, name)


def _ends(text: str, secret: str, name: str) -> Iterator[Span]:
    """The beginning and the end of a secret; a part that could be a word counts only next to a cut."""
    at = text.find(secret[:SHORTEST_PART])
    while at >= 0:
        n = SHORTEST_PART
        while n < len(secret) and text[at + n : at + n + 1] == secret[n]:
            n += 1
        if is_random(text[at : at + n]) or re.compile(_CUT).match(text, at + n):
            yield Span(at, at + n, name)
        at = text.find(secret[:SHORTEST_PART], at + n)
    at = text.find(secret[-SHORTEST_PART:])
    while at >= 0:
        end, n = at + SHORTEST_PART, SHORTEST_PART
        while n < len(secret) and end > n and text[end - n - 1] == secret[-n - 1]:
            n += 1
        if is_random(text[end - n : end]) or text.endswith(("...", "…"), 0, end - n):
            yield Span(end - n, end, name)
        at = text.find(secret[-SHORTEST_PART:], end)


def _ends_of_keys(text: str) -> Iterator[Span]:
    """The lines before the end of a private key whose beginning was cut off."""
    for found in re.finditer(_END_OF_KEY, text) if "PRIVATE KEY" in text else ():
        start = found.start()
        while start > 0 and found.start() - start < LONGEST_KEY and text[start - 1] in _KEY_LINES:
            start -= 1
        yield Span(start, found.end(), "key")


def _beside_cuts(text: str) -> Iterator[Span]:
    """Secrets that begin before a cut, and secrets that continue after it."""
    for n_cuts, cut in enumerate(re.finditer(_CUT, text)):
        if n_cuts >= MOST_CUTS:
            return
        before = re.compile(_RUN_BEFORE).search(text, max(0, cut.start() - 200), cut.start())
        after = re.compile(_RUN_AFTER).match(text, cut.end())
        begun = _begun(before[0]) if before else None
        if before and begun is not None:
            yield Span(before.start() + begun, before.end(), "key")
        if after and (begun is not None or is_random(after[0])):
            yield Span(*after.span(), "key")


def _begun(token: str) -> int | None:
    """The position of a secret's beginning in a token that was cut; None if there is none."""
    starts = (span.start for filler in _FILLERS for span in shaped(token + filler) if span.start < len(token))
    return min(starts, default=None)
