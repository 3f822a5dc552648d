"""The commands that make an installation usable: safe to repeat, and their keys work."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction
from pytest_django import Settings
from rest_framework.test import APIClient

from audits.models import Change
from audits.services import SYSTEM
from features.models import Feature, FeatureState
from features.services import switch
from tenants.credentials import digest
from tenants.models import Credential, Environment, Project

pytestmark = pytest.mark.django_db

USERS = get_user_model()._default_manager
OPEN = "open/open/open"


@pytest.fixture(autouse=True)
def state(settings: Settings, tmp_path: Path) -> Path:
    """A state directory of the test's own, and an open environment."""
    settings.STATE_DIR, settings.OPEN_ENVIRONMENT = tmp_path, OPEN
    return tmp_path


def run(command: str, *arguments: str) -> str:
    said = StringIO()
    call_command(command, *arguments, stdout=said)
    return said.getvalue()


def demo() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("demo", "--json"))
    return found


def keys_in(found: dict[str, Any]) -> list[str]:
    """Every key that the demo printed."""
    places = [*found["environments"].values(), found["open"]]
    return [
        key
        for place in places
        for key in (place["client"], place["server"], place["manage"], place["signing"]["token"])
    ]


def works(key: str) -> bool:
    return APIClient(headers={"x-environment-key": key}).get("/features").status_code == 200


def rows() -> list[Any]:
    models = (Project, Environment, Credential, Feature, FeatureState, Change)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_bootstrap_makes_an_administrator_a_project_and_the_open_environment() -> None:
    said = run("bootstrap")

    assert "password: " in said
    assert USERS.get().is_superuser
    for path in ("main/main/development", "main/main/production", OPEN):
        assert Environment.objects.named(path).exists()


def test_bootstrap_a_second_time_changes_nothing() -> None:
    run("bootstrap")
    before, password = rows(), USERS.get().password

    said = run("bootstrap")

    assert said == "There is an administrator already.\n"
    assert (rows(), USERS.get().password) == (before, password)


def test_the_generated_password_opens_the_admin() -> None:
    password = run("bootstrap").rsplit(" ", 1)[1].strip()

    assert USERS.get().check_password(password)
    assert len(password) >= 20


def test_the_configured_password_is_used_and_not_printed(settings: Settings, state: Path) -> None:
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "grace", "correct horse battery"

    said = run("bootstrap")

    assert USERS.get(username="grace").check_password("correct horse battery")
    assert "horse" not in said
    assert list(state.iterdir()) == []


def test_a_local_installation_keeps_its_password_where_only_its_owner_reads_it(settings: Settings, state: Path) -> None:
    settings.ENV_NAME = "local"

    run("bootstrap")

    assert USERS.get().check_password((state / "admin_password").read_text())
    assert stat.S_IMODE((state / "admin_password").stat().st_mode) == 0o600


def test_elsewhere_no_password_is_left_on_the_disk(settings: Settings, state: Path) -> None:
    settings.ENV_NAME = "production"

    run("bootstrap")

    assert list(state.iterdir()) == []


def test_the_open_project_decides_as_its_document_says() -> None:
    run("bootstrap")

    assert Environment.objects.named(OPEN).get().project.bucketing == "feature_hub"
    assert not Feature.objects.filter(project__environments__in=Environment.objects.named(OPEN)).exists()


def test_demo_prints_a_project_its_keys_and_its_features() -> None:
    found = demo()

    assert found["project"] == {"id": Project.objects.get(key="demo").pk, "key": "demo"}
    assert list(found["environments"]) == ["development", "production"]
    assert set(found["open"]) == {"project", "client", "server", "manage", "signing"}
    assert found["features"] == list(
        Feature.objects.in_project(found["project"]["id"]).order_by("number").values_list("key", flat=True)
    )
    assert len(set(keys_in(found))) == 12


def test_demo_says_nothing_of_an_open_environment_where_there_is_none(settings: Settings) -> None:
    settings.OPEN_ENVIRONMENT = ""

    assert "open" not in demo()


def test_the_keys_of_the_demo_work() -> None:
    found = demo()

    for place in [*found["environments"].values(), found["open"]]:
        assert [works(place[kind]) for kind in ("client", "server", "manage")] == [False, True, True]
        assert Credential.objects.get(kind="signing", name=place["signing"]["name"]).is_active
        assert Credential.objects.get(digest=digest(place["client"])).is_active


def test_demo_a_second_time_prints_the_same_and_changes_nothing() -> None:
    first, before = demo(), rows()

    assert demo() == first
    assert rows() == before


def test_the_same_keys_open_an_emptied_database_while_the_file_is_kept() -> None:
    with transaction.atomic():
        first = demo()
        transaction.set_rollback(True)
    assert not works(first["open"]["manage"])

    second = demo()

    assert keys_in(second) == keys_in(first)
    assert all(works(place["manage"]) for place in second["environments"].values())


def test_new_keys_are_made_when_the_file_is_lost_and_the_old_ones_end(state: Path) -> None:
    first = demo()

    for _ in range(2):
        (state / "demo.json").unlink()
        last = demo()
        assert not set(keys_in(first)) & set(keys_in(last))
        assert all(works(place["manage"]) for place in [*last["environments"].values(), last["open"]])
        assert not [key for key in keys_in(first) if works(key)]

    assert demo() == last


def test_a_demo_key_that_somebody_revoked_is_replaced() -> None:
    first = demo()
    Credential.objects.filter(digest=digest(first["open"]["manage"])).update(is_active=False)

    second = demo()

    assert second["open"]["manage"] != first["open"]["manage"]
    assert works(second["open"]["manage"])
    assert second["environments"] == first["environments"]


def test_only_its_owner_reads_the_file_of_keys(state: Path) -> None:
    demo()

    assert stat.S_IMODE((state / "demo.json").stat().st_mode) == 0o600
    assert [path.name for path in state.iterdir()] == ["demo.json"]


def test_demo_leaves_alone_what_people_made_of_it() -> None:
    project = Project.objects.get(pk=demo()["project"]["id"])
    feature = Feature.objects.in_project(project.pk).get(key="dark_mode")
    for environment in project.environments.all():
        switch(feature, environment, status="off", actor=SYSTEM)
    before = rows()

    demo()

    assert rows() == before


def test_demo_without_json_prints_what_to_type() -> None:
    found = demo()

    said = run("demo")

    assert f"-H 'X-Environment-Key: {found['environments']['development']['client']}'" in said
    assert "/admin/" in said
