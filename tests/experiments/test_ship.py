"""Shipping: an experiment ends, and everybody gets what one of its variants serves."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from audits.models import Change
from audits.services import SYSTEM
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.snapshots import read
from experiments.models import Experiment
from experiments.services import ship
from features import services
from tests.builders import a_condition, a_feature, a_rule, a_running_experiment, a_variant, an_environment

pytestmark = pytest.mark.django_db


def an_experiment_on_colours(winner: object = "blue") -> Experiment:
    environment = an_environment()
    feature = a_feature(environment, value_type="string")
    experiment = a_running_experiment(environment, feature)
    a_variant(experiment, key="winner", payload={"value": winner})
    return experiment


def served(experiment: Experiment, year: int = 2026, **attributes: object) -> set[object]:
    """What a hundred subjects get."""
    snapshot, at = read(experiment.environment_id), datetime(year, 7, 1, tzinfo=UTC).timestamp()
    assert snapshot is not None
    subjects = [Subject(f"user-{n}", attributes, at) for n in range(100)]
    return {decide(snapshot.features, experiment.feature.key, subject).value for subject in subjects}


def test_everybody_gets_what_the_winner_served() -> None:
    experiment = an_experiment_on_colours()
    ramp = {"start": "2126-01-01", "from": 0, "end": "2127-01-01", "to": 100}
    given = experiment.feature, experiment.environment
    services.set_state(*given, rollout_percent=5, ramp=ramp, actor=SYSTEM)

    shipped = ship(experiment, variant=experiment.variants.get(key="winner"), actor=SYSTEM)

    state = services.state_of(*given)
    assert shipped.status == "concluded"
    assert (state.status, state.on_value, state.active_experiment) == ("on", "blue", None)
    assert served(experiment) == {"blue"}


def test_a_rule_that_served_the_experiment_serves_the_winner() -> None:
    experiment = an_experiment_on_colours()
    services.switch(experiment.feature, experiment.environment, status="on", actor=SYSTEM)
    rule = a_rule(experiment.feature, experiment.environment, experiment=experiment)

    ship(experiment, variant=experiment.variants.get(key="winner"), actor=SYSTEM)

    rule.refresh_from_db()
    assert (rule.experiment, rule.value) == (None, "blue")
    assert served(experiment) == {"blue"}


def test_nothing_that_was_planned_undoes_it_later() -> None:
    experiment = an_experiment_on_colours()
    given = experiment.feature, experiment.environment
    plan = [
        {"at": "2000-01-01", "value": "early"},
        {"at": "2126-01-01", "status": "off"},
        {"at": "2127-01-01", "value": "red"},
    ]
    ramp = {"start": "2126-01-01", "from": 0, "end": "2127-01-01", "to": 100}
    services.set_state(*given, steps=plan, ramp=ramp, actor=SYSTEM)
    a_rule(*given, conditions=a_condition(), experiment=experiment, steps=plan)

    ship(experiment, variant=experiment.variants.get(key="winner"), actor=SYSTEM)

    for year in (1970, 2026, 2126, 2128):
        assert served(experiment, year) == served(experiment, year, country="DE") == {"blue"}
    changes = Change.objects.filter(action__in=["feature.switched", "rule.updated"]).order_by("-pk")[:2]
    assert [(change.before["steps"], change.after["steps"]) for change in changes] == [(plan, [])] * 2
    assert (changes[0].before["ramp"], changes[0].after["ramp"]) == (ramp, None)


def test_a_refused_shipment_leaves_the_plan() -> None:
    experiment = an_experiment_on_colours(7)
    plan = [{"at": "2126-01-01", "status": "off"}]
    services.set_state(experiment.feature, experiment.environment, steps=plan, actor=SYSTEM)

    with pytest.raises(ValidationError):
        ship(experiment, variant=experiment.variants.get(key="winner"), actor=SYSTEM)

    assert services.state_of(experiment.feature, experiment.environment).steps == plan


@pytest.mark.parametrize("winner", [7, True, {"hue": 240}])
def test_a_value_that_the_feature_may_not_serve_is_not_shipped(winner: object) -> None:
    experiment = an_experiment_on_colours(winner)

    with pytest.raises(ValidationError, match="on_value"):
        ship(experiment, variant=experiment.variants.get(key="winner"), actor=SYSTEM)

    assert Experiment.objects.get().status == "running"
    assert services.state_of(experiment.feature, experiment.environment).status == "experiment"


def test_a_variant_of_another_experiment_is_not_shipped() -> None:
    experiment, other = an_experiment_on_colours(), an_experiment_on_colours()

    with pytest.raises(ValidationError, match="is not a variant of"):
        ship(experiment, variant=other.variants.get(key="winner"), actor=SYSTEM)

    assert set(Experiment.objects.values_list("status", flat=True)) == {"running"}
