"""From trees to nodes: binding them to operators and segments, and saying what is wrong with them."""

from collections.abc import Iterator, Mapping
from typing import Any

from decisions.engine.conditions.nodes import (
    GROUPS,
    Compares,
    Everyone,
    Exists,
    Group,
    InSegment,
    Nobody,
    Node,
    Percentage,
)
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, PRESENCE, SEGMENTS, Broken

DEPTH = 10
CONDITIONS = 1_000
COST = 10_000
"""How many conditions one answer may ask, those of segments counted as often as they are asked."""
TOO_DEEP = f"segments refer to each other more than {DEPTH} deep"
FIELDS = {"attribute", "operator", "value", "seed"}


class Binder:
    """Binds trees to what they mean, given the project's segments by key."""

    def __init__(self, segments: Mapping[str, Any]) -> None:
        self._trees = segments
        self._bound: dict[str, Node] = {}
        self._memberships: dict[tuple[str, str], Node] = {}
        self._open: list[str] = []

    def again(self) -> "Binder":
        """Another one for the same segments, which has those that are bound already. Two may work at the same time."""
        other = Binder(self._trees)
        other._bound, other._memberships = self._bound.copy(), self._memberships.copy()
        return other

    def bind(self, *trees: Any) -> Node:
        """The condition that all trees hold; `Nobody` if there are none or anything in them is broken. Never raises."""
        try:
            nodes = tuple(map(self._tree, trees))
        except Broken as error:
            return Nobody(str(error))
        if not nodes:
            return Nobody("there are no conditions")
        return nodes[0] if len(nodes) == 1 else Group("all", nodes)

    def segment(self, key: str) -> Node:
        """The condition of a segment. Raises `Broken` if it is gone, broken, or leads back to itself."""
        if key not in self._bound:
            try:
                self._bound[key] = self._segment(key)
            except Broken as error:
                if self._open:  # perhaps only the way here is too long
                    raise
                self._bound[key] = Nobody(str(error))
        node = self._bound[key]
        if isinstance(node, Nobody):
            raise Broken(node.reason)
        return node

    def leaf(self, tree: Any) -> Node:
        """The condition of a tree that is no group. Raises `Broken`."""
        if not isinstance(tree, Mapping):
            raise Broken(f"a condition must be an object, not {type(tree).__name__}")
        if tree.get("everyone") is True and len(tree) == 1:
            return Everyone()
        operator, name = tree.get("operator"), tree.get("attribute", "")
        if not isinstance(operator, str) or not isinstance(name, str):
            raise Broken("a condition must name its attribute and operator as text")
        if unknown := sorted(map(repr, tree.keys() - FIELDS)):
            raise Broken(f"a condition has no {', '.join(unknown)}")
        if operator in SEGMENTS:
            return self._in_segment(operator, tree.get("value"))
        return _attribute_leaf(operator, name, tree)

    def _tree(self, tree: Any) -> Node:
        node = self._node(tree, DEPTH)
        if node.size > COST:
            raise Broken(f"the conditions, with those of their segments, must be at most {COST}")
        return node

    def _segment(self, key: str) -> Node:
        if key not in self._trees:
            raise Broken(f"there is no segment {key!r}")
        if key in self._open:
            raise Broken(f"segments refer to each other in a circle: {' → '.join([*self._open, key])}")
        if len(self._open) >= DEPTH:
            raise Broken(TOO_DEEP)
        self._open.append(key)
        try:
            node = self._tree(self._trees[key])
        finally:
            self._open.pop()
        if node.depth >= DEPTH:  # below were segments that had been bound before
            raise Broken(TOO_DEEP)
        return node

    def _node(self, tree: Any, depth: int) -> Node:
        kind = group_of(tree, depth)
        if kind is None:
            return self.leaf(tree)
        return Group(kind, tuple(self._node(part, depth - 1) for part in tree[kind]))

    def _in_segment(self, operator: str, key: Any) -> Node:
        if not isinstance(key, str):
            raise Broken("the value must be the key of a segment")
        segment = self.segment(key)
        if (operator, key) not in self._memberships:  # many rules mean the same segment
            self._memberships[operator, key] = InSegment(operator, key, segment)
        return self._memberships[operator, key]


def _attribute_leaf(operator: str, name: str, tree: Mapping[str, Any]) -> Node:
    if not name:
        raise Broken(f"the operator {operator!r} must name an attribute")
    if operator in PRESENCE:
        return Exists(name, operator)
    if operator == PERCENTAGE:
        return Percentage(name, tree.get("value"), tree.get("seed", name))
    if operator not in OPERATORS:
        raise Broken(f"there is no operator {operator!r}")
    return Compares(name, operator, tree.get("value"))


def group_of(tree: Any, depth: int = DEPTH) -> str | None:
    """Which group a tree is; None for a single condition. Raises `Broken` for a group that makes no sense."""
    found = [kind for kind in GROUPS if isinstance(tree, Mapping) and kind in tree]
    if not found:
        return None
    if len(tree) != 1:
        raise Broken(f"the group {found[0]!r} must stand alone in its object")
    if depth == 0:
        raise Broken(f"groups must not be nested deeper than {DEPTH}")
    if not isinstance(tree[found[0]], list) or not tree[found[0]]:
        raise Broken(f"the group {found[0]!r} must be a list that is not empty")
    return found[0]


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
    binder, found, conditions = Binder(segments), [], 0
    pending: list[tuple[str, Any, int]] = [("", tree, DEPTH)]
    while pending:
        path, part, depth = pending.pop()
        kind, complaint = _look_at(part, depth, binder)
        if kind:
            below = f"{path}.{kind}[{{}}]" if path else f"{kind}[{{}}]"
            pending += [(below.format(index), child, depth - 1) for index, child in enumerate(part[kind])][::-1]
            continue
        conditions += 1
        if conditions > CONDITIONS:
            return [f"there must be at most {CONDITIONS} conditions"]
        if complaint:
            found.append(f"{path}: {complaint}" if path else complaint)
    whole = binder.bind(tree)
    return found or ([whole.reason] if isinstance(whole, Nobody) else [])


def _look_at(part: Any, depth: int, binder: Binder) -> tuple[str | None, str | None]:
    """Which group a part is, if it is one, and what is wrong with it."""
    try:
        kind = group_of(part, depth)
        if kind is None:
            binder.leaf(part)
    except Broken as error:
        return None, str(error)
    return kind, None


def segment_complaints(key: str, segments: Mapping[str, Any]) -> list[str]:
    """What is wrong with a segment as the others see it: a circle, or references that lead too deep or to too much."""
    try:
        Binder(segments).segment(key)
    except Broken as error:
        return [str(error)]
    return []
