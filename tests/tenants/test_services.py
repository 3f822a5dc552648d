"""Tenants are edited, and environments learn of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audits.models import Change
from audits.services import SYSTEM
from tenants import services
from tenants.models import Environment, Membership
from tenants.roles import Kind, Role
from tests.builders import a_project, a_user, an_environment, an_organisation

BAD_KEYS = ["", " ", "a/b", "a?b", "a#b", "a\nb", "\x00", "\ud800", "x" * 129]


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What a cache of this process hears about revisions."""
    said: list[str] = []

    def listener() -> None:
        said.append("moved")

    services.advanced.append(listener)
    yield said
    services.advanced.remove(listener)


@pytest.mark.django_db
def test_a_revision_is_never_the_same_twice() -> None:
    environment = an_environment()
    seen = {environment.revision}

    for _ in range(10):
        services.advance(environment)
        seen.add(environment.revision)

    assert len(seen) == 11
    assert {len(revision) for revision in seen} == {16}


@pytest.mark.django_db
def test_changed_at_moves_by_a_second_at_least_however_fast_edits_follow() -> None:
    environment = an_environment()
    before = environment.changed_at

    for _ in range(5):
        services.advance(environment)

    assert environment.changed_at >= before + timedelta(seconds=5)
    assert Environment.objects.get(pk=environment.pk).changed_at == environment.changed_at


@pytest.mark.django_db
def test_changed_at_is_now_after_a_pause() -> None:
    environment = an_environment()
    Environment.objects.filter(pk=environment.pk).update(changed_at=timezone.now() - timedelta(days=1))
    before = timezone.now()

    services.advance(environment)

    assert before <= environment.changed_at <= timezone.now()


@pytest.mark.django_db(transaction=True)
def test_caches_hear_of_an_edit_after_its_commit_and_not_before(heard: list[str]) -> None:
    environment = an_environment()
    heard.clear()

    with transaction.atomic():
        services.update_environment(environment, name="Renamed", actor=SYSTEM)
        assert heard == []

    assert heard == ["moved"]


@pytest.mark.django_db(transaction=True)
def test_caches_hear_nothing_of_an_edit_that_failed(heard: list[str]) -> None:
    environment = an_environment()
    heard.clear()

    with pytest.raises(ValidationError):
        services.update_environment(environment, key="a/b", actor=SYSTEM)
    services.update_environment(environment, name=environment.name, actor=SYSTEM)

    assert heard == []


@pytest.mark.django_db
@pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
def test_a_key_that_cannot_travel_in_a_url_is_refused_everywhere(key: str) -> None:
    project = a_project()
    changes = Change.objects.count()

    for create in (services.create_environment, services.create_project):
        place: Any = project if create is services.create_environment else project.organisation
        with pytest.raises(ValidationError, match="key"):
            create(place, key=key, name="Name", actor=SYSTEM)

    assert Change.objects.count() == changes


@pytest.mark.django_db
def test_keys_are_taken_once_in_their_place_and_free_elsewhere() -> None:
    environment = an_environment(key="production")

    with pytest.raises(ValidationError):
        an_environment(environment.project, key="production")
    assert an_environment(key="production").pk != environment.pk


@pytest.mark.django_db
def test_a_bucketing_scheme_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="bucketing"):
        a_project(bucketing="dice")


@pytest.mark.django_db
def test_a_person_has_one_role_in_a_place() -> None:
    user, organisation = a_user(), an_organisation()
    services.set_role(user, organisation, role=Role.VIEWER, actor=SYSTEM)

    services.set_role(user, organisation, role=Role.ADMIN, actor=SYSTEM)

    assert [membership.role for membership in Membership.objects.filter(user=user)] == [Role.ADMIN]


@pytest.mark.django_db
def test_a_role_in_another_tenants_project_or_environment_is_refused() -> None:
    user, ours, theirs = a_user(), an_environment(), an_environment()
    places: list[dict[str, Any]] = [
        {"project": theirs.project},
        {"project": ours.project, "environment": theirs},
        {"environment": ours},
    ]

    for place in places:
        with pytest.raises(ValidationError):
            services.set_role(user, ours.project.organisation, role=Role.ADMIN, actor=SYSTEM, **place)

    assert not Membership.objects.filter(user=user).exists()


@pytest.mark.django_db
def test_a_role_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="role"):
        services.set_role(a_user(), an_organisation(), role="king", actor=SYSTEM)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_a_key_brought_from_elsewhere_works_and_only_once() -> None:
    one, other = an_environment(), an_environment()
    _, key = services.issue_credential(one, kind=Kind.SERVER, name="old", actor=SYSTEM, key="their-own-key")

    assert key == "their-own-key"
    with pytest.raises(ValidationError):
        services.issue_credential(other, kind=Kind.SERVER, name="old", actor=SYSTEM, key="their-own-key")


@pytest.mark.django_db
def test_the_log_never_holds_a_key_or_its_digest() -> None:
    credential, key = services.issue_credential(an_environment(), kind=Kind.SIGNING, name="billing", actor=SYSTEM)
    services.revoke_credential(credential, actor=SYSTEM)

    for change in Change.objects.values():
        assert not {key, credential.digest, credential.sealed} & {str(value) for value in change.values()}
        assert key not in str(change)
        assert credential.digest not in str(change)
