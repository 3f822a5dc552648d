"""How long decisions are kept. Nothing is forgotten by itself: `manage.py prune` does it, when somebody says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from audits.partitions import Partition, drop, is_partitioned, partitions, week_of

TABLE, REQUESTS = "audits_decision", "audits_request"
BATCH = 5_000
PAGES = 500
"""Pages of 8 KB that one statement goes through on PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was forgotten, or would be. How many rows a dropped partition had is PostgreSQL's estimate."""

    before: datetime
    partitions: tuple[str, ...]
    decisions: int
    requests: int


def prune(before: datetime, *, requests_before: datetime | None = None, is_rehearsal: bool = False) -> Pruned:
    """Forget decisions from before a moment, and that their request ids were taken.

    PostgreSQL forgets whole weeks, so that the moment is a Monday there. `requests_before` is for request ids that
    are forgotten sooner: then the same request is decided anew. Writers never wait for more than a moment.
    """
    if not is_partitioned():
        return Pruned(before, (), _count(TABLE, before) if is_rehearsal else _delete_in_sqlite(before), 0)
    before = week_of(before)
    old = [partition for partition in partitions() if partition.end and partition.end <= before]
    without_start = [partition for partition in partitions() if partition.start is None and partition not in old]
    forget = _count if is_rehearsal else _delete
    # First the ids: if this ends halfway, no id is left that leads nowhere.
    requests = forget(REQUESTS, max(before, requests_before or before))
    rows = sum(forget(partition.name, before) for partition in without_start) + sum(map(_estimate, old))
    for partition in [] if is_rehearsal else old:
        drop(partition)
    return Pruned(before, tuple(partition.name for partition in old), rows, requests)


def _count(table: str, before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE decided_at < %s", [_adapted(before)])  # noqa: S608
        return int(cursor.fetchone()[0])


def _estimate(partition: Partition) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE relname = %s", [partition.name])
        return int(cursor.fetchone()[0])


def _delete(table: str, before: datetime) -> int:
    """Delete old rows on PostgreSQL, each span of pages in a transaction of its own."""
    statement = f"DELETE FROM {table} WHERE ctid >= %s::tid AND ctid < %s::tid AND decided_at < %s"  # noqa: S608
    return sum(_changed(statement, [f"({a},0)", f"({b},0)", before]) for a, b in _spans(table))


def _spans(table: str) -> Iterator[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s) / current_setting('block_size')::int", [table])
        pages = int(cursor.fetchone()[0])
    return ((start, start + PAGES) for start in range(0, pages, PAGES))


def _delete_in_sqlite(before: datetime) -> int:
    """Delete old rows, each batch in a transaction of its own. The oldest were stored first, and are found first."""
    chosen = f"SELECT id FROM {TABLE} WHERE decided_at < %s ORDER BY id LIMIT {BATCH}"  # noqa: S608
    statement, total = f"DELETE FROM {TABLE} WHERE id IN ({chosen})", 0  # noqa: S608
    while changed := _changed(statement, [_adapted(before)]):
        total += changed
    return total


def _changed(statement: str, values: list[Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _adapted(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
