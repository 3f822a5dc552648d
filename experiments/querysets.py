"""Words for reading experiments."""

from typing import TYPE_CHECKING, Any, Self

from django.db.models import Q

from decisions.engine.public_ids import EXPERIMENT, VARIANT, number_of
from tenants.querysets import EnvironmentLogQuerySet, TenantQuerySet, environment_condition, project_condition
from tenants.roles import Right

if TYPE_CHECKING:
    from experiments.models import Event, Experiment, Exposure, Layer, SlotRange, Variant  # noqa: F401


class ExperimentQuerySet(TenantQuerySet["Experiment"]):
    """Experiments follow their environment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="environment__")

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(environment_id=environment_id)

    def with_public_id(self, public_id: str) -> Self:
        """The one experiment of a project with this id, such as exp-001."""
        number = number_of(EXPERIMENT, public_id)
        return self.none() if number is None else self.filter(number=number)


class VariantQuerySet(TenantQuerySet["Variant"]):
    """Variants follow their experiment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="experiment__environment__")

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(experiment__environment_id=environment_id)

    def with_public_id(self, public_id: str) -> Self:
        """The one variant of a project with this id, such as var-001."""
        number = number_of(VARIANT, public_id)
        return self.none() if number is None else self.filter(number=number)


class LayerQuerySet(TenantQuerySet["Layer"]):
    """Layers follow their project."""

    def within(self, user: Any, right: Right) -> Q:
        return project_condition(user, right, prefix="project__")

    def in_project(self, project_id: int) -> Self:
        return self.filter(project_id=project_id)


class SlotRangeQuerySet(TenantQuerySet["SlotRange"]):
    """Slots follow their environment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="environment__")

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(environment_id=environment_id)


class ExposureQuerySet(EnvironmentLogQuerySet["Exposure"]):
    """Who met which variant."""


class EventQuerySet(EnvironmentLogQuerySet["Event"]):
    """What subjects did."""
