"""Members and their tokens over the management API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tenants.credentials import digest
from tenants.models import ApiToken, Membership
from tenants.roles import Role
from tests.builders import a_member, a_project, a_user, an_environment
from tests.tenants.api import ROOT, Caller, a_superuser, ids, somebody, stranger

pytestmark = pytest.mark.django_db


def by(key: str) -> APIClient:
    return APIClient(headers={"authorization": f"Token {key}"})


def test_a_person_is_given_a_role_by_user_name() -> None:
    environment = an_environment()
    grace = a_user(username="grace")
    body = {"username": "grace", "role": "editor", "organisation": environment.project.organisation_id}

    answer = somebody(environment).post("members/", body)

    assert answer.status_code == 201
    assert answer.json() | body | {"project": None, "environment": None} == answer.json()
    assert Membership.objects.get(user=grace).role == Role.EDITOR


def test_a_person_is_given_a_role_in_one_environment() -> None:
    environment = an_environment()
    a_user(username="grace")
    place = {"organisation": environment.project.organisation_id, "project": environment.project_id}
    body = {"username": "grace", "role": "viewer", "environment": environment.pk}
    admin = somebody(environment)

    assert admin.post("members/", body | place).status_code == 201
    assert admin.post("members/", body | place | {"project": None}).status_code == 400


def test_a_role_names_places_of_its_own_organisation_only() -> None:
    environment = an_environment()
    a_user(username="grace")
    body = {"username": "grace", "role": "admin", "organisation": environment.project.organisation_id}
    superuser, elsewhere = a_superuser(), a_project()

    assert superuser.post("members/", body | {"project": elsewhere.pk}).status_code == 400
    assert somebody(environment).post("members/", body | {"project": elsewhere.pk}).status_code == 404
    assert not Membership.objects.filter(user__username="grace").exists()


@pytest.mark.parametrize("body", [{"username": "nobody"}, {"username": "gone"}, {"username": "grace", "role": "owner"}])
def test_a_role_needs_somebody_who_may_log_in_and_a_known_word(body: dict[str, Any]) -> None:
    environment = an_environment()
    a_user(username="grace")
    a_user(username="gone", is_active=False)
    place = {"organisation": environment.project.organisation_id}

    answer = somebody(environment).post("members/", {"role": "viewer"} | place | body)

    assert answer.status_code == 400
    assert Membership.objects.count() == 1


def test_a_role_changes_and_ends() -> None:
    environment = an_environment()
    grace = a_member(environment, Role.VIEWER)
    admin, path = somebody(environment), f"members/{Membership.objects.get(user=grace).pk}/"

    assert admin.patch(path, {"role": "editor"}).json()["role"] == "editor"
    assert admin.patch(path, {"username": "ada"}).status_code == 400
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    assert not Membership.objects.filter(user=grace).exists()


def test_members_are_found_by_role_and_name() -> None:
    environment = an_environment()
    a_member(environment, Role.EDITOR, username="grace")
    admin = somebody(environment)
    grace = Membership.objects.get(user__username="grace").pk

    assert ids(admin.get("members/", {"role": "editor"})) == [grace]
    assert ids(admin.get("members/", {"username": "grace"})) == [grace]
    here = str(environment.project.organisation_id)
    assert ids(admin.get("members/", {"organisation": here, "role": "viewer"})) == []


def test_nobody_makes_themselves_more_than_they_are() -> None:
    environment = an_environment()
    editor = somebody(environment, Role.EDITOR)
    own = Membership.objects.get(user=editor.user)
    body = {"username": editor.user.username, "role": "admin", "organisation": own.organisation_id}

    assert editor.patch(f"members/{own.pk}/", {"role": "admin"}).status_code == 403
    assert editor.post("members/", body).status_code == 403
    assert Membership.objects.get().role == Role.EDITOR


def test_a_token_is_issued_to_its_person_and_shown_once() -> None:
    caller = stranger()

    answer = caller.post("tokens/", {"name": "ci"})

    key = answer.json()["key"]
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert ApiToken.objects.get(digest=digest(key)).user == caller.user
    assert by(key).get(f"{ROOT}tokens/").status_code == 200
    assert key not in caller.get("tokens/").content.decode()


def test_a_token_has_an_end() -> None:
    answer = stranger().post("tokens/", {"name": "ci", "expires_at": timezone.now() - timedelta(seconds=1)})

    assert by(answer.json()["key"]).get(f"{ROOT}tokens/").status_code == 401


def test_a_deleted_token_opens_nothing_and_stays_in_the_list() -> None:
    caller = stranger()
    issued = caller.post("tokens/", {"name": "ci"}).json()

    assert caller.delete(f"tokens/{issued['id']}/").status_code == 204

    assert by(issued["key"]).get(f"{ROOT}tokens/").status_code == 401
    assert caller.get(f"tokens/{issued['id']}/").json()["is_active"] is False


def test_the_tokens_of_others_are_not_there_even_for_a_superuser() -> None:
    caller = stranger()
    token = ApiToken.objects.get(user=caller.user)
    superuser = a_superuser()

    assert superuser.get(f"tokens/{token.pk}/").status_code == 404
    assert superuser.delete(f"tokens/{token.pk}/").status_code == 404
    assert Caller(caller.user).get(f"tokens/{token.pk}/").status_code == 200
    assert token.pk not in ids(superuser.get("tokens/"))
