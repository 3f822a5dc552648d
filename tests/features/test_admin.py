"""Flags in the admin: edits go through the services, roles hold, and bad input is said beside its field."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from features.models import Feature, FeatureState
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import set_role
from tests.admin_forms import errors_of, sent_from
from tests.builders import a_feature, a_member, a_user, an_environment

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/features/feature/add/", "/admin/features/feature/"


def test_a_new_feature_is_off_everywhere_and_its_page_comes_next(client: Client) -> None:
    environment = an_environment()
    client.force_login(a_user(superuser=True))

    form = {"project": environment.project_id, "key": "checkout", "name": "Checkout", "value_type": "boolean"}
    answer = client.post(ADD, form | {"tags": 'web, "a, b", web'})
    feature = Feature.objects.get(key="checkout")

    assert answer.url == page_of(feature)  # type: ignore[attr-defined]
    assert feature.tags == ["web", "a, b"]
    assert feature.public_id == "feat-001"
    assert state_of(feature).status == "off"
    assert Change.objects.get(action="feature.created").actor.startswith("user:")


def test_switching_one_environment_leaves_one_change_and_moves_its_revision(client: Client) -> None:
    environment = an_environment()
    other = an_environment(environment.project)
    feature = a_feature(environment)
    client.force_login(a_user(superuser=True))
    before = {row.pk: row.revision for row in Environment.objects.all()}

    tab = tab_of(feature, environment)
    client.post(tab, sent_from(client, tab, status="on", rollout_percent="12.5"))
    after = {row.pk: row.revision for row in Environment.objects.all()}

    assert state_of(feature, environment).status == "on"
    assert Change.objects.filter(action="feature.switched").count() == 1
    assert after[environment.pk] != before[environment.pk]
    assert after[other.pk] == before[other.pk]


def test_saving_without_a_change_changes_nothing(client: Client) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="json", tags=["a"])
    client.force_login(a_user(superuser=True))
    count, revision = Change.objects.count(), Environment.objects.get().revision

    assert client.post(page_of(feature), form_of(client, feature)).status_code == 302

    assert Change.objects.count() == count
    assert Environment.objects.get().revision == revision


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "nul\x00"),
        ("name", "x" * 300),
        ("description", "nul\x00"),
        ("tags", "a/b"),
        ("tags", "nul\x00"),
        ("tags", "x" * 200_000),
    ],
)
def test_bad_input_is_said_beside_its_field_and_nothing_is_stored(client: Client, field: str, value: str) -> None:
    feature = a_feature(an_environment(), name="Before")
    client.force_login(a_user(superuser=True))
    count = Change.objects.count()

    answer = client.post(page_of(feature), form_of(client, feature, **{"owner": "typed", field: value}))

    assert errors_of(answer).keys() == {field}
    assert 'value="typed"' in answer.content.decode()
    assert Change.objects.count() == count


def test_actions_archive_restore_and_switch(client: Client) -> None:
    environment = an_environment(key="production")
    feature = a_feature(environment)
    client.force_login(a_user(superuser=True))

    for action in ("archive", "restore", "switch_on_production"):
        client.post(LIST + "?archived=too", {"action": action, "_selected_action": [feature.pk]})

    assert list(Change.objects.order_by("-number").values_list("action", flat=True)[:3]) == [
        "feature.switched",
        "feature.updated",
        "feature.updated",
    ]
    assert state_of(feature).status == "on"
    assert Feature.objects.get().archived_at is None


def test_archived_features_are_put_away_from_the_list(client: Client) -> None:
    environment = an_environment()
    kept, gone = a_feature(environment), a_feature(environment)
    client.force_login(a_user(superuser=True))
    client.post(LIST, {"action": "archive", "_selected_action": [gone.pk]})

    def listed(**query: str) -> set[int]:
        return {row.pk for row in client.get(LIST, query).context["cl"].result_list}

    assert listed() == {kept.pk}
    assert listed(archived="only") == {gone.pk}
    assert listed(archived="too", status="off") == {kept.pk, gone.pk}
    assert listed(status="on") == set()
    assert listed(status=f"off:{environment.key}") == {kept.pk}


def test_a_feature_is_never_deleted(client: Client) -> None:
    feature = a_feature(an_environment())
    client.force_login(a_user(superuser=True))

    assert client.post(f"{LIST}{feature.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [feature.pk], "post": "yes"})
    assert Feature.objects.exists()


def test_a_viewer_sees_everything_and_saves_nothing(client: Client) -> None:
    environment = an_environment(key="production")
    feature = a_feature(environment)
    client.force_login(a_member(environment, Role.VIEWER))

    page = client.get(page_of(feature)).content.decode()
    assert feature.key in page
    assert 'name="_save"' not in page
    assert client.post(page_of(feature), {"name": "mine"}).status_code == 403
    assert client.get(ADD).status_code == 403
    for action in ("archive", "switch_on_production"):
        client.post(LIST, {"action": action, "_selected_action": [feature.pk]})
    assert Feature.objects.get().archived_at is None
    assert state_of(feature).status == "off"


def test_another_tenants_features_are_not_there(client: Client) -> None:
    mine, other = an_environment(key="production"), an_environment(key="production")
    feature = a_feature(other)
    client.force_login(a_member(mine, Role.ADMIN))

    assert client.get(page_of(feature)).status_code == 302
    assert client.post(page_of(feature), {"name": "mine"}).status_code in {302, 403}
    assert feature.key not in client.get(LIST).content.decode()
    client.post(LIST, {"action": "switch_on_production", "_selected_action": [feature.pk]})
    assert state_of(feature).status == "off"
    form = {"project": other.project_id, "key": "x", "name": "x", "value_type": "boolean"}
    assert "project" in client.post(ADD, form).context["adminform"].form.errors


def test_an_editor_of_one_environment_edits_the_flag_only_there(client: Client) -> None:
    mine = an_environment()
    other = an_environment(mine.project)
    feature = a_feature(mine)
    user = a_user()
    place: dict[str, Any] = {"project": mine.project, "environment": mine}
    set_role(user, mine.project.organisation, role=Role.EDITOR, actor=SYSTEM, **place)
    set_role(user, mine.project.organisation, role=Role.VIEWER, actor=SYSTEM)
    client.force_login(user)

    here, there = tab_of(feature, mine), tab_of(feature, other)
    assert client.post(here, sent_from(client, here, status="on")).status_code == 302
    assert client.post(there, {"status": "on"}).status_code == 403
    assert client.post(page_of(feature), {"name": "mine"}).status_code == 403

    assert state_of(feature, mine).status == "on"
    assert state_of(feature, other).status == "off"
    assert Feature.objects.get().name == feature.name


def test_a_viewer_is_shown_values_and_no_control(client: Client) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="string", state={"on_value": "semantic"})
    client.force_login(a_member(environment, Role.VIEWER))

    pages = [client.get(url).content.decode() for url in (LIST, page_of(feature), tab_of(feature, environment))]

    assert "semantic" in pages[2]
    for page in pages:
        main = page[page.index('id="content-main"') :]
        assert "data-switch" not in main
        assert "data-add" not in main
        assert 'name="_save"' not in main
        assert 'name="_selected_action"' not in main


def test_an_environment_made_later_has_its_tab_on_the_page(client: Client) -> None:
    environment = an_environment()
    feature = a_feature(environment)
    later = an_environment(environment.project)
    client.force_login(a_user(superuser=True))

    assert later.name in client.get(page_of(feature)).content.decode()
    client.get(tab_of(feature, later))

    assert state_of(feature, later).status == "off"


def test_a_tab_that_there_is_not_leads_to_the_overview(client: Client) -> None:
    environment = an_environment()
    feature, hidden = a_feature(environment), an_environment()
    client.force_login(a_member(environment, Role.EDITOR))

    for key in ("nowhere", hidden.key, "\x00"):
        answer: Any = client.get(page_of(feature), {"environment": key})
        assert answer.url == page_of(feature)


def test_a_list_of_fifty_takes_as_many_queries_as_a_list_of_five(client: Client) -> None:
    environment = an_environment()
    an_environment(environment.project)
    client.force_login(a_member(environment, Role.EDITOR))

    def queries(features: int) -> int:
        for _ in range(features):
            a_feature(environment)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(LIST)
        return len(captured)

    assert queries(5) == queries(45)


def page_of(feature: Feature) -> str:
    return reverse("admin:features_feature_change", args=[feature.pk])


def tab_of(feature: Feature, environment: Environment) -> str:
    return f"{page_of(feature)}?environment={environment.key}"


def state_of(feature: Feature, environment: Environment | None = None) -> FeatureState:
    states = FeatureState.objects.filter(feature=feature)
    return states.get(environment=environment) if environment else states.get()


def form_of(client: Client, feature: Feature, **changes: str) -> dict[str, str]:
    """What the browser would send back from the feature's page."""
    return sent_from(client, page_of(feature), **changes)
