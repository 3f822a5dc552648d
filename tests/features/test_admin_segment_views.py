"""What the builder of conditions asks: words to offer, what conditions say, whom they mean, who uses a segment."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, PRESENCE, SEGMENTS
from features.admin.matches import LOOKED_AT
from features.admin.vocabulary import TYPES, attributes, operators, type_asked, type_of
from features.models import Identity, Segment
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import set_role
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_member,
    a_rule,
    a_segment,
    a_user,
    an_environment,
    an_experiment,
    in_segment,
)

VOCABULARY, READING, MATCHES = (
    f"/admin/features/segment/{name}/" for name in ("vocabulary", "reading", "matches")
)  # fmt: skip


@pytest.fixture
def environment(db: None) -> Environment:
    return an_environment()


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def seen(environment: Environment, identifier: str, **traits: Any) -> Identity:
    return Identity.objects.create(environment=environment, identifier=identifier, traits=traits)


def reading(client: Client, environment: Environment, conditions: Any, **sent: Any) -> dict[str, Any]:
    text = conditions if isinstance(conditions, str) else json.dumps(conditions)
    answer = client.post(READING, {"project": environment.project_id, "conditions": text, **sent})
    assert answer.status_code == 200
    return dict(answer.json())


def tried(client: Client, environment: Environment, conditions: Any, **sent: Any) -> str:
    text = conditions if isinstance(conditions, str) else json.dumps(conditions)
    answer = client.post(MATCHES, {"environment": environment.pk, "conditions": text, **sent})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_every_operator_is_offered_for_some_type_with_words_of_the_engine() -> None:
    offered = {name for fits in TYPES.values() for name in fits} | set(SEGMENTS)

    assert offered == {*OPERATORS, *PRESENCE, *SEGMENTS, PERCENTAGE} == operators().keys()
    assert operators()["semver_gte"] == {"words": "is at least version", "shape": "one"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *[("pro", "text"), ("", "text"), (None, "text"), ("2026", "text"), ("20260101", "text")],
        *[(7, "number"), (7.5, "number"), (True, "boolean"), ([1], "list"), ([], "list"), ("1.2.3", "version")],
        *[("2026-12-01", "date"), ("2026-12-01T09:00:00Z", "date"), ("2026-13-01", "text"), (float("nan"), "text")],
    ],
)
def test_the_type_of_an_attribute_is_guessed_from_its_values(value: Any, kind: str) -> None:
    assert type_of(value) == kind


@pytest.mark.parametrize(
    ("operator", "value", "kind"),
    [
        *[("equals", "x", "text"), ("equals", 1, "number"), ("in", [True], "boolean"), ("in", [], "text")],
        *[("gt", 1, "number"), ("before", "x", "date"), ("semver_eq", "x", "version"), ("contains", "x", "text")],
        *[("resembles", 1, "text"), (None, None, "text"), (["gt"], 1, "text")],
    ],
)
def test_or_from_what_conditions_take_it_for(operator: Any, value: Any, kind: str) -> None:
    assert type_asked(operator, value) == kind


def test_attributes_come_with_the_commonest_values_and_those_of_objects_by_their_path() -> None:
    traits = [
        {"plan": "pro", "app": {"version": "1.2.3"}},
        {"plan": "free"},
        {"plan": "free", "roles": ["a", "b"]},
        "x",
    ]

    found = attributes(traits, [a_condition("age", "gt", 18), {"all": "broken"}, None])

    assert found == [
        {"name": "plan", "type": "text", "samples": ["free", "pro"]},
        {"name": "app.version", "type": "version", "samples": ["1.2.3"]},
        {"name": "roles", "type": "list", "samples": ["a", "b"]},
        {"name": "age", "type": "number", "samples": []},
    ]


def test_the_vocabulary_is_that_of_the_project_as_far_as_the_role_reaches(
    client: Client, environment: Environment
) -> None:
    sibling, stranger = an_environment(environment.project), an_environment()
    a_segment(environment.project, key="ours", conditions=a_condition("shoe", "gt", 40))
    a_segment(stranger.project, key="theirs")
    for place, trait in ((environment, "mine"), (sibling, "besides"), (stranger, "far")):
        seen(place, "ann", **{trait: 1})
    guest = a_user()
    give_role(guest, environment)
    client.force_login(guest)

    found = client.get(VOCABULARY, {"project": environment.project_id}).json()

    assert [segment["key"] for segment in found["segments"]] == ["ours"]
    assert [attribute["name"] for attribute in found["attributes"]] == ["mine", "shoe"]
    assert client.get(VOCABULARY, {"project": stranger.project_id}).status_code == 404
    assert client.get(VOCABULARY).json()["attributes"] == []


@pytest.mark.parametrize("address", [VOCABULARY, READING, MATCHES])
def test_strangers_are_told_nothing(client: Client, editor: Client, address: str) -> None:
    stranger = an_environment()
    sent = {"project": str(stranger.project_id), "environment": str(stranger.pk), "conditions": json.dumps(EVERYONE)}
    ask = editor.get if address == VOCABULARY else editor.post

    for changes in ({}, {"project": "x", "environment": "x"}, {"project": "9" * 30, "environment": "9" * 30}):
        assert ask(address, sent | changes).status_code == 404
    assert (editor.post if ask == editor.get else editor.get)(address).status_code == 405
    client.logout()
    assert ask(address, sent).status_code == 302


def test_conditions_are_read_by_the_engine(editor: Client, environment: Environment) -> None:
    tree = {"all": [a_condition(), {"any": [a_condition("age", "gt", "x"), in_segment("gone")]}]}

    found = reading(editor, environment, tree)

    assert found["sentence"] == "country is DE and (age is above x or is in segment gone)"
    assert found["complaints"] == [
        "all[1].any[0]: the value must be a number",
        "all[1].any[1]: there is no segment 'gone'",
    ]


@pytest.mark.parametrize("text", ["{", "", "null", "[]", "5", '"\\u0000"', "[" * 2_000, "9" * 5_000, "NaN", "\x00"])
def test_whatever_is_typed_is_answered(editor: Client, environment: Environment, text: str) -> None:
    assert reading(editor, environment, text)["complaints"] != []
    assert "Nobody" in tried(editor, environment, text)


def test_a_segment_that_would_refer_to_itself_or_break_others_is_told(editor: Client, environment: Environment) -> None:
    inner = a_segment(environment.project, key="inner")
    a_segment(environment.project, key="outer", conditions=in_segment("inner"))
    theirs = a_segment(an_environment().project)

    assert "circle" in str(reading(editor, environment, in_segment("inner"), segment=inner.pk)["complaints"])
    assert "circle" in str(reading(editor, environment, in_segment("outer"), segment=inner.pk)["complaints"])
    assert reading(editor, environment, in_segment("inner"), segment=theirs.pk)["complaints"] == []


def test_nothing_is_stored_by_asking(editor: Client, environment: Environment) -> None:
    segment = a_segment(environment.project)
    count = Change.objects.count()

    reading(editor, environment, EVERYONE, segment=segment.pk)
    tried(editor, environment, EVERYONE, segment=segment.pk)

    segment.refresh_from_db()
    assert segment.conditions == a_condition()
    assert Change.objects.count() == count


def test_who_matches_is_counted_by_the_engine_and_the_newest_are_shown(
    editor: Client, environment: Environment
) -> None:
    a_segment(environment.project, key="beta", conditions=a_condition("beta", "equals", True))
    for number in range(25):
        seen(environment, f"user-{number}", country="DE", beta=number < 22, app={"version": "1.0.0"})
    tree = {"all": [a_condition(), in_segment("beta")]}

    answer = tried(editor, environment, tree)

    assert "<strong>22</strong> of the 25" in answer
    assert answer.count("/admin/features/identity/") == 20
    assert ("user-21" in answer, "user-22" in answer, "user-1<" in answer) == (True, False, False)
    assert "<span>app.version</span> 1.0.0" in answer


def test_a_segment_that_others_refer_to_is_tried_as_it_stands_in_the_form(
    editor: Client, environment: Environment
) -> None:
    seen(environment, "ann", country="DE")
    inner = a_segment(environment.project, key="inner")
    a_segment(environment.project, key="outer", conditions=in_segment("inner"))

    assert "<strong>1</strong>" in tried(editor, environment, in_segment("outer"))
    assert "<strong>0</strong>" in tried(editor, environment, a_condition(value="FR"), segment=inner.pk)


def test_no_more_than_the_newest_thousand_are_looked_at(
    editor: Client, environment: Environment, django_assert_max_num_queries: Any
) -> None:
    rows = [Identity(environment=environment, identifier=f"user-{number}") for number in range(LOOKED_AT + 5)]
    Identity.objects.bulk_create(rows)

    with django_assert_max_num_queries(12):
        answer = tried(editor, environment, EVERYONE)

    assert f"<strong>{LOOKED_AT}</strong> of the {LOOKED_AT}" in answer


def test_the_page_tries_the_stored_conditions_where_it_is_asked_to(editor: Client, environment: Environment) -> None:
    sibling, stranger = an_environment(environment.project), an_environment()
    segment = a_segment(environment.project)
    seen(environment, "here", country="DE")
    seen(sibling, "there", country="DE")
    seen(stranger, "elsewhere", country="DE")

    pages = {
        asked: editor.get(page_of(segment), {"environment": asked}).content.decode()
        for asked in ("", "x", environment.pk, sibling.pk, stranger.pk)
    }

    assert {asked for asked, page in pages.items() if ">there<" in page} == {sibling.pk}
    assert {asked for asked, page in pages.items() if ">here<" in page} == {"", "x", environment.pk, stranger.pk}
    assert not [page for page in pages.values() if "elsewhere" in page]


def test_users_are_linked_and_those_beyond_the_role_only_counted(client: Client, environment: Environment) -> None:
    sibling = an_environment(environment.project)
    segment, feature = a_segment(environment.project, key="used"), a_feature(environment, key="checkout")
    outer = a_segment(environment.project, key="outer", conditions=in_segment("used"))
    mine = a_rule(feature, environment, segment=segment, description="for friends")
    a_rule(feature, sibling, conditions=in_segment("used"), description="hidden rule")
    experiment = an_experiment(environment, feature, audience=segment, name="Colours")
    guest = a_user()
    give_role(guest, environment)
    client.force_login(guest)

    page = client.get(page_of(segment)).content.decode()

    for name, address in (
        ("outer", page_of(outer)),
        ("for friends", reverse("admin:features_featurestate_change", args=[mine.state_id])),
        ("Colours", reverse("admin:experiments_experiment_change", args=[experiment.pk])),
    ):
        assert f'<a href="{address}">{name}</a>' in page
    assert "1 more where your role does not reach" in page
    assert "hidden rule" not in page


def give_role(user: Any, environment: Environment) -> None:
    """A viewer of one environment alone."""
    project = environment.project
    set_role(user, project.organisation, role=Role.VIEWER, actor=SYSTEM, project=project, environment=environment)


def page_of(segment: Segment) -> str:
    return reverse("admin:features_segment_change", args=[segment.pk])
