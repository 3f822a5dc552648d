"""Experiments and variants over the management API."""

from typing import Any

import pytest

from audits.models import Change
from audits.services import SYSTEM
from experiments import services
from experiments.models import Experiment, ExperimentStatus, Variant
from features.models import FeatureState, StatusChoice
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import set_role
from tests.builders import (
    a_feature,
    a_layer,
    a_running_experiment,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
)
from tests.tenants.api import Caller, ids, somebody

pytestmark = pytest.mark.django_db
WHOLE = {"name": "Colours", "seed": " s ", "rollout_percent": 12.5, "hash_attribute": "company", "audience": None}


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def editor(environment: Environment) -> Caller:
    return somebody(environment, Role.EDITOR)


def path_of(experiment: Experiment) -> str:
    return f"experiments/{experiment.pk}/"


def test_an_experiment_is_created_as_a_draft_and_shown(environment: Environment, editor: Caller) -> None:
    feature, segment = a_feature(environment), a_segment(environment.project)
    body = WHOLE | {"feature": feature.pk, "environment": environment.pk, "key": "colours", "audience": segment.pk}

    made = editor.post("experiments/", body)

    assert made.status_code == 201, made.content
    assert made.json() | body == made.json()
    assert made.json() | {"status": "draft", "layer": None, "slots": [], "public_id": "exp-001"} == made.json()
    assert made["ETag"] == editor.get(f"experiments/{made.json()['id']}/")["ETag"]


def test_who_names_no_key_or_bucketing_gets_those_of_the_project(environment: Environment, editor: Caller) -> None:
    body = {"feature": a_feature(environment).pk, "environment": environment.pk, "name": "Colours"}

    plain = editor.post("experiments/", body).json()
    chosen = editor.post("experiments/", body | {"bucketing": "feature_hub"}).json()

    assert (plain["key"], plain["bucketing"]) == ("exp-001", environment.project.bucketing)
    assert chosen["bucketing"] == "feature_hub" != plain["bucketing"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"bucketing": "dice"}, "bucketing"),
        ({"key": "a/b"}, "key"),
        ({"rollout_percent": 101}, "rollout_percent"),
        ({"status": "running"}, "status"),
        ({"layer": 1}, "layer"),
        ({"nmae": "x"}, "nmae"),
        ({"name": "x" * 300}, "name"),
    ],
)
def test_what_is_wrong_with_a_new_experiment_is_said_under_its_field(
    environment: Environment, editor: Caller, wrong: dict[str, Any], field: str
) -> None:
    body = {"feature": a_feature(environment).pk, "environment": environment.pk, "name": "Colours"}

    answer = editor.post("experiments/", body | wrong)

    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.content
    assert not Experiment.objects.exists()


def test_an_experiment_stays_in_one_project(environment: Environment) -> None:
    other = an_environment()
    user = somebody(environment, Role.EDITOR).user
    set_role(user, other.project.organisation, role=Role.EDITOR, actor=SYSTEM)
    body = {"environment": environment.pk, "name": "Colours"}

    foreign_feature = Caller(user).post("experiments/", body | {"feature": a_feature(other).pk})
    foreign_audience = Caller(user).post(
        "experiments/", body | {"feature": a_feature(environment).pk, "audience": a_segment(other.project).pk}
    )

    assert (foreign_feature.status_code, list(foreign_feature.json())) == (400, ["environment"])
    assert (foreign_audience.status_code, list(foreign_audience.json())) == (400, ["audience"])


def test_experiments_are_found_by_where_and_how_they_are(environment: Environment, editor: Caller) -> None:
    running, draft = a_running_experiment(environment), an_experiment(environment, name="A")
    layer = a_layer(environment.project)
    services.hold_slots(running, layer, slots=10, actor=SYSTEM)
    a_running_experiment(an_environment())

    for query in (
        {"project": environment.project_id},
        {"environment": environment.pk},
        {"ordering": "created_at"},
    ):
        assert ids(editor.get("experiments/", query)) == [running.pk, draft.pk]
    for query in ({"feature": running.feature_id}, {"layer": layer.pk}, {"status": "running"}):
        assert ids(editor.get("experiments/", query)) == [running.pk]
    assert editor.get("experiments/", {"status": "odd"}).json().keys() == {"status"}


def test_a_page_of_experiments_takes_the_same_number_of_queries_however_long_it_is(
    environment: Environment, editor: Caller, django_assert_num_queries: Any
) -> None:
    layer = a_layer(environment.project)
    for _ in range(3):
        services.hold_slots(an_experiment(environment), layer, slots=10, actor=SYSTEM)

    with django_assert_num_queries(4):  # the token, the count, the page and its slots
        assert len(ids(editor.get("experiments/"))) == 3


def test_a_whole_experiment_is_replaced_only_by_who_knows_its_version(environment: Environment, editor: Caller) -> None:
    path = path_of(an_experiment(environment))
    version = editor.get(path)["ETag"]

    assert editor.put(path, WHOLE).status_code == 428
    answer = editor.put(path, WHOLE, headers={"if-match": version})
    assert answer.json() | WHOLE == answer.json()
    assert editor.put(path, WHOLE, headers={"if-match": version}).status_code == 412
    assert editor.patch(path, {"name": "B"}, headers={"if-match": version}).status_code == 412
    assert editor.patch(path, {"name": "B"}).json()["name"] == "B"


def test_an_experiment_is_started_paused_and_concluded(environment: Environment, editor: Caller) -> None:
    experiment = an_experiment(environment)
    path = path_of(experiment)

    refused = editor.post(path + "start/")
    assert (refused.status_code, list(refused.json())) == (400, ["status"])

    a_variant(experiment)
    for verb, status in (("start", "running"), ("pause", "paused"), ("start", "running"), ("conclude", "concluded")):
        answer = editor.post(path + verb + "/")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert answer["ETag"] == editor.get(path)["ETag"]


def test_a_shipped_variant_is_what_everybody_gets(environment: Environment, editor: Caller) -> None:
    experiment = an_experiment(environment)
    variant, other = a_variant(experiment, value=True), a_variant(an_experiment(environment))

    refused = editor.post(path_of(experiment) + "ship/", {"variant": other.pk})
    answer = editor.post(path_of(experiment) + "ship/", {"variant": variant.pk})

    assert (refused.status_code, list(refused.json())) == (400, ["variant"])
    assert (answer.status_code, answer.json()["status"]) == (200, "concluded")
    state = FeatureState.objects.get(feature=experiment.feature, environment=environment)
    assert (state.status, state.on_value) == (StatusChoice.ON, True)


def test_slots_of_a_layer_are_held_and_released(environment: Environment, editor: Caller) -> None:
    experiment, layer = an_experiment(environment), a_layer(environment.project)
    path = path_of(experiment)

    held = editor.post(path + "slots/", {"layer": layer.pk, "slots": 100}).json()
    assert (held["layer"], held["slots"]) == (layer.pk, [[0, 100]])
    assert editor.post(path + "slots/", {"layer": layer.pk, "slots": 10_001}).json().keys() == {"slots"}
    released = editor.post(path + "release/").json()
    assert (released["layer"], released["slots"]) == (None, [])


def test_variants_are_added_changed_and_removed(environment: Environment, editor: Caller) -> None:
    experiment = an_experiment(environment, a_feature(environment, value_type="string"))
    body = {"key": "blue", "weight": 3, "is_control": True, "value": "blue", "payload": {"ui": "v2"}}

    made = editor.post(path_of(experiment) + "variants/", body)
    path = f"variants/{made.json()['id']}/"

    assert (made.status_code, made.json() | body) == (201, made.json())
    assert editor.get(path)["ETag"] == made["ETag"]
    assert ids(editor.get(path_of(experiment) + "variants/")) == [made.json()["id"]]
    assert editor.patch(path, {"weight": 5}).json()["weight"] == 5
    assert editor.put(path, {"weight": 5}).status_code == 428
    assert editor.put(path, {"weight": 5}, headers={"if-match": made["ETag"]}).status_code == 412
    assert editor.put(path, {"weight": 7}, headers={"if-match": "*"}).json()["payload"] == {}
    assert editor.delete(path).status_code == 204
    assert not Variant.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"weight": -1}, "weight"),
        ({"weight": 10**7}, "weight"),
        ({"payload": []}, "payload"),
        ({"value": "not of the feature's type"}, "value"),
        ({"payload": None}, "payload"),
        ({"key": "other"}, "key"),
        ({"experiment": 1}, "experiment"),
    ],
)
def test_what_a_variant_cannot_be_is_said_under_its_field(
    environment: Environment, editor: Caller, body: dict[str, Any], field: str
) -> None:
    variant = a_variant(an_experiment(environment))

    answer = editor.patch(f"variants/{variant.pk}/", body)

    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.content


def test_what_a_running_experiment_assigns_stays(environment: Environment, editor: Caller) -> None:
    experiment = a_running_experiment(environment)
    variant = experiment.variants.latest("pk")

    answer = editor.delete(f"variants/{variant.pk}/")

    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
    assert Experiment.objects.get().status == ExperimentStatus.RUNNING
    assert Variant.objects.filter(pk=variant.pk).exists()


def test_a_key_that_an_experiment_has_already_is_refused(environment: Environment, editor: Caller) -> None:
    variant = a_variant(an_experiment(environment))

    answer = editor.post(path_of(variant.experiment) + "variants/", {"key": variant.key})

    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
    assert variant.experiment.variants.count() == 1


def test_what_is_elsewhere_cannot_be_named(environment: Environment, editor: Caller) -> None:
    mine, layer, theirs = an_experiment(environment), a_layer(environment.project), an_environment()
    foreign = a_variant(an_experiment(theirs))

    for path, body in (
        (path_of(mine) + "ship/", {"variant": foreign.pk}),
        (path_of(mine) + "slots/", {"layer": a_layer(theirs.project).pk, "slots": 1}),
        (f"layers/{layer.pk}/holdout/", {"environment": theirs.pk, "slots": 1}),
        (path_of(foreign.experiment) + "variants/", {"key": "mine"}),
    ):
        assert editor.post(path, body).status_code == 404, path
    assert editor.patch(path_of(mine), {"audience": a_segment(theirs.project).pk}).status_code == 404
    assert editor.get(path_of(foreign.experiment)).status_code == 404


def test_a_viewer_reads_experiments_and_does_not_edit_them(environment: Environment) -> None:
    experiment, viewer = a_running_experiment(environment), somebody(environment, Role.VIEWER)
    edits = Change.objects.count()

    assert viewer.get(path_of(experiment)).status_code == 200
    assert viewer.post(path_of(experiment) + "pause/").status_code == 403
    assert viewer.patch(path_of(experiment), {"name": "Mine"}).status_code == 403
    assert Change.objects.count() == edits


def test_an_experiment_that_no_database_holds_is_not_found(editor: Caller) -> None:
    for path in ("experiments", "variants", "layers", "changes"):
        assert editor.get(f"{path}/{10**30}/").status_code == 404, path
