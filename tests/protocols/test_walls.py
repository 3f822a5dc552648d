"""Walls between tenants: no call of any protocol, with a neighbour's key, tells anything or changes anything."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from audits.models import Decision
from audits.services import SYSTEM
from decisions.gateway import Gateway, Listening, Waiting
from decisions.protocols import protocols
from decisions.protocols._base import Protocol, Request, Route
from decisions.responses import Response
from experiments.models import Event, Exposure
from features.models import Identity
from features.services import set_override
from features.services.identities import merge_traits
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_feature, a_key, a_rule, a_running_experiment, a_segment, an_environment, unique
from tests.protocols.abetterchoice.asks import signed
from tests.protocols.wire import Ask
from tests.remembered import remembered

ASKED = "canary"
SONG = "canary-sings"
WHO = "somebody"
ROUTES = [(protocol, route) for protocol in protocols() for route in protocol.routes if route.right is not None]
TELLING = {
    "/evaluate_feature", "/api/features/{client_key}", "/api/eval/{client_key}", "/v1/allflags",
    "/v1/flag/configuration", "/api/v1/flags/", "/api/v1/identities/", "/api/v1/environment-document/",
    "/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/{key}", "/abc/get_experiments", "/abc/get_feature_flags",
}  # fmt: skip
"""The calls whose answers are full of what an environment holds: there, a canary that is silent proves something."""

WITH_MUCH_TO_TELL = [pair for pair in ROUTES if pair[1].path in TELLING and not pair[1].is_alias]


def walking(routes: list[tuple[Protocol, Route]]) -> pytest.MarkDecorator:
    ids = [f"{route.method} {route.path}" for _, route in routes]
    return pytest.mark.parametrize(("protocol", "route"), routes, ids=ids)


def body_for(environment: Environment) -> dict[str, Any]:
    """Whatever any call wants to know, in one body; nobody minds what others want to know."""
    return {
        "request_id": unique("request"), "feature_key": ASKED, "user_id": WHO, "context": {"targetingKey": WHO},
        "identifier": WHO, "traits": [], "identity": {"identifier": WHO}, "trait_key": "a", "trait_value": "b",
        "user": {"key": WHO}, "evaluationContext": {"key": WHO}, "user_attributes": {"id": WHO},
        "attributes": {"id": WHO}, "project_id": environment.project.key, "unit_id": WHO, "flags": [], "events": [],
        "evaluations": [], "meta": {},
    }  # fmt: skip


def asked(gateway: Gateway, protocol: Protocol, route: Route, environment: Environment) -> Response | Listening:
    """A call with a key to an environment, wherever the protocol looks for it."""
    name = unique("signer")
    kind = Kind.SIGNING if protocol.verify else Kind.SERVER
    key = a_key(environment, kind, name=name)
    gateway.freshness.refresh()
    path = route.path.replace("{client_key}", quote(key)).replace("{key}", quote(ASKED))
    if "{" in path:
        path = path.partition("{")[0] + (quote(key) if "environments" in path else ASKED) + path.partition("}")[2]
    body = json.dumps(body_for(environment)).encode() if route.method == "POST" else b""
    headers = dict.fromkeys(("x-environment-key", "x-api-key", "client-token"), key)
    call = Ask(route.method, path, body, {"content-type": "application/json", **headers})
    if protocol.verify:
        call = signed(call, name, key)
    query = f"client_key={quote(key)}&apiKey={quote(key)}&key={quote(key)}&identifier={WHO}"
    match = gateway.find(call.path.decode())
    assert match is not None
    answer = gateway.respond(match, Request(call.method, call.path.decode(), query, call.headers, body), load=True)
    if isinstance(answer, Waiting):
        answer.pending.future.exception(timeout=10)
        return answer.finish()
    return answer


def said(answer: Response | Listening) -> str:
    """All that a caller is told."""
    if isinstance(answer, Listening):
        return answer.stream.render(answer.snapshot, None, answer.grant).decode()
    return answer.body.decode("utf-8", "replace") + str(answer.headers)


def a_tenant_that_sings() -> Environment:
    """A tenant with the canary's song in whatever can hold it, but for the one name that a neighbour asks about."""
    environment = an_environment(name=SONG)
    feature = a_feature(environment, key=ASKED, name=SONG, description=SONG)
    a_running_experiment(environment, feature, key=SONG, name=SONG)
    on = {"status": "on", "on_value": SONG}
    told = a_feature(environment, key=SONG, value_type="string", state=on)
    a_segment(environment.project, key=SONG, name=SONG)
    a_rule(told, environment, key=SONG, value=SONG)
    set_override(told, environment, identifier=SONG, value=SONG, actor=SYSTEM)
    merge_traits(environment.pk, WHO, {SONG: SONG})
    return environment


@pytest.fixture
def home(gateway: Gateway) -> Environment:
    return remembered("walls", a_tenant_that_sings)


def kept(environment: Environment) -> Iterator[list[Any]]:
    """What applications can add to an environment."""
    for model in (Identity, Event, Exposure, Decision):
        yield list(model._default_manager.filter(environment_id=environment.pk).order_by("pk").values())


@walking(ROUTES)
def test_a_neighbour_is_told_nothing_and_changes_nothing(
    home: Environment, gateway: Gateway, protocol: Protocol, route: Route
) -> None:
    neighbour, before = an_environment(), list(kept(home))

    answer = asked(gateway, protocol, route, neighbour)

    assert isinstance(answer, Listening) or answer.status < 500, answer.body
    assert SONG not in said(answer)
    gateway.observer.flush()
    assert list(kept(home)) == before


@walking(WITH_MUCH_TO_TELL)
def test_at_home_the_canary_sings(home: Environment, gateway: Gateway, protocol: Protocol, route: Route) -> None:
    answer = asked(gateway, protocol, route, home)

    assert isinstance(answer, Response)
    assert answer.status == 200, (route.path, answer.body)
    assert SONG in answer.body.decode()
