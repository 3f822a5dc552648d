"""What is kept of what was known last, when it is written, and how it is found again."""

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import SystemRandom

import msgspec
import structlog

from decisions.complaints import Complaint
from decisions.index import Index
from decisions.lastgood import codec, files
from decisions.snapshots import EnvironmentSnapshot

log = structlog.get_logger(__name__)

WRITE_SECONDS = 1.0
INDEX_SCHEMA = sha256(repr(Index.__annotations__).encode()).hexdigest()[:16]

Known = tuple[Index | None, datetime, Iterable[EnvironmentSnapshot]]
_jitter = SystemRandom().uniform


class LastGood:
    """A folder with a file for each environment, and one for the index of all. Without a folder nothing is kept.

    The processes of a host write the same files, each what it has and finds missing or older.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._written: dict[int, str] = {}
        self._index: Index | None = None
        self._is_swept = False
        self._complain = Complaint(log.warning, "what is known is not kept on the disk")
        self._stopping = threading.Event()

    def index(self) -> tuple[Index, datetime] | None:
        """Where everything was, and when that was last so; None if it is not known."""
        try:
            body = files.read(self._path("index"), schema=INDEX_SCHEMA) if self.folder else None
            if body is None:
                return None
            return msgspec.json.decode(body, type=Index), _time_of(self._path("index"))
        except (OSError, msgspec.DecodeError) as error:
            self._complain(error)
            return None

    def snapshot(self, environment_id: int) -> EnvironmentSnapshot | None:
        """An environment as it was known last; None if it is not."""
        if self.folder is None:
            return None
        path = self._path(environment_id)
        try:
            body = files.read(path, schema=codec.SCHEMA)
            return codec.decoded(body) if body is not None else None
        except codec.Unfaithful as error:
            files.set_aside(path, str(error))
        except OSError as error:
            self._complain(error)
        return None

    def keep_up(self, known: Callable[[], Known]) -> None:
        """Write what is new, at most once a second, until told to stop, and once more then."""
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(WRITE_SECONDS * _jitter(0.8, 1.2))
            self.keep(*known())

    def stop(self) -> None:
        self._stopping.set()

    def keep(self, index: Index | None, refreshed_at: datetime, snapshots: Iterable[EnvironmentSnapshot]) -> None:
        """Write what is not on the disk yet. What cannot be written is complained of, and that is all."""
        if self.folder is None or index is None:
            return
        fresh = [one for one in snapshots if self._written.get(one.environment_id) != one.revision]
        try:
            if fresh or self._index != index:
                with files.turn(self.folder):
                    self._write(index, refreshed_at, fresh)
            self._touch(refreshed_at)
        except OSError as error:
            self._complain(error)

    def _write(self, index: Index, refreshed_at: datetime, snapshots: Iterable[EnvironmentSnapshot]) -> None:
        assert self.folder  # noqa: S101  nobody comes here without
        if not self._is_swept:
            files.sweep(self.folder)
            self._is_swept = True
        for snapshot in snapshots:
            self._write_snapshot(snapshot)
        if self._index != index:
            self._write_index(index, refreshed_at)
            self._remove_all_but(index)

    def _write_snapshot(self, snapshot: EnvironmentSnapshot) -> None:
        """One that another process of this host has written, or a newer one, is left alone."""
        path = self._path(snapshot.environment_id)
        there = files.header_of(path, schema=codec.SCHEMA)
        if not there or (there.revision != snapshot.revision and there.changed_at <= snapshot.changed_at):
            try:
                body = codec.encoded(snapshot)
            except codec.Unfaithful as error:
                self._complain(error, environment_id=snapshot.environment_id)
            else:
                of = {"revision": snapshot.revision, "changed_at": snapshot.changed_at}
                files.write(path, body, schema=codec.SCHEMA, **of)  # type: ignore[arg-type]
        self._written[snapshot.environment_id] = snapshot.revision

    def _write_index(self, index: Index, refreshed_at: datetime) -> None:
        body = msgspec.json.encode(index)
        revision = sha256(body).hexdigest()
        there = files.header_of(self._path("index"), schema=INDEX_SCHEMA)
        if not there or there.revision != revision:
            changed_at = max(index.changed.values(), default=datetime.fromtimestamp(0, UTC))
            files.write(self._path("index"), body, schema=INDEX_SCHEMA, revision=revision, changed_at=changed_at)
            _date(self._path("index"), refreshed_at)
        self._index = index

    def _remove_all_but(self, index: Index) -> None:
        """Environments that are no more."""
        assert self.folder  # noqa: S101  as above
        for path in self.folder.glob("*.json"):
            if path.stem.isdecimal() and int(path.stem) not in index.revisions:
                path.unlink(missing_ok=True)

    def _touch(self, refreshed_at: datetime) -> None:
        """The index file's time says when what it says was last known to be so."""
        with suppress(FileNotFoundError):
            if refreshed_at > _time_of(self._path("index")):
                _date(self._path("index"), refreshed_at)

    def _path(self, name: int | str) -> Path:
        assert self.folder  # noqa: S101  as above
        return self.folder / f"{name}.json"


def _time_of(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _date(path: Path, moment: datetime) -> None:
    os.utime(path, (moment.timestamp(), moment.timestamp()))
