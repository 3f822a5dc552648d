"""Organisations, projects and environments over the management API."""

import pytest

from audits.services import SYSTEM
from tenants.models import Environment, Organisation, Project
from tenants.roles import Role
from tenants.services import set_role
from tests.builders import a_project, a_user, an_environment, an_organisation
from tests.tenants.api import Caller, a_superuser, ids, somebody

pytestmark = pytest.mark.django_db


def test_a_superuser_creates_an_organisation() -> None:
    answer = a_superuser().post("organisations/", {"key": "acme", "name": "Acme"})

    assert answer.status_code == 201
    organisation = Organisation.objects.get()
    assert (organisation.pk, organisation.key, organisation.name) == (answer.json()["id"], "acme", "Acme")


def test_an_administrator_does_not_create_organisations() -> None:
    environment = an_environment()

    answer = somebody(environment).post("organisations/", {"key": "acme", "name": "Acme"})

    assert answer.status_code == 403
    assert Organisation.objects.get() == environment.project.organisation


@pytest.mark.parametrize("key", ["a/b", " ", "x" * 129, "acme"])
def test_an_organisation_needs_a_key_of_its_own(key: str) -> None:
    an_organisation(key="acme")

    answer = a_superuser().post("organisations/", {"key": key, "name": "Acme"})

    assert answer.status_code == 400
    assert Organisation.objects.count() == 1


def test_an_organisation_is_renamed_and_keeps_its_key() -> None:
    environment = an_environment()
    admin, path = somebody(environment), f"organisations/{environment.project.organisation_id}/"

    assert admin.patch(path, {"name": "Renamed"}).json()["name"] == "Renamed"
    assert admin.patch(path, {"key": "other"}).json() == {"key": ["cannot be changed"]}
    assert admin.put(path, {"name": "Renamed"}).status_code == 405


def test_a_project_is_created_in_an_organisation_that_one_administers() -> None:
    environment = an_environment()
    organisation = environment.project.organisation_id
    body = {"key": "shop", "name": "Shop", "organisation": organisation}

    answer = somebody(environment).post("projects/", body)

    assert answer.status_code == 201
    assert answer.json() | body == answer.json()
    assert answer.json()["bucketing"] == "growthbook"


def test_a_role_in_one_project_makes_no_other() -> None:
    environment = an_environment()
    user = a_user()
    organisation, project = environment.project.organisation, environment.project
    set_role(user, organisation, project=project, role=Role.ADMIN, actor=SYSTEM)
    caller = Caller(user)

    answer = caller.post("projects/", {"key": "shop", "name": "Shop", "organisation": organisation.pk})

    assert answer.status_code == 403
    assert caller.patch(f"projects/{project.pk}/", {"name": "Mine"}).status_code == 200
    assert Project.objects.get().name == "Mine"


def test_projects_are_found_by_their_organisation_and_key() -> None:
    first, second = a_project(key="shop"), a_project(key="shop")
    caller = a_superuser()

    assert ids(caller.get("projects/", {"organisation": second.organisation_id})) == [second.pk]
    assert ids(caller.get("projects/", {"key": "shop", "ordering": "created_at"})) == [first.pk, second.pk]


def test_a_project_does_not_move_to_another_organisation() -> None:
    environment = an_environment()
    path = f"projects/{environment.project_id}/"

    answer = somebody(environment).patch(path, {"organisation": an_organisation().pk})

    assert (answer.status_code, answer.json()) == (400, {"organisation": ["cannot be changed"]})


def test_an_unknown_bucketing_is_refused() -> None:
    environment = an_environment()

    answer = somebody(environment).patch(f"projects/{environment.project_id}/", {"bucketing": "dice"})

    assert answer.status_code == 400
    assert "bucketing" in answer.json()


def test_a_project_is_replaced_as_a_whole() -> None:
    environment = an_environment(a_project(bucketing="feature_hub"))
    path, body = f"projects/{environment.project_id}/", {"key": "shop", "name": "Shop"}

    answer = somebody(environment).put(path, body, headers={"if-match": "*"})

    assert answer.status_code == 200
    project = Project.objects.get()
    assert (project.key, project.name, project.bucketing) == ("shop", "Shop", "growthbook")


def test_an_environment_is_created_in_a_project() -> None:
    environment = an_environment()
    body = {"key": "staging", "name": "Staging", "project": environment.project_id}
    admin = somebody(environment)

    answer = admin.post("environments/", body)

    assert answer.status_code == 201
    assert answer.json() | body == answer.json()
    assert admin.post("environments/", body).status_code == 400


def test_a_renamed_environment_has_a_new_revision() -> None:
    environment = an_environment()

    answer = somebody(environment).patch(f"environments/{environment.pk}/", {"name": "Live"})

    assert answer.json()["name"] == "Live"
    assert answer.json()["revision"] == Environment.objects.get().revision != environment.revision


def test_environments_are_found_by_their_project() -> None:
    environment = an_environment()
    sibling = an_environment(a_project(environment.project.organisation))
    viewer = somebody(environment, Role.VIEWER)

    assert ids(viewer.get("environments/", {"project": sibling.project_id})) == [sibling.pk]
    assert len(ids(viewer.get("environments/"))) == 2


def test_a_role_in_one_environment_shows_no_other() -> None:
    environment = an_environment()
    project, sibling = environment.project, an_environment(environment.project)
    user = a_user()
    set_role(user, project.organisation, project=project, environment=environment, role=Role.ADMIN, actor=SYSTEM)
    caller = Caller(user)

    assert ids(caller.get("environments/")) == [environment.pk]
    assert caller.patch(f"environments/{environment.pk}/", {"name": "Live"}).status_code == 200
    assert caller.patch(f"environments/{sibling.pk}/", {"name": "Live"}).status_code == 404
    assert caller.post(f"environments/{environment.pk}/clone/", {"key": "n", "name": "N"}).status_code == 403
