"""What a feature decides, as a list: whom a query means gets its outcome, the first that does, else the last one.

It is the engine's decision (decisions/engine/choices) written down for an evaluator that knows queries and percentages.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import permutations
from time import time
from typing import Any, NamedTuple

from decisions.engine.bucketing import SCHEMES, shares_of, weights_of
from decisions.engine.choices.gates import is_equal
from decisions.engine.choices.outcomes import served_value
from decisions.engine.evaluate import unmeetable
from decisions.engine.types import FULL, Experiment, Feature, Prerequisite, Rule, Status
from decisions.protocols.go_feature_flag.queries import (
    EVERYBODY,
    HAS_KEY,
    NOBODY,
    Inexpressible,
    Query,
    Segments,
    all_of,
    checked,
    one_of,
    query_of,
)
from decisions.protocols.go_feature_flag.variations import Variations, control_of

EXACT = 125
"""Eighths of a percent: of these, sums are exact in floating point."""
FEW = 5
"""Of so many percentages all orders of adding them up can be tried."""


class Outcome(NamedTuple):
    """A value for everybody, or several that share the subjects: percentages by variation, in thousandths."""

    variation: str
    value: Any = None
    is_enabled: bool = False
    shares: Mapping[str, int] | None = None


class Branch(NamedTuple):
    """Whom a query means gets this."""

    query: Query
    outcome: Outcome
    name: str = ""


class Scope:
    """The features and segments of one environment, and the branches that were made of them so far."""

    def __init__(self, features: Mapping[str, Feature], segments: Segments) -> None:
        self.features, self.segments = features, segments
        self.circular = unmeetable(features)
        self._made: dict[str, list[Branch]] = {}
        self._refused: dict[str, Inexpressible] = {}

    def of(self, key: str) -> list[Branch]:
        """A feature's branches, of which the last means everybody. Raises `Inexpressible`."""
        if key in self._refused:
            raise self._refused[key]
        if key not in self._made:
            try:
                feature = self.features[key]
                self._made[key] = branches_of(feature, Variations(feature), self)
            except Inexpressible as error:
                self._refused[key] = error
                raise
        return self._made[key]


def branches_of(feature: Feature, variations: Variations, scope: Scope) -> list[Branch]:
    """The branches of a feature without steps. Raises `Inexpressible` with everything that stands in the way."""
    if feature.status is Status.OFF:
        return [Branch(EVERYBODY, _off(feature, variations))]
    parts: list[Callable[[], list[Branch]]] = [
        partial(_overridden, feature, variations),
        partial(_required, feature, variations, scope),
        *(partial(_ruled, feature, variations, scope, rule) for rule in feature.rules),
        partial(_last, feature, variations, scope),
    ]
    return gathered(parts)


def gathered(parts: list[Callable[[], list[Branch]]]) -> list[Branch]:
    """The branches of all parts, or all their complaints at once."""
    found: list[Branch] = []
    complaints: list[str] = []
    for part in parts:
        try:
            found += part()
        except Inexpressible as error:
            complaints += error.args
    if complaints:
        raise Inexpressible(*dict.fromkeys(complaints))
    return found


def _off(feature: Feature, variations: Variations) -> Outcome:
    return Outcome(variations.name("off", feature.off_value), feature.off_value)


def _on(feature: Feature, variations: Variations) -> Outcome:
    return Outcome(variations.name("on", feature.on_value), feature.on_value, is_enabled=True)


def _overridden(feature: Feature, variations: Variations) -> list[Branch]:
    """Who has an override, by what they get. One that has expired is gone for good."""
    now = time()
    groups: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for key, override in feature.overrides.items():
        if override.expires_at is not None and override.expires_at <= now:
            continue
        if override.expires_at is not None:
            raise Inexpressible("an override expires, and queries know no time")
        name = variations.name("override", override.value)
        groups.setdefault(name, []).append(key)
        values[name] = override.value
    return [Branch(checked(one_of(keys)), Outcome(name, values[name], True)) for name, keys in groups.items()]


def _required(feature: Feature, variations: Variations, scope: Scope) -> list[Branch]:
    """Who lacks a prerequisite."""
    if not feature.prerequisites:
        return []
    refused = _off(feature, variations)
    if feature.key in scope.circular:
        return [Branch(EVERYBODY, refused)]
    met = [_met(prerequisite, scope) for prerequisite in feature.prerequisites]
    return [Branch(checked({"!": [all_of(met)]}), refused)]


def _met(prerequisite: Prerequisite, scope: Scope) -> Query:
    """Whom the other feature answers as it must."""
    key = prerequisite.feature_key
    feature = scope.features.get(key)
    if feature is None:
        return {"!": [EVERYBODY]}
    if feature.steps:
        raise Inexpressible(f"its prerequisite {key!r} changes with time")
    try:
        *others, last = scope.of(key)
    except Inexpressible as error:
        raise Inexpressible(f"its prerequisite {key!r} cannot be decided there: {'; '.join(error.args)}") from error
    asked = [part for branch in others for part in (branch.query, _meets(prerequisite, feature, branch.outcome))]
    return {"if": [*asked, _meets(prerequisite, feature, last.outcome)]}


def _meets(prerequisite: Prerequisite, feature: Feature, outcome: Outcome) -> Query | bool:
    if outcome.shares is None:
        return _is_met(prerequisite, outcome.is_enabled, outcome.value)
    variations = Variations(feature)
    answers = {_is_met(prerequisite, True, variations.values[name]) for name in outcome.shares}
    if len(answers) > 1:
        raise Inexpressible(f"its prerequisite {feature.key!r} splits its subjects")
    return HAS_KEY if True in answers else False


def _is_met(prerequisite: Prerequisite, is_enabled: bool, value: Any) -> bool:
    if prerequisite.enabled is not None and is_enabled is not prerequisite.enabled:
        return False
    return not prerequisite.needs_value or is_equal(value, prerequisite.value)


def _ruled(feature: Feature, variations: Variations, scope: Scope, rule: Rule) -> list[Branch]:
    if rule.steps or rule.ramp:
        raise Inexpressible(f"the rule {rule.key!r} changes with time")
    if not rule.is_on or rule.rollout <= 0:
        return [Branch(NOBODY, _off(feature, variations), rule.key)]
    if rule.rollout < FULL:
        raise Inexpressible(f"the rule {rule.key!r} takes a percentage of its subjects, which would be others there")
    try:
        query = query_of(rule.condition, rule.tree, scope.segments)
        if rule.experiment is None:
            served = Outcome(variations.name(rule.key, rule.value), rule.value, is_enabled=True)
            return [Branch(query, served, rule.key)]
        found = experiment_branches(feature, variations, scope, rule.experiment, rule)
    except Inexpressible as error:
        raise Inexpressible(*(f"the rule {rule.key!r}: {reason}" for reason in error.args)) from error
    return [branch._replace(query=_both(query, branch.query)) for branch in found]


def _both(one: Query, other: Query) -> Query:
    return one if other is EVERYBODY else checked(all_of([one, other]))


def _last(feature: Feature, variations: Variations, scope: Scope) -> list[Branch]:
    """What everybody gets who was not caught before."""
    if feature.status is Status.EXPERIMENT:
        if feature.experiment is None:
            return [Branch(EVERYBODY, _off(feature, variations))]
        return experiment_branches(feature, variations, scope, feature.experiment)
    if feature.ramp:
        raise Inexpressible("its percentage changes with time, and takes other subjects there")
    if 0 < feature.rollout < FULL:
        raise Inexpressible("it is on for a percentage of subjects, which would be others there")
    return [Branch(EVERYBODY, (_on if feature.rollout else _off)(feature, variations))]


def experiment_branches(
    feature: Feature, variations: Variations, scope: Scope, experiment: Experiment, rule: Rule | None = None
) -> list[Branch]:
    """Who takes part in an experiment, and the others: its last branch means everybody."""
    outside, name = control_outcome(feature, variations, experiment, rule), rule.key if rule else ""
    if not experiment.is_running or experiment.bucketing not in SCHEMES:
        return [Branch(EVERYBODY, outside, name)]
    if complaints := list(_differences(feature, experiment)):
        raise Inexpressible(*(f"the experiment {experiment.key!r} {complaint}" for complaint in complaints))
    inside = Outcome("", shares=_shares(feature, variations, experiment))
    if experiment.audience is None:
        return [Branch(EVERYBODY, inside, name)]
    audience = query_of(experiment.audience, experiment.audience_tree, scope.segments)
    return [Branch(audience, inside, name), Branch(EVERYBODY, outside)]


def control_outcome(
    feature: Feature, variations: Variations, experiment: Experiment | None, rule: Rule | None = None
) -> Outcome:
    """What those get who take no part."""
    found = control_of(experiment) if experiment else None
    if found is None:
        return Outcome(variations.name(rule.key if rule else "off", feature.off_value), feature.off_value)
    value = served_value(feature, found)
    return Outcome(variations.name(found.key, value), value)


def _differences(feature: Feature, experiment: Experiment) -> Iterator[str]:
    """How an experiment's assignment differs from what the evaluator can do."""
    weights = weights_of(experiment)
    if not any(weights):
        yield "cannot assign anybody"
        return
    if experiment.bucketing != "go_feature_flag":
        yield f"buckets by the scheme {experiment.bucketing!r}"
    elif (experiment.seed or experiment.key) != feature.key:
        yield f"buckets by the seed {experiment.seed!r}; the evaluator always takes the feature's key"
    elif not adds_up(shares_of(weights)):
        yield "has weights whose percentages do not add up to 100 in floating point"
    if experiment.rollout < FULL:
        yield "takes a percentage of the subjects"
    if experiment.layer:
        yield "is in a layer"
    if experiment.hash_attribute:
        yield "buckets by an attribute"


def _shares(feature: Feature, variations: Variations, experiment: Experiment) -> Mapping[str, int]:
    """Thousandths of a percent by variation, whose names must be those of the variants: the buckets follow them."""
    shares: dict[str, int] = {}
    for variant, share in zip(experiment.variants, shares_of(weights_of(experiment)), strict=True):
        if variations.name(variant.key, served_value(feature, variant)) != variant.key:
            raise Inexpressible(f"two variants are named {variant.key!r}")
        shares[variant.key] = share
    return shares


def adds_up(shares: list[int]) -> bool:
    """Whether the evaluator, which adds percentages up in floating point and in any order, finds the same buckets.

    Of some decimals the sum depends on the order, and its answers change from call to call.
    """
    if all(share % EXACT == 0 for share in shares):
        return True
    percents = [share / 1000 for share in shares if share]
    if len(percents) > FEW:
        return False
    return all(_ends(order) == _exact_ends(order) for order in permutations(percents))


def _ends(percents: tuple[float, ...]) -> list[int]:
    """Where the buckets end as the evaluator finds it, and the modulus."""
    total, end, ends = 0.0, 0.0, []
    for percent in percents:
        total += percent
        end += percent * 1000
        ends.append(int(end))
    return [*ends, int(total * 1000)]


def _exact_ends(percents: tuple[float, ...]) -> list[int]:
    end, ends = 0, []
    for percent in percents:
        end += round(percent * 1000)
        ends.append(end)
    return [*ends, end]
