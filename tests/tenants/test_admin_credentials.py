"""Keys in the admin: shown once with code that works, rotated with overlap, and known to be used or not."""

import json
import shlex
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audits.models import Change
from audits.services import SYSTEM
from benchmarks.process import Server
from decisions.gateway import Gateway
from decisions.protocols import protocols
from decisions.protocols._base import Request
from decisions.responses import Response
from tenants.credentials import digest
from tenants.models import Credential, Environment
from tenants.roles import Kind, Role
from tenants.services import issue_credential, revoke_credential
from tenants.uses import store_uses
from tests.app.test_tries import shell
from tests.builders import a_feature, a_key, a_member, an_environment
from tests.tenants.test_admin import add, change, changelist

pytestmark = pytest.mark.django_db
EMPTY = {"expires_at_0": "", "expires_at_1": ""}
SIGNED = {protocol.slug for protocol in protocols() if protocol.verify}


def issue(client: Client, environment: Environment, kind: Kind, **more: Any) -> Any:
    form = {"environment": environment.pk, "kind": kind, "name": f"{kind}-key", **EMPTY}
    return client.post(add("credential"), form | more)


def rotation(credential: Credential) -> str:
    return reverse("admin:tenants_credential_rotate", args=[credential.pk])


def code_of(shown: Any) -> dict[str, str]:
    """All code on the page, by chapter and title."""
    chapters = shown.context["chapters"]
    return {f"{chapter.title}, {one.title}": one.code for chapter in chapters for one in chapter.snippets}


@pytest.fixture
def environment() -> Environment:
    return an_environment(name="Production")


@pytest.fixture
def admin(environment: Environment, client: Client) -> Client:
    client.force_login(a_member(environment, Role.ADMIN))
    return client


@pytest.mark.parametrize("kind", Kind)
def test_a_key_comes_with_code_for_every_protocol_that_it_opens(
    environment: Environment, admin: Client, kind: Kind
) -> None:
    a_feature(environment, key="checkout")

    shown = issue(admin, environment, kind)

    titles = {chapter.title for chapter in shown.context["chapters"]}
    opened = {one.title for one in protocols() if one.example and (one.slug in SIGNED) is (kind is Kind.SIGNING)}
    assert titles == opened
    for title, code in code_of(shown).items():
        assert shown.context["key"] in code, title
        assert "checkout" in code or "GrowthBook, curl" in title, title
        assert "http://testserver" in code, title
        assert "‹" not in code, title
        if "Python" in title:
            compile(code, title, "exec")


def test_code_that_decides_locally_is_for_keys_that_may(environment: Environment, admin: Client) -> None:
    client, server = (code_of(issue(admin, environment, kind)) for kind in (Kind.CLIENT, Kind.SERVER))
    remote = code_of(issue(admin, environment, Kind.SERVER, is_remote_only="on"))

    assert {title for title in client if "locally" in title} == {
        "GrowthBook, Python, deciding locally",
        "GrowthBook, JavaScript, deciding locally",
    }
    assert "Flagsmith, Python, deciding locally" in server
    assert not [title for title in remote if "locally" in title]


def test_an_encrypted_keys_code_can_decrypt(environment: Environment, admin: Client) -> None:
    shown = issue(admin, environment, Kind.CLIENT, is_encrypted="on")

    secret = Credential.objects.get().encryption_key
    assert f'decryption_key="{secret}"' in code_of(shown)["GrowthBook, Python, deciding locally"]
    assert f'decryptionKey: "{secret}"' in code_of(shown)["GrowthBook, JavaScript, deciding locally"]


def test_names_stay_within_their_quotes(environment: Environment, admin: Client) -> None:
    a_feature(environment, key="a\"b\\c$(reboot)'")

    signing = code_of(issue(admin, environment, Kind.SIGNING, name="$(reboot)'\""))
    server = code_of(issue(admin, environment, Kind.SERVER))

    for title, code in (signing | server).items():
        if "Python" in title:
            compile(code, title, "exec")
    assert shlex.split(server["OpenFeature Remote Evaluation Protocol, curl"].replace("\\\n", ""))
    assert shlex.split(signing["ABetterChoice, curl"])[0] == "name=$(reboot)'\""


@pytest.mark.django_db(transaction=True)
def test_every_curl_that_is_shown_works(
    admin: Client, environment: Environment, start_server: Callable[..., Server], settings: Any
) -> None:
    a_feature(environment, key="checkout", state={"status": "on"})
    server = start_server(workers=1, SECRET_KEY=settings.SECRET_KEY)

    for kind in Kind:
        form = {"environment": environment.pk, "kind": kind, "name": f"{kind}-key", **EMPTY}
        shown = admin.post(add("credential"), form, headers={"host": f"127.0.0.1:{server.port}"})
        calls = {title: code for title, code in code_of(shown).items() if title.endswith("curl")}
        assert calls
        for title, code in calls.items():
            said = shell([code])
            assert said.startswith("200 "), (title, said)
            assert '"ret_code":1,' not in said


def test_a_key_is_rotated_with_overlap_and_the_new_one_shown_once(environment: Environment, admin: Client) -> None:
    a_key(environment, Kind.SERVER, name="backend")
    old = Credential.objects.get()

    assert "Hours during which both keys work" in admin.get(rotation(old)).content.decode()
    shown = admin.post(rotation(old), {"hours": "6", "name": "backend"})

    old.refresh_from_db()
    new = Credential.objects.exclude(pk=old.pk).get()
    assert new.digest == digest(shown.context["key"])
    assert (new.kind, new.name, new.expires_at) == ("server", "backend", None)
    assert old.expires_at
    assert abs(old.expires_at - timezone.now() - timedelta(hours=6)) < timedelta(minutes=1)
    assert Credential.objects.live().count() == 2
    assert "no-store" in shown.headers["Cache-Control"]
    assert Change.objects.get(action="credential.rotated").actor.startswith("user:")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"hours": "-1", "name": "k"}, "hours"),
        ({"hours": "x", "name": "k"}, "hours"),
        ({"hours": "9" * 9, "name": "k"}, "hours"),
        ({"hours": "1", "name": ""}, "name"),
        ({"hours": "1", "name": "a/b"}, "name"),
        ({"hours": "1", "name": "signer"}, "name"),
    ],
)
def test_a_rotation_that_cannot_be_is_said_beside_its_field(
    environment: Environment, admin: Client, form: dict[str, str], field: str
) -> None:
    a_key(environment, Kind.SIGNING, name="signer")
    credential = Credential.objects.get()

    answer = admin.post(rotation(credential), form)

    errors = answer.context["form"].errors
    assert field in errors or "__all__" in errors, errors
    assert Credential.objects.get() == credential


def test_a_key_that_has_ended_cannot_be_rotated(environment: Environment, admin: Client) -> None:
    a_key(environment)
    credential = revoke_credential(Credential.objects.get(), actor=SYSTEM)

    answer = admin.post(rotation(credential), {"hours": "1", "name": "k"})

    assert "revoked" in answer.content.decode()
    assert Credential.objects.count() == 1
    assert rotation(credential) not in admin.get(change(credential)).content.decode()


def test_a_viewer_sees_keys_and_no_way_to_change_them(environment: Environment, client: Client) -> None:
    a_key(environment, name="web")
    credential = Credential.objects.get()
    client.force_login(a_member(environment, Role.EDITOR))

    page = client.get(change(credential)).content.decode()

    assert "web" in page
    assert rotation(credential) not in page
    assert client.get(rotation(credential)).status_code == 403
    assert client.post(rotation(credential), {"hours": "1", "name": "k"}).status_code == 403
    assert Credential.objects.count() == 1


def test_another_tenants_key_is_not_there(environment: Environment, admin: Client) -> None:
    a_key(an_environment(), name="theirs")
    theirs = Credential.objects.get()

    for address in (rotation(theirs), reverse("admin:tenants_credential_local_evaluation", args=[theirs.pk])):
        assert admin.get(address).status_code == 404
        assert admin.get(address.replace(str(theirs.pk), "x")).status_code == 404


def test_a_key_leads_to_what_can_be_decided_locally(environment: Environment, admin: Client) -> None:
    a_key(environment)
    credential = Credential.objects.get()

    answer = admin.get(reverse("admin:tenants_credential_local_evaluation", args=[credential.pk]), follow=True)

    assert answer.context["place"] == environment


def test_the_list_shows_what_a_key_begins_with_when_it_was_used_and_when_it_ends(
    environment: Environment, admin: Client
) -> None:
    soon = timezone.now() + timedelta(days=3)
    credential, key = issue_credential(environment, kind=Kind.CLIENT, name="web", expires_at=soon, actor=SYSTEM)

    page = admin.get(changelist("credential")).content.decode()

    assert key[:10] in page
    assert key not in page
    assert "never" in page
    assert f"{soon:%Y-%m-%d}" in page
    Credential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
    assert f"{timezone.now():%Y-%m-%d}" in admin.get(changelist("credential")).content.decode()


# When a key was last used


def asked(gateway: Gateway, key: str) -> Response:
    request = Request("POST", "/ofrep/v1/evaluate/flags", "", {"x-api-key": key}, json.dumps({"context": {}}).encode())
    match = gateway.find(request.path)
    assert match
    response = gateway.respond(match, request, load=True)
    assert isinstance(response, Response)
    return response


def last_used(kind: Kind) -> Any:
    return Credential.objects.values_list("last_used_at", flat=True).get(kind=kind)


def test_a_key_that_decides_is_noted_in_memory_and_stored_later(
    gateway: Gateway, django_assert_num_queries: Any
) -> None:
    environment = an_environment()
    key, other = a_key(environment), a_key(environment, Kind.SERVER)
    assert asked(gateway, "sdk-unknown").status == 401
    revision = Environment.objects.get().revision
    asked(gateway, other)
    gateway.observer.close()
    Credential.objects.update(last_used_at=None)

    with django_assert_num_queries(0):
        assert asked(gateway, key).status == 200
    gateway.observer.flush()

    assert timezone.now() - last_used(Kind.CLIENT) < timedelta(minutes=1)
    assert last_used(Kind.SERVER) is None
    assert Environment.objects.get().revision == revision


def test_a_key_in_constant_use_is_stored_once_a_minute(gateway: Gateway) -> None:
    key = a_key(an_environment())
    asked(gateway, key)
    gateway.observer.close()
    gateway.observer.flush()
    Credential.objects.update(last_used_at=None)

    asked(gateway, key)
    gateway.observer.flush()

    assert last_used(Kind.CLIENT) is None


def test_a_key_that_asks_over_rest_is_noted_too(client: Client) -> None:
    key = a_key(an_environment(), Kind.SERVER)

    client.get("/features", headers={"x-environment-key": key})

    assert last_used(Kind.SERVER) is not None


def test_a_newer_use_is_never_overwritten_by_an_older_one() -> None:
    a_key(an_environment())
    credential, now = Credential.objects.get(), timezone.now()

    store_uses({credential.pk: now})
    store_uses({credential.pk: now - timedelta(hours=1), 0: now})

    credential.refresh_from_db()
    assert credential.last_used_at == now
