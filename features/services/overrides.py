"""Overrides: what single subjects get from a feature in one environment."""

from datetime import datetime
from typing import Any

from django.db import transaction

from audits.services import Actor, change, check_all, values_of
from decisions.engine import validate
from features.models import Feature, Override
from features.services.states import locked_state, record_in_state
from features.values import complaint_about
from tenants.models import Environment


@transaction.atomic
def set_override(
    feature: Feature,
    environment: Environment,
    *,
    identifier: str,
    value: Any,
    actor: Actor,
    expires_at: datetime | None = None,
    note: str = "",
) -> Override:
    """What one subject gets, from now on or until it expires. Doing it twice changes nothing."""
    state = locked_state(feature, environment)
    changes = {"value": value, "expires_at": expires_at, "note": note}
    found = state.overrides.filter(identifier=identifier).first() if _is_storable(identifier) else None
    if found is None:
        override = Override(state=state, identifier=identifier, **changes)
        _check(override)
        override.save()
        record_in_state("override.set", state, override, actor=actor, after={"identifier": identifier, **changes})
        return override
    if values := change(found, changes, check=_check):
        record_in_state("override.set", state, found, actor=actor, before=values[0], after=values[1])
    return found


@transaction.atomic
def remove_override(override: Override, *, actor: Actor) -> None:
    """Let a subject get what everybody gets."""
    state = locked_state(override.state.feature, override.state.environment)
    override = Override.objects.locked().get(pk=override.pk)
    before = {"of": str(state.feature), **values_of(override, "identifier", "value", "expires_at", "note")}
    record_in_state("override.removed", state, override, actor=actor, before=before)
    override.delete()


def _check(override: Override) -> None:
    complaint = complaint_about(override.state.feature, override.value)
    check_all(override, {"value": complaint} if complaint else {})


def _is_storable(identifier: Any) -> bool:
    """Whether a database can be asked for it at all."""
    return isinstance(identifier, str) and validate.text(identifier, length=validate.IDENTIFIER_LENGTH) is None
