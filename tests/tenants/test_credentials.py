"""Keys: shown once, stored as digests; signing keys sealed as well."""

import pytest
from pytest_django import Settings

from audits.services import SYSTEM
from tenants import credentials
from tenants.models import Credential
from tenants.roles import Kind
from tenants.services import issue_api_token, issue_credential
from tests.builders import a_user, an_environment

every_kind = pytest.mark.parametrize("kind", Kind)


@every_kind
def test_a_key_begins_with_what_the_vendors_kits_expect_and_is_never_the_same(kind: Kind) -> None:
    keys = {credentials.new_key(credentials.PREFIXES[kind]) for _ in range(100)}

    assert len(keys) == 100
    assert {key[:4] for key in keys} == {
        {"client": "sdk-", "server": "ser.", "manage": "man.", "signing": "sig."}[kind]
    }
    assert {len(key) for key in keys} == {4 + 43}  # 256 bits in base64


@every_kind
@pytest.mark.django_db
def test_only_the_digest_of_a_key_is_at_rest(kind: Kind) -> None:
    credential, key = issue_credential(an_environment(), kind=kind, name="backend", actor=SYSTEM)

    row = Credential.objects.filter(pk=credential.pk).values().get()
    assert row["digest"] == credentials.digest(key)
    assert row["hint"] == key[:10]
    assert not [name for name, value in row.items() if key in str(value)]
    assert bool(row["sealed"]) == (kind is Kind.SIGNING)


@pytest.mark.django_db
def test_a_signing_key_can_be_opened_again() -> None:
    credential, key = issue_credential(an_environment(), kind=Kind.SIGNING, name="billing", actor=SYSTEM)

    assert credentials.unseal(credential.sealed) == key


def test_a_seal_survives_a_new_secret_while_the_old_one_is_a_fallback(settings: Settings) -> None:
    sealed = credentials.seal("sig.token")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "n" * 50

    assert credentials.unseal(sealed) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert credentials.unseal(sealed) == "sig.token"


def test_a_new_seal_is_made_with_the_new_secret(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, ["o" * 50]
    sealed = credentials.seal("sig.token")

    settings.SECRET_KEY_FALLBACKS = []

    assert credentials.unseal(sealed) == "sig.token"


@pytest.mark.parametrize("sealed", ["", "nonsense", "gAAAAA==", "☃", "\x00"], ids=ascii)
def test_what_is_no_seal_opens_to_nothing(sealed: str) -> None:
    assert credentials.unseal(sealed) is None


@pytest.mark.parametrize("key", ["", "☃", "\ud800", "x" * 10_000], ids=ascii)
def test_whatever_somebody_sends_as_a_key_has_a_digest(key: str) -> None:
    assert len(credentials.digest(key)) == 64


@pytest.mark.django_db
def test_a_token_of_a_person_is_stored_as_a_digest_too() -> None:
    token, key = issue_api_token(a_user(), name="laptop")

    assert key.startswith("api.")
    assert token.digest == credentials.digest(key)
    assert key not in str(type(token).objects.filter(pk=token.pk).values().get())
