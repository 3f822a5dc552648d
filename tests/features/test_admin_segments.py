"""Segments in the admin: saved by their services, complaints beside the conditions, and none goes that is in use."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from features.models import Segment
from tenants.models import Environment
from tenants.roles import Role
from tests.admin_forms import errors_of, sent_from
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_member,
    a_project,
    a_rule,
    a_segment,
    a_user,
    an_environment,
    in_segment,
)

pytestmark = pytest.mark.django_db
ADD = "/admin/features/segment/add/"
BAD = [
    *["", "{", "null", "{}", "[]", '{"all": []}', '{"operator": "in_segment", "value": "gone"}', '"\\u0000"', "\x00"],
    *["[" * 10_000, "9" * 5_000],
]


def page_of(segment: Segment) -> str:
    return reverse("admin:features_segment_change", args=[segment.pk])


def a_form(environment: Environment, **changes: Any) -> dict[str, Any]:
    given = {"project": environment.project_id, "key": "germans", "name": "Germans", "description": ""}
    return given | {"conditions": json.dumps(a_condition())} | changes


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def test_a_segment_is_made_and_changed_by_its_services(editor: Client, environment: Environment) -> None:
    editor.post(ADD, a_form(environment))
    segment = Segment.objects.get(key="germans")
    revision = Environment.objects.get().revision

    everyone = sent_from(editor, page_of(segment), conditions=json.dumps(EVERYONE), key="other")
    assert editor.post(page_of(segment), everyone).status_code == 302

    segment.refresh_from_db()
    assert (segment.key, segment.conditions) == ("germans", EVERYONE)
    changes = Change.objects.filter(actor__startswith="user:").order_by("number")
    assert list(changes.values_list("action", flat=True)) == ["segment.created", "segment.updated"]
    assert Environment.objects.get().revision != revision


def test_saving_without_a_change_changes_nothing(editor: Client, environment: Environment) -> None:
    segment = a_segment(environment.project)
    count = Change.objects.count()

    assert editor.post(page_of(segment), sent_from(editor, page_of(segment))).status_code == 302

    assert Change.objects.count() == count


@pytest.mark.parametrize("conditions", BAD, ids=lambda text: ascii(text)[:40])
def test_conditions_that_make_no_sense_are_said_beside_the_field(
    editor: Client, environment: Environment, conditions: str
) -> None:
    segment = a_segment(environment.project)
    count = Change.objects.count()

    added = editor.post(ADD, a_form(environment, name="typed", conditions=conditions))
    changed = editor.post(page_of(segment), sent_from(editor, page_of(segment), name="typed", conditions=conditions))

    for answer in (added, changed):
        assert errors_of(answer).keys() == {"conditions"}
        assert 'value="typed"' in answer.content.decode()
    assert Change.objects.count() == count
    assert list(Segment.objects.values_list("conditions", flat=True)) == [segment.conditions]


def test_every_complaint_about_the_conditions_is_shown(editor: Client, environment: Environment) -> None:
    broken = {"all": [a_condition(operator="resembles"), a_condition(operator="modulo", value=[0, 0])]}

    answer = editor.post(ADD, a_form(environment, conditions=json.dumps(broken)))

    shown = errors_of(answer)["conditions"]
    assert ("all[0]" in shown, "resembles" in shown, "all[1]" in shown, "above zero" in shown) == (True,) * 4


def test_a_segment_in_use_is_not_deleted_and_its_users_are_shown(editor: Client, environment: Environment) -> None:
    used, free = a_segment(environment.project), a_segment(environment.project)
    a_rule(a_feature(environment), environment, segment=used, description="the rule")

    refused = editor.post(page_of(used).replace("change", "delete"), {"post": "yes"})
    editor.post(page_of(free).replace("change", "delete"), {"post": "yes"})

    assert "the rule" in refused.content.decode()
    assert list(Segment.objects.all()) == [used]
    assert Change.objects.latest("pk").action == "segment.deleted"


def test_a_viewer_sees_a_segment_and_saves_nothing(client: Client, environment: Environment) -> None:
    segment = a_segment(environment.project)
    client.force_login(a_member(environment, Role.VIEWER))
    count = Change.objects.count()

    assert 'name="_save"' not in client.get(page_of(segment)).content.decode()
    assert client.post(page_of(segment), a_form(environment)).status_code == 403
    assert client.post(page_of(segment).replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert client.post(ADD, a_form(environment)).status_code == 403
    assert Change.objects.count() == count


def test_another_tenants_segment_is_not_there(editor: Client) -> None:
    theirs = a_segment(a_project())
    count = Change.objects.count()

    for url in (page_of(theirs), page_of(theirs).replace("change", "delete")):
        assert editor.post(url, {"post": "yes", "name": "mine", "conditions": "{}"}).status_code == 302  # to the index
    assert "project" in errors_of(editor.post(ADD, a_form(an_environment())))
    assert Segment.objects.get() == theirs
    assert Change.objects.filter(action__startswith="segment").count() == 1
    assert Change.objects.count() == count + 2  # the new environment and its project


def test_a_segment_of_another_tenant_is_no_part_of_conditions(client: Client, environment: Environment) -> None:
    theirs = a_segment(a_project())
    client.force_login(a_user(superuser=True))

    answer = client.post(ADD, a_form(environment, conditions=json.dumps(in_segment(theirs.key))))

    assert "there is no segment" in errors_of(answer)["conditions"]


def test_a_segment_is_shown_right_after_it_was_made(editor: Client, environment: Environment) -> None:
    answer = editor.post(ADD, a_form(environment))

    assert answer.headers["Location"] == page_of(Segment.objects.get())


def test_the_builder_is_told_the_project_and_falls_back_to_json(editor: Client, environment: Environment) -> None:
    segment = a_segment(environment.project)

    page = editor.get(page_of(segment)).content.decode()

    assert f'data-project="{environment.project_id}"' in page
    assert f'data-segment="{segment.pk}"' in page
    assert '<textarea name="conditions"' in page
    assert 'type="module"' in page


def test_a_viewer_reads_the_sentence_and_is_shown_no_builder(client: Client, environment: Environment) -> None:
    segment = a_segment(environment.project)
    client.force_login(a_member(environment, Role.VIEWER))

    page = client.get(page_of(segment)).content.decode()

    assert "country is DE" in page
    assert "<conditions-editor" not in page
