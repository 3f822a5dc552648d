"""Our conditions as GO Feature Flag's JsonLogic: only those that its evaluator decides exactly as we do.

Every operator that is used here was tried on its evaluator with values of every kind, and is total in the places where
it stands. What the evaluator would decide otherwise for any subject at all is `Inexpressible`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from decisions.engine.conditions.nodes import Nobody
from decisions.engine.conditions.operators import is_boolean, is_number, is_text
from decisions.engine.types import Condition, Segment

Query = dict[str, Any]
Segments = Mapping[str, Segment]

DEPTH = 256
"""How deep the evaluator reads a query, counting objects and lists."""
ITEMS = 1_000
"""How long it takes a list to be."""
SIZE = 200_000
"""Bytes: a document with larger queries is nothing that clients should fetch every minute."""
LARGEST = 2**31 - 1
"""The evaluator's whole numbers have 32 bits; beyond them every number is this one."""

EVERYBODY: Query = {"==": [1, 1]}
NOBODY: Query = {"==": [1, 0]}
ELEMENT: Query = {"var": ""}
SAME: Query = {"===": [ELEMENT, ELEMENT]}
"""Holds for text, numbers, booleans and null, and for nothing else."""
TEXT: Query = {"and": [SAME, {"in": ["", ELEMENT]}]}
BOOLEAN: Query = {"or": [{"===": [ELEMENT, True]}, {"===": [ELEMENT, False]}]}
NUMBER: Query = {"and": [SAME, {"!==": [ELEMENT, None]}, {"!": [BOOLEAN]}, {"!": [{"in": ["", ELEMENT]}]}]}

TARGETING_KEY: Query = {"var": "targetingKey"}
HAS_KEY: Query = {"!==": [TARGETING_KEY, ""]}
RESERVED = "gofeatureflag"


class Inexpressible(ValueError):
    """A part of a feature that the evaluator cannot decide as we do; the message says why, for people."""


def query_of(condition: Condition, tree: Any, segments: Segments) -> Query:
    """The query of a condition, given the tree that it was bound to. Raises `Inexpressible`."""
    if isinstance(condition, Nobody):  # anything broken anywhere in it
        return NOBODY
    return checked(_tree(tree, segments))


def checked(query: Query) -> Query:
    """The query, if the evaluator reads it. Raises `Inexpressible`."""
    if not _is_readable(query) or len(msgspec.json.encode(query)) > SIZE:
        raise Inexpressible("its conditions, with those of their segments, are too many or nested too deep")
    return query


def text_of(query: Query) -> str:
    """A query as it stands in a document."""
    return msgspec.json.encode(query).decode()


def one_of(keys: list[str]) -> Query:
    """The query of those whose targeting key is among the given ones, none of which is empty."""
    return any_of([{"in": [TARGETING_KEY, part]} for part in _parts(sorted(keys))])


def all_of(queries: list[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"and": queries}


def any_of(queries: list[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"or": queries}


def _parts(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + ITEMS] for start in range(0, len(items), ITEMS)]


def _is_readable(query: Query) -> bool:
    level: list[Any] = [query]
    for _depth in range(DEPTH):
        level = [part for node in level for part in (node.values() if isinstance(node, dict) else node)]
        level = [part for part in level if isinstance(part, (dict, list))]
        if any(len(part) > ITEMS for part in level):
            return False
        if not level:
            return True
    return False


def _tree(tree: Any, segments: Segments) -> Query:
    if tree.get("everyone") is True:
        return EVERYBODY
    for kind, joined in _GROUPS.items():
        if kind in tree:
            return joined([_tree(part, segments) for part in tree[kind]])
    if tree["operator"] in ("in_segment", "not_in_segment"):
        inside = _tree(segments[tree["value"]].tree, segments)
        return inside if tree["operator"] == "in_segment" else {"!": [inside]}
    return _leaf(tree["attribute"], tree["operator"], tree.get("value"))


_GROUPS: dict[str, Callable[[list[Query]], Query]] = {
    "all": all_of,
    "any": any_of,
    "none": lambda queries: {"!": [any_of(queries)]},
}


def _leaf(name: str, operator: str, expected: Any) -> Query:
    _check_name(name, operator, expected)
    present, value = _attribute(name)
    if operator == "exists":
        return all_of([*present, {"!==": [value, None]}])
    if operator == "not_exists":
        return {"!": [all_of([*present, {"!==": [value, None]}])]}
    some = partial(_some, present, value)
    if operator in _NEGATIVE:
        return {"and": [some(_kinds(expected)), {"!": [some(_test(_NEGATIVE[operator], expected))]}]}
    return some(_test(operator, expected))


def _check_name(name: str, operator: str, expected: Any) -> None:
    if "." in name:
        raise Inexpressible(f"the evaluator finds {name!r} only inside an object, never as an attribute of that name")
    if name == RESERVED:
        raise Inexpressible(f"clients write into the attribute {RESERVED!r}")
    if name == "anonymous" and (operator != "equals" or expected is not True):
        raise Inexpressible('to the evaluator nobody lacks "anonymous", so only "anonymous equals true" is the same')


def _attribute(name: str) -> tuple[list[Query], Query]:
    """What must hold for a subject to have the attribute at all, and where it is.

    A subject without a key has an empty one there, which here would be a value.
    """
    if name in ("key", "targetingKey"):
        return [HAS_KEY], {"var": name}
    if name == "id":
        return [any_of([{"!==": [{"var": "id"}, None]}, HAS_KEY])], {"var": ["id", TARGETING_KEY]}
    return [], {"var": name}


def _some(present: list[Query], value: Query, test: Query) -> Query:
    """Whether the value, or any element of it if it is a list, passes a test."""
    return all_of([*present, {"some": [{"merge": [value]}, test]}])


_NEGATIVE = {"not_equals": "equals", "not_in": "in", "not_contains": "contains"}


def _test(operator: str, expected: Any) -> Query:
    """Whether one element passes."""
    found = _TESTS.get(operator)
    if found is None:
        raise Inexpressible(f"the evaluator has no operator that decides like {operator!r}")
    return found(expected)


def _constant(value: Any) -> Any:
    if is_number(value) and abs(value) >= LARGEST:
        raise Inexpressible(f"the evaluator takes {value} for another number")
    return value


def _equals(expected: Any) -> Query:
    return {"===": [ELEMENT, _constant(expected)]}


def _in(expected: list[Any]) -> Query:
    texts = [member for member in expected if is_text(member)]
    others = [_equals(member) for member in expected if not is_text(member)]
    found = [{"and": [TEXT, {"in": [ELEMENT, part]}]} for part in _parts(texts)]
    return any_of([*found, *(any_of(part) for part in _parts(others))])


def _compares(operator: str, expected: Any) -> Query:
    return {"and": [NUMBER, {operator: [ELEMENT, _constant(expected)]}]}


def _between(expected: list[Any]) -> Query:
    lowest, highest = expected
    return {"and": [_compares(">=", lowest), _compares("<=", highest)]}


def _part(start: int, length: list[int], expected: str) -> Query:
    return {"and": [TEXT, {"===": [{"substr": [ELEMENT, start, *length]}, expected]}]}


_TESTS: dict[str, Callable[[Any], Query]] = {
    "equals": _equals,
    "in": _in,
    "contains": lambda expected: {"and": [TEXT, {"in": [expected, ELEMENT]}]},
    "starts_with": lambda expected: _part(0, [len(expected)], expected),
    "ends_with": lambda expected: _part(-len(expected), [], expected),
    "gt": partial(_compares, ">"),
    "gte": partial(_compares, ">="),
    "lt": partial(_compares, "<"),
    "lte": partial(_compares, "<="),
    "between": _between,
}


def _kinds(expected: Any) -> Query:
    """Whether an element is of a kind that could have been what was expected."""
    members = expected if isinstance(expected, list) else [expected]
    kinds = ((is_text, TEXT), (is_boolean, BOOLEAN), (is_number, NUMBER))
    return any_of([query for is_kind, query in kinds if any(map(is_kind, members))])
