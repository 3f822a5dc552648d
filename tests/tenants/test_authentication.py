"""Who calls over REST, and what they may do there: on the real paths, with real keys."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from audits.models import Change
from audits.services import SYSTEM
from features.models import Feature
from tenants.credentials import digest
from tenants.models import Credential, Environment
from tenants.roles import Kind, Role
from tenants.services import issue_api_token, revoke_api_token, revoke_credential
from tests.builders import a_feature, a_key, a_member, a_user, an_environment

pytestmark = pytest.mark.django_db

NEW = {"key": "new", "name": "New"}


def calls(**headers: str) -> APIClient:
    """A client that sends these headers with every call, such as `x_environment_key="…"`."""
    client = APIClient()
    client.credentials(**{f"HTTP_{name.upper()}": value for name, value in headers.items()})
    return client


def by_token(user: Any, environment: Environment | str | None = None) -> APIClient:
    """A client with a person's token, which names an environment."""
    named = str(environment.pk) if isinstance(environment, Environment) else environment
    headers = {"authorization": f"Token {issue_api_token(user, name='laptop')[1]}"}
    return calls(**headers | ({"x_environment_id": named} if named is not None else {}))


def statuses(client: APIClient) -> tuple[int, int]:
    """What reading and editing are answered with."""
    return client.get("/features").status_code, client.post("/features", NEW).status_code


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Kind.CLIENT, (403, 403)), (Kind.SIGNING, (403, 403)), (Kind.SERVER, (200, 403)), (Kind.MANAGE, (200, 200))],
)
def test_each_kind_of_key_may_do_its_own(kind: Kind, expected: tuple[int, int]) -> None:
    environment = an_environment()

    assert statuses(calls(x_environment_key=a_key(environment, kind))) == expected
    assert Feature.objects.count() == (expected[1] == 200)


def test_a_key_means_its_environment_whatever_else_is_named() -> None:
    ours, theirs = an_environment(), an_environment()
    a_feature(theirs, key="theirs")

    answer = calls(x_environment_key=a_key(ours, Kind.SERVER), x_environment_id=str(theirs.pk)).get("/features")

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    "key", ["unknown", "sdk-", "0" * 64, "x" * 5_000, "\xff"], ids=["word", "prefix", "0", "long", "ÿ"]
)
def test_an_unknown_key_is_nobodys(key: str) -> None:
    an_environment()

    answer = calls(x_environment_key=key).get("/features")

    assert (answer.status_code, answer.json()) == (401, {"detail": "environment key unknown"})
    assert answer["WWW-Authenticate"] == "X-Environment-Key"


def test_the_digest_of_a_key_opens_nothing() -> None:
    key = a_key(an_environment(), Kind.MANAGE)

    assert calls(x_environment_key=digest(key)).get("/features").status_code == 401


def test_an_expired_key_is_unknown() -> None:
    environment, now = an_environment(), timezone.now()
    past = a_key(environment, Kind.MANAGE, expires_at=now - timedelta(seconds=1))
    later = a_key(environment, Kind.MANAGE, expires_at=now + timedelta(hours=1))

    assert statuses(calls(x_environment_key=past)) == (401, 401)
    assert statuses(calls(x_environment_key=later)) == (200, 200)


def test_a_revoked_key_is_unknown_at_once() -> None:
    client = calls(x_environment_key=a_key(an_environment(), Kind.MANAGE))
    assert client.get("/features").status_code == 200

    revoke_credential(Credential.objects.get(), actor=SYSTEM)

    assert statuses(client) == (401, 401)


@pytest.mark.parametrize(("role", "edit"), [(Role.VIEWER, 403), (Role.EDITOR, 200), (Role.ADMIN, 200)])
def test_a_persons_token_does_what_the_person_may(role: Role, edit: int) -> None:
    environment = an_environment()

    client = by_token(a_member(environment, role), environment)

    assert statuses(client) == (200, edit)


def test_an_edit_is_logged_under_the_name_of_whoever_made_it() -> None:
    environment = an_environment()
    user = a_member(environment, Role.EDITOR, username="grace")
    client = by_token(user, environment)

    client.post("/features", NEW, headers={"x-request-id": "request-1"})

    change = Change.objects.latest("pk")
    assert (change.actor, change.actor_name, change.request_id) == (f"user:{user.pk}", "grace", "request-1")


def test_an_edit_by_key_is_logged_under_the_key() -> None:
    environment = an_environment()
    client = calls(x_environment_key=a_key(environment, Kind.MANAGE), x_request_id="☃\x07".encode().decode("latin-1"))

    assert client.post("/features", NEW).status_code == 200

    change = Change.objects.latest("pk")
    assert (change.actor, change.request_id) == (f"credential:{Credential.objects.get().pk}", "")


def test_another_tenants_environment_does_not_exist() -> None:
    ours, theirs = an_environment(), an_environment()

    client = by_token(a_member(ours, Role.ADMIN), theirs)

    assert statuses(client) == (404, 404)
    assert client.get("/features").json() == {"detail": f"environment '{theirs.pk}' not found"}


@pytest.mark.parametrize("named", ["", "0", "-1", "x", "1.0", "²", "9" * 18, "9" * 19, "9" * 5_000, "1 OR 1=1"])
def test_an_environment_that_cannot_be_does_not_exist(named: str) -> None:
    environment = an_environment()

    assert statuses(by_token(a_member(environment, Role.ADMIN), named)) == (404, 404)


def test_a_token_that_names_no_environment_is_told_how() -> None:
    client = by_token(a_member(an_environment(), Role.ADMIN))

    answer = client.get("/features")

    assert answer.status_code == 403
    assert "X-Environment-Id" in answer.json()["detail"]


def test_a_token_that_is_no_good_is_nobodys() -> None:
    environment = an_environment()
    user = a_member(environment, Role.ADMIN)
    token, key = issue_api_token(user, name="laptop")
    _, expired = issue_api_token(user, name="old", expires_at=timezone.now())
    revoke_api_token(token)

    for header in (f"Token {key}", f"Token {expired}", "Token ", "Token", "Token x y", "token unknown"):
        client = calls(authorization=header, x_environment_id=str(environment.pk))
        assert statuses(client) == (401, 401)


def test_a_token_ends_with_its_person() -> None:
    environment = an_environment()
    user = a_member(environment, Role.ADMIN)
    client = by_token(user, environment)

    user.is_active = False
    user.save()

    assert statuses(client) == (401, 401)


def test_a_session_reads_freely_and_edits_with_its_csrf_token_only() -> None:
    environment = an_environment()
    client = Client(enforce_csrf_checks=True, headers={"x-environment-id": str(environment.pk)})
    client.force_login(a_member(environment, Role.EDITOR))
    client.get("/admin/")
    client.cookies["csrftoken"] = "c" * 32

    assert client.get("/features").status_code == 200
    assert client.post("/features", NEW, "application/json").status_code == 403
    assert client.post("/features", NEW, "application/json", headers={"x-csrftoken": "c" * 32}).status_code == 200
    assert Feature.objects.count() == 1


def test_a_session_of_another_tenant_finds_nothing() -> None:
    ours, theirs = an_environment(), an_environment()
    client = Client(headers={"x-environment-id": str(theirs.pk)})
    client.force_login(a_member(ours, Role.ADMIN))

    assert client.get("/features").status_code == 404


def test_who_comes_without_a_key_is_nobody() -> None:
    an_environment()

    answer = APIClient().get("/features")

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "X-Environment-Key")
    assert statuses(APIClient()) == (401, 401)


def test_who_comes_without_a_key_is_answered_by_the_open_environment(settings: Settings) -> None:
    environment = an_environment()
    project = environment.project
    settings.OPEN_ENVIRONMENT = f"{project.organisation.key}/{project.key}/{environment.key}"

    assert statuses(APIClient()) == (200, 200)
    assert Feature.objects.get().project == project
    assert Change.objects.latest("pk").actor == "open"


def test_an_open_environment_does_not_let_bad_keys_in(settings: Settings) -> None:
    environment = an_environment()
    project = environment.project
    settings.OPEN_ENVIRONMENT = f"{project.organisation.key}/{project.key}/{environment.key}"

    assert statuses(calls(x_environment_key="unknown")) == (401, 401)
    assert statuses(calls(authorization="Token unknown")) == (401, 401)
    assert statuses(calls(authorization="Basic eDp5")) == (401, 401)
    assert statuses(by_token(a_user(), environment)) == (404, 404)


@pytest.mark.parametrize("path", ["a/b", "no/such/environment", "", "///"])
def test_an_open_environment_that_is_not_there_opens_nothing(settings: Settings, path: str) -> None:
    settings.OPEN_ENVIRONMENT = path

    assert statuses(APIClient()) == (401, 401)
