"""The list of features in the admin: one project, every environment side by side, filters, and many at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.models import Feature, FeatureState, Usage
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import set_role
from tests.builders import (
    a_feature,
    a_member,
    a_project,
    a_rule,
    a_running_experiment,
    a_user,
    an_environment,
    an_experiment,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/features/feature/"
LATER = timezone.now() + timedelta(days=31)


@pytest.fixture
def environment() -> Environment:
    return an_environment(key="production", name="Production")


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def listed(client: Client, **query: str) -> set[str]:
    return {row.key for row in client.get(LIST, query, follow=True).context["cl"].result_list}


def test_the_list_is_about_one_project_and_remembers_it(editor: Client, environment: Environment) -> None:
    other = an_environment(a_project(environment.project.organisation, name="Zebra"))
    an_environment(a_project(environment.project.organisation, name="Aardvark"))  # the first, and empty
    mine, theirs = a_feature(environment).key, a_feature(other).key

    assert listed(editor) == {mine}
    assert listed(editor, project=str(other.project_id)) == {theirs}
    assert listed(editor) == {theirs}
    assert listed(editor, project="99999999999999999999") == {theirs}


def test_a_strangers_project_cannot_be_chosen(editor: Client, environment: Environment) -> None:
    mine, theirs = a_feature(environment), a_feature(an_environment(name="canary"))

    assert listed(editor, project=str(theirs.project_id)) == {mine.key}
    page = editor.get(LIST).content.decode()
    assert theirs.key not in page
    assert "canary" not in page


def test_there_is_a_column_for_each_environment_with_its_rollout(editor: Client, environment: Environment) -> None:
    a_feature(environment, state={"status": "on", "rollout_percent": "12.5"})
    an_environment(environment.project, name="Staging")

    page = editor.get(LIST).content.decode()

    assert "On <b>12.5%</b>" in page
    assert "Staging" in page


def test_toggles_are_there_only_where_the_role_permits_them(client: Client, environment: Environment) -> None:
    other = an_environment(environment.project)
    feature = a_feature(environment)
    user = a_user()
    place: dict[str, Any] = {"project": environment.project, "environment": environment}
    set_role(user, environment.project.organisation, role=Role.VIEWER, actor=SYSTEM)
    set_role(user, environment.project.organisation, role=Role.EDITOR, actor=SYSTEM, **place)
    client.force_login(user)

    page = client.get(LIST).content.decode()

    assert f"/{feature.pk}/switch/{environment.pk}/" in page
    assert f"/{feature.pk}/switch/{other.pk}/" not in page


def test_features_are_found_by_key_name_and_description(editor: Client, environment: Environment) -> None:
    a_feature(environment, key="alpha", name="First", description="about pears")
    a_feature(environment, key="beta", name="Second")

    assert listed(editor, q="alph") == listed(editor, q="first") == listed(editor, q="pear") == {"alpha"}


def test_features_are_narrowed_by_tag_owner_status_and_experiment(editor: Client, environment: Environment) -> None:
    staging = an_environment(environment.project, key="staging")
    a_feature(environment, key="alpha", tags=["web"], owner="Ada", state={"status": "on"})
    beta = a_feature(environment, key="beta")
    an_experiment(environment, beta)
    running = a_running_experiment(staging, a_feature(environment, key="gamma")).feature

    assert listed(editor, tag="web") == listed(editor, owner="Ada") == {"alpha"}
    assert listed(editor, owner="-") == {"beta", "gamma"}
    assert listed(editor, status="on") == listed(editor, status="on:production") == {"alpha"}
    assert listed(editor, status="on:staging") == set()
    assert listed(editor, status="experiment:staging") == listed(editor, experiment="running") == {running.key}
    assert listed(editor, experiment="any") == {"beta", "gamma"}
    assert listed(editor, experiment="none") == {"alpha"}


def test_bulk_tags_are_asked_for_and_put_on_and_taken_off(editor: Client, environment: Environment) -> None:
    chosen = [a_feature(environment, tags=["old"]).pk, a_feature(environment).pk]
    form = {"action": "tag", "_selected_action": chosen}

    asked = editor.post(LIST, form).content.decode()
    bad = editor.post(LIST, form | {"tags": "a/b"}).content.decode()
    editor.post(LIST, form | {"tags": 'web, "old"'})

    assert 'name="tags"' in asked
    assert 'value="old"' in asked
    assert 'role="alert"' in bad
    assert sorted(map(tuple, Feature.objects.values_list("tags", flat=True))) == [("old", "web"), ("web", "old")]
    editor.post(LIST, form | {"action": "untag", "tags": "old"})
    assert list(Feature.objects.values_list("tags", flat=True)) == [["web"], ["web"]]
    assert Change.objects.filter(action="feature.updated").count() == 4


def test_bulk_edits_stop_at_what_the_role_reaches(client: Client, environment: Environment) -> None:
    feature = a_feature(environment)
    client.force_login(a_member(environment, Role.VIEWER))

    for action in ("tag", "untag", "archive", "restore"):
        client.post(LIST, {"action": action, "_selected_action": [feature.pk], "tags": "mine"})

    feature.refresh_from_db()
    assert (feature.tags, feature.archived_at) == ([], None)


def test_a_protected_environment_is_not_switched_in_bulk(editor: Client, environment: Environment) -> None:
    Environment.objects.update(is_protected=True)
    feature = a_feature(environment)

    editor.post(LIST, {"action": "switch_on_production", "_selected_action": [feature.pk]})

    assert FeatureState.objects.get().status == "off"


def stale(environment: Environment) -> set[str]:
    return set(Feature.objects.in_project(environment.project_id).stale(at=LATER).values_list("key", flat=True))


def test_what_is_the_same_everywhere_and_unedited_is_stale(environment: Environment) -> None:
    other = an_environment(environment.project)
    off, on, partly, ruled = (a_feature(environment, key=key) for key in ("off", "on", "partly", "ruled"))
    different = a_feature(environment, key="different", value_type="number")
    for place in (environment, other):
        services.set_state(on, place, status="on", actor=SYSTEM)
        services.set_state(ruled, place, status="on", actor=SYSTEM)
        services.set_state(different, place, status="on", on_value=place.pk, actor=SYSTEM)
    services.set_state(partly, environment, status="on", rollout_percent=20, actor=SYSTEM)
    a_rule(ruled, environment)
    for feature in (off, on, partly, ruled, different):
        seen(feature, environment)

    assert stale(environment) == {"off", "on"}
    assert not Feature.objects.stale().exists()


def test_what_nobody_evaluates_is_stale_whatever_it_does(environment: Environment) -> None:
    used, unused = (a_feature(environment, key=key, state={"status": "on", "rollout_percent": 20}) for key in "ab")
    seen(used, environment)
    seen(unused, environment, hour=LATER - timedelta(days=30, hours=1))
    seen(unused, an_environment())  # another tenant's feature of the same key

    assert stale(environment) == {"b"}


def test_what_is_archived_or_experimented_with_is_not_stale(environment: Environment) -> None:
    services.archive(a_feature(environment), actor=SYSTEM)
    experiment = a_running_experiment(environment)
    seen(experiment.feature, environment)

    assert stale(environment) == set()


def test_an_edit_of_a_part_is_an_edit_of_its_feature(environment: Environment) -> None:
    for number, edit in enumerate((edit_rule, edit_override, edit_prerequisite, edit_state, remove_override)):
        feature = a_feature(environment, key=f"key-{number}")
        edit(feature, environment)
    aged = {"created_at": timezone.now() - timedelta(days=31)}
    Feature.objects.update(**aged)
    Change.objects.filter(action="feature.created")._raw_delete("default")

    assert not Feature.objects.filter(key__startswith="key-").stale().exists()


def edit_rule(feature: Feature, environment: Environment) -> None:
    a_rule(feature, environment)


def edit_override(feature: Feature, environment: Environment) -> None:
    services.set_override(feature, environment, identifier="ada", value=True, actor=SYSTEM)


def remove_override(feature: Feature, environment: Environment) -> None:
    edit_override(feature, environment)
    Change.objects.filter(action="override.set", object_name__contains=feature.key)._raw_delete("default")
    services.remove_override(feature.states.get().overrides.get(), actor=SYSTEM)


def edit_prerequisite(feature: Feature, environment: Environment) -> None:
    services.set_prerequisite(feature, environment, required=a_feature(environment), actor=SYSTEM)


def edit_state(feature: Feature, environment: Environment) -> None:
    services.switch(feature, environment, status="on", actor=SYSTEM)


def seen(feature: Feature, environment: Environment, **changes: Any) -> None:
    given = {"hour": LATER - timedelta(hours=2), "outcome": "on", "count": 1, **changes}
    Usage.objects.create(environment_id=environment.pk, feature_key=feature.key, **given)


def test_the_filter_for_stale_features_says_what_it_means(editor: Client, environment: Environment) -> None:
    a_feature(environment, key="fresh")

    assert listed(editor, stale="yes") == set()
    assert listed(editor, stale="no") == {"fresh"}
    assert "not edited for 30 days" in editor.get(LIST).content.decode()


def test_a_list_of_fifty_takes_at_most_twenty_queries_with_every_filter(
    editor: Client, environment: Environment
) -> None:
    for _ in range(3):
        an_environment(environment.project)
    for _ in range(50):
        a_feature(environment, tags=["web"])
    query = {"status": "off", "tag": "web", "owner": "-", "stale": "no", "experiment": "none", "q": "feature"}

    with CaptureQueriesContext(connection) as captured:
        assert len(listed(editor, **query)) == 50

    assert len(captured) <= 20
