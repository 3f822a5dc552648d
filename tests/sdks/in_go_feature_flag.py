"""Our conditions and flags as GO Feature Flag reads them, and what its evaluator in Go, as WebAssembly, makes of them.

Its queries ignore capitals, know no lists and no escapes, lose their way where an object on the path is missing, and go
by the literal's type: there are no capitals here, and numbers are written as decimal ones, since a whole one compares
with what the attribute has before the point.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gofeatureflag_python_provider.wasm.evaluate_wasm import EvaluateWasm  # type: ignore[import-untyped]
from gofeatureflag_python_provider.wasm.model import WasmFlagContext, WasmInput  # type: ignore[import-untyped]

from decisions.engine.types import Experiment, Feature, Status, Subject
from tests.sdks.drawing import (
    NUMBERS,
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

MOMENTS = ("2026-06-01 12:00:00", "2026-06-01 11:59:59", "2027-01-01 00:00:00", "1999-12-31 23:59:59")
LANGUAGE = Language(
    operators={
        **dict.fromkeys(("equals", "not_equals"), one_of([*TEXTS, *NUMBERS, True, False])),
        **dict.fromkeys(("in", "not_in"), some_of(TEXTS)),
        **dict.fromkeys(("contains", "not_contains", "starts_with", "ends_with"), one_of([*TEXTS, "r", "e"])),
        **dict.fromkeys(("gt", "gte", "lt", "lte"), one_of(NUMBERS)),
        "between": two_of(NUMBERS),
        **dict.fromkeys(("semver_eq", "semver_gt", "semver_gte", "semver_lt", "semver_lte"), one_of(VERSIONS)),
        **dict.fromkeys(("exists", "not_exists"), nothing),
    },
    values=[*TEXTS, *NUMBERS, *VERSIONS, True, False, None, "", -1, -2.5, 1.0, 2**40, 1e15, {"x": "pro"}],
    names=("a", "b", "n.x", "id"),
)
COMPARED = {"gt": "gt", "gte": "ge", "lt": "lt", "lte": "le", "eq": "eq"}


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else f"{float(value)}"


def _compared(operator: str) -> Callable[[str, Any], str]:
    return lambda name, value: f"{name} {operator} {literal(value)}"


def _version(operator: str) -> Callable[[str, Any], str]:
    return lambda name, value: f"{name} {operator} {value}"


def _one_of(name: str, value: Any) -> str:
    return f"{name} in [{', '.join(map(literal, value))}]"


def is_text(name: str) -> str:
    """There is no such question, but only text is another text."""
    return f'{name} ne "such a text there is not"'


LEAVES: dict[str, Callable[[str, Any], str]] = {
    "equals": _compared("eq"),
    "not_equals": _compared("ne"),
    "in": _one_of,
    "not_in": lambda name, value: f"({is_text(name)}) and (not ({_one_of(name, value)}))",
    "contains": _compared("co"),
    "not_contains": lambda name, value: f"({is_text(name)}) and (not ({name} co {literal(value)}))",
    "starts_with": _compared("sw"),
    "ends_with": _compared("ew"),
    "gt": _compared("gt"),
    "gte": _compared("ge"),
    "lt": _compared("lt"),
    "lte": _compared("le"),
    "between": lambda name, value: f"({name} ge {literal(value[0])}) and ({name} le {literal(value[1])})",
    "semver_eq": _version("eq"),
    "semver_gt": _version("gt"),
    "semver_gte": _version("ge"),
    "semver_lt": _version("lt"),
    "semver_lte": _version("le"),
    "exists": lambda name, value: f"{name} pr",
    "not_exists": lambda name, value: f"not ({name} pr)",
}


def query(tree: Mapping[str, Any], segments: Mapping[str, Any]) -> str:
    """A tree as a query; segments within it are written out, since there are none."""
    for kind, joint in (("all", " and "), ("any", " or "), ("none", " or ")):
        if kind in tree:
            inner = joint.join(f"({query(part, segments)})" for part in tree[kind])
            return f"not ({inner})" if kind == "none" else inner
    if tree.get("everyone"):
        return "targetingKey pr"
    if tree["operator"] in ("in_segment", "not_in_segment"):
        inner = query(segments[tree["value"]], segments)
        return f"not ({inner})" if tree["operator"] == "not_in_segment" else f"({inner})"
    name = "targetingKey" if tree["attribute"] == "id" else tree["attribute"]
    return LEAVES[tree["operator"]](name, tree["value"])


def flag(feature: Feature, flags: Flags) -> dict[str, Any]:
    """A flag whose variations are all that the feature may serve."""
    variations: dict[str, Any] = {"on": feature.on_value}
    rules = [_override(key, override.value, variations) for key, override in feature.overrides.items()]
    for rule in feature.rules:
        meant = query(flags.trees[rule.condition], flags.segments)
        served = _split(feature, rule.experiment, variations) if rule.experiment else {"variation": rule.key}
        variations.setdefault(rule.key, rule.value)
        rules.append({"name": rule.key, "query": meant, **served})
    is_split = feature.status is Status.EXPERIMENT and feature.experiment is not None
    default = _split(feature, feature.experiment, variations) if is_split else {"variation": "on"}
    off = feature.status is Status.OFF
    return {"variations": variations, "targeting": rules, "defaultRule": default, "disable": off}


def _override(key: str, value: Any, variations: dict[str, Any]) -> dict[str, Any]:
    variations[f"for {key}"] = value
    return {"name": f"for {key}", "query": _one_of("targetingKey", [key]), "variation": f"for {key}"}


def _split(feature: Feature, experiment: Experiment | None, variations: dict[str, Any]) -> dict[str, Any]:
    if experiment is None:
        raise AssertionError(f"{feature.key} has no experiment")
    variations |= {variant.key: variant.value for variant in experiment.variants}
    if not experiment.is_running:
        variations[f"none of {experiment.key}"] = control_value(feature, experiment)
        return {"variation": f"none of {experiment.key}"}
    return {"percentage": {variant.key: variant.weight / 1000 for variant in experiment.variants}}


class Judge:
    """Their evaluator, which takes one flag and one context at a time."""

    def __init__(self) -> None:
        self._evaluator = EvaluateWasm(pool_size=1)
        self._evaluator.initialize()

    def value(self, key: str, flag: Mapping[str, Any], subject: Subject, off_value: Any) -> Any:
        """What the flag serves; `off_value` is for those whom a disabled flag leaves to their program's own default."""
        answer = self._evaluator.evaluate(
            WasmInput(
                flagKey=key,
                flag=dict(flag),
                evalContext={"targetingKey": subject.key, **subject.attributes},
                flagContext=WasmFlagContext(defaultSdkValue=off_value),
            )
        )
        return f"{answer.errorCode}: {answer.errorDetails}" if answer.errorCode else answer.value

    def holds(self, query: str, subject: Subject) -> bool:
        """Whether a query means the subject."""
        flag = {
            "variations": {"yes": "yes", "no": "no"},
            "targeting": [{"name": "only", "query": query, "variation": "yes"}],
            "defaultRule": {"variation": "no"},
        }
        return {"yes": True, "no": False}[str(self.value("asked", flag, subject, "off"))]
