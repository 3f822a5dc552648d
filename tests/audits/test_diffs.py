"""Differences as people read them: nothing is lost, whatever the values are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.diffs import ADDED, LINES_MAX, REMOVED, SAME, fields_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(before=st.lists(VALUES, min_size=1), after=st.lists(VALUES))
def test_both_sides_can_be_read_back_from_the_lines(before: list[Any], after: list[Any]) -> None:
    [field] = fields_of({"x": before}, {"x": after})

    assert json.loads("\n".join(line for kind, line in field.lines if kind != ADDED)) == before
    assert json.loads("\n".join(line for kind, line in field.lines if kind != REMOVED)) == after


def test_fields_that_changed_come_first() -> None:
    found = fields_of({"a": 1, "z": 1}, {"a": 1, "z": 2})

    assert [(field.name, field.is_changed) for field in found] == [("z", True), ("a", False)]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({}, {"name": "New"}, (None, "New")),
        ({"name": "Old"}, {}, ("Old", None)),
        ({"name": ""}, {"name": "New"}, ('""', "New")),
        ({"on": True}, {"on": None}, ("true", "null")),
        ({"rollout_percent": "100.000"}, {"rollout_percent": "12.5"}, ("100", "12.5")),
        ({"version": "1.10"}, {"version": "1.1"}, ("1.10", "1.1")),
    ],
)
def test_each_side_is_in_words(before: Any, after: Any, shown: Any) -> None:
    [field] = fields_of(before, after)

    assert (field.before, field.after) == shown
    assert field.lines == ()


def test_what_both_sides_share_is_told_from_what_changed() -> None:
    [field] = fields_of({"tags": ["a", "b"]}, {"tags": ["a", "c"]})

    assert field.lines == (
        (SAME, "["),
        (SAME, '  "a",'),
        (REMOVED, '  "b"'),
        (ADDED, '  "c"'),
        (SAME, "]"),
    )


def test_a_very_long_value_is_shown_whole() -> None:
    values = list(range(LINES_MAX))

    [field] = fields_of({"x": values}, {"x": [*values, 1]})

    assert len(field.lines) == 2 * LINES_MAX + 5
