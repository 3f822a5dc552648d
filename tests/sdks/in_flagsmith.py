"""Our conditions and flags as Flagsmith's engine reads them, and what it makes of them.

It has no lists of values, reads text that looks like a number as one, and compares booleans with anything: no subject
here has the former, and each comparison says the type.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flag_engine.engine import get_evaluation_result

from decisions.engine.types import Experiment, Feature, Rule, Status, Subject
from tests.sdks.drawing import (
    NUMBERS,
    PATTERNS,
    TEXTS,
    VERSIONS,
    Flags,
    Language,
    control_value,
    divisor_and_remainder,
    nothing,
    one_of,
    some_of,
    two_of,
)

WHOLE = [number for number in NUMBERS if isinstance(number, int)]
LANGUAGE = Language(
    operators={
        **dict.fromkeys(("equals", "not_equals"), one_of([*TEXTS, *WHOLE, True, False])),
        **dict.fromkeys(("in", "not_in"), some_of(TEXTS)),
        **dict.fromkeys(("contains", "not_contains", "starts_with", "ends_with"), one_of([*TEXTS, "r", "e"])),
        "matches": one_of(PATTERNS),
        **dict.fromkeys(("gt", "gte", "lt", "lte"), one_of(WHOLE)),
        "between": two_of(WHOLE),
        **dict.fromkeys(("semver_eq", "semver_gt", "semver_gte", "semver_lt", "semver_lte"), one_of(VERSIONS)),
        "modulo": divisor_and_remainder,
        **dict.fromkeys(("exists", "not_exists"), nothing),
    },
    values=[*TEXTS, *NUMBERS, *VERSIONS, True, False, None, "", "True", "false", -1, 1.0, -2.5, 1e300, 2**40],
    names=("a", "b", "c", "id"),
)

Rules = dict[str, Any]
Asked = dict[str, str | list[str]]


def asks(name: str, operator: str, value: str | list[str] = "") -> Asked:
    return {"property": "$.identity.identifier" if name == "id" else name, "operator": operator, "value": value}


def is_text(name: str) -> Asked:
    """Flagsmith has no such question, but only text does not contain something."""
    return asks(name, "NOT_CONTAINS", "\x00")


def holds(*conditions: Asked, unless: Asked | None = None) -> Rules:
    return {"type": "ALL", "conditions": list(conditions), "rules": [_none(unless)] if unless else []}


def _none(*conditions: Asked) -> Rules:
    return {"type": "NONE", "conditions": list(conditions)}


def _of_text(name: str, operator: str, value: str | list[str]) -> Rules:
    return holds(is_text(name), asks(name, operator, value))


def _of_number(name: str, *conditions: Asked) -> Rules:
    return holds(asks(name, "REGEX", "-?[0-9]"), *conditions, unless=is_text(name))


def _of_boolean(name: str, operator: str, value: bool) -> Rules:
    return holds(asks(name, "REGEX", "True|False"), asks(name, operator, str(value)), unless=is_text(name))


def _compared(operator: str) -> Callable[[str, Any], Rules]:
    def rule(name: str, value: Any) -> Rules:
        if isinstance(value, bool):
            return _of_boolean(name, operator, value)
        if isinstance(value, int):
            return _of_number(name, asks(name, operator, str(value)))
        return _of_text(name, operator, value)

    return rule


def _version(operator: str) -> Callable[[str, Any], Rules]:
    return lambda name, value: _of_text(name, operator, f"{value}:semver")


def _pattern(before: str, after: str = "") -> Callable[[str, Any], Rules]:
    """Text that is meant literally; Flagsmith looks for patterns at the beginning only."""
    return lambda name, value: _of_text(name, "REGEX", f"{before}{re.escape(value)}{after}")


LEAVES: dict[str, Callable[[str, Any], Rules]] = {
    "equals": _compared("EQUAL"),
    "not_equals": _compared("NOT_EQUAL"),
    "in": lambda name, value: holds(asks(name, "IN", value)),
    "not_in": lambda name, value: holds(is_text(name), unless=asks(name, "IN", value)),
    "contains": lambda name, value: holds(asks(name, "CONTAINS", value)),
    "not_contains": lambda name, value: holds(asks(name, "NOT_CONTAINS", value)),
    "starts_with": _pattern(""),
    "ends_with": _pattern(r"[\s\S]*", r"\Z"),
    "matches": lambda name, value: _of_text(name, "REGEX", rf"[\s\S]*?(?:{value})"),
    "gt": _compared("GREATER_THAN"),
    "gte": _compared("GREATER_THAN_INCLUSIVE"),
    "lt": _compared("LESS_THAN"),
    "lte": _compared("LESS_THAN_INCLUSIVE"),
    "between": lambda name, value: _of_number(
        name,
        asks(name, "GREATER_THAN_INCLUSIVE", str(value[0])),
        asks(name, "LESS_THAN_INCLUSIVE", str(value[1])),
    ),
    "semver_eq": _version("EQUAL"),
    "semver_gt": _version("GREATER_THAN"),
    "semver_gte": _version("GREATER_THAN_INCLUSIVE"),
    "semver_lt": _version("LESS_THAN"),
    "semver_lte": _version("LESS_THAN_INCLUSIVE"),
    "modulo": lambda name, value: _of_number(name, asks(name, "MODULO", f"{value[0]}|{value[1]}")),
    "exists": lambda name, value: holds(asks(name, "IS_SET")),
    "not_exists": lambda name, value: holds(asks(name, "IS_NOT_SET")),
}


def rule_of(tree: Mapping[str, Any], segments: Mapping[str, Any]) -> Rules:
    """A tree as a rule of a segment's; segments within it are written out, since Flagsmith's name no others."""
    for ours, theirs in (("all", "ALL"), ("any", "ANY"), ("none", "NONE")):
        if ours in tree:
            return {"type": theirs, "rules": [rule_of(part, segments) for part in tree[ours]]}
    if tree.get("everyone"):
        return {"type": "ALL"}
    if tree["operator"] in ("in_segment", "not_in_segment"):
        inner = rule_of(segments[tree["value"]], segments)
        return {"type": "ALL" if tree["operator"] == "in_segment" else "NONE", "rules": [inner]}
    return LEAVES[tree["operator"]](tree["attribute"], tree["value"])


def segment(name: str, rule: Rules, override: Rules | None = None, priority: int = 0) -> dict[str, Any]:
    """Whom a rule means, and what they get; of several the lowest priority wins."""
    overrides = [override | {"priority": priority}] if override else []
    return {"key": name, "name": name, "rules": [rule], "overrides": overrides}


class Environment:
    """Flags as Flagsmith's engine takes them: features, and a segment for each of their rules and overrides."""

    def __init__(self, flags: Flags) -> None:
        self.features = {feature.key: _state(feature) for feature in flags.features}
        self.segments: dict[str, Any] = {}
        for feature in flags.features:
            if feature.status is not Status.OFF:
                self._add_rules(feature, flags)
                self._add_overrides(feature)

    def _add_rules(self, feature: Feature, flags: Flags) -> None:
        for order, rule in enumerate(feature.rules):
            name, meant = f"{feature.key}/{rule.key}", rule_of(flags.trees[rule.condition], flags.segments)
            self.segments[name] = segment(name, meant, _served(feature, rule), order)

    def _add_overrides(self, feature: Feature) -> None:
        for key, given in feature.overrides.items():
            name, override = f"{feature.key} for {key}", _on(feature, given.value)
            self.segments[name] = segment(name, holds(asks("id", "IN", [key])), override, -1)

    def answers(self, subject: Subject) -> dict[str, Any]:
        """Whether each flag is enabled, and its value."""
        found = evaluate(subject, self.features, self.segments)["flags"]
        return {key: (flag["enabled"], flag["value"]) for key, flag in found.items()}


def _on(feature: Feature, value: Any) -> dict[str, Any]:
    return {"key": feature.key, "name": feature.key, "enabled": True, "value": value}


def _state(feature: Feature) -> dict[str, Any]:
    if feature.status is Status.OFF:
        return _on(feature, feature.off_value) | {"enabled": False}
    if feature.status is Status.EXPERIMENT and feature.experiment:
        return _split(feature, feature.experiment)
    return _on(feature, feature.on_value)


def _served(feature: Feature, rule: Rule) -> dict[str, Any]:
    return _split(feature, rule.experiment) if rule.experiment else _on(feature, rule.value)


def _split(feature: Feature, experiment: Experiment) -> dict[str, Any]:
    state = _on(feature, control_value(feature, experiment))
    if not experiment.is_running:
        return state | {"enabled": False}
    variants = [
        {"value": variant.value, "weight": variant.weight / 1000, "priority": order}
        for order, variant in enumerate(experiment.variants)
        if not variant.is_control
    ]
    return state | {"key": experiment.seed, "variants": variants}


def evaluate(subject: Subject, features: Mapping[str, Any], segments: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's whole answer; a mapping, because its types do not know what we may leave out."""
    context: Any = {
        "environment": {"key": "environment", "name": "Environment"},
        "identity": {"identifier": subject.key, "key": subject.key, "traits": dict(subject.attributes)},
        "features": features,
        "segments": segments,
    }
    found: Any = get_evaluation_result(context)
    return dict(found)
