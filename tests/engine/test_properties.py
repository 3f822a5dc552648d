"""What holds for every snapshot and every subject, also for those that nothing should ever have stored."""

import json
from itertools import pairwise
from math import sqrt
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisions.engine.bucketing import SCHEMES
from decisions.engine.conditions.binding import Binder
from decisions.engine.conditions.operators import OPERATORS
from decisions.engine.evaluate import compile_snapshot, decide, decide_all
from decisions.engine.explain import explain
from decisions.engine.types import (
    FULL,
    Experiment,
    Feature,
    Layer,
    Override,
    Prerequisite,
    Ramp,
    Reason,
    Rule,
    Status,
    Step,
    Subject,
    Variant,
)
from tests.engine.builders import a_feature, an_experiment
from tests.engine.values import anything, json_values, texts

ON_A_BUSY_MACHINE = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
USERS = [f"user-{number}" for number in range(500)]
REASONS_AT_THE_END = {
    "feature": {Reason.UNDECIDED},
    "status": {Reason.OFF, Reason.ON, Reason.EXPERIMENT_INACTIVE, Reason.UNDECIDED},
    "rollout": {Reason.ROLLOUT, Reason.NOT_IN_ROLLOUT, Reason.UNDECIDED},
    "override": {Reason.OVERRIDE},
    "prerequisite": {Reason.PREREQUISITE},
    "rule": {Reason.RULE, Reason.UNDECIDED},
    "audience": {Reason.NOT_IN_AUDIENCE},
    "layer": {Reason.NOT_IN_LAYER},
    "experiment": {Reason.ASSIGNED, Reason.NOT_IN_ROLLOUT, Reason.UNDECIDED},
}

names = st.sampled_from(["a", "b", "c.d", "id", "key", ""])
keys = st.sampled_from(["f0", "f1", "f2", "f3"])
moments = st.floats(allow_nan=False, min_value=-10, max_value=10) | st.sampled_from([float("inf"), float("-inf")])
rollouts = st.integers(0, FULL) | st.sampled_from([0, FULL, -1, FULL + 1])
leaves = st.fixed_dictionaries(
    {"attribute": names, "operator": st.sampled_from([*OPERATORS, "exists", "not_exists", "percentage", "in_segment"])},
    optional={"value": st.sampled_from(["s0", "s1", "s2"]) | json_values, "seed": texts},
)
trees = st.recursive(
    st.just({"everyone": True}) | leaves | json_values,
    lambda inner: st.dictionaries(st.sampled_from(["all", "any", "none"]), st.lists(inner, max_size=3), max_size=2),
    max_leaves=6,
)
steps = st.lists(
    st.builds(
        Step,
        at=moments,
        status=st.none() | st.sampled_from(Status),
        rollout=st.none() | rollouts,
        value=json_values,
        sets_value=st.booleans(),
    ),
    max_size=3,
).map(tuple)
ramps = st.none() | st.builds(Ramp, moments, rollouts, moments, rollouts)
variants = st.builds(
    Variant,
    key=texts,
    weight=st.sampled_from([0, 1, 50, -1, 10**9]),
    is_control=st.booleans(),
    value=json_values,
    payload=st.dictionaries(st.sampled_from(["f0", "value", "x"]), json_values, max_size=2),
)


@st.composite
def snapshots(draw: st.DrawFn) -> list[Feature]:
    """The features of an environment; any of its references may lead nowhere, and any stored value be wrong."""
    segments = draw(st.dictionaries(st.sampled_from(["s0", "s1", "s2"]), trees, max_size=3))
    conditions = trees.map(Binder(segments).bind)
    experiments = st.builds(
        Experiment,
        public_id=st.just("exp-001"),
        key=texts,
        seed=texts,
        variants=st.lists(variants, max_size=3).map(tuple),
        is_running=st.sampled_from([True, True, False]),
        rollout=rollouts,
        bucketing=st.sampled_from([*SCHEMES, "", "no_such_scheme"]),
        hash_attribute=names,
        audience=st.none() | conditions,
        layer=st.none() | st.builds(Layer, texts, texts),
        slots=st.lists(st.tuples(st.integers(-1, 10_001), st.integers(-1, 10_001)), max_size=3).map(tuple),
        key_prefix=texts,
    )
    rules = st.builds(
        Rule,
        key=texts,
        condition=conditions,
        value=json_values,
        rollout=rollouts,
        experiment=st.none() | experiments,
        is_on=st.sampled_from([True, True, False]),
        steps=steps,
        ramp=ramps,
    )
    overrides = st.dictionaries(
        st.sampled_from(["user-1", "user-2", ""]), st.builds(Override, json_values, st.none() | moments), max_size=2
    )
    prerequisites = st.builds(
        Prerequisite,
        feature_key=keys,
        enabled=st.none() | st.booleans(),
        value=json_values,
        needs_value=st.booleans(),
    )
    feature = st.builds(
        Feature,
        key=keys,
        status=st.sampled_from(Status),
        on_value=json_values,
        off_value=json_values,
        rollout=rollouts,
        experiment=st.none() | experiments,
        rules=st.lists(rules, max_size=3).map(tuple),
        overrides=overrides,
        prerequisites=st.lists(prerequisites, max_size=2).map(tuple),
        steps=steps,
        ramp=ramps,
    )
    return draw(st.lists(feature, max_size=4))


subjects = st.builds(
    Subject,
    key=st.none() | st.sampled_from(["user-1", "user-2", ""]) | texts,
    attributes=st.dictionaries(st.sampled_from(["a", "b", "c", "c.d", "id", ""]), anything, max_size=4),
    at=moments | st.just(float("nan")),
)


@given(snapshots(), subjects)
@ON_A_BUSY_MACHINE
def test_deciding_never_fails_whatever_is_stored(features: list[Feature], subject: Subject) -> None:
    snapshot = compile_snapshot(features)

    for key in [*snapshot, "unknown"]:
        decision = decide(snapshot, key, subject)
        assert decision.feature.key == key
        assert (decision.reason is Reason.UNDECIDED) == (decision.fault is not None)
        assert decision.in_experiment == (decision.reason is Reason.ASSIGNED)


@given(snapshots(), subjects)
@ON_A_BUSY_MACHINE
def test_the_same_question_has_the_same_answer(features: list[Feature], subject: Subject) -> None:
    snapshot, again = compile_snapshot(features), compile_snapshot(features)

    assert decide_all(snapshot, subject).keys() == decide_all(again, subject).keys()
    for key in snapshot:
        one, other = decide(snapshot, key, subject), decide(again, key, subject)
        assert decide(snapshot, key, subject) is one
        assert (one.reason, one.fault, one.variant is other.variant) == (other.reason, other.fault, True)
        assert one.value is other.value


@given(snapshots(), subjects)
@ON_A_BUSY_MACHINE
def test_deciding_all_is_deciding_each(features: list[Feature], subject: Subject) -> None:
    snapshot = compile_snapshot(features)

    together = decide_all(snapshot, subject)

    assert list(together) == list(snapshot)
    assert all(decide(snapshot, key, subject) is decision for key, decision in together.items())


@given(snapshots(), subjects)
@ON_A_BUSY_MACHINE
def test_an_explanation_ends_where_the_decision_does(features: list[Feature], subject: Subject) -> None:
    snapshot = compile_snapshot(features)

    for key in [*snapshot, "unknown"]:
        found = explain(snapshot, key, subject)
        assert found.decision == decide(snapshot, key, subject) or found.decision is decide(snapshot, key, subject)
        assert found.decision.reason in REASONS_AT_THE_END[found.steps[-1]["step"]]
        assert json.dumps(found.steps)


@given(st.text(min_size=1), st.lists(st.integers(0, FULL), min_size=2, max_size=5), st.sampled_from(sorted(SCHEMES)))
@settings(deadline=None, max_examples=20)
def test_who_is_in_stays_in_as_a_rollout_grows(seed: str, rollouts: list[int], scheme: str) -> None:
    before: dict[tuple[str, str], Any] = {}

    for rollout in sorted(rollouts):
        experiment = an_experiment(seed=seed, rollout=rollout, bucketing=scheme)
        rules = (Rule("some", Binder({}).bind({"everyone": True}), rollout=rollout),)
        features = [a_feature(experiment), a_feature(key="on", rollout=rollout), a_feature(key="rule", rules=rules)]
        snapshot = compile_snapshot(features)
        after = {
            (user, key): decision.value
            for user in USERS[:100]
            for key, decision in decide_all(snapshot, Subject(user)).items()
            if decision.reason in {Reason.ASSIGNED, Reason.ROLLOUT, Reason.RULE} or (key == "on" and decision.enabled)
        }
        assert before.items() <= after.items()
        before = after


@given(
    st.integers(0, FULL),
    st.integers(0, FULL),
    st.floats(0, 1e9),
    st.floats(1e-3, 1e9),
    st.lists(st.floats(-1, 2), min_size=2, max_size=6),
)
@settings(deadline=None, max_examples=50)
def test_who_is_in_stays_in_as_a_ramp_goes_up(one: int, other: int, start: float, length: float, shares: Any) -> None:
    ramp = Ramp(start, min(one, other), start + length, max(one, other))
    snapshot, before = compile_snapshot([a_feature(ramp=ramp)]), set[str]()

    for share in sorted(shares):
        at = start + share * length
        after = {user for user in USERS[:100] if decide(snapshot, "button", Subject(user, at=at)).enabled}
        assert before <= after
        before = after


@given(st.text(), st.lists(st.integers(0, 10_000), min_size=4, max_size=6, unique=True))
@settings(deadline=None, max_examples=25)
def test_nobody_is_in_two_experiments_of_a_layer(seed: str, ends: list[int]) -> None:
    ordered, layer = sorted(ends), Layer("layer", seed)
    ranges = list(pairwise(ordered))
    features = [
        a_feature(an_experiment(key=f"e{index}", layer=layer, slots=(slots,)), key=f"f{index}")
        for index, slots in enumerate(ranges)
    ]
    snapshot = compile_snapshot(features)

    for user in USERS[:100]:
        assert sum(decision.in_experiment for decision in decide_all(snapshot, Subject(user)).values()) <= 1


@given(
    st.sampled_from(sorted(SCHEMES)),
    st.lists(st.integers(1, 100), min_size=2, max_size=4),
    st.sampled_from([20_000, 50_000, FULL]),
)
@settings(deadline=None, max_examples=30, derandomize=True)  # one in thousands lies outside four sigma, and may
def test_weights_and_rollouts_are_respected_within_four_sigma(scheme: str, weights: list[int], rollout: int) -> None:
    named = {f"arm-{index}": weight for index, weight in enumerate(weights)}
    snapshot = compile_snapshot([a_feature(an_experiment(weights=named, bucketing=scheme, rollout=rollout))])
    found = [decide(snapshot, "button", Subject(f"user-{number}")) for number in range(2_000)]

    for key, weight in named.items():
        share = weight / sum(weights) * rollout / FULL
        count = sum(
            bool(decision.in_experiment and decision.variant and decision.variant.key == key) for decision in found
        )
        assert abs(count - 2_000 * share) < 4 * sqrt(2_000 * share * (1 - share)) + 1
