"""The decision itself: a snapshot, a feature's key and a subject in; one decision out. Total and pure.

All that can be known before a subject asks is worked out once, in `prepare`: every outcome a feature can have is a
decision made beforehand, and deciding is choosing between them.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import cast

from decisions.engine.choices.assignments import experiment_choice
from decisions.engine.choices.base import Always, Chain, Choice, Final, Finals, Never
from decisions.engine.choices.gates import Impossible, Overridden, Required
from decisions.engine.choices.outcomes import off
from decisions.engine.choices.percentages import Switched
from decisions.engine.choices.rules import Ruled
from decisions.engine.choices.timelines import Timeline, feature_after, rule_after
from decisions.engine.types import FULL, Decision, Fault, Feature, Known, Reason, Rule, Status, Subject

PREREQUISITE_DEPTH = 10
PREREQUISITE_COST = 1_000
"""How many features one answer may ask, counting each as often as it is asked."""

Snapshot = Finals
"""Every feature of one environment, ready to decide: feature key to its choice."""


def compile_snapshot(features: Iterable[Feature]) -> Snapshot:
    """Prepare every feature once. The result is immutable."""
    found = {feature.key: feature for feature in features}
    circular = unmeetable(found)
    choices: dict[str, Final] = {}
    for key, feature in found.items():
        choices[key] = cast(Final, prepare(feature, choices, is_possible=key not in circular))
    return MappingProxyType(choices)


def decide(snapshot: Snapshot, feature_key: str, subject: Subject) -> Decision:
    """What `subject` gets from a feature. Never raises; an unknown feature is a decision with a fault."""
    choice = snapshot.get(feature_key)
    if choice is None:
        return Decision(Feature(feature_key), Reason.UNDECIDED, fault=Fault.FLAG_NOT_FOUND)
    return choice.choose(subject, None)


def decide_all(snapshot: Snapshot, subject: Subject) -> dict[str, Decision]:
    """What `subject` gets from every feature."""
    known: Known = {}
    return {key: choice.choose(subject, known) for key, choice in snapshot.items()}


def prepare(feature: Feature, choices: Finals, *, is_possible: bool) -> Choice:
    """All outcomes of a feature, and the choice between them, which always ends with a decision.

    `choices` are those of all features, where prerequisites are looked up when somebody asks.
    """
    if feature.steps:
        return Timeline(
            feature.steps, lambda taken: prepare(feature_after(feature, taken), choices, is_possible=is_possible)
        )
    if feature.status is Status.OFF:
        return Always(off(feature))
    gates: list[Choice] = []
    if feature.overrides:
        gates.append(Overridden(feature))
    if feature.prerequisites:
        gates.append(Required(feature, choices) if is_possible else Impossible(feature))
    gates += [rule_choice(feature, rule) for rule in feature.rules]
    return Chain(tuple(gates), last_choice(feature)) if gates else last_choice(feature)


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
        return Timeline(rule.steps, lambda taken: rule_choice(feature, rule_after(rule, taken)))
    return Ruled(feature, rule) if rule.is_on else Never()


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
