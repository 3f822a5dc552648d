"""Every write to features: lock, change, validate, record, advance, in one transaction."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from audits.services import Actor, Place, is_same, record_change
from decisions.engine import validate
from features.models import Feature, FeatureState, StatusChoice, ValueType
from tenants.models import Environment, Project
from tenants.services import advance

_FIRST_VALUES: dict[str, tuple[Any, Any]] = {
    ValueType.BOOLEAN: (True, False),
    ValueType.STRING: ("on", "off"),
    ValueType.NUMBER: (1, 0),
    ValueType.JSON: ({}, {}),
}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    ValueType.BOOLEAN: (bool,),
    ValueType.STRING: (str,),
    ValueType.NUMBER: (int, float),
    ValueType.JSON: (dict, list, str, int, float, bool, type(None)),
}


@transaction.atomic
def create_feature(project: Project, *, key: str, name: str, actor: Actor, **details: Any) -> Feature:
    """A new feature, off in every environment. A key that the project has already is refused."""
    project = Project.objects.locked().get(pk=project.pk)
    project.feature_sequence += 1
    feature = Feature(project=project, number=project.feature_sequence, key=key, name=name, **details)
    _check(feature)
    project.save(update_fields=["feature_sequence"])
    feature.save()
    for environment in project.environments.order_by("pk"):
        FeatureState(feature=feature, environment=environment, **_first_values(feature)).save()
    _record("feature.created", feature, actor=actor, after={"key": key, "name": name, **details})
    _advance_all(feature)
    return feature


@transaction.atomic
def update_feature(feature: Feature, *, actor: Actor, **changes: Any) -> Feature:
    """Change what a feature is called and how it is described. Its key and number are for ever."""
    feature = Feature.objects.locked().select_related("project").get(pk=feature.pk)
    before = {name: getattr(feature, name) for name in changes}
    for name, value in changes.items():
        setattr(feature, name, value)
    _check(feature)
    after = {name: getattr(feature, name) for name in changes}
    if is_same(before, after):
        return feature
    feature.save(update_fields=list(changes))
    _record("feature.updated", feature, actor=actor, before=before, after=after)
    _advance_all(feature)
    return feature


@transaction.atomic
def edit_feature(
    feature: Feature, environment: Environment, *, actor: Actor, name: str | None = None, state: Mapping[str, Any]
) -> FeatureState:
    """Rename a feature and change its state in one environment: both, or neither."""
    _locked_state(feature, environment)
    if name is not None:
        feature = update_feature(feature, actor=actor, name=name)
    return set_state(feature, environment, actor=actor, **state) if state else state_of(feature, environment)


@transaction.atomic
def archive(feature: Feature, *, actor: Actor) -> Feature:
    """Put a feature away: applications no longer find it. Its history and its key stay."""
    feature = Feature.objects.locked().get(pk=feature.pk)
    return feature if feature.archived_at else update_feature(feature, actor=actor, archived_at=timezone.now())


def restore(feature: Feature, *, actor: Actor) -> Feature:
    """Take an archived feature back."""
    return update_feature(feature, actor=actor, archived_at=None)


def state_of(feature: Feature, environment: Environment) -> FeatureState:
    """A feature's state in an environment of its project, made on first use."""
    found = FeatureState.objects.filter(feature=feature, environment=environment)
    return (
        found.first()
        or found.get_or_create(feature=feature, environment=environment, defaults=_first_values(feature))[0]
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
    state = _locked_state(feature, environment)
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
    place = Place(state.environment.project_id, state.environment_id)
    record_change("feature.switched", feature, actor=actor, place=place, before=before, after=after)
    advance(state.environment)
    return state


def _locked_state(feature: Feature, environment: Environment) -> FeatureState:
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
    state.full_clean(validate_unique=False, validate_constraints=False)
    complaints: dict[str, str] = {}
    for name in ("on_value", "off_value"):
        if complaint := value_complaint(state.feature.value_type, getattr(state, name)):
            complaints[name] = complaint
    experiment = state.active_experiment
    if state.status == StatusChoice.EXPERIMENT and experiment is None:
        complaints["active_experiment"] = "The status experiment needs an active experiment."
    if experiment and (experiment.feature_id, experiment.environment_id) != (state.feature_id, state.environment_id):
        complaints["active_experiment"] = f"{experiment} is not an experiment of this feature in this environment."
    if complaints:
        raise ValidationError(complaints)


def value_complaint(value_type: str, value: Any) -> str | None:
    """Why a feature of this type cannot serve a value; None if it can."""
    is_bool_as_number = value_type == ValueType.NUMBER and isinstance(value, bool)
    if is_bool_as_number or not isinstance(value, _PYTHON_TYPES[value_type]):
        return f"Must be a {value_type} value, not {value!r}."
    return validate.json_value(value)


def _check(feature: Feature) -> None:
    feature.full_clean()
    tags = feature.tags
    if not isinstance(tags, list) or not all(isinstance(tag, str) and validate.key(tag) is None for tag in tags):
        raise ValidationError({"tags": "Must be a list of names."})


def _first_values(feature: Feature) -> dict[str, Any]:
    on_value, off_value = _FIRST_VALUES[feature.value_type]
    return {"on_value": on_value, "off_value": off_value}


def _values(state: FeatureState, changes: Iterable[str]) -> dict[str, Any]:
    names = {"status", "active_experiment_id"} | set(changes) - {"active_experiment"}
    return {name: getattr(state, name) for name in sorted(names)}


def _record(action: str, feature: Feature, *, actor: Actor, **values: Any) -> None:
    record_change(action, feature, actor=actor, place=Place(feature.project_id), **values)


def _advance_all(feature: Feature) -> None:
    for environment in feature.project.environments.order_by("pk"):
        advance(environment)
