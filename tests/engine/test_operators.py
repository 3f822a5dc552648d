"""What every operator promises, whichever it is. A new one has to be in the cases before anything passes."""

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings

from decisions.engine.conditions.attributes import written
from decisions.engine.conditions.binding import Binder
from decisions.engine.conditions.nodes import Nobody, Node
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, PRESENCE, SEGMENTS
from decisions.engine.types import Subject
from tests.engine.values import anything, json_values

CASES = json.loads((Path(__file__).parent / "cases" / "operators.json").read_text())
SEGMENT_TREES = {
    "pros": {"attribute": "it", "operator": "equals", "value": "pro"},
    "broken": {"attribute": "it", "operator": "resembles", "value": "pro"},
}
NEGATIVE = ["not_contains", "not_equals", "not_in"]
TEXTUAL = {"contains", "not_contains", "starts_with", "ends_with", "matches"}

every_operator = pytest.mark.parametrize("operator", sorted(CASES))
every_comparison = pytest.mark.parametrize("operator", sorted(OPERATORS))


def bound(operator: str, value: Any) -> Node:
    return Binder(SEGMENT_TREES).bind({"attribute": "it", "operator": operator, "value": value})


def pairs(outcome: str) -> list[Any]:
    """Operator, expected and actual of every case with that outcome."""
    blocks = [(operator, block) for operator, case in CASES.items() for block in [case, *case.get("also", [])]]
    return [
        pytest.param(operator, block["value"], actual, id=f"{operator} {block['value']!a} {actual!a}")
        for operator, block in blocks
        for actual in block[outcome]
    ]


def test_no_operator_is_without_cases() -> None:
    assert CASES.keys() == {*OPERATORS, *PRESENCE, *SEGMENTS, PERCENTAGE}
    assert [operator for operator, case in CASES.items() if not case["matches"] or not case["refuses"]] == []
    assert [operator for operator in CASES if operator not in PRESENCE and not CASES[operator]["broken"]] == []


@pytest.mark.parametrize(("operator", "expected", "actual"), pairs("matches"))
def test_it_matches(operator: str, expected: Any, actual: Any) -> None:
    assert bound(operator, expected)(Subject("user-1", {"it": actual})) is True


@pytest.mark.parametrize(("operator", "expected", "actual"), pairs("refuses"))
def test_it_does_not_match(operator: str, expected: Any, actual: Any) -> None:
    assert bound(operator, expected)(Subject("user-1", {"it": actual})) is False


@pytest.mark.parametrize(
    ("operator", "expected"), [(operator, value) for operator in CASES for value in CASES[operator].get("broken", [])]
)
def test_an_expected_value_that_makes_no_sense_matches_nobody(operator: str, expected: Any) -> None:
    node = bound(operator, expected)

    assert isinstance(node, Nobody)
    assert not node.reason.startswith("<")
    assert node(Subject("user-1", {"it": expected})) is False


@every_operator
def test_a_missing_attribute_matches_only_where_absence_is_asked_for(operator: str) -> None:
    nobody_known = Subject("user-1", {"other": "pro"})

    found = bound(operator, CASES[operator]["value"])(nobody_known)

    assert found is (operator in {"not_exists", "not_in_segment"})


@every_comparison
@pytest.mark.parametrize(
    "wrong", [None, {}, {"it": 1}, b"Pro", object(), {"Pro"}, float("nan"), 1j, range(3)], ids=type
)
def test_a_value_that_is_no_scalar_never_matches(operator: str, wrong: Any) -> None:
    assert bound(operator, CASES[operator]["value"])(Subject("user-1", {"it": wrong})) is False


@every_comparison
@pytest.mark.parametrize("infinite", [float("inf"), float("-inf")])
def test_infinity_is_no_number(operator: str, infinite: float) -> None:
    assert bound(operator, CASES[operator]["value"])(Subject("user-1", {"it": infinite})) is False


@every_comparison
def test_a_list_matches_when_any_element_does_and_a_negative_operator_when_none_does(operator: str) -> None:
    case = CASES[operator]
    node, good, bad = bound(operator, case["value"]), case["matches"][0], case["refuses"][0]

    assert node(Subject("user-1", {"it": [bad, good, None]})) is (operator not in NEGATIVE)
    assert node(Subject("user-1", {"it": [good, {}, good]})) is True
    assert node(Subject("user-1", {"it": [bad, bad]})) is False


@every_comparison
@pytest.mark.parametrize("unjudged", [[], [None, {}, [], float("nan")], [["Pro", 18, "1.2.3"]]], ids=repr)
def test_a_list_of_nothing_that_compares_matches_nothing(operator: str, unjudged: list[Any]) -> None:
    assert bound(operator, CASES[operator]["value"])(Subject("user-1", {"it": unjudged})) is False


def test_the_negative_operators_are_those_that_say_so() -> None:
    assert sorted(name for name, operator in OPERATORS.items() if operator.is_negative) == NEGATIVE


@every_operator
@given(expected=json_values | anything, actual=anything)
@settings(deadline=None, max_examples=60)
def test_every_operator_answers_whatever_it_is_given(operator: str, expected: Any, actual: Any) -> None:
    node, subject = bound(operator, expected), Subject("user-1", {"it": actual})

    assert node(subject) in (True, False)
    assert node.explain(subject)["matched"] is node(subject)
    json.dumps(node.explain(subject), allow_nan=False)


@every_operator
@given(actual=anything)
@settings(deadline=None, max_examples=60)
def test_every_operator_that_is_well_bound_answers_any_attribute(operator: str, actual: Any) -> None:
    subject = Subject("user-1", {"it": actual})

    for block in [CASES[operator], *CASES[operator].get("also", [])]:
        node = bound(operator, block["value"])
        assert not isinstance(node, Nobody)
        assert isinstance(node(subject), bool)
        json.dumps(node.explain(subject), allow_nan=False)


@pytest.mark.parametrize(("operator", "value"), [("modulo", [10**400, 1]), ("gt", 10**400), ("between", [0, 10**400])])
def test_numbers_that_no_float_holds_are_compared_all_the_same(operator: str, value: Any) -> None:
    node = bound(operator, value)

    assert node(Subject("user-1", {"it": 1.0})) is (operator != "gt")
    assert node(Subject("user-1", {"it": 10**400 + 1})) is (operator != "between")


def test_a_pattern_that_other_engines_choke_on_is_quick() -> None:
    node, started = bound("matches", "^(a+)+$"), process_time()

    assert node(Subject("user-1", {"it": "a" * 4_000 + "!"})) is False
    assert process_time() - started < 0.1


def test_text_that_is_longer_than_a_pattern_is_tried_on_never_matches() -> None:
    node = bound("matches", "a")

    assert node(Subject("user-1", {"it": "a" * 4_096})) is True
    assert node(Subject("user-1", {"it": "a" * 4_097})) is False


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("a" * 1_001, "at most 1000 characters"),
        ("(", "RE2 refuses the regular expression: missing )"),
        ("(?=a)", "RE2 refuses the regular expression: invalid perl operator"),
        ("\ud800", "lone surrogates"),
    ],
    ids=ascii,
)
def test_a_pattern_that_is_refused_says_why(pattern: str, complaint: str) -> None:
    node = bound("matches", pattern)

    assert isinstance(node, Nobody)
    assert complaint in node.reason


def test_a_pattern_may_have_a_thousand_characters() -> None:
    assert bound("matches", "a" * 1_000)(Subject("user-1", {"it": "a" * 1_000})) is True


@pytest.mark.parametrize("operator", sorted(TEXTUAL))
def test_text_with_a_lone_surrogate_is_no_reason_to_fail(operator: str) -> None:
    assert bound(operator, CASES[operator]["value"])(Subject("user-1", {"it": "\ud800"})) is (
        operator == "not_contains"
    )


def test_a_percentage_of_an_attribute_is_respected_and_grows() -> None:
    subjects = [Subject("same", {"it": f"company-{number}"}) for number in range(2_000)]
    inside: set[str] = set()

    for percent in (0, 0.01, 10, 50, 100):
        node = bound("percentage", percent)
        now = {subject.attributes["it"] for subject in subjects if node(subject)}
        assert inside <= now
        assert abs(len(now) - 20 * percent) < 90  # four sigma of a half
        inside = now


def test_two_percentages_with_different_seeds_are_independent() -> None:
    leaf = {"attribute": "it", "operator": "percentage", "value": 50}
    one, other = (Binder({}).bind(leaf | {"seed": seed}) for seed in ("one", "other"))
    subjects = [Subject("same", {"it": f"company-{number}"}) for number in range(2_000)]

    both = sum(one(subject) and other(subject) for subject in subjects)

    assert abs(both - 500) < 4 * (2_000 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize("seed", ["", 1, None, 10**5_000, ["a"]], ids=type)
def test_a_seed_is_text(seed: Any) -> None:
    node = Binder({}).bind({"attribute": "it", "operator": "percentage", "value": 50, "seed": seed})

    assert isinstance(node, Nobody)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(True, "true"), (False, "false"), ("", ""), ("☃", "☃"), (0, "0"), (-7, "-7"), (7.0, "7"), (-0.0, "0")],
        *[(0.1, "0.1"), (-1.5, "-1.5"), (1e-6, "0.000001"), (1.5e-7, "1.5e-7"), (1e-7, "1e-7"), (1e-10, "1e-10")],
        *[(1e16, "10000000000000000"), (123456789012345680000.0, "123456789012345680000"), (1e21, "1e+21")],
        *[(2.0**63, "9223372036854776000"), (1.7976931348623157e308, "1.7976931348623157e+308"), (5e-324, "5e-324")],
        *[(2**53 + 1, "9007199254740993"), (2**63 - 1, "9223372036854775807")],
        *[(10**5_000, "Infinity"), (-(10**5_000), "-Infinity")],
    ],
    ids=range(24),
)
def test_numbers_are_written_as_javascript_writes_them(value: Any, text: str) -> None:
    assert written(value) == text
