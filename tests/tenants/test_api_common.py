"""What every resource of the management API promises, tried on projects."""

import json
from typing import Any

import pytest
from django.test import Client

from audits.models import Change
from audits.services import SYSTEM
from decisions.engine.validate import BODY_LIMIT
from tenants import services
from tenants.models import Project
from tenants.roles import Role
from tests.builders import a_key, a_member, a_project, an_environment
from tests.tenants.api import ROOT, a_superuser, ids, somebody, stranger

pytestmark = pytest.mark.django_db

WHOLE = {"key": "shop", "name": "Shop", "bucketing": "growthbook"}


def test_a_whole_object_is_replaced_only_by_who_says_which_version() -> None:
    environment = an_environment()
    admin, path = somebody(environment), f"projects/{environment.project_id}/"
    version = admin.get(path)["ETag"]

    assert admin.put(path, WHOLE).status_code == 428
    assert admin.put(path, WHOLE, headers={"if-match": '"0000000000000000"'}).status_code == 412
    assert Change.objects.filter(action="project.updated").count() == 0

    answer = admin.put(path, WHOLE, headers={"if-match": f'"0", {version}'})

    assert answer.status_code == 200
    assert answer["ETag"] == admin.get(path)["ETag"] != version
    assert admin.put(path, WHOLE, headers={"if-match": version}).status_code == 412


def test_the_version_of_a_new_row_is_that_of_the_next_read() -> None:
    environment = an_environment()
    admin = somebody(environment)

    made = admin.post("projects/", WHOLE | {"organisation": environment.project.organisation_id})

    assert made["ETag"] == admin.get(f"projects/{made.json()['id']}/")["ETag"]


def test_a_part_is_changed_with_or_without_a_version_but_not_with_a_stale_one() -> None:
    environment = an_environment()
    admin, path = somebody(environment), f"projects/{environment.project_id}/"
    version = admin.get(path)["ETag"]

    assert admin.patch(path, {"name": "One"}).status_code == 200
    assert admin.patch(path, {"name": "Two"}, headers={"if-match": version}).status_code == 412
    assert admin.patch(path, {"name": "Two"}, headers={"if-match": "*"}).status_code == 200
    assert Project.objects.get(pk=environment.project_id).name == "Two"


def test_every_complaint_about_a_body_is_made_at_once() -> None:
    environment = an_environment()
    project = environment.project

    answer = somebody(environment).post("projects/", {"nmae": "Shop", "organisation": "x", "id": 7})

    assert answer.status_code == 400
    assert answer.json() == {
        "nmae": ["unknown field"],
        "id": ["cannot be changed"],
        "organisation": ["A valid integer is required."],
        "key": ["This field is required."],
        "name": ["This field is required."],
    }
    assert list(Project.objects.all()) == [project]


@pytest.mark.parametrize("body", [[], "x", 7, None], ids=repr)
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    answer = somebody(an_environment()).generic("POST", "projects/", json.dumps(body), "application/json")

    assert answer.status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 100_000])
def test_bytes_that_are_not_json_as_it_is_stored_are_refused(body: bytes) -> None:
    answer = somebody(an_environment()).generic("POST", "projects/", body, "application/json")

    assert answer.status_code in {400, 422}


def test_a_body_beyond_the_limit_is_refused() -> None:
    answer = somebody(an_environment()).generic("POST", "projects/", b" " * (BODY_LIMIT + 1), "application/json")

    assert answer.status_code == 413


def test_a_form_is_no_json() -> None:
    answer = somebody(an_environment()).generic("POST", "projects/", "name=x", "application/x-www-form-urlencoded")

    assert answer.status_code == 415


@pytest.mark.parametrize("pk", ["0", "9" * 18, "9" * 40, "9" * 5_000, "-1", "x", "1.0", "%00"])
def test_an_id_that_cannot_be_is_not_found(pk: str) -> None:
    assert somebody(an_environment()).get(f"projects/{pk}/").status_code == 404


@pytest.mark.parametrize("pk", [0, -1, 2**63 - 1])
def test_a_row_that_a_body_names_and_that_is_not_there_is_not_found(pk: int) -> None:
    answer = somebody(an_environment()).post("projects/", WHOLE | {"organisation": pk})

    assert (answer.status_code, answer.json()) == (404, {"detail": "organisation not found"})


def test_lists_come_in_pages() -> None:
    environment = an_environment()
    projects = [environment.project_id] + [a_project(environment.project.organisation).pk for _ in range(4)]
    viewer = somebody(environment, Role.VIEWER)

    first = viewer.get("projects/", {"limit": "2", "ordering": "created_at"})
    third = viewer.get("projects/", {"limit": "2", "ordering": "created_at", "page": "3"})

    assert (ids(first), ids(third)) == (projects[:2], projects[4:])
    assert first.json()["count"] == 5
    assert "page=2" in first.json()["next"]
    assert viewer.get("projects/", {"page": "9"}).status_code == 404


def test_lists_are_ordered_by_what_is_allowed_and_nothing_else() -> None:
    environment = an_environment(a_project(name="b"))
    other = a_project(environment.project.organisation, name="a")
    viewer = somebody(environment, Role.VIEWER)

    assert ids(viewer.get("projects/", {"ordering": "-name"})) == [environment.project_id, other.pk]
    assert ids(viewer.get("projects/", {"ordering": "name,-key"})) == [other.pk, environment.project_id]
    for ordering in ("feature_sequence", "organisation__memberships__user__password", "", "--name"):
        assert viewer.get("projects/", {"ordering": ordering}).status_code == 400


@pytest.mark.parametrize("named", ["x", "1.5", "\x00", "-1", "9" * 30, "9" * 5_000])
def test_a_filter_by_what_is_no_id_is_refused(named: str) -> None:
    assert somebody(an_environment()).get("projects/", {"organisation": named}).status_code == 400


@pytest.mark.parametrize("named", [0, 2**63 - 1])
def test_a_filter_by_an_id_that_is_not_there_finds_nothing(named: int) -> None:
    assert ids(somebody(an_environment()).get("projects/", {"organisation": str(named)})) == []


def test_a_page_takes_the_same_number_of_queries_however_long_it_is(django_assert_num_queries: Any) -> None:
    environment = an_environment()
    for _ in range(5):
        services.set_role(a_member(an_environment()), environment.project.organisation, role=Role.VIEWER, actor=SYSTEM)
    viewer = somebody(environment, Role.VIEWER)

    with django_assert_num_queries(3):  # the token, the count and the page
        assert len(ids(viewer.get("members/"))) == 6


def test_an_edit_is_logged_under_the_name_of_whoever_made_it() -> None:
    environment = an_environment()
    admin = somebody(environment)

    admin.patch(f"environments/{environment.pk}/", {"name": "Live"}, headers={"x-request-id": "request-1"})

    change = Change.objects.latest("pk")
    assert (change.action, change.actor) == ("environment.updated", f"user:{admin.user.pk}")
    assert change.request_id == "request-1"


def test_keys_of_applications_open_nothing_here() -> None:
    key = a_key(an_environment())

    answer = Client().get(f"/{ROOT.strip('/')}/projects/", headers={"x-environment-key": key})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Token")


def test_a_session_edits_with_its_csrf_token_only() -> None:
    environment = an_environment()
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_member(environment, Role.ADMIN))
    client.cookies["csrftoken"] = "c" * 32
    path = f"{ROOT}projects/{environment.project_id}/"

    assert client.get(path).status_code == 200
    assert client.patch(path, {"name": "N"}, "application/json").status_code == 403
    assert client.patch(path, {"name": "N"}, "application/json", headers={"x-csrftoken": "c" * 32}).status_code == 200


def test_who_has_no_role_sees_empty_lists() -> None:
    environment = an_environment()
    a_key(environment)
    somebody(environment)

    for path in ("organisations/", "projects/", "environments/", "credentials/", "members/"):
        assert ids(stranger().get(path)) == []
        assert len(ids(a_superuser().get(path))) == 1
