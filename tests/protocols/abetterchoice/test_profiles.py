"""Profiles: text that is read as whatever a condition asks for."""

from typing import Any

import pytest

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import Subject
from decisions.protocols._base import Refusal
from decisions.protocols.abetterchoice.profiles import attributes

NONE: frozenset[str] = frozenset()


def read(value: Any, bucketing: frozenset[str] = NONE) -> Any:
    return attributes({"age": value}, bucketing).get("age")


def test_a_value_is_all_that_it_spells() -> None:
    assert read({"user_attrs": ["DE"]}) == "DE"
    assert read({"user_attrs": ["18"]}) == ["18", 18]
    assert read({"user_attrs": ["-1.50"]}) == ["-1.50", -1.5]
    assert read({"user_attrs": ["true"]}) == ["true", True]
    assert read({"user_attrs": ["18", "DE"]}) == ["18", 18, "DE"]
    assert read({"user_attrs": []}) is None


@pytest.mark.parametrize("text", ["018", "+1", "1.", ".5", "1_0", " 1 ", "1e999", "NaN", "Infinity", "0x1", "1,5", "٥",
                                  "True", "9" * 400, "-", ""])  # fmt: skip
def test_text_that_is_no_json_number_stays_text(text: str) -> None:
    assert read(text) == text


def test_bare_values_are_taken_as_callers_send_them() -> None:
    assert read("DE") == "DE"
    assert read(18) == read("18") == ["18", 18]
    assert read(True) == ["true", True]
    assert read(["18", "19"]) == ["18", 18, "19", 19]
    assert read(None) is None


@pytest.mark.parametrize("value", [{}, {"attrs": []}, [[]], [None], [{}], {"user_attrs": {}}, {"user_attrs": [["18"]]}])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(Refusal, match="the profile 'age' must"):
        read(value)


def test_what_subjects_are_bucketed_by_stays_one_text() -> None:
    assert read({"user_attrs": ["18"]}, frozenset({"age"})) == "18"


@pytest.mark.parametrize(
    ("operator", "value", "text", "holds"),
    [
        ("equals", "18", "18", True),
        ("equals", 18, "18", True),
        ("equals", 18, "18.0", True),
        ("equals", "18", "18.0", False),
        ("not_equals", "18", "18", False),
        ("not_equals", 18, "18", False),
        ("not_equals", 18, "19", True),
        ("not_equals", "18", "19", True),
        ("in", ["17", "18"], "18", True),
        ("not_in", [17, "18"], "18", False),
        ("not_in", [17, "19"], "18", True),
        ("gt", 17, "18", True),
        ("gt", 17, "eighteen", False),
        ("between", [18, 30], "18", True),
        ("modulo", [2, 0], "18", True),
        ("equals", True, "true", True),
        ("not_equals", True, "false", True),
        ("equals", "true", "true", True),
        ("contains", "8", "18", True),
        ("semver_gte", "1.2.0", "1.10.0", True),
        ("before", "2026-06-01", "2026-05-31", True),
        ("exists", None, "0", True),
    ],
)
def test_each_condition_reads_what_it_compares(operator: str, value: Any, text: str, holds: bool) -> None:
    tree = {"attribute": "age", "operator": operator, "value": value}
    subject = Subject("u", attributes({"age": {"user_attrs": [text]}}, NONE))

    assert Binder({}).bind(tree)(subject) is holds
