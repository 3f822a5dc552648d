"""Tracking: what the SDKs' plugins report, in the words of JavaScript and of Python."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from decisions.engine.conditions.attributes import written
from decisions.engine.conditions.operators import is_number, is_scalar
from decisions.observer import Event, Exposed
from decisions.protocols._base import Call, Kind, Refusal, Reply
from decisions.protocols.growthbook.bodies import read

VIEWED = {"Experiment Viewed", "$$experiment_viewed"}
EVALUATED = {"Feature Evaluated", "$$feature_evaluated"}
EVENTS = 1_000
LARGEST = 1e150  # squares of larger ones are infinite


class TrackedEvent(msgspec.Struct):
    """One event. The plugins name `properties_json` and `user_id`, callers without a plugin `properties`."""

    event_name: str
    properties_json: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    context_json: dict[str, Any] | None = None
    attributes: dict[str, Any] | None = None
    user_id: Any = None
    device_id: Any = None
    url: Any = None

    def said(self) -> dict[str, Any]:
        """Its own properties."""
        return self.properties_json or self.properties or {}

    def subject(self) -> str:
        """Who did it, as far as that is told: by the name that decisions know them by, if it is among the rest."""
        known = {**(self.context_json or {}), **(self.attributes or {})}
        named = (known.get("id"), self.user_id, self.device_id, known.get("user_id"), known.get("device_id"))
        return next((written(value) for value in named if is_scalar(value) and value != ""), "")


class Tracked(msgspec.Struct):
    """That events were taken."""

    status: int = 200


def track(call: Call) -> Reply:
    """POST /track: store what an SDK or an application reports. An array of events, or one alone."""
    sent: Any = read(call, list[TrackedEvent] | TrackedEvent)  # type: ignore[arg-type]
    events: list[TrackedEvent] = sent if isinstance(sent, list) else [sent]
    if len(events) > EVENTS:
        raise Refusal(Kind.MALFORMED, f"at most {EVENTS} events can be sent at once")
    reading = Reading(call)
    call.report([stored for event in events for stored in reading.stored(event)])
    return Reply(Tracked())


class Reading:
    """The events of one call, which say nothing of when they happened: now, one after the other."""

    def __init__(self, call: Call) -> None:
        self.call, self.now = call, datetime.now(UTC)

    def stored(self, event: TrackedEvent) -> Iterator[Event | Exposed]:
        """What is kept of an event; evaluations are only counted."""
        self.now += timedelta(microseconds=1)
        said = event.said()
        if event.event_name in EVALUATED:
            self._count(said)
        elif event.event_name in VIEWED and (exposed := _exposed(said, self.now)):
            yield exposed
        else:
            told = {**said, **({"url": event.url} if isinstance(event.url, str) and event.url else {})}
            yield Event(event.event_name, event.subject(), self.now, _number(said.get("value")), told)

    def _count(self, said: dict[str, Any]) -> None:
        """An evaluation, of a feature that there is: as its variation if it had one, else as on or off."""
        key = said.get("feature", said.get("feature_key"))
        if not isinstance(key, str) or key not in self.call.definitions:
            return
        variation = said.get("variationId")
        value = said.get("value", said.get("feature_value"))
        self.call.count(key, variation if isinstance(variation, str) and variation else "on" if value else "off")


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) and abs(value) < LARGEST else None


def _exposed(said: dict[str, Any], now: datetime) -> Exposed | None:
    """Who met which variant, as either plugin says it; None if it does not say."""
    experiment = said.get("experimentId", said.get("experiment_id"))
    variant = said.get("variation_key", said.get("variationId"))
    unit = said.get("hashValue", said.get("hash_value"))
    if isinstance(experiment, str) and isinstance(variant, str) and is_scalar(unit) and unit != "":
        return Exposed(experiment, variant, written(unit), now)
    return None
