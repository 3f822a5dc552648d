"""A tree as one readable sentence."""

from collections.abc import Mapping
from typing import Any

from decisions.engine.conditions.attributes import shown
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, PRESENCE, SEGMENTS


def sentence(tree: Any) -> str:
    """A tree as one readable sentence."""
    if not isinstance(tree, Mapping):
        return "nobody"
    if tree.get("everyone") is True:
        return "everyone"
    for kind, joint in (("all", " and "), ("any", " or "), ("none", " or ")):
        if isinstance(parts := tree.get(kind), list):
            inner = joint.join(_inner(part) for part in parts)
            return "nobody" if not parts else f"not ({inner})" if kind == "none" else inner
    return _leaf_sentence(tree)


def _inner(tree: Any) -> str:
    parts = (tree.get("all") or tree.get("any")) if isinstance(tree, Mapping) else None
    return f"({sentence(tree)})" if isinstance(parts, list) and len(parts) > 1 else sentence(tree)


def _leaf_sentence(leaf: Mapping[str, Any]) -> str:
    operator, name, value = leaf.get("operator"), shown(leaf.get("attribute")), shown(leaf.get("value"))
    if not isinstance(operator, str):
        return "nobody"
    if operator in SEGMENTS:
        return f"{SEGMENTS[operator]} segment {value}"
    if operator in PRESENCE:
        return f"{name} {PRESENCE[operator]}"
    if operator == PERCENTAGE:
        return f"{name} is among the first {value} %"
    if operator == "modulo" and isinstance(value, list) and len(value) == 2:
        return f"{name} divided by {value[0]} leaves {value[1]}"
    words = OPERATORS[operator].words if operator in OPERATORS else operator
    if operator == "between" and isinstance(value, list) and len(value) == 2:
        return f"{name} {words} {value[0]} and {value[1]}"
    return f"{name} {words} {', '.join(map(_said, value)) if isinstance(value, list) else _said(value)}"


def _said(value: Any) -> str:
    """As JSON has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
