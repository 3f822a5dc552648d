"""Who sees and changes what: a role reaches down from where it was given, and never to another tenant."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from audits.services import SYSTEM
from features.models import Feature
from tenants.models import ApiToken, Credential, Environment, Membership, Organisation, Project
from tenants.roles import Kind, Right, Role, roles_with
from tenants.services import issue_api_token, issue_credential, revoke_api_token, set_role, update_credential
from tests.builders import a_feature, a_project, a_user, an_environment, an_organisation

pytestmark = pytest.mark.django_db

Names = set[str]


@dataclass
class World:
    """Two tenants. Ours has the projects a (of a1 and a2) and b (of b1); theirs has c (of c1)."""

    names: dict[Any, str]

    def of(self, rows: Any) -> Names:
        return {self.names[row] for row in rows}


@pytest.fixture
def world() -> World:
    ours, theirs = an_organisation(), an_organisation()
    names: dict[Any, str] = {ours: "ours", theirs: "theirs"}
    for organisation, key, environments in ((ours, "a", "12"), (ours, "b", "1"), (theirs, "c", "1")):
        project = a_project(organisation)
        names[project] = key
        for number in environments:
            environment = an_environment(project)
            names[environment] = key + number
            credential, _ = issue_credential(environment, kind=Kind.SERVER, name="k", actor=SYSTEM)
            names[credential] = f"key {key}{number}"
        names[a_feature(environment)] = f"feature {key}"
    return World(names)


def somebody(world: World, where: str, role: Role = Role.EDITOR) -> Any:
    """A person with one role, in an organisation, project or environment by its name in the world."""
    place = next(row for row, name in world.names.items() if name == where)
    user = a_user()
    environment = place if isinstance(place, Environment) else None
    project = environment.project if environment else place if isinstance(place, Project) else None
    organisation = project.organisation if project else place
    set_role(user, organisation, role=role, actor=SYSTEM, project=project, environment=environment)
    return user


READS: list[tuple[str, Names, Names, Names]] = [
    ("ours", {"ours"}, {"a", "b"}, {"a1", "a2", "b1"}),
    ("a", {"ours"}, {"a"}, {"a1", "a2"}),
    ("a1", {"ours"}, {"a"}, {"a1"}),
    ("theirs", {"theirs"}, {"c"}, {"c1"}),
]
EDITS: list[tuple[str, Names, Names, Names]] = [
    ("ours", {"ours"}, {"a", "b"}, {"a1", "a2", "b1"}),
    ("a", set(), {"a"}, {"a1", "a2"}),
    ("a1", set(), set(), {"a1"}),
    ("theirs", {"theirs"}, {"c"}, {"c1"}),
]


@pytest.mark.parametrize(("where", "organisations", "projects", "environments"), READS)
def test_a_role_shows_what_is_below_it_and_the_way_there(
    world: World, where: str, organisations: Names, projects: Names, environments: Names
) -> None:
    user = somebody(world, where, Role.VIEWER)

    assert world.of(Organisation.objects.visible_to(user)) == organisations
    assert world.of(Project.objects.visible_to(user)) == projects
    assert world.of(Environment.objects.visible_to(user)) == environments
    assert world.of(Credential.objects.visible_to(user)) == {f"key {name}" for name in environments}
    assert world.of(Feature.objects.visible_to(user)) == {f"feature {name}" for name in projects}


@pytest.mark.parametrize(("where", "organisations", "projects", "environments"), EDITS)
def test_a_role_permits_edits_below_it_only(
    world: World, where: str, organisations: Names, projects: Names, environments: Names
) -> None:
    user = somebody(world, where, Role.EDITOR)

    assert world.of(Organisation.objects.permitting(user, Right.EDIT)) == organisations
    assert world.of(Project.objects.permitting(user, Right.EDIT)) == projects
    assert world.of(Environment.objects.permitting(user, Right.EDIT)) == environments
    assert world.of(Credential.objects.permitting(user, Right.EDIT)) == {f"key {name}" for name in environments}
    assert world.of(Feature.objects.permitting(user, Right.EDIT)) == {f"feature {name}" for name in projects}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", Right)
def test_the_table_of_roles_decides(world: World, role: Role, right: Right) -> None:
    user = somebody(world, "a1", role)

    permitted = world.of(Environment.objects.permitting(user, right))

    assert permitted == ({"a1"} if role in roles_with(right) else set())


def test_viewers_read_editors_edit_and_admins_administer() -> None:
    assert roles_with(Right.READ) == [Role.VIEWER, Role.EDITOR, Role.ADMIN]
    assert roles_with(Right.EDIT) == [Role.EDITOR, Role.ADMIN]
    assert roles_with(Right.ADMINISTER) == [Role.ADMIN]


def test_superusers_see_everything_and_strangers_nothing(world: World) -> None:
    managers: list[Any] = [
        model.objects for model in (Organisation, Project, Environment, Credential, Membership, Feature)
    ]

    for everything in (manager.all() for manager in managers):
        assert set(everything.visible_to(a_user(superuser=True))) == set(everything)
        for stranger in (a_user(), AnonymousUser(), a_user(superuser=True, is_active=False), None):
            assert not everything.visible_to(stranger).exists()


def test_a_member_who_left_sees_nothing(world: World) -> None:
    user = somebody(world, "ours", Role.ADMIN)
    user.is_active = False

    assert not Environment.objects.visible_to(user).exists()


def test_colleagues_are_shown_to_members_of_the_whole_organisation(world: World) -> None:
    one, other = somebody(world, "ours"), somebody(world, "theirs")
    somebody(world, "a")

    assert {member.organisation for member in Membership.objects.visible_to(one)} == set(
        Organisation.objects.visible_to(one)
    )
    assert Membership.objects.visible_to(one).count() == 2
    assert Membership.objects.visible_to(other).count() == 1


def test_a_role_in_a_project_shows_nobodys_membership(world: World) -> None:
    assert not Membership.objects.visible_to(somebody(world, "a")).exists()


def test_an_environment_is_named_by_its_whole_path() -> None:
    environment = an_environment()
    project = environment.project
    path = f"{project.organisation.key}/{project.key}/{environment.key}"

    assert Environment.objects.named(path).get() == environment
    for wrong in ("", "/", "//", path + "/", "/" + path, path.upper(), environment.key):
        assert not Environment.objects.named(wrong).exists()


def test_keys_live_while_they_are_active_and_not_expired() -> None:
    environment, now = an_environment(), timezone.now()
    for name, expires_at in (("for-ever", None), ("later", now + timedelta(hours=1)), ("past", now)):
        issue_credential(environment, kind=Kind.CLIENT, name=name, actor=SYSTEM, expires_at=expires_at)
    revoked, _ = issue_credential(environment, kind=Kind.CLIENT, name="revoked", actor=SYSTEM)
    update_credential(revoked, actor=SYSTEM, is_active=False)

    assert {credential.name for credential in Credential.objects.live()} == {"for-ever", "later"}


def test_tokens_live_as_long_as_their_person_is_active() -> None:
    user, other = a_user(), a_user()
    token, _ = issue_api_token(user, name="laptop")
    revoked, _ = issue_api_token(user, name="lost")
    revoke_api_token(revoked)
    issue_api_token(user, name="old", expires_at=timezone.now())

    assert list(ApiToken.objects.live()) == [token]
    assert not ApiToken.objects.visible_to(other).exists()
    user.is_active = False
    user.save()
    assert not ApiToken.objects.live().exists()
