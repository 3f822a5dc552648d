"""What a feature carries in Flagsmith's terms: whether it is enabled, and one scalar beside that."""

import json
import re
from collections.abc import Mapping
from math import isinf
from typing import Any

from decisions.engine.types import Feature, Rule, Segment

Scalar = str | int | float | bool | None

_NUMBER_LIKE = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DIGITS = 2_000


def carried(feature: Feature, value: Any) -> Scalar:
    """A value as Flagsmith's clients take it, which know no lists and objects: those travel as JSON text."""
    if feature.value_type == "json" or isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=dict)
    return value  # type: ignore[no-any-return]


def is_enabled(feature: Feature, value: Any, enabled: bool) -> bool:
    """Whether clients are to see a feature enabled. A boolean feature that answers false is not: that is its answer."""
    return enabled and not (feature.value_type == "boolean" and value is False)


def is_number_like(text: str) -> bool:
    """Whether Flagsmith takes a text for a number."""
    return _NUMBER_LIKE.fullmatch(text) is not None


def as_number(value: Any) -> Any:
    """A value as Flagsmith's engine reads it: text that looks like a number is one."""
    if not isinstance(value, str) or len(value) > _DIGITS or not is_number_like(value):
        return value
    number = float(value) if "." in value else int(value)
    return value if isinf(number) else number


def target_name(feature: Feature, rule: Rule, segments: Mapping[str, Segment]) -> str:
    """What a rule is called where Flagsmith names a segment."""
    if isinstance(rule.tree, Mapping) and rule.tree.get("operator") == "in_segment":
        segment = segments.get(rule.tree.get("value", ""))
        if segment is not None:
            return segment.name
    return f"{feature.key}/{rule.key}"
