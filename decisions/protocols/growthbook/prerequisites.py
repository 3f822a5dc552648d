"""What other features must answer first, read from their values: GrowthBook knows a feature by nothing else."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from decisions.engine.bucketing import SCHEMES, weights_of
from decisions.engine.choices.gates import is_equal
from decisions.engine.choices.outcomes import control, served_value
from decisions.engine.types import FULL, Experiment, Feature, Prerequisite, Reason, Status
from decisions.protocols.growthbook.portable import Condition, Inexpressible, negated, one_of


class Outcome(NamedTuple):
    """A value that a feature may serve, whether it counts as enabled, and whether it is only there for safety."""

    value: Any
    enabled: bool
    is_fault: bool = False


def outcomes(feature: Feature) -> Iterator[Outcome]:
    """Everything that a feature may answer as it stands now, and perhaps a little more."""
    off = Outcome(feature.off_value, enabled=False)
    if feature.status is Status.OFF:
        yield off
        return
    yield from (Outcome(override.value, enabled=True) for override in feature.overrides.values())
    if feature.prerequisites:
        yield off
    for rule in (rule for rule in feature.rules if rule.is_on and rule.rollout > 0):
        if rule.rollout < FULL:
            yield off._replace(is_fault=True)
        yield from _arms(feature, rule.experiment) if rule.experiment else [Outcome(rule.value, enabled=True)]
    yield from _last(feature, off)


def _last(feature: Feature, off: Outcome) -> Iterator[Outcome]:
    if feature.status is Status.EXPERIMENT:
        yield from _arms(feature, feature.experiment)
        return
    if feature.rollout > 0:
        yield Outcome(feature.on_value, enabled=True)
    if feature.rollout < FULL:
        yield off
    if 0 < feature.rollout < FULL:
        yield off._replace(is_fault=True)


def _arms(feature: Feature, experiment: Experiment | None) -> Iterator[Outcome]:
    value = control(feature, experiment, Reason.NOT_IN_ROLLOUT).value
    yield Outcome(value, enabled=False)
    yield Outcome(value, enabled=False, is_fault=True)
    if experiment and is_assigning(experiment):
        yield from (Outcome(served_value(feature, variant), enabled=True) for variant in experiment.variants)


def is_assigning(experiment: Experiment) -> bool:
    """Whether an experiment assigns anybody at all."""
    return experiment.is_running and experiment.bucketing in SCHEMES and any(weights_of(experiment))


def unmet(needed: Prerequisite, feature: Feature) -> Condition:
    """Which of a feature's values do not meet a prerequisite: a condition on `value`. Raises `Inexpressible`."""
    found = list(outcomes(feature))
    good = [outcome.value for outcome in found if _meets(needed, outcome)]
    bad = [outcome.value for outcome in found if not _meets(needed, outcome)]
    if not good or not bad:
        return not good
    if any(is_equal(one, other) for one in good for other in bad):
        raise Inexpressible(f"the value of {feature.key}, which is all that is told, does not say whether it is met")
    try:
        return negated(one_of("value", good))
    except Inexpressible:
        return one_of("value", bad)


def _meets(needed: Prerequisite, outcome: Outcome) -> bool:
    if outcome.is_fault or (needed.enabled is not None and outcome.enabled is not needed.enabled):
        return False
    return not needed.needs_value or is_equal(outcome.value, needed.value)
