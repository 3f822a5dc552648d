"""Segments: who they mean, and who uses them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, Place, change, check_all, record_change
from decisions.engine import validate
from decisions.engine.conditions.binding import complaints, leaves, segment_complaints
from decisions.engine.conditions.operators import SEGMENTS
from features.models import Rule, Segment
from tenants.models import Project
from tenants.services import advance


@transaction.atomic
def create_segment(
    project: Project, *, key: str, name: str, conditions: Any, actor: Actor, description: str = ""
) -> Segment:
    """A new segment. Everything that is wrong with its conditions is said at once."""
    project = Project.objects.locked().get(pk=project.pk)
    segment = Segment(project=project, key=key, name=name, conditions=conditions, description=description)
    _check(segment)
    segment.save()
    _record("segment.created", segment, actor=actor, after={"key": key, "name": name, "conditions": conditions})
    return segment


@transaction.atomic
def update_segment(segment: Segment, *, actor: Actor, **changes: Any) -> Segment:
    """Change whom a segment means, or what it is called. Its key is for ever. Doing it twice changes nothing."""
    Project.objects.locked().get(pk=segment.project_id)
    segment = Segment.objects.locked().get(pk=segment.pk)
    if values := change(segment, changes, check=_check):
        _record("segment.updated", segment, actor=actor, before=values[0], after=values[1])
    return segment


@transaction.atomic
def delete_segment(segment: Segment, *, actor: Actor) -> None:
    """Remove a segment that nothing refers to; otherwise a complaint that names its users."""
    Project.objects.locked().get(pk=segment.project_id)
    segment = Segment.objects.locked().get(pk=segment.pk)
    if users := users_of(segment):
        raise ValidationError(f"{segment} is used by {', '.join(users)}.", code="in_use")
    _record("segment.deleted", segment, actor=actor, before={"key": segment.key, "conditions": segment.conditions})
    segment.delete()


def users_of(segment: Segment) -> list[str]:
    """Everything that would lose its meaning without a segment."""
    others = Segment.objects.in_project(segment.project_id).exclude(pk=segment.pk)
    found = [f"segment {other}" for other in others if mentions(other.conditions, segment.key)]
    rules = Rule.objects.filter(state__feature__project_id=segment.project_id).select_related(
        "state__feature", "state__environment__project"
    )
    found += [
        f"{rule} of {rule.state}"
        for rule in rules
        if rule.segment_id == segment.pk or mentions(rule.conditions, segment.key)
    ]
    return found + [f"experiment {experiment}" for experiment in segment.audience_of.all()]


def mentions(tree: Any, key: str) -> bool:
    """Whether conditions refer to a segment."""
    found = (leaf for _, leaf in leaves(tree) if isinstance(leaf, dict))
    return any(leaf.get("operator") in SEGMENTS and leaf.get("value") == key for leaf in found)


def check_conditions(conditions: Any, project_id: int) -> None:
    """Whether conditions may be stored beside a project's segments; every complaint at once."""
    if found := condition_complaints(conditions, project_id):
        raise ValidationError({"conditions": found})


def condition_complaints(conditions: Any, project_id: int) -> list[str]:
    """Everything that is wrong with conditions beside a project's segments."""
    return _tree_complaints(conditions, Segment.objects.in_project(project_id).trees())


def _check(segment: Segment) -> None:
    others = Segment.objects.in_project(segment.project_id).exclude(pk=segment.pk).trees()
    before = others | dict(Segment.objects.filter(pk=segment.pk).values_list("key", "conditions"))
    trees = others | {segment.key: segment.conditions}
    found = _tree_complaints(segment.conditions, trees) or segment_complaints(segment.key, trees)
    for key in [] if found else others:
        if segment_complaints(key, trees) and not segment_complaints(key, before):
            found.append(f"segment {key} would break: {segment_complaints(key, trees)[0]}")
    check_all(segment, {"conditions": found} if found else {})


def _tree_complaints(conditions: Any, trees: dict[str, Any]) -> list[str]:
    if found := complaints(conditions, trees):
        return found
    complaint = validate.json_value(conditions)
    return [complaint] if complaint else []


def _record(action: str, segment: Segment, *, actor: Actor, **values: Any) -> None:
    record_change(action, segment, actor=actor, place=Place(segment.project_id), **values)
    for environment in segment.project.environments.order_by("pk"):
        advance(environment)
