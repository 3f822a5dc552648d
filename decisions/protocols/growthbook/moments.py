"""A document is a moment: what features are at it, and when the next one comes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil, inf

from decisions.engine.choices.percentages import on_the_way
from decisions.engine.choices.timelines import feature_after, moments_of, ramps_of, rule_after, steps_taken
from decisions.engine.types import Feature, Ramp, Rule

MINUTE = 60.0
"""How often a percentage that moves is written anew, in seconds. All processes use the same minutes."""


def feature_at(feature: Feature, moment: float) -> Feature:
    """A feature as it is now: its steps and those of its rules taken, ramps standing still, no expired override."""
    feature = feature_after(feature, steps_taken(feature.steps, moment))
    return replace(
        feature,
        rollout=_rollout(feature.rollout, feature.ramp, moment),
        ramp=None,
        rules=tuple(_rule_at(rule, moment) for rule in feature.rules),
        overrides={
            key: override
            for key, override in feature.overrides.items()
            if override.expires_at is None or override.expires_at > moment
        },
    )


def _rule_at(rule: Rule, moment: float) -> Rule:
    rule = rule_after(rule, steps_taken(rule.steps, moment))
    return replace(rule, rollout=_rollout(rule.rollout, rule.ramp, moment), ramp=None)


def _rollout(rollout: int, ramp: Ramp | None, moment: float) -> int:
    """A percentage in thousandths; the one of the minute's beginning while it moves."""
    if ramp is None:
        return rollout
    begun = moment if moment >= ramp.end_at else moment - moment % MINUTE
    return ceil(on_the_way(ramp, begun))  # between two whole thousandths there is no other bucket


def next_moment(features: Iterable[Feature], moment: float) -> float:
    """When a document of these features could be another one, in seconds since the epoch; infinity for never."""
    return min((at for feature in features for at in _moments(feature, moment) if at > moment), default=inf)


def _moments(feature: Feature, moment: float) -> Iterator[float]:
    yield from moments_of(feature)
    if any(ramp.start_at <= moment < ramp.end_at for ramp in ramps_of(feature)):
        yield moment - moment % MINUTE + MINUTE
