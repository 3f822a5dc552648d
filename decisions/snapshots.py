"""One immutable, compiled snapshot an environment and revision, kept in memory and loaded once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import time
from types import MappingProxyType
from typing import Any, TypeVar, cast

from decisions.engine.evaluate import Snapshot, compile_snapshot
from decisions.engine.types import Experiment, Feature, Segment
from experiments.compile import experiments_of, layers_in
from features.compile import features_of, segments_in
from tenants.credentials import SIGNING_NAME, digest, unseal
from tenants.models import Credential, Environment
from tenants.roles import RIGHTS, Kind, Right

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of a key may do, and until when (seconds since the epoch; None is for ever)."""

    credential_id: int
    kind: str
    rights: frozenset[Right]
    expires_at: float | None = None
    secret: str | None = field(default=None, repr=False)
    """What the caller must sign with, where the key itself does not travel."""
    encryption_key: str = field(default="", repr=False)
    is_remote_only: bool = False

    @property
    def can_read(self) -> bool:
        """Whether its bearer sees what is kept from applications in other people's hands."""
        return Right.READ in self.rights

    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= time()


@dataclass(frozen=True, slots=True)
class About:
    """Where an environment belongs, and how it wants to be spoken of."""

    key: str
    name: str
    public_id: str
    project_id: int
    project_key: str
    project_name: str
    organisation_id: int
    organisation_key: str
    organisation_name: str
    hide_disabled_flags: bool
    hide_sensitive_data: bool
    allow_client_traits: bool
    persist_traits: bool


@dataclass(frozen=True, slots=True)
class EnvironmentSnapshot:
    """Everything that answering for one environment takes, as it was at one revision."""

    environment_id: int
    project_id: int
    revision: str
    changed_at: datetime
    about: About
    features: Snapshot
    """Every feature, ready to decide."""
    public_features: Snapshot
    """The same without those that are only for servers."""
    definitions: Mapping[str, Feature] = field(repr=False)
    """Every feature as it was compiled, in the order of their numbers."""
    segments: Mapping[str, Segment] = field(repr=False)
    experiments: Mapping[str, Experiment] = field(repr=False)
    """Those that a feature or a rule serves, by key."""
    layers: tuple[str, ...]
    """The keys of the project's layers."""
    grants: Mapping[str, Grant] = field(repr=False)
    """By the digest of the key."""
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def features_for(self, grant: Grant) -> Snapshot:
        """The features that the bearer of a key may see, ready to decide."""
        return self.features if grant.can_read else self.public_features

    def keep(self, name: Hashable, make: Callable[[], Kept]) -> Kept:
        """What `make` makes, made once: documents and answers that are the same for all who ask."""
        found = self._kept.get(name)
        if found is None:
            found = self._kept.setdefault(name, make())
        return cast(Kept, found)


class Moved(Exception):
    """An environment kept changing while it was read."""


def read(environment_id: int) -> EnvironmentSnapshot | None:
    """Compile an environment from the database, in a fixed number of queries; None if there is no such environment.

    Every edit moves the revision in its own transaction. If the revision is the same before and after, then nothing was
    edited in between, at whatever isolation the database reads.
    """
    for _attempt in range(5):
        environment = Environment.objects.filter(pk=environment_id).select_related("project__organisation").first()
        if environment is None:
            return None
        snapshot = _compile(environment)
        if Environment.objects.filter(pk=environment_id, revision=environment.revision).exists():
            return snapshot
    raise Moved(f"environment {environment_id} changed five times while it was read")


def _compile(environment: Environment) -> EnvironmentSnapshot:
    segments, binder = segments_in(environment.project_id)
    experiments = experiments_of(environment.pk, binder, key_prefix=f"{environment.public_id}_")
    return assembled(
        features_of(environment.project_id, environment.pk, experiments, binder),
        environment_id=environment.pk,
        project_id=environment.project_id,
        revision=environment.revision,
        changed_at=environment.changed_at,
        about=_about(environment),
        segments=MappingProxyType(segments),
        experiments=MappingProxyType({experiment.key: experiment for experiment in experiments.values()}),
        layers=layers_in(environment.project_id),
        grants=dict(_grants(environment)),
    )


def assembled(features: Iterable[Feature], **parts: Any) -> EnvironmentSnapshot:
    """A snapshot of these features, made ready to decide, and of all other `parts`."""
    definitions = {feature.key: feature for feature in features}
    ready = compile_snapshot(definitions.values())
    return EnvironmentSnapshot(
        features=ready,
        public_features={key: ready[key] for key, feature in definitions.items() if not feature.is_server_only},
        definitions=MappingProxyType(definitions),
        **parts,
    )


def _about(environment: Environment) -> About:
    project, organisation = environment.project, environment.project.organisation
    return About(
        key=environment.key,
        name=environment.name,
        public_id=environment.public_id,
        project_id=project.pk,
        project_key=project.key,
        project_name=project.name,
        organisation_id=organisation.pk,
        organisation_key=organisation.key,
        organisation_name=organisation.name,
        hide_disabled_flags=environment.hide_disabled_flags,
        hide_sensitive_data=environment.hide_sensitive_data,
        allow_client_traits=environment.allow_client_traits,
        persist_traits=environment.persist_traits,
    )


def _grants(environment: Environment) -> Iterator[tuple[str, Grant]]:
    """By digest: of the keys, of the names of signing keys, and of the environment's own public name."""
    yield digest(environment.public_id), Grant(0, "public", frozenset({Right.WATCH}))
    for row in environment.credentials.live():
        grant = _grant(row)
        yield row.digest, grant
        if row.kind == Kind.SIGNING and (secret := unseal(row.sealed)):
            yield digest(SIGNING_NAME + row.name), replace(grant, secret=secret)


def _grant(row: Credential) -> Grant:
    return Grant(
        credential_id=row.pk,
        kind=row.kind,
        rights=RIGHTS[row.kind],
        expires_at=row.expires_at.timestamp() if row.expires_at else None,
        encryption_key=row.encryption_key,
        is_remote_only=row.is_remote_only,
    )


Reader = Callable[[int], EnvironmentSnapshot | None]

CAPACITY = 12_000
"""Some 75 MB: a thousand features weigh 6 MB, with what is prepared of them for callers."""
OVERRIDES = 20
"""How many of them weigh as much as a feature."""


def weight_of(snapshot: EnvironmentSnapshot) -> int:
    """What a snapshot weighs: about the number of its features, and one for itself."""
    overrides = sum(len(feature.overrides) for feature in snapshot.definitions.values())
    return 1 + len(snapshot.definitions) + overrides // OVERRIDES


class Shelf:
    """The snapshots that a process holds: the most recently used, loaded by one thread at a time each."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        """How much all of them may weigh; the one that was read last is kept, however much that is."""
        self._weights: dict[int, int] = {}
        self.loads = 0
        """How many snapshots were read."""
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

    def load(
        self, environment_id: int, *, revision: str | None = None, reader: Reader = read
    ) -> EnvironmentSnapshot | None:
        """The snapshot at `revision`, or any if None, from memory if it is there, else from the database.

        Of many threads that want the same environment, one reads it and the others wait for that.
        """
        with self._flight(environment_id):
            snapshot = self._held.get(environment_id)
            if snapshot is not None and revision in {None, snapshot.revision}:
                return snapshot
            snapshot = reader(environment_id)
            self.loads += 1
            self._put(environment_id, snapshot)
            return snapshot

    def _flight(self, environment_id: int) -> threading.Lock:
        with self._lock:
            return self._flights.setdefault(environment_id, threading.Lock())

    def _put(self, environment_id: int, snapshot: EnvironmentSnapshot | None) -> None:
        with self._lock:
            if snapshot is None:
                self._held.pop(environment_id, None)
                self._weights.pop(environment_id, None)
                self._flights.pop(environment_id, None)
                return
            self._held[environment_id], self._weights[environment_id] = snapshot, weight_of(snapshot)
            while len(self._held) > 1 and sum(self._weights.values()) > self.capacity:
                self._weights.pop(self._held.popitem(last=False)[0])
