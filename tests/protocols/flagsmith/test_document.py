"""GET /api/v1/environment-document/: all that a client needs, and nothing that it would decide in another way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flagsmith import Flagsmith

from audits.services import SYSTEM
from decisions.protocols.flagsmith import local_evaluation
from decisions.snapshots import EnvironmentSnapshot, read
from features.services import set_override, set_prerequisite
from tenants.models import Environment
from tests.builders import a_condition, a_feature, a_rule, a_segment, an_environment
from tests.protocols.flagsmith.asks import a_split, switch
from tests.protocols.wire import Client, ask

PATH = "/api/v1/environment-document/"
PRO = a_condition("plan", "equals", "pro")


class Handler:
    """The document as a client has it that is offline."""

    def __init__(self, document: Any) -> None:
        self.document = document

    def get_environment(self) -> Any:
        return self.document


def decided(document: Any, key: str, identifier: str = "ann", **traits: Any) -> tuple[bool, Any]:
    """What a client decides by itself."""
    client = Flagsmith(offline_mode=True, offline_handler=Handler(document))
    flags = {flag.feature_name: flag for flag in client.get_identity_flags(identifier, traits).all_flags()}
    return flags[key].enabled, flags[key].value


def snapshot_of(environment: Environment) -> EnvironmentSnapshot:
    found = read(environment.pk)
    assert found
    return found


def reasons(environment: Environment, key: str) -> list[str]:
    return list(local_evaluation(snapshot_of(environment)).get(key, []))


def state_of(document: Any, key: str) -> Any:
    return next(state for state in document["feature_states"] if state["feature"]["name"] == key)


@pytest.fixture
def limit(environment: Environment) -> Any:
    return a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 10})


def test_it_is_for_servers(client: Client, server: Client, environment: Environment) -> None:
    refused = client.get(PATH)

    assert (refused.status, refused.json) == (403, {"detail": "Invalid or missing Environment key"})
    assert server.get(PATH).status == 200


def test_it_has_all_that_clients_look_for(server: Client, environment: Environment, limit: Any) -> None:
    a_feature(environment, key="secret", is_server_only=True)
    a_split(environment)

    document = server.get(PATH).json

    assert document["api_key"] == environment.public_id
    assert document["use_identity_composite_key_for_hashing"] is True
    assert datetime.fromisoformat(document["updated_at"]) == snapshot_of(environment).changed_at
    assert document["project"]["organisation"]["persist_trait_data"] is True
    assert document["project"]["server_key_only_feature_ids"] == [2]
    assert [state["feature"]["name"] for state in document["feature_states"]] == ["limit", "secret", "checkout"]
    split = state_of(document, "checkout")
    assert (split["django_id"], split["feature_state_value"]) == (12, "old")
    [variant] = split["multivariate_feature_state_values"]
    assert variant["percentage_allocation"] == 50
    assert variant["multivariate_feature_option"] == {"id": variant["id"], "value": "new", "key": "new"}


def test_a_segment_is_told_with_what_it_gets(server: Client, environment: Environment, limit: Any) -> None:
    segment = a_segment(environment.project, name="Professionals", conditions=PRO)
    a_rule(limit, environment, segment=segment, value=100)

    [told] = server.get(PATH).json["project"]["segments"]

    assert (told["id"], told["name"]) == (segment.pk, "Professionals")
    condition = {"property_": "plan", "operator": "IN", "value": "pro"}
    assert told["rules"] == [{"type": "ANY", "rules": [], "conditions": [condition]}]
    assert told["feature_states"][0]["feature_state_value"] == 100
    assert told["feature_states"][0]["feature_segment"] == {"priority": 0}


def test_the_first_rule_wins(server: Client, environment: Environment, limit: Any) -> None:
    a_rule(limit, environment, conditions=PRO, value=100)
    a_rule(limit, environment, conditions=a_condition("age", "gte", 18), value=50)

    document = server.get(PATH).json

    assert decided(document, "limit", plan="pro", age=20) == (True, 100)
    assert decided(document, "limit", age=20) == (True, 50)
    assert decided(document, "limit", age=17) == (True, 10)


def test_overrides_carry_values_and_no_number(server: Client, environment: Environment, limit: Any) -> None:
    a_split(environment)
    set_override(limit, environment, identifier="ann", value=7, actor=SYSTEM)
    set_override(limit.project.features.get(key="checkout"), environment, identifier="ann", value="mine", actor=SYSTEM)

    document = server.get(PATH).json

    [override] = document["identity_overrides"]
    assert "django_id" not in override
    assert override["composite_key"] == f"{environment.public_id}_ann"
    assert (decided(document, "limit"), decided(document, "checkout")) == ((True, 7), (True, "mine"))


def test_an_override_that_has_expired_is_left_out(server: Client, environment: Environment, limit: Any) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    set_override(limit, environment, identifier="ann", value=7, expires_at=past, actor=SYSTEM)

    assert server.get(PATH).json["identity_overrides"] == []


def test_those_outside_the_audience_stand_aside(server: Client, environment: Environment) -> None:
    audience = a_segment(environment.project, conditions={"any": [PRO, {"none": [a_condition("b", "exists", None)]}]})
    a_split(environment, audience=audience)

    document = server.get(PATH).json

    assert decided(document, "checkout", b=1) == (False, "old")
    assert decided(document, "checkout", plan="pro", b=1)[0] is True
    assert decided(document, "checkout")[0] is True


def test_an_experiment_in_a_rule_splits_whom_the_rule_means(server: Client, environment: Environment) -> None:
    experiment = a_split(environment)
    switch(experiment.feature, environment, status="on", active_experiment=None)
    a_rule(experiment.feature, environment, conditions=PRO, experiment=experiment)

    document = server.get(PATH).json

    told = {decided(document, "checkout", f"user-{number}", plan="pro") for number in range(20)}
    assert told == {(True, "old"), (True, "new")}
    assert decided(document, "checkout") == (True, "on")


def test_a_prerequisite_that_is_the_same_for_all_is_worked_out(
    server: Client, environment: Environment, limit: Any
) -> None:
    needed = a_feature(environment, key="master")
    set_prerequisite(limit, environment, required=needed, actor=SYSTEM)
    assert decided(server.get(PATH).json, "limit")[0] is False

    switch(needed, environment, status="on")
    assert decided(server.get(PATH).json, "limit") == (True, 10)


def test_what_clients_cannot_be_told_is_off_and_listed(server: Client, environment: Environment, limit: Any) -> None:
    a_rule(limit, environment, conditions=a_condition("email", "matches", "@example"), value=100)

    assert decided(server.get(PATH).json, "limit", email="a@example.com") == (False, False)
    [reason] = reasons(environment, "limit")
    assert reason.endswith("Flagsmith's clients have no 'matches' that decides like ours.")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ({"rollout_percent": 50}, "a part of the subjects"),
        ({"ramp": {"start": "2020-01-01", "from": 0, "end": "2120-01-01", "to": 100}}, "a part of the subjects"),
    ],
)
def test_percentages_are_of_another_hash(environment: Environment, limit: Any, state: Any, word: str) -> None:
    switch(limit, environment, **state)

    assert word in reasons(environment, "limit")[0]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"bucketing": "growthbook"}, "scheme 'growthbook'"),
        ({"hash_attribute": "company"}, "bucketed by 'company'"),
        ({"rollout_percent": 50}, "part of its subjects"),
        ({"seed": "summer"}, "whole numbers"),
        ({"seed": "007"}, "whole numbers"),
        ({"seed": str(2**53)}, "whole numbers"),
    ],
)
def test_only_splits_of_their_own_kind_are_told(
    server: Client, environment: Environment, changes: dict[str, Any], word: str
) -> None:
    a_split(environment, **changes)

    assert word in reasons(environment, "checkout")[0]
    assert decided(server.get(PATH).json, "checkout") == (False, "old")


def test_all_reasons_are_told_at_once(environment: Environment, limit: Any) -> None:
    a_rule(limit, environment, conditions=a_condition("a", "matches", "x"), value=1, rollout_percent=100)
    a_rule(limit, environment, conditions=a_condition("id", "equals", "x"), value=1)
    switch(limit, environment, rollout_percent=50)

    assert len(reasons(environment, "limit")) == 3


def test_what_nobody_can_reach_is_no_reason(environment: Environment, limit: Any) -> None:
    a_rule(limit, environment, value=1)
    a_rule(limit, environment, conditions=a_condition("a", "matches", "x"), value=2)

    assert reasons(environment, "limit") == []


def test_overrides_that_clients_mix_up_are_a_reason(environment: Environment, limit: Any) -> None:
    for identifier, value in (("ann", -1), ("bob", -2)):
        set_override(limit, environment, identifier=identifier, value=value, actor=SYSTEM)

    assert "mix up" in reasons(environment, "limit")[0]


def test_it_is_prepared_once_and_never_stale(
    server: Client, environment: Environment, limit: Any, django_assert_num_queries: Any
) -> None:
    first = server.get(PATH)
    again = ask("GET", PATH, key=server.key).but(if_modified_since=first.headers["last-modified"])
    with django_assert_num_queries(0):
        assert server.mount(again).status == 304

    switch(limit, environment, on_value=11)

    answer = server.mount(again)
    assert state_of(answer.json, "limit")["feature_state_value"] == 11
    assert answer.headers["etag"] != first.headers["etag"]


def test_nothing_of_another_environment_is_in_it(server: Client, environment: Environment, limit: Any) -> None:
    other = an_environment(environment.project)
    set_override(limit, other, identifier="mallory", value=1, actor=SYSTEM)

    assert b"mallory" not in server.get(PATH).body
