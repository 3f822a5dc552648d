"""Words for reading features."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import connection, models
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.utils import timezone

from decisions.engine.public_ids import FEATURE, number_of
from tenants.querysets import EnvironmentLogQuerySet, Row, TenantQuerySet, environment_condition, project_condition
from tenants.roles import Right

if TYPE_CHECKING:
    from features.models import (  # noqa: F401
        Feature,
        FeatureState,
        Identity,
        Override,
        Prerequisite,
        Rule,
        Segment,
        Usage,
    )

STALE_DAYS = 30
REMOVALS = ("rule.deleted", "override.removed", "prerequisite.removed")
"""Edits whose object is gone; the log has the key of its feature."""


class FeatureQuerySet(TenantQuerySet["Feature"]):
    """Features follow their project."""

    def within(self, user: Any, right: Right) -> Q:
        return project_condition(user, right, prefix="project__")

    def in_project(self, project_id: int) -> Self:
        return self.filter(project_id=project_id)

    def live(self) -> Self:
        return self.filter(archived_at=None)

    def tagged(self, tag: str) -> Self:
        """Those that carry a tag."""
        if connection.features.supports_json_field_contains:
            return self.filter(tags__contains=[tag])
        carriers = [pk for pk, tags in self.order_by().values_list("pk", "tags") if tag in tags]  # SQLite cannot search
        return self.filter(pk__in=carriers)

    def tags(self) -> list[str]:
        """Every tag that one of them carries."""
        return sorted({tag for tags in self.order_by().values_list("tags", flat=True) for tag in tags})

    def owners(self) -> list[str]:
        """Everybody who owns one of them."""
        return list(self.exclude(owner="").order_by("owner").values_list("owner", flat=True).distinct())

    def with_experiment(self, *statuses: str) -> Self:
        """Those that an experiment was made for; one in these statuses, where some are named."""
        asked = {"experiments__status__in": statuses} if statuses else {"experiments__isnull": False}
        return self.filter(pk__in=self.model._default_manager.filter(**asked).order_by().values("pk"))

    def stale(self, *, at: datetime | None = None) -> Self:
        """Those that may have had their day. The rule, by default for the present moment:

        live, and neither made nor edited in the last 30 days, its rules, overrides and prerequisites included; and
        * either settled: in every environment off, or on for everybody and without rules; nothing is scheduled, and
          the value is the same everywhere;
        * or unused: by the hourly counts, nobody had it evaluated in the last 30 days in any environment.
        """
        since = (at or timezone.now()) - timedelta(days=STALE_DAYS)
        old = self.live().filter(created_at__lt=since).exclude(_edited(since)).exclude(self._lost_a_part(since))
        return old.filter(_settled() | ~_used(since))

    def _lost_a_part(self, since: datetime) -> Q:
        """That a rule, an override or a prerequisite was taken from a feature since. One query."""
        from audits.models import Change  # noqa: PLC0415  the models import this module

        here = Change.objects.filter(project_id__in=self.order_by().values("project_id"), created_at__gte=since)
        found = here.filter(action__in=REMOVALS).values_list("project_id", "before__of").order_by().distinct()
        keys: dict[int, set[str]] = defaultdict(set)
        for project_id, key in found:
            keys[project_id].add(key)
        lost = Q(pk__in=())
        for project_id, names in keys.items():
            lost |= Q(project_id=project_id, key__in=names)
        return lost

    def with_public_id(self, public_id: str) -> Self:
        """The one feature of a project with this id, such as feat-001."""
        number = number_of(FEATURE, public_id)
        return self.none() if number is None else self.filter(number=number)


class FeatureStateQuerySet(TenantQuerySet["FeatureState"]):
    """States follow their environment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="environment__")

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(environment_id=environment_id)

    def of_features(self, features: "models.QuerySet[Feature]", environment_id: int) -> "list[FeatureState]":
        """Each feature's state in an environment, in the order of the features; off where there is no row."""
        in_environment = self.in_environment(environment_id).select_related("active_experiment")
        states = {state.feature_id: state for state in in_environment.filter(feature__in=features.values("pk"))}
        found = []
        for feature in features:
            state = states.get(feature.pk) or self.model(feature=feature, environment_id=environment_id)
            state.feature = feature
            found.append(state)
        return found


class SegmentQuerySet(TenantQuerySet["Segment"]):
    """Segments follow their project."""

    def within(self, user: Any, right: Right) -> Q:
        return project_condition(user, right, prefix="project__")

    def in_project(self, project_id: int) -> Self:
        return self.filter(project_id=project_id)

    def trees(self) -> dict[str, Any]:
        """Their conditions by key, as the engine binds them."""
        return dict(self.order_by().values_list("key", "conditions"))


class StatePartQuerySet(TenantQuerySet[Row]):
    """What belongs to a state follows its environment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="state__environment__")

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(state__environment_id=environment_id)


class RuleQuerySet(StatePartQuerySet["Rule"]):
    """Rules, in the order in which they are tried."""


class OverrideQuerySet(StatePartQuerySet["Override"]):
    """Overrides of single subjects."""


class PrerequisiteQuerySet(StatePartQuerySet["Prerequisite"]):
    """Features that wait for others."""


class IdentityQuerySet(TenantQuerySet["Identity"]):
    """Identities follow their environment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="environment__")

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(environment_id=environment_id)


class UsageQuerySet(EnvironmentLogQuerySet["Usage"]):
    """How often features were evaluated."""

    def by_hour(self) -> dict[datetime, int]:
        """How often anything was, by the hour."""
        return dict(self.order_by().values_list("hour").annotate(total=Sum("count")))


def _edited(since: datetime) -> Q:
    """That a feature, or something that is part of it, was edited since."""
    from audits.models import Change  # noqa: PLC0415  the models import this module
    from features.models import FeatureState, Override, Prerequisite, Rule  # noqa: PLC0415

    edits = Change.objects.filter(created_at__gte=since).order_by()
    found = Q(Exists(edits.filter(object_type="features.feature", object_id=OuterRef("pk"))))
    parts: tuple[tuple[Any, str], ...] = (
        (FeatureState, "feature"),
        *((part, "state__feature") for part in (Rule, Override, Prerequisite)),
    )
    for part, path in parts:
        rows = part.objects.filter(**{path: OuterRef(OuterRef("pk"))}).order_by().values("pk")
        found |= Q(Exists(edits.filter(object_type=part._meta.label_lower, object_id__in=rows)))
    return found


def _settled() -> Q:
    """That a feature does one and the same for everybody in every environment."""
    from features.models import FeatureState, Rule, StatusChoice  # noqa: PLC0415
    from tenants.models import Environment  # noqa: PLC0415

    states = FeatureState.objects.filter(feature=OuterRef("pk")).order_by()
    whole = FeatureState.objects.filter(feature=OuterRef(OuterRef("pk")), status=StatusChoice.ON, rollout_percent=100)
    is_steady = Q(ramp__isnull=True, steps=[])
    elsewhere = Environment.objects.filter(project=OuterRef("project")).order_by()
    elsewhere = elsewhere.exclude(pk__in=whole.filter(is_steady).order_by().values("environment"))
    is_on = ~Exists(elsewhere) & ~Exists(Rule.objects.filter(state__feature=OuterRef("pk")))
    is_off = ~Exists(states.exclude(status=StatusChoice.OFF)) & ~Exists(states.exclude(is_steady))
    return Q(is_on & ~_several(states, "on_value")) | Q(is_off & ~_several(states, "off_value"))


def _several(states: Any, value: str) -> Exists:
    """That the states of a feature have more than one value."""
    counted = states.values("feature").annotate(values_count=Count(value, distinct=True))
    return Exists(counted.filter(values_count__gt=1))


def _used(since: datetime) -> Q:
    """That a feature was evaluated since, in one of its project's environments."""
    from features.models import Usage  # noqa: PLC0415
    from tenants.models import Environment  # noqa: PLC0415

    here = Environment.objects.filter(project=OuterRef(OuterRef("project"))).order_by().values("pk")
    return Q(Exists(Usage.objects.filter(environment_id__in=here, feature_key=OuterRef("key"), hour__gte=since)))
