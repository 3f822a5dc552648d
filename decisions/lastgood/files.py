"""Files that are whole or not there at all: written aside and renamed, under a line that says what must be in them.

One that does not hold what its first line says is set aside as `.bad`, and never used.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger(__name__)

LARGEST = 256 * 1024 * 1024  # bytes
HEADER_LARGEST = 1_024  # bytes


class Header(msgspec.Struct, frozen=True):
    """The first line: what the rest is, and what it must be to be believed."""

    schema: str
    size: int
    sha256: str
    revision: str
    changed_at: datetime


class Unbelievable(Exception):
    """A file does not hold what it says, or is of another version than ours."""


def write(path: Path, body: bytes, *, schema: str, revision: str, changed_at: datetime) -> None:
    """Replace a file by one that is known to be on the disk before it is found under its name. Raises OSError."""
    if len(body) > LARGEST:
        raise OSError(f"{path.name} would be larger than {LARGEST} bytes")
    header = Header(schema, len(body), sha256(body).hexdigest(), revision, changed_at)
    aside = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(header) + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    _settle(path.parent)


def read(path: Path, *, schema: str) -> bytes | None:
    """What a file holds; None if there is none that can be believed. Raises OSError if it cannot be read."""
    try:
        with path.open("rb") as file:
            header = _header(file.readline(HEADER_LARGEST), schema)
            if os.fstat(file.fileno()).st_size > LARGEST + HEADER_LARGEST:
                raise Unbelievable(f"it is larger than {LARGEST} bytes")
            body = file.read()
    except FileNotFoundError:
        return None
    except Unbelievable as error:
        set_aside(path, str(error))
        return None
    if (len(body), sha256(body).hexdigest()) != (header.size, header.sha256):
        set_aside(path, "it does not hold what its first line says")
        return None
    return body


def header_of(path: Path, *, schema: str) -> Header | None:
    """The first line of a file; None if it has none of ours."""
    try:
        with path.open("rb") as file:
            return _header(file.readline(HEADER_LARGEST), schema)
    except (FileNotFoundError, Unbelievable):
        return None


def set_aside(path: Path, reason: str) -> None:
    """Out of the way, for people to look at."""
    log.error("a file of what was known last is not usable, and set aside", file=str(path), reason=reason)
    with suppress(OSError):
        path.rename(path.with_suffix(".bad"))


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Be the only one on this host who writes there. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        flock(file, LOCK_EX)
        yield


def sweep(folder: Path) -> None:
    """Remove what writers left who were killed. In one's turn only, because then nobody is writing."""
    for path in folder.glob("*.tmp"):
        path.unlink(missing_ok=True)


def _header(line: bytes, schema: str) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unbelievable(f"its first line is broken: {error}") from error
    if header.schema != schema:
        raise Unbelievable("another version of this software wrote it")
    return header


def _settle(folder: Path) -> None:
    """Make a renaming survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
