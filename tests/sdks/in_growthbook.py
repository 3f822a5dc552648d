"""Our conditions and flags as GrowthBook's SDKs read them, and what its SDK for Python makes of them.

Its operators take other types for what they are not, so each comparison says the type, and each version its form.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from growthbook import GrowthBook

from decisions.engine.types import FULL, Experiment, Feature, Rule, Status, Subject
from tests.sdks.drawing import (
    MOMENTS,
    NUMBERS,
    PATTERNS,
    TEXTS,
    VERSIONS,
    Flags,
    Language,
    control_value,
    nothing,
    one_of,
    some_of,
    two_of,
)

SCALARS = (*TEXTS, *NUMBERS, True, False)
LANGUAGE = Language(
    operators={
        **dict.fromkeys(("equals", "not_equals"), one_of(SCALARS)),
        **dict.fromkeys(("in", "not_in"), some_of(SCALARS)),
        **dict.fromkeys(("contains", "not_contains", "starts_with", "ends_with"), one_of([*TEXTS, "r", "e"])),
        "matches": one_of(PATTERNS),
        **dict.fromkeys(("gt", "gte", "lt", "lte"), one_of(NUMBERS)),
        "between": two_of(NUMBERS),
        **dict.fromkeys(("before", "after"), one_of(MOMENTS)),
        **dict.fromkeys(("semver_eq", "semver_gt", "semver_gte", "semver_lt", "semver_lte"), one_of(VERSIONS)),
        **dict.fromkeys(("exists", "not_exists"), nothing),
    },
    values=[
        *[*SCALARS, *VERSIONS, *MOMENTS, None, "", -1, 0.0, 1.0, 1e300, 2**40, {}, {"x": "pro"}, [], [[]], [None]],
        *[["pro"], ["free", 1, True, None], [0, False], [5, "free", {"x": 1}], ["1.2.3", 40], [18.5, -3]],
    ],
    names=("a", "b", "n.x", "id"),
)
VERSION = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?(\+[0-9A-Za-z.]+)?$"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$"
ORDERED = {"gt": "$gt", "gte": "$gte", "lt": "$lt", "lte": "$lte"}
TYPES = {str: "string", bool: "boolean", int: "number", float: "number"}
NOBODY: dict[str, Any] = {"id": {"$in": []}}

Operators = dict[str, Any]
TESTS: dict[str, Callable[[Any], Operators]] = {
    "equals": lambda value: {"$in": [value]},
    "in": lambda value: {"$in": value},
    "contains": lambda value: {"$regex": re.escape(value)},
    "starts_with": lambda value: {"$regex": rf"\A{re.escape(value)}"},
    "ends_with": lambda value: {"$regex": rf"{re.escape(value)}\Z"},
    "matches": lambda value: {"$regex": value},
    "between": lambda value: {"$type": "number", "$gte": value[0], "$lte": value[1]},
    "before": lambda value: {"$regex": MOMENT, "$lt": value},
    "after": lambda value: {"$regex": MOMENT, "$gt": value},
}


def condition(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A tree in GrowthBook's words."""
    for ours, theirs in (("all", "$and"), ("any", "$or"), ("none", "$nor")):
        if ours in tree:
            return {theirs: [condition(part) for part in tree[ours]]}
    if tree.get("everyone"):
        return {}
    operator, name, value = tree["operator"], tree.get("attribute", ""), tree["value"]
    if operator == "in_segment":
        return {"$savedGroup": {"id": value}}
    if operator == "not_in_segment":
        return {"$not": {"$savedGroup": {"id": value}}}
    if operator in ("exists", "not_exists"):
        return {name: {"$exists": operator == "exists"}}
    if operator.startswith("not_"):
        return _negative(name, TESTS[operator[4:]](value), value)
    found = _test(operator, value)
    return {"$or": [{name: found}, {name: {"$elemMatch": found}}]}


def _test(operator: str, value: Any) -> Operators:
    if operator in ORDERED:
        return {"$type": "number", ORDERED[operator]: value}
    if operator.startswith("semver_"):
        return {"$regex": VERSION, f"$v{operator[7:]}": value}
    return TESTS[operator](value)


def _negative(name: str, test: Operators, value: Any) -> dict[str, Any]:
    """Fails the test, and is of a type that could have passed it."""
    types = {TYPES[type(member)] for member in (value if isinstance(value, list) else [value])}
    scalars = [{name: {"$type": kind, "$not": test}} for kind in sorted(types)]
    lists = [{name: {"$elemMatch": {"$type": kind}, "$not": {"$elemMatch": test}}} for kind in sorted(types)]
    return {"$or": [*scalars, *lists]}


def groups(segments: Mapping[str, Any]) -> dict[str, Any]:
    """Segments as saved groups."""
    return {key: {"type": "condition", "condition": condition(tree)} for key, tree in segments.items()}


def features(flags: Flags) -> dict[str, Any]:
    return {feature.key: _feature(feature, flags) for feature in flags.features}


def _feature(feature: Feature, flags: Flags) -> dict[str, Any]:
    if feature.status is Status.OFF:
        return {"defaultValue": feature.off_value, "rules": []}
    rules = [{"condition": {"id": {"$eq": key}}, "force": given.value} for key, given in feature.overrides.items()]
    rules += _prerequisites(feature)
    for rule in feature.rules:
        rules += _rule(feature, rule, flags)
    if feature.status is Status.EXPERIMENT and feature.experiment:
        rules += _split(feature.experiment, flags, condition={}, filters=[])
        return {"defaultValue": control_value(feature, feature.experiment), "rules": rules}
    rules.append({"force": feature.on_value, **_range(feature.key, feature.rollout)})
    return {"defaultValue": feature.off_value, "rules": rules}


def _prerequisites(feature: Feature) -> list[dict[str, Any]]:
    """A gate that nobody passes through; whoever it stops gets null."""
    needed = [
        {"id": other.feature_key, "condition": {"value": _exactly(other.value)}, "gate": True}
        for other in feature.prerequisites
    ]
    return [{"parentConditions": needed, "condition": NOBODY, "force": "never"}] if needed else []


def _exactly(value: Any) -> Any:
    """To an operator no two objects are the same one, only to a literal."""
    return value if isinstance(value, dict) else {"$eq": value}


def _rule(feature: Feature, rule: Rule, flags: Flags) -> list[dict[str, Any]]:
    meant, seed = condition(flags.trees[rule.condition]), f"{feature.key}/{rule.key}"
    if rule.experiment is None:
        return [{"condition": meant, "force": rule.value, **_range(seed, rule.rollout)}]
    filters = [_filter(seed, [(0, rule.rollout)], FULL)]
    rest = {"condition": meant, "filters": filters, "force": control_value(feature, rule.experiment)}
    return [*_split(rule.experiment, flags, condition=meant, filters=filters), rest]


def _range(seed: str, rollout: int) -> dict[str, Any]:
    return {"seed": seed, "hashVersion": 2, "range": [0, rollout / FULL]}


def _filter(seed: str, ranges: Any, whole: int, attribute: str = "id") -> dict[str, Any]:
    found = [[start / whole, end / whole] for start, end in ranges]
    return {"seed": seed, "hashVersion": 2, "attribute": attribute, "ranges": found}


def _split(experiment: Experiment, flags: Flags, *, condition: Any, filters: list[Any]) -> list[dict[str, Any]]:
    if not experiment.is_running:
        return []
    by = experiment.hash_attribute or "id"
    layer = [_filter(experiment.layer.seed, experiment.slots, 10_000, by)] if experiment.layer else []
    return [
        {
            "key": experiment.key,
            "condition": {"$and": [condition, audience(experiment, flags)]},
            "filters": [*filters, *layer],
            "variations": [variant.value for variant in experiment.variants],
            "weights": [variant.weight / FULL for variant in experiment.variants],
            "coverage": experiment.rollout / FULL,
            "hashAttribute": by,
            "seed": experiment.seed,
            "hashVersion": 2,
        }
    ]


def audience(experiment: Experiment, flags: Flags) -> dict[str, Any]:
    return condition(flags.trees[experiment.audience]) if experiment.audience is not None else {}


class Judge:
    """GrowthBook's SDK, given flags and asked for subjects."""

    def __init__(self, flags: Mapping[str, Any], segments: Mapping[str, Any]) -> None:
        self._sdk = GrowthBook(features=dict(flags), savedGroups=groups(segments))

    def value(self, key: str, subject: Subject) -> Any:
        self._sdk.set_attributes({"id": subject.key, **subject.attributes})
        return self._sdk.eval_feature(key).value

    def close(self) -> None:
        self._sdk.destroy()
