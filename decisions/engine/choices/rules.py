"""Rules: whom they mean, and what those get."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from decisions.engine.choices.assignments import experiment_choice
from decisions.engine.choices.base import Always, Choice, Choose, Gate, Trace
from decisions.engine.choices.outcomes import off
from decisions.engine.choices.percentages import Includes, Percentage
from decisions.engine.types import FULL, Decision, Fault, Feature, Holds, Known, Reason, Rule, Subject


class Ruled(Choice):
    """A rule: whom it means, and how many of them."""

    __slots__ = ("inside", "percentage", "rule", "serve")

    def __init__(self, feature: Feature, rule: Rule) -> None:
        self.rule = rule
        is_whole = rule.ramp is None and rule.rollout >= FULL
        self.percentage = None if is_whole else Percentage(f"{feature.key}/{rule.key}", rule.rollout, rule.ramp)
        served = Decision(feature, Reason.RULE, value=rule.value, enabled=True, rule=rule)
        self.inside = experiment_choice(feature, rule.experiment, rule) if rule.experiment else Always(served)
        self.serve = self.inside.choose
        if self.percentage:
            keyless = off(feature, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING)
            self.serve = _part(self.percentage.includes, self.serve, keyless)
        self.choose = _meant(rule.condition.holds, self.serve)

    def gate(self) -> Gate:
        return self.rule.condition.lone_segment, self.rule.condition.holds, self.serve

    def explain(self, subject: Subject) -> list[Trace]:
        found: Trace = {"step": "rule", "rule": self.rule.key, "condition": self.rule.condition.explain(subject)}
        if not self.rule.condition(subject):
            return [found]
        if self.percentage:
            found |= self.percentage.explain(subject)
        is_inside = self.percentage is None or self.percentage.includes(subject)
        return [found, *(self.inside.explain(subject) if is_inside and self.rule.experiment else [])]


def _meant(condition: Holds, serve: Choose) -> Choose:
    return lambda subject, known: serve(subject, known) if condition(subject, known) else None


def _part(includes: Includes, serve: Choose, keyless: Decision) -> Choose:
    """What the part of them inside gets; the others go on to the next rule."""

    def choose(subject: Subject, known: Known | None) -> Decision | None:
        is_inside = includes(subject)
        if is_inside is None:
            return keyless
        return serve(subject, known) if is_inside else None

    return choose
