"""Keys to environments over the management API."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audits.models import Change
from audits.services import SYSTEM
from tenants.credentials import digest
from tenants.models import Credential, Environment
from tenants.roles import Kind, Role
from tenants.services import issue_credential
from tests.builders import a_key, an_environment
from tests.tenants.api import ids, somebody

pytestmark = pytest.mark.django_db


def a_credential(environment: Environment, kind: Kind = Kind.SERVER, name: str = "backend") -> Credential:
    return issue_credential(environment, kind=kind, name=name, actor=SYSTEM)[0]


def test_a_key_is_issued_and_shown_once() -> None:
    environment = an_environment()
    admin = somebody(environment)

    answer = admin.post("credentials/", {"environment": environment.pk, "kind": "server", "name": "backend"})

    key, credential = answer.json()["key"], Credential.objects.get()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert (credential.digest, credential.kind) == (digest(key), Kind.SERVER)
    for path in ("credentials/", f"credentials/{credential.pk}/"):
        shown = admin.get(path).content.decode()
        assert key not in shown
        assert credential.digest not in shown


def test_what_is_sealed_of_a_signing_key_is_not_shown() -> None:
    environment = an_environment()
    credential = a_credential(environment, Kind.SIGNING)

    shown = somebody(environment).get(f"credentials/{credential.pk}/").content.decode()

    assert credential.sealed
    assert credential.sealed not in shown


def test_keys_are_found_by_their_environment_kind_and_state() -> None:
    environment = an_environment()
    sibling = an_environment(environment.project)
    first, other = a_credential(environment, Kind.CLIENT), a_credential(sibling)
    admin = somebody(environment)
    admin.post(f"credentials/{other.pk}/revoke/")

    assert ids(admin.get("credentials/", {"environment": environment.pk})) == [first.pk]
    assert ids(admin.get("credentials/", {"kind": "server"})) == [other.pk]
    assert ids(admin.get("credentials/", {"is_active": "true"})) == [first.pk]
    assert admin.get("credentials/", {"kind": "x"}).status_code == 400


def test_a_key_is_rotated_with_both_good_for_a_day() -> None:
    environment = an_environment()
    old = a_credential(environment)

    answer = somebody(environment).post(f"credentials/{old.pk}/rotate/")

    assert answer.status_code == 201
    second = Credential.objects.live().get(digest=digest(answer.json()["key"]))
    old.refresh_from_db()
    assert (second.kind, second.name, second.expires_at) == (old.kind, old.name, None)
    assert old.expires_at is not None
    assert timedelta(hours=23, minutes=59) < old.expires_at - timezone.now() <= timedelta(days=1)
    assert Credential.objects.live().count() == 2
    assert Change.objects.latest("pk").action == "credential.rotated"


def test_a_key_is_rotated_at_once() -> None:
    environment = an_environment()
    old = a_credential(environment)
    admin = somebody(environment)

    second = admin.post(f"credentials/{old.pk}/rotate/", {"overlap_seconds": 0}).json()

    assert [credential.pk for credential in Credential.objects.live()] == [second["id"]]
    assert admin.post(f"credentials/{old.pk}/rotate/").status_code == 400


def test_a_rotation_lets_no_key_live_longer_than_it_would_have() -> None:
    environment = an_environment()
    soon = timezone.now() + timedelta(minutes=1)
    a_key(environment, Kind.SERVER, expires_at=soon)
    old = Credential.objects.get()

    somebody(environment).post(f"credentials/{old.pk}/rotate/")

    old.refresh_from_db()
    assert old.expires_at == soon


@pytest.mark.parametrize("overlap", [-1, "x", 1.5, None, 10**12])
def test_an_overlap_that_cannot_be_is_refused(overlap: object) -> None:
    environment = an_environment()
    old = a_credential(environment)

    answer = somebody(environment).post(f"credentials/{old.pk}/rotate/", {"overlap_seconds": overlap})

    assert answer.status_code == 400
    assert Credential.objects.get().expires_at is None


def test_a_second_signing_key_has_a_name_of_its_own() -> None:
    environment = an_environment()
    old = a_credential(environment, Kind.SIGNING, "partner")
    admin, path = somebody(environment), f"credentials/{old.pk}/rotate/"

    assert admin.post(path).status_code == 400
    assert Credential.objects.get().expires_at is None
    assert admin.post(path, {"name": "partner-2"}).json()["name"] == "partner-2"
    assert Credential.objects.live().count() == 2


def test_a_revoked_key_stays_in_the_list_and_is_not_rotated() -> None:
    environment = an_environment()
    credential = a_credential(environment)
    admin = somebody(environment)

    answer = admin.post(f"credentials/{credential.pk}/revoke/")

    assert (answer.status_code, answer.json()["is_active"]) == (200, False)
    assert admin.post(f"credentials/{credential.pk}/revoke/").status_code == 200
    assert admin.post(f"credentials/{credential.pk}/rotate/").status_code == 400
    assert ids(admin.get("credentials/")) == [credential.pk]


def test_a_key_is_renamed_and_given_an_end() -> None:
    environment = an_environment()
    credential = a_credential(environment)
    end = timezone.now() + timedelta(days=30)

    answer = somebody(environment).patch(f"credentials/{credential.pk}/", {"name": "worker", "expires_at": end})

    assert (answer.status_code, answer.json()["name"]) == (200, "worker")
    assert parse_datetime(answer.json()["expires_at"]) == end


@pytest.mark.parametrize("field", ["kind", "environment", "is_active", "hint", "digest", "key", "sealed"])
def test_what_a_key_is_does_not_change(field: str) -> None:
    environment = an_environment()
    credential = a_credential(environment)

    answer = somebody(environment).patch(f"credentials/{credential.pk}/", {field: "x"})

    assert answer.status_code == 400
    assert list(answer.json()) == [field]


def test_an_editor_sees_keys_and_issues_none() -> None:
    environment = an_environment()
    credential = a_credential(environment)
    editor = somebody(environment, Role.EDITOR)

    assert ids(editor.get("credentials/")) == [credential.pk]
    answer = editor.post("credentials/", {"environment": environment.pk, "kind": "manage", "name": "mine"})
    assert answer.status_code == 403
    assert Credential.objects.count() == 1
