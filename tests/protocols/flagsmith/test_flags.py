"""GET /api/v1/flags/: prepared once a revision, never stale, and no more than the key may see."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audits.services import SYSTEM
from decisions.process import gateway
from tenants import services as tenants
from tenants.models import Environment
from tests.builders import a_feature, a_key, a_rule
from tests.protocols.flagsmith.asks import a_split, by_name, switch
from tests.protocols.wire import Client, Mount, ask, through_asgi

PATH = "/api/v1/flags/"
UPDATED_AT = "x-flagsmith-document-updated-at"


def test_a_flag_has_all_that_clients_read(client: Client, environment: Environment) -> None:
    feature = a_feature(environment, key="limit", name="Limit", description="How many", value_type="number")
    switch(feature, environment, status="on", on_value=10)

    flag = by_name(client.get(PATH))["limit"]

    created = flag["feature"].pop("created_date")
    assert datetime.fromisoformat(created).tzinfo is not None
    assert flag == {
        "id": feature.number,
        "feature": {
            "id": feature.number,
            "name": "limit",
            "type": "STANDARD",
            "description": "How many",
            "initial_value": None,
            "default_enabled": False,
        },
        "enabled": True,
        "feature_state_value": 10,
        "environment": environment.pk,
        "identity": None,
        "feature_segment": None,
        "variant": None,
        "reason": "STATIC",
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("value_type", "value", "carried"),
    [
        ("string", "red", "red"),
        ("number", 2.5, 2.5),
        ("boolean", True, True),
        ("json", {"a": [1, None]}, '{"a":[1,null]}'),
        ("json", "text", '"text"'),
        ("json", None, "null"),
    ],
)
def test_every_value_is_a_scalar(
    client: Client, environment: Environment, value_type: str, value: object, carried: object
) -> None:
    a_feature(environment, key="theme", value_type=value_type, state={"status": "on", "on_value": value})

    flag = by_name(client.get(PATH))["theme"]

    assert (flag["enabled"], flag["feature_state_value"]) == (True, carried)


def test_a_feature_that_is_off_carries_its_off_value(client: Client, environment: Environment) -> None:
    a_feature(environment, key="theme", value_type="string", state={"on_value": "red", "off_value": "grey"})

    flag = by_name(client.get(PATH))["theme"]

    assert (flag["enabled"], flag["feature_state_value"]) == (False, "grey")


def test_a_boolean_feature_that_answers_false_is_not_enabled(client: Client, environment: Environment) -> None:
    feature = a_feature(environment, key="beta", state={"status": "on"})
    a_rule(feature, environment, value=False)

    assert by_name(client.get(PATH))["beta"]["enabled"] is False


def test_nobody_in_particular_gets_the_control_of_a_split(client: Client, environment: Environment) -> None:
    a_split(environment)

    flag = by_name(client.get(PATH))["checkout"]

    assert (flag["feature_state_value"], flag["variant"], flag["feature"]["type"]) == ("old", "control", "MULTIVARIATE")
    assert flag["reason"] == "ERROR; code=TARGETING_KEY_MISSING"
    assert flag["metadata"]["experiment"]["in_experiment"] is False


def test_one_feature_is_one_object(client: Client, environment: Environment) -> None:
    a_feature(environment, key="one")
    a_feature(environment, key="two")

    assert client.get(f"{PATH}?feature=two").json["feature"]["name"] == "two"
    missing = client.get(f"{PATH}?feature=three")
    assert (missing.status, missing.json) == (404, {"detail": "Given feature not found"})


def test_both_ways_to_write_a_path_answer_alike(client: Client, environment: Environment) -> None:
    a_feature(environment)

    assert client.get(PATH) == client.get(PATH.removesuffix("/"))


def test_client_keys_never_see_what_is_for_servers(client: Client, server: Client, environment: Environment) -> None:
    a_feature(environment, key="secret", is_server_only=True)
    tenants.update_environment(environment, hide_disabled_flags=False, actor=SYSTEM)

    for target in (PATH, "/api/v1/identities/?identifier=ann"):
        assert "secret" not in by_name(client.get(target))
        assert "secret" in by_name(server.get(target))
    assert client.get(f"{PATH}?feature=secret").status == 404
    assert server.get(f"{PATH}?feature=secret").status == 200


def test_disabled_flags_can_be_hidden(client: Client, environment: Environment) -> None:
    a_feature(environment, key="off")
    a_feature(environment, key="on", state={"status": "on"})

    tenants.update_environment(environment, hide_disabled_flags=True, actor=SYSTEM)

    assert by_name(client.get(PATH)).keys() == {"on"}
    assert by_name(client.get("/api/v1/identities/?identifier=ann")).keys() == {"on"}
    assert client.get(f"{PATH}?feature=off").status == 404


def test_sensitive_data_can_be_hidden(client: Client, environment: Environment) -> None:
    a_feature(environment, key="on", description="Why we do this", state={"status": "on"})

    tenants.update_environment(environment, hide_sensitive_data=True, actor=SYSTEM)

    flag = by_name(client.get(PATH))["on"]
    assert (flag["id"], flag["environment"], flag["identity"], flag["feature_segment"]) == (None, None, None, None)
    hidden = ("created_date", "description", "initial_value", "default_enabled")
    assert [flag["feature"][name] for name in hidden] == [None] * 4


def test_whoever_has_the_answer_is_told_so_until_it_changes(
    client: Client, environment: Environment, mount: Mount
) -> None:
    feature = a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 1})
    first = client.get(PATH)
    by_tag = ask("GET", PATH, key=client.key).but(if_none_match=first.headers["etag"])
    by_date = ask("GET", PATH, key=client.key).but(if_modified_since=first.headers["last-modified"])
    assert [mount(by_tag).status, mount(by_date).status] == [304, 304]

    switch(feature, environment, on_value=2)

    for answer in (mount(by_tag), mount(by_date)):
        assert by_name(answer)["limit"]["feature_state_value"] == 2
        assert float(answer.headers[UPDATED_AT]) > float(first.headers[UPDATED_AT])


def test_what_a_schedule_has_done_is_told(client: Client, environment: Environment) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    feature = a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 1})
    steps = [{"at": past.isoformat(), "value": 2}, {"at": (past + timedelta(days=1)).isoformat(), "value": 3}]
    switch(feature, environment, steps=steps)

    assert by_name(client.get(PATH))["limit"]["feature_state_value"] == 2


def test_browsers_may_read_when_it_was_updated(client: Client, environment: Environment) -> None:
    headers = client.get(PATH).headers

    assert headers["access-control-allow-origin"] == "*"
    assert UPDATED_AT in headers["access-control-expose-headers"].lower()


def test_a_key_that_is_missing_or_unknown_is_refused_in_their_words(client: Client, environment: Environment) -> None:
    missing, unknown = Client(client.mount).get(PATH), Client(client.mount, "ser.nobody").get(PATH)

    assert (missing.status, missing.json) == (403, {"detail": "Invalid or missing Environment key"})
    assert (unknown.status, unknown.json) == (403, {"detail": "Invalid or missing Environment Key"})


def test_the_name_of_an_environment_is_no_key_to_it(client: Client, environment: Environment) -> None:
    assert Client(client.mount, environment.public_id).get(PATH).status == 403


def test_one_flag_counts_as_used_and_all_of_them_do_not(environment: Environment) -> None:
    a_feature(environment, key="limit", state={"status": "on"})
    api = Client(through_asgi, a_key(environment))
    api.get(PATH)
    assert not gateway().observer._seen

    api.get(f"{PATH}?feature=limit")
    (seen,) = gateway().observer._seen
    assert seen[1] == "limit"


def test_the_answer_is_prepared_once(client: Client, environment: Environment, django_assert_num_queries: Any) -> None:
    a_feature(environment)
    client.get(PATH)

    with django_assert_num_queries(0):
        client.get(PATH)
