"""Rows become the engine's values: the same meaning, in a fixed number of queries."""

from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from audits.services import SYSTEM
from decisions.engine.types import Status
from experiments.compile import experiments_of
from features.compile import features_of, thousandths
from features.services import archive
from tests.builders import a_feature, a_running_experiment, an_environment

pytestmark = pytest.mark.django_db


def test_a_feature_keeps_its_meaning() -> None:
    environment = an_environment()
    state = {"status": "on", "on_value": "new", "off_value": "old", "rollout_percent": Decimal("12.345")}
    a_feature(environment, key="theme", name="Theme", value_type="string", state=state)

    (feature,) = features_of(environment.project_id, environment.pk, {})

    assert (feature.key, feature.number, feature.name, feature.status) == ("theme", 1, "Theme", Status.ON)
    assert (feature.on_value, feature.off_value, feature.rollout) == ("new", "old", 12_345)


def test_the_active_experiment_is_found_and_others_are_left_out() -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)
    a_running_experiment(an_environment())

    experiments = experiments_of(environment.pk)
    (feature,) = features_of(environment.project_id, environment.pk, experiments)

    assert feature.experiment is experiments[experiment.pk]
    assert list(experiments) == [experiment.pk]


def test_a_feature_without_a_state_is_off() -> None:
    feature = a_feature(an_environment(), state={"status": "on"})
    younger = an_environment(feature.project)

    (found,) = features_of(feature.project_id, younger.pk, {})

    assert (found.status, found.on_value, found.off_value) == (Status.OFF, True, False)


def test_archived_features_are_left_out_and_the_rest_comes_in_order() -> None:
    environment = an_environment()
    for key in "cab":
        a_feature(environment, key=key)
    archive(a_feature(environment), actor=SYSTEM)

    assert [feature.key for feature in features_of(environment.project_id, environment.pk, {})] == ["c", "a", "b"]


@pytest.mark.parametrize("count", [1, 20])
def test_an_environment_is_read_in_four_queries_however_much_is_in_it(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    environment = an_environment()
    for _ in range(count):
        a_running_experiment(environment)

    with django_assert_num_queries(4):
        found = list(features_of(environment.project_id, environment.pk, experiments_of(environment.pk)))

    assert len([feature for feature in found if feature.experiment]) == count


@pytest.mark.parametrize(("percent", "expected"), [("0", 0), ("0.001", 1), ("33.333", 33_333), ("100", 100_000)])
def test_a_percentage_is_counted_in_thousandths(percent: str, expected: int) -> None:
    assert thousandths(Decimal(percent)) == expected
