"""Two people at one form of the admin: the second sees what the first stored, and nothing is overwritten."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from audits.services import Actor
from features import services
from features.models import Feature, FeatureState, Rule
from tenants.models import Environment
from tenants.roles import Role
from tests.admin_forms import sent_from
from tests.builders import a_feature, a_member, a_rule, an_environment

pytestmark = pytest.mark.django_db
ADA = Actor("user:0", "Ada Lovelace")


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def feature(environment: Environment) -> Feature:
    return a_feature(environment, name="Before")


@pytest.fixture
def url(feature: Feature, environment: Environment) -> str:
    return f"{page_of(feature)}?environment={environment.key}"


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def page_of(feature: Feature) -> str:
    return reverse("admin:features_feature_change", args=[feature.pk])


def differences(answer: Any) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200
    return [tuple(each) for each in answer.context["differences"]]


def test_the_second_to_save_is_shown_theirs_and_ones_own(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    form = sent_from(editor, url, status="on", rollout_percent="50")
    services.set_state(feature, environment, rollout_percent=20, actor=ADA)
    before = Change.objects.count()

    answer = editor.post(url, form)

    assert differences(answer) == [("Status", "Off", "On"), ("Rollout", "20", "50")]
    assert "Ada Lovelace" in answer.content.decode()
    assert Change.objects.count() == before


def test_who_has_seen_the_difference_may_save_again(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    form = sent_from(editor, url, rollout_percent="50")
    services.set_state(feature, environment, rollout_percent=20, actor=ADA)
    answer = editor.post(url, form)

    again = form | {"version": answer.context["adminform"].form["version"].value()}

    assert editor.post(url, again).status_code == 302
    assert FeatureState.objects.get().rollout_percent == 50


def test_rules_that_came_went_or_changed_meanwhile_are_differences(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    changed, gone = a_rule(feature, environment), a_rule(feature, environment)
    form = sent_from(editor, url, status="on")
    services.update_rule(changed, value=False, actor=ADA)
    services.delete_rule(gone, actor=ADA)
    added = a_rule(feature, environment, description="theirs")
    before = Change.objects.count()

    found = differences(editor.post(url, form))

    assert ("Rule 1: Serve", "false", "true") in found
    assert ("Rule 2", "removed", "kept") in found
    assert (f"Rule {added}", "added", "not there") in found
    assert Change.objects.count() == before


def test_somebody_elses_override_is_not_lost(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    form = sent_from(editor, url, status="on")
    services.set_override(feature, environment, identifier="ada", value=True, actor=ADA)

    assert ("Override ada of" in str(differences(editor.post(url, form)))) is True
    assert FeatureState.objects.get().status == "off"


def test_an_edit_elsewhere_is_no_conflict(editor: Client, feature: Feature, environment: Environment, url: str) -> None:
    form = sent_from(editor, url, status="on")
    services.update_feature(feature, name="After", actor=ADA)
    services.switch(feature, an_environment(environment.project), status="on", actor=ADA)
    a_feature(environment, state={"status": "on"})

    assert editor.post(url, form).status_code == 302


def test_the_details_of_a_feature_are_kept_the_same_way(editor: Client, feature: Feature) -> None:
    form = sent_from(editor, page_of(feature), name="Mine")
    services.update_feature(feature, name="Theirs", tags=["a", "b"], actor=ADA)

    answer = editor.post(page_of(feature), form)

    assert differences(answer) == [("Name", "Theirs", "Mine"), ("Tags", "a, b", "–")]
    assert Feature.objects.get().name == "Theirs"


def test_a_form_without_a_version_overwrites_nothing(editor: Client, feature: Feature, url: str) -> None:
    form = sent_from(editor, url, status="on")
    del form["version"]

    assert editor.post(url, form).status_code == 200
    assert FeatureState.objects.get().status == "off"


def test_whoever_is_faster_between_check_and_save_is_not_overwritten(
    editor: Client, feature: Feature, environment: Environment, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = sent_from(editor, url, status="on")
    waited = services.set_state

    def take_turn(row: Any) -> None:
        monkeypatch.undo()
        waited(feature, environment, rollout_percent=20, actor=ADA)

    monkeypatch.setattr("tenants.admin_versions.take_turn", take_turn)

    assert editor.post(url, form).status_code == 200
    assert FeatureState.objects.get().status == "off"


def test_rules_dragged_to_another_order_are_stored_in_it(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    for key in "abcd":
        a_rule(feature, environment, key=key)
    places = {"rules-0-place": "2", "rules-1-place": "1", "rules-2-place": "4", "rules-3-place": "3"}

    assert editor.post(url, sent_from(editor, url, **places)).status_code == 302

    assert list(Rule.objects.values_list("key", flat=True)) == ["b", "a", "d", "c"]
