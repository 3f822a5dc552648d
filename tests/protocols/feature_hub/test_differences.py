"""Where the original does not do what its document says, we do what the document says: one test for each point."""

import re
from typing import Any

import pytest
from django.db import connection

from audits.models import Decision
from audits.services import SYSTEM
from decisions.engine.types import Reason
from decisions.protocols.feature_hub import REASONS
from experiments.models import Experiment, Variant
from experiments.services import hold_slots
from features.services import set_override, set_prerequisite
from tenants.models import Environment
from tests.builders import a_feature, a_layer, a_rule, a_running_experiment, a_segment, a_variant, an_experiment
from tests.protocols.wire import Client


def test_a_second_feature_of_a_key_is_a_business_error(api: Client) -> None:
    api.post("/features", {"key": "checkout", "name": "Checkout"})

    answer = api.post("/features", {"key": "checkout", "name": "Again"})

    assert answer.status == 400
    assert len(api.get("/features").json) == 1


@pytest.mark.parametrize("field", ["key", "name"])
def test_an_empty_key_or_name_is_a_business_error(api: Client, field: str) -> None:
    answer = api.post("/features", {"key": "checkout", "name": "Checkout"} | {field: ""})

    assert answer.status == 400
    assert field in answer.json["detail"]


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_percentage_out_of_range_is_a_business_error(
    api: Client, open_environment: Environment, percent: int
) -> None:
    an_experiment(open_environment)
    body = {"name": "test", "seed": "s", "rollout_percent": percent}

    assert api.post("/features/feat-001/experiments", body).status == 400
    assert api.patch("/experiments/exp-001", {"rollout_percent": percent}).status == 400


def test_an_unknown_status_of_an_experiment_is_a_business_error(api: Client, open_environment: Environment) -> None:
    an_experiment(open_environment)

    answer = api.patch("/experiments/exp-001", {"status": "sleeping"})

    assert (answer.status, answer.json) == (400, {"detail": "invalid status"})


@pytest.mark.parametrize("target", ["/features/feat-009", "/experiments/exp-009", "/variants/var-009"])
def test_changing_what_is_missing_is_not_found(api: Client, target: str) -> None:
    answer = api.patch(target, {"name": "x"})

    assert answer.status == 404
    assert answer.json["detail"].endswith("not found")


def test_nothing_is_created_under_a_missing_parent(api: Client) -> None:
    experiment = {"name": "test", "seed": "s", "rollout_percent": 50}
    variant = {"key": "control", "weight": 50, "is_control": True, "payload": {}}

    assert api.post("/features/feat-009/experiments", experiment).status == 404
    assert api.post("/experiments/exp-009/variants", variant).status == 404
    assert not Experiment.objects.exists()
    assert not Variant.objects.exists()


@pytest.mark.parametrize("target", ["/features/feat-009/experiments", "/experiments/exp-009/variants"])
def test_nothing_is_listed_under_a_missing_parent(api: Client, target: str) -> None:
    assert api.get(target).status == 404


@pytest.mark.parametrize(("weights", "detail"), [([], "variant required"), ([0, 0], "variant weight required")])
def test_a_decision_that_cannot_be_made_is_a_business_error_and_leaves_no_row(
    api: Client, open_environment: Environment, weights: list[int], detail: str
) -> None:
    experiment = an_experiment(open_environment, a_feature(open_environment, key="checkout"))
    for weight in weights:
        a_variant(experiment, weight=weight)
    api.patch("/experiments/exp-001", {"status": "running"})
    api.patch("/features/feat-001", {"status": "experiment", "active_experiment_id": "exp-001"})

    answer = api.decide("r1")

    assert (answer.status, answer.json) == (400, {"detail": detail})
    assert not Decision.objects.exists()


def test_an_experiment_is_set_running_before_it_has_variants(api: Client, open_environment: Environment) -> None:
    an_experiment(open_environment)

    answer = api.patch("/experiments/exp-001", {"status": "running"})

    assert (answer.status, answer.json["status"]) == (200, "running")


def test_a_feature_takes_only_an_experiment_of_its_own(api: Client, open_environment: Environment) -> None:
    a_feature(open_environment)
    an_experiment(open_environment)

    unknown = api.patch("/features/feat-001", {"status": "experiment", "active_experiment_id": "exp-009"})
    foreign = api.patch("/features/feat-001", {"status": "experiment", "active_experiment_id": "exp-001"})

    assert (unknown.status, foreign.status) == (404, 400)
    assert api.get("/features/feat-001").json["status"] == "off"


@pytest.mark.parametrize("status", ["draft", "paused"])
def test_an_experiment_that_does_not_run_gives_control(api: Client, open_environment: Environment, status: str) -> None:
    a_running_experiment(open_environment, a_feature(open_environment, key="checkout"))
    api.patch("/experiments/exp-001", {"status": status})

    answer = api.decide("r1")

    assert answer.status == 200
    assert (answer.json["reason"], answer.json["variant_key"]) == ("experiment_inactive", "control")
    assert answer.json["experiment_id"] == "exp-001"


def test_moments_are_told_in_utc(api: Client, open_environment: Environment) -> None:
    a_feature(open_environment, key="checkout")
    api.decide("r1")

    [item] = api.get("/audits?feature_id=feat-001").json["items"]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", item["decided_at"])


@pytest.mark.parametrize("plus", ["+", "%2B"])
def test_the_offset_of_a_moment_counts(api: Client, open_environment: Environment, plus: str) -> None:
    a_feature(open_environment, key="checkout")
    api.decide("r1")
    [item] = api.get("/audits?feature_id=feat-001").json["items"]
    day, _, clock = item["decided_at"].removesuffix("Z").partition("T")

    def found(offset: str) -> int:
        return len(api.get(f"/audits?feature_id=feat-001&from={day}T{clock}{offset}").json["items"])

    assert found("Z") == 1
    assert found(f"{plus}08:00") == 1  # eight hours before
    assert found("-08:00") == 0  # eight hours after
    assert found("") == 1  # without an offset it is UTC


def test_every_table_is_there_on_either_database(api: Client) -> None:
    tables = connection.introspection.table_names()

    assert {Experiment._meta.db_table, Variant._meta.db_table, Decision._meta.db_table} <= set(tables)
    assert api.get("/features").status == 200


def test_ids_count_from_one_within_the_project(api: Client, open_environment: Environment) -> None:
    a_running_experiment(open_environment, a_feature(open_environment, key="checkout"))
    api.decide("r1")
    api.decide("r2")

    assert [row["id"] for row in api.get("/features").json] == ["feat-001"]
    assert [row["id"] for row in api.get("/features/feat-001/experiments").json] == ["exp-001"]
    assert [row["id"] for row in api.get("/experiments/exp-001/variants").json] == ["var-001", "var-002"]
    assert [row["id"] for row in api.get("/audits?feature_id=feat-001").json["items"]] == ["dec-002", "dec-001"]


def test_a_request_id_keeps_its_first_answer(api: Client, open_environment: Environment) -> None:
    a_feature(open_environment, key="checkout")
    first = api.decide("r1")
    api.patch("/features/feat-001", {"status": "on"})

    again = api.decide("r1", user_id="somebody else")

    assert again == first
    assert Decision.objects.count() == 1


BUSINESS_ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "a second feature": ("/features", {"key": "checkout", "name": "Checkout"}),
    "a second variant": ("/experiments/exp-001/variants", {"key": "control", "weight": 1, "is_control": False}),
    "a weight": ("/experiments/exp-001/variants", {"key": "other", "weight": -1, "is_control": False}),
}


@pytest.mark.parametrize("case", BUSINESS_ERRORS)
def test_a_business_error_is_one_sentence_without_sql(api: Client, open_environment: Environment, case: str) -> None:
    a_running_experiment(open_environment, a_feature(open_environment, key="checkout"))
    target, body = BUSINESS_ERRORS[case]

    answer = api.post(target, {**body, "payload": {}})

    assert answer.status == 400
    assert set(answer.json) == {"detail"}
    assert re.fullmatch(r"[\w :,.;()-]+", answer.json["detail"])
    assert "SQL" not in answer.json["detail"]


@pytest.mark.parametrize("target", ["/features", "/decisions"])
@pytest.mark.parametrize("body", [b"{", b"", b"[]", b'{"key": 1, "request_id": 1}'])
def test_a_malformed_request_is_a_list_of_complaints(api: Client, target: str, body: bytes) -> None:
    answer = api.post(target, body)

    assert answer.status == 422
    assert all({"type", "loc", "msg", "input"} <= set(item) <= {"type", "loc", "msg", "input", "ctx"} for item in
               answer.json["detail"])  # fmt: skip
    assert answer.json["detail"]


def test_no_path_is_redirected_to_one_with_a_slash(api: Client) -> None:
    assert api.post("/features/", {"key": "k", "name": "n"}).status == 404
    assert api.post("/decisions/", {}).status == 404


@pytest.mark.parametrize(("given", "shown"), [("50", 50), (50.0, 50)])
def test_whole_numbers_may_come_in_other_clothes(
    api: Client, open_environment: Environment, given: object, shown: int
) -> None:
    an_experiment(open_environment)

    assert api.patch("/experiments/exp-001", {"rollout_percent": given}).json["rollout_percent"] == shown


def test_a_boolean_is_no_number(api: Client, open_environment: Environment) -> None:
    an_experiment(open_environment)

    assert api.patch("/experiments/exp-001", {"rollout_percent": True}).status == 422


def test_pages_follow_their_cursors_to_the_end(api: Client, open_environment: Environment) -> None:
    a_feature(open_environment, key="checkout")
    for number in range(4):
        api.decide(f"r{number}")

    first = api.get("/audits?feature_id=feat-001&limit=2").json
    second = api.get(f"/audits?feature_id=feat-001&limit=2&cursor={first['next_cursor']}").json
    plain = api.get("/audits?feature_id=feat-001&limit=2&cursor=2").json

    assert first["next_cursor"] == "eyJvZmZzZXQiOjJ9"
    assert [item["request_id"] for item in first["items"] + second["items"]] == ["r3", "r2", "r1", "r0"]
    assert second["next_cursor"] is None
    assert plain == second


def test_targeting_is_told_in_the_documents_words(api: Client, open_environment: Environment) -> None:
    audience = a_segment(open_environment.project)
    layer = a_layer(open_environment.project)
    a_running_experiment(open_environment, a_feature(open_environment, key="outside"), audience=audience)
    layered = a_running_experiment(open_environment, a_feature(open_environment, key="elsewhere"))
    hold_slots(layered, layer, slots=1, actor=SYSTEM)
    on = {"status": "on"}
    chosen, ruled, waiting = (a_feature(open_environment, key=key, state=on) for key in ("chosen", "ruled", "waiting"))
    set_override(chosen, open_environment, identifier="u-123", value=True, actor=SYSTEM)
    a_rule(ruled, open_environment)
    set_prerequisite(waiting, open_environment, required=a_feature(open_environment), actor=SYSTEM)

    keys = ("outside", "elsewhere", "chosen", "ruled", "waiting")
    told = {key: api.decide(f"r-{key}", key).json for key in keys}

    assert {key: (row["reason"], row["variant_key"]) for key, row in told.items()} == {
        "outside": ("not in rollout", "control"),
        "elsewhere": ("not in rollout", "control"),
        "chosen": ("feature_on", "enabled"),
        "ruled": ("feature_on", "enabled"),
        "waiting": ("feature_off", "control"),
    }
    assert REASONS.keys() == set(Reason) - {Reason.UNDECIDED}  # that one is a fault
