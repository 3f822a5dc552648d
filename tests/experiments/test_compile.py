"""Experiments become the engine's values, with their variants in the order in which they were made."""

import pytest

from audits.services import SYSTEM
from decisions.engine import types
from experiments.compile import experiments_of
from experiments.services import pause, update_experiment, update_variant
from features.compile import segments_in
from features.services import switch
from tenants.models import Environment
from tests.builders import a_feature, a_running_experiment, a_variant, an_environment, an_experiment

pytestmark = pytest.mark.django_db


def compiled(environment: Environment) -> dict[int, types.Experiment]:
    return experiments_of(environment.pk, segments_in(environment.project_id)[1])


def test_an_experiment_keeps_its_meaning() -> None:
    environment = an_environment()
    given = {"name": "Colours", "seed": "2024q4", "bucketing": "feature_hub", "rollout_percent": 50}
    row = a_running_experiment(environment, a_feature(environment, value_type="json"), **given)
    a_variant(row, key="blue", weight=7, value={"hue": 240}, payload={"ui": "v3"})

    experiment = compiled(environment)[row.pk]

    assert (experiment.public_id, experiment.name, experiment.seed) == ("exp-001", "Colours", "2024q4")
    assert (experiment.bucketing, experiment.rollout, experiment.is_running) == ("feature_hub", 50_000, True)
    assert [(v.key, v.weight, v.number, v.is_control) for v in experiment.variants] == [
        ("control", 50, 1, True),
        ("treatment", 50, 2, False),
        ("blue", 7, 3, False),
    ]
    assert (experiment.variants[2].value, experiment.variants[2].payload) == ({"hue": 240}, {"ui": "v3"})


def test_an_edited_variant_keeps_its_place() -> None:
    environment = an_environment()
    row = a_running_experiment(environment)
    update_variant(row.variants.get(key="control"), weight=1, actor=SYSTEM)

    assert [variant.key for variant in compiled(environment)[row.pk].variants] == ["control", "treatment"]


@pytest.mark.parametrize("status", ["draft", "paused", "concluded"])
def test_only_the_status_running_runs(status: str) -> None:
    environment = an_environment()
    row = update_experiment(a_running_experiment(environment), status=status, actor=SYSTEM)

    assert not compiled(environment)[row.pk].is_running


def test_experiments_that_no_feature_serves_are_left_out() -> None:
    environment = an_environment()
    served, left = a_running_experiment(environment), a_running_experiment(environment)
    an_experiment(environment)
    switch(left.feature, environment, status="on", actor=SYSTEM)
    pause(served, actor=SYSTEM)

    assert list(compiled(environment)) == [served.pk]
