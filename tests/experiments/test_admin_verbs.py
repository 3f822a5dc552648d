"""Starting, pausing, concluding and shipping in the admin: what would happen is said first, and then it does."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from experiments import services
from experiments.models import Experiment
from features.models import FeatureState
from features.services import set_state
from tenants.models import Environment
from tenants.roles import Role
from tests.builders import (
    a_feature,
    a_layer,
    a_member,
    a_rule,
    a_running_experiment,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment() -> Environment:
    return an_environment(name="Production")


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def a_draft(environment: Environment, **changes: Any) -> Experiment:
    """Ready to start, and served by nobody yet."""
    experiment = an_experiment(environment, **changes)
    a_variant(experiment, key="control", weight=34, is_control=True, value=False)
    a_variant(experiment, key="blue", weight=66, value=True)
    return experiment


def address(experiment: Experiment, verb: str) -> str:
    return reverse(f"admin:experiments_experiment_{verb}", args=[experiment.pk])


def said(client: Client, experiment: Experiment, verb: str) -> str:
    answer = client.get(address(experiment, verb))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def done(client: Client, experiment: Experiment, verb: str, **sent: Any) -> Any:
    """Press the button of the page as it is now."""
    version = client.get(address(experiment, verb)).context["version"]
    return client.post(address(experiment, verb), {"version": version, **sent})


def test_before_a_start_it_is_said_who_takes_part_and_what_others_get(editor: Client, environment: Environment) -> None:
    segment, layer = a_segment(environment.project, key="friends"), a_layer(environment.project, key="checkout")
    experiment = a_draft(environment, audience=segment, rollout_percent=Decimal(50))
    services.hold_slots(experiment, layer, slots=2_000, actor=SYSTEM)

    page = said(editor, experiment, "start")

    for words in (
        "It has 2 variants with weights.",
        "10 % of those in segment friends take part (rollout 50 %, 2,000 of 10,000 slots of layer checkout).",
        "control 34 %, blue 66 %",
        "Whoever takes no part gets the control&#x27;s value, false.",
        "is off in Production and does not serve this experiment",
    ):
        assert words in page


def test_a_start_lets_the_feature_serve_it_if_that_is_asked_for(editor: Client, environment: Environment) -> None:
    first, second = a_draft(environment), a_draft(environment)

    done(editor, first, "start", serve="yes", _reason="spring is here")
    done(editor, second, "start")

    states = {state.feature_id: state for state in FeatureState.objects.all()}
    assert list(Experiment.objects.order_by("pk").values_list("status", flat=True)) == ["running", "running"]
    assert states[first.feature_id].active_experiment == first
    assert states[first.feature_id].status == "experiment"
    assert states[second.feature_id].status == "off"
    assert set(Change.objects.filter(reason="spring is here").values_list("action", flat=True)) == {
        "experiment.updated",
        "feature.switched",
    }


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda experiment: experiment.variants.all().delete(), "at least one variant"),
        (lambda experiment: experiment.variants.update(weight=0), "weight above zero"),
    ],
)
def test_what_could_assign_nobody_is_not_started(
    editor: Client, environment: Environment, spoil: Any, words: str
) -> None:
    experiment = a_draft(environment)
    spoil(experiment)

    page = said(editor, experiment, "start")
    answer = done(editor, experiment, "start", serve="yes")

    assert words in page
    assert '<button type="submit" class="sy-button' not in page
    assert words in answer.content.decode()
    assert Experiment.objects.get().status == "draft"
    assert not FeatureState.objects.filter(status="experiment").exists()


def test_doubts_are_said_and_do_not_stand_in_the_way(editor: Client, environment: Environment) -> None:
    other = a_running_experiment(environment)
    experiment = an_experiment(environment, other.feature, rollout_percent=Decimal(0))
    a_variant(experiment, key="a", value=True)
    a_variant(experiment, key="b", value=True)

    page = said(editor, experiment, "start")

    for words in ("serve the same value", "No variant is the control", "Nobody can take part: rollout 0 %"):
        assert words in page
    assert f"in another experiment, {other}" in page
    done(editor, experiment, "start")
    experiment.refresh_from_db()
    assert experiment.status == "running"


def test_a_pause_says_what_everybody_gets(editor: Client, environment: Environment) -> None:
    experiment = a_running_experiment(environment)

    assert "everybody gets the control&#x27;s value, &quot;control&quot;" in said(editor, experiment, "pause")
    done(editor, experiment, "pause")

    assert Experiment.objects.get().status == "paused"
    assert "It is not running: it is paused." in said(editor, experiment, "pause")


def test_a_winner_is_shipped(editor: Client, environment: Environment) -> None:
    experiment = a_draft(environment)
    services.start(experiment, actor=SYSTEM)
    feature = experiment.feature
    steps = [{"at": "2036-01-01T00:00:00Z", "status": "off"}]
    changes = {"status": "experiment", "active_experiment": experiment, "steps": steps}
    set_state(feature, environment, actor=SYSTEM, **changes)
    a_rule(feature, environment, experiment=experiment, value=None)

    page = said(editor, experiment, "conclude")
    winner = experiment.variants.get(key="blue")
    answer = done(editor, experiment, "conclude", winner=winner.pk)

    assert "the rule that led to the experiment serve" in page
    assert "planned steps and ramp go" in page
    assert answer.status_code == 302
    state = FeatureState.objects.get(feature=feature)
    assert (state.status, state.on_value, state.steps) == ("on", True, [])
    assert Experiment.objects.get().status == "concluded"


def test_without_a_winner_it_only_ends_and_can_be_shipped_later(editor: Client, environment: Environment) -> None:
    experiment = a_running_experiment(environment, a_feature(environment, value_type="string"))

    done(editor, experiment, "conclude", winner="")
    assert FeatureState.objects.get().status == "experiment"
    assert "Ship a variant" in editor.get(page_of(experiment)).content.decode()
    done(editor, experiment, "conclude", winner=experiment.variants.get(key="control").pk)

    assert FeatureState.objects.get().on_value == "control"


def test_what_changed_since_the_page_was_shown_is_looked_at_again(editor: Client, environment: Environment) -> None:
    experiment = a_draft(environment)
    version = editor.get(address(experiment, "start")).context["version"]
    services.update_variant(experiment.variants.get(key="blue"), weight=1, actor=SYSTEM)

    answer = editor.post(address(experiment, "start"), {"version": version})

    assert "changed meanwhile" in answer.content.decode()
    assert Experiment.objects.get().status == "draft"


@pytest.mark.parametrize("winner", ["x", "0", "9" * 30, "theirs"])
def test_only_a_variant_of_its_own_wins(editor: Client, environment: Environment, winner: str) -> None:
    experiment, other = a_running_experiment(environment), a_running_experiment(environment)
    asked = str(other.variants.all()[0].pk) if winner == "theirs" else winner

    answer = done(editor, experiment, "conclude", winner=asked)

    assert "Choose one of the experiment&#x27;s variants." in answer.content.decode()
    experiment.refresh_from_db()
    assert experiment.status == "running"


@pytest.mark.parametrize("verb", ["start", "pause", "conclude"])
def test_a_viewer_and_a_stranger_do_none_of_it(client: Client, environment: Environment, verb: str) -> None:
    experiment = a_running_experiment(environment)
    count = Change.objects.count()

    for role, place, status in ((Role.VIEWER, environment, 403), (Role.ADMIN, an_environment(), 404)):
        client.force_login(a_member(place, role))
        assert client.get(address(experiment, verb)).status_code == status
        assert client.post(address(experiment, verb), {"version": "x"}).status_code == status
    client.logout()
    assert client.post(address(experiment, verb)).status_code == 302
    assert Change.objects.filter(object_type__startswith="experiments").count() <= count
    assert Experiment.objects.get().status == "running"


def page_of(experiment: Experiment) -> str:
    return reverse("admin:experiments_experiment_change", args=[experiment.pk])
