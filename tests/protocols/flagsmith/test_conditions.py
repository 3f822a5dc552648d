"""Conditions as Flagsmith's segments: its engine means exactly whom ours means, or it is told nothing."""

from typing import Any

import pytest
from flag_engine.engine import get_evaluation_result

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import Feature, Rule, Segment, Subject
from decisions.protocols.flagsmith.conditions import Translator, numbers_in, rules_of
from decisions.protocols.flagsmith.leaves import LEAVES, Inexpressible
from decisions.protocols.flagsmith.values import as_number
from tests.protocols.flagsmith.drawing import SEGMENTS, VALUES, a_tree, a_value, attributes

ROUNDS = 1_500


class Case:
    """A tree, as both engines ask it."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.tree = tree
        self.condition = Binder(SEGMENTS).bind(tree)
        segments = {key: Segment(number, key, key, tree) for number, (key, tree) in enumerate(SEGMENTS.items(), 1)}
        feature = Feature("f", rules=(Rule("r", self.condition, tree=tree),))
        self.numbers = numbers_in({"f": feature}, segments)
        self.branches = Translator(segments, self.numbers).whom(tree)

    def ours(self, traits: dict[str, Any]) -> bool:
        read = {name: as_number(value) if name in self.numbers else value for name, value in traits.items()}
        return self.condition(Subject("u", read))

    def theirs(self, traits: dict[str, Any]) -> bool:
        segments = {
            str(number): {"key": str(number), "name": str(number), "rules": in_context(rules_of(branch))}
            for number, branch in enumerate(self.branches, 1)
        }
        context: Any = {
            "environment": {"key": "e", "name": "e"},
            "identity": {"identifier": "u", "traits": traits},
            "segments": segments,
        }
        return bool(get_evaluation_result(context)["segments"])


def in_context(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rules of a document as the clients hand them to their engine."""
    return [
        {
            "type": rule["type"],
            "rules": in_context(rule["rules"]),
            "conditions": [{"property": c["property_"], **c} for c in rule["conditions"]],
        }
        for rule in rules
    ]


def test_whatever_is_expressed_means_the_same() -> None:
    expressed, matched = 0, 0
    for _ in range(ROUNDS):
        try:
            case = Case(a_tree())
        except Inexpressible:
            continue
        expressed += 1
        for _ in range(8):
            traits = attributes()
            assert case.theirs(traits) is case.ours(traits), (case.tree, traits)
            matched += case.ours(traits)

    assert expressed > ROUNDS / 10
    assert matched > expressed


@pytest.mark.parametrize("operator", LEAVES)
def test_every_operator_means_the_same_for_every_value(operator: str) -> None:
    expressed = 0
    for _ in range(60):
        leaf = {"attribute": "a", "operator": operator, "value": a_value(operator)}
        tree = leaf if operator not in ("exists", "not_exists") else {"attribute": "a", "operator": operator}
        for wrapped in (tree, {"none": [tree]}):
            try:
                case = Case(wrapped)
            except Inexpressible:
                continue
            expressed += 1
            for value in VALUES:
                assert case.theirs({"a": value}) is case.ours({"a": value}), (wrapped, value)
            assert case.theirs({}) is case.ours({})

    assert expressed
