"""Features, their states, rules and segments over the management API."""

import pytest

from features.models import Feature, Override, Prerequisite, Rule, Segment
from tenants.models import Environment
from tenants.roles import Role
from tests.builders import a_feature, an_environment
from tests.tenants.api import Caller, ids, somebody

pytestmark = pytest.mark.django_db

GERMANS = {"attribute": "country", "operator": "equals", "value": "DE"}


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def editor(environment: Environment) -> Caller:
    return somebody(environment, Role.EDITOR)


def state_path(feature: Feature, environment: Environment) -> str:
    return f"features/{feature.pk}/states/{environment.pk}/"


def test_a_feature_is_created_listed_changed_and_archived(environment: Environment, editor: Caller) -> None:
    made = editor.post("features/", {"project": environment.project_id, "key": "dark", "name": "Dark"}, format="json")
    assert made.status_code == 201, made.content
    path = f"features/{made.json()['id']}/"

    assert editor.patch(path, {"name": "Dark mode"}, format="json").json()["name"] == "Dark mode"
    assert ids(editor.get("features/", {"project": environment.project_id})) == [made.json()["id"]]
    assert editor.post(path + "archive/").status_code == 200
    assert Feature.objects.get().archived_at is not None


def test_a_whole_object_is_replaced_only_by_who_knows_its_version(environment: Environment, editor: Caller) -> None:
    feature = a_feature(environment)
    path = state_path(feature, environment)
    seen = editor.get(path)
    whole = seen.json() | {"status": "on"}
    body = {name: value for name, value in whole.items() if name not in {"feature", "environment"}}

    assert editor.put(path, body, format="json").status_code == 428
    assert editor.put(path, body, format="json", headers={"if-match": seen["ETag"]}).status_code == 200
    assert editor.put(path, body, format="json", headers={"if-match": seen["ETag"]}).status_code == 412


def test_the_narrow_verbs_need_no_version(environment: Environment, editor: Caller) -> None:
    feature = a_feature(environment)
    path = state_path(feature, environment)

    assert editor.post(path + "toggle/", {}, format="json").json()["status"] == "on"
    assert float(editor.post(path + "rollout/", {"percent": 25}, format="json").json()["rollout_percent"]) == 25
    assert editor.post(path + "rollout/", {"percent": 101}, format="json").status_code == 400


def test_rules_are_added_and_reordered(environment: Environment, editor: Caller) -> None:
    feature = a_feature(environment)
    path = state_path(feature, environment) + "rules/"
    keys = []
    for value in (True, False):
        made = editor.post(path, {"conditions": GERMANS, "value": value}, format="json")
        assert made.status_code == 201, made.content
        keys.append(made.json()["key"])

    answer = editor.post(path + "reorder/", {"keys": keys[::-1]}, format="json")

    assert answer.status_code == 200, answer.content
    assert list(Rule.objects.order_by("position").values_list("key", flat=True)) == keys[::-1]


def test_a_rule_says_everything_that_is_wrong_with_it(environment: Environment, editor: Caller) -> None:
    feature = a_feature(environment)
    broken = {"all": [GERMANS | {"operator": "is"}, {"attribute": "x", "operator": "matches", "value": "("}]}

    answer = editor.post(
        state_path(feature, environment) + "rules/", {"conditions": broken, "value": "text"}, format="json"
    )

    assert answer.status_code == 400
    assert all(word in answer.content.decode() for word in ("all[0]", "all[1]", "boolean"))
    assert not Rule.objects.exists()


def test_an_override_and_a_prerequisite_are_set_and_removed(environment: Environment, editor: Caller) -> None:
    feature, other = a_feature(environment), a_feature(environment)
    overridden = state_path(feature, environment) + "overrides/ann/"
    needed = state_path(feature, environment) + f"prerequisites/{other.pk}/"

    assert editor.put(overridden, {"value": True}, format="json").status_code == 201
    assert editor.put(needed, {"enabled": True}, format="json").status_code == 201
    assert editor.delete(overridden).status_code == editor.delete(needed).status_code == 204
    assert not Override.objects.exists()
    assert not Prerequisite.objects.exists()


def test_an_id_that_no_database_holds_is_not_found(environment: Environment, editor: Caller) -> None:
    feature = a_feature(environment)
    huge = 10**30

    for path in (f"features/{huge}/", f"{state_path(feature, environment)}prerequisites/{huge}/", f"segments/{huge}/"):
        assert editor.get(path).status_code == 404, path


def test_a_segment_in_use_stays_and_names_its_users(environment: Environment, editor: Caller) -> None:
    body = {"project": environment.project_id, "key": "germans", "name": "Germans", "conditions": GERMANS}
    made = editor.post("segments/", body, format="json").json()
    assert made["sentence"] == "country is DE"
    rule = {"segment": made["id"], "value": True}
    feature = a_feature(environment)
    assert editor.post(state_path(feature, environment) + "rules/", rule, format="json").status_code == 201

    answer = editor.delete(f"segments/{made['id']}/")

    assert answer.status_code == 409
    assert feature.key in answer.content.decode()
    assert Segment.objects.exists()


def test_an_unknown_field_is_refused_by_name(environment: Environment, editor: Caller) -> None:
    answer = editor.patch(f"features/{a_feature(environment).pk}/", {"nmae": "typing error"}, format="json")

    assert answer.status_code == 400
    assert "nmae" in answer.content.decode()


def test_a_viewer_reads_and_does_not_edit(environment: Environment) -> None:
    viewer, path = somebody(environment), state_path(a_feature(environment), environment)
    viewer = somebody(environment, Role.VIEWER)

    assert viewer.get(path).status_code == 200
    assert viewer.post(path + "toggle/", {}, format="json").status_code == 403
