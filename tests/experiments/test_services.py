"""What an experiment and its variants may be, and when it may run."""

import re
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.services import SYSTEM
from experiments import services
from experiments.models import Experiment, Variant
from tenants.services import update_project
from tests.builders import a_feature, a_project, a_running_experiment, a_variant, an_environment, an_experiment

pytestmark = pytest.mark.django_db


def test_experiments_and_variants_are_numbered_within_their_project() -> None:
    environment = an_environment()
    sibling = an_environment(environment.project)

    experiments = [an_experiment(place) for place in (environment, sibling, an_environment())]
    variants = [a_variant(experiment) for experiment in experiments]

    assert [experiment.public_id for experiment in experiments] == ["exp-001", "exp-002", "exp-001"]
    assert [variant.public_id for variant in variants] == ["var-001", "var-002", "var-001"]


def test_an_experiment_keeps_the_scheme_that_its_project_had_when_it_was_made() -> None:
    project = a_project(bucketing="feature_hub")
    environment = an_environment(project)
    before = an_experiment(environment)
    update_project(project, bucketing="growthbook", actor=SYSTEM)

    after = an_experiment(environment)

    assert (Experiment.objects.get(pk=before.pk).bucketing, after.bucketing) == ("feature_hub", "growthbook")


@pytest.mark.parametrize(
    ("bucketing", "seed"),
    [("flagsmith", r"[1-9][0-9]*"), ("go_feature_flag", "checkout"), ("growthbook", ""), ("feature_hub", "")],
)
def test_the_first_seed_is_one_that_the_schemes_own_clients_can_hash_with(bucketing: str, seed: str) -> None:
    environment = an_environment()
    feature = a_feature(environment, key="checkout")

    made = an_experiment(environment, feature, bucketing=bucketing)
    given = an_experiment(environment, feature, bucketing=bucketing, seed="mine")

    assert re.fullmatch(seed, made.seed)
    assert given.seed == "mine"


def test_an_experiment_in_another_project_than_its_feature_is_refused() -> None:
    with pytest.raises(ValidationError, match="environment"):
        an_experiment(an_environment(), a_feature(an_environment()))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"name": "\x00"},
        {"key": "a/b"},
        {"seed": "\x00"},
        {"seed": "\ud800"},
        {"seed": "x" * 256},
        {"status": "flying"},
        {"rollout_percent": -1},
        {"rollout_percent": 101},
        {"rollout_percent": "x"},
        {"bucketing": "dice"},
    ],
    ids=lambda changes: ascii(changes)[:40],
)
def test_an_experiment_that_cannot_be_stored_is_refused(changes: dict[str, Any]) -> None:
    environment = an_environment()

    with pytest.raises(ValidationError):
        an_experiment(environment, **changes)

    assert an_experiment(environment).public_id == "exp-001"
    assert Experiment.objects.count() == 1


BAD_PARTS: dict[str, list[Any]] = {
    "key": ["", "a/b", "\x00", "x" * 129],
    "weight": [-1, 1_000_001, "x", None, 10**30],
    "payload": [[], None, "{}", {"a": float("nan")}, {"\x00": 1}, {"a": 2**63}],
    "value": [float("inf"), "\ud800", 2**63, 1e22],
}


@pytest.mark.parametrize(
    "changes",
    [{name: part} for name, parts in BAD_PARTS.items() for part in parts],
    ids=lambda changes: ascii(changes)[:40],
)
def test_a_variant_that_cannot_be_stored_is_refused(changes: dict[str, Any]) -> None:
    experiment = an_experiment(an_environment())

    with pytest.raises(ValidationError):
        a_variant(experiment, **changes)

    assert a_variant(experiment).public_id == "var-001"
    assert Variant.objects.count() == 1


@pytest.mark.parametrize("value", ["text", 1, {}])
def test_a_variants_own_value_is_one_that_the_feature_may_serve(value: Any) -> None:
    experiment = an_experiment(an_environment())
    variant = a_variant(experiment, value=True)

    with pytest.raises(ValidationError) as created:
        a_variant(experiment, value=value, weight=-1)
    with pytest.raises(ValidationError) as updated:
        services.update_variant(variant, value=value, weight=-1, actor=SYSTEM)

    assert created.value.message_dict.keys() == updated.value.message_dict.keys() == {"value", "weight"}
    assert services.update_variant(variant, value=None, payload={"value": value}, actor=SYSTEM).value is None


def test_a_variants_key_is_taken_once_in_an_experiment() -> None:
    environment = an_environment()
    experiment = an_experiment(environment)
    a_variant(experiment, key="control")

    with pytest.raises(ValidationError, match="already exists"):
        a_variant(experiment, key="control")
    assert a_variant(an_experiment(environment), key="control").pk


def test_an_experiment_has_a_hundred_variants_at_most() -> None:
    experiment = an_experiment(an_environment())
    Variant.objects.bulk_create(Variant(experiment=experiment, number=n, key=f"arm-{n}") for n in range(100))

    with pytest.raises(ValidationError, match="at most 100 variants"):
        a_variant(experiment)


@pytest.mark.parametrize(
    ("weights", "complaint"), [([], "at least one variant before"), ([0, 0], "a weight above zero"), ([0, 1], None)]
)
def test_an_experiment_starts_if_it_can_assign_somebody(weights: list[int], complaint: str | None) -> None:
    experiment = an_experiment(an_environment())
    for weight in weights:
        a_variant(experiment, weight=weight)

    assert (services.start_complaint(experiment) or "").find(complaint or "") >= 0
    if complaint:
        with pytest.raises(ValidationError, match=complaint):
            services.start(experiment, actor=SYSTEM)
    else:
        assert services.start(experiment, actor=SYSTEM).status == "running"


def test_a_running_experiment_keeps_its_variants() -> None:
    experiment = a_running_experiment(an_environment())
    variant = experiment.variants.get(key="treatment")

    with pytest.raises(ValidationError, match=r"is running; pause it before you remove its variant treatment\."):
        services.remove_variant(variant, actor=SYSTEM)
    services.pause(experiment, actor=SYSTEM)
    services.remove_variant(variant, actor=SYSTEM)

    assert [left.key for left in experiment.variants.all()] == ["control"]


def test_the_number_of_a_removed_variant_is_not_given_again() -> None:
    experiment = an_experiment(an_environment())
    services.remove_variant(a_variant(experiment), actor=SYSTEM)

    assert a_variant(experiment).public_id == "var-002"
