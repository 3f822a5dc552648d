"""Schedules: what a feature or a rule is from one moment to the next."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace

from decisions.engine.choices.base import Choice, Choose, Trace
from decisions.engine.types import Decision, Feature, Known, Ramp, Rule, Step, Subject


class Timeline(Choice):
    """One choice after another as time goes by; which one holds is decided by the subject's own time.

    `phase_after` makes the choice that holds once some steps have been taken, the first of them first.
    """

    __slots__ = ("moments", "phases")

    def __init__(self, steps: tuple[Step, ...], phase_after: Callable[[tuple[Step, ...]], Choice]) -> None:
        ordered = tuple(sorted(steps, key=lambda step: step.at))
        self.moments = tuple(step.at for step in ordered)
        self.phases = tuple(phase_after(ordered[:count]) for count in range(len(ordered) + 1))
        self.choose = _phased(self.moments, tuple(phase.choose for phase in self.phases))

    def explain(self, subject: Subject) -> list[Trace]:
        index = bisect_right(self.moments, subject.at)
        since = self.moments[index - 1] if index else None
        until = self.moments[index] if index < len(self.moments) else None
        step = {"step": "schedule", "at": subject.at, "since": since, "until": until}
        return [step, *self.phases[index].explain(subject)]


def _phased(moments: tuple[float, ...], phases: tuple[Choose, ...]) -> Choose:
    def choose(subject: Subject, known: Known | None) -> Decision | None:
        return phases[bisect_right(moments, subject.at)](subject, known)

    return choose


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


def steps_taken(steps: tuple[Step, ...], at: float) -> tuple[Step, ...]:
    """The steps that have been taken by a moment, the first of them first."""
    return tuple(sorted((step for step in steps if step.at <= at), key=lambda step: step.at))


def moments_of(feature: Feature) -> Iterator[float]:
    """When a feature may begin to answer otherwise than before. While a ramp goes on, it may at any moment between."""
    yield from (step.at for step in feature.steps)
    yield from (step.at for rule in feature.rules for step in rule.steps)
    yield from (override.expires_at for override in feature.overrides.values() if override.expires_at is not None)
    yield from (moment for ramp in ramps_of(feature) for moment in (ramp.start_at, ramp.end_at))


def ramps_of(feature: Feature) -> Iterator[Ramp]:
    """The percentages that move."""
    yield from (ramp for ramp in (feature.ramp, *(rule.ramp for rule in feature.rules)) if ramp)
