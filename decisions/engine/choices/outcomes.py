"""The decisions that a feature can come to, made beforehand."""

from typing import Any

from decisions.engine.types import Decision, Experiment, Fault, Feature, Reason, Rule, Variant


def off(feature: Feature, reason: Reason = Reason.OFF, fault: Fault | None = None) -> Decision:
    """The off value, and why."""
    return Decision(feature, reason, value=feature.off_value, fault=fault)


def arm(feature: Feature, experiment: Experiment, variant: Variant, rule: Rule | None) -> Decision:
    return Decision(
        feature,
        Reason.ASSIGNED,
        value=served_value(feature, variant),
        enabled=True,
        variant=variant,
        experiment=experiment,
        in_experiment=True,
        rule=rule,
        payload=variant.payload,
    )


def control(
    feature: Feature,
    experiment: Experiment | None,
    reason: Reason,
    fault: Fault | None = None,
    *,
    rule: Rule | None = None,
) -> Decision:
    """What those get who take no part: the control's value, else the feature's off value."""
    found = next((v for v in experiment.variants if v.is_control), None) if experiment else None
    value = feature.off_value if found is None else served_value(feature, found)
    return Decision(feature, reason, value=value, variant=found, experiment=experiment, fault=fault, rule=rule)


def served_value(feature: Feature, variant: Variant) -> Any:
    """What a variant serves to protocols that carry one value: the first that is there of `value`,
    `payload[feature key]`, `payload["value"]`, a payload that is not empty, and the variant's key."""
    if variant.value is not None:
        return variant.value
    for name in (feature.key, "value"):
        if name in variant.payload:
            return variant.payload[name]
    return variant.payload or variant.key
