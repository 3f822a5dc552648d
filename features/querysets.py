"""Words for reading features."""

from typing import TYPE_CHECKING, Any, Self

from django.db import connection, models
from django.db.models import Q

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
