"""Test databases are emptied quickly, because many tests need commits to be real."""

from collections.abc import Sequence
from typing import Any

from django.contrib.contenttypes.management import create_contenttypes
from django.db import connection
from django.db.models.signals import post_migrate

KEPT = {"django_content_type", "auth_permission"}
"""What migrating made, and no test changes."""


def empty_quickly() -> None:
    """From now on, flushing deletes the rows that there are; a truncation takes longer than most tests."""
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    connection.ops.sql_flush = _deletions  # type: ignore[method-assign]


def _deletions(style: Any, tables: Sequence[str], **_: Any) -> list[str]:
    """A statement for each table that is not empty. Foreign keys are checked when all of them have run."""
    names = [connection.ops.quote_name(table) for table in tables if table not in KEPT]
    asking = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(asking)
        return [f"DELETE FROM {name}" for (name,) in cursor.fetchall()]
