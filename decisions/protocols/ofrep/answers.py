"""Decisions in OFREP's words: encoded once for each outcome, since all who get an outcome share the decision."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from decisions.engine.choices.outcomes import served_value
from decisions.engine.types import Decision, Experiment, Fault, Feature, Reason
from decisions.protocols._outcomes import outcome_name

REASONS = {
    Reason.OFF: "DISABLED",
    Reason.ON: "STATIC",
    Reason.ROLLOUT: "SPLIT",
    Reason.NOT_IN_ROLLOUT: "SPLIT",
    Reason.NOT_IN_LAYER: "SPLIT",
    Reason.ASSIGNED: "SPLIT",
    Reason.EXPERIMENT_INACTIVE: "STATIC",
    Reason.NOT_IN_AUDIENCE: "TARGETING_MATCH",
    Reason.OVERRIDE: "TARGETING_MATCH",
    Reason.PREREQUISITE: "TARGETING_MATCH",
    Reason.RULE: "TARGETING_MATCH",
    Reason.UNDECIDED: "UNKNOWN",
}
FAULTS = {
    Fault.FLAG_NOT_FOUND: ("FLAG_NOT_FOUND", "there is no feature of this key"),
    Fault.TARGETING_KEY_MISSING: ("TARGETING_KEY_MISSING", "this feature needs to know whom it is for"),
    Fault.VARIANT_REQUIRED: ("GENERAL", "the experiment has no variants"),
    Fault.WEIGHT_REQUIRED: ("GENERAL", "no variant of the experiment has a weight above zero"),
}

_encode = msgspec.json.encode


class Success(msgspec.Struct, omit_defaults=True):
    """What a subject got. Without a value the application's own default holds."""

    key: str
    reason: str
    variant: str
    value: Any = msgspec.UNSET
    metadata: dict[str, str] = {}


class Failure(msgspec.Struct):
    """Why there is no value."""

    key: str
    errorCode: str
    errorDetails: str


class Wording:
    """The words for one snapshot's decisions."""

    def __init__(self, definitions: Mapping[str, Feature]) -> None:
        self._floats = frozenset(key for key, feature in definitions.items() if is_float(feature))

    def encoded(self, decision: Decision) -> bytes:
        """The decision as JSON."""
        return _encode(self.worded(decision))

    def worded(self, decision: Decision) -> Success | Failure:
        key = decision.feature.key
        if decision.fault:
            return Failure(key, *FAULTS[decision.fault])
        said = REASONS[decision.reason], outcome_name(decision), self.value(decision)
        return Success(key, *said, metadata_of(decision))

    def value(self, decision: Decision) -> Any:
        """The value. A feature that is off has none, and null would be of no client's type."""
        value = decision.value
        if value is None or decision.reason is Reason.OFF:
            return msgspec.UNSET
        if type(value) is int and decision.feature.key in self._floats:
            return float(value)
        return value


def metadata_of(decision: Decision) -> dict[str, str]:
    """What telemetry may want to know: the experiment of those who take part in one, and the rule."""
    found = {}
    if decision.in_experiment and decision.experiment:
        found["experiment"] = decision.experiment.key
    if decision.rule:
        found["rule"] = decision.rule.key
    return found


def is_float(feature: Feature) -> bool:
    """Whether any value that the feature can have is no whole number: then they are all sent with a fraction.

    Clients in typed languages ask for either integers or floats, and take 100 for no float.
    """
    return feature.value_type == "number" and any(isinstance(value, float) for value in values_of(feature))


def values_of(feature: Feature) -> Iterator[Any]:
    """Every value that a feature can have."""
    yield from (feature.on_value, feature.off_value)
    yield from (override.value for override in feature.overrides.values())
    yield from (step.value for step in feature.steps if step.sets_value)
    yield from _values_of_arms(feature, feature.experiment)
    for rule in feature.rules:
        yield rule.value
        yield from (step.value for step in rule.steps if step.sets_value)
        yield from _values_of_arms(feature, rule.experiment)


def _values_of_arms(feature: Feature, experiment: Experiment | None) -> Iterator[Any]:
    yield from (served_value(feature, variant) for variant in experiment.variants) if experiment else ()
