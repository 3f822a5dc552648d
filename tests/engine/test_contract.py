"""What every bucketing scheme promises, whichever it is. A new scheme is in here as soon as it is in the table."""

import json
from math import sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.engine.bucketing import SCHEMES
from decisions.engine.types import FULL, Reason
from tests.engine.builders import VECTORS, a_feature, an_experiment, arms_of, decided, vectors

OTHER_VECTORS = {"fnv32"}
USERS = 10_000

every_scheme = pytest.mark.parametrize("scheme", sorted(SCHEMES))
cases = [(scheme, case) for scheme in sorted(SCHEMES) for case in vectors(scheme)["assignments"]]


def test_no_scheme_is_without_vectors_and_no_vectors_without_a_scheme() -> None:
    found = {path.stem for path in VECTORS.glob("*.json")} - OTHER_VECTORS

    assert found == SCHEMES.keys()


@every_scheme
def test_the_vectors_of_a_scheme_show_every_kind_of_outcome(scheme: str) -> None:
    outcomes = [case["variant"] for case in vectors(scheme)["assignments"]]

    assert len(outcomes) >= 10
    assert {None, "control"} < set(outcomes)
    assert "用户☃" in json.dumps(vectors(scheme), ensure_ascii=False)


@pytest.mark.parametrize(("scheme", "case"), cases, ids=lambda part: part if isinstance(part, str) else part["title"])
def test_assignments_are_pinned(scheme: str, case: dict[str, Any]) -> None:
    rollout = round(case["rollout_percent"] * 1000)
    salts = {name: case[name] for name in ("public_id", "seed", "key_prefix") if name in case}
    experiment = an_experiment(bucketing=scheme, rollout=rollout, weights=dict(case["weights"]), **salts)
    decision = decided(a_feature(experiment), case["user"])

    variant = decision.variant.key if decision.in_experiment and decision.variant else None
    assert variant == case["variant"]


@every_scheme
@given(
    key=st.text(st.characters(), min_size=1),
    seed=st.text(st.characters()),
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any),
    rollout=st.integers(0, FULL),
)
@settings(deadline=None)
def test_a_scheme_answers_whatever_it_is_given(
    scheme: str, key: str, seed: str, weights: list[int], rollout: int
) -> None:
    named = {f"arm-{index}": weight for index, weight in enumerate(weights)}
    feature = a_feature(an_experiment(bucketing=scheme, seed=seed, weights=named, rollout=rollout))

    once, again = decided(feature, key), decided(feature, key)

    assert once == again
    assert once.reason in {Reason.ASSIGNED, Reason.NOT_IN_ROLLOUT}
    assert once.variant is None or once.variant.weight > 0


@every_scheme
@pytest.mark.parametrize("weights", [{"control": 50, "a": 50}, {"control": 1, "a": 2, "b": 7}, {"control": 1, "a": 99}])
def test_weights_are_respected_within_four_sigma(scheme: str, weights: dict[str, int]) -> None:
    found = list(arms_of(an_experiment(bucketing=scheme, seed="scales", weights=weights), USERS).values())

    for key, weight in weights.items():
        share = weight / sum(weights.values())
        assert abs(found.count(key) - share * USERS) < 4 * sqrt(USERS * share * (1 - share))


@every_scheme
def test_the_rollout_is_respected_within_four_sigma(scheme: str) -> None:
    found = arms_of(an_experiment(bucketing=scheme, seed="scales", rollout=20_000), USERS)

    inside = sum(arm is not None for arm in found.values())
    assert abs(inside - 0.2 * USERS) < 4 * sqrt(USERS * 0.2 * 0.8)


@every_scheme
def test_half_of_a_half_and_half_experiment_splits_within_three_sigma(scheme: str) -> None:
    found = list(arms_of(an_experiment(bucketing=scheme, seed="fair", rollout=50_000), USERS).values())

    control, treatment = found.count("control"), found.count("treatment")
    assert abs(control + treatment - USERS / 2) < 3 * sqrt(USERS / 4)
    assert abs(control - treatment) < 3 * sqrt(control + treatment)


@every_scheme
def test_a_rollout_favours_no_arm_whatever_the_seed(scheme: str) -> None:
    """The sum of squared deviations, in sigmas, over experiments: two hashes that are not independent double it."""
    seeds, total = 20, 0.0

    for number in range(seeds):
        found = list(arms_of(an_experiment(bucketing=scheme, seed=f"s{number}", rollout=30_000), 2_000).values())
        control, treatment = found.count("control"), found.count("treatment")
        total += (control - treatment) ** 2 / (control + treatment)

    assert total < seeds + 4 * sqrt(2 * seeds)


@every_scheme
def test_raising_the_rollout_keeps_everybody_who_is_in_where_they_are(scheme: str) -> None:
    before: dict[str, str | None] = {}

    for percent in (0, 1, 50, 51, 99, 100):
        after = arms_of(an_experiment(bucketing=scheme, seed="fair", rollout=percent * 1000), USERS)
        assert [user for user, arm in before.items() if arm and after[user] != arm] == []
        before = after

    assert None not in before.values()


@every_scheme
def test_nobody_gets_an_arm_without_weight(scheme: str) -> None:
    weights = {"nobody": 0, "control": 1, "nobody_either": 0, "treatment": 1, "nobody_at_all": 0}

    found = arms_of(an_experiment(bucketing=scheme, weights=weights), USERS)

    assert set(found.values()) == {"control", "treatment"}


@every_scheme
def test_another_seed_reshuffles_everybody(scheme: str) -> None:
    one = arms_of(an_experiment(bucketing=scheme, seed="one"), USERS)
    other = arms_of(an_experiment(bucketing=scheme, seed="other"), USERS)

    stayed = sum(one[user] == other[user] for user in one)
    assert abs(stayed - USERS / 2) < 4 * sqrt(USERS / 4)
