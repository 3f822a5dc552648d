"""The OpenFeature manifest: the flags that there are and their types, for those who generate code."""

from typing import Any

import msgspec

from decisions.engine.types import Feature
from decisions.protocols._base import Call, Reply
from decisions.protocols.go_feature_flag import counters
from decisions.protocols.go_feature_flag.variations import Variations

TYPES = {"boolean": "boolean", "string": "string", "number": "float", "json": "object"}


class Entry(msgspec.Struct):
    """One flag."""

    key: str
    type: str
    defaultValue: Any
    description: str


class Manifest(msgspec.Struct):
    """All flags that a key may know of, by key."""

    flags: list[Entry]


def manifest(call: Call) -> Reply:
    """GET /openfeature/v0/manifest: the flags, their types and off values."""
    counters.count("get_manifest")
    entries = [
        Entry(key, type_of(feature), feature.off_value, feature.description)
        for key, feature in sorted(call.definitions.items())
    ]
    return Reply(Manifest(entries), headers=(("X-Manifest-Capabilities", "read"),))


def type_of(feature: Feature) -> str:
    """The type of the flag's values; numbers are integers if all of them are."""
    if feature.value_type == "number" and all(type(value) is int for value in Variations(feature).values.values()):
        return "integer"
    return TYPES[feature.value_type]
