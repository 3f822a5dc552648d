"""One immutable, compiled snapshot an environment and revision, kept in memory and loaded once."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import time

from decisions.engine.evaluate import Snapshot, compile_snapshot
from experiments.compile import experiments_of
from features.compile import features_of, segments_of
from tenants.models import Credential, Environment
from tenants.roles import RIGHTS, Right


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of a key may do, and until when (seconds since the epoch; None is for ever)."""

    credential_id: int
    kind: str
    rights: frozenset[Right]
    expires_at: float | None = None

    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= time()


@dataclass(frozen=True, slots=True)
class EnvironmentSnapshot:
    """Everything that answering for one environment takes, as it was at one revision."""

    environment_id: int
    project_id: int
    revision: str
    changed_at: datetime
    features: Snapshot
    grants: Mapping[str, Grant] = field(repr=False)
    """By the digest of the key."""


class Moved(Exception):
    """An environment kept changing while it was read."""


def read(environment_id: int) -> EnvironmentSnapshot | None:
    """Compile an environment from the database, in a dozen queries; None if there is no such environment.

    Every edit moves the revision in its own transaction. If the revision is the same before and after, then nothing was
    edited in between, at whatever isolation the database reads.
    """
    for _attempt in range(5):
        environment = Environment.objects.filter(pk=environment_id).first()
        if environment is None:
            return None
        snapshot = _compile(environment)
        if Environment.objects.filter(pk=environment_id, revision=environment.revision).exists():
            return snapshot
    raise Moved(f"environment {environment_id} changed five times while it was read")


def _compile(environment: Environment) -> EnvironmentSnapshot:
    segments = segments_of(environment.project_id)
    experiments = experiments_of(environment.pk, segments)
    return EnvironmentSnapshot(
        environment_id=environment.pk,
        project_id=environment.project_id,
        revision=environment.revision,
        changed_at=environment.changed_at,
        features=compile_snapshot(features_of(environment.project_id, environment.pk, experiments, segments)),
        grants={row.digest: _grant(row) for row in environment.credentials.live()},
    )


def _grant(row: Credential) -> Grant:
    expires_at = row.expires_at.timestamp() if row.expires_at else None
    return Grant(row.pk, row.kind, RIGHTS[row.kind], expires_at)


class Shelf:
    """The snapshots that a process holds: the most recently used, loaded by one thread at a time each."""

    def __init__(self, capacity: int = 1_000) -> None:
        self.capacity = capacity
        self._held: OrderedDict[int, EnvironmentSnapshot] = OrderedDict()
        self._flights: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, environment_id: int) -> EnvironmentSnapshot | None:
        """What is in memory; touches nothing else."""
        snapshot = self._held.get(environment_id)
        if snapshot is not None:
            try:
                self._held.move_to_end(environment_id)
            except KeyError:  # put out by another thread just now; the snapshot itself is still good
                return snapshot
        return snapshot

    def held(self) -> list[EnvironmentSnapshot]:
        with self._lock:
            return list(self._held.values())

    def load(self, environment_id: int, *, revision: str | None = None) -> EnvironmentSnapshot | None:
        """The snapshot at `revision`, or any if None, from memory if it is there, else from the database.

        Of many threads that want the same environment, one reads it and the others wait for that.
        """
        with self._flight(environment_id):
            snapshot = self._held.get(environment_id)
            if snapshot is not None and revision in {None, snapshot.revision}:
                return snapshot
            snapshot = read(environment_id)
            self._put(environment_id, snapshot)
            return snapshot

    def _flight(self, environment_id: int) -> threading.Lock:
        with self._lock:
            return self._flights.setdefault(environment_id, threading.Lock())

    def _put(self, environment_id: int, snapshot: EnvironmentSnapshot | None) -> None:
        with self._lock:
            if snapshot is None:
                self._held.pop(environment_id, None)
                self._flights.pop(environment_id, None)
                return
            self._held[environment_id] = snapshot
            while len(self._held) > self.capacity:
                self._held.popitem(last=False)
