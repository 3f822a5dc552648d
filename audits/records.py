"""Decisions on their way into the log: a row as a plain value, and looking up what is stored under a request id."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from audits.models import Decision, Request
from audits.partitions import is_partitioned


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


def key_of(record: Record) -> Key:
    return record.environment_id, record.request_id


def known(keys: Iterable[Key]) -> set[Key]:
    """Which of these keys are taken; one query an environment, in plain SQL, because it runs with every batch."""
    found: set[Key] = set()
    table = Request._meta.db_table if is_partitioned() else Decision._meta.db_table
    with connection.cursor() as cursor:
        for environment_id, request_ids in _by_environment(keys).items():
            marks = ", ".join(["%s"] * len(request_ids))
            statement = f"SELECT request_id FROM {table} WHERE environment_id = %s AND request_id IN ({marks})"  # noqa: S608
            cursor.execute(statement, [environment_id, *request_ids])
            found.update((environment_id, row[0]) for row in cursor.fetchall())
    return found


def find(keys: Iterable[Key]) -> dict[Key, Record]:
    """What is stored under these keys; one query an environment, or two where ids are kept apart."""
    found: dict[Key, Record] = {}
    for environment_id, request_ids in _by_environment(keys).items():
        rows = Decision.objects.under_requests(environment_id, request_ids)
        for row in rows.values_list(*Record._fields):
            record = Record(*row)
            found[key_of(record)] = record
    return found


def _by_environment(keys: Iterable[Key]) -> dict[int, list[str]]:
    wanted: dict[int, list[str]] = {}
    for environment_id, request_id in keys:
        wanted.setdefault(environment_id, []).append(request_id)
    return wanted
