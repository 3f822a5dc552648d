"""A key that calls too often is asked to wait; the others notice nothing."""

import json

import pytest

from decisions.gateway import Gateway
from decisions.limits import BURST_SECONDS, Limiter
from decisions.protocols import protocols
from decisions.protocols._base import Request
from decisions.responses import Response
from tests.builders import a_key, an_environment


def test_no_limit_lets_everything_pass() -> None:
    limiter = Limiter(0)

    assert {limiter.wait("a") for _ in range(1_000)} == {0}


def test_a_burst_passes_and_then_every_call_waits() -> None:
    limiter = Limiter(1)

    waits = [limiter.wait("a") for _ in range(10)]

    assert waits[: int(BURST_SECONDS)] == [0, 0]
    assert set(waits[int(BURST_SECONDS) :]) == {1}
    assert limiter.wait("b") == 0


@pytest.mark.django_db(transaction=True)
def test_the_gateway_says_when_to_come_again(gateway: Gateway) -> None:
    limited = Gateway(protocols(), gateway.freshness, gateway.recorder, gateway.observer, rate_limit=1)
    key = a_key(an_environment())
    match = limited.find("/decisions")
    assert match is not None
    call = Request("POST", "/decisions", "", {"x-environment-key": key, "content-type": "application/json"}, b"{}")

    answers = [limited.respond(match, call, load=True) for _ in range(3)]

    assert all(isinstance(answer, Response) for answer in answers)
    last = answers[-1]
    assert isinstance(last, Response)
    assert last.status == 429
    assert dict(last.headers)["Retry-After"] == "1"
    assert "too often" in json.loads(last.body)["detail"]
