"""Streams tell what is true now and after every change, let nobody wait for ever, and end cleanly."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from math import ceil
from time import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from pytest_django import Settings

from audits.services import SYSTEM
from decisions import asgi, process, streams
from decisions.gateway import Gateway
from decisions.protocols._base import WEBSOCKET, Call, Protocol, Refusal, Reply, Route, Stream, in_query
from decisions.snapshots import EnvironmentSnapshot, Grant
from features import services as features
from tenants import services as tenants
from tenants.models import Environment
from tests.builders import a_feature, a_key, an_environment

Scenario = Callable[["Caller"], Awaitable[None]]


def tell(snapshot: EnvironmentSnapshot, before: EnvironmentSnapshot | None, grant: Grant) -> bytes:
    told = {key: feature.status.value for key, feature in snapshot.definitions.items()}
    return f"data: {told} {'first' if before is None else 'again'}\n\n".encode()


def listen(call: Call) -> Stream:
    """GET /teapot: what becomes of the tea."""
    return Stream(tell, first=b"retry: 1000\n\n")


def listen_to_time(call: Call) -> Stream:
    """GET /teapot: what becomes of the tea, ten times a second."""
    return Stream(tell, heartbeat=b"", until=lambda snapshot, grant: ceil(time() * 10 + 1e-6) / 10)


def refuse(refusal: Refusal) -> Reply:
    return Reply({"oops": refusal.detail}, status=refusal.status)


TEAPOT = Protocol(
    slug="teapot",
    title="Teapot",
    find_key=in_query("key"),
    routes=(Route("GET", "/teapot", listen), Route(WEBSOCKET, "/teapot", listen)),
    refuse=refuse,
)


class Caller:
    """Somebody with a connection: hears what is sent, and may hang up."""

    def __init__(self, front: Gateway, key: str, kind: str = "http") -> None:
        self.front, self.key, self.kind = front, key, kind
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.task: asyncio.Task[None] | None = None

    def call(self) -> None:
        scope = {"type": self.kind, "method": "GET", "path": "/teapot", "query_string": f"key={self.key}".encode(),
                 "headers": []}  # fmt: skip
        if self.kind == "http":
            self.say({"type": "http.request"})
        else:
            self.say({"type": "websocket.connect"})
        self.task = asyncio.create_task(self._run(scope))

    async def _run(self, scope: dict[str, Any]) -> None:
        match = self.front.find(scope["path"])
        assert match is not None
        if self.kind == "http":
            await asgi._answer(self.front, match, scope, self.said.get, self.heard.put)
        else:
            await asgi.talk(self.front, match, scope, self.said.get, self.heard.put)

    def say(self, message: dict[str, Any]) -> None:
        self.said.put_nowait(message)

    async def hear(self) -> Any:
        message = await asyncio.wait_for(self.heard.get(), 10)
        return message.get("body", message.get("text", message))

    async def gone(self) -> None:
        assert self.task is not None
        await asyncio.wait_for(self.task, 10)


@pytest.fixture
def front(gateway: Gateway) -> Iterator[Gateway]:
    """A gateway that speaks to teapots, fed by this process's own."""
    yield Gateway([TEAPOT], gateway.freshness, gateway.recorder, gateway.observer)
    asgi._hubs.clear()


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    a_feature(environment, key="tea")
    return environment


def switch_tea(environment: Environment, status: str) -> None:
    features.switch(environment.project.features.get(key="tea"), environment, status=status, actor=SYSTEM)


def test_a_caller_hears_what_is_true_and_every_change(front: Gateway, environment: Environment) -> None:
    key = a_key(environment)

    async def scenario() -> None:
        caller = Caller(front, key)
        caller.call()
        start = await caller.hear()
        assert start["status"] == 200
        assert (b"Content-Type", b"text/event-stream") in start["headers"]
        assert await caller.hear() == b"retry: 1000\n\n"
        assert await caller.hear() == b"data: {'tea': 'off'} first\n\n"

        await sync_to_async(switch_tea)(environment, "on")
        assert await caller.hear() == b"data: {'tea': 'on'} again\n\n"

        caller.say({"type": "http.disconnect"})
        await caller.gone()

    async_to_sync(scenario)()
    assert not +front.freshness.watched


def test_a_caller_hears_all_again_when_time_alone_changes_it(front: Gateway, environment: Environment) -> None:
    key = a_key(environment)
    ticking = replace(TEAPOT, routes=(Route("GET", "/teapot", listen_to_time),))

    async def scenario() -> None:
        caller = Caller(Gateway([ticking], front.freshness, front.recorder, front.observer), key)
        caller.call()
        await caller.hear()
        for _ in range(2):
            assert await caller.hear() == b"data: {'tea': 'off'} first\n\n"
        caller.say({"type": "http.disconnect"})
        await caller.gone()

    async_to_sync(scenario)()


def test_a_websocket_hears_the_same_as_texts(front: Gateway, environment: Environment) -> None:
    key = a_key(environment)

    async def scenario() -> None:
        caller = Caller(front, key, "websocket")
        caller.call()
        assert await caller.hear() == {"type": "websocket.accept"}
        assert await caller.hear() == "retry: 1000\n\n"
        assert await caller.hear() == "data: {'tea': 'off'} first\n\n"
        caller.say({"type": "websocket.receive", "text": "whatever"})
        caller.say({"type": "websocket.disconnect", "code": 1000})
        await caller.gone()

    async_to_sync(scenario)()


def test_a_websocket_without_a_key_is_never_opened(front: Gateway, environment: Environment) -> None:
    async def scenario() -> None:
        caller = Caller(front, "", "websocket")
        caller.call()
        assert await caller.hear() == {"type": "websocket.close", "code": 1008}
        await caller.gone()

    async_to_sync(scenario)()


def test_the_stream_of_a_revoked_key_ends(front: Gateway, environment: Environment) -> None:
    key = a_key(environment)
    credential = environment.credentials.get()

    async def scenario() -> None:
        caller = Caller(front, key)
        caller.call()
        for _ in range(3):
            await caller.hear()
        await sync_to_async(tenants.revoke_credential)(credential, actor=SYSTEM)
        assert await caller.hear() == b""
        await caller.gone()

    async_to_sync(scenario)()


def test_beyond_the_slots_a_caller_is_asked_to_come_later(
    front: Gateway, environment: Environment, settings: Settings
) -> None:
    settings.STREAM_SLOTS = 1
    key = a_key(environment)

    async def scenario() -> None:
        first, second = Caller(front, key), Caller(front, key)
        first.call()
        for _ in range(3):
            await first.hear()
        second.call()
        refused = await second.hear()
        low, high = streams.RETRY_SECONDS
        assert refused["status"] == 503
        assert low <= int(dict(refused["headers"])[b"Retry-After"]) <= high

        first.say({"type": "http.disconnect"})
        await first.gone()
        third = Caller(front, key)
        third.call()
        assert (await third.hear())["status"] == 200
        third.say({"type": "http.disconnect"})
        await third.gone()

    async_to_sync(scenario)()


def test_when_the_server_stops_streams_end_and_none_begin(front: Gateway, environment: Environment) -> None:
    key = a_key(environment)

    async def scenario() -> None:
        caller, late = Caller(front, key), Caller(front, key)
        caller.call()
        for _ in range(3):
            await caller.hear()
        asgi._hub(front).close()
        assert await caller.hear() == b""
        await caller.gone()
        late.call()
        assert (await late.hear())["status"] == 503

    async_to_sync(scenario)()


def test_an_environment_that_fell_off_the_shelf_is_still_watched(front: Gateway, environment: Environment) -> None:
    key = a_key(environment)

    async def scenario() -> None:
        caller = Caller(front, key)
        caller.call()
        for _ in range(3):
            await caller.hear()
        front.freshness.shelf._put(environment.pk, None)
        await sync_to_async(switch_tea)(environment, "on")
        assert await caller.hear() == b"data: {'tea': 'on'} again\n\n"
        caller.say({"type": "http.disconnect"})
        await caller.gone()

    async_to_sync(scenario)()


def test_a_server_without_streams_says_so(front: Gateway, environment: Environment) -> None:
    from decisions.wsgi import respond  # noqa: PLC0415

    match = front.find("/teapot")
    assert match is not None
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/teapot", "QUERY_STRING": f"key={a_key(environment)}"}

    assert respond(front, match, environ).status == 503
    process.stop()
