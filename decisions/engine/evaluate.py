"""The decision itself: a snapshot, a feature's key and a subject in; one decision out. Total and pure.

All that can be known before a subject asks is worked out once, in `prepare`: every outcome a feature can have is a
decision made beforehand, and deciding is choosing between them.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from decisions.engine.bucketing import SCHEMES, Assign, is_inside, weights_of
from decisions.engine.types import FULL, Decision, Experiment, Fault, Feature, Reason, Status, Subject, Variant

Choose = Callable[[Subject], Decision]
Snapshot = Mapping[str, Choose]
"""Every feature of one environment, ready to decide: feature key to its choice."""


def compile_snapshot(features: Iterable[Feature]) -> Snapshot:
    """Prepare every feature once. The result is immutable."""
    return MappingProxyType({feature.key: prepare(feature) for feature in features})


def decide(snapshot: Snapshot, feature_key: str, subject: Subject) -> Decision:
    """What `subject` gets from a feature. Never raises; an unknown feature is a decision with a fault."""
    choose = snapshot.get(feature_key)
    if choose is None:
        return Decision(Feature(feature_key), Reason.UNDECIDED, fault=Fault.FLAG_NOT_FOUND)
    return choose(subject)


def decide_all(snapshot: Snapshot, subject: Subject) -> dict[str, Decision]:
    """What `subject` gets from every feature."""
    return {key: choose(subject) for key, choose in snapshot.items()}


def prepare(feature: Feature) -> Choose:
    """All outcomes of a feature, and the choice between them."""
    if feature.status is Status.EXPERIMENT:
        return _experiment(feature, feature.experiment)
    if feature.status is Status.ON:
        return _on(feature)
    return _always(_off(feature))


def _always(decision: Decision) -> Choose:
    return lambda subject: decision


def _off(feature: Feature, reason: Reason = Reason.OFF, fault: Fault | None = None) -> Decision:
    return Decision(feature, reason, value=feature.off_value, fault=fault)


def _on(feature: Feature) -> Choose:
    if feature.rollout >= FULL:
        return _always(Decision(feature, Reason.ON, value=feature.on_value, enabled=True))
    inside = Decision(feature, Reason.ROLLOUT, value=feature.on_value, enabled=True)
    outside = _off(feature, Reason.NOT_IN_ROLLOUT)
    keyless = _off(feature, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING)

    def choose(subject: Subject) -> Decision:
        if not subject.key:
            return keyless
        return inside if is_inside(feature.key, subject.key, feature.rollout) else outside

    return choose


def _experiment(feature: Feature, experiment: Experiment | None) -> Choose:
    scheme = SCHEMES.get(experiment.bucketing) if experiment else None
    if experiment is None or scheme is None or not experiment.is_running:
        return _always(_control(feature, experiment, Reason.EXPERIMENT_INACTIVE))
    if not experiment.variants:
        return _always(_control(feature, experiment, Reason.UNDECIDED, Fault.VARIANT_REQUIRED))
    if not any(weights_of(experiment)):
        return _always(_control(feature, experiment, Reason.UNDECIDED, Fault.WEIGHT_REQUIRED))
    return _assigned(feature, experiment, scheme(experiment))


def _assigned(feature: Feature, experiment: Experiment, assign: Assign) -> Choose:
    arms = [_arm(feature, experiment, variant) for variant in experiment.variants]
    outside = _control(feature, experiment, Reason.NOT_IN_ROLLOUT)
    keyless = _control(feature, experiment, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING)

    def choose(subject: Subject) -> Decision:
        if not subject.key:
            return keyless
        index = assign(subject.key)
        return outside if index is None else arms[index]

    return choose


def _arm(feature: Feature, experiment: Experiment, variant: Variant) -> Decision:
    return Decision(
        feature,
        Reason.ASSIGNED,
        value=served_value(feature, variant),
        enabled=True,
        variant=variant,
        experiment=experiment,
        in_experiment=True,
        payload=variant.payload,
    )


def _control(feature: Feature, experiment: Experiment | None, reason: Reason, fault: Fault | None = None) -> Decision:
    """What those get who take no part: the control's value, else the feature's off value."""
    control = next((v for v in experiment.variants if v.is_control), None) if experiment else None
    value = feature.off_value if control is None else served_value(feature, control)
    return Decision(feature, reason, value=value, variant=control, experiment=experiment, fault=fault)


def served_value(feature: Feature, variant: Variant) -> Any:
    """What a variant serves to protocols that carry one value: the first that is there of `value`,
    `payload[feature key]`, `payload["value"]`, a payload that is not empty, and the variant's key."""
    if variant.value is not None:
        return variant.value
    for name in (feature.key, "value"):
        if name in variant.payload:
            return variant.payload[name]
    return variant.payload or variant.key
