"""How a process learns that a revision moved: at once where it was committed, within milliseconds on the same host
through a memory-mapped bell, and everywhere by a poll a second, which alone is enough."""

import mmap
import os
import threading
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import connection

from decisions.snapshots import EnvironmentSnapshot, Shelf
from tenants import services
from tenants.credentials import digest
from tenants.models import Credential, Environment

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
LISTEN_SECONDS = 0.01
START_SECONDS = 5.0
UNKNOWN_KEY_SECONDS = 0.2
COMPLAINT_SECONDS = 60.0

_jitter = SystemRandom().uniform  # of the system, so that processes forked from one do not poll in step


class Bell:
    """Eight bytes shared by the processes of a host. Ringing writes new ones; who sees others than before, looks."""

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


class Index(NamedTuple):
    """Where everything is: complete, so that a key that is not here exists nowhere."""

    revisions: dict[int, str]
    paths: dict[str, int]
    keys: dict[str, int]


class Freshness:
    """Keeps a shelf of snapshots as new as the database, and knows which key belongs to which environment."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.watched: Counter[int] = Counter()
        """How many listen to each environment: what they listen to is kept fresh though nobody else asks for it."""
        self.moved: list[Callable[[int], None]] = []
        """Called with an environment's id, in any thread, when there is a new snapshot of it."""
        self._index: Index | None = None
        self._looked_at = 0.0
        self._heard = b""
        self._refreshed_at = datetime.fromtimestamp(0, UTC)
        self._complained_at = -COMPLAINT_SECONDS
        self._refreshing = threading.Lock()
        self._wake = threading.Event()
        self._has_looked = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def environment_of_key(self, key_digest: str) -> int | None:
        return self._index.keys.get(key_digest) if self._index else None

    def environment_at(self, path: str) -> int | None:
        """The environment named "organisation/project/environment"."""
        return self._index.paths.get(path) if self._index else None

    def is_recent(self) -> bool:
        """Whether the index was read so lately, and nothing edited on this host since, that an unknown key need not be
        looked for again."""
        is_young = self._index is not None and monotonic() - self._looked_at < UNKNOWN_KEY_SECONDS
        return is_young and bell().tone() == self._heard

    def snapshot(self, environment_id: int) -> EnvironmentSnapshot | None:
        """The snapshot in memory, if there is one."""
        return self.shelf.get(environment_id)

    def refresh(self) -> None:
        """Read the revisions, and read again what moved. Raises what the database raises."""
        with self._refreshing:
            tone = bell().tone()
            self._read_index()
            self._heard = tone
            self._reload()

    def is_ready(self) -> bool:
        """Whether the index has been read at all. The database being away later changes nothing."""
        return self._index is not None

    def refreshed_at(self) -> datetime:
        """When the index was last read."""
        return self._refreshed_at

    def refresh_quietly(self) -> bool:
        """Refresh; on any failure keep what is there, and say so once a minute. Answers whether it went well."""
        try:
            self.refresh()
        except Exception as error:  # noqa: BLE001  whatever it is, what was read last is still served
            self._complain(error)
            return False
        return True

    def start(self) -> None:
        """Watch from a thread of this process, and refresh at once after its own commits.

        Comes back after the first look, or without it if the database takes too long.
        """
        services.advanced.append(self.refresh_quietly)
        self._thread = threading.Thread(target=self._watch, name="freshness", daemon=True)
        self._thread.start()
        self._has_looked.wait(START_SECONDS)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self.refresh_quietly in services.advanced:
            services.advanced.remove(self.refresh_quietly)
        if self._thread:
            self._thread.join(timeout=5)

    def _watch(self) -> None:
        next_poll = 0.0
        heard = b""
        while not self._stopping:
            tone = bell().tone()
            if tone not in {heard, self._heard} or monotonic() >= next_poll:
                heard = tone
                if not self.refresh_quietly():
                    connection.close()  # the next attempt gets a new one
                self._has_looked.set()
                next_poll = monotonic() + POLL_SECONDS * _jitter(0.8, 1.2)
            self._wake.wait(LISTEN_SECONDS)
        connection.close()

    def _read_index(self) -> None:
        rows = Environment.objects.order_by("pk").values_list(
            "pk", "revision", "project__organisation__key", "project__key", "key"
        )
        revisions: dict[int, str] = {}
        paths: dict[str, int] = {}
        for pk, revision, organisation, project, key in rows:
            revisions[pk] = revision
            paths[f"{organisation}/{project}/{key}"] = pk
        self._index = Index(revisions, paths, self._read_keys(revisions))
        self._looked_at = monotonic()
        self._refreshed_at = datetime.now(UTC)

    def _read_keys(self, revisions: dict[int, str]) -> dict[str, int]:
        if self._index is None:
            return dict(Credential.objects.live().lookups()) | self._public_ids(revisions)
        moved = {pk for pk, revision in revisions.items() if self._index.revisions.get(pk) != revision}
        if not moved and revisions.keys() == self._index.revisions.keys():
            return self._index.keys
        unmoved = {key: pk for key, pk in self._index.keys.items() if pk in revisions and pk not in moved}
        found = Credential.objects.live().filter(environment_id__in=moved).lookups()
        return unmoved | dict(found) | self._public_ids(moved)

    @staticmethod
    def _public_ids(environment_ids: Collection[int]) -> dict[str, int]:
        rows = Environment.objects.filter(pk__in=environment_ids).order_by().values_list("public_id", "pk")
        return {digest(public_id): pk for public_id, pk in rows}

    def _reload(self) -> None:
        revisions = self._index.revisions if self._index else {}
        held = {snapshot.environment_id: snapshot.revision for snapshot in self.shelf.held()}
        for environment_id in held.keys() | +self.watched:
            if held.get(environment_id, "") != revisions.get(environment_id):
                self._reload_one(environment_id, revisions.get(environment_id))

    def _reload_one(self, environment_id: int, revision: str | None) -> None:
        """One environment that cannot be compiled keeps its last good snapshot, and does not hold up the others."""
        try:
            self.shelf.load(environment_id, revision=revision or "gone")
            for tell in self.moved:
                tell(environment_id)
        except Exception as error:  # noqa: BLE001  a poisoned row raises anything
            self._complain(error, environment_id=environment_id)

    def _complain(self, error: Exception, **where: int) -> None:
        if monotonic() - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = monotonic()
            log.error("configuration not refreshed; serving what was read last", error=repr(error), **where)
