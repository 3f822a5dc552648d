"""What every GrowthBook SDK reads alike: the few forms of condition that documents are written in."""

from collections.abc import Iterable, Sequence
from typing import Any

from decisions.engine.conditions.operators import is_number, is_text

Condition = dict[str, Any] | bool
"""A condition as GrowthBook writes it; True is everyone and False nobody, which have no form that all SDKs know."""

LARGEST = 2**53
"""Whole numbers beyond are others in JavaScript."""


class Inexpressible(Exception):
    """Something that documents for GrowthBook's SDKs cannot say. The message says what, as a part of a sentence."""


def every(parts: Iterable[Condition]) -> Condition:
    """All of the parts."""
    kept = [part for part in parts if part is not True]
    if any(part is False for part in kept):
        return False
    objects = [part for part in kept if isinstance(part, dict)]
    names = [name for part in objects for name in part]
    if len(names) == len(set(names)):
        return {name: value for part in objects for name, value in part.items()} or True
    return {"$and": objects}


def either(parts: Iterable[Condition]) -> Condition:
    """At least one of the parts."""
    kept = [part for part in parts if part is not False]
    if any(part is True for part in kept):
        return True
    objects = [part for part in kept if isinstance(part, dict)]
    return objects[0] if len(objects) == 1 else {"$or": objects} if objects else False


def negated(part: Condition) -> Condition:
    """All others."""
    return {"$not": part} if isinstance(part, dict) else not part


def by_kind(values: Sequence[Any]) -> dict[str, list[Any]]:
    """Scalars by the type that GrowthBook gives them. Raises `Inexpressible` for what is none, or no number to all."""
    found: dict[str, list[Any]] = {}
    for value in values:
        found.setdefault(_kind(value), []).append(value)
    return found


def _kind(value: Any) -> str:
    if is_text(value):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if not is_number(value):
        raise Inexpressible(f"{value!r:.60} is neither text nor a number nor a boolean")
    if abs(value) > LARGEST:
        raise Inexpressible(f"{value!r:.60} is another number in JavaScript")
    return "number"


def one_of(name: str, values: Sequence[Any]) -> Condition:
    """The attribute is exactly one of these scalars; a list is not looked into."""
    return either({name: {"$type": kind, "$in": members}} for kind, members in by_kind(values).items())
