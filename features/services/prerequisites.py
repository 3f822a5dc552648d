"""Prerequisites: features that wait for others. They never lead in a circle, nor too deep."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, change, values_of
from decisions.engine import types as engine
from decisions.engine.evaluate import PREREQUISITE_DEPTH, unmeetable
from features.models import Feature, Prerequisite
from features.services.states import locked_state, record_in_state
from features.values import complaint_about
from tenants.models import Environment


@transaction.atomic
def set_prerequisite(
    feature: Feature,
    environment: Environment,
    *,
    required: Feature,
    actor: Actor,
    enabled: bool | None = True,
    needs_value: bool = False,
    value: Any = None,
) -> Prerequisite:
    """What another feature must answer before this one is anything but off. Doing it twice changes nothing."""
    state = locked_state(feature, environment)
    required = Feature.objects.get(pk=required.pk)
    changes = {"enabled": enabled, "needs_value": needs_value, "value": value}
    _check(feature, environment, required, **changes)
    found = state.prerequisites.filter(feature=required).first()
    if found is None:
        prerequisite = Prerequisite(state=state, feature=required, **changes)
        prerequisite.full_clean()
        prerequisite.save()
        record_in_state(
            "prerequisite.set", state, prerequisite, actor=actor, after={"feature": required.key, **changes}
        )
        return prerequisite
    if values := change(found, changes):
        record_in_state("prerequisite.set", state, found, actor=actor, before=values[0], after=values[1])
    return found


@transaction.atomic
def remove_prerequisite(prerequisite: Prerequisite, *, actor: Actor) -> None:
    """Wait for that feature no longer."""
    state = locked_state(prerequisite.state.feature, prerequisite.state.environment)
    prerequisite = Prerequisite.objects.locked().get(pk=prerequisite.pk)
    before = {"of": str(state.feature), **values_of(prerequisite, "feature", "enabled", "needs_value", "value")}
    record_in_state("prerequisite.removed", state, prerequisite, actor=actor, before=before)
    prerequisite.delete()


def _check(
    feature: Feature, environment: Environment, required: Feature, *, enabled: Any, needs_value: bool, value: Any
) -> None:
    complaints: dict[str, str] = {}
    if required.project_id != feature.project_id or required.archived_at:
        complaints["feature"] = "Must be a live feature of the same project."
    if enabled is None and not needs_value:
        complaints["enabled"] = "A prerequisite asks for a status, a value, or both."
    if needs_value and (complaint := complaint_about(required, value)):
        complaints["value"] = complaint
    if _closes_a_circle(feature, environment, required):
        complaints["feature"] = f"Prerequisites must not lead in a circle, nor deeper than {PREREQUISITE_DEPTH}."
    if complaints:
        raise ValidationError(complaints)


def _closes_a_circle(feature: Feature, environment: Environment, required: Feature) -> bool:
    rows = Prerequisite.objects.in_environment(environment.pk).values_list("state__feature__key", "feature__key")
    needed: dict[str, list[engine.Prerequisite]] = {}
    for waiting, other in {*rows, (feature.key, required.key)}:
        needed.setdefault(waiting, []).append(engine.Prerequisite(other))
    keys = needed.keys() | {other.feature_key for others in needed.values() for other in others}
    return bool(unmeetable({key: engine.Feature(key, prerequisites=tuple(needed.get(key, ()))) for key in keys}))
