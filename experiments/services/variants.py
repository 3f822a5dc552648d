"""Variants: the arms of an experiment."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, change, check_all
from decisions.engine import validate
from experiments.models import Experiment, ExperimentStatus, Variant
from experiments.services.experiments import locked, record_in_environment
from features.values import complaint_about
from tenants.models import Project


@transaction.atomic
def create_variant(experiment: Experiment, *, key: str, actor: Actor, **details: Any) -> Variant:
    """A new arm. A key that the experiment has already is refused."""
    experiment = locked(experiment)
    project = Project.objects.locked().get(pk=experiment.environment.project_id)
    if experiment.variants.count() >= validate.VARIANTS_MAX:
        raise ValidationError(f"An experiment has at most {validate.VARIANTS_MAX} variants.")
    project.variant_sequence += 1
    variant = Variant(experiment=experiment, number=project.variant_sequence, key=key, **details)
    _check(variant)
    project.save(update_fields=["variant_sequence"])
    variant.save()
    record_in_environment("variant.created", experiment, variant, actor=actor, values=(None, {"key": key, **details}))
    return variant


@transaction.atomic
def update_variant(variant: Variant, *, actor: Actor, **changes: Any) -> Variant:
    """Change an arm's weight, control mark, value or payload. Its key is for ever. Doing it twice changes nothing."""
    experiment = locked(variant.experiment)
    variant = Variant.objects.locked().get(pk=variant.pk)
    variant.experiment = experiment
    if values := change(variant, changes, check=_check, fixed=("key", "number", "experiment")):
        record_in_environment("variant.updated", experiment, variant, actor=actor, values=values)
    return variant


@transaction.atomic
def remove_variant(variant: Variant, *, actor: Actor) -> None:
    """Take an arm away from an experiment that is not running."""
    experiment = locked(variant.experiment)
    if experiment.status == ExperimentStatus.RUNNING:
        raise ValidationError(f"{experiment} is running; pause it before you remove its variant {variant.key}.")
    variant = Variant.objects.locked().get(pk=variant.pk)
    before = {"key": variant.key, "weight": variant.weight}
    record_in_environment("variant.removed", experiment, variant, actor=actor, values=(before, None))
    variant.delete()


def _check(variant: Variant) -> None:
    """A value of its own must be one that the feature may serve; without one, the payload or the key stands for it."""
    has_value = variant.value is not None
    complaint = complaint_about(variant.experiment.feature, variant.value) if has_value else None
    check_all(variant, {"value": complaint} if complaint else {})
