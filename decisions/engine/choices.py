"""What a feature can answer, and how it chooses. All outcomes are decisions made when a snapshot is compiled.

A choice is asked with a subject and answers a decision; one that stands before others answers None to pass the subject
on. Each explains itself by the same comparisons that it chooses by.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from decisions.engine.bucketing import SCHEMES, Assign, growthbook_bucket, weights_of
from decisions.engine.conditions.attributes import Attribute, written
from decisions.engine.conditions.operators import is_scalar
from decisions.engine.types import (
    FULL,
    Decision,
    Experiment,
    Fault,
    Feature,
    Override,
    Prerequisite,
    Ramp,
    Reason,
    Rule,
    Step,
    Subject,
    Variant,
)

Trace = dict[str, Any]


class Choice:
    """Answers a subject, or passes it on with None."""

    __slots__ = ()

    def __call__(self, subject: Subject) -> Decision | None:
        raise NotImplementedError

    def explain(self, subject: Subject) -> list[Trace]:
        """What was compared with what, in order."""
        raise NotImplementedError


class Always(Choice):
    """The same for everybody."""

    __slots__ = ("decision",)

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    def __call__(self, subject: Subject) -> Decision:
        return self.decision

    def explain(self, subject: Subject) -> list[Trace]:
        return [{"step": "status", "status": self.decision.feature.status.value, "reason": self.decision.reason.value}]


class Percentage:
    """Whether a key is inside a percentage that may move with time. Who is inside stays in while it grows."""

    __slots__ = ("ramp", "rollout", "seed")

    def __init__(self, seed: str, rollout: int, ramp: Ramp | None) -> None:
        self.seed, self.rollout, self.ramp = seed, rollout, ramp

    def at(self, moment: float) -> float:
        """The percentage at a moment, in thousandths of a percent."""
        ramp = self.ramp
        if ramp is None:
            return self.rollout
        if moment <= ramp.start_at:
            return ramp.start_rollout
        if moment >= ramp.end_at:
            return ramp.end_rollout
        passed = (moment - ramp.start_at) / (ramp.end_at - ramp.start_at)
        return ramp.start_rollout + passed * (ramp.end_rollout - ramp.start_rollout)

    def includes(self, subject: Subject) -> bool | None:
        """Whether the subject is inside; None if only a key could tell, and there is none."""
        rollout = self.at(subject.at)
        if rollout >= FULL or rollout <= 0:
            return rollout > 0
        return growthbook_bucket(self.seed, subject.key) * 10 < rollout if subject.key else None

    def explain(self, subject: Subject) -> Trace:
        return {
            "bucket": growthbook_bucket(self.seed, subject.key) / 100 if subject.key else None,
            "percent": self.at(subject.at) / 1000,
            "seed": self.seed,
            "inside": self.includes(subject),
        }


class Switched(Choice):
    """On for a part of the subjects."""

    __slots__ = ("inside", "keyless", "outside", "percentage")

    def __init__(self, feature: Feature) -> None:
        self.percentage = Percentage(feature.key, feature.rollout, feature.ramp)
        self.inside = Decision(feature, Reason.ROLLOUT, value=feature.on_value, enabled=True)
        self.outside = off(feature, Reason.NOT_IN_ROLLOUT)
        self.keyless = off(feature, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING)

    def __call__(self, subject: Subject) -> Decision:
        is_inside = self.percentage.includes(subject)
        if is_inside is None:
            return self.keyless
        return self.inside if is_inside else self.outside

    def explain(self, subject: Subject) -> list[Trace]:
        return [{"step": "rollout"} | self.percentage.explain(subject)]


class Assigned(Choice):
    """An experiment that runs: audience, layer, rollout, variant."""

    __slots__ = ("arms", "assign", "elsewhere", "experiment", "hashed", "keyless", "outside", "strangers")

    def __init__(self, feature: Feature, experiment: Experiment, assign: Assign, rule: Rule | None) -> None:
        self.experiment, self.assign = experiment, assign
        self.hashed = Attribute(experiment.hash_attribute) if experiment.hash_attribute else None
        self.arms = [arm(feature, experiment, variant, rule) for variant in experiment.variants]
        self.outside = control(feature, experiment, Reason.NOT_IN_ROLLOUT, rule=rule)
        self.strangers = control(feature, experiment, Reason.NOT_IN_AUDIENCE, rule=rule)
        self.elsewhere = control(feature, experiment, Reason.NOT_IN_LAYER, rule=rule)
        self.keyless = control(feature, experiment, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING, rule=rule)

    def key_of(self, subject: Subject) -> str | None:
        """What the subject is bucketed by: its key, or the attribute that the experiment names."""
        if self.hashed is None:
            return subject.key
        value = self.hashed(subject)
        return written(value) if is_scalar(value) else None

    def __call__(self, subject: Subject) -> Decision:
        experiment = self.experiment
        if experiment.audience is not None and not experiment.audience(subject):
            return self.strangers
        key = self.key_of(subject)
        if not key:
            return self.keyless
        if experiment.layer is not None and not self.holds_slot(key):
            return self.elsewhere
        index = self.assign(key)
        return self.outside if index is None else self.arms[index]

    def holds_slot(self, key: str) -> bool:
        layer = self.experiment.layer
        slot = growthbook_bucket(layer.seed, key) if layer else -1
        for start, end in self.experiment.slots:  # noqa: SIM110  a generator costs more than the comparison
            if start <= slot < end:
                return True
        return False

    def explain(self, subject: Subject) -> list[Trace]:
        experiment, key = self.experiment, self.key_of(subject)
        found: list[Trace] = []
        if experiment.audience is not None:
            found.append({"step": "audience", "condition": experiment.audience.explain(subject)})
            if not experiment.audience(subject):
                return found
        if key and experiment.layer is not None:
            slot = growthbook_bucket(experiment.layer.seed, key)
            slots = [list(slots) for slots in experiment.slots]
            found.append({"step": "layer", "layer": experiment.layer.key, "slot": slot, "slots": slots})
            if not self.holds_slot(key):
                return found
        index = self.assign(key) if key else None
        variant = None if index is None else experiment.variants[index].key
        asked = {"step": "experiment", "experiment": experiment.key, "bucketing": experiment.bucketing}
        return [*found, asked | {"key": key, "percent": experiment.rollout / 1000, "variant": variant}]


class Overridden(Choice):
    """What single subjects get."""

    __slots__ = ("decisions", "overrides")

    def __init__(self, feature: Feature) -> None:
        self.overrides = feature.overrides
        self.decisions = {
            key: Decision(feature, Reason.OVERRIDE, value=override.value, enabled=True)
            for key, override in feature.overrides.items()
        }

    def __call__(self, subject: Subject) -> Decision | None:
        override = self.overrides.get(subject.key) if subject.key else None
        if override is None or is_expired(override, subject):
            return None
        return self.decisions[subject.key or ""]

    def explain(self, subject: Subject) -> list[Trace]:
        override = self.overrides.get(subject.key) if subject.key else None
        if override is None:
            return []
        return [{"step": "override", "note": override.note, "expired": is_expired(override, subject)}]


def is_expired(override: Override, subject: Subject) -> bool:
    return override.expires_at is not None and override.expires_at <= subject.at


class Required(Choice):
    """Other features that must answer first. `choices` are all features' own, complete only after compiling."""

    __slots__ = ("choices", "prerequisites", "refused")

    def __init__(self, feature: Feature, choices: Mapping[str, "Choice"]) -> None:
        self.prerequisites, self.choices = feature.prerequisites, choices
        self.refused = off(feature, Reason.PREREQUISITE)

    def __call__(self, subject: Subject) -> Decision | None:
        for prerequisite in self.prerequisites:
            if not self.is_met(prerequisite, subject):
                return self.refused
        return None

    def is_met(self, prerequisite: Prerequisite, subject: Subject) -> bool:
        choice = self.choices.get(prerequisite.feature_key)
        decision = choice(subject) if choice else None
        if decision is None or decision.fault:
            return False
        if prerequisite.enabled is not None and decision.enabled is not prerequisite.enabled:
            return False
        return not prerequisite.needs_value or is_equal(decision.value, prerequisite.value)

    def explain(self, subject: Subject) -> list[Trace]:
        return [
            {"step": "prerequisite", "feature": needed.feature_key, "met": self.is_met(needed, subject)}
            for needed in self.prerequisites
        ]


def is_equal(actual: Any, expected: Any) -> bool:
    """JSON equality, to the bottom: Python takes True for 1."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        return actual.keys() == expected.keys() and all(is_equal(actual[name], expected[name]) for name in actual)
    if isinstance(actual, list) and isinstance(expected, list):
        return len(actual) == len(expected) and all(map(is_equal, actual, expected))
    return bool(actual == expected) and isinstance(actual, bool) is isinstance(expected, bool)


class Impossible(Choice):
    """Prerequisites that lead back to the feature itself, or too deep: never met."""

    __slots__ = ("refused",)

    def __init__(self, feature: Feature) -> None:
        self.refused = off(feature, Reason.PREREQUISITE)

    def __call__(self, subject: Subject) -> Decision | None:
        return self.refused

    def explain(self, subject: Subject) -> list[Trace]:
        return [{"step": "prerequisite", "met": False, "broken": "the prerequisites lead in a circle, or too deep"}]


class Ruled(Choice):
    """A rule: whom it means, and how many of them."""

    __slots__ = ("inside", "is_whole", "keyless", "percentage", "rule")

    def __init__(self, feature: Feature, rule: Rule) -> None:
        self.rule = rule
        self.percentage = Percentage(f"{feature.key}/{rule.key}", rule.rollout, rule.ramp)
        self.is_whole = rule.ramp is None and rule.rollout >= FULL
        self.keyless = off(feature, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING)
        served = Decision(feature, Reason.RULE, value=rule.value, enabled=True, rule=rule)
        self.inside = experiment_choice(feature, rule.experiment, rule) if rule.experiment else Always(served)

    def __call__(self, subject: Subject) -> Decision | None:
        if not self.rule.condition(subject):
            return None
        is_inside = self.is_whole or self.percentage.includes(subject)
        if is_inside is None:
            return self.keyless
        return self.inside(subject) if is_inside else None

    def explain(self, subject: Subject) -> list[Trace]:
        found: Trace = {"step": "rule", "rule": self.rule.key, "condition": self.rule.condition.explain(subject)}
        if not self.rule.condition(subject):
            return [found]
        if not self.is_whole:
            found |= self.percentage.explain(subject)
        is_inside = self.is_whole or self.percentage.includes(subject)
        return [found, *(self.inside.explain(subject) if is_inside and self.rule.experiment else [])]


class Chain(Choice):
    """Choices in order: the first that answers."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Choice, ...]) -> None:
        self.parts = parts

    def __call__(self, subject: Subject) -> Decision | None:
        for part in self.parts:
            decision = part(subject)
            if decision is not None:
                return decision
        return None

    def explain(self, subject: Subject) -> list[Trace]:
        found: list[Trace] = []
        for part in self.parts:
            found += part.explain(subject)
            if part(subject) is not None:
                break
        return found


class Timeline(Choice):
    """One choice after another as time goes by; which one holds is decided by the subject's own time."""

    __slots__ = ("moments", "phases")

    def __init__(self, moments: tuple[float, ...], phases: tuple[Choice, ...]) -> None:
        self.moments, self.phases = moments, phases

    def phase(self, subject: Subject) -> int:
        return bisect_right(self.moments, subject.at)

    def __call__(self, subject: Subject) -> Decision | None:
        return self.phases[self.phase(subject)](subject)

    def explain(self, subject: Subject) -> list[Trace]:
        index = self.phase(subject)
        since = self.moments[index - 1] if index else None
        until = self.moments[index] if index < len(self.moments) else None
        step = {"step": "schedule", "at": subject.at, "since": since, "until": until}
        return [step, *self.phases[index].explain(subject)]


def off(feature: Feature, reason: Reason = Reason.OFF, fault: Fault | None = None) -> Decision:
    """The off value, and why."""
    return Decision(feature, reason, value=feature.off_value, fault=fault)


def experiment_choice(feature: Feature, experiment: Experiment | None, rule: Rule | None = None) -> Choice:
    """What an experiment does with its subjects; one that cannot assign anybody serves the control to all."""
    scheme = SCHEMES.get(experiment.bucketing) if experiment else None
    if experiment is None or scheme is None or not experiment.is_running:
        return Always(control(feature, experiment, Reason.EXPERIMENT_INACTIVE, rule=rule))
    if not experiment.variants:
        return Always(control(feature, experiment, Reason.UNDECIDED, Fault.VARIANT_REQUIRED, rule=rule))
    if not any(weights_of(experiment)):
        return Always(control(feature, experiment, Reason.UNDECIDED, Fault.WEIGHT_REQUIRED, rule=rule))
    return Assigned(feature, experiment, scheme(experiment), rule)


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


def feature_after(feature: Feature, steps: tuple[Step, ...]) -> Feature:
    """A feature as it is once these steps have been taken."""
    for step in steps:
        feature = replace(
            feature,
            status=feature.status if step.status is None else step.status,
            rollout=feature.rollout if step.rollout is None else step.rollout,
            ramp=feature.ramp if step.rollout is None else None,
            on_value=step.value if step.sets_value else feature.on_value,
        )
    return replace(feature, steps=())


def rule_after(rule: Rule, steps: tuple[Step, ...]) -> Rule:
    """A rule as it is once these steps have been taken."""
    for step in steps:
        rule = replace(
            rule,
            is_on=rule.is_on if step.status is None else step.status.value != "off",
            rollout=rule.rollout if step.rollout is None else step.rollout,
            ramp=rule.ramp if step.rollout is None else None,
            value=step.value if step.sets_value else rule.value,
        )
    return replace(rule, steps=())
