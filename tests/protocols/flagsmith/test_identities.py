"""/api/v1/identities/: the flags of somebody, and what is kept of them."""

import json
from hashlib import sha256
from typing import Any

import pytest

from audits.services import SYSTEM
from features import services as features
from features.models import Identity
from features.services import set_override
from tenants import services as tenants
from tenants.models import Environment
from tests.builders import a_condition, a_feature, a_rule, a_segment
from tests.protocols.flagsmith.asks import a_split, by_name, identify, switch, traits_of
from tests.protocols.wire import Client


@pytest.fixture
def limit(environment: Environment) -> Any:
    """10, or 100 for those of plan pro."""
    feature = a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 10})
    segment = a_segment(environment.project, name="Professionals", conditions=a_condition("plan", "equals", "pro"))
    a_rule(feature, environment, segment=segment, value=100)
    return feature


def value_of(answer: Any, key: str = "limit") -> Any:
    return by_name(answer)[key]["feature_state_value"]


def test_traits_decide_and_are_kept(client: Client, limit: Any) -> None:
    first = identify(client, "ann", {"plan": "pro"})

    assert value_of(first) == 100
    assert by_name(first)["limit"]["reason"] == "TARGETING_MATCH; segment=Professionals"
    assert first.json["traits"] == [{"trait_key": "plan", "trait_value": "pro", "transient": False, "id": None}]
    assert value_of(client.get("/api/v1/identities/?identifier=ann")) == 100
    assert value_of(identify(client, "bob")) == 10


def test_null_forgets_a_trait(client: Client, limit: Any) -> None:
    identify(client, "ann", {"plan": "pro", "age": 30})

    answer = identify(client, "ann", {"plan": None})

    assert (value_of(answer), traits_of(answer)) == (10, {"age": 30})
    assert traits_of(identify(client, "ann")) == {"age": 30}


def test_a_transient_trait_counts_once(client: Client, limit: Any) -> None:
    identify(client, "ann", {"age": 30})

    answer = identify(client, "ann", {"plan": {"value": "pro", "transient": True}})

    assert (value_of(answer), traits_of(answer)) == (100, {"age": 30, "plan": "pro"})
    assert traits_of(identify(client, "ann")) == {"age": 30}


def test_a_transient_identity_keeps_nothing_and_is_still_known(client: Client, limit: Any) -> None:
    identify(client, "ann", {"age": 30})

    answer = identify(client, "ann", {"plan": "pro"}, transient=True)

    assert (value_of(answer), traits_of(answer)) == (100, {"age": 30, "plan": "pro"})
    assert traits_of(identify(client, "ann")) == {"age": 30}


@pytest.mark.parametrize("identifier", [None, ""])
def test_somebody_without_an_identifier_gets_one_that_is_not_kept(
    client: Client, limit: Any, identifier: str | None
) -> None:
    answer = identify(client, identifier, {"plan": "pro", "age": 30})

    assert answer.json["identifier"] == sha256(b"age30planpro").hexdigest()
    assert value_of(answer) == 100
    assert len(identify(client, identifier).json["identifier"]) == 32
    assert not Identity.objects.exists()


def test_asking_alone_keeps_nothing(client: Client, limit: Any) -> None:
    assert client.get("/api/v1/identities/?identifier=ann").json["identifier"] == "ann"
    assert not Identity.objects.exists()


def test_asking_needs_an_identifier(client: Client, environment: Environment) -> None:
    answer = client.get("/api/v1/identities/")

    assert (answer.status, answer.json) == (400, {"detail": "Missing identifier"})


def test_an_identifier_may_be_a_number(client: Client, limit: Any) -> None:
    set_override(limit, limit.project.environments.get(), identifier="42", value=7, actor=SYSTEM)

    answer = identify(client, 42)  # type: ignore[arg-type]

    assert (answer.json["identifier"], value_of(answer)) == ("42", 7)


def test_an_override_comes_first(client: Client, environment: Environment, limit: Any) -> None:
    set_override(limit, environment, identifier="ann", value=7, actor=SYSTEM)

    flag = by_name(identify(client, "ann", {"plan": "pro"}))["limit"]

    assert (flag["feature_state_value"], flag["reason"]) == (7, "TARGETING_MATCH; segment=identity_overrides")


def test_a_split_tells_the_variant_and_the_experiment(client: Client, environment: Environment) -> None:
    experiment = a_split(environment)

    flags = [by_name(identify(client, f"user-{number}"))["checkout"] for number in range(20)]

    told = {(flag["feature_state_value"], flag["variant"], flag["reason"], flag["enabled"]) for flag in flags}
    assert told == {("old", "control", "STATIC", True), ("new", "new", "SPLIT; weight=50", True)}
    expected = {"experiment": {"id": experiment.number, "name": "Which one?", "in_experiment": True}}
    assert all(flag["metadata"] == expected for flag in flags)


def test_whoever_stands_outside_an_experiment_is_told_so(client: Client, environment: Environment) -> None:
    audience = a_segment(environment.project, conditions=a_condition("plan", "equals", "pro"))
    a_split(environment, audience=audience)

    flag = by_name(identify(client, "ann"))["checkout"]

    assert (flag["enabled"], flag["feature_state_value"]) == (False, "old")
    assert flag["metadata"]["experiment"]["in_experiment"] is False


def test_a_single_flag_can_be_asked_for(client: Client, limit: Any) -> None:
    answer = client.get("/api/v1/identities/?identifier=ann&feature=limit")

    assert answer.json["feature_state_value"] == 10
    missing = client.get("/api/v1/identities/?identifier=ann&feature=nothing")
    assert (missing.status, missing.json) == (404, {"detail": "Given feature not found"})


def test_clients_may_be_told_to_say_nothing(
    client: Client, server: Client, environment: Environment, limit: Any
) -> None:
    identify(server, "ann", {"age": 30})
    tenants.update_environment(environment, allow_client_traits=False, actor=SYSTEM)

    answer = identify(client, "ann", {"plan": "pro"})

    assert (value_of(answer), traits_of(answer)) == (10, {"age": 30})
    assert value_of(identify(server, "ann", {"plan": "pro"})) == 100


def test_traits_need_not_be_kept(client: Client, environment: Environment, limit: Any) -> None:
    tenants.update_environment(environment, persist_traits=False, actor=SYSTEM)

    assert value_of(identify(client, "ann", {"plan": "pro"})) == 100
    assert value_of(identify(client, "ann")) == 10
    assert not Identity.objects.exists()


def test_sensitive_data_are_traits_as_well(client: Client, environment: Environment, limit: Any) -> None:
    tenants.update_environment(environment, hide_sensitive_data=True, actor=SYSTEM)

    answer = identify(client, "ann", {"plan": "pro"})

    assert (value_of(answer), answer.json["traits"]) == (100, [])


def test_lists_and_objects_become_json_text(client: Client, limit: Any) -> None:
    answer = identify(client, "ann", {"tags": ["a", {"b": 1}]})

    assert traits_of(answer) == {"tags": '["a",{"b":1}]'}


def test_text_that_looks_like_a_number_is_one_where_only_numbers_are_asked_for(
    client: Client, environment: Environment
) -> None:
    feature = a_feature(environment, key="adult", state={"status": "off"})
    switch(feature, environment, status="on", rollout_percent=0)
    a_rule(feature, environment, conditions=a_condition("age", "gte", 18))

    assert by_name(identify(client, "ann", {"age": "18"}))["adult"]["enabled"] is True
    assert traits_of(identify(client, "ann")) == {"age": "18"}

    a_rule(feature, environment, conditions=a_condition("age", "equals", "007"), value=False)
    assert by_name(identify(client, "ann", {"age": "18"}))["adult"]["enabled"] is False


def test_it_costs_one_read_and_at_most_one_write(
    server: Client, environment: Environment, limit: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        a_feature(environment)
    identify(server, "ann", {"plan": "pro"})

    with django_assert_max_num_queries(1):
        assert value_of(identify(server, "ann", {"plan": "pro"})) == 100
    with django_assert_max_num_queries(2):
        identify(server, "ann", {"plan": "free"})


def test_archived_features_are_gone(client: Client, limit: Any) -> None:
    features.archive(limit, actor=SYSTEM)

    assert by_name(identify(client, "ann")) == {}


def test_a_body_as_the_oldest_clients_send_it(client: Client, limit: Any) -> None:
    sent = json.dumps({"identifier": "ann"}).encode()

    assert value_of(client.post("/api/v1/identities", sent)) == 10
