"""What stands before a feature's rules: overrides of single subjects, and other features that must answer first."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from collections.abc import Mapping
from typing import Any

from decisions.engine.choices.base import Choice, Choose, Finals, Trace
from decisions.engine.choices.outcomes import off
from decisions.engine.types import Decision, Feature, Known, Override, Prerequisite, Reason, Subject


class Overridden(Choice):
    """What single subjects get."""

    __slots__ = ("overrides",)

    def __init__(self, feature: Feature) -> None:
        self.overrides = feature.overrides
        self.choose = _overridden(
            {
                key: (override, Decision(feature, Reason.OVERRIDE, value=override.value, enabled=True))
                for key, override in feature.overrides.items()
                if key
            }
        )

    def explain(self, subject: Subject) -> list[Trace]:
        override = self.overrides.get(subject.key) if subject.key else None
        if override is None:
            return []
        return [{"step": "override", "note": override.note, "expired": is_expired(override, subject)}]


def _overridden(decisions: Mapping[str | None, tuple[Override, Decision]]) -> Choose:
    def choose(subject: Subject, known: Known | None) -> Decision | None:
        found = decisions.get(subject.key)
        return None if found is None or is_expired(found[0], subject) else found[1]

    return choose


def is_expired(override: Override, subject: Subject) -> bool:
    return override.expires_at is not None and override.expires_at <= subject.at


class Required(Choice):
    """Other features that must answer first. `choices` are all features' own, complete only after compiling."""

    __slots__ = ("choices", "prerequisites")

    def __init__(self, feature: Feature, choices: Finals) -> None:
        self.prerequisites, self.choices = feature.prerequisites, choices
        self.choose = _required(feature.prerequisites, choices, off(feature, Reason.PREREQUISITE))

    def explain(self, subject: Subject) -> list[Trace]:
        return [
            {"step": "prerequisite", "feature": needed.feature_key, "met": is_met(needed, self.choices, subject, None)}
            for needed in self.prerequisites
        ]


def _required(prerequisites: tuple[Prerequisite, ...], choices: Finals, refused: Decision) -> Choose:
    def choose(subject: Subject, known: Known | None) -> Decision | None:
        for prerequisite in prerequisites:
            if not is_met(prerequisite, choices, subject, known):
                return refused
        return None

    return choose


def is_met(prerequisite: Prerequisite, choices: Finals, subject: Subject, known: Known | None) -> bool:
    """Whether the other feature answers the subject as it must."""
    choice = choices.get(prerequisite.feature_key)
    decision = choice.choose(subject, known) if choice else None
    if decision is None or decision.fault:
        return False
    if prerequisite.enabled is not None and decision.enabled is not prerequisite.enabled:
        return False
    return not prerequisite.needs_value or is_equal(decision.value, prerequisite.value)


def is_equal(actual: Any, expected: Any) -> bool:
    """JSON equality, to the bottom: Python takes True for 1."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        return actual.keys() == expected.keys() and all(is_equal(actual[name], expected[name]) for name in actual)
    if isinstance(actual, list) and isinstance(expected, list):
        return len(actual) == len(expected) and all(map(is_equal, actual, expected))
    return bool(actual == expected) and isinstance(actual, bool) is isinstance(expected, bool)


class Impossible(Choice):
    """Prerequisites that lead back to the feature itself, or too deep: never met."""

    __slots__ = ()

    def __init__(self, feature: Feature) -> None:
        refused = off(feature, Reason.PREREQUISITE)
        self.choose = lambda subject, known: refused

    def explain(self, subject: Subject) -> list[Trace]:
        return [{"step": "prerequisite", "met": False, "broken": "the prerequisites lead in a circle, or too deep"}]
