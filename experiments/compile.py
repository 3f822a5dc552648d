"""Rows to engine values, in two queries."""

from decisions.engine import types as engine
from experiments.models import Experiment, ExperimentStatus, Variant
from features.compile import thousandths


def experiments_of(environment_id: int) -> dict[int, engine.Experiment]:
    """The experiments that a feature of this environment serves now, by row id."""
    variants: dict[int, list[engine.Variant]] = {}
    in_use = Experiment.objects.in_environment(environment_id).exclude(active_in=None)
    for variant in Variant.objects.filter(experiment__in=in_use.order_by().values("pk")).order_by("number"):
        variants.setdefault(variant.experiment_id, []).append(_variant(variant))
    return {row.pk: _experiment(row, tuple(variants.get(row.pk, ()))) for row in in_use}


def _experiment(row: Experiment, variants: tuple[engine.Variant, ...]) -> engine.Experiment:
    return engine.Experiment(
        public_id=row.public_id,
        key=row.key,
        seed=row.seed,
        variants=variants,
        name=row.name,
        number=row.number,
        is_running=row.status == ExperimentStatus.RUNNING,
        rollout=thousandths(row.rollout_percent),
        bucketing=row.bucketing,
    )


def _variant(row: Variant) -> engine.Variant:
    return engine.Variant(
        key=row.key,
        weight=row.weight,
        number=row.number,
        is_control=row.is_control,
        value=row.value,
        payload=row.payload,
    )
