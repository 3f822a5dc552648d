"""From trees to nodes: binding them to operators and segments, and saying what is wrong with them."""

from collections.abc import Iterator, Mapping
from typing import Any

from decisions.engine.conditions.nodes import (
    All,
    AnyOf,
    Compares,
    Everyone,
    Exists,
    Group,
    InSegment,
    Nobody,
    Node,
    NoneOf,
    Percentage,
)
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, PRESENCE, SEGMENTS, Broken

DEPTH = 10
CONDITIONS = 1_000
GROUPS: dict[str, type[Group]] = {"all": All, "any": AnyOf, "none": NoneOf}


class Binder:
    """Binds trees to what they mean, given the project's segments by key."""

    def __init__(self, segments: Mapping[str, Any]) -> None:
        self._trees = segments
        self._bound: dict[str, Node] = {}
        self._open: list[str] = []

    def bind(self, tree: Any) -> Node:
        """The condition of a tree; `Nobody` if anything in it is broken. Never raises."""
        try:
            return self._node(tree, DEPTH)
        except Broken as error:
            return Nobody(str(error))

    def segment(self, key: str) -> Node:
        """The condition of a segment. Raises `Broken` if it is gone, broken, or leads back to itself."""
        if key in self._bound:
            return self._bound[key]
        if key not in self._trees:
            raise Broken(f"there is no segment {key!r}")
        if key in self._open:
            raise Broken(f"segments refer to each other in a circle: {' → '.join([*self._open, key])}")
        if len(self._open) >= DEPTH:
            raise Broken(f"segments refer to each other more than {DEPTH} deep")
        self._open.append(key)
        try:
            self._bound[key] = self._node(self._trees[key], DEPTH)
        finally:
            self._open.pop()
        return self._bound[key]

    def _node(self, tree: Any, depth: int) -> Node:
        if not isinstance(tree, Mapping):
            raise Broken(f"a condition must be an object, not {type(tree).__name__}")
        if tree.get("everyone") is True and len(tree) == 1:
            return Everyone()
        if len(tree) == 1 and (kind := next(iter(tree))) in GROUPS:
            return self._group(str(kind), tree[kind], depth)
        return self._leaf(tree)

    def _group(self, kind: str, parts: Any, depth: int) -> Node:
        if depth == 0:
            raise Broken(f"groups must not be nested deeper than {DEPTH}")
        if not isinstance(parts, list) or not parts:
            raise Broken(f"the group {kind!r} must be a list that is not empty")
        nodes = tuple(self._node(part, depth - 1) for part in parts)
        return GROUPS[kind](kind, nodes)

    def _leaf(self, tree: Mapping[str, Any]) -> Node:
        operator, name = tree.get("operator"), tree.get("attribute", "")
        if not isinstance(operator, str) or not isinstance(name, str):
            raise Broken("a condition must name its attribute and operator as text")
        if operator in SEGMENTS:
            return InSegment(operator, str(tree.get("value")), self.segment(str(tree.get("value"))))
        if not name:
            raise Broken(f"the operator {operator!r} must name an attribute")
        if operator in PRESENCE:
            return Exists(name, operator)
        if operator == PERCENTAGE:
            return Percentage(name, tree.get("value"), str(tree.get("seed") or name))
        if operator not in OPERATORS:
            raise Broken(f"there is no operator {operator!r}")
        return Compares(name, operator, tree.get("value"))


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a tree that is well enough formed to have any, with the way to it, such as all[2].any[0]."""
    pending = [(path, tree)]
    while pending:
        at, part = pending.pop()
        groups = [kind for kind in GROUPS if isinstance(part, Mapping) and isinstance(part.get(kind), list)]
        if not groups:
            yield at, part
        for kind in groups:
            below = f"{at}.{kind}" if at else kind
            pending.extend((f"{below}[{index}]", child) for index, child in reversed(list(enumerate(part[kind]))))


def complaints(tree: Any, segments: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with a tree, each with the way to it; nothing if it may be stored."""
    found = []
    for count, (path, leaf) in enumerate(leaves(tree)):
        if count >= CONDITIONS:
            return [f"there must be at most {CONDITIONS} conditions"]
        node = Binder(segments).bind(leaf)
        if isinstance(node, Nobody):
            found.append(f"{path}: {node.reason}" if path else node.reason)
    whole = Binder(segments).bind(tree)
    return found or ([whole.reason] if isinstance(whole, Nobody) else [])


def segment_complaints(key: str, segments: Mapping[str, Any]) -> list[str]:
    """What is wrong with a segment as the others see it: a circle, or references that go too deep."""
    try:
        Binder(segments).segment(key)
    except Broken as error:
        return [str(error)]
    return []
