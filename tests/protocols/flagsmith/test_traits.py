"""/api/v1/traits/: what clients of old keep of identities, one by one."""

import threading

import pytest
from django.db import connections

from audits.services import SYSTEM
from tenants import services as tenants
from tenants.models import Environment
from tests.protocols.flagsmith.asks import identify, put, traits_of
from tests.protocols.wire import Answer, Client

ONE, MANY, MORE = "/api/v1/traits/", "/api/v1/traits/bulk/", "/api/v1/traits/increment-value/"


def a_trait(key: str = "age", value: object = 30, identifier: str = "ann") -> dict[str, object]:
    return {"identity": {"identifier": identifier}, "trait_key": key, "trait_value": value}


def more(api: Client, by: object = 1, key: str = "visits") -> Answer:
    return api.post(MORE, {"identifier": "ann", "trait_key": key, "increment_by": by})


def test_a_trait_is_kept_and_told_back(client: Client) -> None:
    answer = client.post(ONE, a_trait())

    assert (answer.status, answer.json) == (200, a_trait())
    assert traits_of(identify(client, "ann")) == {"age": 30}


def test_one_trait_cannot_be_forgotten_this_way(client: Client) -> None:
    answer = client.post(ONE, a_trait(value=None))

    assert (answer.status, answer.json) == (400, {"trait_value": ["This field may not be null."]})


def test_many_are_kept_and_forgotten_together(client: Client) -> None:
    client.post(ONE, a_trait("old", "x"))

    answer = put(client, MANY, [a_trait(), a_trait("old", None), a_trait("plan", "pro", identifier="bob")])

    assert (answer.status, answer.json) == (200, [a_trait(), a_trait("plan", "pro", identifier="bob")])
    assert traits_of(identify(client, "ann")) == {"age": 30}
    assert traits_of(identify(client, "bob")) == {"plan": "pro"}


def test_many_are_a_list(client: Client) -> None:
    answer = put(client, MANY, a_trait())

    assert (answer.status, answer.json) == (400, {"detail": "Invalid request data"})


def test_of_many_all_complaints_come_at_once_and_nothing_is_kept(client: Client) -> None:
    answer = put(client, MANY, [a_trait(), a_trait("", 1), {"trait_key": "x", "trait_value": 1}, 7])

    blank = {"trait_key": ["This field may not be blank."]}
    nobody = {"identity": ["This field is required."]}
    no_object = {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}
    assert (answer.status, answer.json) == (400, [{}, blank, nobody, no_object])
    assert traits_of(identify(client, "ann")) == {}


def test_a_number_grows(client: Client) -> None:
    assert more(client, 2).json == {"trait_key": "visits", "trait_value": 2, "identifier": "ann"}
    assert more(client, -5).json["trait_value"] == -3


def test_only_whole_numbers_grow(client: Client) -> None:
    client.post(ONE, a_trait("visits", "many"))

    assert (more(client).status, more(client).json) == (400, ["Trait is not an integer."])
    assert more(client, 1.5).json == {"increment_by": ["A valid integer is required."]}


def test_nothing_is_lost_when_many_count_at_once(client: Client) -> None:
    def count() -> None:
        try:
            more(client)
        finally:
            connections.close_all()  # a thread of a test ends without giving its connection back

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert traits_of(identify(client, "ann")) == {"visits": 8}


@pytest.mark.parametrize("call", [ONE, MANY, MORE])
def test_clients_may_be_told_to_say_nothing(
    client: Client, server: Client, environment: Environment, call: str
) -> None:
    tenants.update_environment(environment, allow_client_traits=False, actor=SYSTEM)

    answer = put(client, call, [a_trait()]) if call == MANY else client.post(call, a_trait())

    refused = {"non_field_errors": ["Setting traits not allowed with client key."]}
    assert (answer.status, answer.json) == (400, refused)
    assert server.post(ONE, a_trait()).status == 200


def test_an_environment_may_keep_nothing(client: Client, environment: Environment) -> None:
    tenants.update_environment(environment, persist_traits=False, actor=SYSTEM)

    answer = client.post(ONE, a_trait())

    assert (answer.status, answer.json) == (403, {"detail": "Organisation is not authorised to store traits."})
