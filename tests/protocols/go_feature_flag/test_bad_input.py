"""Whatever comes in, `{"message": …}` goes out, or an answer with the caller's default; never a 500."""

import json
from typing import Any

import pytest

from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_key
from tests.protocols.corpus import BODIES
from tests.protocols.go_feature_flag.asks import Asker, with_headers
from tests.protocols.wire import Mount, ask, through_asgi

EVALUATE = "/v1/feature/banner/eval"
POSTS = [EVALUATE, "/v1/allflags", "/v1/data/collector", "/v1/flag/configuration"]
GOOD = {"evaluationContext": {"key": "u-1"}}

WRONG: list[tuple[Any, str]] = [
    ({}, "assertRequest: impossible to find user in request"),
    ({"user": None, "evaluationContext": None}, "assertRequest: impossible to find user in request"),
    ({"evaluationContext": []}, "Unmarshal type error: expected=object, got=array, field=evaluationContext"),
    ({"evaluationContext": 7}, "Unmarshal type error: expected=object, got=number, field=evaluationContext"),
    ({"user": "ann"}, "Unmarshal type error: expected=object, got=string, field=user"),
    ({"user": {"key": 7}}, "Unmarshal type error: expected=string, got=number, field=user.key"),
    (
        {"evaluationContext": {"key": True}},
        "Unmarshal type error: expected=string, got=bool, field=evaluationContext.key",
    ),
    (
        {"user": {"key": "u", "anonymous": "no"}},
        "Unmarshal type error: expected=bool, got=string, field=user.anonymous",
    ),
    ({"user": {"key": "u", "custom": []}}, "Unmarshal type error: expected=object, got=array, field=user.custom"),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
@pytest.mark.parametrize("target", POSTS[:2])
def test_a_context_that_is_none_is_refused(client: Asker, target: str, body: Any, message: str) -> None:
    answer = client.post(target, body)

    assert (answer.status, answer.json) == (400, {"message": message})


@pytest.mark.parametrize("target", POSTS)
def test_a_body_that_is_no_json_is_refused(server: Asker, target: str) -> None:
    for name, body in BODIES.items():
        if target.endswith("configuration") and not body.strip():
            continue  # all flags are asked for by asking for none
        answer = server.post(target, body, content_type="application/json")

        assert answer.status == 400, (name, answer.body)
        assert answer.json.keys() in ({"message"}, {"errorCode", "errorDetails"})


def test_a_configuration_is_refused_in_a_shape_of_its_own(server: Asker) -> None:
    for body in (b"{", b"[]", b'{"flags":"banner"}', b'{"flags":[7]}'):
        answer = server.post("/v1/flag/configuration", body)

        assert answer.status == 400
        assert answer.json["errorCode"] == "INVALID_REQUEST"
        assert answer.json["errorDetails"].startswith("impossible to read request body: ")


@pytest.mark.parametrize("target", POSTS)
def test_a_body_that_does_not_say_that_it_is_json_is_refused(server: Asker, target: str) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"):
        answer = server.post(target, json.dumps(GOOD).encode(), content_type=content_type)

        assert (answer.status, answer.json) == (415, {"message": "Unsupported Media Type"})
    assert server.post(EVALUATE, GOOD, content_type="application/json; charset=utf-8").status == 200


ODD: list[Any] = [
    {"key": "k" * 1_000_000},
    {"key": "\x00".replace("\x00", "\ufffd"), "custom": {"": "", "a.b": {"c": [[[]]]}}},
    {"key": "u", "custom": {str(number): number for number in range(4_000)}},
    {"key": "u", "custom": {"gofeatureflag": 7}},
    {"key": "u", "custom": {"gofeatureflag": {"flagList": {"a": 1}, "currentDateTime": [], "exporterMetadata": 5}}},
    {"key": "u", "custom": {"key": 5, "targetingKey": [], "anonymous": {}, "plan": None}},
    {"key": "u", "custom": {"big": 10**400, "small": -(2**63), "float": 1e308}},
    {"key": "u", "email": "beside the attributes"},
    {"key": None, "custom": None},
]


@pytest.mark.parametrize("context", ODD, ids=lambda context: ascii(context)[:40])
def test_an_odd_context_is_answered(server: Asker, context: Any) -> None:
    one = server.post(EVALUATE, {"evaluationContext": context, "unheard_of": [1]})
    every = server.post("/v1/allflags", {"evaluationContext": context})

    assert (one.status, one.json["value"], every.status) == (200, "hello", 200)


def test_ten_thousand_attributes_are_too_many(client: Asker) -> None:
    context = {"key": "u", "custom": {str(number): number for number in range(10_000)}}

    answer = client.post(EVALUATE, {"evaluationContext": context})

    assert (answer.status, answer.json) == (400, {"message": "must not hold more than 10000 values"})


def test_a_key_is_looked_for_in_order(shop: Environment, mount: Mount) -> None:
    good, call = a_key(shop), ask("POST", EVALUATE, GOOD)
    accepted: list[dict[str, str]] = [
        {"x_api_key": good},
        {"authorization": f"Bearer {good}"},
        {"authorization": f"bearer  {good}"},
        {"x_api_key": good, "authorization": "Bearer wrong"},
        {"x_api_key": "", "authorization": f"Bearer {good}"},
    ]
    refused: dict[str, list[dict[str, str]]] = {
        "missing key in request header": [{}, {"x_api_key": ""}],
        "invalid key": [
            {"x_api_key": "wrong"},
            {"authorization": "Bearer wrong"},
            {"x_api_key": "wrong", "authorization": f"Bearer {good}"},
        ],
        "invalid key in the request header": [{"authorization": good}, {"authorization": f"Basic {good}"}],
    }

    for headers in accepted:
        assert mount(with_headers(call, **headers)).status == 200, headers
    for message, cases in refused.items():
        for headers in cases:
            answer = mount(with_headers(call, **headers))
            assert (answer.status, answer.json) == (401, {"message": message}), headers


def test_a_key_in_the_address_is_for_streams_only(shop: Environment) -> None:
    key = a_key(shop)

    assert through_asgi(ask("POST", f"{EVALUATE}?apiKey={key}", GOOD)).status == 401
    stream = ask("GET", "/stream/v1/sse/flag/change").but(x_api_key=key)
    assert through_asgi(stream).json == {"message": "missing key in request header"}


@pytest.mark.parametrize("kind", [Kind.CLIENT, Kind.SERVER, Kind.MANAGE])
def test_a_key_does_what_it_may(shop: Environment, mount: Mount, kind: Kind) -> None:
    asker = Asker(mount, a_key(shop, kind))
    rights = {
        ("POST", EVALUATE, True): 200,
        ("POST", "/v1/allflags", True): 200,
        ("GET", "/v1/flag/change", False): 200,
        ("GET", "/openfeature/v0/manifest", False): 200,
        ("POST", "/v1/flag/configuration", False): 403 if kind is Kind.CLIENT else 200,
        ("POST", "/admin/v1/retriever/refresh", False): 200 if kind is Kind.MANAGE else 403,
    }

    for (method, target, has_body), status in rights.items():
        answer = asker.call(method, target, GOOD if has_body else None)
        assert answer.status == status, (target, answer.body)
        assert status == 200 or answer.json.keys() == {"message"}


@pytest.mark.parametrize(
    "target", ["/v1/feature/eval", "/v1/feature//eval", "/v1/feature/a/b/eval", "/v1", "/v1/flag", "/v1/data"]
)
def test_an_address_beside_ours_is_not_found(client: Asker, target: str) -> None:
    assert client.post(target, GOOD).status == 404


def test_a_page_of_any_origin_may_ask(client: Asker, mount: Mount) -> None:
    preflight = mount(ask("OPTIONS", "/v1/allflags").but(access_control_request_headers="authorization,content-type"))
    answer = client.flags()

    assert preflight.status == 204
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "ETag, Last-Modified, Retry-After"
