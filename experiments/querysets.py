"""Words for reading experiments."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, DateField, Func, Q

from decisions.engine.public_ids import EXPERIMENT, VARIANT, number_of
from tenants.querysets import EnvironmentLogQuerySet, TenantQuerySet, environment_condition, project_condition
from tenants.roles import Right

if TYPE_CHECKING:
    from experiments.models import Event, Experiment, Exposure, Layer, SlotRange, Variant  # noqa: F401


class UtcDay(Func):
    """The day of a moment in UTC. Django's own function would call Python for every row on SQLite."""

    output_field = DateField()

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, 10)", **options)

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s AT TIME ZONE 'UTC')::date", **options)


class ExperimentQuerySet(TenantQuerySet["Experiment"]):
    """Experiments follow their environment."""

    def within(self, user: Any, right: Right) -> Q:
        return environment_condition(user, right, prefix="environment__")

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(environment_id=environment_id)

    def in_project(self, project_id: int) -> Self:
        return self.filter(environment__project_id=project_id)

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

    def of(self, experiment: "Experiment") -> Self:
        return self.in_environment(experiment.environment_id).filter(experiment_number=experiment.number)

    def by_variant(self) -> dict[int, dict[str, int]]:
        """How many subjects met each variant: by the experiment's number, then by the variant's key."""
        found: dict[int, dict[str, int]] = {}
        for number, key, count in self.order_by().values_list("experiment_number", "variant_key").annotate(Count("pk")):
            found.setdefault(number, {})[key] = count
        return found

    def by_variant_and_day(self, since: datetime) -> dict[str, dict[date, int]]:
        """How many subjects met each variant for the first time on each day in UTC."""
        counted = self.order_by().filter(first_at__gte=since).values_list("variant_key", UtcDay("first_at"))
        found: dict[str, dict[date, int]] = {}
        for key, when, count in counted.annotate(Count("pk")):
            found.setdefault(key, {})[when] = count
        return found

    def by_day(self) -> dict[tuple[int, str, date], int]:
        """How many subjects met a variant for the first time on a day: by the experiment's number, the key, the day."""
        counted = self.order_by().values_list("experiment_number", "variant_key", UtcDay("first_at"))
        return {(number, key, day): count for number, key, day, count in counted.annotate(Count("pk"))}


class EventQuerySet(EnvironmentLogQuerySet["Event"]):
    """What subjects did."""
