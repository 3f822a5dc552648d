"""A tree as one readable sentence."""

from collections.abc import Mapping
from typing import Any

from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, PRESENCE, SEGMENTS


def sentence(tree: Any) -> str:
    """A tree as one readable sentence."""
    if not isinstance(tree, Mapping):
        return "nobody"
    if tree.get("everyone") is True:
        return "everyone"
    for kind, joint in (("all", " and "), ("any", " or "), ("none", " or ")):
        if isinstance(parts := tree.get(kind), list):
            inner = joint.join(_inner(part) for part in parts) or "nobody"
            return f"not ({inner})" if kind == "none" else inner
    return _leaf_sentence(tree)


def _inner(tree: Any) -> str:
    is_group = isinstance(tree, Mapping) and len(tree.get("all") or tree.get("any") or ()) > 1
    return f"({sentence(tree)})" if is_group else sentence(tree)


def _leaf_sentence(leaf: Mapping[str, Any]) -> str:
    operator, name, value = str(leaf.get("operator")), leaf.get("attribute"), leaf.get("value")
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
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"{name} {words} {shown}"
