"""Segments: who they mean, and who uses them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from audits.services import Actor, Place, change, check_all, record_change, values_of
from decisions.engine import validate
from decisions.engine.conditions.binding import Binder, complaints, leaves, segment_complaints
from decisions.engine.conditions.nodes import Nobody
from decisions.engine.conditions.operators import SEGMENTS
from features.models import Rule, Segment
from tenants.models import Project
from tenants.services import advance, take_turn


@transaction.atomic
def create_segment(
    project: Project, *, key: str, name: str, conditions: Any, actor: Actor, description: str = ""
) -> Segment:
    """A new segment. Everything that is wrong with its conditions is said at once."""
    take_turn(project)
    segment = Segment(project=project, key=key, name=name, conditions=conditions, description=description)
    _check(segment)
    segment.save()
    _record("segment.created", segment, actor=actor, after={"key": key, "name": name, "conditions": conditions})
    return segment


@transaction.atomic
def update_segment(segment: Segment, *, actor: Actor, **changes: Any) -> Segment:
    """Change whom a segment means, or what it is called. Its key is for ever. Doing it twice changes nothing."""
    take_turn(segment)
    segment = Segment.objects.locked().get(pk=segment.pk)
    if values := change(segment, changes, check=_check, fixed=("key", "project")):
        _record("segment.updated", segment, actor=actor, before=values[0], after=values[1])
    return segment


@transaction.atomic
def delete_segment(segment: Segment, *, actor: Actor) -> None:
    """Remove a segment that nothing refers to; otherwise a complaint that names its users."""
    take_turn(segment)
    segment = Segment.objects.locked().get(pk=segment.pk)
    if users := users_of(segment):
        raise ValidationError(f"{segment} is used by {', '.join(users)}.", code="in_use")
    before = values_of(segment, "key", "name", "description", "conditions")
    _record("segment.deleted", segment, actor=actor, before=before)
    segment.delete()


def users_of(segment: Segment) -> list[str]:
    """The names of everything that would lose its meaning without a segment."""
    return [
        f"{row} of {row.state}" if isinstance(row, Rule) else f"{row._meta.verbose_name} {row}"
        for row in uses_of(segment)
    ]


def uses_of(segment: Segment) -> "list[models.Model]":
    """The segments, rules and experiments that refer to a segment, in this order."""
    others = Segment.objects.in_project(segment.project_id).exclude(pk=segment.pk)
    asking = Q(segment=segment) | Q(conditions__isnull=False)
    return [
        *(other for other in others if mentions(other.conditions, segment.key)),
        *(
            rule
            for rule in _rules_in(segment.project_id).filter(asking)
            if rule.segment_id == segment.pk or mentions(rule.conditions, segment.key)
        ),
        *segment.audience_of.select_related("environment__project"),
    ]


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
    found = complaints_about(segment)
    check_all(segment, {"conditions": found} if found else {})


def complaints_about(segment: Segment) -> list[str]:
    """Everything that is wrong with a segment's conditions, or that they would break elsewhere."""
    others = Segment.objects.in_project(segment.project_id).exclude(pk=segment.pk).trees()
    trees = others | {segment.key: segment.conditions}
    found = _tree_complaints(segment.conditions, trees) or segment_complaints(segment.key, trees)
    stored = Segment.objects.filter(pk=segment.pk).trees()
    if not found and stored and stored != {segment.key: segment.conditions}:  # others may rest on what it says
        before = _broken(segment.project_id, others | stored)
        after = _broken(segment.project_id, trees)
        found = [f"{user} would break: {after[user]}" for user in after if user not in before]
    return found


def _broken(project_id: int, trees: dict[str, Any]) -> dict[str, str]:
    """The segments and rules that would mean nobody if these were the project's segments, and why."""
    binder = Binder(trees)
    nodes = {f"segment {key}": binder.bind({"operator": "in_segment", "value": key}) for key in trees}
    rules = (rule for rule in _rules_in(project_id) if rule.conditions is not None)
    nodes |= {f"{rule} of {rule.state}": binder.bind(rule.conditions) for rule in rules}
    return {name: node.reason for name, node in nodes.items() if isinstance(node, Nobody)}


def _rules_in(project_id: int) -> "models.QuerySet[Rule]":
    rules = Rule.objects.filter(state__feature__project_id=project_id)
    return rules.select_related("state__feature", "state__environment__project")


def _tree_complaints(conditions: Any, trees: dict[str, Any]) -> list[str]:
    if found := complaints(conditions, trees):
        return found
    complaint = validate.json_value(conditions)
    return [complaint] if complaint else []


def _record(action: str, segment: Segment, *, actor: Actor, **values: Any) -> None:
    record_change(action, segment, actor=actor, place=Place(segment.project_id), **values)
    for environment in segment.project.environments.order_by("pk"):
        advance(environment)
