"""Promotion: what two environments do differently, and making it the same; but for experiments, which stay."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.test import Client
from rest_framework.test import APIClient

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.comparisons import PARTS, USUAL, Pick, compare, version_of
from features.models import Feature, FeatureState, Override, Rule
from features.services.promotion import differences_of
from tenants.roles import Role
from tenants.services import set_role, update_environment
from tests.builders import (
    a_condition,
    a_feature,
    a_member,
    a_project,
    a_rule,
    a_running_experiment,
    a_segment,
    a_user,
    an_environment,
)
from tests.permissions import by_token

pytestmark = pytest.mark.django_db
PAGE = "/admin/promotion/"


class Street:
    """Staging and production of one project."""

    def __init__(self) -> None:
        self.project = a_project()
        self.staging = an_environment(self.project, name="Staging")
        self.production = an_environment(self.project, name="Production")

    def feature(self, **changes: Any) -> Feature:
        return a_feature(self.staging, **changes)

    def parts(self) -> dict[str, set[str]]:
        """What differs, by feature."""
        return {
            one.feature.key: {difference.part for difference in one.differences}
            for one in compare(self.staging, self.production)
        }

    def notes(self) -> list[str]:
        return [note for one in compare(self.staging, self.production) for note in one.notes]

    def promote(self, *keys: str, parts: Any = USUAL, **more: Any) -> Any:
        picks = [Pick(key, part) for key in keys for part in parts]
        return services.promote(self.staging, self.production, picks=picks, **{"actor": SYSTEM, **more})

    def state(self, feature: Feature) -> FeatureState:
        return FeatureState.objects.get(feature=feature, environment=self.production)

    def rules(self, feature: Feature) -> list[str]:
        """In production, in order."""
        rules = Rule.objects.filter(state__feature=feature, state__environment=self.production)
        return [rule.key for rule in rules.order_by("position", "pk")]


@pytest.fixture
def street() -> Street:
    return Street()


def test_what_is_alike_is_no_difference(street: Street) -> None:
    state = {"status": "on", "on_value": {"a": [1, 1.5]}, "rollout_percent": 12.5}
    feature = street.feature(value_type="json", state=state)
    services.set_state(feature, street.production, actor=SYSTEM, **state)
    a_rule(feature, street.staging, key="11111111", value={})
    a_rule(feature, street.production, key="11111111", value={})

    assert street.parts() == {}


def test_every_part_that_differs_is_named(street: Street) -> None:
    steps = [{"at": "2030-01-01T00:00:00Z", "status": "off"}]
    state = {"status": "on", "on_value": "b", "rollout_percent": 20, "steps": steps}
    feature = street.feature(key="all", value_type="string", state=state)
    a_rule(feature, street.staging, value="c")
    required = street.feature(key="needed")
    services.set_prerequisite(feature, street.staging, required=required, actor=SYSTEM)
    services.set_override(feature, street.staging, identifier="ann", value="d", actor=SYSTEM)

    assert street.parts() == {"all": set(PARTS)}


def test_true_is_not_one_and_one_not_true(street: Street) -> None:
    feature = street.feature(value_type="json", state={"on_value": [1]})
    services.set_state(feature, street.production, on_value=[True], actor=SYSTEM)

    assert street.parts() == {feature.key: {"values"}}


def test_all_of_it_is_promoted_and_nothing_differs_any_more(street: Street) -> None:
    test_every_part_that_differs_is_named(street)
    feature = Feature.objects.get(key="all")

    street.promote("all", parts=PARTS, actor=replace(SYSTEM, reason="it went well"))

    state = street.state(feature)
    assert (state.status, state.on_value, state.rollout_percent) == ("on", "b", Decimal(20))
    assert Override.objects.get(state=state).value == "d"
    assert street.parts() == {}
    change = Change.objects.get(action="environment.promoted")
    assert (change.environment_id, change.after["from"]) == (street.production.pk, street.staging.key)
    assert set(Change.objects.filter(number__gte=change.number - 4).values_list("reason", flat=True)) == {
        "it went well"
    }
    assert change.after["promoted"] == [f"all: {part}" for part in PARTS]


def test_doing_it_twice_changes_nothing(street: Street) -> None:
    feature = street.feature(state={"status": "on"})
    street.promote(feature.key)
    count = Change.objects.count()

    assert street.promote(feature.key) == []

    assert Change.objects.count() == count


def test_only_what_was_picked_is_promoted(street: Street) -> None:
    picked, other = street.feature(state={"status": "on", "rollout_percent": 5}), street.feature(state={"status": "on"})

    street.promote(picked.key, parts=["status"])

    assert (street.state(picked).status, street.state(picked).rollout_percent) == ("on", Decimal(100))
    assert street.state(other).status == "off"


def test_overrides_are_not_among_what_is_usual(street: Street) -> None:
    feature = street.feature(state={"status": "on"})
    services.set_override(feature, street.staging, identifier="ann", value=True, actor=SYSTEM)

    street.promote(feature.key)

    assert street.parts() == {feature.key: {"overrides"}}


def test_rules_are_added_changed_removed_and_reordered_under_their_keys(street: Street) -> None:
    feature = street.feature(state={"status": "on"})
    europe = a_segment(street.project, key="europe")
    services.set_state(feature, street.production, status="on", actor=SYSTEM)
    a_rule(feature, street.staging, key="22222222", segment=europe, rollout_percent=50)
    a_rule(feature, street.staging, key="11111111", conditions=a_condition("plan", value="pro"))
    a_rule(feature, street.production, key="11111111", conditions=a_condition())
    a_rule(feature, street.production, key="99999999")

    street.promote(feature.key)

    assert street.rules(feature) == ["22222222", "11111111"]
    assert street.parts() == {}


def test_another_order_is_a_difference(street: Street) -> None:
    feature = street.feature()
    for environment, keys in ((street.staging, "ab"), (street.production, "ba")):
        for key in keys:
            a_rule(feature, environment, key=key * 8)

    assert street.parts() == {feature.key: {"rules"}}
    street.promote(feature.key)
    assert street.rules(feature) == ["aaaaaaaa", "bbbbbbbb"]


def test_an_experiment_of_the_source_is_shown_and_not_promoted(street: Street) -> None:
    feature = street.feature(key="split", state={"rollout_percent": 30})
    a_running_experiment(street.staging, feature, name="Colours")

    assert street.parts() == {"split": {"rollout"}}
    assert street.notes() == ["It serves Colours in Staging: its status stays as it is."]
    street.promote("split")
    assert (street.state(feature).status, street.state(feature).rollout_percent) == ("off", Decimal(30))


def test_an_experiment_of_the_target_goes_on(street: Street) -> None:
    feature = street.feature(key="split", state={"status": "on"})
    experiment = a_running_experiment(street.production, feature)

    street.promote("split")

    assert street.state(feature).active_experiment == experiment
    assert "split" in {one.feature.key for one in compare(street.staging, street.production)}


def test_a_schedule_that_leads_to_an_experiment_stays(street: Street) -> None:
    feature = street.feature()
    running = a_running_experiment(street.staging, feature)
    steps = [{"at": "2030-01-01T00:00:00Z", "status": "experiment"}]
    services.set_state(
        feature, street.staging, status="experiment", active_experiment=running, steps=steps, actor=SYSTEM
    )

    assert "Its schedule leads to an experiment, and stays as it is." in street.notes()
    street.promote(feature.key)
    assert street.state(feature).steps == []


def test_rules_that_lead_to_an_experiment_stay_where_they_are(street: Street) -> None:
    feature = street.feature(state={"status": "on"})
    services.set_state(feature, street.production, status="on", actor=SYSTEM)
    here, there = a_running_experiment(street.staging, feature), a_running_experiment(street.production, feature)
    for environment in (street.staging, street.production):
        services.set_state(feature, environment, status="on", actor=SYSTEM)
    a_rule(feature, street.staging, key="eeeeeeee", experiment=here)
    a_rule(feature, street.staging, key="aaaaaaaa")
    a_rule(feature, street.production, key="ffffffff", experiment=there)
    a_rule(feature, street.production, key="dddddddd")

    street.promote(feature.key)

    assert street.rules(feature) == ["ffffffff", "aaaaaaaa"]
    assert "Of its rules in Staging, 1 lead to an experiment: those are left out." in street.notes()
    assert street.promote(feature.key) == []


def test_prerequisites_can_be_turned_round(street: Street) -> None:
    one, other = street.feature(), street.feature()
    services.set_prerequisite(one, street.staging, required=other, actor=SYSTEM)
    services.set_prerequisite(other, street.production, required=one, actor=SYSTEM)

    street.promote(one.key, other.key)

    assert street.parts() == {}


def test_what_is_refused_leaves_everything_as_it_was(street: Street) -> None:
    first, closing, between = street.feature(state={"status": "on"}), street.feature(), street.feature()
    services.set_prerequisite(closing, street.staging, required=first, actor=SYSTEM)
    services.set_prerequisite(first, street.production, required=between, actor=SYSTEM)
    services.set_prerequisite(between, street.production, required=closing, actor=SYSTEM)
    count = Change.objects.count()

    with pytest.raises(ValidationError, match=f"{closing}: Prerequisites must not lead in a circle"):
        services.promote(
            street.staging,
            street.production,
            picks=[Pick(first.key, "status"), Pick(closing.key, "prerequisites")],
            actor=SYSTEM,
        )

    assert street.state(first).status == "off"
    assert Change.objects.count() == count


def test_a_preview_that_is_no_longer_true_is_refused(street: Street) -> None:
    feature = street.feature(state={"status": "on"})
    unrelated = street.feature()
    seen = version_of(differences_of(street.staging, street.production, [Pick(feature.key, "status")]))

    services.switch(unrelated, street.production, status="on", actor=SYSTEM)
    for environment, now, then in ((street.staging, "off", "on"), (street.production, "on", "off")):
        services.switch(feature, environment, status=now, actor=SYSTEM)
        with pytest.raises(ValidationError, match="changed in the meantime") as refused:
            street.promote(feature.key, parts=["status"], version=seen)
        assert refused.value.code == "moved"
        services.switch(feature, environment, status=then, actor=SYSTEM)

    assert street.promote(feature.key, parts=["status"], version=seen)
    assert street.state(feature).status == "on"


def test_environments_of_two_projects_and_unknown_features_are_refused(street: Street) -> None:
    feature = street.feature(state={"status": "on"})

    for source in (an_environment(), street.production):
        with pytest.raises(ValidationError, match=r"one project|to itself"):
            services.promote(source, street.production, picks=[Pick(feature.key, "status")], actor=SYSTEM)
    with pytest.raises(ValidationError, match="no live feature nowhere"):
        street.promote(feature.key, "nowhere")


def test_comparing_takes_as_many_queries_for_many_features_as_for_one(
    street: Street, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        a_rule(street.feature(state={"status": "on"}), street.staging)

    with django_assert_max_num_queries(14):
        assert len(compare(street.staging, street.production)) == 20


# In the admin


def address(street: Street) -> str:
    return f"{PAGE}?from={street.staging.pk}&to={street.production.pk}"


def test_somebody_compares_chooses_looks_and_promotes(street: Street, client: Client) -> None:
    feature = street.feature(key="checkout", state={"status": "on", "rollout_percent": 20})
    client.force_login(a_member(street.production, Role.EDITOR))
    picks = ["status:checkout", "rollout:checkout"]

    assert "Preview in Production" in client.get(address(street)).content.decode()
    preview = client.post(address(street), {"step": "preview", "pick": picks})
    lines = {part: lines for _, _, part, lines in preview.context["differences"]}
    version = preview.context["version"]
    done = client.post(address(street), {"step": "apply", "pick": picks, "version": version, "reason": "it went well"})

    assert (lines["rollout"][0].target, lines["rollout"][0].source) == ("100 %", "20 %")
    assert done.status_code == 302
    assert (street.state(feature).status, street.state(feature).rollout_percent) == ("on", Decimal(20))
    change = Change.objects.get(action="environment.promoted")
    assert (change.actor.partition(":")[0], change.reason) == ("user", "it went well")


def test_who_was_overtaken_sees_it_anew(street: Street, client: Client) -> None:
    feature = street.feature(key="checkout", state={"rollout_percent": 20})
    client.force_login(a_member(street.production, Role.EDITOR))
    sent = {"step": "preview", "pick": ["rollout:checkout"]}
    version = client.post(address(street), sent).context["version"]
    services.set_rollout(feature, street.staging, percent=Decimal(30), actor=SYSTEM)

    again = client.post(address(street), sent | {"step": "apply", "version": version, "reason": "mine"})

    assert "changed in the meantime" in again.context["complaint"]
    assert "30 %" in again.content.decode()
    assert 'value="mine"' in again.content.decode()
    assert street.state(feature).rollout_percent == 100


@pytest.mark.parametrize("picks", [[], ["status"], ["nonsense:checkout"], ["status:nowhere"], ["status:nul\x00"]])
def test_choosing_nothing_or_nonsense_is_said(street: Street, client: Client, picks: list[str]) -> None:
    street.feature(key="checkout", state={"status": "on"})
    client.force_login(a_member(street.production, Role.EDITOR))

    answer = client.post(address(street), {"step": "preview", "pick": picks})

    assert answer.status_code == 302
    assert list(get_messages(answer.wsgi_request))


def test_a_reason_that_is_too_long_is_said_beside_the_field(street: Street, client: Client) -> None:
    street.feature(key="checkout", state={"status": "on"})
    client.force_login(a_member(street.production, Role.EDITOR))

    answer = client.post(address(street), {"step": "apply", "pick": ["status:checkout"], "reason": "x" * 2_000})

    assert "reason" in answer.context["form"].errors
    assert not Change.objects.filter(action="environment.promoted").exists()


def test_whoever_may_only_read_the_target_compares_and_finds_nothing_to_press(street: Street, client: Client) -> None:
    street.feature(key="checkout", state={"status": "on"})
    reader = a_member(street.staging, Role.VIEWER)
    place: dict[str, Any] = {"project": street.project, "environment": street.staging}
    set_role(reader, street.project.organisation, role=Role.EDITOR, actor=SYSTEM, **place)
    client.force_login(reader)

    page = client.get(address(street)).content.decode()

    assert "checkout" in page
    assert 'name="pick"' not in page
    assert "Preview in" not in page
    for step in ("preview", "apply"):
        assert client.post(address(street), {"step": step, "pick": ["status:checkout"]}).status_code == 403
    backwards = f"{PAGE}?from={street.production.pk}&to={street.staging.pk}"
    assert "Preview in Staging" in client.get(backwards).content.decode()


def test_a_foreign_environment_is_not_there_on_either_side(street: Street, client: Client) -> None:
    foreign = an_environment(name="Canary")
    client.force_login(a_member(street.production, Role.ADMIN))

    for one, other in ((foreign, street.production), (street.staging, foreign)):
        for method in (client.get, client.post):
            assert method(f"{PAGE}?from={one.pk}&to={other.pk}").status_code == 404
    assert client.get(f"{PAGE}?from=x&to={street.staging.pk}").status_code == 404
    assert "Canary" not in client.get(PAGE).content.decode()


def test_two_environments_that_cannot_be_compared_are_refused_in_words(street: Street, client: Client) -> None:
    client.force_login(a_user(superuser=True))

    for other in (an_environment(), street.staging):
        page = client.get(f"{PAGE}?from={street.staging.pk}&to={other.pk}")
        assert "two different environments of one project" in page.content.decode()


def test_the_page_says_that_a_target_is_protected(street: Street, client: Client) -> None:
    street.feature(key="checkout", state={"status": "on"})
    update_environment(street.production, is_protected=True, actor=SYSTEM)
    client.force_login(a_member(street.production, Role.EDITOR))

    preview = client.post(address(street), {"step": "preview", "pick": ["status:checkout"]})

    assert "protected" in preview.content.decode()


# Over REST


def promoted(client: APIClient, street: Street, **body: Any) -> Any:
    path = f"/api/v1/environments/{street.production.pk}/promote/"
    return client.post(path, {"from": street.staging.pk, "features": [], **body})


def test_a_script_promotes_features(street: Street) -> None:
    feature = street.feature(key="checkout", state={"status": "on"})
    client = by_token(a_member(street.production, Role.EDITOR))

    answer = promoted(client, street, features=["checkout"], reason="nightly")

    assert answer.json() == {"promoted": [{"feature": "checkout", "part": "status"}]}
    assert street.state(feature).status == "on"
    assert Change.objects.get(action="environment.promoted").reason == "nightly"
    assert promoted(client, street, features=["checkout"]).json() == {"promoted": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"features": ["nowhere"]}, "features"),
        ({"features": "checkout"}, "features"),
        ({"from": None}, "from"),
        ({"why": "x"}, "why"),
        ({"reason": "x" * 2_000}, "reason"),
    ],
)
def test_a_bad_request_is_told_field_by_field(street: Street, body: dict[str, Any], field: str) -> None:
    client = by_token(a_member(street.production, Role.EDITOR))

    answer = promoted(client, street, **body)

    assert answer.status_code == 400
    assert field in answer.json()
