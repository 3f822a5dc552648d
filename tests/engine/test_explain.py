"""An explanation tells of the comparisons that were made, in order, and of no others."""

import json
from typing import Any

import pytest

from decisions.engine.bucketing import growthbook_bucket
from decisions.engine.conditions.binding import Binder
from decisions.engine.evaluate import compile_snapshot, decide
from decisions.engine.explain import Explanation, explain
from decisions.engine.types import (
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
from tests.engine.builders import a_feature, an_experiment

PRO = {"attribute": "plan", "operator": "equals", "value": "pro"}
LAYER = Layer("checkout", "layer-seed")


def explained(*features: Feature, key: str | None = "user-1", at: float = 0.0, **attributes: Any) -> Explanation:
    """Why a subject gets what it gets from the first feature."""
    snapshot, subject = compile_snapshot(features), Subject(key, attributes, at)
    found = explain(snapshot, features[0].key, subject)

    assert found.decision is decide(snapshot, features[0].key, subject)
    return found


def a_rule(key: str = "pros", tree: Any = PRO, **changes: Any) -> Rule:
    return Rule(key, Binder({}).bind(tree), **changes)


def names(found: Explanation) -> list[str]:
    return [step["step"] for step in found.steps]


def test_an_unknown_feature_is_explained_by_not_being_known() -> None:
    found = explain(compile_snapshot([]), "nowhere", Subject("user-1"))

    assert found.steps == [{"step": "feature", "feature": "nowhere", "known": False}]
    assert found.decision.fault is Fault.FLAG_NOT_FOUND


@pytest.mark.parametrize(("status", "reason"), [(Status.OFF, "off"), (Status.ON, "on")])
def test_a_status_explains_itself(status: Status, reason: str) -> None:
    assert explained(a_feature(status=status)).steps == [{"step": "status", "status": status.value, "reason": reason}]


def test_a_rollout_shows_the_bucket_and_the_percentage() -> None:
    bucket = growthbook_bucket("button", "user-1")

    [step] = explained(a_feature(rollout=bucket * 10 + 1)).steps

    percent = (bucket * 10 + 1) / 1000
    assert step == {"step": "rollout", "bucket": bucket / 100, "percent": percent, "seed": "button", "inside": True}


def test_a_ramp_shows_the_percentage_of_the_moment() -> None:
    [step] = explained(a_feature(ramp=Ramp(100, 0, 200, 50_000)), at=150).steps

    assert step["percent"] == 25.0


def test_a_rollout_without_a_key_shows_that_nothing_could_be_said() -> None:
    [step] = explained(a_feature(rollout=50_000), key=None).steps

    assert (step["bucket"], step["inside"]) == (None, None)


def test_an_override_shows_its_note_and_ends_the_way() -> None:
    feature = a_feature(overrides={"user-1": Override("forced", expires_at=100, note="asked for")}, rules=(a_rule(),))

    assert explained(feature, at=99).steps == [{"step": "override", "note": "asked for", "expired": False}]
    assert names(explained(feature, at=100)) == ["override", "rule", "status"]
    assert names(explained(feature, key="user-2")) == ["rule", "status"]


def test_prerequisites_show_which_one_is_not_met() -> None:
    feature = a_feature(prerequisites=(Prerequisite("one"), Prerequisite("two")))

    found = explained(feature, a_feature(key="one"))

    assert found.steps == [
        {"step": "prerequisite", "feature": "one", "met": True},
        {"step": "prerequisite", "feature": "two", "met": False},
    ]
    assert found.decision.reason is Reason.PREREQUISITE


def test_prerequisites_in_a_circle_say_so() -> None:
    [step] = explained(a_feature(prerequisites=(Prerequisite("button"),))).steps

    assert step["met"] is False
    assert "circle" in step["broken"]


def test_every_rule_that_was_tried_shows_what_failed_on_which_value() -> None:
    feature = a_feature(rules=(a_rule(), a_rule("everyone", {"everyone": True}), a_rule("never tried")))

    found = explained(feature, plan="free")

    assert found.steps == [
        {"step": "rule", "rule": "pros", "condition": PRO | {"actual": "free", "matched": False}},
        {"step": "rule", "rule": "everyone", "condition": {"everyone": True, "matched": True}},
    ]
    assert found.decision.rule == feature.rules[1]


def test_a_rule_that_is_broken_says_why() -> None:
    [step, _] = explained(a_feature(rules=(a_rule(tree={"operator": "in_segment", "value": "gone"}),))).steps

    assert step["condition"] == {"broken": "there is no segment 'gone'", "matched": False}


def test_a_rule_shows_its_percentage_only_to_those_it_means() -> None:
    feature = a_feature(rules=(a_rule(rollout=50_000),))

    [pro, *_], [free, *_] = explained(feature, plan="pro").steps, explained(feature, plan="free").steps

    assert (pro["bucket"], pro["seed"]) == (growthbook_bucket("button/pros", "user-1") / 100, "button/pros")
    assert "bucket" not in free


def test_an_experiment_of_a_rule_is_explained_after_it() -> None:
    feature = a_feature(rules=(a_rule(experiment=an_experiment()),))

    found = explained(feature, plan="pro")

    assert names(found) == ["rule", "experiment"]
    assert found.steps[-1]["variant"] == found.decision.value


@pytest.mark.parametrize(
    ("plan", "slots", "steps", "reason"),
    [
        ("free", ((0, 10_000),), ["audience"], Reason.NOT_IN_AUDIENCE),
        ("pro", ((0, 0),), ["audience", "layer"], Reason.NOT_IN_LAYER),
        ("pro", ((0, 10_000),), ["audience", "layer", "experiment"], Reason.ASSIGNED),
    ],
)
def test_an_experiment_shows_how_far_the_subject_came(plan: str, slots: Any, steps: list[str], reason: Reason) -> None:
    experiment = an_experiment(audience=Binder({}).bind(PRO), layer=LAYER, slots=slots)

    found = explained(a_feature(experiment), plan=plan)

    assert names(found) == steps
    assert found.decision.reason is reason


def test_a_layer_shows_the_slot_and_the_ranges() -> None:
    step, _ = explained(a_feature(an_experiment(layer=LAYER, slots=((0, 5), (7, 10_000))))).steps

    assert step["slot"] == growthbook_bucket("layer-seed", "user-1")
    assert (step["layer"], step["slots"]) == ("checkout", [[0, 5], [7, 10_000]])


def test_a_schedule_shows_the_phase_that_holds() -> None:
    feature = a_feature(steps=(Step(100, rollout=0), Step(200, status=Status.OFF)))

    phases = [explained(feature, at=moment).steps for moment in (99, 100, 200)]

    assert [steps[0]["since"] for steps in phases] == [None, 100, 200]
    assert [steps[0]["until"] for steps in phases] == [100, 200, None]
    assert [steps[1]["step"] for steps in phases] == ["status", "rollout", "status"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (b"pro", "<bytes>"),
        ("\ud800", "?"),
        (("a", 1, None, 1j), ["a", 1, None, "<complex>"]),
        ({1: {"a": [True]}}, {"1": {"a": [True]}}),
        (10**5_000, "Infinity"),
    ],
    ids=range(6),
)
def test_whatever_an_attribute_is_it_is_shown_as_json(value: Any, shown: Any) -> None:
    [step, _] = explained(a_feature(rules=(a_rule(),)), plan=value).steps

    assert step["condition"]["actual"] == shown
    assert json.dumps(step, allow_nan=False)
