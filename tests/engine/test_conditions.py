"""Trees of conditions: who is meant, that doubt matches nobody, and that everything wrong is said at once."""

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisions.engine.conditions.binding import Binder, complaints, leaves, segment_complaints
from decisions.engine.conditions.nodes import Nobody
from decisions.engine.conditions.sentences import sentence
from decisions.engine.types import Subject
from tests.engine.values import anything, json_values

SENTENCES = json.loads((Path(__file__).parent / "cases" / "sentences.json").read_text())
YES = {"everyone": True}
NO = {"attribute": "nowhere", "operator": "exists"}
BROKEN = {"attribute": "a", "operator": "resembles", "value": 1}

trees = st.recursive(
    json_values
    | st.fixed_dictionaries(
        {"attribute": st.sampled_from(["a", "b.c", "id", ""])},
        optional={
            "operator": st.sampled_from(["equals", "gt", "matches", "in", "in_segment", "percentage", "resembles", 1]),
            "value": json_values,
            "seed": json_values,
        },
    ),
    lambda inner: st.dictionaries(st.sampled_from(["all", "any", "none", "everyone"]), st.lists(inner, max_size=3)),
    max_leaves=8,
)


def a_leaf(attribute: str = "plan", operator: str = "equals", value: Any = "pro") -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value}


def within(segment: str, operator: str = "in_segment") -> dict[str, Any]:
    return {"operator": operator, "value": segment}


def nested(depth: int, kind: str = "all", core: Any = YES) -> Any:
    """A condition inside `depth` groups."""
    for _ in range(depth):
        core = {kind: [core]}
    return core


def means(tree: Any, key: str | None = "user-1", segments: dict[str, Any] | None = None, **attributes: Any) -> bool:
    """Whether a tree means a subject."""
    return Binder(segments or {}).bind(tree)(Subject(key, attributes))


def chain(length: int) -> dict[str, Any]:
    """Segments s1 to s<length>, each of which asks the next; the last means everyone."""
    return {f"s{number}": within(f"s{number + 1}") for number in range(1, length)} | {f"s{length}": YES}


@pytest.mark.parametrize(
    ("kind", "parts", "is_meant"),
    [
        *[("all", [YES, YES], True), ("all", [YES, NO], False), ("all", [NO, NO], False)],
        *[("any", [YES, NO], True), ("any", [NO, YES], True), ("any", [NO, NO], False)],
        *[("none", [NO, NO], True), ("none", [NO, YES], False), ("none", [YES, YES], False)],
    ],
)
def test_a_group_holds_as_its_name_says(kind: str, parts: list[Any], is_meant: bool) -> None:
    assert means({kind: parts}) is is_meant


@pytest.mark.parametrize("kind", ["all", "any", "none"])
def test_an_empty_group_is_refused_and_means_nobody(kind: str) -> None:
    assert means({kind: []}) is False
    assert complaints({kind: []}, {}) == [f"the group {kind!r} must be a list that is not empty"]
    assert complaints({"all": [YES, {kind: []}]}, {}) == [
        f"all[1]: the group {kind!r} must be a list that is not empty"
    ]


@pytest.mark.parametrize("tree", [{}, {"everyone": False}, {"everyone": 1}, [], None, "everyone", True], ids=repr)
def test_everyone_has_to_be_said(tree: Any) -> None:
    assert means(YES, key=None) is True
    assert means(tree) is False
    assert complaints(tree, {})


def test_trees_that_are_bound_together_must_all_hold_and_nest_no_deeper() -> None:
    subject, binder = Subject("user-1"), Binder({})

    assert binder.bind(YES, nested(10))(subject) is True
    assert binder.bind(YES, NO)(subject) is False
    assert isinstance(binder.bind(YES, BROKEN), Nobody)
    assert isinstance(binder.bind(), Nobody)


@pytest.mark.parametrize("kind", ["all", "any"])
def test_groups_nest_ten_deep_and_no_deeper(kind: str) -> None:
    assert means(nested(10, kind)) is True
    assert complaints(nested(10, kind), {}) == []
    assert means(nested(11, kind)) is False
    assert complaints(nested(11, kind), {}) == [
        ".".join([f"{kind}[0]"] * 10) + ": groups must not be nested deeper than 10"
    ]


def test_a_tree_of_any_depth_has_an_answer() -> None:
    assert means(nested(100_000)) is False
    assert len(complaints(nested(100_000), {})) == 1


@pytest.mark.parametrize("kind", ["all", "any", "none"])
@pytest.mark.parametrize(
    "broken",
    [
        *[BROKEN, within("gone"), within("gone", "not_in_segment"), {"all": []}, {}, None, a_leaf(operator="")],
        *[a_leaf(attribute=""), a_leaf(operator="gt"), {"operator": "equals", "value": 1}, a_leaf() | {"seeed": "x"}],
        *[{"all": [YES], "any": [YES]}, {"all": {"0": YES}}, a_leaf("a", "percentage", 101)],
    ],
    ids=repr,
)
def test_a_tree_with_anything_broken_in_it_means_nobody(kind: str, broken: Any) -> None:
    tree: Any = {kind: [NO if kind == "none" else YES, {"none": [NO, broken]}]}

    assert means(tree, plan="pro") is False
    assert isinstance(Binder({}).bind(tree), Nobody)
    assert complaints(tree, {})[0].startswith(f"{kind}[1].none[1]: ")


@pytest.mark.parametrize(
    ("attribute", "attributes", "is_meant"),
    [
        ("company.plan", {"company": {"plan": "pro"}}, True),
        ("a.b.c", {"a": {"b": {"c": "pro"}}}, True),
        ("company.plan", {"company.plan": "pro", "company": {"plan": "free"}}, True),
        ("company.plan", {"company.plan": "free", "company": {"plan": "pro"}}, False),
        ("company.plan", {"company": "pro"}, False),
        ("company.plan", {"company": [{"plan": "pro"}]}, False),
        ("company.plan", {"company": {"plan": None}}, False),
        ("company.", {"company": {"": "pro"}}, True),
        ("company.plan.name", {"company": {"plan": "pro"}}, False),
        ("plan", {"company": {"plan": "pro"}}, False),
    ],
    ids=range(10),
)
def test_an_attribute_is_found_by_its_name_then_by_its_path(attribute: str, attributes: Any, is_meant: bool) -> None:
    assert means(a_leaf(attribute), **attributes) is is_meant


@pytest.mark.parametrize("name", ["id", "key"])
def test_the_key_is_an_attribute_unless_there_is_one_of_that_name(name: str) -> None:
    assert means(a_leaf(name, value="user-1")) is True
    assert Binder({}).bind(a_leaf(name, value="user-1"))(Subject("user-1", {name: "another"})) is False
    assert means(a_leaf(name, "exists"), key=None) is False
    assert means(a_leaf(name, "not_exists"), key=None) is True


def test_a_segment_may_refer_to_segments() -> None:
    segments = {
        "payers": a_leaf(),
        "germans": a_leaf("country", value="DE"),
        "german payers": {"all": [within("payers"), within("germans")]},
    }

    assert means(within("german payers"), segments=segments, plan="pro", country="DE") is True
    assert means(within("german payers"), segments=segments, plan="pro", country="FR") is False
    assert means(within("german payers", "not_in_segment"), segments=segments, plan="pro") is True


@pytest.mark.parametrize("operator", ["in_segment", "not_in_segment"])
@pytest.mark.parametrize(
    ("segments", "complaint"),
    [
        ({}, "there is no segment 'a'"),
        ({"a": within("a")}, "in a circle: a → a"),
        ({"a": within("b"), "b": {"none": [within("c")]}, "c": within("a")}, "in a circle: a → b → c → a"),
        ({"a": {"any": [YES, within("gone")]}}, "there is no segment 'gone'"),
        ({"a": {"none": [BROKEN]}}, "there is no operator 'resembles'"),
        ({"a": None}, "a condition must be an object, not NoneType"),
    ],
    ids=["gone", "itself", "circle", "gone below", "broken", "no tree"],
)
def test_a_segment_that_cannot_be_asked_fails_closed(operator: str, segments: Any, complaint: str) -> None:
    for tree in (within("a", operator), {"none": [within("a", operator)]}, {"any": [YES, within("a", operator)]}):
        assert means(tree, segments=segments) is False
        assert complaint in complaints(tree, segments)[0]


def test_segments_refer_to_each_other_ten_deep_and_no_deeper() -> None:
    assert means(within("s1"), segments=chain(10)) is True
    assert means(within("s1"), segments=chain(11)) is False
    assert segment_complaints("s1", chain(11)) == ["segments refer to each other more than 10 deep"]


@pytest.mark.parametrize("first", range(1, 16))
def test_the_order_of_asking_does_not_change_what_a_segment_means(first: int) -> None:
    binder = Binder(chain(15))
    binder.bind(within(f"s{first}"))

    found = [binder.bind(within(f"s{number}"))(Subject("user-1")) for number in range(1, 16)]

    assert found == [False] * 5 + [True] * 10


def test_segments_that_multiply_are_refused_before_they_cost_anything() -> None:
    segments = {f"s{n}": {"none": [within(f"s{n + 1}")] * 100} for n in range(1, 9)} | {"s9": NO}
    started = process_time()

    assert means(within("s1"), segments=segments) is False
    assert "must be at most 10000" in complaints(within("s1"), segments)[0]
    assert process_time() - started < 0.5


def test_everything_that_is_wrong_is_said_at_once_with_the_way_to_it() -> None:
    tree = {
        "all": [
            a_leaf(),
            {"any": [a_leaf("age", "gt", "18"), {"none": []}, 5]},
            a_leaf("mail", "matches", "("),
            a_leaf("n", "modulo", [0, 0]),
            within("gone"),
        ]
    }

    assert complaints(tree, {}) == [
        "all[1].any[0]: the value must be a number",
        "all[1].any[1]: the group 'none' must be a list that is not empty",
        "all[1].any[2]: a condition must be an object, not int",
        "all[2]: RE2 refuses the regular expression: missing ): (",
        "all[3]: the divisor must be above zero",
        "all[4]: there is no segment 'gone'",
    ]


@pytest.mark.parametrize(
    "part", [a_leaf(), a_leaf("m", "matches", "("), {"any": []}, {"any": [a_leaf()]}, within("big")]
)
def test_more_than_a_thousand_conditions_are_refused_quickly(part: Any) -> None:
    segments, started = {"big": {"all": [a_leaf()] * 1_000}}, process_time()

    assert complaints({"all": [part] * 10_000}, segments) == ["there must be at most 1000 conditions"]
    assert process_time() - started < 0.8


def test_a_thousand_conditions_may_be_stored() -> None:
    tree = {"all": [a_leaf()] * 1_000}

    assert complaints(tree, {}) == []
    assert means(tree, plan="pro") is True


def test_the_leaves_of_a_tree_come_in_order_with_the_way_to_them() -> None:
    tree = {"all": [YES, {"any": [NO, BROKEN]}, 5]}

    assert list(leaves(tree)) == [("all[0]", YES), ("all[1].any[0]", NO), ("all[1].any[1]", BROKEN), ("all[2]", 5)]
    assert list(leaves(YES)) == [("", YES)]


@given(trees, st.dictionaries(st.sampled_from(["a", "b", "s"]), trees, max_size=3), anything)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree_has_an_answer_and_only_good_ones_may_be_stored(tree: Any, segments: Any, value: Any) -> None:
    node, subject = Binder(segments).bind(tree), Subject("user-1", {"a": value, "b": {"c": value}})

    assert isinstance(node(subject), bool)
    assert (complaints(tree, segments) == []) is not isinstance(node, Nobody)
    assert json.loads(json.dumps(node.explain(subject), allow_nan=False))["matched"] is node(subject)
    assert sentence(tree)


@pytest.mark.parametrize("case", SENTENCES, ids=lambda case: case["sentence"])
def test_a_tree_reads_as_a_sentence(case: dict[str, Any]) -> None:
    assert sentence(case["tree"]) == case["sentence"]


def test_a_condition_explains_what_it_compared() -> None:
    tree = {"all": [a_leaf(), {"any": [within("s"), a_leaf("age", "gt", 18)]}]}
    node = Binder({"s": NO}).bind(tree)

    assert node.explain(Subject("user-1", {"plan": "pro", "age": 7})) == {
        "all": [
            a_leaf() | {"actual": "pro", "matched": True},
            {
                "any": [
                    within("s") | {"segment": NO | {"value": None, "matched": False}, "matched": False},
                    a_leaf("age", "gt", 18) | {"actual": 7, "matched": False},
                ],
                "matched": False,
            },
        ],
        "matched": False,
    }
