"""Where everything is: which key belongs to which environment, and at which revision each environment is."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from tenants.credentials import digest
from tenants.models import Credential, Environment


class Index(NamedTuple):
    """Complete, so that a key that is not here exists nowhere."""

    revisions: dict[int, str]
    changed: dict[int, datetime]
    """When each environment changed last, by which revisions are ordered."""
    paths: dict[str, int]
    keys: dict[str, int]
    """By digest."""
    is_behind: bool = False
    """Whether the database knew of an older revision than we do, which was not taken over."""


def read_index(known: Index | None, *, may_go_back: bool = False) -> Index:
    """The index as the database has it. One query where nothing moved since it was `known`, else three.

    An environment that the database knows only as it was before stays as we know it, unless we `may_go_back`.
    """
    before = known or Index({}, {}, {}, {})
    revisions: dict[int, str] = {}
    changed: dict[int, datetime] = {}
    paths: dict[str, int] = {}
    is_behind = False
    rows = Environment.objects.order_by("pk").values_list(
        "pk", "revision", "changed_at", "project__organisation__key", "project__key", "key"
    )
    for pk, revision, changed_at, organisation, project, key in rows:
        revisions[pk], changed[pk] = revision, changed_at
        if not may_go_back and pk in before.changed and changed_at < before.changed[pk]:
            revisions[pk], changed[pk] = before.revisions[pk], before.changed[pk]
            is_behind = True
        paths[f"{organisation}/{project}/{key}"] = pk
    return Index(revisions, changed, paths, _read_keys(known, revisions), is_behind)


def _read_keys(known: Index | None, revisions: dict[int, str]) -> dict[str, int]:
    if known is None:
        return dict(Credential.objects.live().lookups()) | _public_ids(revisions)
    moved = {pk for pk, revision in revisions.items() if known.revisions.get(pk) != revision}
    if not moved and revisions.keys() == known.revisions.keys():
        return known.keys
    unmoved = {key: pk for key, pk in known.keys.items() if pk in revisions and pk not in moved}
    found = Credential.objects.live().filter(environment_id__in=moved).lookups()
    return unmoved | dict(found) | _public_ids(moved)


def _public_ids(environment_ids: Collection[int]) -> dict[str, int]:
    rows = Environment.objects.filter(pk__in=environment_ids).order_by().values_list("public_id", "pk")
    return {digest(public_id): pk for public_id, pk in rows}
