"""The decision itself: a snapshot, a feature's key and a subject in; one decision out. Total and pure.

All that can be known before a subject asks is worked out once, in `prepare`: every outcome a feature can have is a
decision made beforehand, and deciding is choosing between them.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import cast

from decisions.engine.choices import (
    Always,
    Chain,
    Choice,
    Impossible,
    Overridden,
    Required,
    Ruled,
    Switched,
    Timeline,
    experiment_choice,
    feature_after,
    off,
    rule_after,
)
from decisions.engine.types import FULL, Decision, Fault, Feature, Reason, Rule, Status, Step, Subject

PREREQUISITE_DEPTH = 10
PREREQUISITE_COST = 1_000
"""How many features one answer may ask, counting each as often as it is asked."""

Snapshot = Mapping[str, Choice]
"""Every feature of one environment, ready to decide: feature key to its choice."""


def compile_snapshot(features: Iterable[Feature]) -> Snapshot:
    """Prepare every feature once. The result is immutable."""
    found = {feature.key: feature for feature in features}
    circular = unmeetable(found)
    choices: dict[str, Choice] = {}
    for key, feature in found.items():
        choices[key] = prepare(feature, choices, is_possible=key not in circular)
    return MappingProxyType(choices)


def decide(snapshot: Snapshot, feature_key: str, subject: Subject) -> Decision:
    """What `subject` gets from a feature. Never raises; an unknown feature is a decision with a fault."""
    choice = snapshot.get(feature_key)
    if choice is None:
        return Decision(Feature(feature_key), Reason.UNDECIDED, fault=Fault.FLAG_NOT_FOUND)
    return cast(Decision, choice(subject))


def decide_all(snapshot: Snapshot, subject: Subject) -> dict[str, Decision]:
    """What `subject` gets from every feature."""
    return {key: cast(Decision, choice(subject)) for key, choice in snapshot.items()}


def prepare(feature: Feature, choices: Mapping[str, Choice] | None = None, *, is_possible: bool = True) -> Choice:
    """All outcomes of a feature, and the choice between them, which always ends with a decision.

    `choices` are those of all features, where prerequisites are looked up when somebody asks.
    """
    if feature.steps:
        phases = [feature_after(feature, taken) for taken in beginnings(feature.steps)]
        prepared = tuple(prepare(phase, choices, is_possible=is_possible) for phase in phases)
        return Timeline(moments(feature.steps), prepared)
    if feature.status is Status.OFF:
        return Always(off(feature))
    gates: list[Choice] = []
    if feature.overrides:
        gates.append(Overridden(feature))
    if feature.prerequisites:
        gates.append(Required(feature, {} if choices is None else choices) if is_possible else Impossible(feature))
    gates += [rule_choice(feature, rule) for rule in feature.rules]
    return Chain((*gates, last_choice(feature))) if gates else last_choice(feature)


def last_choice(feature: Feature) -> Choice:
    """What everybody gets who was not caught before: the experiment, or the on value for a part of them."""
    if feature.status is Status.EXPERIMENT:
        return experiment_choice(feature, feature.experiment)
    if feature.rollout >= FULL and feature.ramp is None:
        return Always(Decision(feature, Reason.ON, value=feature.on_value, enabled=True))
    return Switched(feature)


def rule_choice(feature: Feature, rule: Rule) -> Choice:
    """A rule, in all the states that its schedule takes it through."""
    if rule.steps:
        phases = [rule_choice(feature, rule_after(rule, taken)) for taken in beginnings(rule.steps)]
        return Timeline(moments(rule.steps), tuple(phases))
    return Ruled(feature, rule) if rule.is_on else Chain(())


def in_order(steps: tuple[Step, ...]) -> list[Step]:
    return sorted(steps, key=lambda step: step.at)


def moments(steps: tuple[Step, ...]) -> tuple[float, ...]:
    return tuple(step.at for step in in_order(steps))


def beginnings(steps: tuple[Step, ...]) -> list[tuple[Step, ...]]:
    """The steps that have been taken in each phase: none, the first, the first two …"""
    ordered = in_order(steps)
    return [tuple(ordered[:count]) for count in range(len(ordered) + 1)]


def unmeetable(features: Mapping[str, Feature]) -> set[str]:
    """The features whose prerequisites lead back to themselves, too deep, or to too many to wait for."""
    costs: dict[str, int] = {}
    for _round in range(PREREQUISITE_DEPTH + 1):
        waiting = {key: _needed(feature) for key, feature in features.items() if key not in costs}
        costs |= {
            key: 1 + sum(costs.get(other, 0) for other in needed)
            for key, needed in waiting.items()
            if all(other in costs or other not in features for other in needed)
        }
        if len(costs) == len(features):
            break
    return {key for key in features if costs.get(key, PREREQUISITE_COST + 1) > PREREQUISITE_COST}


def _needed(feature: Feature) -> list[str]:
    return [prerequisite.feature_key for prerequisite in feature.prerequisites]
