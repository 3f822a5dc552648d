"""Explanations over the management API: the decision that an application would get, and why."""

from typing import Any

import pytest

from audits.models import Change, Decision
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.snapshots import read
from features.models import FeatureState
from tenants.models import Environment
from tenants.roles import Role
from tests.builders import a_condition, a_feature, a_rule, a_running_experiment, an_environment
from tests.tenants.api import Caller, somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def viewer(environment: Environment) -> Caller:
    return somebody(environment, Role.VIEWER)


def ask(caller: Caller, environment: Environment, query: str = "", **question: Any) -> Any:
    return caller.post(f"environments/{environment.pk}/explain/{query}", question)


def test_a_decision_comes_with_its_steps_and_is_not_recorded(environment: Environment, viewer: Caller) -> None:
    feature = a_feature(environment, state={"status": "on"})
    rule = a_rule(feature, environment, conditions=a_condition("age", "gte", 18), value=False)
    edits = Change.objects.count()

    answer = ask(viewer, environment, feature_key=feature.key, user_id="ann", attributes={"age": 20})

    assert answer.status_code == 200, answer.content
    (told,) = answer.json()["results"]
    expected = {"feature": feature.key, "reason": "rule", "rule": rule.key, "value": False, "enabled": True}
    assert told | expected | {"variant": None, "experiment": None, "fault": None} == told
    assert told["steps"][0] == {
        "step": "rule",
        "rule": rule.key,
        "condition": a_condition("age", "gte", 18) | {"actual": 20, "matched": True},
    }
    environment.refresh_from_db()
    assert answer.json()["revision"] == environment.revision
    assert (Decision.objects.count(), Change.objects.count()) == (0, edits)


def test_an_explanation_agrees_with_the_decision(environment: Environment, viewer: Caller) -> None:
    experiment = a_running_experiment(environment)
    snapshot = read(environment.pk)
    assert snapshot is not None

    for user in ("ann", "bob", "cid", "dora", "", None):
        (told,) = ask(viewer, environment, feature_key=experiment.feature.key, user_id=user).json()["results"]
        decision = decide(snapshot.features, experiment.feature.key, Subject(user))
        assert told["experiment"] == experiment.key
        assert told["variant"] == (decision.variant and decision.variant.key)
        assert (told["reason"], told["fault"]) == (decision.reason, decision.fault)


def test_without_a_key_every_feature_is_explained_a_page_at_a_time(environment: Environment, viewer: Caller) -> None:
    keys = sorted(a_feature(environment).key for _ in range(5))

    everything = ask(viewer, environment).json()
    third = ask(viewer, environment, "?limit=2&page=3").json()

    assert [told["feature"] for told in everything["results"]] == keys
    assert (everything["count"], everything["next"]) == (5, None)
    assert ([told["feature"] for told in third["results"]], "page=2" in third["previous"]) == (keys[4:], True)
    assert ask(viewer, environment, "?page=9").status_code == 404


def test_an_environment_without_features_has_nothing_to_explain(environment: Environment, viewer: Caller) -> None:
    assert ask(viewer, environment).json()["results"] == []


def test_the_moment_decides_a_schedule(environment: Environment, viewer: Caller) -> None:
    steps = [{"at": "2030-01-01T00:00:00Z", "status": "on"}]
    feature = a_feature(environment, state={"status": "off", "steps": steps})

    for at, is_on in (
        ("2029-12-31T23:59:59Z", False),
        ("2030-01-01T00:00:00Z", True),
        ("2030-01-01T01:00+01:00", True),
    ):
        answer = ask(viewer, environment, feature_key=feature.key, at=at).json()
        assert answer["results"][0]["enabled"] is is_on, at
    now = ask(viewer, environment, feature_key=feature.key).json()
    assert ask(viewer, environment, feature_key=feature.key, at=now["at"]).json() == now


def test_an_unknown_feature_is_a_fault(environment: Environment, viewer: Caller) -> None:
    (told,) = ask(viewer, environment, feature_key="nope").json()["results"]

    assert (told["fault"], told["reason"]) == ("flag_not_found", "undecided")
    assert told["steps"] == [{"step": "feature", "feature": "nope", "known": False}]


@pytest.mark.parametrize("value", [None, [], {}, [[1]], 2**63 - 1, -1.5, "", "ü", True, {"a": [None]}])
def test_any_attribute_is_explained(environment: Environment, viewer: Caller, value: Any) -> None:
    feature = a_feature(environment, state={"status": "on"})
    for operator, expected in (("equals", "DE"), ("gte", 18), ("in", ["a", 1]), ("matches", "^a")):
        a_rule(feature, environment, conditions=a_condition("x", operator, expected))

    answer = ask(viewer, environment, feature_key=feature.key, user_id="ann", attributes={"x": value})

    assert answer.status_code == 200, answer.content
    assert [step["step"] for step in answer.json()["results"][0]["steps"]][-1] in {"rule", "status"}


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"attributes": []}, "attributes"),
        ({"attributes": None}, "attributes"),
        ({"user_id": {}}, "user_id"),
        ({"feature_key": ""}, "feature_key"),
        ({"at": "tomorrow"}, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
        ({"at": 7}, "at"),
        ({"userid": "ann"}, "userid"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_field(
    environment: Environment, viewer: Caller, question: dict[str, Any], field: str
) -> None:
    answer = ask(viewer, environment, **question)

    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.content


def test_another_tenants_environment_is_not_there(viewer: Caller) -> None:
    assert ask(viewer, an_environment()).status_code == 404


def test_explaining_makes_no_states(environment: Environment, viewer: Caller) -> None:
    feature = a_feature(environment)
    FeatureState.objects.filter(feature=feature).delete()

    assert ask(viewer, environment).json()["count"] == 1
    assert not FeatureState.objects.exists()
