"""The playground: answers with their steps, every protocol's own words, comparisons, and links that respect roles."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Decision
from audits.services import SYSTEM
from decisions.engine.bucketing import growthbook_bucket
from decisions.process import snapshot_of
from decisions.protocols import protocols
from decisions.protocols._base import Question
from decisions.rehearsal import rehearse
from experiments.models import Event, Exposure
from features.models import Feature, Identity, Usage
from features.services import switch
from tenants.models import Credential, Environment
from tenants.roles import Kind, Role
from tests.builders import (
    a_condition,
    a_feature,
    a_member,
    a_rule,
    a_running_experiment,
    a_segment,
    a_user,
    an_environment,
    in_segment,
)

pytestmark = pytest.mark.django_db
PAGE, LOCAL = "/admin/playground/", "/admin/local-evaluation/"
ASKED = {protocol.slug for protocol in protocols() if protocol.example}


def ask(client: Client, environment: Environment, **question: Any) -> Any:
    return client.get(PAGE, {"environment": environment.pk, "user": "ann", **question})


def by_key(answer: Any) -> dict[str, Any]:
    return {row.key: row for row in answer.context["rows"]}


@pytest.fixture
def environment() -> Environment:
    return an_environment(name="Production")


@pytest.fixture
def viewer(environment: Environment, client: Client) -> Client:
    client.force_login(a_member(environment, Role.VIEWER))
    return client


def test_it_begins_with_a_question(environment: Environment, viewer: Client) -> None:
    page = viewer.get(reverse("admin:playground"))

    assert page.status_code == 200
    assert "Production" in page.content.decode()
    assert "rows" not in page.context


def test_every_feature_answers_with_its_reason_and_its_steps(environment: Environment, viewer: Client) -> None:
    bucket = growthbook_bucket("checkout", "ann") / 100
    a_feature(environment, key="checkout", state={"status": "on", "rollout_percent": 20})
    a_feature(environment, key="dark", state={"status": "on"})
    a_feature(environment, key="asleep")
    a_running_experiment(environment, a_feature(environment, key="split"))

    found = by_key(ask(viewer, environment))

    assert list(found) == ["asleep", "checkout", "dark", "split"]
    reasons = {key: row.here.reason for key, row in found.items()}
    inside = "Inside the rollout" if bucket < 20 else "Outside the rollout"
    assert reasons == {
        "asleep": "Off here", "checkout": inside, "dark": "On for everybody", "split": "In the experiment"
    }  # fmt: skip
    [rollout] = found["checkout"].here.steps
    assert (rollout.title, rollout.bar.percent, rollout.bar.bucket) == ("Rollout", 20, bucket)
    assert f"{bucket:g} of 100" in rollout.text


def test_a_rule_is_called_as_people_call_it_and_shows_what_was_compared(
    environment: Environment, viewer: Client
) -> None:
    feature = a_feature(environment, state={"status": "on"})
    europe = a_segment(environment.project, key="europe", conditions=a_condition("country", "in", ["DE", "AT"]))
    tree = {"all": [in_segment(europe.key), a_condition("age", "gte", 18)]}
    a_rule(feature, environment, conditions=a_condition("plan", value="pro"), description="Paying")
    a_rule(feature, environment, conditions=tree)

    [row] = ask(viewer, environment, attributes='{"country": "AT", "age": 17}').context["rows"]

    first, second, _ = row.here.steps
    assert (first.title, first.verdict) == ("Rule 1: Paying", False)
    assert first.condition.text == "plan is pro: it is not given"
    assert (second.title, second.verdict) == ("Rule 2", False)
    segment, age = second.condition.parts
    assert (segment.is_met, segment.parts[0].text) == (True, 'country is one of DE, AT: it is "AT"')
    assert (age.is_met, age.text) == (False, "age is at least 18: it is 17")


def test_another_moment_is_another_answer(environment: Environment, viewer: Client) -> None:
    steps = [{"at": "2030-01-01T00:00:00Z", "status": "on"}]
    a_feature(environment, state={"steps": steps})

    before = ask(viewer, environment, at="2029-12-31 23:59").context["rows"][0]
    after = ask(viewer, environment, at="2030-01-01 00:01").context["rows"][0]

    assert (before.here.decision.enabled, after.here.decision.enabled) == (False, True)
    assert "2030-01-01 00:00:00 UTC" in before.here.steps[0].text


def test_two_users_are_compared_and_what_differs_is_marked(environment: Environment, viewer: Client) -> None:
    feature = a_feature(environment, key="germans", state={"status": "on", "on_value": False})
    a_rule(feature, environment)
    a_feature(environment, key="all", state={"status": "on"})
    a_rule(a_feature(environment, key="some", state={"status": "on", "on_value": False}), environment,
           conditions=a_condition())  # fmt: skip

    answer = ask(viewer, environment, attributes='{"country": "DE"}', other_attributes="{}")

    assert {key: row.differs for key, row in by_key(answer).items()} == {"all": False, "germans": False, "some": True}
    shown = ask(viewer, environment, attributes='{"country": "DE"}', other_attributes="{}", show="differs")
    assert list(by_key(shown)) == ["some"]


def test_two_environments_are_compared(environment: Environment, viewer: Client) -> None:
    staging = an_environment(environment.project, name="Staging")
    a_feature(environment, key="here", state={"status": "on"})

    answer = ask(viewer, environment, other_environment=staging.pk)

    [row] = answer.context["rows"]
    assert (row.here.reason, row.there.reason, row.differs) == ("On for everybody", "Off here", True)
    assert "ann in Staging" in answer.content.decode()


def test_features_are_filtered_and_come_in_pages(environment: Environment, viewer: Client) -> None:
    for number in range(53):
        a_feature(environment, key=f"feature-{number:02}", name="F", state={"status": "on" if number % 2 else "off"})

    first, second = ask(viewer, environment), ask(viewer, environment, page=2)
    on = ask(viewer, environment, show="on", q="FEATURE-1")

    assert (len(by_key(first)), list(by_key(second))) == (50, ["feature-50", "feature-51", "feature-52"])
    assert list(by_key(on)) == [f"feature-1{digit}" for digit in (1, 3, 5, 7, 9)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attributes", '{"country": '),
        ("attributes", "[1]"),
        ("attributes", '{"nul": "\\u0000"}'),
        ("other_attributes", "7"),
        ("at", "tomorrow"),
        ("user", "x" * 600),
        ("user", "nul\x00"),
        ("show", "everything"),
    ],
)
def test_bad_input_is_said_beside_its_field_and_everything_is_kept(
    environment: Environment, viewer: Client, field: str, value: str
) -> None:
    answer = ask(viewer, environment, **{"other_user": "bob"} | {field: value})

    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {field}
    assert 'value="bob"' in answer.content.decode()
    assert "rows" not in answer.context


@pytest.mark.parametrize("field", ["environment", "other_environment"])
@pytest.mark.parametrize("given", ["foreign", "0", "x", "9" * 30])
def test_an_environment_that_is_not_the_readers_is_not_there(
    environment: Environment, viewer: Client, field: str, given: str
) -> None:
    foreign = an_environment(name="Canary")

    named: Any = {"environment": environment.pk, field: foreign.pk if given == "foreign" else given}
    answer = viewer.get(PAGE, named)

    assert answer.status_code == 404
    assert "Canary" not in answer.content.decode()
    assert "Canary" not in viewer.get(PAGE).content.decode()


def test_somebody_without_a_role_is_asked_nothing(environment: Environment, client: Client) -> None:
    client.force_login(a_user())

    assert ask(client, environment).status_code == 404
    assert "Production" not in client.get(PAGE).content.decode()
    assert Client().get(PAGE).status_code == 302


def test_every_protocol_answers_as_it_does_outside(environment: Environment, viewer: Client) -> None:
    feature = a_feature(
        environment, key="word", value_type="string", state={"status": "on", "on_value": "plain", "off_value": "off"}
    )
    a_rule(feature, environment, conditions=a_condition(), value="german")

    answer = ask(viewer, environment, attributes='{"country": "DE"}', view="protocols", feature="word")

    answers = {one["slug"]: one for one in answer.context["answers"]}
    assert answers.keys() == ASKED
    assert {slug: one["status"] for slug, one in answers.items()} == dict.fromkeys(ASKED, 200)
    values = {slug: one["told"].value for slug, one in answers.items()}
    assert values == dict.fromkeys(ASKED, "german") | {"feature_hub": "enabled"}
    for one in answers.values():
        assert one["curl"].startswith(("curl -sS http://testserver/", "curl -sS 'http://testserver/", "name="))
        assert re.search("YOUR-(KEY|TOKEN)", one["curl"])


def test_every_protocol_that_decides_can_be_asked() -> None:
    assert {protocol.slug for protocol in protocols()} - ASKED == {"health"}


def test_a_rehearsal_leaves_nothing_behind(environment: Environment, viewer: Client) -> None:
    experiment = a_running_experiment(environment, a_feature(environment, key="split"))
    Identity.objects.create(environment=environment, identifier="ann", traits={"plan": "pro"})
    counted = (Decision, Exposure, Event, Usage, Credential)
    before = [model.objects.count() for model in counted], list(Identity.objects.values())

    answer = ask(viewer, environment, attributes='{"plan": "team"}', view="protocols", feature="split")

    variants = {one["told"].variant for one in answer.context["answers"] if one["slug"] != "growthbook_api"}
    assert len(variants) == 1
    assert variants <= {variant.key for variant in experiment.variants.all()}
    assert ([model.objects.count() for model in counted], list(Identity.objects.values())) == before


def test_the_real_keys_of_an_environment_open_nothing_in_a_rehearsal(environment: Environment) -> None:
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})
    snapshot = snapshot_of(environment)
    assert snapshot
    question = Question("secret", "ann", {}, "", "", environment.project.key)

    as_client = {one.protocol.slug: one.told for one in rehearse(snapshot, question)}
    as_server = {one.protocol.slug: one.told for one in rehearse(snapshot, question, kind=Kind.SERVER)}

    assert as_client["ofrep"] is None
    assert as_server["ofrep"] is not None
    assert as_server["ofrep"].value is True


def test_an_unknown_feature_is_refused_by_each_protocol_in_its_words(environment: Environment, viewer: Client) -> None:
    answer = ask(viewer, environment, view="protocols", feature="no'where")

    answers = {one["slug"]: one for one in answer.context["answers"]}
    assert answers["ofrep"]["status"] == 404
    assert answers["feature_hub"]["status"] == 404
    assert answers["go_feature_flag"]["told"].reason == "FLAG_NOT_FOUND"
    assert all("nowhere" not in one["curl"] for one in answers.values())  # what a shell would make of it unquoted


@pytest.mark.parametrize("attributes", ['{"list": [1, "a"], "deep": {"a": 1}, "none": null, "id": "eve"}', ""])
@pytest.mark.parametrize("user", ["", "ünï 'quoted' \"user\"", "$(reboot)"])
def test_whatever_is_asked_no_protocol_fails(
    environment: Environment, viewer: Client, attributes: str, user: str
) -> None:
    a_feature(environment, key="checkout", state={"status": "on", "rollout_percent": 50})

    answer = ask(viewer, environment, user=user, attributes=attributes, view="protocols", feature="checkout")

    assert {one["status"] for one in answer.context["answers"]} <= {200, 400, 403, 404, 422}


def test_text_of_features_and_users_is_no_markup(environment: Environment, viewer: Client) -> None:
    payload = "<img src=x onerror=alert(1)>"
    a_feature(environment, name=payload, state={"status": "on"})

    for view in ("", "protocols"):
        page = ask(viewer, environment, user=payload, attributes=f'{{"a": "{payload}"}}', view=view)
        assert payload not in page.content.decode()


def test_the_page_asks_the_database_a_few_times_however_many_features_there_are(
    environment: Environment, viewer: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        a_rule(a_feature(environment, state={"status": "on"}), environment)

    with django_assert_max_num_queries(20):
        assert len(ask(viewer, environment, other_user="bob").context["rows"]) == 30
    with django_assert_max_num_queries(20):
        ask(viewer, environment, view="protocols")


def test_local_evaluation_says_what_documents_cannot_express(environment: Environment, viewer: Client) -> None:
    a_feature(environment, key="plain", state={"status": "on"})
    a_feature(environment, key="part", state={"status": "on", "rollout_percent": 20})

    page = viewer.get(LOCAL, {"environment": environment.pk})

    cells = {key: {column.protocol.slug: found for column, found in row} for key, row in page.context["rows"]}
    assert cells["plain"] == {"flagsmith": None, "go_feature_flag": None, "growthbook": None}
    assert cells["part"]["flagsmith"]
    assert cells["part"]["go_feature_flag"]
    kinds = {column.protocol.slug: column.kinds for column in page.context["columns"]}
    assert kinds == {
        "flagsmith": ["server", "manage"],
        "go_feature_flag": ["server", "manage"],
        "growthbook": ["client", "server", "manage"],
    }
    filters: dict[str, Any] = {"environment": environment.pk, "only": "remote", "q": "PA"}
    only = viewer.get(LOCAL, filters)
    assert [key for key, _ in only.context["rows"]] == ["part"]


def test_local_evaluation_of_a_foreign_environment_is_not_there(viewer: Client) -> None:
    assert viewer.get(LOCAL, {"environment": an_environment().pk}).status_code == 404
    assert viewer.get(LOCAL, {"environment": "x"}).status_code == 404
    assert viewer.get(LOCAL).status_code == 200


def test_an_edit_is_seen_at_once(environment: Environment, viewer: Client) -> None:

    feature = a_feature(environment)
    assert ask(viewer, environment).context["rows"][0].here.decision.enabled is False

    switch(Feature.objects.get(pk=feature.pk), environment, status="on", actor=SYSTEM)

    assert ask(viewer, environment).context["rows"][0].here.decision.enabled is True
