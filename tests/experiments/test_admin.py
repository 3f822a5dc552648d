"""Experiments in the admin: variants on the same page, and none runs that could assign nobody."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from experiments import services
from experiments.models import Experiment, Variant
from features.models import Feature
from tenants.models import Environment
from tenants.roles import Role
from tests.admin_forms import errors_of, sent_from
from tests.builders import (
    a_feature,
    a_layer,
    a_member,
    a_running_experiment,
    a_user,
    a_variant,
    an_environment,
    an_experiment,
)

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/experiments/experiment/add/", "/admin/experiments/experiment/"


def test_an_experiment_its_variants_and_its_slots_are_made_in_one_form(client: Client) -> None:
    environment = an_environment()
    feature, layer = a_feature(environment), a_layer(environment.project)
    client.force_login(a_user(superuser=True))

    form = a_form(feature, environment, in_layer=layer.pk, slots="2000", rollout_percent="50")
    answer = client.post(ADD, form | new_variants(3, weight="33", payload='{"colour": "red"}'))
    experiment = Experiment.objects.get()

    assert answer.headers["Location"] == page_of(experiment)
    assert (experiment.key, experiment.status, experiment.bucketing) == ("exp-001", "draft", "growthbook")
    assert experiment.variants.count() == 3
    assert [(held.start, held.end) for held in experiment.slot_ranges.all()] == [(0, 2000)]
    assert sorted(Change.objects.filter(actor__startswith="user:").values_list("action", flat=True)) == [
        "experiment.created",
        "experiment.slots_held",
        *["variant.created"] * 3,
    ]


def test_a_control_and_a_treatment_are_offered_and_made_as_they_were_offered(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))

    offered = {name: value for name, value in sent_from(client, ADD).items() if name.startswith("variants-")}
    client.post(ADD, a_form(a_feature(environment), environment) | offered)

    found = Experiment.objects.get().variants.order_by("number")
    assert [(row.key, row.weight, row.is_control) for row in found] == [("control", 50, True), ("treatment", 50, False)]


def test_there_is_one_control(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))

    form = a_form(a_feature(environment), environment) | new_variants(2, weight="1", is_control="on")

    assert errors_of(client.post(ADD, form)) == {"": "Only one variant is the control."}
    assert not Experiment.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *[({"slots": "10001"}, "slots"), ({"slots": ""}, "slots"), ({"slots": "-1"}, "slots")],
        *[({"in_layer": "0"}, "in_layer"), ({"slots": "9500"}, "slots")],
    ],
)
def test_slots_that_cannot_be_had_are_said_beside_the_field_and_nothing_is_stored(
    client: Client, changes: dict[str, str], field: str
) -> None:
    environment = an_environment()
    feature, layer = a_feature(environment), a_layer(environment.project)
    services.set_holdout(layer, environment, slots=1_000, actor=SYSTEM)
    client.force_login(a_user(superuser=True))

    form = a_form(feature, environment, **{"in_layer": layer.pk, "slots": "10", **changes})
    answer = client.post(ADD, form | new_variants(1, weight="1"))

    assert errors_of(answer).keys() == {field}
    assert not Experiment.objects.exists()
    assert not Variant.objects.exists()


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        *[("string", "blue", "blue"), ("string", '"blue"', "blue"), ("string", "5", "5"), ("string", "", None)],
        *[("number", "5", 5), ("boolean", "true", True), ("json", '{"a": 1}', {"a": 1}), ("json", "", None)],
    ],
)
def test_a_first_value_is_text_where_the_feature_serves_text(
    client: Client, kind: str, typed: str, stored: Any
) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))

    form = a_form(a_feature(environment, value_type=kind), environment) | new_variants(1, weight="1", value=typed)
    client.post(ADD, form)

    assert Variant.objects.get().value == stored


def test_a_first_value_that_is_neither_is_refused_in_its_row(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))

    for kind, typed in (("number", "five"), ("boolean", "5")):
        form = a_form(a_feature(environment, value_type=kind), environment)
        answer = client.post(ADD, form | new_variants(1, weight="1", value=typed))
        assert errors_of(answer).keys() == {"variants-0-value"}
    assert not Experiment.objects.exists()


def test_an_experiment_moves_between_layers_and_out_of_them(client: Client) -> None:
    environment = an_environment()
    experiment, one, other = an_experiment(environment), a_layer(environment.project), a_layer(environment.project)
    client.force_login(a_user(superuser=True))

    for layer, slots, held in ((one, "10", 10), (one, "5", 5), (other, "7", 7), (None, "", 0)):
        chosen = {"in_layer": str(layer.pk) if layer else "", "slots": slots}
        assert client.post(page_of(experiment), form_of(client, experiment, **chosen)).status_code == 302
        experiment = Experiment.objects.get()
        assert (experiment.layer, sum(row.end - row.start for row in experiment.slot_ranges.all())) == (layer, held)


def test_a_layer_of_another_project_is_no_choice(client: Client) -> None:
    experiment, theirs = an_experiment(an_environment()), a_layer(an_environment().project)
    client.force_login(a_user(superuser=True))

    chosen = {"in_layer": str(theirs.pk), "slots": "1"}

    assert errors_of(client.post(page_of(experiment), form_of(client, experiment, **chosen))).keys() == {"in_layer"}


def test_the_second_of_two_editors_sees_what_the_first_stored(client: Client) -> None:
    experiment = a_running_experiment(an_environment())
    client.force_login(a_user(superuser=True))
    form = form_of(client, experiment, name="Mine", **{"variants-0-weight": "10"})
    services.update_experiment(experiment, name="Theirs", actor=SYSTEM)

    answer = client.post(page_of(experiment), form)

    assert "Somebody else was faster" in answer.content.decode()
    assert "Theirs" in answer.content.decode()
    assert Experiment.objects.get().name == "Theirs"


def test_the_value_of_a_variant_is_edited_as_what_the_feature_serves(client: Client) -> None:
    environment = an_environment()
    experiment = an_experiment(environment, a_feature(environment, value_type="string"))
    a_variant(experiment, key="red", value="red"), a_variant(experiment, key="none")
    client.force_login(a_user(superuser=True))

    values = {"variants-0-value": "blue", "variants-1-value": ""}
    assert client.post(page_of(experiment), form_of(client, experiment, **values)).status_code == 302

    assert list(experiment.variants.order_by("number").values_list("value", flat=True)) == ["blue", None]


def test_a_draft_is_not_started_by_an_action_without_variants(client: Client) -> None:
    empty, whole = an_experiment(an_environment()), an_experiment(an_environment())
    a_variant(whole)
    client.force_login(a_user(superuser=True))

    answer = client.post(LIST, {"action": "start", "_selected_action": [empty.pk, whole.pk]}, follow=True)

    assert "at least one variant" in answer.content.decode()
    assert (status_of(empty), status_of(whole)) == ("draft", "running")


def test_a_running_experiment_keeps_somebody_to_assign(client: Client) -> None:
    experiment = a_running_experiment(an_environment())
    client.force_login(a_user(superuser=True))

    changes = {"variants-0-weight": "0", "variants-1-weight": "0"}
    answer = client.post(page_of(experiment), form_of(client, experiment, **changes))

    assert answer.status_code == 200
    assert set(experiment.variants.values_list("weight", flat=True)) == {50}


def test_a_variant_goes_only_when_the_experiment_is_not_running(client: Client) -> None:
    experiment = a_running_experiment(an_environment())
    client.force_login(a_user(superuser=True))
    remove = {"variants-0-DELETE": "on"}

    refused = client.post(page_of(experiment), form_of(client, experiment, **remove))
    assert refused.status_code == 200
    assert "pause it before" in refused.content.decode()
    assert experiment.variants.count() == 2

    services.pause(experiment, actor=SYSTEM)
    client.post(page_of(experiment), form_of(client, experiment, **remove))
    assert [variant.key for variant in experiment.variants.all()] == ["treatment"]


def test_the_actions_pause_and_conclude_and_nothing_is_deleted(client: Client) -> None:
    experiment = a_running_experiment(an_environment())
    client.force_login(a_user(superuser=True))

    for action, status in (("pause", "paused"), ("conclude", "concluded")):
        client.post(LIST, {"action": action, "_selected_action": [experiment.pk]})
        assert status_of(experiment) == status
    assert client.post(f"{LIST}{experiment.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", ""),
        ("key", "a/b"),
        ("key", "nul\x00"),
        ("key", "treatment"),
        ("weight", "-1"),
        ("weight", "1000001"),
        ("weight", "9" * 5_000),
        ("payload", "[]"),
        ("payload", "{"),
        ("payload", '{"a": "\\ud800"}'),
        ("payload", '{"a": "\\u0000"}'),
        ("payload", '{"a": NaN}'),
        ("value", "[" * 10_000),
    ],
)
def test_bad_variants_are_said_in_their_row_and_nothing_is_stored(client: Client, field: str, value: str) -> None:
    experiment = a_running_experiment(an_environment())
    client.force_login(a_user(superuser=True))
    count = Change.objects.count()

    answer = client.post(page_of(experiment), form_of(client, experiment, **{f"variants-0-{field}": value}))

    formset = answer.context["inline_admin_formsets"][0].formset
    assert answer.status_code == 200
    assert any(formset.errors) or formset.non_form_errors()
    assert Change.objects.count() == count


@pytest.mark.parametrize("feature", ["x", "0", "99999999999999999999", "\x00", ""])
def test_a_feature_that_is_none_is_said_beside_its_field(client: Client, feature: str) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))
    form = {"feature": feature, "environment": environment.pk, "name": "x", "rollout_percent": "1"}

    answer = client.post(ADD, form | new_variants(0))

    assert "feature" in answer.context["adminform"].form.errors
    assert client.get(ADD, {"feature": feature}).status_code == 200


def test_a_feature_of_another_project_is_refused(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))
    form = {"feature": a_feature(an_environment()).pk, "environment": environment.pk, "name": "x"}

    answer = client.post(ADD, form | {"rollout_percent": "1"} | new_variants(0))

    assert "environment" in answer.context["adminform"].form.errors
    assert not Experiment.objects.exists()


def test_a_viewer_sees_everything_and_saves_nothing(client: Client) -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)
    client.force_login(a_member(environment, Role.VIEWER))

    page = client.get(page_of(experiment)).content.decode()
    assert "treatment" in page
    assert 'name="_save"' not in page
    assert 'href="../pause/"' not in page
    assert client.post(page_of(experiment), {"name": "mine"}).status_code == 403
    assert client.get(ADD).status_code == 403
    client.post(LIST, {"action": "conclude", "_selected_action": [experiment.pk]})
    assert status_of(experiment) == "running"


def test_another_tenants_experiments_are_neither_there_nor_suggested(client: Client) -> None:
    mine, other = an_environment(), an_environment()
    experiment = an_experiment(other, a_feature(other, key="theirs"))
    a_feature(mine, key="ours")
    client.force_login(a_member(mine, Role.ADMIN))

    suggested = {"app_label": "experiments", "model_name": "experiment", "field_name": "feature", "term": ""}
    answer = client.get(reverse("admin:autocomplete"), suggested)

    assert [row["text"] for row in answer.json()["results"]] == ["ours"]
    assert client.get(reverse("admin:autocomplete"), suggested | {"term": "\x00"}).status_code == 200
    assert client.get(page_of(experiment)).status_code == 302
    assert experiment.key not in client.get(LIST).content.decode()
    form = {"feature": experiment.feature_id, "environment": other.pk, "name": "x"}
    errors = client.post(ADD, form | {"rollout_percent": "1"} | new_variants(0)).context["adminform"].form.errors
    assert {"feature", "environment"} <= set(errors)


def a_form(feature: Feature, environment: Environment, **changes: Any) -> dict[str, Any]:
    given = {"feature": feature.pk, "environment": environment.pk, "name": "Button", "rollout_percent": "100"}
    return given | changes


def page_of(experiment: Experiment) -> str:
    return reverse("admin:experiments_experiment_change", args=[experiment.pk])


def status_of(experiment: Experiment) -> str:
    return Experiment.objects.get(pk=experiment.pk).status


def new_variants(count: int, **fields: str) -> dict[str, str]:
    """The inline's part of a form, with rows that were added in the browser."""
    sent = {"variants-TOTAL_FORMS": str(count), "variants-INITIAL_FORMS": "0"}
    for row in range(count):
        values = {"key": f"v{row}", "payload": "{}", "value": "", **fields}
        sent |= {f"variants-{row}-{name}": value for name, value in values.items()}
    return sent


def form_of(client: Client, experiment: Experiment, **changes: str) -> dict[str, Any]:
    """What the browser would send back from the experiment's page."""
    context = client.get(page_of(experiment)).context
    formset = context["inline_admin_formsets"][0].formset
    forms = [context["adminform"].form, formset.management_form, *formset.forms]
    sent = {field.html_name: field.value() for form in forms for field in form}
    return {name: value for name, value in sent.items() if value is not None and value is not False} | changes
