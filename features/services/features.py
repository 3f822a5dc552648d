"""Features themselves: what they are called, and whether they are still in use."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audits.services import Actor, Place, change, check_all, is_same, record_change
from decisions.engine import validate
from features.models import Feature, FeatureState, ValueType
from features.services.states import locked_state, set_state, state_of
from features.services.stored_values import complaint_about_stored
from features.values import complaint_about_first_values, complaint_about_schema, first_values
from tenants.models import Environment, Project
from tenants.services import advance, take_turn

FIXED = ("key", "number", "project")


@transaction.atomic
def create_feature(project: Project, *, key: str, name: str, actor: Actor, **details: Any) -> Feature:
    """A new feature, off in every environment. A key that the project has already is refused."""
    take_turn(project)
    project = Project.objects.locked().get(pk=project.pk)
    project.feature_sequence += 1
    feature = Feature(project=project, number=project.feature_sequence, key=key, name=name, **details)
    _check_with_values(feature)
    project.save(update_fields=["feature_sequence"])
    feature.save()
    for environment in project.environments.order_by("pk"):
        FeatureState(feature=feature, environment=environment, **first_values(feature)).save()
    _record("feature.created", feature, actor=actor, after={"key": key, "name": name, **details})
    _advance_all(feature)
    return feature


@transaction.atomic
def update_feature(feature: Feature, *, actor: Actor, **changes: Any) -> Feature:
    """Change what a feature is called and what it may serve. Its key and number are for ever.

    Another type or schema is refused while anything is stored that would break it.
    """
    take_turn(feature)
    feature = Feature.objects.locked().select_related("project").get(pk=feature.pk)
    check = _check_with_values if _is_other_kind(feature, changes) else _check
    if values := change(feature, changes, check=check, fixed=FIXED):
        _record("feature.updated", feature, actor=actor, before=values[0], after=values[1])
        _advance_all(feature)
    return feature


@transaction.atomic
def edit_feature(
    feature: Feature, environment: Environment, *, actor: Actor, name: str | None = None, state: Mapping[str, Any]
) -> FeatureState:
    """Rename a feature and change its state in one environment: both, or neither."""
    locked_state(feature, environment)
    if name is not None:
        feature = update_feature(feature, actor=actor, name=name)
    return set_state(feature, environment, actor=actor, **state) if state else state_of(feature, environment)


@transaction.atomic
def tag(feature: Feature, *, tags: Sequence[str], actor: Actor) -> Feature:
    """Add tags to those that a feature carries."""
    take_turn(feature)
    carried = Feature.objects.locked().get(pk=feature.pk).tags
    return update_feature(feature, actor=actor, tags=list(dict.fromkeys([*carried, *tags])))


@transaction.atomic
def untag(feature: Feature, *, tags: Sequence[str], actor: Actor) -> Feature:
    """Take tags off a feature; those that it does not carry are no matter."""
    take_turn(feature)
    carried = Feature.objects.locked().get(pk=feature.pk).tags
    return update_feature(feature, actor=actor, tags=[each for each in carried if each not in tags])


@transaction.atomic
def archive(feature: Feature, *, actor: Actor) -> Feature:
    """Put a feature away: applications no longer find it. Its history and its key stay."""
    take_turn(feature)
    feature = Feature.objects.locked().get(pk=feature.pk)
    if feature.archived_at:
        return feature
    waiting = feature.required_by.filter(state__feature__archived_at=None).select_related("state__feature")
    if names := sorted({prerequisite.state.feature.key for prerequisite in waiting}):
        raise ValidationError(f"{feature} is a prerequisite of {', '.join(names)}.", code="in_use")
    return update_feature(feature, actor=actor, archived_at=timezone.now())


def restore(feature: Feature, *, actor: Actor) -> Feature:
    """Take an archived feature back."""
    return update_feature(feature, actor=actor, archived_at=None)


def _is_other_kind(feature: Feature, changes: Mapping[str, Any]) -> bool:
    """Whether an edit changes what values the feature may have."""
    asked = {name: changes[name] for name in ("value_type", "value_schema") if name in changes}
    return not is_same(asked, {name: getattr(feature, name) for name in asked})


def _check(feature: Feature) -> None:
    check_all(feature, _complaints(feature))


def _check_with_values(feature: Feature) -> None:
    """The same, and whether every value that it has still fits."""
    complaints = _complaints(feature)
    if feature.value_type in ValueType.values and "value_schema" not in complaints:
        complaint = complaint_about_stored(feature) if feature.pk else None
        if complaint := complaint or complaint_about_first_values(feature):
            complaints["value_schema" if feature.value_schema is not None else "value_type"] = complaint
    check_all(feature, complaints)


def _complaints(feature: Feature) -> dict[str, str]:
    tags, complaints = feature.tags, dict[str, str]()
    if not isinstance(tags, list) or not all(isinstance(tag, str) and validate.key(tag) is None for tag in tags):
        complaints["tags"] = "Must be a list of names."
    if complaint := complaint_about_schema(feature.value_schema):
        complaints["value_schema"] = complaint
    return complaints


def _record(action: str, feature: Feature, *, actor: Actor, **values: Any) -> None:
    record_change(action, feature, actor=actor, place=Place(feature.project_id), **values)


def _advance_all(feature: Feature) -> None:
    for environment in feature.project.environments.order_by("pk"):
        advance(environment)
