"""Decisions on their way into the log: written in batches, each request id once, answered from what is stored."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from audits.models import Decision
from audits.services import next_number


class Record(NamedTuple):
    """One decision as the log keeps it."""

    project_id: int
    environment_id: int
    request_id: str
    user_id: str
    feature_number: int
    feature_key: str
    feature_name: str
    experiment_number: int | None
    experiment_name: str
    variant_number: int | None
    variant_key: str
    is_control: bool | None
    reason: str
    payload: Mapping[str, Any]
    protocol: str
    revision: str
    decided_at: datetime


Key = tuple[int, str]
"""Environment and request id: what may stand in the log only once."""

_COLUMNS = ("number", *Record._fields)
_ONE_ROW = f"({', '.join(['%s'] * len(_COLUMNS))})"
_INSERT = f"INSERT INTO {Decision._meta.db_table} ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608  names of our own columns
_ONCE = " ON CONFLICT (environment_id, request_id) DO NOTHING RETURNING environment_id, request_id"


def key_of(record: Record) -> Key:
    return record.environment_id, record.request_id


def find(keys: Iterable[Key]) -> dict[Key, Record]:
    """What is stored under these keys; one query an environment."""
    wanted: dict[int, list[str]] = {}
    for environment_id, request_id in keys:
        wanted.setdefault(environment_id, []).append(request_id)
    found: dict[Key, Record] = {}
    for environment_id, request_ids in wanted.items():
        rows = Decision.objects.in_environment(environment_id).filter(request_id__in=request_ids)
        for row in rows.values_list(*Record._fields):
            record = Record(*row)
            found[key_of(record)] = record
    return found


def add(records: Sequence[Record]) -> set[Key]:
    """Insert records whose keys are all different; answers the keys that were new. Call it in a transaction.

    They go in sorted by key, so that two writers that share keys wait for each other in one order.
    """
    if not records:
        return set()
    numbers = _take_numbers(Counter(record.project_id for record in records))
    values: list[Any] = []
    for record in sorted(records, key=key_of):
        numbers[record.project_id] += 1
        values.append(numbers[record.project_id])
        values.extend(_stored(record))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT + ", ".join([_ONE_ROW] * len(records)) + _ONCE, values)
        return {(row[0], row[1]) for row in cursor.fetchall()}


def _take_numbers(wanted: Mapping[int, int]) -> dict[int, int]:
    """For each project, the number before the first of those it may use."""
    return {
        project_id: next_number(project_id, "decision", count) - count for project_id, count in sorted(wanted.items())
    }


def _stored(record: Record) -> Iterable[Any]:
    """A record's values as the database takes them, in the order of its columns."""
    values = record._asdict()
    values["payload"] = json.dumps(dict(record.payload), ensure_ascii=False)
    values["decided_at"] = connection.ops.adapt_datetimefield_value(record.decided_at)
    return values.values()
