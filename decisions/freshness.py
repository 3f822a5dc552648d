"""How a process learns that a revision moved: at once where it was committed, within milliseconds on the same host
through a memory-mapped bell, on others through PostgreSQL, and everywhere by a poll a second, which alone is enough."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import SystemRandom
from time import monotonic, time

import structlog
from django.db import connection

from decisions.bell import bell
from decisions.complaints import Complaint
from decisions.index import Index, read_index
from decisions.lastgood import LastGood
from decisions.notices import Notices
from decisions.outages import Away, forget_dead_connections, is_away
from decisions.snapshots import EnvironmentSnapshot, Shelf, read
from decisions.threads import Lasting, Watchdog
from tenants import services

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
LISTEN_SECONDS = 0.01
START_SECONDS = 5.0
UNKNOWN_KEY_SECONDS = 0.2
BACK_SECONDS = 30.0
"""How long the database may insist on an older revision before it is believed: a replica catches up, a backup stays."""

_jitter = SystemRandom().uniform  # of the system, so that processes forked from one do not poll in step


class Freshness:
    """Keeps a shelf of snapshots as new as the database, and knows which key belongs to which environment."""

    def __init__(self, shelf: Shelf, last_good: LastGood | None = None) -> None:
        self.shelf = shelf
        self.last_good = last_good or LastGood(None)
        self.watched: Counter[int] = Counter()
        """How many listen to each environment: what they listen to is kept fresh though nobody else asks for it."""
        self.moved: list[Callable[[int], None]] = []
        """Called with an environment's id, in any thread, when there is a new snapshot of it."""
        self.is_stale = False
        """Whether the last look failed, so that what is served may be old."""
        self.is_away = False
        """Whether it failed because the database is away, so that nobody need try it again before the next look."""
        self.broken: set[int] = set()
        """The environments that could not be compiled when they moved, and are served as they were."""
        self._index: Index | None = None
        self._looked_at = 0.0
        self._heard = b""
        self._refreshed_at = datetime.fromtimestamp(0, UTC)
        self._behind_since: float | None = None
        self._complain = Complaint(log.error, "configuration not refreshed; serving what was read last")
        self._refreshing, self._looking = threading.Lock(), threading.Lock()
        self._wake = threading.Event()
        self._is_noticed = False
        self._has_looked = threading.Event()
        self._notices: Notices | None = None
        self._watchdog: Watchdog | None = None
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

    def look_again(self) -> None:
        """Read the index on behalf of a caller who names what is not in it. Of many at once one does, and the others
        wait for that. Raises `Away`."""
        with self._looking:
            if not self.is_away and not self.is_recent():
                self.refresh_quietly()
        if self.is_away:
            raise Away

    def snapshot(self, environment_id: int) -> EnvironmentSnapshot | None:
        """The snapshot in memory, if there is one."""
        return self.shelf.get(environment_id)

    def load(self, environment_id: int) -> EnvironmentSnapshot | None:
        """The snapshot from memory, or else from the database, or else the last good one from the disk. Raises what the
        database raises if there is none; None if there is no such environment."""
        return self.shelf.load(environment_id, reader=self._read)

    def refresh(self) -> None:
        """Read the revisions, and read again what moved. Raises what the database raises."""
        with self._refreshing:
            tone = bell().tone()
            index = self._read_index()
            self._reload(index)  # before the index is: who finds a new key there finds it in the snapshot too
            self._take(index)
            self._heard = tone

    def is_ready(self) -> bool:
        """Whether the index has been read at all. The database being away later changes nothing."""
        return self._index is not None

    def refreshed_at(self) -> datetime:
        """When the index was last read."""
        return self._refreshed_at

    def age(self) -> float:
        """Seconds since then."""
        return max(0.0, time() - self._refreshed_at.timestamp())

    def vitals(self) -> dict[str, float]:
        """How this process is, in numbers that name nobody."""
        return {
            "snapshot_age_seconds": self.age() if self.is_stale else 0.0,
            "database_is_away": float(self.is_away),
            "environments_not_compiled": len(self.broken),
            "environments_held": len(self.shelf.held()),
            "snapshots_read": self.shelf.loads,
        }

    def refresh_quietly(self) -> bool:
        """Refresh; on any failure keep what is there, and say so once a minute. Answers whether it went well."""
        try:
            self.refresh()
        except Exception as error:  # noqa: BLE001  whatever it is, what was read last is still served
            self.is_stale, self.is_away = True, is_away(error)
            self._complain(error)
            return False
        was_away, self.is_stale, self.is_away = self.is_away, False, False
        if was_away:
            log.warning("the database is back")
            forget_dead_connections()
        return True

    def start(self) -> None:
        """Watch from threads of this process, and refresh at once after its own commits.

        Comes back after the first look. If the database is away or takes too long, then with what was known last.
        """
        services.advanced.append(self.refresh_quietly)
        self._watchdog = Watchdog(self._threads())
        self._watchdog.start()
        self._has_looked.wait(START_SECONDS)
        if self._index is None:
            self.is_stale = self.is_away = True
            self._restore_index()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self.refresh_quietly in services.advanced:
            services.advanced.remove(self.refresh_quietly)
        if self._notices:
            self._notices.stop()
        self.last_good.stop()
        if self._watchdog:
            self._watchdog.stop()
        if self._notices:
            self._notices.close()

    def _threads(self) -> list[Lasting]:
        threads = [Lasting("freshness", self._watch)]
        if connection.vendor == "postgresql":
            self._notices = Notices(self._notice)
            threads.append(Lasting("notices", self._notices.listen))
        if self.last_good.folder:
            threads.append(Lasting("last good", self._keep))
        return threads

    def _watch(self) -> None:
        next_poll = 0.0
        heard = b""
        while not self._stopping:
            tone = bell().tone()
            if tone not in {heard, self._heard} or self._is_noticed or monotonic() >= next_poll:
                heard, self._is_noticed = tone, False
                if not self.refresh_quietly():
                    connection.close()  # the next attempt gets a new one
                self._has_looked.set()
                next_poll = monotonic() + POLL_SECONDS * _jitter(0.8, 1.2)
            if self._wake.wait(LISTEN_SECONDS):
                self._wake.clear()
        connection.close()

    def _notice(self, said: str) -> None:
        """PostgreSQL called "environment:revision". What this process committed itself is no news."""
        environment_id, _, revision = said.partition(":")
        known = self._index.revisions if self._index else {}
        if not environment_id.isdecimal() or known.get(int(environment_id)) != revision:
            self._is_noticed = True
            self._wake.set()

    def _keep(self) -> None:
        self.last_good.keep_up(lambda: (self._index, self._refreshed_at, self.shelf.held()))

    def _read_index(self) -> Index:
        since = self._behind_since
        may_go_back = since is not None and monotonic() - since > BACK_SECONDS
        return read_index(self._index, may_go_back=may_go_back)

    def _take(self, index: Index) -> None:
        self._index = index
        self._behind_since = (self._behind_since or monotonic()) if index.is_behind else None
        self._looked_at = monotonic()
        self._refreshed_at = datetime.now(UTC)

    def _restore_index(self) -> None:
        """Where everything was when the database was last there."""
        found = self.last_good.index()
        if found and self._index is None:
            self._index, self._refreshed_at = found
            log.warning("starting without the database, from what was known last", of=self._refreshed_at.isoformat())

    def _read(self, environment_id: int) -> EnvironmentSnapshot | None:
        try:
            if self.is_away:
                raise Away
            return read(environment_id)
        except Exception as error:
            snapshot = self.last_good.snapshot(environment_id)
            if snapshot is None:
                raise
            self._complain(error, environment_id=environment_id)
            return snapshot

    def _reload(self, index: Index) -> None:
        revisions = index.revisions
        held = {snapshot.environment_id: snapshot.revision for snapshot in self.shelf.held()}
        for environment_id in held.keys() | +self.watched:
            if held.get(environment_id, "") != revisions.get(environment_id):
                self._reload_one(environment_id, revisions.get(environment_id))

    def _reload_one(self, environment_id: int, revision: str | None) -> None:
        """One environment that cannot be compiled keeps its last good snapshot, and does not hold up the others."""
        try:
            self.shelf.load(environment_id, revision=revision or "gone")
            self.broken.discard(environment_id)
            for tell in self.moved:
                tell(environment_id)
        except Exception as error:  # noqa: BLE001  a poisoned row raises anything
            self.broken.add(environment_id)
            self._complain(error, environment_id=environment_id)
