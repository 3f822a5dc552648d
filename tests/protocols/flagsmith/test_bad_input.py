"""What nobody should send: answered in Flagsmith's shapes, and never with a 500."""

import json
from typing import Any

import pytest

from tenants.models import Environment
from tests.builders import a_condition, a_feature, a_rule
from tests.protocols.corpus import BODIES, VALUES, with_value
from tests.protocols.flagsmith.asks import identify, put, traits_of
from tests.protocols.wire import Ask, Client, ask, through_http

TOO_LONG = "Value string is too long. Must be less than 2000 character"
POSTS = (
    "/api/v1/identities/",
    "/api/v1/traits/",
    "/api/v1/traits/increment-value/",
    "/api/v1/analytics/flags/",
    "/api/v2/analytics/flags/",
    "/api/v1/events",
)
GOOD = {"identifier": "ann", "trait_key": "a", "increment_by": 1, "trait_value": 1, "identity": {"identifier": "ann"}}


@pytest.fixture(autouse=True)
def _something_to_decide(environment: Environment) -> None:
    feature = a_feature(environment, key="limit", state={"status": "on"})
    a_rule(feature, environment, conditions=a_condition("age", "gt", 18), value=False)


def trait_complaint(answer: Any) -> Any:
    assert answer.status == 400, answer.body
    return answer.json["traits"][0]


@pytest.mark.parametrize(
    ("trait", "complaint"),
    [
        (7, {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}),
        ({}, {"trait_key": ["This field is required."], "trait_value": ["This field is required."]}),
        ({"trait_key": None, "trait_value": 1}, {"trait_key": ["This field may not be null."]}),
        ({"trait_key": "", "trait_value": 1}, {"trait_key": ["This field may not be blank."]}),
        ({"trait_key": True, "trait_value": 1}, {"trait_key": ["Not a valid string."]}),
        ({"trait_key": ["a"], "trait_value": 1}, {"trait_key": ["Not a valid string."]}),
        (
            {"trait_key": "k" * 201, "trait_value": 1},
            {"trait_key": ["Ensure this field has no more than 200 characters."]},
        ),
        ({"trait_key": "a", "trait_value": "x" * 2_001}, {"trait_value": [TOO_LONG]}),
        ({"trait_key": "a", "trait_value": ["x" * 2_001]}, {"trait_value": [TOO_LONG]}),
        ({"trait_key": "a", "trait_value": 1, "transient": "yes"}, {"transient": ["Must be a valid boolean."]}),
        ({"trait_key": "a", "trait_value": 10**30}, {"trait_value": ["Must not contain integers beyond 64 bits."]}),
    ],
)
def test_a_bad_trait_is_refused_by_field(client: Client, trait: Any, complaint: Any) -> None:
    answer = client.post("/api/v1/identities/", {"identifier": "ann", "traits": [trait]})

    assert trait_complaint(answer) == complaint


def test_each_complaint_stands_where_its_trait_stood(client: Client) -> None:
    traits = [{"trait_key": "a", "trait_value": 1}, {"trait_key": "b"}]

    answer = client.post("/api/v1/identities/", {"identifier": "x" * 513, "traits": traits})

    assert answer.json == {
        "identifier": ["Ensure this field has no more than 512 characters."],
        "traits": [{}, {"trait_value": ["This field is required."]}],
    }


@pytest.mark.parametrize("traits", ["x", 7, {"a": 1}, True])
def test_traits_are_a_list(client: Client, traits: Any) -> None:
    answer = client.post("/api/v1/identities/", {"identifier": "ann", "traits": traits})

    assert answer.status == 400
    assert "Expected a list of items" in answer.json["traits"][0]


@pytest.mark.parametrize("identifier", ["x" * 5_000, True, [], {}, " ", "a\x00b", "\ud800"])
def test_a_bad_identifier_is_refused(client: Client, identifier: Any) -> None:
    body = json.dumps({"identifier": identifier}).encode()

    assert client.post("/api/v1/identities/", body).status == 400
    assert client.get("/api/v1/identities/?identifier=a%00b").status == 400
    assert client.get("/api/v1/identities/?identifier=" + "x" * 5_000).status == 400


def test_what_their_server_fails_at(client: Client) -> None:
    """Long identifiers, great numbers, NUL, and a key twice."""
    assert identify(client, "x" * 2_001).status == 400
    assert traits_of(identify(client, "ann", {"n": 2**31, "big": 2**63 - 1})) == {"n": 2**31, "big": 2**63 - 1}
    assert identify(client, "ann", {"n": "a\x00b"}).status == 400
    twice = [{"trait_key": "n", "trait_value": value} for value in (1, 2)]
    assert traits_of(client.post("/api/v1/identities/", {"identifier": "new", "traits": twice})) == {"n": 2}


@pytest.mark.parametrize("path", POSTS)
def test_bad_bodies_are_refused_as_bad_json(client: Client, path: str) -> None:
    for name, body in BODIES.items():
        answer = client.post(path, body)
        assert answer.status == 400, (name, answer.body)
    for name, value in VALUES.items():
        answer = client.post(path, with_value(GOOD, "unheard_of", value))
        assert (answer.status, answer.json["detail"][:18]) == (400, "JSON parse error -"), (name, answer.body)


def test_every_value_everywhere_is_answered(client: Client) -> None:
    strange: list[Any] = [None, True, 0, -1, 1.5, 10**18, "", "x", "é☃", [], [None], {}, {"a": [{}]}, "\u2028", "🏳"]
    for path in POSTS:
        for field in (*GOOD, "traits", "transient", "evaluations", "events"):
            for value in strange:
                answer = client.post(path, {**GOOD, field: value})
                assert answer.status in (200, 204, 400), (path, field, value, answer.body)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "PURGE", "BREW"])
def test_other_methods_are_not_allowed(client: Client, method: str) -> None:
    if (client.mount, method) == (through_http, "BREW"):
        answer = client.mount(Ask(method, "/version/"))
        assert (answer.status, answer.headers["connection"]) == (400, "close"), "the server knows no such method"
        return
    for path in (*POSTS, "/api/v1/flags/", "/api/v1/environment-document/", "/version/"):
        answer = client.mount(Ask(method, path, b"", {"x-environment-key": client.key or ""}))

        assert (answer.status, answer.json) == (405, {"detail": "Method not allowed."})


@pytest.mark.parametrize("query", ["?feature=", "?feature=%00", "?feature=" + "x" * 9_000, "?feature=%FF&feature=x"])
def test_strange_features_are_not_found(client: Client, query: str) -> None:
    assert client.get(f"/api/v1/flags/{query}").json == {"detail": "Given feature not found"}


def test_too_much_is_refused(client: Client) -> None:
    many = [{"trait_key": f"k{number}", "trait_value": number} for number in range(10_000)]

    assert client.post("/api/v1/identities/", {"identifier": "ann", "traits": many}).status == 400
    assert client.post("/api/v1/identities/", b'"' + b"x" * 1_100_000 + b'"').status == 413
    assert put(client, "/api/v1/traits/bulk/", [7] * 20_000).status == 400


def test_strangers_ask_the_database_nothing(client: Client, django_assert_num_queries: Any) -> None:
    client.get("/api/v1/flags/")

    with django_assert_num_queries(0):
        for number in range(50):
            answer = client.mount(ask("GET", "/api/v1/flags/", key=f"sdk-nobody-{number}"))
            assert answer.status == 403
