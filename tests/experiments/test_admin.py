"""Experiments in the admin: variants on the same page, and none runs that could assign nobody."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from experiments.models import Experiment, Variant
from tenants.roles import Role
from tests.builders import a_feature, a_member, a_running_experiment, a_user, a_variant, an_environment, an_experiment

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/experiments/experiment/add/", "/admin/experiments/experiment/"
START = {"experiments_experiment_start_now": "1"}


def test_an_experiment_and_its_variants_are_made_and_started_on_one_page(client: Client) -> None:
    environment = an_environment()
    feature = a_feature(environment)
    client.force_login(a_user(superuser=True))

    form = {"feature": feature.pk, "environment": environment.pk, "name": "Button", "status": "running"}
    client.post(ADD, form | {"rollout_percent": "50"} | new_variants(2, weight="50", payload='{"colour": "red"}'))
    experiment = Experiment.objects.get()

    assert (experiment.key, experiment.status, experiment.bucketing) == ("exp-001", "running", "growthbook")
    assert experiment.variants.count() == 2
    assert sorted(Change.objects.filter(actor__startswith="user:").values_list("action", flat=True)) == [
        "experiment.created",
        "experiment.updated",
        "variant.created",
        "variant.created",
    ]


@pytest.mark.parametrize("count", [0, 2])
def test_none_starts_that_could_assign_nobody_and_nothing_of_the_form_is_stored(client: Client, count: int) -> None:
    environment = an_environment()
    form = {
        "feature": a_feature(environment).pk,
        "environment": environment.pk,
        "name": "Button",
        "rollout_percent": "100",
    }
    client.force_login(a_user(superuser=True))

    answer = client.post(ADD, form | {"status": "running"} | new_variants(count, weight="0"))

    assert "before it can run" in str(answer.context["adminform"].form.errors["status"])
    assert 'value="Button"' in answer.content.decode()
    assert not Experiment.objects.exists()
    assert not Variant.objects.exists()


@pytest.mark.parametrize("how", [{"status": "running"}, START])
def test_a_draft_without_variants_is_not_started_by_form_or_button(client: Client, how: dict[str, str]) -> None:
    experiment = an_experiment(an_environment())
    client.force_login(a_user(superuser=True))

    answer = client.post(page_of(experiment), form_of(client, experiment, name="New", **how))

    assert "at least one variant" in answer.content.decode()
    assert status_of(experiment) == "draft"
    assert Experiment.objects.get().name == experiment.name


def test_a_draft_is_not_started_by_an_action_without_variants(client: Client) -> None:
    empty, whole = an_experiment(an_environment()), an_experiment(an_environment())
    a_variant(whole)
    client.force_login(a_user(superuser=True))

    answer = client.post(LIST, {"action": "start", "_selected_action": [empty.pk, whole.pk]}, follow=True)

    assert "at least one variant" in answer.content.decode()
    assert (status_of(empty), status_of(whole)) == ("draft", "running")


def test_variants_saved_in_the_same_form_count(client: Client) -> None:
    experiment = an_experiment(an_environment())
    a_variant(experiment, weight=0)
    client.force_login(a_user(superuser=True))

    changes = {"variants-0-weight": "1", **START}
    assert client.post(page_of(experiment), form_of(client, experiment, **changes)).status_code == 302

    assert status_of(experiment) == "running"


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

    client.post(page_of(experiment), form_of(client, experiment, status="paused", **remove))
    assert [variant.key for variant in experiment.variants.all()] == ["treatment"]


def test_the_buttons_and_actions_pause_and_conclude(client: Client) -> None:
    experiment = a_running_experiment(an_environment())
    client.force_login(a_user(superuser=True))

    client.post(page_of(experiment), form_of(client, experiment, experiments_experiment_pause_now="1"))
    assert status_of(experiment) == "paused"
    client.post(LIST, {"action": "conclude", "_selected_action": [experiment.pk]})
    assert status_of(experiment) == "concluded"
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
    form = {"feature": feature, "environment": environment.pk, "name": "x", "status": "draft", "rollout_percent": "1"}

    answer = client.post(ADD, form | new_variants(0))

    assert "feature" in answer.context["adminform"].form.errors
    assert client.get(ADD, {"feature": feature}).status_code == 200


def test_a_feature_of_another_project_is_refused(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))
    form = {"feature": a_feature(an_environment()).pk, "environment": environment.pk, "name": "x", "status": "draft"}

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
    assert "_now" not in page
    assert client.post(page_of(experiment), START).status_code == 403
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
    form = {"feature": experiment.feature_id, "environment": other.pk, "name": "x", "status": "draft"}
    errors = client.post(ADD, form | {"rollout_percent": "1"} | new_variants(0)).context["adminform"].form.errors
    assert {"feature", "environment"} <= set(errors)


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
