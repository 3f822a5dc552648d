"""Rows become engine values in a fixed number of queries; what is stored is decided, and what is broken is off."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from audits.services import SYSTEM
from decisions.engine import types
from decisions.engine.evaluate import decide
from decisions.engine.types import Decision, Reason, Status, Subject
from decisions.snapshots import read
from experiments.compile import experiments_of
from experiments.services import hold_slots, update_experiment
from features import services
from features.compile import features_of, segments_in, thousandths
from features.models import Feature
from features.services import archive
from tenants.models import Environment
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_layer,
    a_rule,
    a_running_experiment,
    a_segment,
    an_environment,
    in_segment,
)

pytestmark = pytest.mark.django_db
QUERIES = 9
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
SUBJECTS = [f"user-{number}" for number in range(1_000)]


def compiled(environment: Environment) -> list[types.Feature]:
    _, segments = segments_in(environment.project_id)
    experiments = experiments_of(environment.pk, segments)
    return list(features_of(environment.project_id, environment.pk, experiments, segments))


def answer(
    environment: Environment, feature: Feature, key: str = "ada", *, at: float = 0, **attributes: Any
) -> Decision:
    """What is decided by all that is stored."""
    snapshot = read(environment.pk)
    assert snapshot is not None
    return decide(snapshot.features, feature.key, Subject(key, attributes, at))


def share(environment: Environment, feature: Feature, *, at: float = 0, **attributes: Any) -> set[str]:
    """The subjects, of a thousand, for which the feature is not off by chance: who was let in."""
    snapshot = read(environment.pk)
    assert snapshot is not None
    found = {key: decide(snapshot.features, feature.key, Subject(key, attributes, at)) for key in SUBJECTS}
    return {key for key, decision in found.items() if decision.value is True or decision.in_experiment}


def test_a_feature_keeps_its_meaning() -> None:
    environment = an_environment()
    state = {"status": "on", "on_value": "new", "off_value": "old", "rollout_percent": Decimal("12.345")}
    a_feature(environment, key="theme", name="Theme", value_type="string", state=state)

    (feature,) = compiled(environment)

    assert (feature.key, feature.number, feature.name, feature.status) == ("theme", 1, "Theme", Status.ON)
    assert (feature.on_value, feature.off_value, feature.rollout) == ("new", "old", 12_345)


def test_the_active_experiment_is_found_and_others_are_left_out() -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)
    a_running_experiment(an_environment())

    (feature,) = compiled(environment)

    assert feature.experiment is not None
    assert feature.experiment.public_id == experiment.public_id


def test_a_feature_without_a_state_is_off() -> None:
    feature = a_feature(an_environment(), state={"status": "on"})
    younger = an_environment(feature.project)

    (found,) = compiled(younger)

    assert (found.status, found.on_value, found.off_value) == (Status.OFF, True, False)


def test_archived_features_are_left_out_and_the_rest_comes_in_order() -> None:
    environment = an_environment()
    for key in "cab":
        a_feature(environment, key=key)
    archive(a_feature(environment), actor=SYSTEM)

    assert [feature.key for feature in compiled(environment)] == ["c", "a", "b"]


@pytest.mark.parametrize("count", [1, 20])
def test_an_environment_is_read_in_as_many_queries_however_much_is_in_it(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    environment = an_environment()
    layer = a_layer(environment.project)
    for _ in range(count):
        audience = a_segment(environment.project)
        experiment = a_running_experiment(environment, audience=audience)
        hold_slots(experiment, layer, slots=10, actor=SYSTEM)
        given = experiment.feature, environment
        a_rule(*given, segment=audience)
        a_rule(*given, experiment=experiment)
        services.set_override(*given, identifier="ada", value=True, actor=SYSTEM)
        services.set_prerequisite(*given, required=a_feature(environment), actor=SYSTEM)

    with django_assert_num_queries(QUERIES):
        found = compiled(environment)

    whole = [feature for feature in found if feature.rules and feature.overrides and feature.prerequisites]
    assert len([feature for feature in whole if feature.experiment and feature.experiment.slots]) == count


@pytest.mark.parametrize(("percent", "expected"), [("0", 0), ("0.001", 1), ("33.333", 33_333), ("100", 100_000)])
def test_a_percentage_is_counted_in_thousandths(percent: str, expected: int) -> None:
    assert thousandths(Decimal(percent)) == expected


def test_a_rule_means_whom_its_segment_and_its_conditions_mean() -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    inner = a_segment(environment.project)
    outer = a_segment(environment.project, conditions={"any": [in_segment(inner.key), a_condition(value="AT")]})
    a_rule(feature, environment, segment=outer, conditions=a_condition("age", "gte", 18), value="wine")

    found = [
        answer(environment, feature, country=country, age=age).value
        for country, age in [("DE", 18), ("AT", 40), ("DE", 17), ("FR", 40), ("DE", "18"), (None, None)]
    ]

    assert found == ["wine", "wine", "on", "on", "on", "on"]


def test_a_rule_takes_its_percentage_of_those_it_means_and_the_others_go_on() -> None:
    environment = an_environment()
    feature = a_feature(environment, state={"status": "on", "on_value": False})
    rule = a_rule(feature, environment, conditions=a_condition(), rollout_percent=20)

    some = share(environment, feature, country="DE")
    services.update_rule(rule, rollout_percent=60, actor=SYSTEM)
    more = share(environment, feature, country="DE")

    assert 150 < len(some) < 250
    assert 550 < len(more) < 650
    assert some < more
    assert share(environment, feature, country="FR") == set()


def test_rules_are_tried_in_their_order() -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    first, second = (a_rule(feature, environment, value=value) for value in ("first", "second"))
    assert answer(environment, feature).value == "first"

    services.reorder_rules(feature, environment, keys=[second.key, first.key], actor=SYSTEM)

    assert answer(environment, feature).value == "second"


def test_an_override_holds_until_it_expires() -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    expires_at = datetime.fromtimestamp(NOON, UTC)
    given: dict[str, Any] = {"identifier": "ada", "value": "hers", "expires_at": expires_at, "actor": SYSTEM}
    services.set_override(feature, environment, **given)

    found = [
        answer(environment, feature, key, at=at).value for key, at in [("ada", NOON - 1), ("ada", NOON), ("bob", 0)]
    ]

    assert found == ["hers", "on", "on"]


def test_a_prerequisite_must_be_met_first() -> None:
    environment = an_environment()
    required = a_feature(environment, value_type="string")
    feature = a_feature(environment, state={"status": "on"})
    services.set_prerequisite(feature, environment, required=required, needs_value=True, value="on", actor=SYSTEM)
    assert answer(environment, feature).reason == Reason.PREREQUISITE

    services.switch(required, environment, status="on", actor=SYSTEM)

    assert answer(environment, feature).reason == Reason.ON


def test_a_schedule_is_kept_by_the_subjects_clock() -> None:
    environment = an_environment()
    steps = [
        {"at": "2026-12-01T12:00:00Z", "status": "on", "value": "early"},
        {"at": "2026-12-01T14:00:00+01:00", "value": "late"},
        {"at": "2026-12-01T14:00:00", "status": "off"},
    ]
    feature = a_feature(environment, value_type="string", state={"steps": steps})

    found = [answer(environment, feature, at=NOON + hours * 3_600).value for hours in (-0.001, 0, 0.999, 1, 1.999, 2)]

    assert found == ["off", "early", "early", "late", "late", "off"]


def test_a_rule_keeps_a_schedule_too() -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    steps = [{"at": "2026-12-01T12:00:00Z", "status": "on", "value": "now"}]
    a_rule(feature, environment, value="never", is_on=False, steps=steps)

    assert [answer(environment, feature, at=NOON + late).value for late in (-1, 0)] == ["on", "now"]


@pytest.mark.parametrize("of_rule", [False, True])
def test_a_ramp_lets_more_and_more_in_and_nobody_out(of_rule: bool) -> None:
    environment = an_environment()
    ramp = {"start": "2026-12-01T12:00:00Z", "from": 10, "end": "2026-12-01T13:00:00Z", "to": 90}
    state = {"status": "on", "on_value": False} if of_rule else {"status": "on", "ramp": ramp}
    feature = a_feature(environment, state=state)
    if of_rule:
        a_rule(feature, environment, ramp=ramp)

    before, middle, after = (share(environment, feature, at=NOON + seconds) for seconds in (-9, 1_800, 7_200))

    assert before < middle < after
    assert [round(len(found), -2) for found in (before, middle, after)] == [100, 500, 900]


def test_an_experiment_takes_its_audience_its_slots_and_its_attribute() -> None:
    environment = an_environment()
    audience = a_segment(environment.project)
    experiment = a_running_experiment(environment, audience=audience, hash_attribute="account")
    hold_slots(experiment, a_layer(environment.project), slots=2_500, actor=SYSTEM)
    feature = experiment.feature

    accounts = {n: answer(environment, feature, "x", country="DE", account=f"a-{n}") for n in range(400)}
    inside = {n for n, decision in accounts.items() if decision.in_experiment}

    assert 70 < len(inside) < 130
    assert {accounts[n].reason for n in accounts.keys() - inside} == {Reason.NOT_IN_LAYER}
    assert answer(environment, feature, country="FR", account="a-1").reason == Reason.NOT_IN_AUDIENCE
    for n in (0, 1, 2):
        assert accounts[n].variant == answer(environment, feature, "y", country="DE", account=f"a-{n}").variant
    update_experiment(experiment, hash_attribute="", actor=SYSTEM)
    assert answer(environment, feature, country="DE").reason in {Reason.ASSIGNED, Reason.NOT_IN_LAYER}


def test_a_rule_serves_an_experiment_to_those_it_means() -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)
    feature = experiment.feature
    services.switch(feature, environment, status="on", actor=SYSTEM)
    a_rule(feature, environment, conditions=a_condition(), experiment=experiment)

    assert answer(environment, feature, country="DE").in_experiment
    assert answer(environment, feature, country="FR").reason == Reason.ON


def overwrite(table: str, column: str, value: Any, pk: int) -> None:
    """What no service would store."""
    stored = value if column.endswith("_id") or column == "status" else json.dumps(value)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [stored, pk])


BROKEN: list[Any] = [
    *[None, 1, "x", [], {}, {"all": 1}, {"all": []}, {"all": [None]}, {"any": [{}]}, {"none": [7]}, {"everyone": 1}],
    *[{"attribute": "a", "operator": "resembles", "value": 1}, {"attribute": 1, "operator": "equals", "value": 1}],
    *[{"attribute": "a", "operator": "matches", "value": "("}, {"operator": "in_segment", "value": "gone"}],
    *[{"attribute": "a", "operator": "modulo", "value": [0, 0]}, {"operator": ["in"]}, {"none": [in_segment("gone")]}],
]


@pytest.mark.parametrize("tree", BROKEN, ids=lambda tree: json.dumps(tree)[:40])
def test_broken_conditions_mean_nobody(tree: Any) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    segment = a_segment(environment.project)
    experiment = a_running_experiment(environment, audience=segment)
    by_segment = a_rule(feature, environment, segment=segment, value="broken")
    by_conditions = a_rule(feature, environment, conditions=EVERYONE, value="broken")
    overwrite("features_segment", "conditions", tree, segment.pk)
    overwrite("features_rule", "conditions", tree, by_conditions.pk)
    overwrite("features_rule", "segment_id", segment.pk, by_conditions.pk)

    assert answer(environment, feature, a="1").value == "on"
    assert answer(environment, experiment.feature, a="1").reason == Reason.NOT_IN_AUDIENCE
    assert by_segment.value == "broken"


@pytest.mark.parametrize(
    "schedule",
    [
        *(None, 1, "x", {}, [None], [{}], [{"at": 1, "status": "on"}], [{"at": "x", "value": 1}]),
        *({"at": "2026-01-01"}, [{"at": "2000-01-01", "status": "sideways"}], [{"at": "2000-01-01", "percent": 101}]),
        {"start": 1, "from": 2},
        {"start": "2026-01-01", "from": [], "end": "2027-01-01", "to": {}},
        [{"at": "2000-01-01", "status": []}],
    ],
    ids=lambda schedule: json.dumps(schedule)[:40],
)
def test_broken_schedules_are_left_out(schedule: Any) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    rule = a_rule(feature, environment, conditions=a_condition(), value="rule")
    for column in ("steps", "ramp"):
        overwrite("features_featurestate", column, schedule, feature.states.get().pk)
        overwrite("features_rule", column, schedule, rule.pk)

    found = [answer(environment, feature, at=NOON, country=country).value for country in ("DE", "FR")]

    assert found == ["rule", "on"]


@pytest.mark.parametrize("steps", [[], [{"at": "2000-01-01", "status": "on"}]])
def test_a_rule_with_an_experiment_of_another_environment_is_never_on(steps: list[Any]) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    elsewhere = a_running_experiment(an_environment(environment.project), feature)
    rule = a_rule(feature, environment, value="rule", steps=steps)
    overwrite("features_rule", "experiment_id", elsewhere.pk, rule.pk)

    assert answer(environment, feature, at=NOON).value == "on"


@pytest.mark.parametrize("steps", [[], [{"at": "2000-01-01", "status": "on"}]])
def test_an_experiment_on_another_feature_is_never_served(steps: list[Any]) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"status": "on"})
    other = a_running_experiment(environment)
    rule = a_rule(feature, environment, value="rule", steps=steps)
    overwrite("features_rule", "experiment_id", other.pk, rule.pk)

    assert answer(environment, feature, at=NOON).value == "on"
    assert answer(environment, other.feature).in_experiment

    overwrite("features_featurestate", "active_experiment_id", other.pk, feature.states.get().pk)
    overwrite("features_featurestate", "status", "experiment", feature.states.get().pk)
    assert not answer(environment, feature, at=NOON).in_experiment
    assert answer(environment, feature, at=NOON).value == "off"


def test_a_state_with_an_experiment_of_another_environment_or_a_status_that_is_none_fails_closed() -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)
    elsewhere = a_running_experiment(an_environment(environment.project), experiment.feature)
    state = experiment.feature.states.get(environment=environment)

    overwrite("features_featurestate", "active_experiment_id", elsewhere.pk, state.pk)
    assert not answer(environment, experiment.feature).in_experiment

    overwrite("features_featurestate", "status", "sideways", state.pk)
    assert answer(environment, experiment.feature).reason == Reason.OFF


@pytest.mark.django_db
def test_the_environments_of_a_project_share_its_segments_until_one_changes() -> None:
    environment = an_environment()
    segment = a_segment(environment.project)
    first, again = (segments_in(environment.project_id)[0] for _ in range(2))

    services.update_segment(segment, conditions=a_condition("plan", "equals", "pro"), actor=SYSTEM)
    later, binder = segments_in(environment.project_id)

    assert first is again
    assert later is not first
    assert binder.bind(in_segment(segment.key))(Subject("ann", {"plan": "pro"}))
