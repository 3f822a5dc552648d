"""A crowd at a process that knows nothing yet, and strangers at one that knows everything."""

import asyncio

import pytest

from decisions import process
from decisions.asgi import respond
from decisions.gateway import Gateway
from decisions.protocols._base import Request
from decisions.responses import Response
from tests.builders import a_feature, a_key, an_environment

CROWD = 1_000


async def ask(gateway: Gateway, key: str) -> Response:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b'{"context": {"targetingKey": "ann"}}'}

    match = gateway.find("/ofrep/v1/evaluate/flags")
    assert match is not None
    headers = {"content-type": "application/json", "x-api-key": key}
    response = await respond(gateway, match, Request("POST", "/ofrep/v1/evaluate/flags", "", headers), receive)
    assert isinstance(response, Response)
    return response


def test_a_crowd_at_a_cold_process_reads_the_environment_once(transactional_db: None) -> None:
    environment = an_environment()
    a_feature(environment, key="banner", state={"status": "on"})
    key = a_key(environment)
    gateway = process.gateway()

    async def crowd() -> set[tuple[int, bytes]]:
        answers = await asyncio.gather(*(ask(gateway, key) for _ in range(CROWD)))
        return {(answer.status, answer.body) for answer in answers}

    [(status, body)] = asyncio.run(crowd())

    assert status == 200
    assert b"banner" in body
    assert gateway.freshness.shelf.loads == 1


def test_a_crowd_of_strangers_reads_the_index_once(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decisions.freshness.POLL_SECONDS", 3_600.0)
    monkeypatch.setattr("decisions.freshness.UNKNOWN_KEY_SECONDS", 60.0)
    gateway = process.gateway()
    looks = []
    refresh = gateway.freshness.refresh

    def counted() -> None:
        looks.append(1)
        refresh()

    with gateway.freshness._refreshing:  # when nobody looks
        monkeypatch.setattr(gateway.freshness, "refresh", counted)
        gateway.freshness._looked_at = 0.0  # as if the last look were long ago

    async def crowd() -> set[int]:
        return {answer.status for answer in await asyncio.gather(*(ask(gateway, f"sdk-{n}") for n in range(CROWD)))}

    assert asyncio.run(crowd()) == {401}
    assert len(looks) == 1
