"""What a feature does in each environment."""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import models, transaction

from audits.services import Actor, Place, check_all, is_same, record_change
from features.models import Feature, FeatureState, StatusChoice
from features.schedules import ramp_complaint, steps_complaint
from features.values import complaint_about, first_values
from tenants.models import Environment
from tenants.services import advance, take_turn


def state_of(feature: Feature, environment: Environment) -> FeatureState:
    """A feature's state in an environment of its project, made on first use."""
    found = FeatureState.objects.filter(feature=feature, environment=environment)
    return (
        found.first()
        or found.get_or_create(feature=feature, environment=environment, defaults=first_values(feature))[0]
    )


def features_with(status: str, environment: Environment) -> "models.QuerySet[Any, Any]":
    """The ids of the project's features that have a status in an environment; those without a row are off."""
    states = FeatureState.objects.in_environment(environment.pk).order_by()
    if status != StatusChoice.OFF:
        return states.filter(status=status).values("feature")
    others = states.exclude(status=status).values("feature")
    return Feature.objects.in_project(environment.project_id).order_by().exclude(pk__in=others).values("pk")


@transaction.atomic
def set_state(feature: Feature, environment: Environment, *, actor: Actor, **changes: Any) -> FeatureState:
    """Change what a feature does in one environment: status, values, percentage, active experiment.

    A status other than `experiment` clears the active experiment. Doing it twice changes nothing.
    """
    state = locked_state(feature, environment)
    before = _values(state, changes)
    for name, value in changes.items():
        setattr(state, name, value)
    if state.status != StatusChoice.EXPERIMENT:
        state.active_experiment = None
    check_state(state)
    after = _values(state, changes)
    if is_same(before, after):
        return state
    state.save()
    record_in_state("feature.switched", state, feature, actor=actor, before=before, after=after)
    return state


def locked_state(feature: Feature, environment: Environment) -> FeatureState:
    """A feature's state as it is now, which nobody else edits until the transaction ends."""
    take_turn(environment)
    state_of(feature, environment)
    return (
        FeatureState.objects.locked()
        .select_related("feature", "environment")
        .get(feature=feature, environment=environment)
    )


def switch(feature: Feature, environment: Environment, *, status: str, actor: Actor) -> FeatureState:
    """Turn a feature on or off in one environment."""
    return set_state(feature, environment, actor=actor, status=status)


def set_rollout(feature: Feature, environment: Environment, *, percent: Decimal, actor: Actor) -> FeatureState:
    """Set how many subjects get the on value, in percent."""
    return set_state(feature, environment, actor=actor, rollout_percent=percent)


def check_state(state: FeatureState) -> None:
    """Whether a state may be stored; every complaint at once, by field."""
    complaints: dict[str, str] = {}
    for name in ("on_value", "off_value"):
        if complaint := complaint_about(state.feature, getattr(state, name)):
            complaints[name] = complaint
    if complaint := steps_complaint(state.steps, partial(complaint_about, state.feature)):
        complaints["steps"] = complaint
    if state.ramp is not None and (complaint := ramp_complaint(state.ramp)):
        complaints["ramp"] = complaint
    experiment = state.active_experiment
    if state.status == StatusChoice.EXPERIMENT and experiment is None:
        complaints["active_experiment"] = "The status experiment needs an active experiment."
    if experiment and (experiment.feature_id, experiment.environment_id) != (state.feature_id, state.environment_id):
        complaints["active_experiment"] = f"{experiment} is not an experiment of this feature in this environment."
    check_all(state, complaints, validate_unique=False, validate_constraints=False)


def record_in_state(
    action: str, state: FeatureState, obj: models.Model, *, actor: Actor, before: Any = None, after: Any = None
) -> None:
    """Log an edit of a state or of a part of it, and advance its environment."""
    place = Place(state.environment.project_id, state.environment_id)
    record_change(action, obj, actor=actor, place=place, before=before, after=after)
    advance(state.environment)


def _values(state: FeatureState, changes: Iterable[str]) -> dict[str, Any]:
    names = {"status", "active_experiment_id"} | set(changes) - {"active_experiment"}
    return {name: getattr(state, name) for name in sorted(names)}
