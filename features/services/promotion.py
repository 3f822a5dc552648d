"""Promotion: what features do in one environment, done in another one of the project as well; but for experiments."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, Place, record_change
from features.comparisons import FIELDS, Difference, Pick, compared, version_of
from features.models import Feature, Override, Prerequisite, Segment
from features.services.overrides import remove_override, set_override
from features.services.prerequisites import remove_prerequisite, set_prerequisite
from features.services.rules import create_rule, delete_rule, reorder_rules, update_rule
from features.services.states import set_state, state_of
from tenants.models import Environment
from tenants.services import take_turn

MOVED = "moved"


@transaction.atomic
def promote(
    source: Environment,
    target: Environment,
    *,
    picks: Collection[Pick],
    actor: Actor,
    version: str | None = None,
) -> list[Difference]:
    """Make these parts of features the same in the target: all of them, or none. Answers what was different.

    With a `version`, refused where either side is no longer what it was then. Doing it twice changes nothing.
    """
    take_turn(target)
    differences = differences_of(source, target, picks)
    if version is not None and version_of(differences) != version:
        raise ValidationError("One of the environments was changed in the meantime. Look again.", code=MOVED)
    _apply(differences, Edits(source, target, actor))
    if differences:
        promoted = [f"{key}: {part}" for key, part in (one.pick for one in differences)]
        after = {"from": source.key, "promoted": promoted}
        place = Place(target.project_id, target.pk)
        record_change("environment.promoted", target, actor=actor, place=place, after=after)
    return differences


def differences_of(source: Environment, target: Environment, picks: Collection[Pick]) -> list[Difference]:
    """The differences that were picked, in order; picks that differ no longer are passed over."""
    if source.project_id != target.project_id:
        raise ValidationError({"from": "Both environments must be of one project."})
    if source == target:
        raise ValidationError({"from": "An environment cannot be promoted to itself."})
    keys = {pick.feature_key for pick in picks}
    known = Feature.objects.in_project(source.project_id).live().filter(key__in=keys).order_by("number")
    if unknown := sorted(keys - {feature.key for feature in known}):
        raise ValidationError({"features": f"The project has no live feature {', '.join(unknown)}."})
    wanted = set(picks)
    found = compared(source, target, known)
    return [one for feature in found for one in feature.differences if one.pick in wanted]


@dataclass(frozen=True, slots=True)
class Edits:
    """Where to, where from, and as whom."""

    source: Environment
    target: Environment
    actor: Actor


def _apply(differences: Collection[Difference], edits: Edits) -> None:
    """What is in the way goes first: a prerequisite that stays for now could close a circle with a new one."""
    for one in differences:
        if one.part == "prerequisites":
            _remove_prerequisites(one, edits)
    for feature, found in _grouped(differences).items():
        try:
            _apply_to(feature, found, edits)
        except ValidationError as error:
            raise ValidationError([f"{feature}: {message}" for message in error.messages]) from error


def _apply_to(feature: Feature, found: Mapping[str, Difference], edits: Edits) -> None:
    changes = {name: value for part in FIELDS if part in found for name, value in found[part].source.items()}
    if changes:
        set_state(feature, edits.target, actor=edits.actor, **changes)
    if "rules" in found:
        _promote_rules(found["rules"], edits)
    if "prerequisites" in found:
        _promote_prerequisites(found["prerequisites"], edits)
    if "overrides" in found:
        _promote_overrides(found["overrides"], edits)


def _promote_rules(one: Difference, edits: Edits) -> None:
    """The source's rules in its order. Those of the target that are left alone keep their places."""
    mine = {rule.key: rule for rule in state_of(one.feature, edits.target).rules.order_by("position", "pk")}
    kept = [(place, key) for place, key in enumerate(mine) if key not in one.target]
    for key in one.target.keys() - one.source.keys():
        delete_rule(mine[key], actor=edits.actor)
    segments = {segment.key: segment for segment in Segment.objects.in_project(one.feature.project_id)}
    for key, values in one.source.items():
        details = values | {"segment": segments.get(values["segment"])}
        if key in mine:
            update_rule(mine[key], actor=edits.actor, **details)
        else:
            create_rule(one.feature, edits.target, key=key, actor=edits.actor, **details)
    order = [*one.source]
    for place, key in kept:
        order.insert(place, key)
    reorder_rules(one.feature, edits.target, keys=order, actor=edits.actor)


def _remove_prerequisites(one: Difference, edits: Edits) -> None:
    rows = Prerequisite.objects.filter(state__feature=one.feature, state__environment=edits.target)
    for row in rows.exclude(feature__key__in=[*one.source]).select_related("feature", "state__feature"):
        remove_prerequisite(row, actor=edits.actor)


def _promote_prerequisites(one: Difference, edits: Edits) -> None:
    required = {
        row.key: row for row in Feature.objects.in_project(one.feature.project_id).filter(key__in=[*one.source])
    }
    for key, values in one.source.items():
        set_prerequisite(one.feature, edits.target, required=required[key], actor=edits.actor, **values)


def _promote_overrides(one: Difference, edits: Edits) -> None:
    rows = Override.objects.filter(state__feature=one.feature, state__environment=edits.target)
    for row in rows.exclude(identifier__in=[*one.source]).select_related("state__feature", "state__environment"):
        remove_override(row, actor=edits.actor)
    for identifier, values in one.source.items():
        set_override(one.feature, edits.target, identifier=identifier, actor=edits.actor, **values)


def _grouped(differences: Iterable[Difference]) -> dict[Feature, dict[str, Difference]]:
    found: dict[Feature, dict[str, Difference]] = {}
    for one in differences:
        found.setdefault(one.feature, {})[one.part] = one
    return found
