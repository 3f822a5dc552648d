"""Every write to tenants. `take_turn` is how every edit begins, `advance` how an environment learns of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from audits.services import Actor, Place, is_same, lock_chain, record_change
from tenants import credentials
from tenants.models import ApiToken, Credential, Environment, Membership, Organisation, Project
from tenants.roles import Kind, Role

ENVIRONMENT_SETTINGS = (
    "hide_disabled_flags",
    "hide_sensitive_data",
    "allow_client_traits",
    "persist_traits",
    "is_protected",
)

CHANNEL = "switchyard_revisions"
"""Where PostgreSQL calls out "environment:revision" for each that moved, when the edit commits."""

advanced: list[Callable[[], object]] = []
"""Called after the commit of every change of a revision. Whoever caches by revision adds itself when it starts."""


@transaction.atomic
def create_organisation(*, key: str, name: str, actor: Actor) -> Organisation:
    """A new tenant. Its own history begins with its first project."""
    organisation = Organisation(key=key, name=name)
    organisation.full_clean()
    organisation.save()
    return organisation


@transaction.atomic
def update_organisation(organisation: Organisation, *, actor: Actor, **changes: Any) -> Organisation:
    """Rename a tenant; logged in each of its projects."""
    take_turn(organisation)
    organisation = Organisation.objects.locked().get(pk=organisation.pk)
    before = _values(organisation, *changes)
    _assign(organisation, changes)
    after = _values(organisation, *changes)
    if not is_same(before, after):
        organisation.save(update_fields=list(changes))
        _record_in_projects("organisation.updated", organisation, organisation, actor=actor, before=before, after=after)
    return organisation


@transaction.atomic
def create_project(
    organisation: Organisation, *, key: str, name: str, bucketing: str = "growthbook", actor: Actor
) -> Project:
    """A new project, without environments."""
    project = Project(organisation=organisation, key=key, name=name, bucketing=bucketing)
    project.full_clean()
    project.save()
    record_change(
        "project.created", project, actor=actor, place=Place(project.pk), after=_values(project, "key", "name")
    )
    return project


@transaction.atomic
def update_project(project: Project, *, actor: Actor, **changes: Any) -> Project:
    """Change a project's key, name or default bucketing. Experiments that exist keep their scheme."""
    take_turn(project)
    project = Project.objects.locked().get(pk=project.pk)
    _update(project, changes, "project.updated", actor=actor, place=Place(project.pk))
    return project


@transaction.atomic
def create_environment(
    project: Project, *, key: str, name: str, actor: Actor, source: Environment | None = None, **settings: bool
) -> Environment:
    """A new environment, in which every feature is off until it is switched.

    `source` is what it is a clone of: it takes over its settings, where none are given.
    """
    take_turn(project)
    taken_over = _values(source, *ENVIRONMENT_SETTINGS) if source else {}
    environment = Environment(project=project, key=key, name=name, revision=token_hex(8), **taken_over | settings)
    environment.full_clean()
    environment.save()
    after = _values(environment, "key", "name", *settings) | ({"cloned_from": source.key} if source else {})
    record_change("environment.created", environment, actor=actor, place=Place(project.pk, environment.pk), after=after)
    advance(environment)
    return environment


@transaction.atomic
def update_environment(environment: Environment, *, actor: Actor, **changes: Any) -> Environment:
    """Change an environment's key, name or settings."""
    take_turn(environment)
    environment = Environment.objects.locked().get(pk=environment.pk)
    before = _values(environment, *changes)
    place = Place(environment.project_id, environment.pk)
    _update(environment, changes, "environment.updated", actor=actor, place=place)
    if before != _values(environment, *changes):
        advance(environment)
    return environment


@transaction.atomic
def set_role(
    user: Any,
    organisation: Organisation,
    *,
    role: Role,
    actor: Actor,
    project: Project | None = None,
    environment: Environment | None = None,
) -> Membership:
    """Give a person a role in an organisation, or in one project or environment of it."""
    take_turn(project or organisation)
    found = Membership.objects.locked().filter(
        user=user, organisation=organisation, project=project, environment=environment
    )
    membership = found.first() or Membership(
        user=user, organisation=organisation, project=project, environment=environment, role=""
    )
    before, membership.role = membership.role, role
    membership.full_clean()
    if before != role:
        membership.save()
        _record_role("membership.set", membership, actor=actor, before={"role": before}, after={"role": role})
    return membership


@transaction.atomic
def remove_member(membership: Membership, *, actor: Actor) -> None:
    """Take a role away."""
    take_turn(membership)
    membership = Membership.objects.locked().get(pk=membership.pk)
    _record_role("membership.removed", membership, actor=actor, before={"role": membership.role}, after={})
    membership.delete()


@transaction.atomic
def issue_credential(
    environment: Environment,
    *,
    kind: Kind,
    name: str,
    actor: Actor,
    expires_at: datetime | None = None,
    is_encrypted: bool = False,
    is_remote_only: bool = False,
    key: str | None = None,
) -> tuple[Credential, str]:
    """A new key to an environment, and the key itself, which is shown only now. `key` brings one from elsewhere.

    Documents for an encrypted key are so, where the protocol knows that; for one that is remote only there are none.
    """
    take_turn(environment)
    encryption_key = credentials.new_encryption_key() if is_encrypted else ""
    credential, key = _new_credential(
        Credential(
            environment=environment,
            kind=kind,
            name=name,
            expires_at=expires_at,
            encryption_key=encryption_key,
            is_remote_only=is_remote_only,
        ),
        key,
    )
    after = _values(credential, "kind", "name", "expires_at", "is_remote_only") | {"is_encrypted": is_encrypted}
    _record_key("credential.issued", credential, actor=actor, after=after)
    return credential, key


@transaction.atomic
def rotate_credential(
    credential: Credential, *, actor: Actor, overlap: timedelta = timedelta(days=1), name: str | None = None
) -> tuple[Credential, str]:
    """A second key of the same kind, and the key itself. Both are good until the overlap has passed.

    Signing keys are found by their names, so that the second needs one of its own.
    """
    take_turn(credential)
    credential = Credential.objects.locked().get(pk=credential.pk)
    if not Credential.objects.live().filter(pk=credential.pk).exists():
        raise ValidationError("This key is revoked or has expired; issue a new one.")
    before = {"id": credential.pk, **_values(credential, "expires_at")}
    end = timezone.now() + overlap
    credential.expires_at = min(end, credential.expires_at or end)
    credential.save(update_fields=["expires_at"])
    kept = _values(credential, "environment", "kind", "encryption_key", "is_remote_only")
    second, key = _new_credential(Credential(name=name or credential.name, **kept))
    after = {"id": second.pk, "kind": second.kind, "name": second.name, "overlaps_until": credential.expires_at}
    _record_key("credential.rotated", second, actor=actor, before=before, after=after)
    return second, key


@transaction.atomic
def update_credential(credential: Credential, *, actor: Actor, **changes: Any) -> Credential:
    """Rename a key, set its expiry, or revoke it with `is_active=False`. It takes effect at once, everywhere."""
    take_turn(credential)
    credential = Credential.objects.locked().get(pk=credential.pk)
    before = _values(credential, *changes)
    _assign(credential, changes)
    after = _values(credential, *changes)
    if not is_same(before, after):
        credential.save(update_fields=list(changes))
        _record_key("credential.updated", credential, actor=actor, before=before, after=after)
    return credential


def revoke_credential(credential: Credential, *, actor: Actor) -> Credential:
    """End a key."""
    return update_credential(credential, actor=actor, is_active=False)


@transaction.atomic
def issue_api_token(user: Any, *, name: str, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """A token with which a person's scripts use the management API, and the token itself, shown only now."""
    key = credentials.new_key(credentials.API_TOKEN_PREFIX)
    token = ApiToken(
        user=user, name=name, digest=credentials.digest(key), hint=credentials.hint(key), expires_at=expires_at
    )
    token.full_clean()
    token.save()
    return token, key


def revoke_api_token(token: ApiToken) -> ApiToken:
    """End a token."""
    token.is_active = False
    token.save(update_fields=["is_active"])
    return token


def take_turn(row: Any) -> None:
    """Be the only one who edits the row's project until the transaction ends: the first step of every edit.

    With the turn in hand, nobody else holds what an edit still has to lock, in whatever order it does, and what it
    checked stays true until it is stored. Where an organisation is edited, it is the turn in all of its projects.
    """
    for project_id in _projects_of(row):
        lock_chain(project_id)


def advance(environment: Environment) -> None:
    """Give an environment a fresh revision: the last step of every edit that could change a decision.

    `changed_at` moves by at least a second, because HTTP dates cannot tell two moments of one second apart.
    """
    locked = Environment.objects.locked().get(pk=environment.pk)
    locked.changed_at = max(timezone.now(), locked.changed_at + timedelta(seconds=1))
    locked.revision = token_hex(8)
    locked.save(update_fields=["revision", "changed_at"])
    environment.revision, environment.changed_at = locked.revision, locked.changed_at
    _announce(locked)
    transaction.on_commit(tell_everyone)


def _announce(environment: Environment) -> None:
    """Let every host that listens know, when this transaction commits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{environment.pk}:{environment.revision}"])


def tell_everyone() -> None:
    """Let every cache of this process know that some revision moved."""
    for listener in advanced:
        listener()


def _new_credential(credential: Credential, key: str | None = None) -> tuple[Credential, str]:
    key = key or credentials.new_key(credentials.PREFIXES[Kind(credential.kind)])
    credential.digest, credential.hint = credentials.digest(key), credentials.hint(key)
    credential.sealed = credentials.seal(key) if credential.kind == Kind.SIGNING else ""
    credential.full_clean()
    credential.save()
    return credential, key


def _record_key(action: str, credential: Credential, *, actor: Actor, **values: Any) -> None:
    environment = credential.environment
    record_change(action, credential, actor=actor, place=Place(environment.project_id, environment.pk), **values)
    advance(environment)


def _record_role(action: str, membership: Membership, *, actor: Actor, **values: Any) -> None:
    if membership.project is None:
        _record_in_projects(action, membership, membership.organisation, actor=actor, **values)
    else:
        place = Place(membership.project.pk, membership.environment_id)
        record_change(action, membership, actor=actor, place=place, **values)


def _record_in_projects(
    action: str, obj: Organisation | Membership, organisation: Organisation, *, actor: Actor, **values: Any
) -> None:
    """What concerns a whole organisation is logged in each of its projects."""
    for project in organisation.projects.order_by("pk"):
        record_change(action, obj, actor=actor, place=Place(project.pk), **values)


def _projects_of(row: Any) -> list[int]:
    """The projects in whose history an edit of a row is logged, in the order in which they are locked."""
    if isinstance(row, Organisation):
        return list(row.projects.order_by("pk").values_list("pk", flat=True))
    if project_id := row.pk if isinstance(row, Project) else getattr(row, "project_id", None):
        return [project_id]
    return _projects_of(next(owner for name in _OWNERS if (owner := getattr(row, name, None))))


_OWNERS = ("environment", "state", "experiment", "organisation")
Row = Project | Environment


def _update(row: Row, changes: dict[str, Any], action: str, *, actor: Actor, place: Place) -> None:
    before = _values(row, *changes)
    _assign(row, changes)
    after = _values(row, *changes)
    if not is_same(before, after):
        row.save(update_fields=list(changes))
        record_change(action, row, actor=actor, place=place, before=before, after=after)


def _assign(row: Any, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    row.full_clean()


def _values(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
