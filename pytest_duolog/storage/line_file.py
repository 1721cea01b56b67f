"""Files that grow by whole lines and that one run at a time may write.

This module keeps these promises for every such file:

- A run that dies loses the line it was writing and nothing before it.
- While one run has a file open for writing, no other run can write it.
- A file is replaced only by a complete one, and never while another run is writing it.
- Each line has a checksum, which shows whether the line was changed later.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pytest_duolog.dataclass import dataclass
from pytest_duolog.storage.checksums import with_checksum, without_checksum
from pytest_duolog.storage.own_folder import make_folder

# An open file cannot be renamed on Windows.
CAN_RENAME_OPEN_FILES = os.name != "nt"

BINARY = getattr(os, "O_BINARY", 0)  # Windows would write a carriage return before each line feed
READ_ONLY = os.O_RDONLY | BINARY | getattr(os, "O_NONBLOCK", 0)  # a named pipe without a writer would block
READ_AND_APPEND = os.O_RDWR | os.O_APPEND | BINARY | getattr(os, "O_NONBLOCK", 0)

TEMPORARY = re.compile(r"\.(?P<name>.+\.\w+)\.\d+")

# How often opening is retried because another run has just replaced the file.
MOST_OPENINGS = 20


class FileInUse(Exception):
    """Another run is writing the file right now."""


class FileChanged(Exception):
    """Another run has written, replaced or removed the file since it was read."""


class WrongChecksum(Exception):
    """A line is not as it was written at its place in another file."""


@dataclass(frozen=True)
class Lines:
    """The lines of a file: the `whole` ones, and the torn rest that a killed run left after them."""

    content: bytes

    @cached_property
    def whole(self) -> list[bytes]:
        """The lines that end with a line feed, without the line feed."""
        return self.content.split(b"\n")[:-1]

    @cached_property
    def torn(self) -> bytes:
        """The bytes after the last line feed."""
        return self.content.rpartition(b"\n")[2]

    @property
    def n_not_blank(self) -> int:
        """The number of whole lines that are not blank."""
        return sum(bool(line.strip()) for line in self.whole)

    @property
    def whole_bytes(self) -> int:
        """The position of the end of the last whole line, in bytes."""
        return len(self.content) - len(self.torn)

    @property
    def n_bytes(self) -> int:
        """The length of the file in bytes."""
        return len(self.content)


def reading(path: Path) -> BinaryIO:
    """A file to read. Raises FileNotFoundError, or another OSError if it is not a file or cannot be read."""
    return os.fdopen(_opened(path, READ_ONLY), "rb")


def read_content(path: Path) -> bytes:
    """The content of a file. Raises what `reading` raises."""
    with reading(path) as file:
        return file.read()


def read_lines(path: Path) -> Lines:
    """The lines of a file. Raises what `read_content` raises."""
    return Lines(read_content(path))


def read_first_line(path: Path) -> bytes:
    """The first line, with its line feed if it has one. Raises what `read_lines` raises."""
    with reading(path) as file:
        return file.readline()


def is_file(path: Path) -> bool:
    """Whether there is a file. Raises OSError if something else has this path, or permission is missing."""
    _check_link(path)
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    _check_kind(kind, path)
    return True


ADVICE = (
    (
        (errno.EACCES, errno.EPERM),
        "give this user the right to use the file, and to search the folders above it",
    ),
    ((errno.ENOENT,), "check the spelling of the path, and that its folder is there"),
    ((errno.EROFS,), "make the file system writable, or work on a copy"),
    ((errno.EISDIR, errno.EINVAL, errno.ENOTDIR, errno.EEXIST), "move away what is there now"),
    ((errno.ELOOP,), "remove the link, or restore the file that it points to"),
    ((errno.ENOSPC, errno.EDQUOT), "make room on the disk"),
)


def what_to_do(error: OSError) -> str:
    """What the user can do about a file that cannot be read or written."""
    return next((advice for numbers, advice in ADVICE if error.errno in numbers), "check the disk")


def _opened(path: Path, flags: int) -> int:
    """A descriptor of a regular file; raises OSError for anything else, for example a named pipe."""
    _check_link(path)
    descriptor = os.open(path, flags, 0o666)
    try:
        _check_kind(os.fstat(descriptor).st_mode, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_link(path: Path) -> None:
    """Raises OSError for a link without a target: writing would create the target, wherever it is."""
    if path.is_symlink() and not os.path.exists(path):  # noqa: PTH110  # never raises
        is_loop = os.path.islink(os.path.realpath(path))  # noqa: PTH114  # never raises
        why = "which leads back to itself" if is_loop else "which does not exist"
        raise OSError(errno.ELOOP, f"a link to {os.readlink(path)}, {why}", str(path))  # noqa: PTH115


def _check_kind(kind: int, path: Path) -> None:
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(kind):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))


class LineFile:
    """One file that only this run may write until it is closed."""

    def __init__(self, path: Path, *, expected_bytes: int | None = None) -> None:
        """Open the file and lock it against other runs. If `expected_bytes` is 0 or None, it may be created.

        `expected_bytes` is its expected length in bytes, None for any length. Raises FileInUse or FileChanged because
        of another run, and OSError if the file cannot be opened or created.
        """
        self.path = path
        makes = not expected_bytes
        if makes:
            make_folder(path.parent)
        self._descriptor = _claimed(path, READ_AND_APPEND | (os.O_CREAT if makes else 0), expected_bytes)
        self._is_open = True
        self.n_bytes = os.fstat(self._descriptor).st_size
        self._n_lines: int | None = None

    def read(self) -> Lines:
        """The current lines of the file."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._descriptor, 1 << 20):
            parts.append(part)
        return Lines(b"".join(parts))

    def cut(self, n_bytes: int) -> None:
        """Truncate the file to `n_bytes`: removes a torn line, or everything."""
        os.ftruncate(self._descriptor, n_bytes)
        self.n_bytes = n_bytes
        self._n_lines = None if n_bytes else 0

    def append(self, lines: Iterable[bytes]) -> None:
        """Write lines, each the text of a JSON object, with their checksums.

        Writes all of them or none. Raises OSError if they cannot be written.
        """
        checked = self._checked(lines)
        self.append_as_is(b"".join(line + b"\n" for line in checked))
        self._n_lines = (self._n_lines or 0) + len(checked)

    def next_texts(self, lines: Sequence[bytes]) -> list[bytes]:
        """The texts, for `append`, of lines that are in another file at the places that they will have here.

        Raises WrongChecksum if one is not as it was written there.
        """
        texts = [*map(without_checksum, lines)]
        if self._checked(texts) != [*lines]:
            raise WrongChecksum
        return texts

    def _checked(self, lines: Iterable[bytes]) -> list[bytes]:
        """Lines with their checksums at the end of the file."""
        if self._n_lines is None:
            self._n_lines = self.read().n_not_blank
        places = range(self._n_lines + 1, sys.maxsize)
        return [with_checksum(line, place) for place, line in zip(places, lines, strict=False)]

    def append_as_is(self, content: bytes) -> None:
        """Write lines that already have checksums: all of them or none. Raises OSError if they cannot be written."""
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            with suppress(OSError):
                self.cut(self.n_bytes)
            raise
        self.n_bytes += len(content)

    def take_place_of(self, target: Path) -> None:
        """Move the file to `target`, replacing what is there, and close it.

        Raises FileInUse if another run is writing `target`, FileChanged if this file is no longer at its own path, and
        OSError if it cannot be moved. On an error it stays where it was.
        """
        try:
            if not _is_at(self._descriptor, self.path):
                raise FileChanged
            with _kept_from_others(target):
                if not CAN_RENAME_OPEN_FILES:
                    self.close()
                self.path.replace(target)
            self.path = target
        finally:
            self.close()

    def close(self) -> None:
        """Release the lock and close the file."""
        if self._is_open:
            self._is_open = False
            _release(self._descriptor)

    def remove(self) -> None:
        """Remove the file, unless it is closed, and close it. Raises OSError if it cannot be removed."""
        if not self._is_open:
            return
        if not CAN_RENAME_OPEN_FILES:
            self.close()
        try:
            self.path.unlink(missing_ok=True)
        finally:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_writable(path: Path, *, expected_bytes: int | None) -> None:
    """Raises the errors that opening a LineFile would raise; changes nothing on the disk."""
    if os.path.lexists(path):
        _release(_claimed(path, READ_AND_APPEND, expected_bytes))
        return
    if expected_bytes:
        raise FileChanged
    folder = next(found for found in path.absolute().parents if os.path.lexists(found))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder", str(path))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"no permission to write to {folder}", str(path))


@contextmanager
def replacing(path: Path) -> Iterator[LineFile]:
    """A new file that replaces `path` if the block ends without an error. Raises the errors of LineFile."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    file = LineFile(temporary)
    try:
        file.cut(0)
        yield file
        file.take_place_of(path)
    finally:
        file.close()
        temporary.unlink(missing_ok=True)


def is_in_use(path: Path) -> bool:
    """Whether another run is writing the file right now."""
    try:
        check_writable(path, expected_bytes=None)
    except FileInUse:
        return True
    except OSError:
        return False
    return False


def left_by_killed_run(path: Path) -> str | None:
    """The name of the file that was being replaced, if `path` is what `replacing` leaves when it is killed."""
    found = TEMPORARY.fullmatch(path.name)
    return found["name"] if found else None


@contextmanager
def _kept_from_others(path: Path) -> Iterator[None]:
    """Lock `path` inside the block; does nothing if there is no such file or it cannot be written."""
    try:
        descriptor = _claimed(path, READ_AND_APPEND)
    except (FileNotFoundError, PermissionError):
        yield
        return
    try:
        if not CAN_RENAME_OPEN_FILES:
            _release(descriptor)
        yield
    finally:
        if CAN_RENAME_OPEN_FILES:
            _release(descriptor)


def _claimed(path: Path, flags: int, expected_bytes: int | None = None) -> int:
    """A descriptor of the file at `path`, locked.

    If the file was renamed or removed between opening and locking, it is opened again: writes to the old file would be
    lost or would go into another file.
    """
    for _ in range(MOST_OPENINGS):
        try:
            descriptor = _opened(path, flags)
        except FileNotFoundError:
            if expected_bytes:
                raise FileChanged from None
            raise
        try:
            _lock(descriptor)
            is_there = _is_at(descriptor, path)
            n_bytes = os.fstat(descriptor).st_size
        except BaseException:
            _release(descriptor)
            raise
        if is_there and expected_bytes in (None, n_bytes):
            return descriptor
        _release(descriptor)
        if is_there:
            raise FileChanged
    raise FileInUse


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    import portalocker  # noqa: PLC0415  # most runs of pytest write no such file

    try:
        portalocker.lock(descriptor, portalocker.LOCK_EX | portalocker.LOCK_NB)
    except portalocker.AlreadyLocked:
        raise FileInUse from None
    except portalocker.LockException:
        pass  # some network file systems have no locks


def _release(descriptor: int) -> None:
    """Unlock and close. If it were only closed, a child process that inherited the descriptor would keep the lock."""
    import portalocker  # noqa: PLC0415

    with suppress(portalocker.LockException):
        portalocker.unlock(descriptor)
    os.close(descriptor)
