"""Words for reading tenants. `visible_to` is where one tenant is kept from another: every queryset starts there."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from tenants.credentials import SIGNING_NAME, digest
from tenants.roles import Kind, Right, roles_with

if TYPE_CHECKING:
    from tenants.models import ApiToken, Credential, Environment, Membership, Organisation, Project  # noqa: F401

Row = TypeVar("Row", bound=models.Model)
EXPIRING_DAYS, UNUSED_DAYS = 14, 30


class TenantQuerySet(models.QuerySet[Row]):
    """Rows that stand under an organisation, reached through the roles that a person has in it."""

    def within(self, user: Any, right: Right) -> Q:
        """The condition under which `user` has `right` on a row."""
        raise NotImplementedError

    def permitting(self, user: Any, right: Right) -> Self:
        """The rows on which a person has a right. A superuser has every right, an inactive person none."""
        if not getattr(user, "is_active", False):
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(self.within(user, right))

    def visible_to(self, user: Any) -> Self:
        return self.permitting(user, Right.READ)

    def locked(self) -> Self:
        """Rows that others can still refer to, but not change, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True)


class OrganisationQuerySet(TenantQuerySet["Organisation"]):
    """Organisations: visible to whoever has any role in them, theirs to change with a role on the whole."""

    def within(self, user: Any, right: Right) -> Q:
        members = _memberships(user, right)
        if right is not Right.READ:
            members = members.filter(project=None)
        return Q(pk__in=members.values("organisation"))


class ProjectQuerySet(TenantQuerySet["Project"]):
    """Projects: visible to members of the organisation, the project, or one of its environments."""

    def within(self, user: Any, right: Right) -> Q:
        return _reached(user, right, organisation="organisation", project="pk", up=right is Right.READ)


class EnvironmentQuerySet(TenantQuerySet["Environment"]):
    """Environments: reached by a role on the organisation, the project or the environment itself."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="")

    def named(self, path: str) -> Self:
        """The environment at "organisation/project/environment", as settings name it."""
        names = path.split("/")
        if len(names) != 3:
            return self.none()
        return self.filter(project__organisation__key=names[0], project__key=names[1], key=names[2])


class MembershipQuerySet(TenantQuerySet["Membership"]):
    """Memberships: a role in the organisation shows its members."""

    def within(self, user: Any, right: Right) -> Q:
        return Q(organisation__in=_memberships(user, right).filter(project=None).values("organisation"))


class CredentialQuerySet(TenantQuerySet["Credential"]):
    """Keys: they follow their environment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="environment__")

    def live(self) -> Self:
        return self.filter(is_active=True).filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))

    def in_need(self, *, at: datetime) -> Self:
        """Live keys that somebody should look at: they expire within 14 days, or nobody used them for 30 days."""
        expiring = Q(expires_at__lte=at + timedelta(days=EXPIRING_DAYS))
        since = at - timedelta(days=UNUSED_DAYS)
        return self.live().filter(expiring | Q(_last_used_before(since), created_at__lt=since))

    def lookups(self) -> Iterator[tuple[str, int]]:
        """What they are found by, and their environments: digests of keys, and of the names of signing keys."""
        rows = self.order_by().values_list("digest", "environment_id", "kind", "name")
        for key_digest, environment_id, kind, name in rows:
            yield key_digest, environment_id
            if kind == Kind.SIGNING:
                yield digest(SIGNING_NAME + name), environment_id


class EnvironmentLogQuerySet(TenantQuerySet[Row]):
    """Rows that know their environment by its number alone, and outlive what they tell of."""

    def within(self, user: Any, right: Right) -> Q:
        from tenants.models import Environment  # noqa: PLC0415  the models import this module

        return Q(environment_id__in=Environment.objects.permitting(user, right).order_by().values("pk"))

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(environment_id=environment_id)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens of people."""

    def live(self) -> Self:
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, is_active=True, user__is_active=True)

    def visible_to(self, user: Any) -> Self:
        return self if user.is_superuser else self.filter(user=user.pk)


def _last_used_before(since: datetime) -> Q:
    return Q(last_used_at=None) | Q(last_used_at__lt=since)


def environment_condition(user: Any, right: Right, *, prefix: str) -> Q:
    """The condition that `user` has `right` on the environment that a row reaches by `prefix`."""
    members = _memberships(user, right)
    whole = members.filter(project=None).values("organisation")
    return (
        Q(**{f"{prefix}project__organisation__in": whole})
        | Q(**{f"{prefix}project__in": members.filter(environment=None).exclude(project=None).values("project")})
        | Q(**{f"{prefix}pk__in": members.exclude(environment=None).values("environment")})
    )


def project_condition(user: Any, right: Right, *, prefix: str) -> Q:
    """The condition that `user` has `right` on the project that a row reaches by `prefix`, such as "project__"."""
    return _reached(user, right, organisation=f"{prefix}organisation", project=f"{prefix}pk", up=right is Right.READ)


def revisions_of(environment_ids: Collection[int]) -> dict[int, str]:
    """The current revision of each environment: plain SQL, because it runs with every batch of decisions."""
    marks = ", ".join(["%s"] * len(environment_ids)) or "NULL"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, revision FROM tenants_environment WHERE id IN ({marks})", [*environment_ids])  # noqa: S608
        return dict(cursor.fetchall())


def visible_log(user: Any) -> Q:
    """The audits that a person may read: of a project as a whole, or of an environment; both must be theirs to see.

    Named by `settings.AUDIT_SCOPE`.
    """
    from tenants.models import Environment, Project  # noqa: PLC0415  models are not loaded when settings name this

    projects = Project.objects.visible_to(user).order_by().values("pk")
    environments = Environment.objects.visible_to(user).order_by().values("pk")
    return Q(project_id__in=projects) & (Q(environment_id=None) | Q(environment_id__in=environments))


def visible_places(user: Any) -> dict[int, str]:
    """The names of the environments a person may read, by id; named by `settings.AUDIT_PLACES`."""
    from tenants.models import Environment  # noqa: PLC0415  models are not loaded when settings name this function

    rows = Environment.objects.visible_to(user).select_related("project").order_by("project__name", "pk")
    return {environment.pk: str(environment) for environment in rows}


def _reached(user: Any, right: Right, *, organisation: str, project: str, up: bool) -> Q:
    """A role on the organisation or the project; `up` counts a role on one of its environments as well."""
    members = _memberships(user, right)
    on_projects = members.exclude(project=None)
    if not up:
        on_projects = on_projects.filter(environment=None)
    return Q(**{f"{organisation}__in": members.filter(project=None).values("organisation")}) | Q(
        **{f"{project}__in": on_projects.values("project")}
    )


def _memberships(user: Any, right: Right) -> "models.QuerySet[Membership]":
    members: models.QuerySet[Membership] = user.memberships.filter(role__in=roles_with(right)).order_by()
    return members
