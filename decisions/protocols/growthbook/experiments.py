"""Experiments as rules: who takes part gets a variant, and all others whom the rule means get the control."""

from collections.abc import Mapping
from typing import Any

from decisions.engine.bucketing import shares_of, weights_of
from decisions.engine.choices.outcomes import served_value
from decisions.engine.conditions.nodes import Nobody
from decisions.engine.types import FULL, Experiment, Feature, Segment, Variant
from decisions.protocols.growthbook.conditions import Audience, audience_of, filter_of, hash_attribute
from decisions.protocols.growthbook.portable import Inexpressible, every
from decisions.protocols.growthbook.prerequisites import is_assigning

KEY = "id"
"""The attribute that is the subject's key."""
SCHEME = "growthbook"

Rule = dict[str, Any]


def experiment_rule(
    name: str, feature: Feature, experiment: Experiment | None, meant: Audience, segments: Mapping[str, Segment]
) -> Rule | None:
    """The rule that assigns those of them who take part; None if nobody does. Raises `Inexpressible`."""
    if experiment is None or not is_assigning(experiment) or experiment.rollout <= 0:
        return None
    if isinstance(experiment.audience, Nobody):
        return None
    if experiment.bucketing != SCHEME:
        raise Inexpressible(f"the experiment {experiment.key} assigns by another scheme than GrowthBook's")
    attribute = hash_attribute(experiment.hash_attribute or KEY)
    audience = audience_of(experiment.audience_tree, segments) if experiment.audience else Audience(True)
    condition = every([meant.condition, audience.condition])
    if condition is False:
        return None
    filters = [*meant.filters, *audience.filters, *_layer(experiment, attribute)]
    return rule(name, Audience(condition, tuple(filters))) | _assignment(feature, experiment, attribute)


def rule(name: str, meant: Audience) -> Rule:
    """A rule that does nothing yet for those who are meant."""
    found: Rule = {"id": name}
    if isinstance(meant.condition, dict):
        found["condition"] = meant.condition
    if meant.filters:
        found["filters"] = list(meant.filters)
    return found


def _layer(experiment: Experiment, attribute: str) -> list[dict[str, Any]]:
    return [filter_of(attribute, experiment.layer.seed, experiment.slots)] if experiment.layer else []


def _assignment(feature: Feature, experiment: Experiment, attribute: str) -> Rule:
    arms = written_arms(feature, experiment)
    coverage = {"coverage": experiment.rollout / FULL} if experiment.rollout < FULL else {}
    return {
        "key": experiment.key,
        "seed": experiment.seed or experiment.key,
        "hashVersion": 2,
        "hashAttribute": attribute,
        "variations": [served_value(feature, variant) for variant, _ in arms],
        "weights": [share / FULL for _, share in arms],
        "meta": [{"key": variant.key} for variant, _ in arms],
        **coverage,
    }


def written_arms(feature: Feature, experiment: Experiment) -> list[tuple[Variant, int]]:
    """The variants and their shares, in thousandths of a percent. A single one comes twice: SDKs ask for two."""
    arms = list(zip(experiment.variants, shares_of(weights_of(experiment)), strict=True))
    return [*arms, (experiment.variants[0], 0)] if len(arms) == 1 else arms
