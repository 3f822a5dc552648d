"""Protected environments: a setting that those who administer an environment set, by REST and in the admin."""

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from audits.models import Change
from audits.services import SYSTEM
from features.services import clone_environment
from tenants.models import Environment
from tenants.roles import Role
from tests.admin_forms import sent_from
from tests.builders import a_member, an_environment
from tests.permissions import by_token

pytestmark = pytest.mark.django_db


def patch(client: APIClient, environment: Environment, *, is_protected: object) -> int:
    body = {"is_protected": is_protected}
    return client.patch(f"/api/v1/environments/{environment.pk}/", body, headers={"if-match": "*"}).status_code


def test_an_environment_is_protected_by_whoever_administers_it() -> None:
    environment = an_environment()
    assert not Environment.objects.filter(is_protected=True).exists()

    assert patch(by_token(a_member(environment, Role.EDITOR)), environment, is_protected=True) == 403
    assert patch(by_token(a_member(environment, Role.ADMIN)), environment, is_protected="perhaps") == 400
    assert patch(by_token(a_member(environment, Role.ADMIN)), environment, is_protected=True) == 200

    environment.refresh_from_db()
    assert environment.is_protected is True
    assert Change.objects.latest("pk").after == {"is_protected": True}


def test_the_form_of_an_environment_protects_it(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_member(environment, Role.ADMIN))
    url = reverse("admin:tenants_environment_change", args=[environment.pk])

    assert client.post(url, sent_from(client, url, is_protected="on")).status_code == 302

    assert Environment.objects.get().is_protected is True


def test_a_clone_is_as_protected_as_its_source() -> None:
    source = an_environment(is_protected=True)

    assert clone_environment(source, key="copy", name="Copy", actor=SYSTEM).environment.is_protected is True
