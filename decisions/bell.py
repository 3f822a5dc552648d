"""The bell of a host: eight bytes that its processes share, by which each tells the others that something moved."""

import mmap
import os
from functools import cache
from pathlib import Path

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)


class Bell:
    """Eight bytes in a mapped file. Ringing writes new ones; who sees others than before, looks."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(file).st_size < mmap.PAGESIZE:
                os.ftruncate(file, mmap.PAGESIZE)
            self._page = mmap.mmap(file, mmap.PAGESIZE)
        finally:
            os.close(file)

    def ring(self) -> None:
        self._page[:8] = os.urandom(8)

    def tone(self) -> bytes:
        return self._page[:8]


class SilentBell:
    """Stands in where the state folder cannot be written. The poll remains."""

    def ring(self) -> None:
        """Nobody hears it."""

    def tone(self) -> bytes:
        return b""


@cache
def bell() -> Bell | SilentBell:
    """This host's bell."""
    try:
        return Bell(Path(settings.STATE_DIR) / "revisions")
    except OSError as error:
        log.warning("no bell between processes; they learn of edits by polling", error=str(error))
        return SilentBell()
