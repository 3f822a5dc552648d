"""What conditions can be about, for whoever writes them: operators by type, known attributes, segments."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from decisions.engine import versions
from decisions.engine.conditions.binding import leaves
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, PRESENCE, SEGMENTS, instant, is_number
from features.models import Identity, Segment

IDENTITIES = 300
SAMPLES = 12
ATTRIBUTES = 300
SAMPLE_LENGTH = 80

_PRESENCE = ("exists", "not_exists")
_EXACT = ("equals", "not_equals", "in", "not_in")
TYPES: Mapping[str, tuple[str, ...]] = {
    "text": (
        *_EXACT, "contains", "not_contains", "starts_with", "ends_with", "matches", PERCENTAGE, *_PRESENCE,
    ),
    "number": (*_EXACT, "gt", "gte", "lt", "lte", "between", "modulo", PERCENTAGE, *_PRESENCE),
    "boolean": ("equals", "not_equals", PERCENTAGE, *_PRESENCE),
    "date": ("before", "after", *_PRESENCE),
    "version": ("semver_gte", "semver_gt", "semver_eq", "semver_lt", "semver_lte", *_PRESENCE),
    "list": (
        "in", "not_in", "equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with", *_PRESENCE,
    ),
}  # fmt: skip
_SHAPES = {
    **dict.fromkeys(("in", "not_in"), "many"),
    **dict.fromkeys(PRESENCE, "none"),
    **dict.fromkeys(SEGMENTS, "segment"),
    "between": "two",
    "modulo": "division",
    PERCENTAGE: "percent",
}


def operators() -> dict[str, dict[str, str]]:
    """Each operator in the engine's words, and the shape of what it compares with."""
    words = {name: operator.words for name, operator in OPERATORS.items()}
    words |= {**PRESENCE, **SEGMENTS, PERCENTAGE: "is among the first"}
    return {name: {"words": said, "shape": _SHAPES.get(name, "one")} for name, said in words.items()}


def vocabulary(project_id: int, user: Any) -> dict[str, Any]:
    """All that a builder of conditions offers, as far as a person may see it. Three queries."""
    segments = Segment.objects.in_project(project_id).visible_to(user).order_by("key")
    rows = list(segments.values("pk", "key", "name", "conditions"))
    return {
        "types": TYPES,
        "operators": operators(),
        "segments": [{"id": row["pk"], "key": row["key"], "name": row["name"]} for row in rows],
        "attributes": attributes(recent_traits(project_id, user), [row["conditions"] for row in rows]),
    }


def recent_traits(project_id: int, user: Any) -> list[Any]:
    """The traits of those that were seen last in a project's environments."""
    seen = Identity.objects.visible_to(user).filter(environment__project=project_id).order_by("-updated_at", "-pk")
    newest = list(seen.values_list("pk", flat=True)[:IDENTITIES])  # traits are large: sort without them
    return list(Identity.objects.filter(pk__in=newest).order_by("-updated_at").values_list("traits", flat=True))


def attributes(traits: Iterable[Any], trees: Iterable[Any]) -> list[dict[str, Any]]:
    """Every attribute that subjects have or conditions ask: its name, its likely type, a few of its values."""
    values: dict[str, list[Any]] = defaultdict(list)
    for mapping in traits:
        for name, value in flat(mapping):
            values[name].append(value)
    asked = _asked(trees)
    names = sorted({*values, *asked}, key=lambda name: (-len(values[name]), name))[:ATTRIBUTES]
    return [
        {"name": name, "type": _type(values[name], asked.get(name)), "samples": _samples(values[name])}
        for name in names
    ]


def type_of(value: Any) -> str:
    """What an attribute's value looks like."""
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    if isinstance(value, list):
        return "list"
    if versions.parse(value):
        return "version"
    return "date" if isinstance(value, str) and len(value) >= 10 and value[4:5] == "-" and instant(value) else "text"


def type_asked(operator: Any, value: Any) -> str:
    """The type that a condition takes its attribute for."""
    first = value[0] if isinstance(value, list) and value else value
    if operator in ("equals", "not_equals", "in", "not_in"):
        return {"boolean": "boolean", "number": "number"}.get(type_of(first), "text")
    fitting = (name for name, fits in TYPES.items() if operator in fits and name != "list")
    return next(fitting, "text")


def flat(mapping: Any, prefix: str = "", depth: int = 3) -> Iterator[tuple[str, Any]]:
    """Attributes by name, those of nested objects by their path."""
    for name, value in mapping.items() if isinstance(mapping, dict) else ():
        if isinstance(value, dict) and depth:
            yield from flat(value, f"{prefix}{name}.", depth - 1)
        elif value is not None and not isinstance(value, dict):
            yield f"{prefix}{name}", value


def _asked(trees: Iterable[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for tree in trees:
        for _, leaf in leaves(tree):
            if isinstance(leaf, dict) and isinstance(name := leaf.get("attribute"), str) and name:
                found.setdefault(name, type_asked(leaf.get("operator"), leaf.get("value")))
    return found


def _type(values: list[Any], asked: str | None) -> str:
    """The commonest type of the values; what conditions ask where there are none."""
    counted = Counter(map(type_of, values)).most_common(1)
    return counted[0][0] if counted else asked or "text"


def _samples(values: list[Any]) -> list[Any]:
    """The commonest short values."""
    single = (each for value in values for each in (value if isinstance(value, list) else [value]))
    texts = Counter(json.dumps(each) for each in single if not isinstance(each, dict | list))
    return [json.loads(text) for text, _ in texts.most_common(SAMPLES) if len(text) <= SAMPLE_LENGTH]
