"""Percentages of subjects, standing still or moving with time."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from collections.abc import Callable
from functools import partial

from decisions.engine.bucketing import growthbook_bucket
from decisions.engine.choices.base import Choice, Choose, Trace
from decisions.engine.choices.outcomes import off
from decisions.engine.types import FULL, Decision, Fault, Feature, Known, Ramp, Reason, Subject

Includes = Callable[[Subject], bool | None]
"""Whether a subject is inside; None if only a key could tell, and there is none."""


class Percentage:
    """Whether a key is inside a percentage that may move with time. Who is inside stays in while it grows."""

    __slots__ = ("at", "includes", "seed")
    at: Callable[[float], float]
    """The percentage at a moment, in thousandths of a percent."""
    includes: Includes

    def __init__(self, seed: str, rollout: int, ramp: Ramp | None) -> None:
        self.seed = seed
        self.at = partial(on_the_way, ramp) if ramp else lambda moment: rollout
        self.includes = _moving(seed, self.at) if ramp else _still(seed, rollout)

    def explain(self, subject: Subject) -> Trace:
        return {
            "bucket": growthbook_bucket(self.seed, subject.key) / 100 if subject.key else None,
            "percent": self.at(subject.at) / 1000,
            "seed": self.seed,
            "inside": self.includes(subject),
        }


def on_the_way(ramp: Ramp, moment: float) -> float:
    """How far a ramp has come."""
    if moment <= ramp.start_at:
        return ramp.start_rollout
    if moment >= ramp.end_at:
        return ramp.end_rollout
    passed = (moment - ramp.start_at) / (ramp.end_at - ramp.start_at)
    return ramp.start_rollout + passed * (ramp.end_rollout - ramp.start_rollout)


def _still(seed: str, rollout: float) -> Includes:
    if rollout >= FULL or rollout <= 0:
        return lambda subject: rollout > 0

    def includes(subject: Subject) -> bool | None:
        key = subject.key
        return growthbook_bucket(seed, key) * 10 < rollout if key else None

    return includes


def _moving(seed: str, at: Callable[[float], float]) -> Includes:
    return lambda subject: _still(seed, at(subject.at))(subject)


class Switched(Choice):
    """On for a part of the subjects."""

    __slots__ = ("percentage",)

    def __init__(self, feature: Feature) -> None:
        self.percentage = Percentage(feature.key, feature.rollout, feature.ramp)
        inside = Decision(feature, Reason.ROLLOUT, value=feature.on_value, enabled=True)
        keyless = off(feature, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING)
        self.choose = _switched(self.percentage.includes, inside, off(feature, Reason.NOT_IN_ROLLOUT), keyless)

    def explain(self, subject: Subject) -> list[Trace]:
        return [{"step": "rollout"} | self.percentage.explain(subject)]


def _switched(includes: Includes, inside: Decision, outside: Decision, keyless: Decision) -> Choose:
    def choose(subject: Subject, known: Known | None) -> Decision:
        is_inside = includes(subject)
        if is_inside is None:
            return keyless
        return inside if is_inside else outside

    return choose
