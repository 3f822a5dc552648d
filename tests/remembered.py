"""What many tests start from is built once, by the services, and its rows are put back for those that come later."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeVar

from django.db import connection, transaction

from tenants import services
from tests.emptying import filled_tables

Built = TypeVar("Built")
Rows = dict[str, list[tuple[Any, ...]]]
_kept: dict[str, tuple[Any, Rows]] = {}


def remembered(name: str, build: Callable[[], Built]) -> Built:
    """What `build` makes, with its rows in the database. They keep their ids, which no later row can have."""
    if name not in _kept:
        before = _rows()
        built = build()
        made = {table: [row for row in rows if row not in before.get(table, [])] for table, rows in _rows().items()}
        _kept[name] = deepcopy(built), made
        return built
    built, rows = _kept[name]
    _insert(rows)
    for tell in services.advanced:
        tell()
    return deepcopy(built)


def _rows() -> Rows:
    found = {}
    with connection.cursor() as cursor:
        for table in filled_tables():
            cursor.execute(f"SELECT * FROM {table}")
            found[table] = [tuple(row) for row in cursor.fetchall()]
    return found


def _insert(rows: Rows) -> None:
    """In one transaction, at whose end foreign keys are checked."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table, made in rows.items():
            if made:
                cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(made[0]))})", made)
