"""What clients tell of themselves: how often they used which flag, and what their users met and did."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from decisions.engine import validate
from decisions.observer import Event, Exposed
from decisions.protocols._base import Call, Reply
from decisions.protocols.flagsmith import fields
from decisions.protocols.flagsmith.fields import invalid, read, together

EXPOSURE = "$flag_exposure"
EVALUATED = "evaluated"  # nothing more is said
NODES = 100_000  # a batch of 1,000 events is 20,000 values
NO_OBJECT = "Expected a JSON object."


class FlagsmithEvaluation(msgspec.Struct):
    """How often a client used one flag to one outcome."""

    feature_name: str
    count: int
    enabled_when_evaluated: bool
    identity_identifier: str | None = None


class FlagsmithEvaluations(msgspec.Struct):
    """What a client counted."""

    evaluations: list[FlagsmithEvaluation]


class FlagsmithEvent(msgspec.Struct):
    """Something that happened; `$flag_exposure` is that somebody met a variant. The timestamp is in milliseconds."""

    event: str
    identifier: str | None = None
    feature_name: str | None = None
    value: str | int | float | bool | None = None
    traits: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    timestamp: int | None = None


class FlagsmithEvents(msgspec.Struct):
    """What happened."""

    events: list[FlagsmithEvent]


class FlagsmithAccepted(msgspec.Struct):
    """How many events were stored."""

    accepted: int


def count_flags(call: Call) -> Reply:
    """POST /api/v1/analytics/flags/: how often a client used each flag. What is unknown or no number is passed over."""
    body = call.body(object)
    if not isinstance(body, dict):
        raise invalid({"non_field_errors": [NO_OBJECT]})
    for name, times in body.items():
        if name in call.features and isinstance(times, int) and not isinstance(times, bool):
            call.count(name, EVALUATED, times)
    return Reply(None)


def count_evaluations(call: Call) -> Reply:
    """POST /api/v2/analytics/flags/: how often a client used each flag, and whether it was enabled."""
    for name, times, is_enabled in read(_evaluations, call.body(dict[str, Any])):
        if name in call.features:
            call.count(name, "on" if is_enabled else "off", times)
    return Reply(None, status=204)


def _evaluations(body: Any) -> list[list[Any]]:
    (found,) = together(evaluations=lambda: fields.each(_evaluation, body.get("evaluations")))
    return list(found)


def _evaluation(item: Any) -> list[Any]:
    it = fields.in_object(item)
    return together(
        feature_name=lambda: fields.text(it, "feature_name", validate.JSON_TEXT),
        count=lambda: fields.whole(it, "count"),
        enabled_when_evaluated=lambda: fields.boolean(it, "enabled_when_evaluated"),
    )


def take_events(call: Call) -> Reply:
    """POST /api/v1/events: store what happened, and pass over what cannot be read.

    Clients send a batch again until it is taken: one event that nobody can read must not hold up the others.
    """
    body = call.body(dict[str, Any], nodes=NODES)
    items = body.get("events")
    if not isinstance(items, list):
        raise invalid({"events": [f'Expected a list of items but got type "{fields.kind_of(items)}".']})
    return Reply(FlagsmithAccepted(call.report([row for item in items if (row := row_of(call, item))])))


def row_of(call: Call, item: Any) -> Event | Exposed | None:
    """An event as it is stored; None if it has no name, or is no event at all."""
    if not isinstance(item, dict) or not isinstance(name := item.get("event"), str) or not name:
        return None
    subject = identifier_of(item)
    happened_at = moment_of(item.get("timestamp"))
    if name == EXPOSURE and (met := met_by(call, item)):
        return Exposed(*met, subject, happened_at)
    return Event(name, subject, happened_at, number_of(item.get("value")), properties_of(item))


def met_by(call: Call, item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The experiment and the variant of an exposure; None if they are not known here."""
    metadata, variant = item.get("metadata"), item.get("value")
    number = metadata.get("experiment_id") if isinstance(metadata, dict) else None
    feature = call.definitions.get(name) if isinstance(name := item.get("feature_name"), str) else None
    if feature is None:
        return None
    found = [one for one in (feature.experiment, *(rule.experiment for rule in feature.rules)) if one]
    for experiment in sorted(found, key=lambda one: one.number != number):
        if any(arm.key == variant for arm in experiment.variants):
            return experiment.key, str(variant)
    return None


def identifier_of(item: Mapping[str, Any]) -> str:
    found = item.get("identifier")
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def properties_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """All that an event says beside who, what and when."""
    metadata = item.get("metadata")
    told = {name: item[name] for name in ("feature_name", "value", "traits") if item.get(name) is not None}
    return {**(metadata if isinstance(metadata, dict) else {}), **told}


def number_of(value: Any) -> float | None:
    """A value as a number: clients send every value as text."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def moment_of(timestamp: Any) -> datetime:
    """A time in milliseconds since the epoch; now if it is none."""
    try:
        return datetime.fromtimestamp(timestamp / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return datetime.now(UTC)
