"""What there is without a key, and where streams are open."""

from typing import Any

import pytest

from decisions.protocols._base import WEBSOCKET
from decisions.protocols.go_feature_flag import PROTOCOL
from tenants.models import Environment
from tests.builders import a_key
from tests.protocols.wire import Mount, ask, through_wsgi

USER = {"evaluationContext": {"key": "ann"}}
CALLS: dict[tuple[str, str], Any] = {
    ("POST", "/v1/feature/{flag}/eval"): USER,
    ("POST", "/v1/allflags"): USER,
    ("POST", "/v1/flag/configuration"): {"flags": ["banner"]},
    ("GET", "/v1/flag/change"): None,
    ("POST", "/v1/data/collector"): {"events": []},
    ("POST", "/admin/v1/retriever/refresh"): None,
    ("GET", "/openfeature/v0/manifest"): None,
}


def test_no_call_is_missing() -> None:
    keyed = {(route.method, route.path) for route in PROTOCOL.routes if route.right and "stream" not in route.path}

    assert {call for call in keyed if call[0] != WEBSOCKET} == CALLS.keys()


@pytest.mark.parametrize("call", CALLS)
def test_nobody_is_told_anything_without_a_key(shop: Environment, mount: Mount, call: tuple[str, str]) -> None:
    method, path = call

    answer = mount(ask(method, path.replace("{flag}", "banner"), CALLS[call]))

    assert (answer.status, answer.json) == (401, {"message": "missing key in request header"})


def test_streams_are_open_at_the_web_process_only(shop: Environment) -> None:
    answer = through_wsgi(ask("GET", f"/stream/v1/sse/flag/change?apiKey={a_key(shop)}"))

    assert (answer.status, answer.json.keys(), answer.headers["retry-after"]) == (503, {"message"}, "1")
