"""Experiments: made, started, paused, concluded, shipped."""

from decimal import Decimal
from secrets import randbits
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, Place, change, check_all, record_change
from decisions.engine import types as engine
from decisions.engine import validate
from decisions.engine.bucketing import SCHEMES
from decisions.engine.choices.outcomes import served_value
from decisions.engine.public_ids import EXPERIMENT, public_id
from experiments.compile import compiled
from experiments.models import Experiment, ExperimentStatus, Layer, Variant
from features.models import Feature, Segment, StatusChoice
from features.services import set_state, update_rule
from features.services.states import locked_state
from tenants.models import Environment, Project
from tenants.services import advance, take_turn

FIXED = ("key", "number", "feature", "environment", "bucketing", "layer")


@transaction.atomic
def create_experiment(
    feature: Feature, environment: Environment, *, name: str, actor: Actor, key: str = "", **details: Any
) -> Experiment:
    """A new draft. It is bucketed by the project's default scheme, for as long as it lives."""
    if feature.project_id != environment.project_id:
        raise ValidationError({"environment": f"{environment} is not an environment of {feature}'s project."})
    take_turn(environment)
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
    experiment.seed = experiment.seed or first_seed(experiment)
    _check(experiment)
    project.save(update_fields=["experiment_sequence"])
    experiment.save()
    values = None, {"key": experiment.key, "name": name, **details}
    record_in_environment("experiment.created", experiment, experiment, actor=actor, values=values)
    return experiment


def first_seed(experiment: Experiment) -> str:
    """The seed of an experiment that was given none: one that its scheme's own clients can hash with as well.

    Flagsmith's know whole numbers only, those of GO Feature Flag nothing but the feature's key. Elsewhere none is
    needed: an experiment is salted by its own id or key.
    """
    if experiment.bucketing == "flagsmith":
        return str(randbits(31) + 1)
    return experiment.feature.key if experiment.bucketing == "go_feature_flag" else ""


@transaction.atomic
def update_experiment(experiment: Experiment, *, actor: Actor, **changes: Any) -> Experiment:
    """Change a name, seed, percentage, status, audience or hash attribute. Doing it twice changes nothing.

    Any status may follow any other here, as in Feature Hub; `start` is the careful way to set one running.
    """
    experiment = locked(experiment)
    if values := change(experiment, changes, check=_check, fixed=FIXED):
        record_in_environment("experiment.updated", experiment, experiment, actor=actor, values=values)
    return experiment


@transaction.atomic
def start(experiment: Experiment, *, actor: Actor) -> Experiment:
    """Set an experiment running, if it can assign anybody."""
    experiment = locked(experiment)
    if complaint := start_complaint(experiment):
        raise ValidationError({"status": complaint})
    return update_experiment(experiment, actor=actor, status=ExperimentStatus.RUNNING)


def pause(experiment: Experiment, *, actor: Actor) -> Experiment:
    """Stop assigning; everybody gets the control until it runs again."""
    return update_experiment(experiment, actor=actor, status=ExperimentStatus.PAUSED)


def conclude(experiment: Experiment, *, actor: Actor) -> Experiment:
    """End an experiment."""
    return update_experiment(experiment, actor=actor, status=ExperimentStatus.CONCLUDED)


@transaction.atomic
def ship(experiment: Experiment, *, variant: Variant, actor: Actor) -> Experiment:
    """Conclude an experiment and give everybody what one of its variants serves: the feature is on with that value.

    What was planned for the feature, and for the rules that led to the experiment, would undo that later: it goes.
    """
    state = locked_state(experiment.feature, experiment.environment)
    experiment = conclude(experiment, actor=actor)
    variant = Variant.objects.locked().get(pk=variant.pk)
    if variant.experiment_id != experiment.pk:
        raise ValidationError({"variant": f"{variant} is not a variant of {experiment}."})
    value = served_value(engine.Feature(state.feature.key), compiled(variant))
    for rule in state.rules.filter(experiment=experiment):
        update_rule(rule, experiment=None, value=value, steps=[], actor=actor)
    changes = {"status": StatusChoice.ON, "on_value": value, "rollout_percent": Decimal(100), "steps": [], "ramp": None}
    set_state(state.feature, state.environment, actor=actor, **changes)
    return experiment


def start_complaint(experiment: Experiment) -> str | None:
    """Why an experiment cannot run yet; None if it can."""
    complaint = validate.runnable(list(experiment.variants.values_list("weight", flat=True)))
    return complaint and complaint[0].upper() + complaint[1:] + "."


def attribute_complaint(experiment: Experiment, layer: Layer) -> str | None:
    """Why an experiment cannot be in a layer; None if it can.

    A subject has one slot for each value that it is bucketed by: only by the same attribute do experiments exclude
    each other.
    """
    others = layer.experiments.exclude(pk=experiment.pk).order_by("pk")
    other = others.exclude(hash_attribute=experiment.hash_attribute).first()
    if other is None:
        return None
    theirs, own = (_attribute(row) for row in (other, experiment))
    return f"The experiments of layer {layer} are bucketed by {theirs}, such as {other}; this one is by {own}."


def _attribute(experiment: Experiment) -> str:
    return f"the attribute {experiment.hash_attribute!r}" if experiment.hash_attribute else "the subject's own key"


def _check(experiment: Experiment) -> None:
    complaints = {}
    if experiment.layer and (complaint := attribute_complaint(experiment, experiment.layer)):
        complaints["hash_attribute"] = complaint
    if experiment.bucketing not in SCHEMES:  # Django checks the choices of editable fields only
        complaints["bucketing"] = f"{experiment.bucketing!r} is not one of {', '.join(SCHEMES)}."
    if experiment.audience and experiment.audience.project_id != experiment.feature.project_id:
        complaints["audience"] = f"{experiment.audience} is not a segment of the experiment's project."
    check_all(experiment, complaints)


def locked(experiment: Experiment) -> Experiment:
    """The experiment as it is now, which nobody else edits until the transaction ends."""
    take_turn(experiment)
    return Experiment.objects.locked().select_related("environment", "feature").get(pk=experiment.pk)


def record_in_environment(
    action: str,
    experiment: Experiment,
    obj: Experiment | Variant,
    *,
    actor: Actor,
    values: tuple[dict[str, Any] | None, dict[str, Any] | None],
) -> None:
    """Log an edit of an experiment or of a part of it, what it was and is, and advance its environment."""
    environment = experiment.environment
    before, after = map(_plain, values)
    place = Place(environment.project_id, environment.pk)
    record_change(action, obj, actor=actor, place=place, before=before, after=after)
    advance(environment)


def _plain(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Rows by what people call them."""
    return values and {name: str(value) if isinstance(value, Segment) else value for name, value in values.items()}
