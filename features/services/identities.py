"""What applications say of their subjects. It is no configuration: no revision moves, and nobody's edit is logged."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from features.models import Identity

_READ = "SELECT traits FROM features_identity WHERE environment_id = %s AND identifier = %s"
# One statement, so that of several callers at once none overwrites what another one said.
_MERGE = """
INSERT INTO features_identity (environment_id, identifier, traits, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (environment_id, identifier) DO UPDATE SET traits = {merged}, updated_at = excluded.updated_at
RETURNING traits
"""
_MERGED = {  # both forget what is null
    "postgresql": "jsonb_strip_nulls(features_identity.traits || %s::jsonb)",
    "sqlite": "json_patch(features_identity.traits, %s)",
}


def traits_of(environment_id: int, identifier: str) -> dict[str, Any] | None:
    """What is kept of a subject; None if nothing ever was. One query, which Flagsmith's callers wait for each time."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [environment_id, identifier])
        row = cursor.fetchone()
    return None if row is None else _loaded(row[0])


def merge_traits(environment_id: int, identifier: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Add traits to those that are kept, and forget those that are None. Answers all of them.

    One query, and a second one only where something changes. Values are text, numbers or booleans.
    """
    kept = traits_of(environment_id, identifier)
    merged = _without_none({**(kept or {}), **changes})
    if kept is not None and _is_alike(merged, kept):
        return kept
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    first, later = json.dumps(_without_none(changes)), json.dumps(dict(changes))
    with connection.cursor() as cursor:
        cursor.execute(
            _MERGE.format(merged=_MERGED[connection.vendor]), [environment_id, identifier, first, now, now, later]
        )
        (stored,) = cursor.fetchone()
    return _loaded(stored)


def _loaded(stored: str | Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(stored) if isinstance(stored, str) else stored)


@transaction.atomic
def increment_trait(environment_id: int, identifier: str, name: str, by: int) -> int:
    """Add to a trait that is a whole number, or is not there yet. Raises ValueError if it is something else."""
    fresh = Identity(environment_id=environment_id, identifier=identifier)
    Identity.objects.bulk_create([fresh], ignore_conflicts=True)
    identity = Identity.objects.locked().get(environment_id=environment_id, identifier=identifier)
    value = identity.traits.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name!r} is not a whole number")
    identity.traits = {**identity.traits, name: value + by}
    identity.save(update_fields=["traits", "updated_at"])
    return value + by


def _without_none(traits: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in traits.items() if value is not None}


def _is_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal, and of the same types: Python takes 1 for True and for 1.0."""
    return one == other and all(type(one[name]) is type(other[name]) for name in one)
