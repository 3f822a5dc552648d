"""Where durable decisions are kept. A sink stores a batch and answers with what is stored."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psycopg
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from audits import records
from audits.models import Sequence as Numbers
from audits.records import Key, Record, key_of
from decisions.protocols._base import Kind, Refusal
from decisions.snapshots import EnvironmentSnapshot, Shelf
from tenants.querysets import revisions_of

Outcome = Record | Refusal
Draft = Callable[[EnvironmentSnapshot], Outcome]
"""Decides on a snapshot: a row for the log, or why there is none. Called again when the revision has moved."""

ATTEMPTS = 5


@dataclass(slots=True, eq=False)
class Entry:
    """One request that waits for its row; `outcome` is its draft on `snapshot`."""

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


class ForgetfulSink:
    """Answers without keeping anything: the benchmark's measure of what keeping costs."""

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [entry.outcome for entry in batch]


class DatabaseSink:
    """Keeps decisions in the database: each request id once, and never one decided on an outdated revision."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        """Insert what is new and current, look up what was stored before, decide again what an edit overtook."""
        pending = {entry.key: entry for entry in reversed(batch)}
        answers: dict[Key, Outcome] = {}
        is_postgresql = connection.vendor == "postgresql"
        insert = insert_in_postgresql if is_postgresql else insert_in_sqlite
        with nullcontext() if is_postgresql else turn():
            for _attempt in range(ATTEMPTS):
                answers |= self._inserted(pending, insert)
                pending = {key: entry for key, entry in pending.items() if key not in answers}
                if not pending:
                    break
                answers |= self._explained(pending)
        lost = Refusal(Kind.UNAVAILABLE, "the configuration changes faster than decisions are stored; try again")
        return [answers.get(entry.key, lost) for entry in batch]

    @staticmethod
    def _inserted(pending: dict[Key, Entry], insert: Callable[[Collection[Record]], set[Key]]) -> dict[Key, Outcome]:
        drafts = [entry.outcome for entry in pending.values() if isinstance(entry.outcome, Record)]
        return {key: pending[key].outcome for key in insert(drafts)} if drafts else {}

    def _explained(self, pending: dict[Key, Entry]) -> dict[Key, Outcome]:
        """Why these were not inserted: they are stored already, or there is nothing to store. The others are drafted
        again, for the next attempt."""
        answers: dict[Key, Outcome] = dict(records.find(pending))
        revisions = revisions_of({environment_id for environment_id, _ in pending})
        for key, entry in pending.items():
            if key in answers:
                continue
            if revisions.get(key[0]) != entry.snapshot.revision:
                self._draft_again(entry, revisions.get(key[0]))
            elif isinstance(entry.outcome, Record):
                _make_sequence(entry.outcome.project_id)
            if isinstance(entry.outcome, Refusal):
                answers[key] = entry.outcome
        return answers

    def _draft_again(self, entry: Entry, revision: str | None) -> None:
        snapshot = self.shelf.load(entry.snapshot.environment_id, revision=revision or "gone")
        if snapshot is None:
            entry.outcome = Refusal(Kind.NOT_FOUND, "environment not found")
        else:
            entry.snapshot, entry.outcome = snapshot, entry.draft(snapshot)


_COLUMNS = {
    "project_id": "bigint",
    "environment_id": "bigint",
    "request_id": "text",
    "user_id": "text",
    "feature_number": "integer",
    "feature_key": "text",
    "feature_name": "text",
    "experiment_number": "integer",
    "experiment_name": "text",
    "variant_number": "integer",
    "variant_key": "text",
    "is_control": "boolean",
    "reason": "text",
    "payload": "jsonb",
    "protocol": "text",
    "revision": "text",
    "decided_at": "timestamptz",
}
_NAMES = ", ".join(_COLUMNS)

# One statement a batch, and so one transaction. The numbers' lock is held only while the server runs it. Rows whose
# revision is not the environment's own any more find no partner in the join, and are not inserted. What is stored
# already is looked up by a scalar subquery, which asks the index row by row; NOT EXISTS would be planned as a scan.
# A request id is claimed too, because decisions are partitioned by time and cannot be unique by anything else. If one
# was claimed since the statement began, the whole batch fails, and is tried again. Claims are sorted, so that none is
# made before all locks are held: two batches never wait for each other in a circle.
_INSERT_IN_POSTGRESQL = f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS given({", ".join(f"{n} {t}" for n, t in _COLUMNS.items())})
), fresh AS (
    SELECT given.*, row_number() OVER (PARTITION BY given.project_id ORDER BY given.decided_at) AS place
    FROM given JOIN tenants_environment ON id = environment_id AND tenants_environment.revision = given.revision
    WHERE (
        SELECT 1 FROM audits_request AS old
        WHERE old.environment_id = given.environment_id AND old.request_id = given.request_id
    ) IS NULL
), wanted AS (
    SELECT project_id, count(*) AS rows FROM fresh GROUP BY project_id
), locked AS (
    SELECT id, wanted.rows FROM audits_sequence JOIN wanted USING (project_id)
    WHERE kind = 'decision' ORDER BY project_id FOR UPDATE OF audits_sequence
), numbers AS (
    UPDATE audits_sequence SET last = last + rows FROM locked
    WHERE audits_sequence.id = locked.id RETURNING project_id, last - rows AS before
), numbered AS (
    SELECT nextval('audits_decision_id_seq') AS id, before + place AS number, {_NAMES}
    FROM fresh JOIN numbers USING (project_id)
    ORDER BY environment_id, request_id
), claimed AS (
    INSERT INTO audits_request (environment_id, request_id, decision_id, decided_at)
    SELECT environment_id, request_id, id, decided_at FROM numbered
)
INSERT INTO audits_decision (id, number, {_NAMES}) SELECT id, number, {_NAMES} FROM numbered
RETURNING environment_id, request_id
"""  # noqa: S608  nothing in it comes from outside


def insert_in_postgresql(drafts: Collection[Record]) -> set[Key]:
    """Insert the rows that are new and current, all or none; answers their keys."""
    given = _encode([draft._asdict() for draft in drafts]).decode()
    connection.ensure_connection()
    try:
        # Django's own cursor would write them into the statement as a literal, which costs a fifth of the whole.
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            return set(cursor.execute(_INSERT_IN_POSTGRESQL, [given]).fetchall())
    except IntegrityError:
        return set()


_encode = msgspec.json.Encoder(enc_hook=dict).encode  # what it does not know are mappings


@cache
def _insert_in_sqlite(rows: int) -> str:
    """One statement for so many rows: every call of the database gives the interpreter away, and has to wait for it."""
    row = f"({', '.join('?' * (1 + len(_COLUMNS)))})"
    return f"INSERT INTO audits_decision (number, {_NAMES}) VALUES {', '.join([row] * rows)}"  # noqa: S608


@contextmanager
def turn() -> Iterator[None]:
    """One SQLite transaction, begun when it is this process's turn. SQLite itself would make the processes sleep and
    try again, for up to 100 ms at a time; a lock on a file wakes the next one at once."""
    file = os.open(Path(settings.STATE_DIR) / "recorder.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        flock(file, LOCK_EX)
        with transaction.atomic():
            yield
    finally:
        os.close(file)


def insert_in_sqlite(drafts: Collection[Record]) -> set[Key]:
    """Insert the rows that are new and current; answers their keys. Nobody else writes during this transaction."""
    stored = records.known(key_of(draft) for draft in drafts)
    revisions = revisions_of({draft.environment_id for draft in drafts})
    fresh = [d for d in drafts if key_of(d) not in stored and revisions.get(d.environment_id) == d.revision]
    numbers = {project_id: _take(project_id, rows) for project_id, rows in Counter(d.project_id for d in fresh).items()}
    numbered = [_row(draft, next(numbers[draft.project_id])) for draft in fresh]
    if numbered:
        with connection.wrap_database_errors:  # Django's own cursor would look for parameters in the statement
            connection.connection.execute(_insert_in_sqlite(len(numbered)), [*chain.from_iterable(numbered)])
    return {key_of(draft) for draft in fresh}


def _take(project_id: int, rows: int) -> Iterator[int]:
    statement = "UPDATE audits_sequence SET last = last + %s WHERE project_id = %s AND kind = 'decision' RETURNING last"
    with connection.cursor() as cursor:
        cursor.execute(statement, [rows, project_id])
        row = cursor.fetchone()
    if row is None:
        _make_sequence(project_id)
        return _take(project_id, rows)
    return iter(range(row[0] - rows + 1, row[0] + 1))


def _row(draft: Record, number: int) -> tuple[Any, ...]:
    """As Django would store it: moments in UTC, without saying so."""
    moment = str(draft.decided_at.replace(tzinfo=None))
    return (number, *draft._replace(payload=_encode(draft.payload).decode(), decided_at=moment))  # type: ignore[arg-type]


def _make_sequence(project_id: int) -> None:
    Numbers.objects.bulk_create([Numbers(project_id=project_id, kind="decision")], ignore_conflicts=True)
