"""What every protocol holds to, whoever's words it speaks. A new module of decisions/protocols joins by itself."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from django.utils import timezone
from pytest_django import Settings

from audits.models import Decision
from audits.services import SYSTEM
from decisions.protocols import protocols
from decisions.protocols._base import STATUSES, WEBSOCKET, Kind, Protocol, Refusal
from tenants import services
from tenants.models import Environment
from tenants.roles import Kind as KeyKind
from tests.builders import a_feature, a_key, a_running_experiment
from tests.conftest import OPEN
from tests.protocols.abetterchoice.asks import signed
from tests.protocols.corpus import BEYOND_LIMIT, BODIES, VALUES, with_value
from tests.protocols.wire import Answer, Ask, Mount, ask, through_asgi, through_http, through_wsgi

ROOT = Path(__file__).parent.parent.parent
STRANGER = "sdk-nobody-has-this-key"


def feature_hub(key: str | None) -> Ask:
    body = {"request_id": "r1", "feature_key": "checkout", "user_id": "u-123", "context": {}}
    return ask("POST", "/decisions", body, key)


def flagsmith(key: str | None) -> Ask:
    traits = [{"trait_key": "plan", "trait_value": "pro"}]
    return ask("POST", "/api/v1/identities/", {"identifier": "u-123", "traits": traits}, key)


def go_feature_flag(key: str | None) -> Ask:
    body = {"evaluationContext": {"key": "u-123", "custom": {"plan": "pro"}}, "defaultValue": False}
    call = ask("POST", "/v1/feature/checkout/eval", body)
    return call.but(x_api_key=key) if key else call


def growthbook(key: str | None) -> Ask:
    body = {"attributes": {"id": "u-123"}}
    return ask("POST", f"/api/eval/{quote(key, safe='')}" if key else "/track", body)


def growthbook_api(key: str | None) -> Ask:
    call = ask("POST", "/evaluate_feature", {"feature_key": "checkout", "user_attributes": {"id": "u-123"}})
    return call.but(client_token=key) if key else call


def health(key: str | None) -> Ask:
    return ask("GET", "/health")


def ofrep(key: str | None) -> Ask:
    call = ask("POST", "/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "u-123"}})
    return call.but(x_api_key=key) if key else call


SIGNER = "contract"


def abetterchoice(key: str | None) -> Ask:
    body = {"project_id": OPEN.split("/")[1], "unit_id": "u-123", "feature_names": ["checkout"]}
    call = ask("POST", "/abc/get_feature_flags", body)
    return signed(call, SIGNER, key) if key else call


SAMPLES: dict[str, Callable[[str | None], Ask]] = {
    "feature_hub": feature_hub,
    "flagsmith": flagsmith,
    "go_feature_flag": go_feature_flag,
    "growthbook": growthbook,
    "growthbook_api": growthbook_api,
    "health": health,
    "ofrep": ofrep,
    "abetterchoice": abetterchoice,
}
"""For each protocol, a call that is answered with 2xx where there is a running experiment on the feature `checkout`."""

WITH_STATUS_200: frozenset[str] = frozenset({"abetterchoice"})
"""The protocols whose callers look for errors in the body alone."""

WITHOUT_A_KEY = {"growthbook_api": Kind.MALFORMED}
"""What a missing key is to those for whom it is a field like others."""

TOLERATED: dict[str, frozenset[str]] = {}
"""The bad bodies that a protocol takes all the same, by their names in the corpus, as its documents say."""

EVERY = {protocol.slug: protocol for protocol in protocols()}
WITH_KEYS = [slug for slug, protocol in EVERY.items() if any(route.right for route in protocol.routes)]
WITH_BODIES = [slug for slug, sample in SAMPLES.items() if sample("k").method == "POST"]


def test_every_protocol_has_a_sample_call() -> None:
    assert SAMPLES.keys() == EVERY.keys()


def test_every_module_is_a_protocol_of_its_own_name() -> None:
    modules = {module.name for module in iter_modules([str(ROOT / "decisions/protocols")]) if module.name[0] != "_"}

    assert modules == EVERY.keys()


@pytest.fixture(params=EVERY)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return EVERY[request.param]


@pytest.fixture
def environment(open_environment: Environment) -> Environment:
    a_running_experiment(open_environment, a_feature(open_environment, key="checkout"))
    return open_environment


def sample(protocol: Protocol, key: str | None) -> Ask:
    return SAMPLES[protocol.slug](key)


def a_key_for(protocol: Protocol, environment: Environment, **changes: Any) -> str:
    """A key of the kind that the protocol wants."""
    if protocol.verify:
        return a_key(environment, KeyKind.SIGNING, name=SIGNER, **changes)
    return a_key(environment, **changes)


def is_answered(answer: Answer, protocol: Protocol) -> bool:
    """Whether an answer is none of the protocol's refusals."""
    return answer.status == 200 and answer.json.keys() != protocol.refuse(Refusal(Kind.INVALID, "because")).body.keys()


def is_refused(answer: Answer, protocol: Protocol, kind: Kind) -> bool:
    """Whether an answer is the protocol's own refusal of this kind: its status, its shape, and no inner workings."""
    worded = protocol.refuse(Refusal(kind, "because", []))
    assert answer.status == worded.status, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert b"Traceback" not in answer.body
    return bool(answer.json.keys() == worded.body.keys())


def test_it_has_a_page_in_the_documentation(protocol: Protocol) -> None:
    page = ROOT / "docs/protocols" / f"{protocol.slug}.md"

    assert page.exists(), f"describe {protocol.title} in {page.relative_to(ROOT)}"
    assert all(route.path.partition("{")[0] in page.read_text() for route in protocol.routes)


def test_it_has_tests_of_its_own(protocol: Protocol) -> None:
    here = Path(__file__).parent

    assert (here / f"test_{protocol.slug}.py").exists() or list((here / protocol.slug).glob("test_*.py"))


def test_its_routes_are_its_own() -> None:
    routes = [(route.method, route.path) for protocol in protocols() for route in protocol.routes]

    assert len(routes) == len(set(routes))


def test_its_routes_say_what_they_do(protocol: Protocol) -> None:
    for route in protocol.routes:
        assert route.path.startswith("/")
        assert route.method in {"GET", "POST", "PUT", "PATCH", "DELETE", WEBSOCKET}
        assert route.summary.endswith(".")


@pytest.mark.parametrize("kind", Kind)
def test_it_words_every_refusal_as_json_with_an_error_status(protocol: Protocol, kind: Kind) -> None:
    reply = protocol.refuse(Refusal(kind, "because", ["GET"]))

    if protocol.slug not in WITH_STATUS_200:
        assert 400 <= reply.status < 600
        assert (reply.status >= 500) == (STATUSES[kind] >= 500)
    assert json.loads(msgspec.json.encode(reply.body))


def test_it_answers_its_sample_with_each_kind_of_server(
    protocol: Protocol, environment: Environment, mount: Mount
) -> None:
    answer = mount(sample(protocol, a_key_for(protocol, environment)))

    assert is_answered(answer, protocol), answer.body
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_it_answers_alike_through_each_kind_of_server(protocol: Protocol, environment: Environment) -> None:
    call = sample(protocol, a_key_for(protocol, environment))
    calls = [call, replace(call, method="DELETE"), replace(call, method="HEAD"), replace(call, method="OPTIONS"),
             replace(call, body=b"{"), replace(call, target=f"{call.target}?x=%00")]  # fmt: skip

    for one in calls:
        assert through_asgi(one) == through_wsgi(one) == through_http(one), one


def test_a_method_it_does_not_know_is_refused_with_those_it_does(protocol: Protocol, environment: Environment) -> None:
    for route in (route for route in protocol.routes if route.method != WEBSOCKET):
        answer = through_asgi(Ask("DELETE", route.path.replace("{", "").replace("}", "")))

        assert is_refused(answer, protocol, Kind.METHOD_NOT_ALLOWED)
        assert route.method in answer.headers["allow"].split(", ")


def test_head_is_get_without_a_body(protocol: Protocol, environment: Environment, mount: Mount) -> None:
    call = sample(protocol, a_key_for(protocol, environment))
    as_get, as_head = mount(replace(call, method="GET")), mount(replace(call, method="HEAD"))

    assert as_head.body == b""
    assert (as_head.status, as_head.headers) == (as_get.status, as_get.headers)


def test_options_is_answered_for_browsers_and_refused_to_others(
    protocol: Protocol, environment: Environment, mount: Mount
) -> None:
    answer = mount(replace(sample(protocol, None), method="OPTIONS"))

    assert answer.status == (204 if protocol.for_browsers else 405)
    assert ("access-control-allow-origin" in answer.headers) == protocol.for_browsers


@pytest.mark.parametrize("slug", WITH_KEYS)
def test_a_missing_key_is_refused_where_nothing_is_open(
    environment: Environment, settings: Settings, mount: Mount, slug: str
) -> None:
    settings.OPEN_ENVIRONMENT = ""

    answer = mount(sample(EVERY[slug], None))

    assert is_refused(answer, EVERY[slug], WITHOUT_A_KEY.get(slug, Kind.UNAUTHENTICATED))
    assert not Decision.objects.exists()


@pytest.mark.parametrize("slug", WITH_KEYS)
def test_no_key_means_the_open_environment_where_there_is_one(environment: Environment, slug: str) -> None:
    answer = through_asgi(sample(EVERY[slug], None))

    assert is_answered(answer, EVERY[slug]) == EVERY[slug].is_open, answer.body
    assert environment == Environment.objects.named(OPEN).get()


@pytest.mark.parametrize("slug", WITH_KEYS)
def test_an_unknown_key_is_refused_though_an_environment_is_open(
    environment: Environment, mount: Mount, slug: str
) -> None:
    empty = [] if mount is through_http else [" "]  # which HTTP itself reads as no key at all
    for key in (STRANGER, *empty, "k" * 5_000, "schlüssel"):
        answer = mount(sample(EVERY[slug], key))

        assert is_refused(answer, EVERY[slug], Kind.UNAUTHENTICATED), key
    assert not Decision.objects.exists()


@pytest.mark.parametrize("slug", WITH_KEYS)
def test_a_revoked_key_is_refused_at_once(environment: Environment, mount: Mount, slug: str) -> None:
    key = a_key_for(EVERY[slug], environment)
    assert is_answered(mount(sample(EVERY[slug], key)), EVERY[slug])

    services.revoke_credential(environment.credentials.get(), actor=SYSTEM)

    assert is_refused(mount(sample(EVERY[slug], key)), EVERY[slug], Kind.UNAUTHENTICATED)


@pytest.mark.parametrize("slug", WITH_KEYS)
def test_an_expired_key_is_refused(environment: Environment, mount: Mount, slug: str) -> None:
    key = a_key_for(EVERY[slug], environment, expires_at=timezone.now() - timedelta(seconds=1))

    assert is_refused(mount(sample(EVERY[slug], key)), EVERY[slug], Kind.UNAUTHENTICATED)


@pytest.mark.parametrize("slug", WITH_BODIES)
@pytest.mark.parametrize("length", [True, False])
def test_a_body_over_the_limit_is_refused(environment: Environment, mount: Mount, slug: str, length: bool) -> None:
    call = replace(sample(EVERY[slug], a_key_for(EVERY[slug], environment)), body=b" " * BEYOND_LIMIT, length=length)

    assert is_refused(mount(call), EVERY[slug], Kind.TOO_LARGE)


@pytest.mark.parametrize("slug", WITH_BODIES)
def test_a_body_in_chunks_is_read_to_its_end(environment: Environment, mount: Mount, slug: str) -> None:
    call = sample(EVERY[slug], a_key_for(EVERY[slug], environment))
    padded = replace(call, body=call.body + b" " * 100_000, length=False)

    assert is_answered(mount(padded), EVERY[slug])


@pytest.mark.parametrize("slug", WITH_BODIES)
def test_a_compressed_body_is_refused(environment: Environment, mount: Mount, slug: str) -> None:
    call = sample(EVERY[slug], a_key_for(EVERY[slug], environment))
    compressed = replace(call, body=gzip.compress(call.body)).but(content_encoding="gzip")

    assert is_refused(mount(compressed), EVERY[slug], Kind.UNSUPPORTED)


@pytest.mark.parametrize("slug", WITH_BODIES)
def test_a_bad_body_is_refused_in_its_words(environment: Environment, slug: str) -> None:
    call = sample(EVERY[slug], a_key_for(EVERY[slug], environment))
    good = json.loads(call.body)
    bodies = BODIES | {name: with_value(good, "unheard_of", value) for name, value in VALUES.items()}

    for name, body in bodies.items():
        answer = through_asgi(replace(call, body=body))

        if name not in TOLERATED.get(slug, frozenset()):
            assert is_refused(answer, EVERY[slug], Kind.MALFORMED), name
        assert answer.status < 500, name
        assert answer == through_wsgi(replace(call, body=body)), name
    assert not Decision.objects.exists()


def test_bad_paths_and_queries_break_nothing(protocol: Protocol, environment: Environment, mount: Mount) -> None:
    for route in protocol.routes:
        path = route.path.partition("{")[0]
        for tail in ("%00", "%FF", "?x=%00", "?%ED%A0%80=%ED%A0%80", "?" + "a" * 20_000, "/..%2f", "%0A", "?=&;"):
            method = "GET" if route.method == WEBSOCKET else route.method
            answer = mount(Ask(method, path + tail, b"{", {"content-type": "application/json"}))

            assert answer.status < 500, (path + tail, answer.body)
