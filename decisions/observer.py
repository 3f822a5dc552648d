"""What was seen of subjects: evaluations counted, exposures noted once, events stored. Deciding never waits for it."""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from time import time
from typing import Any, NamedTuple

import msgspec
import structlog
from django.db import connection

from decisions.complaints import Complaint
from decisions.engine import validate
from decisions.engine.conditions.attributes import Attribute, written
from decisions.engine.conditions.operators import is_scalar
from decisions.engine.types import Decision, Experiment, Subject
from decisions.snapshots import EnvironmentSnapshot
from decisions.uses import Uses
from experiments.services.observations import Exposed as ExposedRow
from experiments.services.observations import Happened, record_events, record_exposures
from features.services.identities import increment_trait, merge_traits, traits_of
from features.services.usage import Counted, add_usage

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 1.0
BUFFER = 100_000
REMEMBERED = 100_000
EXPOSURE = "exposure"
TIMES_MAX = 1_000_000_000

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a subject did. Without an `event_id`, two events that say all the same are one."""

    name: str
    subject: str
    happened_at: datetime
    value: float | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A subject met a variant, as the application says that showed it."""

    experiment_key: str
    variant_key: str
    subject: str
    happened_at: datetime


class Traits(NamedTuple):
    """What is kept of an environment's subjects."""

    environment_id: int

    def read(self, identifier: str) -> dict[str, Any] | None:
        return traits_of(self.environment_id, identifier)

    def merge(self, identifier: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        return merge_traits(self.environment_id, identifier, changes)

    def increment(self, identifier: str, name: str, by: int) -> int:
        return increment_trait(self.environment_id, identifier, name, by)


Seen = tuple[int, str, str, int, float, int, str, str | None, str]
"""Evaluations as they wait to be counted: the environment, the feature's key, the outcome, how many, and when; then, if
a variant was assigned, the experiment's number, the variant's key, who is counted (None is nobody), and the protocol.

A plain tuple of texts and numbers, because Python's collector lets go of those, and of nothing else that is kept for a
second: everything would be walked through again and again, and callers would wait for that.
"""
Met = tuple[int, int, str, str]
"""An exposure by what makes it one: environment, experiment, variant, and who. The second time is none."""


class Observer:
    """One thread that adds up what was seen and stores it every second. What is beyond the buffer is dropped, oldest
    first, and counted: usage is a statistic, and no reason to keep a decision waiting."""

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque(maxlen=BUFFER)
        self._uses = Uses()
        self._noted: OrderedDict[Met, None] = OrderedDict()
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._complain = Complaint(log.error, "usage not stored; it waits for the next time")

    def traits(self, environment_id: int) -> Traits:
        return Traits(environment_id)

    def used(self, credential_id: int) -> None:
        """Note that a key was used; 0 is none of ours."""
        if credential_id and self._uses.note(credential_id):
            self._wake()

    def seen(self, environment_id: int, decision: Decision, subject: Subject, source: str) -> None:
        """Count an evaluation; of one that assigned a variant, note who met it."""
        if decision.fault is not None:
            return
        told = environment_id, decision.feature.key, outcome_of(decision), 1, time()
        variant, experiment = decision.variant, decision.experiment
        if decision.in_experiment and variant and experiment:
            self._put((*told, experiment.number, variant.key, unit_of(experiment, subject), source))
        else:
            self._put((*told, 0, "", None, source))

    def count(self, environment_id: int, feature_key: str, outcome: str, times: int) -> None:
        """Count evaluations that a client made itself; what nobody can have counted is not."""
        is_sound = 0 < times <= TIMES_MAX and _fits(feature_key, validate.KEY_LENGTH)
        if is_sound and _fits(outcome, validate.KEY_LENGTH):
            self._put((environment_id, feature_key, outcome, times, time(), 0, "", None, ""))

    def report(self, snapshot: EnvironmentSnapshot, events: Sequence[Event | Exposed], source: str) -> int:
        """Store what clients say, before they are told that it is stored. Answers how many could be: the others have
        names too long to keep. An exposure to an experiment that is not known here is kept as an event."""
        rows = [row for event in events if (row := _row(snapshot, event, source))]
        record_exposures(row for row in rows if isinstance(row, ExposedRow))
        record_events(row for row in rows if isinstance(row, Happened))
        return len(rows)

    def flush(self) -> None:
        """Store what was seen until now. Raises what the database raises, and forgets nothing then."""
        self._uses.flush()
        taken = [self._seen.popleft() for _ in range(len(self._seen))]
        if not taken:
            return
        try:
            self._store(taken)
        except Exception:
            self._seen.extendleft(reversed(taken[-(BUFFER - len(self._seen)) :]))
            raise

    def close(self) -> None:
        """Store what was seen, and stop."""
        self._stopping.set()
        if thread := self._thread:
            thread.join(timeout=10)

    def _put(self, seen: Seen) -> None:
        self._seen.append(seen)
        self._wake()

    def _wake(self) -> None:
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stopping.wait(FLUSH_SECONDS):
                self._flush_quietly()
            self._flush_quietly()
            connection.close()
        finally:
            self._thread = None  # whatever ended it, whoever is seen next begins another

    def _flush_quietly(self) -> None:
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
            connection.close()
            self._complain(error, entries=len(self._seen))

    def _store(self, taken: Sequence[Seen]) -> None:
        counts: Counter[tuple[int, int, str, str]] = Counter()
        fresh: dict[Met, ExposedRow] = {}
        for place, feature_key, outcome, times, at, number, variant_key, unit, source in taken:
            counts[place, int(at // 3600), feature_key, outcome] += times
            met = (place, number, variant_key, unit) if unit else None
            if met and met not in self._noted and met not in fresh and _fits(met[3]):
                fresh[met] = ExposedRow(*met, datetime.fromtimestamp(at, UTC), source)
        record_exposures(fresh.values())
        add_usage({Counted(place, _start_of(hour), *what): times for (place, hour, *what), times in counts.items()})
        self._remember(fresh)

    def _remember(self, exposures: Mapping[Met, ExposedRow]) -> None:
        self._noted.update(dict.fromkeys(exposures))
        while len(self._noted) > REMEMBERED:
            self._noted.popitem(last=False)


def _start_of(hour: int) -> datetime:
    """The beginning of an hour that is counted from the epoch."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def outcome_of(decision: Decision) -> str:
    """What an evaluation is counted as: the variant, or "on" or "off"."""
    if decision.in_experiment and decision.variant:
        return decision.variant.key
    return "on" if decision.enabled else "off"


def _row(snapshot: EnvironmentSnapshot, event: Event | Exposed, source: str) -> ExposedRow | Happened | None:
    """An event as it is stored; None if it cannot be."""
    environment_id, at = snapshot.environment_id, _sane(event.happened_at)
    if isinstance(event, Event):
        is_storable = _fits(event.name, validate.NAME_LENGTH) and _fits(event.subject)
        if not is_storable or validate.json_value(dict(event.properties)):
            return None
        told = event.value, dict(event.properties), at, source, _fingerprint(event)
        return Happened(environment_id, event.name, event.subject, *told)
    experiment = snapshot.experiments.get(event.experiment_key)
    if experiment and any(variant.key == event.variant_key for variant in experiment.variants):
        met = event.variant_key, event.subject, at, source
        return ExposedRow(environment_id, experiment.number, *met) if _fits(event.subject) else None
    said = {"experiment": event.experiment_key, "variant": event.variant_key}
    return _row(snapshot, Event(EXPOSURE, event.subject, event.happened_at, properties=said), source)


def _sane(moment: datetime) -> datetime:
    """Clocks of clients are wrong in every way; what cannot be is now."""
    return moment if 1970 <= moment.year <= 2100 else datetime.now(UTC)


def _fingerprint(event: Event) -> str:
    if event.event_id:
        return sha256(event.event_id.encode("utf-8", "surrogatepass")).hexdigest()
    said = [event.name, event.subject, event.value, event.happened_at.isoformat(), dict(event.properties)]
    return sha256(_encode(said)).hexdigest()


def unit_of(experiment: Experiment, subject: Subject) -> str | None:
    """Who is counted: the subject's key, or what the experiment buckets by instead."""
    if not experiment.hash_attribute:
        return subject.key
    value = Attribute(experiment.hash_attribute)(subject)
    return written(value) if is_scalar(value) else None


def _fits(text: str, length: int = validate.IDENTIFIER_LENGTH) -> bool:
    return validate.text(text, length=length) is None
