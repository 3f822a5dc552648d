"""Toggles in the list: one environment at once, a question first where it matters, and never beyond a role."""

from typing import Any

import pytest
from django.test import Client

from audits.models import Change
from features.models import FeatureState
from tenants.models import Environment
from tenants.roles import Role
from tests.builders import a_feature, a_member, a_running_experiment, an_environment

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


@pytest.fixture
def state() -> FeatureState:
    return a_feature(an_environment()).states.get()


@pytest.fixture
def editor(client: Client, state: FeatureState) -> Client:
    client.force_login(a_member(state.environment, Role.EDITOR))
    return client


def switch(client: Client, state: FeatureState, status: str = "on", **form: str) -> Any:
    return client.post(address(state), {"status": status, **form}, headers=JSON)


def address(state: FeatureState) -> str:
    return f"/admin/features/feature/{state.feature_id}/switch/{state.environment_id}/"


def status_of(state: FeatureState) -> str:
    state.refresh_from_db()
    return state.status


def test_a_toggle_switches_at_once_and_answers_its_new_cell(editor: Client, state: FeatureState) -> None:
    answer = switch(editor, state).json()

    assert status_of(state) == "on"
    assert 'aria-checked="true"' in answer["html"]
    assert Change.objects.latest("pk").actor.startswith("user:")
    before = Change.objects.count()
    switch(editor, state)
    assert Change.objects.count() == before


def test_a_protected_environment_asks_first(editor: Client, state: FeatureState) -> None:
    Environment.objects.update(is_protected=True)

    asked = switch(editor, state).json()["ask"]
    assert state.environment.name in asked["title"]
    assert status_of(state) == "off"

    switch(editor, state, confirmed="yes")
    assert status_of(state) == "on"


def test_leaving_an_experiment_asks_first(client: Client) -> None:
    experiment = a_running_experiment(an_environment())
    state = FeatureState.objects.get(feature=experiment.feature)
    client.force_login(a_member(state.environment, Role.EDITOR))

    assert "experiment" in switch(client, state, "off").json()["ask"]["text"]
    assert status_of(state) == "experiment"


def test_without_a_script_the_question_is_a_page_and_leads_back(editor: Client, state: FeatureState) -> None:
    Environment.objects.update(is_protected=True)
    here = "http://testserver/admin/features/feature/?q=x"

    page = editor.post(address(state), {"status": "on"}, headers={"referer": here}).content.decode()
    answer: Any = editor.post(address(state), {"status": "on", "confirmed": "yes", "back": here})
    elsewhere: Any = editor.post(address(state), {"status": "off", "confirmed": "yes", "back": "https://evil.example/"})

    assert "is protected" in page
    assert 'value="http://testserver/admin/features/feature/?q=x"' in page
    assert answer.url == here
    assert elsewhere.url == "/admin/features/feature/"


def test_bad_calls_are_refused(editor: Client, state: FeatureState) -> None:
    assert editor.get(address(state)).status_code == 400
    assert switch(editor, state, "experiment").status_code == 400
    assert switch(editor, state, "\x00").status_code == 400
    assert editor.post("/admin/features/feature/99999999999999999999/switch/1/", {"status": "on"}).status_code == 404


def test_a_viewer_and_a_stranger_switch_nothing(client: Client, state: FeatureState) -> None:
    client.force_login(a_member(state.environment, Role.VIEWER))
    assert switch(client, state).status_code == 403
    client.force_login(a_member(an_environment(), Role.ADMIN))
    assert switch(client, state).status_code == 404
    client.logout()
    assert switch(client, state).status_code == 302

    assert status_of(state) == "off"


def test_an_environment_of_another_project_is_not_there(editor: Client, state: FeatureState) -> None:
    other = an_environment(state.environment.project.__class__.objects.get(pk=state.environment.project_id))
    theirs = a_feature(an_environment()).states.get()
    theirs.feature_id = state.feature_id

    assert switch(editor, theirs).status_code == 404
    assert not FeatureState.objects.filter(environment=other, status="on").exists()


def test_a_toggle_needs_its_token_against_forgery(state: FeatureState) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_member(state.environment, Role.EDITOR))

    assert switch(client, state).status_code == 403
    assert status_of(state) == "off"
