"""Layers in the admin, and what an experiment's page says of its layer and its audience."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from experiments import services
from experiments.models import Experiment, Layer
from tenants.models import Environment
from tenants.roles import Role
from tests.admin_forms import errors_of, sent_from
from tests.builders import a_layer, a_member, a_project, a_segment, a_user, an_environment, an_experiment

pytestmark = pytest.mark.django_db
ADD = "/admin/experiments/layer/add/"


def page_of(row: Layer | Experiment) -> str:
    return reverse(f"admin:experiments_{row._meta.model_name}_change", args=[row.pk])


def delete(layer: Layer) -> str:
    return page_of(layer).replace("change", "delete")


def last() -> int:
    return Change.objects.latest("pk").pk


def logged(since: int) -> list[str]:
    return list(Change.objects.filter(pk__gt=since).order_by("pk").values_list("action", flat=True))


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def test_a_layer_is_made_renamed_and_removed_by_its_services(editor: Client, environment: Environment) -> None:
    before = last()

    editor.post(ADD, {"project": environment.project_id, "key": "checkout", "name": "Checkout"})
    layer = Layer.objects.get(key="checkout")
    editor.post(page_of(layer), sent_from(editor, page_of(layer), name="Basket", key="other", seed="other"))
    renamed = Layer.objects.get()
    editor.post(delete(layer), {"post": "yes"})

    assert (renamed.key, renamed.name, renamed.seed) == ("checkout", "Basket", layer.seed)
    assert logged(before) == ["layer.created", "layer.updated", "layer.deleted"]
    assert not Layer.objects.exists()


def test_saving_without_a_change_changes_nothing(editor: Client, environment: Environment) -> None:
    layer = a_layer(environment.project)
    services.hold_slots(an_experiment(environment), layer, slots=10, actor=SYSTEM)
    before = last()

    assert editor.post(page_of(layer), sent_from(editor, page_of(layer))).status_code == 302

    assert logged(before) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("key", ""), ("key", "a/b"), ("key", "nul\x00"), ("key", "x" * 300), ("key", "taken"), ("name", "")],
        *[("name", "nul\x00"), ("name", "x" * 300), ("project", ""), ("project", "x"), ("project", "9" * 20)],
    ],
)
def test_bad_input_is_said_on_the_form_and_nothing_is_stored(
    editor: Client, environment: Environment, field: str, value: str
) -> None:
    a_layer(environment.project, key="taken")
    before = last()

    form = {"project": str(environment.project_id), "key": "new", "name": "New", field: value}
    errors = errors_of(editor.post(ADD, form))

    assert errors.keys() <= {field, ""}
    assert errors
    assert logged(before) == []


def test_slots_are_not_taken_by_a_form(editor: Client, environment: Environment) -> None:
    layer = a_layer(environment.project)
    experiment = services.hold_slots(an_experiment(environment), layer, slots=10, actor=SYSTEM)
    before = last()

    slots = {"ranges-0-start": "5", "ranges-0-end": "10000", "ranges-0-DELETE": "on"}
    editor.post(page_of(layer), sent_from(editor, page_of(layer), **slots))

    assert list(experiment.slot_ranges.values_list("start", "end")) == [(0, 10)]
    assert logged(before) == []


def test_a_layer_in_use_is_not_deleted_and_its_users_are_shown(editor: Client, environment: Environment) -> None:
    layer = a_layer(environment.project)
    services.hold_slots(an_experiment(environment, name="Colours"), layer, slots=10, actor=SYSTEM)
    before = last()

    page = editor.post(delete(layer), {"post": "yes"})

    assert "experiment Colours" in page.content.decode()
    assert logged(before) == []


def test_a_viewer_sees_a_layer_and_saves_nothing(client: Client, environment: Environment) -> None:
    layer = a_layer(environment.project)
    client.force_login(a_member(environment, Role.VIEWER))
    before = last()

    assert 'name="_save"' not in client.get(page_of(layer)).content.decode()
    for url in (page_of(layer), delete(layer), ADD):
        assert client.post(url, {"name": "mine", "post": "yes"}).status_code == 403
    assert logged(before) == []


def test_another_tenants_layer_is_not_there(editor: Client) -> None:
    theirs = a_layer(a_project())
    before = last()

    for url in (page_of(theirs), delete(theirs)):
        assert editor.post(url, {"name": "mine", "post": "yes"}).status_code == 302  # there is no such page
    assert "project" in errors_of(editor.post(ADD, {"project": theirs.project_id, "key": "new", "name": "New"}))
    assert logged(before) == []


def test_an_experiments_audience_and_attribute_are_saved_in_one_change(
    editor: Client, environment: Environment
) -> None:
    experiment, segment = an_experiment(environment), a_segment(environment.project)
    before = last()

    form = sent_from(editor, page_of(experiment), audience=str(segment.pk), hash_attribute="account")
    assert editor.post(page_of(experiment), form).status_code == 302

    experiment.refresh_from_db()
    assert (experiment.audience, experiment.hash_attribute) == (segment, "account")
    assert logged(before) == ["experiment.updated"]


def test_an_attribute_that_the_layer_is_not_bucketed_by_is_said_beside_the_field(
    editor: Client, environment: Environment
) -> None:
    layer, (first, second) = a_layer(environment.project), (an_experiment(environment) for _ in range(2))
    for experiment in (first, second):
        services.hold_slots(experiment, layer, slots=10, actor=SYSTEM)
    before = last()

    answer = editor.post(page_of(first), sent_from(editor, page_of(first), hash_attribute="account", name="typed"))

    assert layer.key in errors_of(answer)["hash_attribute"]
    assert 'value="typed"' in answer.content.decode()
    assert logged(before) == []


@pytest.mark.parametrize(
    "changes",
    [
        *[{"rollout_percent": text} for text in ("101", "-1", "NaN", "")],
        *[{"audience": text} for text in ("x", "0", "9" * 20)],
        *[{"slots": text} for text in ("-1", "10001", "x", "9" * 30)],
        *[{"in_layer": text} for text in ("x", "0", "9" * 20)],
        *[{"name": ""}, {"name": "\x00"}, {"hash_attribute": "\x00"}, {"seed": "x" * 256}],
        {"hash_attribute": "x" * 129},
    ],
    ids=lambda changes: ascii(changes)[:40],
)
def test_bad_input_of_an_experiment_is_said_beside_its_field(
    editor: Client, environment: Environment, changes: dict[str, str]
) -> None:
    experiment = an_experiment(environment)
    before = last()

    answer = editor.post(page_of(experiment), sent_from(editor, page_of(experiment), **changes))

    assert errors_of(answer).keys() == changes.keys()
    assert logged(before) == []


def test_an_audience_of_another_project_is_refused(client: Client, environment: Environment) -> None:
    experiment, theirs = an_experiment(environment), a_segment(a_project())
    page: Any = page_of(experiment)

    for user in (a_member(environment, Role.EDITOR), a_user(superuser=True)):
        client.force_login(user)
        before = last()
        assert errors_of(client.post(page, sent_from(client, page, audience=str(theirs.pk)))).keys() == {"audience"}
        assert logged(before) == []


def holdout(layer: Layer) -> str:
    return reverse("admin:experiments_layer_holdout", args=[layer.pk])


def held_out(layer: Layer) -> list[tuple[str, int]]:
    rows = layer.ranges.filter(experiment=None).order_by("environment", "start")
    return [(row.environment.key, row.end - row.start) for row in rows]


def test_a_layers_page_shows_each_environment_and_sets_its_holdout(editor: Client, environment: Environment) -> None:
    layer, sibling = a_layer(environment.project), an_environment(environment.project, name="Besides")

    answer = editor.post(holdout(layer), {"environment": sibling.pk, "slots": "1500"}, follow=True)

    assert held_out(layer) == [(sibling.key, 1500)]
    assert "1,500 slots are held out in Besides." in answer.content.decode()
    assert [bar.held_out for bar, _ in answer.context["places"]] == [0, 1500]


@pytest.mark.parametrize("slots", ["", "x", "-1", "10001", "9" * 40, "²", "1.5"])
def test_a_holdout_that_makes_no_sense_is_refused_in_words(
    editor: Client, environment: Environment, slots: str
) -> None:
    layer = a_layer(environment.project)

    answer = editor.post(holdout(layer), {"environment": environment.pk, "slots": slots}, follow=True)

    assert "Must be from 0 to 10000." in answer.content.decode()
    assert held_out(layer) == []


def test_a_holdout_takes_the_right_to_edit_there(client: Client, environment: Environment) -> None:
    layer, foreign = a_layer(environment.project), an_environment()

    client.force_login(a_member(environment, Role.VIEWER))
    assert client.post(holdout(layer), {"environment": environment.pk, "slots": "1"}).status_code == 403
    assert holdout(layer) not in client.get(page_of(layer)).content.decode()
    client.force_login(a_member(environment, Role.EDITOR))
    for place in (foreign.pk, "x", ""):
        assert client.post(holdout(layer), {"environment": place, "slots": "1"}).status_code == 404
    assert client.get(holdout(layer)).status_code == 405
    client.force_login(a_member(foreign, Role.ADMIN))
    assert client.post(holdout(layer), {"environment": foreign.pk, "slots": "1"}).status_code == 404
    assert held_out(layer) == []
