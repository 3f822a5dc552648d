"""Who a segment means, among those that were seen last: asked of the engine, in memory."""

import json
from collections.abc import Mapping
from itertools import islice
from time import time
from typing import Any, NamedTuple

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import Subject
from features.admin.vocabulary import flat
from features.models import Identity, Segment
from tenants.models import Environment

LOOKED_AT = 1_000
SHOWN = 20
TRAITS_SHOWN = 8


class Match(NamedTuple):
    """One who matches, and some of what is known of them."""

    identity: Identity
    traits: list[tuple[str, str]]


class Matches(NamedTuple):
    """How many of how many match, and the first of them, newest first."""

    environment: Environment
    matching: int
    total: int
    first: list[Match]


def matches(tree: Any, environment: Environment, segments: Mapping[str, Any] | None = None) -> Matches:
    """Those among an environment's newest identities that a tree means. Three queries.

    `segments` stand in for those that are stored.
    """
    trees = Segment.objects.in_project(environment.project_id).trees() | dict(segments or {})
    means = Binder(trees).bind(tree)
    now, seen = time(), newest(environment)
    found = [row for row in seen if means(Subject(row.identifier, _mapping(row.traits), now))]
    shown = [Match(row, _told(row.traits)) for row in found[:SHOWN]]
    return Matches(environment, len(found), len(seen), shown)


def newest(environment: Environment) -> list[Identity]:
    """The identities that were seen last."""
    rows = Identity.objects.in_environment(environment.pk).order_by("-updated_at", "-pk")
    keys = list(rows.values_list("pk", flat=True)[:LOOKED_AT])  # traits are large: sort without them
    return list(rows.filter(pk__in=keys))


def _told(traits: Any) -> list[tuple[str, str]]:
    """Traits in words, those of nested objects by their path."""
    told = ((name, value if isinstance(value, str) else json.dumps(value)) for name, value in flat(traits))
    return list(islice(told, TRAITS_SHOWN))


def _mapping(traits: Any) -> Mapping[str, Any]:
    return traits if isinstance(traits, dict) else {}
