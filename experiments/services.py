"""Every write to experiments and variants: lock, change, validate, record, advance, in one transaction."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, Place, is_same, record_change
from decisions.engine import validate
from decisions.engine.bucketing import SCHEMES
from decisions.engine.public_ids import EXPERIMENT, public_id
from experiments.models import Experiment, ExperimentStatus, Variant
from features.models import Feature
from tenants.models import Environment, Project
from tenants.services import advance


@transaction.atomic
def create_experiment(
    feature: Feature, environment: Environment, *, name: str, actor: Actor, key: str = "", **details: Any
) -> Experiment:
    """A new draft. It is bucketed by the project's default scheme, for as long as it lives."""
    if feature.project_id != environment.project_id:
        raise ValidationError({"environment": f"{environment} is not an environment of {feature}'s project."})
    project = Project.objects.locked().get(pk=feature.project_id)
    project.experiment_sequence += 1
    number = project.experiment_sequence
    experiment = Experiment(
        feature=feature,
        environment=environment,
        number=number,
        key=key or public_id(EXPERIMENT, number),
        name=name,
        **{"bucketing": project.bucketing, **details},
    )
    experiment.full_clean()
    if experiment.bucketing not in SCHEMES:  # Django checks the choices of editable fields only
        raise ValidationError({"bucketing": f"{experiment.bucketing!r} is not one of {', '.join(SCHEMES)}."})
    project.save(update_fields=["experiment_sequence"])
    experiment.save()
    _record("experiment.created", experiment, actor=actor, after={"key": experiment.key, "name": name, **details})
    return experiment


@transaction.atomic
def update_experiment(experiment: Experiment, *, actor: Actor, **changes: Any) -> Experiment:
    """Change a name, seed, percentage or status. Doing it twice changes nothing.

    Any status may follow any other here, as in Feature Hub; `start` is the careful way to set one running.
    """
    experiment = _locked(experiment)
    before = {name: getattr(experiment, name) for name in changes}
    for name, value in changes.items():
        setattr(experiment, name, value)
    experiment.full_clean()
    after = {name: getattr(experiment, name) for name in changes}
    if is_same(before, after):
        return experiment
    experiment.save(update_fields=list(changes))
    _record("experiment.updated", experiment, actor=actor, before=before, after=after)
    return experiment


@transaction.atomic
def start(experiment: Experiment, *, actor: Actor) -> Experiment:
    """Set an experiment running, if it can assign anybody."""
    experiment = _locked(experiment)
    if complaint := start_complaint(experiment):
        raise ValidationError({"status": complaint})
    return update_experiment(experiment, actor=actor, status=ExperimentStatus.RUNNING)


def pause(experiment: Experiment, *, actor: Actor) -> Experiment:
    """Stop assigning; everybody gets the control until it runs again."""
    return update_experiment(experiment, actor=actor, status=ExperimentStatus.PAUSED)


def conclude(experiment: Experiment, *, actor: Actor) -> Experiment:
    """End an experiment."""
    return update_experiment(experiment, actor=actor, status=ExperimentStatus.CONCLUDED)


def start_complaint(experiment: Experiment) -> str | None:
    """Why an experiment cannot run yet; None if it can."""
    complaint = validate.runnable(list(experiment.variants.values_list("weight", flat=True)))
    return complaint and complaint[0].upper() + complaint[1:] + "."


@transaction.atomic
def create_variant(experiment: Experiment, *, key: str, actor: Actor, **details: Any) -> Variant:
    """A new arm. A key that the experiment has already is refused."""
    project = Project.objects.locked().get(pk=experiment.environment.project_id)
    experiment = _locked(experiment)
    if experiment.variants.count() >= validate.VARIANTS_MAX:
        raise ValidationError(f"An experiment has at most {validate.VARIANTS_MAX} variants.")
    project.variant_sequence += 1
    variant = Variant(experiment=experiment, number=project.variant_sequence, key=key, **details)
    variant.full_clean()
    project.save(update_fields=["variant_sequence"])
    variant.save()
    _record("variant.created", experiment, variant, actor=actor, after={"key": key, **details})
    return variant


@transaction.atomic
def update_variant(variant: Variant, *, actor: Actor, **changes: Any) -> Variant:
    """Change an arm's weight, control mark, value or payload. Doing it twice changes nothing."""
    experiment = _locked(variant.experiment)
    variant = Variant.objects.locked().get(pk=variant.pk)
    variant.experiment = experiment
    before = {name: getattr(variant, name) for name in changes}
    for name, value in changes.items():
        setattr(variant, name, value)
    variant.full_clean()
    after = {name: getattr(variant, name) for name in changes}
    if is_same(before, after):
        return variant
    variant.save(update_fields=list(changes))
    _record("variant.updated", experiment, variant, actor=actor, before=before, after=after)
    return variant


@transaction.atomic
def remove_variant(variant: Variant, *, actor: Actor) -> None:
    """Take an arm away from an experiment that is not running."""
    experiment = _locked(variant.experiment)
    if experiment.status == ExperimentStatus.RUNNING:
        raise ValidationError(f"{experiment} is running; pause it before you remove its variant {variant.key}.")
    variant = Variant.objects.locked().get(pk=variant.pk)
    _record("variant.removed", experiment, variant, actor=actor, before={"key": variant.key, "weight": variant.weight})
    variant.delete()


def _locked(experiment: Experiment) -> Experiment:
    return Experiment.objects.locked().select_related("environment", "feature").get(pk=experiment.pk)


def _record(
    action: str, experiment: Experiment, variant: Variant | None = None, *, actor: Actor, **values: Any
) -> None:
    environment = experiment.environment
    place = Place(environment.project_id, environment.pk)
    record_change(action, variant or experiment, actor=actor, place=place, **values)
    advance(environment)
