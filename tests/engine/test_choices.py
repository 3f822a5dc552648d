"""The order of deciding, and what time, layers and other features do to it."""

from collections.abc import Mapping
from typing import Any

import pytest

from decisions.engine.bucketing import growthbook_bucket
from decisions.engine.conditions.binding import Binder
from decisions.engine.evaluate import compile_snapshot, decide
from decisions.engine.types import (
    FULL,
    Condition,
    Decision,
    Experiment,
    Fault,
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
)
from tests.engine.builders import a_feature, an_experiment, decided

USERS = [f"user-{number}" for number in range(2_000)]
NOON = 1_800_000_000.0
HOUR = 3_600.0
LAYER = Layer("checkout", "layer-seed")


def a_condition(tree: Any) -> Condition:
    return Binder({}).bind(tree)


def plan(value: str) -> Condition:
    return a_condition({"attribute": "plan", "operator": "equals", "value": value})


EVERYONE = a_condition({"everyone": True})


def a_rule(key: str = "r1", condition: Condition = EVERYONE, **changes: Any) -> Rule:
    return Rule(key, condition, **{"value": key, **changes})


def decided_at(feature: Feature, moment: float, key: str | None = "user-1") -> Decision:
    return decide(compile_snapshot([feature]), feature.key, Subject(key, at=moment))


def enabled_at(feature: Feature, moment: float) -> set[str]:
    """The users for whom a feature is on at a moment."""
    snapshot = compile_snapshot([feature])
    return {user for user in USERS if decide(snapshot, feature.key, Subject(user, at=moment)).enabled}


def needing(*features: Feature, **attributes: Any) -> Decision:
    """What a subject gets from the first feature, which may need the others."""
    return decide(compile_snapshot(features), features[0].key, Subject("user-1", attributes))


def reasons(experiment: Experiment, **attributes: Any) -> dict[str, Reason]:
    snapshot = compile_snapshot([a_feature(experiment)])
    return {user: decide(snapshot, "button", Subject(user, attributes)).reason for user in USERS}


def a_feature_with_everything(**changes: Any) -> Feature:
    """One that has something to say in every step of deciding."""
    everything: dict[str, Any] = {
        "overrides": {"user-1": Override("forced")},
        "prerequisites": (Prerequisite("elsewhere"),),
        "rules": (a_rule(),),
        "off_value": "old",
    }
    return a_feature(an_experiment(), **everything | changes)


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        ({"status": Status.OFF}, Reason.OFF),
        ({}, Reason.OVERRIDE),
        ({"overrides": {}}, Reason.PREREQUISITE),
        ({"overrides": {}, "prerequisites": ()}, Reason.RULE),
        ({"overrides": {}, "prerequisites": (), "rules": ()}, Reason.ASSIGNED),
        (
            {"overrides": {}, "prerequisites": (), "rules": (), "status": Status.ON, "rollout": FULL // 2},
            Reason.ROLLOUT,
        ),
        ({"overrides": {}, "prerequisites": (), "rules": (), "status": Status.ON}, Reason.ON),
    ],
    ids=lambda part: part.value if isinstance(part, Reason) else "",
)
def test_the_first_that_has_something_to_say_decides(without: Mapping[str, Any], reason: Reason) -> None:
    inside = next(user for user in USERS if growthbook_bucket("button", user) < 5_000)
    feature = a_feature_with_everything(**{"overrides": {inside: Override("forced")}, **without})

    assert decided(feature, inside).reason is reason


def test_an_override_is_for_one_key_alone() -> None:
    feature = a_feature(overrides={"user-1": Override("forced"), "": Override("nobody's")}, on_value="new")

    assert decided(feature, "user-1").value == "forced"
    assert decided(feature, "user-1").enabled is True
    assert [decided(feature, key).value for key in ("user-2", "", None)] == ["new"] * 3


@pytest.mark.parametrize(("moment", "reason"), [(NOON - 1, Reason.OVERRIDE), (NOON, Reason.ON), (NOON + 1, Reason.ON)])
def test_an_override_expires_by_the_time_of_the_subject(moment: float, reason: Reason) -> None:
    feature = a_feature(overrides={"user-1": Override("forced", expires_at=NOON)})

    assert decided_at(feature, moment).reason is reason


def test_the_first_rule_that_means_the_subject_serves_its_value() -> None:
    rules = (a_rule("pro", plan("pro")), a_rule("any", plan("pro")), a_rule("free", plan("free")))
    feature = a_feature(rules=rules, on_value="rest")

    assert [decided(feature, plan=name).value for name in ("pro", "free", "none")] == ["pro", "free", "rest"]
    assert decided(feature, plan="free").rule == rules[2]
    assert decided(feature, plan="free").enabled is True


def test_whoever_is_outside_the_percentage_of_a_rule_goes_on_to_the_next() -> None:
    feature = a_feature(rules=(a_rule("some", rollout=30_000), a_rule("others")))

    values = [decided(feature, user).value for user in USERS]

    assert set(values) == {"some", "others"}
    assert abs(values.count("some") - 600) < 4 * (2_000 * 0.3 * 0.7) ** 0.5


def test_the_percentages_of_two_rules_are_independent() -> None:
    feature = a_feature(rules=(a_rule("one", rollout=50_000), a_rule("two", rollout=50_000)), on_value="rest")

    values = [decided(feature, user).value for user in USERS]

    assert all(abs(values.count(value) - share) < 90 for value, share in (("one", 1_000), ("two", 500), ("rest", 500)))


@pytest.mark.parametrize(
    ("rollout", "reason", "fault"),
    [
        (FULL, Reason.RULE, None),
        (50_000, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING),
        (0, Reason.ON, None),
    ],
)
def test_a_key_is_missed_only_where_it_would_decide(rollout: int, reason: Reason, fault: Fault | None) -> None:
    decision = decided(a_feature(rules=(a_rule(rollout=rollout),)), None)

    assert (decision.reason, decision.fault) == (reason, fault)


def test_a_rule_that_is_off_is_passed_over() -> None:
    assert decided(a_feature(rules=(a_rule(is_on=False),))).reason is Reason.ON


def test_a_rule_may_run_an_experiment() -> None:
    rule = a_rule(condition=plan("pro"), experiment=an_experiment(rollout=50_000))
    feature = a_feature(rules=(rule,), on_value="rest")

    taking_part = [decided(feature, user, plan="pro") for user in USERS]

    assert {(decision.reason, decision.value) for decision in taking_part} == {
        (Reason.ASSIGNED, "control"),
        (Reason.ASSIGNED, "treatment"),
        (Reason.NOT_IN_ROLLOUT, "control"),
    }
    assert all(decision.rule is rule for decision in taking_part)
    assert decided(feature, plan="free").value == "rest"


@pytest.mark.parametrize(
    ("prerequisite", "required", "is_met"),
    [
        (Prerequisite("other"), {}, True),
        (Prerequisite("other"), {"status": Status.OFF}, False),
        (Prerequisite("other", enabled=False), {"status": Status.OFF}, True),
        (Prerequisite("other", enabled=False), {}, False),
        (Prerequisite("other", enabled=None, needs_value=True, value="b"), {"on_value": "b"}, True),
        (Prerequisite("other", enabled=None, needs_value=True, value="b"), {"on_value": "a"}, False),
        (Prerequisite("other", enabled=None, needs_value=True, value="b"), {"off_value": "b", "rollout": 0}, True),
        (Prerequisite("other", needs_value=True, value="b"), {"off_value": "b", "rollout": 0}, False),
        (Prerequisite("other", needs_value=True, value=1), {"on_value": True}, False),
        (Prerequisite("other", needs_value=True, value=True), {"on_value": 1}, False),
        (Prerequisite("other", needs_value=True, value=1), {"on_value": 1.0}, True),
        (Prerequisite("other", needs_value=True, value=None), {"on_value": None}, True),
        (Prerequisite("other", needs_value=True, value=[True]), {"on_value": [1]}, False),
        (Prerequisite("other", needs_value=True, value={"a": 0}), {"on_value": {"a": False}}, False),
        (Prerequisite("other", needs_value=True, value={"a": [1]}), {"on_value": {"a": [1]}}, True),
        (Prerequisite("unknown"), {}, False),
        (Prerequisite("unknown", enabled=False), {}, False),
        (
            Prerequisite("other", enabled=None),
            {"experiment": an_experiment(variants=()), "status": "experiment"},
            False,
        ),
    ],
    ids=range(18),
)
def test_a_prerequisite_asks_another_feature(prerequisite: Prerequisite, required: Any, is_met: bool) -> None:
    if "status" in required:
        required = required | {"status": Status(required["status"])}
    feature, other = a_feature(prerequisites=(prerequisite,), off_value="old"), a_feature(key="other", **required)

    decision = needing(feature, other)

    assert decision.reason is (Reason.ON if is_met else Reason.PREREQUISITE)
    assert (decision.enabled, decision.value) == ((True, True) if is_met else (False, "old"))


def test_every_prerequisite_must_be_met_for_the_same_subject() -> None:
    feature = a_feature(prerequisites=(Prerequisite("one"), Prerequisite("two")))
    one, two = a_feature(key="one"), a_feature(key="two", rollout=0, rules=(a_rule(condition=plan("pro")),))

    assert needing(feature, one, two, plan="pro").reason is Reason.ON
    assert needing(feature, one, two, plan="free").reason is Reason.PREREQUISITE


def a_line(length: int) -> list[Feature]:
    """Features that each need the next one."""
    needs = [(Prerequisite(f"f{number + 1}"),) for number in range(length - 1)]
    return [a_feature(key=f"f{number}", prerequisites=need) for number, need in enumerate([*needs, ()])]


def test_prerequisites_lead_ten_deep_and_no_deeper() -> None:
    assert needing(*a_line(11)).reason is Reason.ON
    assert needing(*a_line(12)).reason is Reason.PREREQUISITE
    assert needing(*a_line(1_000)).reason is Reason.PREREQUISITE


@pytest.mark.parametrize("wants", [True, False, None])
def test_prerequisites_in_a_circle_are_never_met(wants: bool | None) -> None:
    def in_need(key: str, other: str) -> Feature:
        return a_feature(key=key, prerequisites=(Prerequisite(other, enabled=wants),))

    circle = [in_need("a", "b"), in_need("b", "a"), in_need("c", "b"), in_need("d", "d")]
    snapshot = compile_snapshot([*circle, a_feature(key="free")])

    assert [decide(snapshot, key, Subject("user-1")).reason for key in "abcd"] == [Reason.PREREQUISITE] * 4
    assert decide(snapshot, "free", Subject("user-1")).reason is Reason.ON


def test_prerequisites_that_multiply_are_never_met_and_cost_nothing() -> None:
    line = [
        a_feature(key=f"f{number}", prerequisites=(Prerequisite(f"f{number + 1}", enabled=False),) * 10)
        for number in range(10)
    ]

    assert needing(*line, a_feature(key="f10")).reason is Reason.PREREQUISITE


STEPS = (
    Step(NOON + HOUR, value="later", sets_value=True),
    Step(NOON, status=Status.ON),
    Step(NOON + 2 * HOUR, rollout=0),
    Step(NOON + 3 * HOUR, status=Status.OFF, rollout=FULL, value=None, sets_value=True),
)


@pytest.mark.parametrize(
    ("moment", "reason", "value"),
    [
        (NOON - 0.001, Reason.OFF, "old"),
        (NOON, Reason.ON, "new"),
        (NOON + HOUR - 0.001, Reason.ON, "new"),
        (NOON + HOUR, Reason.ON, "later"),
        (NOON + 2 * HOUR, Reason.NOT_IN_ROLLOUT, "old"),
        (NOON + 3 * HOUR, Reason.OFF, "old"),
        (float("inf"), Reason.OFF, "old"),
        (float("-inf"), Reason.OFF, "old"),
    ],
)
def test_a_step_is_taken_at_its_moment_and_in_the_order_of_time(moment: float, reason: Reason, value: str) -> None:
    feature = a_feature(status=Status.OFF, on_value="new", off_value="old", steps=STEPS)

    decision = decided_at(feature, moment)

    assert (decision.reason, decision.value) == (reason, value)


def test_a_value_of_none_is_a_value() -> None:
    feature = a_feature(on_value="new", steps=(Step(NOON, value=None, sets_value=True), Step(NOON + 1, value="unset")))

    assert [decided_at(feature, NOON + passed).value for passed in (-1, 0, 1)] == ["new", None, None]


@pytest.mark.parametrize(
    ("moment", "value"),
    [(NOON - 1, "rest"), (NOON, "r1"), (NOON + HOUR, "later"), (NOON + 2 * HOUR, "rest"), (NOON + 3 * HOUR, "rest")],
)
def test_a_rule_has_a_schedule_of_its_own(moment: float, value: str) -> None:
    feature = a_feature(rules=(a_rule(is_on=False, steps=STEPS),), on_value="rest")

    assert decided_at(feature, moment).value == value


def test_schedules_of_a_state_and_of_its_rules_go_together() -> None:
    feature = a_feature(
        on_value="new", steps=(Step(NOON, status=Status.OFF),), rules=(a_rule(steps=(Step(NOON - HOUR, rollout=0),)),)
    )

    found = [decided_at(feature, NOON + passed).reason for passed in (-2 * HOUR, -HOUR, 0)]

    assert found == [Reason.RULE, Reason.ON, Reason.OFF]


@pytest.mark.parametrize("kind", ["state", "rule"])
def test_a_ramp_lets_in_more_and_more_and_nobody_out(kind: str) -> None:
    ramp = Ramp(NOON, 10_000, NOON + HOUR, 90_000)
    feature = a_feature(ramp=ramp) if kind == "state" else a_feature(rollout=0, rules=(a_rule(ramp=ramp),))
    inside: set[str] = set()

    for share in (0, 0.1, 0.25, 0.5, 0.75, 1):
        now = enabled_at(feature, NOON + share * HOUR)
        assert inside <= now
        assert abs(len(now) - 2_000 * (0.1 + 0.8 * share)) < 90
        inside = now


def test_a_ramp_stands_still_before_its_start_and_after_its_end() -> None:
    feature = a_feature(ramp=Ramp(NOON, 10_000, NOON + HOUR, 90_000))

    assert enabled_at(feature, NOON - HOUR) == enabled_at(feature, NOON) == enabled_at(a_feature(rollout=10_000), 0)
    assert (
        enabled_at(feature, NOON + 9 * HOUR)
        == enabled_at(feature, NOON + HOUR)
        == enabled_at(a_feature(rollout=90_000), 0)
    )


def test_a_ramp_may_lead_down() -> None:
    feature = a_feature(ramp=Ramp(NOON, 90_000, NOON + HOUR, 0))

    assert enabled_at(feature, NOON) > enabled_at(feature, NOON + HOUR / 2) > enabled_at(feature, NOON + HOUR) == set()


def test_a_ramp_that_has_reached_everybody_needs_no_key() -> None:
    feature = a_feature(ramp=Ramp(NOON, 0, NOON + HOUR, FULL))

    assert decided_at(feature, NOON + HOUR / 2, key=None).fault is Fault.TARGETING_KEY_MISSING
    assert decided_at(feature, NOON + HOUR, key=None).enabled is True


@pytest.mark.parametrize(
    "ramp", [Ramp(NOON, 0, NOON, FULL), Ramp(NOON, 0, NOON - 1, FULL), Ramp(NOON, -5, NOON + 1, -1)]
)
def test_a_ramp_that_nothing_lets_in_still_answers(ramp: Ramp) -> None:
    assert {decided_at(a_feature(ramp=ramp), NOON + passed).fault for passed in (-2, -0.5, 0, 0.5, 2)} == {None}


def test_a_step_that_sets_a_percentage_ends_the_ramp() -> None:
    feature = a_feature(ramp=Ramp(NOON, 0, NOON + 2 * HOUR, FULL), steps=(Step(NOON + HOUR, rollout=0),))

    assert len(enabled_at(feature, NOON + HOUR - 1)) > 900
    assert enabled_at(feature, NOON + HOUR) == enabled_at(feature, NOON + 2 * HOUR) == set()


def test_experiments_of_a_layer_share_nobody_and_a_holdout_is_left_alone() -> None:
    slots = {"one": ((0, 4_000),), "two": ((4_000, 5_000), (6_000, 9_000))}  # 5,000..6,000 and 9,000.. are held out
    found = {
        key: {
            user
            for user, reason in reasons(an_experiment(key=key, seed=key, layer=LAYER, slots=ranges)).items()
            if reason is Reason.ASSIGNED
        }
        for key, ranges in slots.items()
    }
    held_out = {user for user in USERS if 5_000 <= growthbook_bucket(LAYER.seed, user) < 6_000}

    assert found["one"] & found["two"] == set()
    assert abs(len(found["one"]) - 800) < 90
    assert held_out
    assert held_out & (found["one"] | found["two"]) == set()


def test_slots_are_half_open() -> None:
    slot = growthbook_bucket(LAYER.seed, "user-1")

    found = [
        decided(a_feature(an_experiment(layer=LAYER, slots=(slots,)))).reason
        for slots in [(slot, slot + 1), (0, slot), (slot + 1, 10_000)]
    ]

    assert found == [Reason.ASSIGNED, Reason.NOT_IN_LAYER, Reason.NOT_IN_LAYER]


def test_an_experiment_without_slots_in_its_layer_assigns_nobody() -> None:
    assert set(reasons(an_experiment(layer=LAYER, slots=())).values()) == {Reason.NOT_IN_LAYER}


def test_an_audience_is_asked_before_the_layer_and_the_key() -> None:
    experiment = an_experiment(audience=plan("pro"), layer=LAYER, slots=())
    feature = a_feature(experiment)

    assert decided(feature, None, plan="free").reason is Reason.NOT_IN_AUDIENCE
    assert decided(feature, None, plan="pro").fault is Fault.TARGETING_KEY_MISSING
    assert decided(feature, plan="pro").reason is Reason.NOT_IN_LAYER
    assert decided(feature, plan="free").value == "control"


def test_an_experiment_may_bucket_by_an_attribute() -> None:
    feature = a_feature(an_experiment(hash_attribute="company"))
    by_key = a_feature(an_experiment())

    for name in USERS[:50]:
        assert decided(feature, "user-1", company=name).value == decided(by_key, name).value
        assert decided(feature, None, company=name).reason is Reason.ASSIGNED


@pytest.mark.parametrize(
    ("given", "text"),
    [
        *[(7, "7"), (7.0, "7"), (0, "0"), (-0.0, "0"), (0.1, "0.1"), (1e-7, "1e-7"), (1e21, "1e+21"), (True, "true")],
        *[(1e20, "100000000000000000000"), ("7", "7"), (2**53 + 1, "9007199254740993")],
    ],
)
def test_a_number_buckets_as_the_text_that_javascript_makes_of_it(given: object, text: str) -> None:
    for seed in map(str, range(20)):
        feature = a_feature(an_experiment(hash_attribute="company", seed=seed))
        assert decided(feature, company=given).variant == decided(feature, company=text).variant


@pytest.mark.parametrize("given", [None, "", [], ["a"], {}, float("nan"), float("inf"), b"a", object()], ids=type)
def test_what_cannot_be_bucketed_by_is_a_missing_key(given: object) -> None:
    decision = decided(a_feature(an_experiment(hash_attribute="company")), company=given)

    assert (decision.fault, decision.value) == (Fault.TARGETING_KEY_MISSING, "control")


@pytest.mark.parametrize("name", ["id", "key"])
def test_bucketing_by_the_id_is_bucketing_by_the_key(name: str) -> None:
    feature, by_key = a_feature(an_experiment(hash_attribute=name)), a_feature(an_experiment())

    assert all(decided(feature, user).value == decided(by_key, user).value for user in USERS[:50])


def test_a_layer_holds_what_the_experiment_buckets_by() -> None:
    experiment = an_experiment(hash_attribute="company", layer=LAYER, slots=((0, 5_000),))

    for name in USERS[:50]:
        in_layer = growthbook_bucket(LAYER.seed, name) < 5_000
        expected = Reason.ASSIGNED if in_layer else Reason.NOT_IN_LAYER
        assert decided(a_feature(experiment), "user-1", company=name).reason is expected
