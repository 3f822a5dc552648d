"""Organisations, projects, environments, people and keys in the admin, by role."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from tenants.credentials import digest
from tenants.models import ApiToken, Credential, Environment, Membership, Organisation, Project
from tenants.roles import Role
from tenants.services import set_role
from tests.builders import a_key, a_member, a_project, a_user, an_environment, an_organisation

pytestmark = pytest.mark.django_db
NO_INLINES = {"environments-TOTAL_FORMS": "0", "environments-INITIAL_FORMS": "0"}


def test_an_organisation_a_project_and_an_environment_are_made_by_their_services(client: Client) -> None:
    client.force_login(a_user(superuser=True))

    client.post(add("organisation"), {"key": "acme", "name": "Acme"})
    organisation = Organisation.objects.get(key="acme")
    project_form = {"organisation": organisation.pk, "key": "shop", "name": "Shop", "bucketing": "growthbook"}
    rows = {"environments-TOTAL_FORMS": "1", "environments-INITIAL_FORMS": "0"}
    inline = {"environments-0-key": "production", "environments-0-name": "Production"}
    client.post(add("project"), project_form | rows | inline)
    environment = Environment.objects.get(key="production")

    assert environment.project.key == "shop"
    assert environment.revision
    assert list(Change.objects.in_chain_order().values_list("action", flat=True)) == [
        "project.created",
        "environment.created",
    ]
    assert Change.objects.filter(actor__startswith="user:").count() == 2


def test_a_taken_key_is_said_on_the_form_and_what_was_typed_stays(client: Client) -> None:
    project = a_project(key="shop")
    client.force_login(a_user(superuser=True))

    form = {"organisation": project.organisation_id, "key": "shop", "name": "Kept", "bucketing": "growthbook"}
    answer = client.post(add("project"), form | NO_INLINES)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert 'value="Kept"' in answer.content.decode()
    assert Project.objects.count() == 1


@pytest.mark.parametrize("key", ["", "a/b", "nul\x00", "x" * 300, " ", "line\nbreak"])
def test_a_bad_key_is_said_beside_the_field(client: Client, key: str) -> None:
    client.force_login(a_user(superuser=True))

    answer = client.post(add("organisation"), {"key": key, "name": "Acme"})

    assert answer.status_code == 200
    assert "key" in answer.context["adminform"].form.errors
    assert not Organisation.objects.exists()


def test_a_key_is_shown_once_and_stored_nowhere(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))

    form = {"environment": environment.pk, "kind": "server", "name": "backend", "expires_at_0": "", "expires_at_1": ""}
    shown = client.post(add("credential"), form)
    key = shown.context["key"]
    credential = Credential.objects.get()

    assert credential.digest == digest(key)
    assert key in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    assert not list(get_messages(shown.wsgi_request))
    for page in (change(credential), changelist("credential"), change(environment)):
        assert key not in client.get(page).content.decode()
    assert key not in str(dict(client.session)) + str(client.cookies)


def test_a_revoked_key_stays_and_opens_nothing(client: Client) -> None:
    environment = an_environment()
    a_key(environment)
    a_key(environment)
    client.force_login(a_user(superuser=True))
    first, second = Credential.objects.order_by("pk")

    client.post(changelist("credential"), {"action": "revoke", "_selected_action": [first.pk]})
    form = {"name": second.name, "expires_at_0": "", "expires_at_1": "", "tenants_credential_revoke_now": "1"}
    client.post(change(second), form)

    assert not Credential.objects.live().exists()
    assert Change.objects.filter(action="credential.updated").count() == 2
    assert client.post(delete(first), {"post": "yes"}).status_code == 403


def test_a_role_is_given_by_user_name_changed_and_taken_away(client: Client) -> None:
    environment = an_environment()
    organisation = environment.project.organisation
    person = a_user(username="anna")
    client.force_login(a_member(environment, Role.ADMIN))

    client.post(add("membership"), {"user": "anna", "organisation": organisation.pk, "role": "viewer"})
    membership = Membership.objects.get(user=person)
    client.post(change(membership), {"role": "editor"})
    membership.refresh_from_db()
    assert membership.role == "editor"

    client.post(delete(membership), {"post": "yes"})
    assert not Membership.objects.filter(user=person).exists()
    actions = Change.objects.filter(action__startswith="membership", actor_name__startswith="user").values_list(
        "action", flat=True
    )
    assert sorted(actions) == ["membership.removed", "membership.set", "membership.set"]


@pytest.mark.parametrize("name", ["nobody", "nul\x00", "", "9" * 300])
def test_an_unknown_user_name_is_said_beside_the_field(client: Client, name: str) -> None:
    organisation = an_organisation()
    client.force_login(a_user(superuser=True))

    answer = client.post(add("membership"), {"user": name, "organisation": organisation.pk, "role": "viewer"})

    assert "user" in answer.context["adminform"].form.errors


def test_a_role_in_another_organisations_project_is_refused(client: Client) -> None:
    environment, other = an_environment(), an_environment()
    client.force_login(a_user(superuser=True))
    form = {"user": a_user().username, "organisation": environment.project.organisation_id, "role": "viewer"}

    answer = client.post(add("membership"), form | {"project": other.project_id})

    assert "project" in answer.context["adminform"].form.errors
    assert not Membership.objects.exists()


def test_an_api_token_is_shown_once_and_belongs_to_who_asked(client: Client) -> None:
    user = a_member(an_environment())
    client.force_login(user)

    shown = client.post(add("apitoken"), {"name": "laptop", "expires_at_0": "", "expires_at_1": ""})
    token = ApiToken.objects.get()

    assert token.user == user
    assert token.digest == digest(shown.context["key"])
    assert shown.context["key"] not in client.get(change(token)).content.decode()
    client.post(changelist("apitoken"), {"action": "revoke", "_selected_action": [token.pk]})
    assert not ApiToken.objects.live().exists()


def test_a_viewer_reads_and_changes_nothing(client: Client) -> None:
    environment = an_environment()
    a_key(environment)
    client.force_login(a_member(environment, Role.VIEWER))

    for row in (environment.project.organisation, environment.project, environment, Credential.objects.get()):
        page = client.get(change(row))
        assert page.status_code == 200
        assert "_save" not in page.content.decode()
        assert client.post(change(row), {"name": "mine"}).status_code == 403
        assert client.get(add(row._meta.model_name)).status_code == 403
        assert add(row._meta.model_name) not in client.get(changelist(row._meta.model_name)).content.decode()


def test_another_tenants_rows_are_not_there(client: Client) -> None:
    mine, other = an_environment(name="Mine"), an_environment(name="Other")
    a_key(other)
    client.force_login(a_member(mine, Role.ADMIN))

    for row in (other.project.organisation, other.project, other, Credential.objects.get()):
        assert client.get(change(row)).status_code == 302
        assert client.post(change(row), {"name": "mine"}).status_code in {302, 403}
        listed = client.get(changelist(row._meta.model_name)).context["cl"].result_list
        assert row.pk not in {found.pk for found in listed}
    page = client.get(add("credential")).content.decode()
    assert "Mine" in page
    assert "Other" not in page
    assert "Other" not in client.get(changelist("credential")).content.decode()


def test_a_key_to_another_tenants_environment_is_refused(client: Client) -> None:
    mine, other = an_environment(), an_environment()
    client.force_login(a_member(mine, Role.ADMIN))

    answer = client.post(add("credential"), {"environment": other.pk, "kind": "server", "name": "mine"})

    assert "environment" in answer.context["adminform"].form.errors
    assert not Credential.objects.exists()


def test_a_role_on_one_environment_adds_no_project(client: Client) -> None:
    environment = an_environment()
    user = a_user()
    place: dict[str, Any] = {"project": environment.project, "environment": environment}
    set_role(user, environment.project.organisation, role=Role.ADMIN, actor=SYSTEM, **place)
    client.force_login(user)

    assert client.get(add("project")).status_code == 403
    assert client.get(add("environment")).status_code == 403
    assert client.get(add("credential")).status_code == 200
    assert client.post(change(environment.project), {"name": "mine"}).status_code == 403


def test_staff_without_a_role_sees_nothing(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user())

    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(changelist("project")).status_code == 403
    assert client.get(change(environment)).status_code in {302, 403}


def add(model: Any) -> str:
    return reverse(f"admin:tenants_{model}_add")


def changelist(model: Any) -> str:
    return reverse(f"admin:tenants_{model}_changelist")


def change(row: Any) -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])


def delete(row: Any) -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_delete", args=[row.pk])
