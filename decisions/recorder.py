"""What was decided, durably: callers wait for the commit of a batch, and are answered from the stored row."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from time import monotonic, sleep

import structlog
from django.db import DatabaseError, connection

from audits.records import Record
from decisions.complaints import Complaint
from decisions.outages import is_away
from decisions.protocols._base import Kind, Refusal
from decisions.sinks import Draft, Entry, Outcome, Sink
from decisions.snapshots import EnvironmentSnapshot

log = structlog.get_logger(__name__)

BATCH = 200
QUEUE = 10_000
CROWD, LINGER = 8, 0.002
"""After a batch of so many there will be more: so many seconds later they are there, and cost one commit together."""
AWAY_SECONDS = 1.0
BUSY = "too many decisions are waiting to be stored; try again"
AWAY = "the decision could not be stored; try again"
LOST = "the decision could not be stored"


class Recorder:
    """One thread that commits what has queued up while it committed the batch before.

    While the database is away callers are refused at once, but for one a second, by whose row it is tried again: where
    a server has only so many threads, all others would soon wait for nothing, and the evaluations behind them.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self._queue: deque[Entry] = deque()
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._taken = 0
        self._closed = False
        self._is_away = False
        self._try_again_at = 0.0
        self._complain = Complaint(log.error, "decisions not stored")

    def submit(self, snapshot: EnvironmentSnapshot, request_id: str, draft: Draft) -> Future[Record]:
        """Decide, and queue the row. The future ends with the stored row, or with a `Refusal`."""
        entry = Entry(snapshot, request_id, draft, draft(snapshot))
        with self._ready:
            if self._closed or len(self._queue) >= QUEUE:
                raise Refusal(Kind.UNAVAILABLE, BUSY)
            if self._is_away:
                self._await_turn()
            self._queue.append(entry)
            if self._thread is None or not self._thread.is_alive():
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

    def _await_turn(self) -> None:
        """One caller a second may try. Raises a `Refusal` for all others."""
        if monotonic() < self._try_again_at:
            raise Refusal(Kind.UNAVAILABLE, AWAY)
        self._try_again_at = monotonic() + AWAY_SECONDS

    def _run(self) -> None:
        while batch := self._next_batch():
            self._settle(batch)
        connection.close()

    def _next_batch(self) -> list[Entry]:
        if self._taken >= CROWD and not self._closed:
            sleep(LINGER)
        with self._ready:
            while not self._queue and not self._closed:
                self._ready.wait()
            self._taken = min(BATCH, len(self._queue))
            return [self._queue.popleft() for _ in range(self._taken)]

    def _settle(self, batch: Sequence[Entry]) -> None:
        outcomes: Sequence[Outcome]
        try:
            outcomes = self._write(batch)
            self._is_away = False
        except Exception as error:
            if is_away(error):
                return self._give_up(batch, error)
            if len(batch) > 1:
                return self._settle_one_by_one(batch)
            log.exception("a decision cannot be stored", error=repr(error))
            outcomes = [Refusal(_kind_of(error), LOST)]
        except BaseException as error:  # noqa: BLE001  whatever would end this thread, nobody is left waiting for it
            log.critical("the recorder was struck", error=repr(error))
            outcomes = [Refusal(Kind.INTERNAL, LOST)] * len(batch)
        return _finish(batch, outcomes)

    def _write(self, batch: Sequence[Entry]) -> list[Outcome]:
        """Write, once more on a new connection if the old one was lost: the thread keeps its connection for good."""
        try:
            return self.sink.write(batch)
        except Exception as error:
            if not is_away(error) or connection.connection is None or connection.is_usable():
                raise
            connection.close()
            return self.sink.write(batch)

    def _give_up(self, batch: Sequence[Entry], error: Exception) -> None:
        """Nobody waits who would only see the database fail once more."""
        with self._ready:
            self._try_again_at = monotonic() + (AWAY_SECONDS if self._is_away else 0)
            self._is_away = True
            waiting = [*batch, *self._queue]
            self._queue.clear()
        self._complain(error, entries=len(waiting))
        connection.close()
        _finish(waiting, [Refusal(Kind.UNAVAILABLE, AWAY)] * len(waiting))

    def _settle_one_by_one(self, batch: Sequence[Entry]) -> None:
        """A row that cannot be stored must not take the others of its batch with it."""
        for entry in batch:
            self._settle([entry])


def _kind_of(error: Exception) -> Kind:
    return Kind.UNAVAILABLE if isinstance(error, DatabaseError) else Kind.INTERNAL


def _finish(batch: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
    for entry, outcome in zip(batch, outcomes, strict=True):
        if not entry.future.set_running_or_notify_cancel():  # the caller has gone; the row stays
            continue
        if isinstance(outcome, Refusal):
            entry.future.set_exception(outcome)
        else:
            entry.future.set_result(outcome)
