"""Trees of conditions as GrowthBook's conditions, where every SDK decides them as the engine does."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from decisions.engine import versions
from decisions.engine.conditions.binding import group_of
from decisions.engine.conditions.operators import PERCENTAGE, SEGMENTS
from decisions.engine.types import Segment
from decisions.protocols.growthbook.patterns import escaped, portable_pattern
from decisions.protocols.growthbook.portable import Condition, Inexpressible, by_kind, either, every, negated

Filter = dict[str, Any]

_VERSION = r"(?:0|[1-9][0-9]{0,4})"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z\-][0-9A-Za-z\-]*)"
_BUILD = r"[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*"
SEMVER = rf"^{_VERSION}\.{_VERSION}\.{_VERSION}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?(?:\+{_BUILD})?$(?!\n)"
_PADDED = 100_000  # GrowthBook pads a version's numbers to five digits, so that longer ones compare wrongly
_INHERITED = frozenset(
    {"__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
     "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"}
)  # fmt: skip
"""What every object has in JavaScript."""


class Audience(NamedTuple):
    """Whom a tree means: who the condition holds for, among those whom the filters let in."""

    condition: Condition
    filters: tuple[Filter, ...] = ()


def audience_of(tree: Any, segments: Mapping[str, Segment]) -> Audience:
    """A well-formed tree in GrowthBook's terms. Raises `Inexpressible`."""
    filters: list[Filter] = []
    return Audience(_condition(tree, segments, filters), tuple(filters))


def _condition(tree: Any, segments: Mapping[str, Segment], filters: list[Filter] | None) -> Condition:
    """`filters` takes percentages; it is None where they are not simply needed on top of all else."""
    kind = group_of(tree)
    if kind == "all":
        return every(_condition(part, segments, filters) for part in tree[kind])
    if kind:
        found = either([_condition(part, segments, None) for part in tree[kind]])
        return found if kind == "any" else negated(found)
    if "everyone" in tree:
        return True
    operator, value = tree["operator"], tree.get("value")
    if operator in SEGMENTS:
        is_in = operator == "in_segment"
        found = _condition(segments[value].tree, segments, filters if is_in else None)
        return found if is_in else negated(found)
    if operator == PERCENTAGE:
        return _percentage(tree, filters)
    return _leaf(tree["attribute"], operator, value)


def _leaf(name: str, operator: str, value: Any) -> Condition:
    """A condition on one attribute; every object on the way to it must be one, since JavaScript looks into others."""
    if operator not in _TESTS:
        raise Inexpressible(f"GrowthBook has nothing like the operator {operator}")
    asked = name_of(name)
    if operator == "not_exists":
        return negated(_leaf(name, "exists", None))
    return every([*_way_to(asked), _TESTS[operator](asked, value)])


def name_of(name: str) -> str:
    """An attribute's name, if it is the same attribute to all SDKs. Raises `Inexpressible`."""
    if name == "key":
        raise Inexpressible("GrowthBook knows the subject's key as id, not as key")
    if name.startswith("$") or not _INHERITED.isdisjoint(name.split(".")):
        raise Inexpressible(f"GrowthBook takes {name!r} for something else than an attribute")
    return name


def _way_to(name: str) -> Iterable[Condition]:
    steps = name.split(".")
    return ({".".join(steps[:count]): {"$type": "object"}} for count in range(1, len(steps)))


def _any_of(name: str, kind: str, test: Mapping[str, Any]) -> Condition:
    """The attribute passes the test, or something in the list that it is."""
    asked = {"$type": kind, **test}
    return either([{name: asked}, {name: {"$type": "array", "$elemMatch": asked}}])


def _none_of(name: str, tests: Mapping[str, Mapping[str, Any]]) -> Condition:
    """By kind of value: the attribute does not pass; of a list, nothing passes and something could have."""
    alone = [{name: {"$type": kind, "$not": test}} for kind, test in tests.items()]
    could = either({name: {"$elemMatch": {"$type": kind}}} for kind in tests)
    did = either({name: {"$elemMatch": {"$type": kind, **test}}} for kind, test in tests.items())
    return either([*alone, every([could, negated(did)])])


def _in(name: str, values: Any) -> Condition:
    kinds = by_kind(values)
    if kinds.keys() == {"string"}:
        return {name: {"$in": values}}  # which looks into lists by itself
    return either(_any_of(name, kind, {"$in": members}) for kind, members in kinds.items())


def _not_in(name: str, values: Any) -> Condition:
    return _none_of(name, {kind: {"$in": members} for kind, members in by_kind(values).items()})


def _number(operator: str) -> Callable[[str, Any], Condition]:
    return lambda name, value: _any_of(name, "number", {operator: _exact(value)})


def _between(name: str, value: Any) -> Condition:
    return _any_of(name, "number", {"$gte": _exact(value[0]), "$lte": _exact(value[1])})


def _exact(number: Any) -> Any:
    by_kind([number])
    return number


def _text(pattern: Callable[[str], str]) -> Callable[[str, Any], Condition]:
    return lambda name, value: _any_of(name, "string", {"$regex": pattern(value)})


def _version(operator: str) -> Callable[[str, Any], Condition]:
    def test(name: str, value: Any) -> Condition:
        version = versions.parse(value)
        if version is None or not version.is_release or max(version[:3]) >= _PADDED:
            raise Inexpressible(f"GrowthBook does not order versions such as {value!r:.60} by semver's rules")
        written = f"{version.major}.{version.minor}.{version.patch}"
        return _any_of(name, "string", {"$regex": SEMVER, operator: written})

    return test


def _percentage(tree: Any, filters: list[Filter] | None) -> Condition:
    """A part of the subjects, by the bucket of an attribute."""
    name = hash_attribute(tree["attribute"])
    if filters is None:
        raise Inexpressible("GrowthBook knows percentages only where all of a rule's conditions must hold")
    filters.append(filter_of(name, tree.get("seed", tree["attribute"]), [(0, buckets(round(tree["value"] * 1000)))]))
    return either([{name: {"$type": "string", "$ne": ""}}, {name: {"$type": "number"}}])


def hash_attribute(name: str) -> str:
    """An attribute that all SDKs can bucket by. Raises `Inexpressible`."""
    if "." in name:
        raise Inexpressible(f"GrowthBook buckets only by attributes of the first level, not by {name}")
    return name_of(name)


def filter_of(attribute: str, seed: str, slots: Iterable[tuple[int, int]]) -> Filter:
    """Those whose bucket, of 10,000, is in one of these ranges."""
    ranges = [[start / 10_000, end / 10_000] for start, end in slots]
    return {"attribute": attribute, "seed": seed, "hashVersion": 2, "ranges": ranges}


def buckets(rollout: float) -> int:
    """How many of the 10,000 buckets are inside a percentage in thousandths."""
    whole = int(rollout // 10)
    return min(10_000, whole + (whole * 10 < rollout))


_TESTS: dict[str, Callable[[str, Any], Condition]] = {
    "equals": lambda name, value: _in(name, [value]),
    "not_equals": lambda name, value: _not_in(name, [value]),
    "in": _in,
    "not_in": _not_in,
    "contains": _text(escaped),
    "not_contains": lambda name, value: _none_of(name, {"string": {"$regex": escaped(value)}}),
    "starts_with": _text(lambda value: f"^{escaped(value)}"),
    "ends_with": _text(lambda value: rf"{escaped(value)}$(?!\n)"),
    "matches": _text(portable_pattern),
    "gt": _number("$gt"),
    "gte": _number("$gte"),
    "lt": _number("$lt"),
    "lte": _number("$lte"),
    "between": _between,
    "semver_eq": _version("$veq"),
    "semver_gt": _version("$vgt"),
    "semver_gte": _version("$vgte"),
    "semver_lt": _version("$vlt"),
    "semver_lte": _version("$vlte"),
    "exists": lambda name, value: {name: {"$exists": True}},
    "not_exists": lambda name, value: {name: {"$exists": False}},
}
