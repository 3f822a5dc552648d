"""Layers: nobody shares a slot, whoever holds one keeps it, and what is given back is free."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from audits.models import Change
from audits.services import SYSTEM
from experiments import services
from experiments.models import SLOTS, Experiment, Layer, SlotRange
from tenants.models import Environment
from tests.builders import a_layer, an_environment, an_experiment

pytestmark = pytest.mark.django_db
THREADS = 20


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def layer(environment: Environment) -> Layer:
    return a_layer(environment.project)


def hold(experiment: Experiment, layer: Layer, slots: Any) -> Experiment:
    return services.hold_slots(experiment, layer, slots=slots, actor=SYSTEM)


def held(by: Experiment | None, layer: Layer) -> set[int]:
    ranges = SlotRange.objects.filter(layer=layer, experiment=by)
    return {slot for found in ranges for slot in range(found.start, found.end)}


def test_ranges_never_overlap_however_they_grow_and_shrink(environment: Environment, layer: Layer) -> None:
    holders = [an_experiment(environment) for _ in range(4)]
    for turn in range(40):
        hold(holders[turn % 4], layer, (turn * 733) % 2_500)

        found = [slot for holder in holders for slot in held(holder, layer)]
        assert len(found) == len(set(found))
    assert [len(held(holder, layer)) for holder in holders] == [(turn * 733) % 2_500 for turn in range(36, 40)]


def test_growing_keeps_what_is_held_and_shrinking_gives_back_a_part_of_it(
    environment: Environment, layer: Layer
) -> None:
    mine, other = an_experiment(environment), an_experiment(environment)
    hold(mine, layer, 100)
    hold(other, layer, 100)
    sizes = [held(hold(mine, layer, slots), layer) for slots in (100, 300, 5_000, 250, 50)]

    first, more, most, less, least = sizes

    assert first < more < most
    assert least < less < most
    assert first - {*range(50, 100)} == least
    assert [len(found) for found in sizes] == [100, 300, 5_000, 250, 50]


def test_a_holdout_is_given_to_nobody(environment: Environment, layer: Layer) -> None:
    services.set_holdout(layer, environment, slots=9_000, actor=SYSTEM)
    experiment = an_experiment(environment)

    with pytest.raises(ValidationError, match="not so many free slots"):
        hold(experiment, layer, 1_001)
    hold(experiment, layer, 1_000)

    assert not held(experiment, layer) & held(None, layer)
    assert len(held(None, layer)) == 9_000
    with pytest.raises(ValidationError, match="not so many free slots"):
        services.set_holdout(layer, environment, slots=9_001, actor=SYSTEM)


def test_what_is_released_is_free_again(environment: Environment, layer: Layer) -> None:
    first, second = an_experiment(environment), an_experiment(environment)
    hold(first, layer, SLOTS)
    with pytest.raises(ValidationError, match="free"):
        hold(second, layer, 1)

    released = services.release_slots(Experiment.objects.get(pk=first.pk), actor=SYSTEM)

    assert released.layer is None
    assert len(held(hold(second, layer, SLOTS), layer)) == SLOTS


def test_environments_have_slots_of_their_own(environment: Environment, layer: Layer) -> None:
    sibling = an_environment(environment.project)
    hold(an_experiment(environment), layer, SLOTS)

    assert len(held(hold(an_experiment(sibling), layer, SLOTS), layer)) == SLOTS


@pytest.mark.parametrize("slots", [-1, SLOTS + 1, 1.5, "5", None, True, float("nan")])
def test_what_is_no_number_of_slots_is_refused(environment: Environment, layer: Layer, slots: Any) -> None:
    experiment, logged = an_experiment(environment), Change.objects.count() + 1

    with pytest.raises(ValidationError, match="from 0 to 10000"):
        hold(experiment, layer, slots)
    with pytest.raises(ValidationError, match="from 0 to 10000"):
        services.set_holdout(layer, environment, slots=slots, actor=SYSTEM)

    assert not SlotRange.objects.exists()
    assert Change.objects.count() <= logged


def test_an_experiment_is_in_one_layer_of_its_project(environment: Environment, layer: Layer) -> None:
    experiment = hold(an_experiment(environment), layer, 10)

    with pytest.raises(ValidationError, match="release them first"):
        hold(experiment, a_layer(environment.project), 10)
    with pytest.raises(ValidationError, match="not a layer of the experiment's project"):
        hold(an_experiment(an_environment()), layer, 10)
    with pytest.raises(ValidationError, match="not an environment of the layer's project"):
        services.set_holdout(layer, an_environment(), slots=1, actor=SYSTEM)


def test_experiments_of_a_layer_are_bucketed_by_one_attribute(environment: Environment, layer: Layer) -> None:
    sibling = an_environment(environment.project)
    first = hold(an_experiment(environment, hash_attribute="account"), layer, 10)
    logged = Change.objects.count() + 2  # the experiments that are made here

    for place, attribute in [(environment, ""), (sibling, "company")]:
        with pytest.raises(ValidationError, match=rf"layer {layer.key} are bucketed by the attribute 'account'"):
            hold(an_experiment(place, hash_attribute=attribute), layer, 10)

    assert list(layer.experiments.all()) == [first]
    assert Change.objects.filter(action="experiment.slots_held").count() == 1
    assert logged <= Change.objects.count() <= logged + 2
    assert hold(an_experiment(sibling, hash_attribute="account"), layer, 10).layer == layer


def test_an_experiment_changes_its_attribute_only_while_it_is_alone_in_its_layer(
    environment: Environment, layer: Layer
) -> None:
    first = hold(an_experiment(environment), layer, 10)
    services.update_experiment(first, hash_attribute="account", actor=SYSTEM)
    second = hold(an_experiment(environment, hash_attribute="account"), layer, 10)

    with pytest.raises(ValidationError, match=rf"layer {layer.key} .* 'account'.*by the subject's own key") as raised:
        services.update_experiment(first, hash_attribute="", name="Renamed", actor=SYSTEM)

    assert raised.value.message_dict.keys() == {"hash_attribute"}
    assert Experiment.objects.get(pk=first.pk).name == first.name
    services.release_slots(second, actor=SYSTEM)
    assert services.update_experiment(first, hash_attribute="", actor=SYSTEM).hash_attribute == ""
    services.update_experiment(second, hash_attribute="company", actor=SYSTEM)


@pytest.mark.parametrize("slots", [0, 10])
def test_a_layer_in_use_is_not_deleted_and_its_users_are_named(
    environment: Environment, layer: Layer, slots: int
) -> None:
    experiment = hold(an_experiment(environment, name="Colours"), layer, slots)
    services.set_holdout(layer, environment, slots=10, actor=SYSTEM)

    with pytest.raises(ValidationError, match="a holdout, experiment Colours") as raised:
        services.delete_layer(layer, actor=SYSTEM)

    assert raised.value.code == "in_use"
    services.release_slots(experiment, actor=SYSTEM)
    services.set_holdout(layer, environment, slots=0, actor=SYSTEM)
    services.delete_layer(layer, actor=SYSTEM)
    assert not Layer.objects.exists()


@pytest.mark.parametrize("changes", [{"key": "a/b", "name": ""}, {"key": "", "name": "\x00"}])
def test_a_layer_that_cannot_be_stored_is_refused(environment: Environment, changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as raised:
        a_layer(environment.project, **changes)

    assert raised.value.message_dict.keys() == {"key", "name"}


@pytest.mark.django_db(transaction=True)
def test_twenty_that_ask_at_once_share_no_slot() -> None:
    environment = an_environment()
    layer = a_layer(environment.project)
    experiments = [an_experiment(environment) for _ in range(THREADS)]
    start = Barrier(THREADS)

    def ask(experiment: Experiment) -> bool:
        start.wait()
        try:
            hold(experiment, layer, 600)
        except ValidationError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        served = list(pool.map(ask, experiments))

    everything = [held(experiment, layer) for experiment in experiments]
    assert sum(served) == SLOTS // 600
    assert sum(map(len, everything)) == len(set().union(*everything)) == 600 * sum(served)
