"""Rows to engine values, in three queries."""

from dataclasses import replace
from sys import intern

from django.db.models import Q

from decisions.engine import types as engine
from decisions.engine.conditions.binding import Binder
from experiments.models import Experiment, ExperimentStatus, Layer, SlotRange, Variant
from features.compile import shared, thousandths


def layers_in(project_id: int) -> tuple[str, ...]:
    """The keys of a project's layers, those without experiments too."""
    return tuple(Layer.objects.filter(project_id=project_id).order_by("key").values_list("key", flat=True))


def experiments_of(environment_id: int, segments: Binder, key_prefix: str = "") -> dict[int, engine.Experiment]:
    """The experiments that a feature or a rule of this environment serves now, by row id.

    `key_prefix` is what Flagsmith's scheme hashes before a subject's key.
    """
    served = Q(active_in__isnull=False) | Q(rules__isnull=False)
    in_use = Experiment.objects.in_environment(environment_id).filter(served).distinct()
    in_use = in_use.select_related("layer", "audience")
    ids = in_use.order_by().values("pk")
    variants: dict[int, list[engine.Variant]] = {}
    for variant in Variant.objects.filter(experiment__in=ids).order_by("number"):
        variants.setdefault(variant.experiment_id, []).append(compiled(variant))
    slots: dict[int | None, list[tuple[int, int]]] = {}
    for held in SlotRange.objects.in_environment(environment_id).exclude(experiment=None).order_by("start"):
        slots.setdefault(held.experiment_id, []).append((held.start, held.end))
    return {
        row.pk: replace(
            _experiment(row, segments),
            variants=tuple(variants.get(row.pk, ())),
            slots=tuple(slots.get(row.pk, ())),
            key_prefix=key_prefix,
        )
        for row in in_use
    }


def _experiment(row: Experiment, segments: Binder) -> engine.Experiment:
    return engine.Experiment(
        public_id=row.public_id,
        key=row.key,
        seed=row.seed,
        name=row.name,
        number=row.number,
        is_running=row.status == ExperimentStatus.RUNNING,
        rollout=thousandths(row.rollout_percent),
        bucketing=intern(row.bucketing),
        hash_attribute=row.hash_attribute,
        audience=segments.bind(row.audience.conditions) if row.audience else None,
        layer=engine.Layer(row.layer.key, row.layer.seed) if row.layer else None,
        audience_tree=row.audience.conditions if row.audience else None,
    )


def compiled(row: Variant) -> engine.Variant:
    """A variant as the engine knows it."""
    return engine.Variant(
        key=intern(row.key),
        weight=row.weight,
        number=row.number,
        is_control=row.is_control,
        value=shared(row.value),
        payload=row.payload if row.payload and isinstance(row.payload, dict) else engine.nothing(),
    )
