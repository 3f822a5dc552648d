"""What a feature's outcomes are called: GO Feature Flag names every value, and its buckets follow the names."""

from collections.abc import Iterator
from typing import Any

from decisions.engine.choices.gates import is_equal
from decisions.engine.choices.outcomes import served_value
from decisions.engine.choices.timelines import feature_after, rule_after
from decisions.engine.types import Decision, Experiment, Feature, Rule, Step, Variant
from decisions.protocols._outcomes import outcome_name

Named = tuple[str, Any]


class Variations:
    """The values of a feature by name. Of two that want one name, the second gets a number; variants come first."""

    def __init__(self, feature: Feature) -> None:
        self.values: dict[str, Any] = {}
        for wanted, value in _outcomes(feature):
            self.values[self.name(wanted, value)] = value

    def of(self, decision: Decision) -> str:
        """What a decision of this feature is called."""
        return self.name(outcome_name(decision), decision.value)

    def name(self, wanted: str, value: Any) -> str:
        """What an outcome is called that would like to be called `wanted`."""
        name, number = wanted, 1
        while name in self.values and not is_equal(self.values[name], value):
            number += 1
            name = f"{wanted}-{number}"
        return name


def _outcomes(feature: Feature) -> Iterator[Named]:
    """Every value that the feature can have, now or later, and what it would like to be called."""
    experiments = [feature.experiment, *(rule.experiment for rule in feature.rules)]
    for experiment in filter(None, experiments):
        yield from ((variant.key, served_value(feature, variant)) for variant in experiment.variants)
    for phase in phases_of(feature):
        yield from (("on", phase.on_value), ("off", phase.off_value))
    for rule in feature.rules:
        yield from _outcomes_of(feature, rule)
    yield from (("override", override.value) for override in feature.overrides.values())


def _outcomes_of(feature: Feature, rule: Rule) -> Iterator[Named]:
    if rule.experiment is None:
        yield from ((rule.key, rule_after(rule, taken).value) for taken in _beginnings(rule.steps))
    elif control_of(rule.experiment) is None:
        yield rule.key, feature.off_value


def control_of(experiment: Experiment) -> Variant | None:
    """The variant that those get who take no part."""
    return next((variant for variant in experiment.variants if variant.is_control), None)


def phases_of(feature: Feature) -> list[Feature]:
    """The feature as it is before its first step, after it, and so on."""
    return [feature_after(feature, taken) for taken in _beginnings(feature.steps)]


def _beginnings(steps: tuple[Step, ...]) -> list[tuple[Step, ...]]:
    ordered = tuple(sorted(steps, key=lambda step: step.at))
    return [ordered[:count] for count in range(len(ordered) + 1)]
