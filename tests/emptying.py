"""Test databases are emptied quickly, because many tests need commits to be real."""

from collections.abc import Sequence
from typing import Any

from django.contrib.contenttypes.management import create_contenttypes
from django.db import connection
from django.db.models.signals import post_migrate

KEPT = {"django_content_type", "auth_permission", "django_migrations"}
"""What migrating made, and no test changes."""


def empty_quickly() -> None:
    """From now on, flushing deletes the rows that there are; a truncation takes longer than most tests."""
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    connection.ops.sql_flush = _deletions  # type: ignore[method-assign]


def filled_tables() -> list[str]:
    """The tables that hold anything, quoted."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    names = [connection.ops.quote_name(table) for table in tables if table not in KEPT]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names))
        return [name for (name,) in cursor.fetchall()]


def _deletions(style: Any, tables: Sequence[str], **_: Any) -> list[str]:
    """Foreign keys are checked when all of these have run."""
    return [f"DELETE FROM {name}" for name in filled_tables()]
