"""What was decided, durably: callers wait for the commit of a batch, and are answered from the stored row."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from audits import records
from audits.records import Key, Record
from decisions.protocols._base import Kind, Refusal
from decisions.snapshots import EnvironmentSnapshot, Shelf
from tenants.models import Environment

log = structlog.get_logger(__name__)

BATCH = 200
QUEUE = 10_000

Outcome = Record | Refusal
Draft = Callable[[EnvironmentSnapshot], Outcome]
"""Decides on a snapshot: a row for the log, or why there is none. Called again when the revision has moved."""


@dataclass(slots=True, eq=False)
class Entry:
    """One request that waits for its row."""

    snapshot: EnvironmentSnapshot
    request_id: str
    draft: Draft
    outcome: Outcome
    future: Future[Record] = field(default_factory=Future)

    @property
    def key(self) -> Key:
        return self.snapshot.environment_id, self.request_id


class Sink(Protocol):
    """Where decisions are kept. `write` answers, for each entry in order, what is stored now or why nothing is."""

    def write(self, batch: Sequence[Entry]) -> list[Outcome]: ...


class DatabaseSink:
    """Keeps decisions in the database: each request id once, and never one decided on an outdated revision."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        """One transaction for the whole batch; its revisions are read in it, and whatever moved is decided again."""
        first = {entry.key: entry for entry in reversed(batch)}
        with transaction.atomic():
            stored = records.find(first)
            drafts = self._current([entry for key, entry in first.items() if key not in stored])
            fresh = {key: draft for key, draft in drafts.items() if isinstance(draft, Record)}
            lost = fresh.keys() - records.add(list(fresh.values()))
            stored |= records.find(lost) if lost else {}
        return [stored.get(entry.key) or drafts[entry.key] for entry in batch]

    def _current(self, entries: Sequence[Entry]) -> dict[Key, Outcome]:
        environments = {entry.snapshot.environment_id for entry in entries}
        revisions = dict(Environment.objects.filter(pk__in=environments).values_list("pk", "revision"))
        return {entry.key: self._outcome(entry, revisions.get(entry.snapshot.environment_id)) for entry in entries}

    def _outcome(self, entry: Entry, revision: str | None) -> Outcome:
        if revision == entry.snapshot.revision:
            return entry.outcome
        snapshot = self.shelf.load(entry.snapshot.environment_id, revision=revision)
        return entry.draft(snapshot) if snapshot else Refusal(Kind.NOT_FOUND, "environment not found")


class ForgetfulSink:
    """Answers without keeping anything: the benchmark's measure of what keeping costs."""

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [entry.outcome for entry in batch]


class Recorder:
    """One thread that commits what has queued up while it committed the batch before."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self._queue: deque[Entry] = deque()
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, snapshot: EnvironmentSnapshot, request_id: str, draft: Draft) -> Future[Record]:
        """Decide, and queue the row. The future ends with the stored row, or with a `Refusal`."""
        entry = Entry(snapshot, request_id, draft, draft(snapshot))
        with self._ready:
            if self._closed or len(self._queue) >= QUEUE:
                raise Refusal(Kind.UNAVAILABLE, "too many decisions are waiting to be stored; try again")
            self._queue.append(entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
                self._thread.start()
            self._ready.notify()
        return entry.future

    def close(self, timeout: float = 20.0) -> None:
        """Commit what is queued, and stop."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._settle(batch)
        connection.close()

    def _next_batch(self) -> list[Entry]:
        with self._ready:
            while not self._queue and not self._closed:
                self._ready.wait()
            return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _settle(self, batch: Sequence[Entry]) -> None:
        try:
            outcomes = self._write(batch)
        except (OperationalError, InterfaceError) as error:
            log.error("decisions not stored", error=repr(error), entries=len(batch))
            outcomes = [Refusal(Kind.UNAVAILABLE, "the decision could not be stored; try again")] * len(batch)
        except Exception as error:
            if len(batch) > 1:
                return self._settle_one_by_one(batch)
            log.exception("a decision cannot be stored", error=repr(error))
            outcomes = [Refusal(_kind_of(error), "the decision could not be stored")]
        for entry, outcome in zip(batch, outcomes, strict=True):
            _finish(entry, outcome)
        return None

    def _write(self, batch: Sequence[Entry]) -> list[Outcome]:
        """Write, once more on a new connection if the old one was lost: the thread keeps its connection for good."""
        try:
            return self.sink.write(batch)
        except (OperationalError, InterfaceError):
            connection.close()
            return self.sink.write(batch)

    def _settle_one_by_one(self, batch: Sequence[Entry]) -> None:
        """A row that cannot be stored must not take the others of its batch with it."""
        for entry in batch:
            self._settle([entry])


def _kind_of(error: Exception) -> Kind:
    return Kind.UNAVAILABLE if isinstance(error, DatabaseError) else Kind.INTERNAL


def _finish(entry: Entry, outcome: Outcome) -> None:
    if not entry.future.set_running_or_notify_cancel():  # the caller has gone; the row stays
        return
    if isinstance(outcome, Refusal):
        entry.future.set_exception(outcome)
    else:
        entry.future.set_result(outcome)
