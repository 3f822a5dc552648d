"""Health: this process answers."""

import pytest

from decisions.freshness import Freshness
from decisions.gateway import Gateway
from decisions.observer import Observer
from decisions.process import gateway
from decisions.protocols import protocols
from decisions.protocols._base import Request
from decisions.recorder import Recorder
from decisions.responses import Response
from decisions.sinks import ForgetfulSink
from decisions.snapshots import Shelf
from tests.protocols.wire import Client


@pytest.mark.parametrize("target", ["/health", "/livez", "/health/liveness/", "/health/liveness"])
def test_a_living_process_says_so(api: Client, target: str) -> None:
    answer = api.get(target)

    assert (answer.status, answer.json) == (200, {"status": "ok", "initialized": True})


def test_health_needs_no_key_and_minds_none(api: Client) -> None:
    assert Client(api.mount, key="sdk-nobody").get("/health").status == 200


def test_a_process_is_ready_once_it_has_read_its_configuration(api: Client) -> None:
    gateway().freshness.refresh()

    for target in ("/readyz", "/health/readiness/", "/health/readiness"):
        assert (api.get(target).status, api.get(target).json) == (200, {"status": "ok"})


def test_a_process_that_has_read_nothing_is_starting() -> None:
    front = Gateway(protocols(), Freshness(Shelf()), Recorder(ForgetfulSink()), Observer())
    match = front.find("/readyz")
    assert match is not None

    response = front.respond(match, Request("GET", "/readyz", "", {}))

    assert isinstance(response, Response)
    assert (response.status, response.body) == (503, b'{"status":"starting"}')
