"""Who asks, in GrowthBook's terms: attributes, one of which is the key."""

from collections.abc import Mapping
from typing import Any

from decisions.engine.conditions.attributes import written
from decisions.engine.conditions.operators import is_number


def key_of(attributes: Mapping[str, Any]) -> str | None:
    """The attribute `id` as text. Only text and numbers are the same key to all SDKs, and 0 is none to most."""
    key = attributes.get("id")
    if is_number(key) and key != 0:
        return written(key)
    return key if isinstance(key, str) and key else None
