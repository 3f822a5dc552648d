"""Profiles: attributes that arrive as text, whatever they are, and are read as whatever a condition asks for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from decisions.engine.conditions.attributes import written
from decisions.engine.conditions.binding import leaves
from decisions.engine.conditions.operators import PERCENTAGE, is_scalar
from decisions.engine.types import Feature
from decisions.protocols._base import Kind, Refusal

if TYPE_CHECKING:
    from decisions.snapshots import EnvironmentSnapshot

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}
_DIGITS = 300  # longer ones are no float, and no number anybody meant


def attributes(profile: Mapping[str, Any], bucketing: frozenset[str]) -> dict[str, Any]:
    """The attributes of a profile. Those that subjects are bucketed by stay text, as a list buckets nobody."""
    found: dict[str, Any] = {}
    for name, value in profile.items():
        texts = texts_of(name, value)
        if len(texts) == 1 and (name in bucketing or (texts[0][:1].isalpha() and texts[0] not in _BOOLEANS)):
            found[name] = texts[0]  # as nearly all are
        elif texts:
            found[name] = texts if name in bucketing else single([*readings(texts)])
    return found


def texts_of(name: str, value: Any) -> list[str]:
    """`{"user_attrs": ["18", "19"]}`, or the bare value or list that some callers send; nothing for null."""
    if isinstance(value, dict):
        if "user_attrs" not in value:
            raise Refusal(Kind.INVALID, f"the profile {name!r} must have user_attrs")
        value = value["user_attrs"]
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not all(map(is_scalar, values)):
        raise Refusal(Kind.INVALID, f"the profile {name!r} must hold text")
    return [written(item) for item in values]


def readings(texts: Iterable[str]) -> Iterator[Any]:
    """Each text, and the number or boolean that it spells. Of a list, a condition sees only what is of its own type,
    so each finds the reading it asks for, and those of the others never count."""
    for text in texts:
        yield text
        if text in _BOOLEANS:
            yield _BOOLEANS[text]
        elif len(text) <= _DIGITS and _NUMBER.fullmatch(text) and isfinite(number := float(text)):
            yield int(text) if text.lstrip("-").isdigit() else number


def single(values: list[Any]) -> Any:
    """One value stands alone."""
    return values[0] if len(values) == 1 else values


def bucketing_attributes(snapshot: "EnvironmentSnapshot") -> frozenset[str]:
    """The attributes that subjects are bucketed by: those of experiments and of percentages in conditions."""
    hashed = {experiment.hash_attribute for experiment in snapshot.experiments.values()}
    trees = [segment.tree for segment in snapshot.segments.values()]
    trees += [tree for feature in snapshot.definitions.values() for tree in trees_of(feature)]
    parts = (leaf for tree in trees for _, leaf in leaves(tree) if isinstance(leaf, Mapping))
    return frozenset(hashed | {str(leaf.get("attribute")) for leaf in parts if leaf.get("operator") == PERCENTAGE})


def trees_of(feature: Feature) -> Iterator[Any]:
    """The conditions of a feature: those of its rules, and who may take part in its experiments."""
    yield from (rule.tree for rule in feature.rules)
    experiments = (feature.experiment, *(rule.experiment for rule in feature.rules))
    yield from (experiment.audience_tree for experiment in experiments if experiment)
