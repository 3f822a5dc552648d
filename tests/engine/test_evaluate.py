"""Every way in which a decision can come out, and that it always does."""

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.engine.bucketing import is_inside
from decisions.engine.choices.outcomes import served_value
from decisions.engine.conditions.binding import Binder
from decisions.engine.evaluate import compile_snapshot, decide, decide_all
from decisions.engine.types import FULL, Decision, Experiment, Fault, Feature, Reason, Rule, Status, Subject, Variant
from tests.engine.builders import a_feature, an_experiment, decided

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
foreign = st.sampled_from([object(), b"bytes", 1j, {1, 2}, (), range(3), Exception("none of ours")])
variants = st.builds(
    Variant,
    key=st.text(st.characters()),
    weight=st.sampled_from([0, 0, 1, 50, 10**6]),
    is_control=st.booleans(),
    value=json_values,
    payload=st.dictionaries(st.text(max_size=3), json_values, max_size=3),
)
experiments = st.builds(
    Experiment,
    public_id=st.just("exp-001"),
    key=st.text(),
    seed=st.text(st.characters()),
    variants=st.lists(variants, max_size=4).map(tuple),
    is_running=st.booleans(),
    rollout=st.integers(0, FULL),
    bucketing=st.sampled_from(["growthbook", "feature_hub", "", "no_such_scheme"]),
)
features = st.builds(
    Feature,
    key=st.text(max_size=3),
    status=st.sampled_from(Status),
    on_value=json_values,
    off_value=json_values,
    rollout=st.integers(0, FULL),
    experiment=st.none() | experiments,
)
subjects = st.builds(
    Subject,
    key=st.none() | st.text(st.characters()),
    attributes=st.dictionaries(st.text(), json_values | foreign, max_size=3),
)
configurations = st.lists(features, max_size=4)


@given(configurations, subjects, st.text(max_size=3))
@settings(deadline=None, max_examples=300)
def test_deciding_never_fails(configuration: list[Feature], subject: Subject, unknown: str) -> None:
    snapshot = compile_snapshot(configuration)

    for key in [*snapshot, unknown]:
        decision = decide(snapshot, key, subject)
        assert decision.feature.key == key
        assert (decision.reason is Reason.UNDECIDED) == (decision.fault is not None)
        assert decision.in_experiment == (decision.reason is Reason.ASSIGNED)


@given(configurations, subjects)
@settings(deadline=None)
def test_the_same_question_has_the_same_answer(configuration: list[Feature], subject: Subject) -> None:
    once, again = (decide_all(compile_snapshot(configuration), subject) for _ in range(2))

    assert repr(once) == repr(again)  # not ==, because NaN is not equal to itself


class Watched(dict[str, Any]):
    """Attributes that count how often they are looked at."""

    looks = 0

    def get(self, *given: Any) -> Any:
        self.looks += 1
        return super().get(*given)


def test_a_segment_is_asked_once_for_all_features_that_are_decided_together() -> None:
    binder = Binder({"pros": {"attribute": "plan", "operator": "equals", "value": "pro"}})
    rules = [Rule("r1", binder.bind({"operator": "in_segment", "value": "pros"}), value=n) for n in range(50)]
    snapshot = compile_snapshot([a_feature(key=f"f{n}", rules=(rule,)) for n, rule in enumerate(rules)])
    attributes = Watched(plan="pro")

    values = [decision.value for decision in decide_all(snapshot, Subject("user-1", attributes)).values()]

    assert values == list(range(50))
    assert attributes.looks == 1


def test_what_was_found_out_about_a_subject_is_forgotten_after_the_answer() -> None:
    binder = Binder({"pros": {"attribute": "plan", "operator": "equals", "value": "pro"}})
    rule = Rule("r1", binder.bind({"operator": "in_segment", "value": "pros"}), value="for pros")
    snapshot, attributes = compile_snapshot([a_feature(rules=(rule,))]), {"plan": "pro"}
    subject = Subject("user-1", attributes)

    before = decide_all(snapshot, subject)["button"].value
    attributes["plan"] = "free"

    assert (before, decide_all(snapshot, subject)["button"].value) == ("for pros", True)


def test_a_snapshot_cannot_be_changed() -> None:
    assert isinstance(compile_snapshot([a_feature()]), MappingProxyType)


def test_an_unknown_flag_is_a_fault_not_a_default() -> None:
    decision = decide(compile_snapshot([a_feature()]), "nowhere", Subject("user-1"))

    assert decision == Decision(Feature("nowhere"), Reason.UNDECIDED, fault=Fault.FLAG_NOT_FOUND)
    assert (decision.value, decision.enabled) == (None, False)


def test_a_feature_that_is_off_serves_its_off_value() -> None:
    decision = decided(a_feature(status=Status.OFF, on_value="new", off_value="old"))

    assert (decision.reason, decision.value, decision.enabled) == (Reason.OFF, "old", False)


def test_a_feature_that_is_off_needs_no_key() -> None:
    assert decided(a_feature(status=Status.OFF), key=None).fault is None


def test_a_feature_that_is_on_serves_its_on_value_to_everybody() -> None:
    for key in ("user-1", "", None):
        decision = decided(a_feature(on_value="new"), key)
        assert (decision.reason, decision.value, decision.enabled) == (Reason.ON, "new", True)


def test_a_percentage_serves_the_on_value_inside_and_the_off_value_outside() -> None:
    feature = a_feature(rollout=50_000, on_value="new", off_value="old")
    outcomes = {(is_inside("button", key, 50_000), decided(feature, key).reason) for key in map(str, range(50))}

    assert outcomes == {(True, Reason.ROLLOUT), (False, Reason.NOT_IN_ROLLOUT)}
    assert {decided(feature, str(n)).value for n in range(50)} == {"new", "old"}


@pytest.mark.parametrize("key", [None, ""])
def test_a_percentage_of_nobody_in_particular_is_a_fault(key: str | None) -> None:
    decision = decided(a_feature(rollout=50_000, off_value="old"), key)

    assert (decision.reason, decision.fault) == (Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING)
    assert (decision.value, decision.enabled) == ("old", False)


def test_raising_a_percentage_keeps_everybody_who_is_in() -> None:
    keys = [f"user-{number}" for number in range(2_000)]
    inside: set[str] = set()

    for percent in (0, 10, 50, 99, 100):
        snapshot = compile_snapshot([a_feature(rollout=percent * 1000)])
        now = {key for key in keys if decide(snapshot, "button", Subject(key)).enabled}
        assert inside <= now
        inside = now

    assert inside == set(keys)


def test_who_takes_part_gets_the_arm_with_its_payload() -> None:
    treatment = Variant("treatment", weight=1, payload={"ui": "v2"})
    experiment = an_experiment(variants=(treatment,))

    decision = decided(a_feature(experiment))

    assert (decision.reason, decision.variant, decision.in_experiment) == (Reason.ASSIGNED, treatment, True)
    assert (decision.enabled, decision.payload, decision.experiment) == (True, {"ui": "v2"}, experiment)


@pytest.mark.parametrize(
    ("experiment", "reason", "fault"),
    [
        (an_experiment(is_running=False), Reason.EXPERIMENT_INACTIVE, None),
        (an_experiment(bucketing="no_such_scheme"), Reason.EXPERIMENT_INACTIVE, None),
        (an_experiment(rollout=0), Reason.NOT_IN_ROLLOUT, None),
        (an_experiment(weights={"control": 0, "treatment": 0}), Reason.UNDECIDED, Fault.WEIGHT_REQUIRED),
    ],
    ids=["paused", "unknown scheme", "outside", "no weight"],
)
def test_who_takes_no_part_gets_the_control(experiment: Experiment, reason: Reason, fault: Fault | None) -> None:
    decision = decided(a_feature(experiment))

    assert (decision.reason, decision.fault) == (reason, fault)
    assert (decision.variant, decision.value) == (experiment.variants[0], "control")
    assert (decision.enabled, decision.in_experiment, decision.payload) == (False, False, {})


def test_an_experiment_status_without_an_experiment_serves_the_off_value() -> None:
    decision = decided(a_feature(status=Status.EXPERIMENT, off_value="old"))

    assert (decision.reason, decision.value, decision.variant) == (Reason.EXPERIMENT_INACTIVE, "old", None)


def test_an_experiment_without_variants_is_a_fault() -> None:
    decision = decided(a_feature(an_experiment(variants=()), off_value="old"))

    assert (decision.fault, decision.value) == (Fault.VARIANT_REQUIRED, "old")


def test_without_a_control_the_off_value_is_served_outside() -> None:
    decision = decided(a_feature(an_experiment(weights={"a": 1, "b": 1}, rollout=0), off_value="old"))

    assert (decision.value, decision.variant) == ("old", None)


@pytest.mark.parametrize("key", [None, ""])
def test_an_experiment_on_nobody_in_particular_is_a_fault(key: str | None) -> None:
    decision = decided(a_feature(an_experiment()), key)

    assert (decision.fault, decision.value) == (Fault.TARGETING_KEY_MISSING, "control")


def test_without_a_seed_the_key_of_the_experiment_salts_it() -> None:
    unseeded = {key: decided(a_feature(an_experiment(seed="")), key).value for key in map(str, range(50))}
    seeded = {key: decided(a_feature(an_experiment(seed="colours")), key).value for key in map(str, range(50))}

    assert unseeded == seeded


@pytest.mark.parametrize(
    ("variant", "value"),
    [
        (Variant("a", 1, value="set", payload={"button": 1, "value": 2}), "set"),
        (Variant("a", 1, value=False, payload={"button": 1}), False),
        (Variant("a", 1, payload={"button": 1, "value": 2}), 1),
        (Variant("a", 1, payload={"button": None, "value": 2}), None),
        (Variant("a", 1, payload={"value": 2, "ui": 3}), 2),
        (Variant("a", 1, payload={"ui": 3}), {"ui": 3}),
        (Variant("a", 1), "a"),
    ],
    ids=["value", "false is a value", "feature key", "null in the payload", "value in the payload", "payload", "key"],
)
def test_a_variant_serves_the_first_value_that_is_there(variant: Variant, value: object) -> None:
    assert served_value(a_feature(), variant) == value
