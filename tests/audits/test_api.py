"""The log of changes over the management API."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from audits.models import Change
from audits.services import SYSTEM
from features import services as features
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import set_role
from tests.builders import a_feature, a_key, a_user, an_environment
from tests.tenants.api import Caller, ids, somebody, stranger

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def viewer(environment: Environment) -> Caller:
    return somebody(environment, Role.VIEWER)


def test_a_change_shows_what_was_and_what_is(environment: Environment) -> None:
    feature, editor = a_feature(environment), somebody(environment, Role.EDITOR)
    editor.patch(f"features/{feature.pk}/", {"name": "Dark mode"}, headers={"x-request-id": "request-1"})

    listed = editor.get("changes/").json()["results"][0]
    shown = editor.get(f"changes/{listed['id']}/")

    assert shown.json() == listed
    assert shown["ETag"] == f'"{listed["hash"]}"'
    assert (listed["before"], listed["after"]) == ({"name": feature.name}, {"name": "Dark mode"})
    expected = {
        "project": environment.project_id,
        "environment": None,
        "action": "feature.updated",
        "object_type": "features.feature",
        "object_id": feature.pk,
        "object_name": str(feature),
        "actor": f"user:{editor.user.pk}",
        "actor_name": str(editor.user),
        "request_id": "request-1",
    }
    assert listed | expected == listed


def test_changes_are_found_by_place_deed_object_person_and_time(environment: Environment, viewer: Caller) -> None:
    feature = a_feature(environment)
    features.switch(feature, environment, status="on", actor=SYSTEM)
    editor = somebody(environment, Role.EDITOR)
    editor.patch(f"features/{feature.pk}/", {"name": "New"}, headers={"x-request-id": "request-1"})
    edit = Change.objects.latest("pk")
    switch = Change.objects.get(action="feature.switched")

    for query in (
        {"action": "feature.updated"},
        {"actor": f"user:{editor.user.pk}"},
        {"request_id": "request-1"},
        {"since": edit.created_at.isoformat()},
        {"object_type": "features.feature", "object_id": str(feature.pk), "action": "feature.updated"},
    ):
        assert ids(viewer.get("changes/", query)) == [edit.pk], query
    assert ids(viewer.get("changes/", {"environment": environment.pk}))[0] == switch.pk
    assert edit.pk in ids(viewer.get("changes/", {"project": environment.project_id}))
    before = (edit.created_at - timedelta(microseconds=1)).isoformat()
    assert edit.pk not in ids(viewer.get("changes/", {"until": before}))
    assert ids(viewer.get("changes/", {"project": an_environment().project_id})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"since": "2030-13-01"},
        {"project": "x"},
        {"object_id": str(10**30)},
        {"actor": "\x00"},
    ],
)
def test_a_filter_that_cannot_be_is_refused_under_its_name(viewer: Caller, query: dict[str, Any]) -> None:
    answer = viewer.get("changes/", query)

    assert (answer.status_code, answer.json().keys()) == (400, query.keys())


def test_pages_follow_each_other_while_the_log_grows(environment: Environment, viewer: Caller) -> None:
    for _ in range(5):
        a_feature(environment)
    expected = list(
        Change.objects.filter(project_id=environment.project_id).order_by("-id").values_list("pk", flat=True)
    )

    page = viewer.get("changes/", {"limit": 2})
    found = ids(page)
    while following := page.json()["next"]:
        a_feature(environment)
        page = viewer.get(following.partition("/api/v1/")[2])
        found += ids(page)

    assert found == expected


@pytest.mark.parametrize("position", ["x", "-1", "1.5", "9" * 30, "9" * 5_000, "\x00", "²"])
def test_a_cursor_that_nobody_gave_out_leads_nowhere(viewer: Caller, position: str) -> None:
    cursor = b64encode(f"p={position}".encode()).decode()

    assert viewer.get("changes/", {"cursor": cursor}).status_code == 404


def test_a_page_takes_the_same_number_of_queries_however_long_it_is(
    environment: Environment, viewer: Caller, django_assert_num_queries: Any
) -> None:
    for _ in range(5):
        a_feature(environment)

    with django_assert_num_queries(2):  # the token and the page
        assert len(ids(viewer.get("changes/"))) > 5


def test_nobody_reads_of_what_it_may_not_see(environment: Environment, viewer: Caller) -> None:
    theirs = an_environment()
    change = Change.objects.filter(project_id=theirs.project_id).latest("pk")

    assert {row["project"] for row in viewer.get("changes/").json()["results"]} == {environment.project_id}
    assert viewer.get(f"changes/{change.pk}/").status_code == 404
    assert ids(stranger().get("changes/")) == []


def test_a_role_in_one_environment_shows_nothing_of_the_others(environment: Environment) -> None:
    other = an_environment(environment.project)
    feature = a_feature(environment, state={"status": "on"})
    features.switch(feature, other, status="on", actor=SYSTEM)
    project, user = environment.project, a_user()
    set_role(user, project.organisation, project=project, environment=environment, role=Role.VIEWER, actor=SYSTEM)

    shown = Caller(user).get("changes/").json()["results"]

    assert {row["environment"] for row in shown} == {None, environment.pk}
    assert "feature.switched" in {row["action"] for row in shown}


def test_the_log_is_read_and_never_written(environment: Environment) -> None:
    admin = somebody(environment)
    change = Change.objects.latest("pk")

    for method in ("post", "put", "patch", "delete"):
        assert getattr(admin, method)(f"changes/{change.pk}/").status_code == 405
    assert Change.objects.latest("pk") == change


def test_keys_of_applications_do_not_open_the_log(environment: Environment) -> None:
    key = a_key(environment)
    nobody = stranger()
    nobody.defaults.clear()

    answer = nobody.get("changes/", headers={"x-environment-key": key})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Token")
