"""The editors of a feature's page: values by their type, schedules, protected environments, and what it all costs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audits.models import Change
from audits.services import SYSTEM
from decisions.engine.types import Feature as EngineFeature
from decisions.engine.types import Status
from features import services
from features.admin.editors import MomentField, RampField, TextValueField
from features.admin.pages import changes_of, percent_at, preview, usage_chart
from features.compile import thousandths
from features.models import Feature, FeatureState, Usage
from features.schedules import ramp_of, steps_of
from features.services.rules import RULES_MAX
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import update_environment
from tests.admin_forms import errors_of, sent_from
from tests.builders import a_feature, a_member, a_rule, a_segment, an_environment, an_experiment

pytestmark = pytest.mark.django_db
RAMP = {"start": "2030-01-01T00:00:00Z", "from": 10, "end": "2030-01-03T00:00:00Z", "to": 50}
PREVIEW = "/admin/features/featurestate/preview/"


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def editor(client: Client, environment: Environment) -> Client:
    client.force_login(a_member(environment, Role.EDITOR))
    return client


def page_of(state: FeatureState) -> str:
    return reverse("admin:features_featurestate_change", args=[state.pk])


def state_with(environment: Environment, value_type: str, **state: Any) -> FeatureState:
    feature = a_feature(environment, value_type=value_type, state=state)
    return feature.states.get(environment=environment)


@pytest.mark.parametrize(
    ("value_type", "before", "typed", "after"),
    [
        ("boolean", True, "false", False),
        ("string", "a", 'no "quotes" needed\r\nhere', 'no "quotes" needed\nhere'),
        ("string", "a", "", ""),
        ("number", 1, "2.5", 2.5),
        ("json", {}, '{"a": [1, null]}', {"a": [1, None]}),
        ("json", {}, "", None),
    ],
)
def test_each_type_has_an_editor_that_fits(
    editor: Client, environment: Environment, value_type: str, before: Any, typed: str, after: Any
) -> None:
    state = state_with(environment, value_type, on_value=before)

    assert editor.post(page_of(state), sent_from(editor, page_of(state), on_value=typed)).status_code == 302

    state.refresh_from_db()
    assert state.on_value == after


@pytest.mark.parametrize(
    ("value_type", "typed"),
    [
        *(("boolean", text) for text in ("1", '"on"', "null", "[]", "")),
        *(("number", text) for text in ("true", '"1"', "1e999", "NaN", "")),
        ("string", "nul\x00"),
        *(
            ("json", text)
            for text in ("{", '"\\ud800"', '"\\u0000"', "NaN", "1e999", "9" * 5_000, "[" * 10_000, "\x00")
        ),
    ],
)
def test_a_value_of_another_kind_is_refused_beside_its_field(
    editor: Client, environment: Environment, value_type: str, typed: str
) -> None:
    state = state_with(environment, value_type)
    before = Change.objects.count()

    errors = errors_of(editor.post(page_of(state), sent_from(editor, page_of(state), on_value=typed)))

    assert errors.keys() == {"on_value"}
    assert Change.objects.count() == before


def test_a_value_that_its_schema_refuses_is_said_and_kept_as_typed(editor: Client, environment: Environment) -> None:
    schema = {"type": "object", "required": ["accent"], "default": {"accent": "teal"}}
    state = a_feature(environment, value_type="json", value_schema=schema).states.get()

    answer = editor.post(page_of(state), sent_from(editor, page_of(state), on_value='{"radius":   8}'))

    assert "accent" in errors_of(answer)["on_value"]
    assert "{&quot;radius&quot;:   8}" in answer.content.decode()


def test_what_is_shown_is_not_changed_by_being_shown(editor: Client, environment: Environment) -> None:
    state = state_with(environment, "string", on_value="line\r\nline", ramp=RAMP | {"start": "2030-01-01T00:00:07Z"})
    expires_at = datetime(2030, 1, 1, 12, 30, 59, tzinfo=UTC)
    feature = state.feature
    services.set_override(feature, environment, identifier="a", value="x", expires_at=expires_at, actor=SYSTEM)
    before = Change.objects.count()

    assert editor.post(page_of(state), sent_from(editor, page_of(state))).status_code == 302

    assert Change.objects.count() == before


def test_a_ramp_is_whole_or_not_there() -> None:
    field = RampField()

    assert field.clean(["", "", "", ""]) is None
    assert field.clean(["2030-01-01T00:00", "0", "2030-02-01T00:00", "12.5"]) == {
        "start": "2030-01-01T00:00:00Z",
        "from": 0,
        "end": "2030-02-01T00:00:00Z",
        "to": 12.5,
    }
    assert not field.has_changed(RAMP, field.widget.decompress(RAMP))
    assert field.has_changed(None, ["2030-01-01T00:00", "", "", ""])
    assert field.widget.decompress({"start": "never"}) == ["", "", "", ""]


def test_moments_and_texts_know_when_they_were_changed() -> None:
    moment = datetime(2030, 1, 1, 12, 30, 59, tzinfo=UTC)

    assert not MomentField().has_changed(moment, "2030-01-01T12:30")
    assert MomentField().has_changed(moment, "")
    assert not TextValueField().has_changed("a\nb", "a\r\nb")


def test_a_protected_environment_takes_a_word_of_confirmation(editor: Client, environment: Environment) -> None:
    update_environment(environment, is_protected=True, actor=SYSTEM)
    state = state_with(environment, "boolean")
    form = sent_from(editor, page_of(state), status="on")

    assert errors_of(editor.post(page_of(state), form)).keys() == {"confirmed"}
    assert editor.post(page_of(state), form | {"confirmed": "on"}).status_code == 302

    state.refresh_from_db()
    assert state.status == "on"


def test_as_many_rules_as_there_may_be_are_saved_at_once(editor: Client, environment: Environment) -> None:
    state = state_with(environment, "boolean")
    a_rule(state.feature, environment)
    rule = state.rules.get()
    type(rule).objects.bulk_create(
        type(rule)(state=state, position=at, value=True, conditions=rule.conditions) for at in range(1, RULES_MAX)
    )

    form = sent_from(editor, page_of(state), **{"rules-99-value": "false"})

    assert editor.post(page_of(state), form).status_code == 302
    assert state.rules.filter(value=False).count() == 1


def test_many_overrides_are_shown_and_saved_in_pages(editor: Client, environment: Environment) -> None:
    state = state_with(environment, "boolean")
    services.set_override(state.feature, environment, identifier="user-000", value=True, actor=SYSTEM)
    override = state.overrides.get()
    more = (type(override)(state=state, identifier=f"user-{at:03}", value=True) for at in range(1, 120))
    type(override).objects.bulk_create(more)

    page = f"{page_of(state)}?overrides=3"
    form = sent_from(editor, page, **{"overrides-19-value": "false"})

    assert form["overrides-TOTAL_FORMS"] == "20"
    assert editor.post(page, form).status_code == 302
    assert state.overrides.get(value=False).identifier == "user-119"


def test_a_page_with_many_parts_takes_at_most_twenty_queries(editor: Client, environment: Environment) -> None:
    state = state_with(environment, "boolean")
    segment = a_segment(environment.project)
    an_experiment(environment, state.feature)
    for number in range(10):
        a_rule(state.feature, environment, segment=segment)
        services.set_override(state.feature, environment, identifier=str(number), value=True, actor=SYSTEM)
        services.set_prerequisite(state.feature, environment, required=a_feature(environment), actor=SYSTEM)
        an_environment(environment.project)

    overview = reverse("admin:features_feature_change", args=[state.feature_id])
    for url in (f"{overview}?environment={environment.key}", page_of(state), overview):
        with CaptureQueriesContext(connection) as captured:
            assert editor.get(url).status_code == 200
        assert len(captured) <= 20, "\n".join(query["sql"][:200] for query in captured)


def test_the_curve_follows_steps_and_ramp_by_the_engines_rules() -> None:
    steps = steps_of([{"at": "2030-01-02T00:00:00Z", "percent": 70}, {"at": "2030-01-04T00:00:00Z", "status": "off"}])
    state = FeatureState(status="on", rollout_percent=20)
    feature = EngineFeature(
        "x", status=Status.ON, rollout=thousandths(state.rollout_percent), steps=steps, ramp=ramp_of(RAMP)
    )

    def at(day: int, hour: int = 0) -> float:
        return percent_at(feature, datetime(2030, 1, day, hour, tzinfo=UTC).timestamp())

    assert [at(1), at(1, 12), at(2), at(3), at(4)] == [10, 20, 70, 70, 0]


def test_a_schedule_is_drawn_while_it_is_typed(editor: Client) -> None:
    typed = {"status": "on", "rollout_percent": "20", "steps": "[]"}
    ramp = {"ramp_0": "2030-01-01T00:00", "ramp_1": "0", "ramp_2": "2030-02-01T00:00", "ramp_3": "50"}

    assert "<svg" in editor.post(PREVIEW, typed | ramp).content.decode()
    assert "Nothing is planned" in editor.post(PREVIEW, typed).content.decode()
    for wrong in (
        {"steps": "["},
        {"steps": '[{"at": "<script>"}]'},
        {"ramp_0": "never"},
        {"rollout_percent": "1e999"},
        {"status": "<script>"},
    ):
        answer = editor.post(PREVIEW, typed | ramp | wrong)
        assert answer.status_code == 200
        assert "<svg" not in answer.content.decode()
        assert "<script" not in answer.content.decode()
    assert editor.get(PREVIEW).status_code == 400


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_schedule_at_the_end_of_time_is_drawn_too(moment: str) -> None:
    state = FeatureState(status="on", rollout_percent=20, steps=json.loads(f'[{{"at": "{moment}", "percent": 5}}]'))

    assert "<svg" in preview(state)


def test_usage_is_drawn_for_this_feature_and_environment_only(environment: Environment) -> None:
    state = state_with(environment, "boolean")
    now = timezone.now()
    given = {"feature_key": state.feature.key, "outcome": "on"}
    Usage.objects.create(environment_id=environment.pk, hour=now - timedelta(hours=1), count=700, **given)
    Usage.objects.create(environment_id=environment.pk, hour=now - timedelta(days=8), count=20, **given)
    Usage.objects.create(environment_id=an_environment().pk, hour=now - timedelta(hours=1), count=90, **given)
    Usage.objects.create(environment_id=environment.pk, hour=now + timedelta(hours=3), count=1, **given)

    assert "on 700" in usage_chart(state)


def test_the_history_has_all_that_was_done_to_the_feature_here(environment: Environment) -> None:
    other = an_environment(environment.project)
    feature: Feature = a_feature(environment, state={"status": "on"})
    rule = a_rule(feature, environment)
    services.switch(feature, other, status="on", actor=SYSTEM)
    services.update_feature(feature, name="New", actor=SYSTEM)
    a_rule(a_feature(environment), environment)
    services.delete_rule(rule, actor=SYSTEM)

    actions = [change.action for change in changes_of(feature.states.get(environment=environment))]

    assert actions == ["rule.deleted", "feature.updated", "rule.created", "feature.switched", "feature.created"]
