"""The pinned functions. These numbers never change: people are in experiments by them."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.engine.bucketing import (
    SCHEMES,
    feature_hub_bucket,
    flagsmith_percentage,
    flagsmith_step,
    fnv32,
    go_feature_flag_hash,
    growthbook_bucket,
    growthbook_ranges,
    is_inside,
    shares_of,
)
from decisions.engine.types import FULL
from tests.engine.builders import an_experiment, arms, arms_of, vectors

weights = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=100).filter(any)


@pytest.mark.parametrize("case", vectors("fnv32")["hashes"], ids=lambda case: ascii(case["text"][:20]))
def test_fnv_hashes_utf_16_code_units(case: dict[str, Any]) -> None:
    assert fnv32(case["text"]) == case["hash"]


@given(st.text(st.characters(max_codepoint=0xFF)), st.text(st.characters(min_codepoint=0x100), min_size=1))
@settings(deadline=None)
def test_narrow_and_wide_text_hash_by_the_same_rule(narrow: str, wide: str) -> None:
    expected = fnv32(narrow)
    for unit in memoryview(wide.encode("utf-16-le", "surrogatepass")).cast("H"):
        expected = (expected ^ unit) * 0x01000193 % 2**32

    assert fnv32(narrow + wide) == expected


@pytest.mark.parametrize("case", vectors("growthbook")["buckets"], ids=lambda case: ascii(case["key"][:20]))
def test_growthbook_buckets_are_pinned(case: dict[str, Any]) -> None:
    assert growthbook_bucket(case["seed"], case["key"]) == case["bucket"]


@pytest.mark.parametrize("case", vectors("growthbook")["ranges"], ids=lambda case: case["title"])
def test_growthbook_ranges_are_pinned(case: dict[str, Any]) -> None:
    ranges = growthbook_ranges(case["shares"], case["coverage"])

    assert [bound for pair in ranges for bound in pair] == pytest.approx(
        [bound for pair in case["ranges"] for bound in pair]
    )


@given(weights, st.integers(0, FULL), st.integers(0, FULL))
@settings(deadline=None)
def test_ranges_keep_their_start_and_only_grow_with_the_coverage(arms: list[int], one: int, other: int) -> None:
    shares = shares_of(arms)
    narrow, wide = growthbook_ranges(shares, min(one, other)), growthbook_ranges(shares, max(one, other))

    assert [start for start, _ in narrow] == [start for start, _ in wide]
    assert all(small <= large for (_, small), (_, large) in zip(narrow, wide, strict=True))


@given(weights)
@settings(deadline=None)
def test_full_ranges_leave_no_gap_and_do_not_overlap(arms: list[int]) -> None:
    ranges = growthbook_ranges(shares_of(arms), FULL)

    assert ranges[0][0] == 0
    assert all(end == start for (_, end), (start, _) in pairwise(ranges))
    assert ranges[-1][1] > 0.9999


@given(weights, st.integers(-1, FULL + 1), st.lists(st.text(min_size=1), min_size=1))
@settings(deadline=None)
def test_an_arm_is_the_first_whose_range_holds_the_bucket(arms: list[int], rollout: int, keys: list[str]) -> None:
    named = {f"arm-{index}": weight for index, weight in enumerate(arms)}
    assign = SCHEMES["growthbook"](an_experiment(weights=named, rollout=rollout, seed="s"))
    ranges = list(enumerate(growthbook_ranges(shares_of(arms), rollout)))

    for key in keys:
        position = growthbook_bucket("s", key) / 10_000
        assert assign(key) == next((index for index, (start, end) in ranges if start <= position < end), None)


@given(weights)
@settings(deadline=None)
def test_shares_add_up_to_everybody_and_are_off_by_less_than_one(arms: list[int]) -> None:
    shares = shares_of(arms)

    assert sum(shares) == FULL
    assert all(abs(share - weight * FULL / sum(arms)) < 1 for share, weight in zip(shares, arms, strict=True))


@given(weights)
@settings(deadline=None)
def test_an_arm_without_weight_has_no_share(arms: list[int]) -> None:
    shares = shares_of(arms)

    assert [share for share, weight in zip(shares, arms, strict=True) if weight == 0 and share] == []


def test_shares_of_thirds_give_what_is_left_over_to_the_first() -> None:
    assert shares_of([1, 1, 1]) == [33_334, 33_333, 33_333]


@pytest.mark.parametrize("case", vectors("feature_hub")["buckets"], ids=lambda case: f"{case['salt']} {case['key']}")
def test_feature_hub_buckets_are_pinned(case: dict[str, Any]) -> None:
    assert feature_hub_bucket(case["seed"], case["salt"], case["key"], case["modulus"]) == case["bucket"]


@pytest.mark.parametrize("case", vectors("flagsmith")["percentages"], ids=lambda case: ascii(",".join(case["ids"])))
def test_flagsmith_percentages_are_pinned(case: dict[str, Any]) -> None:
    assert flagsmith_percentage(flagsmith_step(",".join(case["ids"]))) == case["percentage"]


def test_a_flagsmith_percentage_never_reaches_a_hundred() -> None:
    found = [flagsmith_percentage(flagsmith_step(f"fair,user-{number}")) for number in range(40_000)]

    assert min(found) == 0
    assert max(found) == 9997 / 9998 * 100


def test_without_a_control_the_last_arm_of_flagsmith_has_the_rest() -> None:
    weights = {"a": 30, "b": 20, "c": 50}
    bare = arms_of(an_experiment(bucketing="flagsmith", variants=arms(weights, control="")), 500)
    controlled = arms_of(an_experiment(bucketing="flagsmith", variants=arms(weights, control="c")), 500)

    assert bare == controlled


def test_a_prefix_of_flagsmith_is_part_of_the_key() -> None:
    prefixed = arms_of(an_experiment(bucketing="flagsmith", key_prefix="user-1", rollout=50_000, seed="fair"), 10)
    assign = SCHEMES["flagsmith"](an_experiment(bucketing="flagsmith", rollout=50_000, seed="fair"))

    whole = {user: assign(f"user-1{user}") for user in prefixed}
    assert {user: {None: None, 0: "control", 1: "treatment"}[index] for user, index in whole.items()} == prefixed
    assert len(set(whole.values())) == 3


@pytest.mark.parametrize(
    "case", vectors("go_feature_flag")["buckets"], ids=lambda case: ascii(f"{case['seed']} {case['key']}")
)
def test_go_feature_flag_buckets_are_pinned(case: dict[str, Any]) -> None:
    found = go_feature_flag_hash(case["seed"] + case["key"])

    assert (found, found % case["modulus"]) == (case["hash"], case["bucket"])


def test_the_order_of_the_arms_in_go_feature_flag_is_that_of_their_keys() -> None:
    listed = arms_of(an_experiment(bucketing="go_feature_flag", weights={"control": 20, "a": 30, "b": 50}), 500)
    shuffled = arms_of(an_experiment(bucketing="go_feature_flag", weights={"b": 50, "control": 20, "a": 30}), 500)

    assert listed == shuffled


def test_a_percentage_is_the_first_buckets() -> None:
    bucket = growthbook_bucket("dark_mode", "user-1")

    assert not is_inside("dark_mode", "user-1", bucket * 10)
    assert is_inside("dark_mode", "user-1", bucket * 10 + 1)
    assert not is_inside("dark_mode", "user-1", 0)
    assert is_inside("dark_mode", "user-1", FULL)
