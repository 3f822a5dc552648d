"""The bar of a layer: who holds which slots, and which ones an experiment would get."""

from typing import Any

import pytest
from django.test import Client

from audits.services import SYSTEM
from experiments import services
from experiments.admin.slots import bar_of
from experiments.models import Experiment, Layer
from tenants.models import Environment
from tenants.roles import Role
from tests.builders import a_layer, a_member, a_project, an_environment, an_experiment

pytestmark = pytest.mark.django_db
BAR = "/admin/experiments/experiment/slots/"


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def layer(environment: Environment) -> Layer:
    """A holdout of 1,000, then an experiment with 2,000."""
    layer = a_layer(environment.project)
    services.set_holdout(layer, environment, slots=1_000, actor=SYSTEM)
    services.hold_slots(an_experiment(environment, name="Colours"), layer, slots=2_000, actor=SYSTEM)
    return layer


def pieces(layer: Layer, environment: Environment, *own: Any) -> list[tuple[str, int, int]]:
    return [(piece.kind, piece.start, piece.end) for piece in bar_of(layer, environment, *own).pieces]


def test_a_layer_is_holdouts_others_and_what_is_free(layer: Layer, environment: Environment) -> None:
    assert pieces(layer, environment) == [("holdout", 0, 1_000), ("other", 1_000, 3_000), ("free", 3_000, 10_000)]
    assert pieces(layer, an_environment(environment.project)) == [("free", 0, 10_000)]


def test_ones_own_slots_are_told_apart(layer: Layer, environment: Environment) -> None:
    assert pieces(layer, environment, Experiment.objects.get(name="Colours"))[1] == ("mine", 1_000, 3_000)


@pytest.mark.parametrize("slots", [0, 1, 500, 2_000, 7_000])
def test_what_would_be_taken_is_what_is_taken(layer: Layer, environment: Environment, slots: int) -> None:
    experiment = an_experiment(environment)

    wanted = [(start, end) for kind, start, end in pieces(layer, environment, experiment, slots) if kind == "wanted"]
    services.hold_slots(experiment, layer, slots=slots, actor=SYSTEM)

    assert wanted == [(row.start, row.end) for row in experiment.slot_ranges.order_by("start")]


def test_growing_fills_the_first_gaps_and_shrinking_gives_back_from_the_end(
    layer: Layer, environment: Environment
) -> None:
    mine, other = an_experiment(environment), an_experiment(environment)
    services.hold_slots(mine, layer, slots=1_000, actor=SYSTEM)
    services.hold_slots(other, layer, slots=1_000, actor=SYSTEM)

    grown = [piece for piece in pieces(layer, environment, mine, 3_000) if piece[0] in ("mine", "wanted")]
    assert grown == [("mine", 3_000, 4_000), ("wanted", 5_000, 7_000)]
    shrunk = [piece for piece in pieces(layer, environment, mine, 400) if piece[0] in ("mine", "freed")]
    assert shrunk == [("mine", 3_000, 3_400), ("freed", 3_400, 4_000)]


def test_more_than_is_free_is_said(layer: Layer, environment: Environment) -> None:
    assert bar_of(layer, environment, None, 7_001).is_too_much
    assert not bar_of(layer, environment, None, 7_000).is_too_much


def test_the_bar_is_answered_where_it_may_be_seen(client: Client, layer: Layer, environment: Environment) -> None:
    client.force_login(a_member(environment, Role.VIEWER))
    asked: dict[str, str] = {"layer": str(layer.pk), "environment": str(environment.pk), "slots": "500"}

    shown = client.get(BAR, asked).content.decode()

    assert "Colours" in shown
    assert "Would be taken" in shown
    for changes in (
        {"layer": ""},
        {"environment": "x"},
        {"environment": str(an_environment().pk)},
        {"layer": "9" * 30},
    ):
        assert client.get(BAR, {**asked, **changes}).content == b""
    for slots in ("", "x", "-5", "9" * 40, "²"):
        assert client.get(BAR, {**asked, "slots": slots}).status_code == 200


def test_a_stranger_is_shown_no_bar(client: Client, layer: Layer, environment: Environment) -> None:
    client.force_login(a_member(an_environment(a_project()), Role.ADMIN))

    assert client.get(BAR, {"layer": layer.pk, "environment": environment.pk}).content == b""


def test_names_are_escaped(client: Client, layer: Layer, environment: Environment) -> None:
    services.hold_slots(an_experiment(environment, name="<script>x</script>"), layer, slots=5, actor=SYSTEM)
    client.force_login(a_member(environment, Role.VIEWER))

    assert "<script>" not in client.get(BAR, {"layer": layer.pk, "environment": environment.pk}).content.decode()
