"""What was decided, durably: callers wait for the commit of a batch, and are answered from the stored row."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from audits.records import Record
from decisions.protocols._base import Kind, Refusal
from decisions.sinks import Draft, Entry, Outcome, Sink
from decisions.snapshots import EnvironmentSnapshot

log = structlog.get_logger(__name__)

BATCH = 200
QUEUE = 10_000


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
