"""A feature in one environment in the admin: rules, overrides, prerequisites and schedules, saved by their services."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.models import Feature, FeatureState, Override, Prerequisite, Rule
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import set_role
from tests.admin_forms import errors_of, sent_from, with_row
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
    an_experiment,
)

pytestmark = pytest.mark.django_db
STEPS = [{"at": "2030-01-01T00:00:00Z", "status": "on", "value": False}]
RAMP = {"start": "2030-01-01T00:00:00Z", "from": 0, "end": "2030-02-01T00:00:00Z", "to": 50}
RAMP_TYPED = {"ramp_0": "2030-01-01T00:00", "ramp_1": "0", "ramp_2": "2030-02-01T00:00", "ramp_3": "50"}
Sent = dict[str, str]


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def feature(environment: Environment) -> Feature:
    return a_feature(environment)


@pytest.fixture
def url(feature: Feature) -> str:
    return page_of(feature.states.get())


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def page_of(state: FeatureState) -> str:
    return reverse("admin:features_featurestate_change", args=[state.pk])


def under(prefix: str, sent: Sent) -> Sent:
    return {f"{prefix}-{name}": value for name, value in sent.items()}


def a_new_rule(sent: Sent, **fields: str) -> Sent:
    given = {
        "conditions": json.dumps(EVERYONE),
        "value": "true",
        "rollout_percent": "100",
        "is_on": "on",
        "steps": "[]",
    }
    return with_row(sent, "rules", **given | fields)


def logged(since: int) -> list[str]:
    return list(Change.objects.filter(pk__gt=since).order_by("pk").values_list("action", flat=True))


def last() -> int:
    return Change.objects.latest("pk").pk


def test_a_state_is_saved_in_one_change_with_its_schedule(editor: Client, feature: Feature, url: str) -> None:
    before, revision = last(), Environment.objects.get().revision

    changes = {"status": "on", "rollout_percent": "12.5", "steps": json.dumps(STEPS), **RAMP_TYPED}
    assert editor.post(url, sent_from(editor, url, **changes)).status_code == 302

    state = feature.states.get()
    assert (state.status, str(state.rollout_percent), state.steps, state.ramp) == ("on", "12.500", STEPS, RAMP)
    assert logged(before) == ["feature.switched"]
    assert Change.objects.latest("pk").actor.startswith("user:")
    assert Environment.objects.get().revision != revision


def test_saving_without_a_change_changes_nothing(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    services.set_state(feature, environment, steps=STEPS, ramp=RAMP, actor=SYSTEM)
    a_rule(feature, environment, segment=a_segment(environment.project), steps=STEPS, ramp=RAMP)
    services.set_override(feature, environment, identifier="ada", value=False, note="a wish", actor=SYSTEM)
    asked: dict[str, Any] = {"enabled": None, "needs_value": True, "value": True}
    services.set_prerequisite(feature, environment, required=a_feature(environment), actor=SYSTEM, **asked)
    before = last()

    assert editor.post(url, sent_from(editor, url)).status_code == 302

    assert logged(before) == []


def test_a_rule_is_added_changed_and_removed_by_its_services(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    segment, before = a_segment(environment.project), last()

    form = a_new_rule(sent_from(editor, url), conditions="", segment=str(segment.pk), steps=json.dumps(STEPS))
    editor.post(url, form)
    rule = Rule.objects.get()
    assert (rule.segment, rule.conditions, rule.value, rule.steps) == (segment, None, True, STEPS)
    editor.post(url, sent_from(editor, url, **{"rules-0-value": "false"}) | under("rules-0", RAMP_TYPED))
    rule.refresh_from_db()
    assert (rule.value, rule.ramp) == (False, RAMP)
    editor.post(url, sent_from(editor, url, **{"rules-0-DELETE": "on"}))

    assert not Rule.objects.exists()
    assert logged(before) == ["rule.created", "rule.updated", "rule.deleted"]


def test_rules_are_put_in_the_order_that_their_places_say(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    for key in "abc":
        a_rule(feature, environment, key=key)
    before = last()

    assert editor.post(url, sent_from(editor, url, **{"rules-2-place": "1"})).status_code == 302

    assert list(Rule.objects.values_list("key", flat=True)) == ["c", "a", "b"]
    assert logged(before) == ["rules.reordered"]


def test_an_override_is_added_changed_and_removed_by_its_services(editor: Client, url: str) -> None:
    before = last()

    row = {"identifier": "ada", "value": "true", "expires_at": "2030-01-01T00:00"}
    editor.post(url, with_row(sent_from(editor, url), "overrides", **row))
    assert Override.objects.get().expires_at is not None
    editor.post(url, sent_from(editor, url) | row_of("overrides", value="false", expires_at=""))
    assert list(Override.objects.values_list("value", "expires_at")) == [(False, None)]
    editor.post(url, sent_from(editor, url) | row_of("overrides", DELETE="on"))

    assert not Override.objects.exists()
    assert logged(before) == ["override.set", "override.set", "override.removed"]


def test_a_prerequisite_is_added_changed_and_removed_by_its_services(
    editor: Client, environment: Environment, url: str
) -> None:
    required = a_feature(environment)
    before = last()

    editor.post(url, with_row(sent_from(editor, url), "prerequisites", feature=required.key, enabled="true"))
    editor.post(url, sent_from(editor, url) | row_of("prerequisites", needs_value="on", value="false"))
    assert list(Prerequisite.objects.values_list("feature", "enabled", "value")) == [(required.pk, True, False)]
    editor.post(url, sent_from(editor, url) | row_of("prerequisites", DELETE="on"))

    assert not Prerequisite.objects.exists()
    assert logged(before) == ["prerequisite.set", "prerequisite.set", "prerequisite.removed"]


def row_of(inline: str, **fields: str) -> Sent:
    return {f"{inline}-0-{name}": value for name, value in fields.items()}


def changed(**fields: str) -> Callable[[Sent], Sent]:
    return lambda sent: sent | fields


def rule(**fields: str) -> Callable[[Sent], Sent]:
    return lambda sent: a_new_rule(sent, **fields)


def part(inline: str, **fields: str) -> Callable[[Sent], Sent]:
    return lambda sent: with_row(sent, inline, **fields)


BAD: list[tuple[Callable[[Sent], Sent], str]] = [
    (changed(status="experiment"), "active_experiment"),
    (changed(status="sideways"), "status"),
    (changed(on_value='"text"'), "on_value"),
    (changed(off_value="{"), "off_value"),
    (changed(rollout_percent="101"), "rollout_percent"),
    (changed(steps='[{"at": "never", "status": "on"}]'), "steps"),
    (changed(steps='[{"at": "2030-01-01", "value": "text"}]'), "steps"),
    (changed(steps="{}"), "steps"),
    (changed(steps="[" * 10_000), "steps"),
    (changed(ramp_0="2030-01-01T00:00"), "ramp"),
    (changed(**RAMP_TYPED | {"ramp_0": "never"}), "ramp"),
    (changed(**RAMP_TYPED | {"ramp_0": "2031-01-01T00:00"}), "ramp"),
    (changed(**RAMP_TYPED | {"ramp_3": "101"}), "ramp"),
    (changed(**RAMP_TYPED | {"ramp_3": "1e999999999"}), "ramp"),
    (changed(active_experiment="99999999999999999999"), "active_experiment"),
    (rule(conditions=""), "rules-0-conditions"),
    (rule(conditions=json.dumps(a_condition(operator="resembles"))), "rules-0-conditions"),
    (rule(conditions='{"any": [' + ",".join(['{"everyone": true}'] * 1_001) + "]}"), "rules-0-conditions"),
    (rule(value='"text"'), "rules-0-value"),
    (rule(value=""), "rules-0-value"),
    (rule(rollout_percent="-1"), "rules-0-rollout_percent"),
    (rule(description="\x00"), "rules-0-description"),
    (rule(steps='[{"at": 1}]'), "rules-0-steps"),
    (rule(ramp_1="7"), "rules-0-ramp"),
    (rule(place="0"), "rules-0-place"),
    (rule(place="x"), "rules-0-place"),
    (rule(segment="99999999999999999999"), "rules-0-segment"),
    (part("overrides", identifier="", value="true"), "overrides-0-identifier"),
    (part("overrides", identifier="\x00", value="true"), "overrides-0-identifier"),
    (part("overrides", identifier="x" * 513, value="true"), "overrides-0-identifier"),
    (part("overrides", identifier="ada", value="1"), "overrides-0-value"),
    (part("overrides", identifier="ada", value="true", expires_at="never"), "overrides-0-expires_at"),
    (part("prerequisites", feature="", needs_value="on"), "prerequisites-0-feature"),
    (part("prerequisites", feature="x", enabled="true"), "prerequisites-0-feature"),
]


@pytest.mark.parametrize(("edited", "field"), BAD, ids=[f"{number}-{field}" for number, (_, field) in enumerate(BAD)])
def test_bad_input_is_said_beside_its_field_and_nothing_is_stored(
    editor: Client, url: str, edited: Callable[[Sent], Sent], field: str
) -> None:
    form, before = edited(sent_from(editor, url)), last()
    good = with_row(form, "overrides", identifier="grace", value="true") if "overrides" not in field else form

    answer = editor.post(url, good)

    assert errors_of(answer).keys() == {field}
    assert logged(before) == []
    assert not Rule.objects.exists()
    assert not Override.objects.exists()


def test_a_prerequisite_must_be_one_that_can_be_met(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    required = a_feature(environment)
    services.set_prerequisite(required, environment, required=feature, actor=SYSTEM)
    rows = {"feature": required.key, "enabled": "true", "needs_value": "on", "value": '"text"'}

    errors = errors_of(editor.post(url, with_row(sent_from(editor, url), "prerequisites", **rows)))

    assert errors.keys() == {"prerequisites-0-feature", "prerequisites-0-value"}
    assert "circle" in errors["prerequisites-0-feature"]


def test_what_belongs_to_others_is_no_choice(client: Client, environment: Environment, url: str) -> None:
    elsewhere = an_environment(environment.project)
    client.force_login(a_user(superuser=True))
    theirs = {
        "segment": str(a_segment(a_project()).pk),
        "experiment": str(an_experiment(elsewhere, FeatureState.objects.earliest("pk").feature).pk),
    }

    sent = sent_from(client, url, active_experiment=theirs["experiment"], status="experiment")
    form = with_row(a_new_rule(sent, **theirs), "prerequisites", feature=a_feature(an_environment()).key)

    expected = {"active_experiment", "rules-0-segment", "rules-0-experiment", "prerequisites-0-feature"}
    assert errors_of(client.post(url, form)).keys() == expected


def test_a_row_that_went_meanwhile_is_said_and_nothing_else_is_stored(
    editor: Client, feature: Feature, environment: Environment, url: str
) -> None:
    rule = a_rule(feature, environment)
    form = sent_from(editor, url, status="on", **{"rules-0-value": "false"})
    services.delete_rule(rule, actor=SYSTEM)
    before = last()

    answer = editor.post(url, form)

    assert answer.status_code == 200
    assert logged(before) == []
    assert feature.states.get().status == "off"


def test_a_viewer_sees_a_state_and_saves_nothing(
    client: Client, feature: Feature, environment: Environment, url: str
) -> None:
    a_rule(feature, environment, description="the rule")
    client.force_login(a_member(environment, Role.VIEWER))
    before = last()

    page = client.get(url).content.decode()
    assert "the rule" in page
    assert 'name="_save"' not in page
    assert client.post(url, {"status": "on"}).status_code == 403
    assert logged(before) == []


def test_an_editor_of_another_environment_saves_nothing_here(
    client: Client, environment: Environment, url: str
) -> None:
    user, other = a_user(), an_environment(environment.project)
    place: dict[str, Any] = {"project": environment.project, "environment": other}
    set_role(user, environment.project.organisation, role=Role.EDITOR, actor=SYSTEM, **place)
    client.force_login(user)
    before = last()

    assert client.post(url, {"status": "on"}).status_code in {302, 403}
    assert logged(before) == []


def test_another_tenants_state_is_not_there(editor: Client) -> None:
    theirs = a_feature(an_environment()).states.get()
    before = last()

    assert editor.post(page_of(theirs), {"status": "on"}).status_code == 302  # to the index: there is no such page
    assert logged(before) == []
