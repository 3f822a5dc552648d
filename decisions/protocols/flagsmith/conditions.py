"""Our conditions as Flagsmith's segments, as far as all its engines decide them exactly as ours does.

Engines before 10.1 read nested rules wrongly, so nothing nests: a tree becomes branches, of which any may hold, and a
branch is rules that all hold.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from decisions.engine.conditions.binding import leaves
from decisions.engine.conditions.operators import SEGMENTS
from decisions.engine.types import Feature, Segment
from decisions.protocols.flagsmith.leaves import LEAVES, Clause, Inexpressible, counts_as_number, counts_as_text

CASES = 64
CONDITIONS = 500
TOO_MANY = "its conditions come to too many cases when they are written without groups"

Branch = tuple[Clause, ...]
Branches = list[Branch]
"""Any of them holds; in each, all clauses hold. None at all: nobody. One without clauses: everyone."""

EVERYONE: Branches = [()]


def rules_of(branch: Branch) -> list[dict[str, Any]]:
    """A branch as the rules of a segment; without any rule a segment would mean nobody."""
    return [clause.document() for clause in branch or (Clause("ALL", ()),)]


class Translator:
    """Translates trees that the engine has bound, so nothing in them is broken.

    `numbers` are the attributes that are only compared as numbers.
    """

    def __init__(self, segments: Mapping[str, Segment], numbers: frozenset[str]) -> None:
        self.segments, self.numbers = segments, numbers

    def whom(self, tree: Any, *, wanted: bool = True) -> Branches:
        """Whom a tree means, or with `wanted` False whom it does not mean. Raises `Inexpressible`."""
        if tree.get("everyone") is True:
            return EVERYONE if wanted else []
        for kind in ("all", "any", "none"):
            if kind in tree:
                return self._group(kind, tree[kind], wanted)
        if tree["operator"] in SEGMENTS:
            is_inside = tree["operator"] == "in_segment"
            return self.whom(self.segments[tree["value"]].tree, wanted=wanted is is_inside)
        branch = self._leaf(tree)
        return [branch] if wanted else [(clause.opposite(),) for clause in branch]

    def _group(self, kind: str, parts: list[Any], wanted: bool) -> Branches:
        """By De Morgan: what is not wanted of all is any that is not, and none is any that is not wanted."""
        holds = wanted is not (kind == "none")
        found = [self.whom(part, wanted=holds) for part in parts]
        return all_of(found) if (kind == "all") is holds else any_of(found)

    def _leaf(self, tree: Mapping[str, Any]) -> Branch:
        name, operator, expected = tree["attribute"], tree["operator"], tree.get("value")
        if name in ("id", "key") or name.startswith("$."):
            raise Inexpressible(f"Flagsmith's clients have another attribute {name!r}")
        if operator not in LEAVES:
            raise Inexpressible(f"Flagsmith's clients have no {operator!r} that decides like ours")
        if counts_as_number(operator, expected) and name not in self.numbers:
            raise Inexpressible(f"{name!r} is compared as text elsewhere, and Flagsmith's clients read it as a number")
        return LEAVES[operator](name, expected)


def any_of(parts: list[Branches]) -> Branches:
    """Any of the parts; those of one clause each become one."""
    branches = [branch for part in parts for branch in part]
    if () in branches:
        return EVERYONE
    plain = [branch[0] for branch in branches if len(branch) == 1 and branch[0].is_any]
    rest = [branch for branch in branches if len(branch) > 1 or not branch[0].is_any]
    conditions = tuple(condition for clause in plain for condition in clause.conditions)
    return _checked([(Clause("ANY", conditions),), *rest] if plain else rest)


def all_of(parts: list[Branches]) -> Branches:
    """All of the parts: every way to take one branch of each."""
    if prod(map(len, parts)) > CASES:
        raise Inexpressible(TOO_MANY)
    return _checked([tuple(clause for branch in chosen for clause in branch) for chosen in product(*parts)])


def _checked(branches: Branches) -> Branches:
    if len(branches) > CASES or sum(len(clause.conditions) for branch in branches for clause in branch) > CONDITIONS:
        raise Inexpressible(TOO_MANY)
    return branches


def numbers_in(features: Mapping[str, Feature], segments: Mapping[str, Segment]) -> frozenset[str]:
    """The attributes of which only numbers are asked: of these, text that looks like a number is one.

    So it is for Flagsmith's own server, for every attribute. Where text is asked of as well, it stays text.
    """
    numbers: set[Any] = set()
    texts: set[Any] = {name for feature in features.values() for name in _hashed(feature)}
    for leaf in _leaves(features, segments):
        name, operator, expected = leaf.get("attribute"), leaf.get("operator"), leaf.get("value")
        if counts_as_number(operator, expected):
            numbers.add(name)
        if counts_as_text(operator, expected):
            texts.add(name)
    return frozenset(name for name in numbers - texts if isinstance(name, str))


def _leaves(features: Mapping[str, Feature], segments: Mapping[str, Segment]) -> Iterator[Mapping[str, Any]]:
    trees = [segment.tree for segment in segments.values()]
    trees += [rule.tree for feature in features.values() for rule in feature.rules]
    for tree in trees:
        yield from (leaf for _, leaf in leaves(tree) if isinstance(leaf, Mapping))


def _hashed(feature: Feature) -> Iterator[str]:
    """The attributes that its experiments bucket by, whatever is written there."""
    for experiment in (feature.experiment, *(rule.experiment for rule in feature.rules)):
        if experiment and experiment.hash_attribute:
            yield experiment.hash_attribute
