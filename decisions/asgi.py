"""The gateway in front of an ASGI application, thinly."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from django.db import connections

from decisions.gateway import Cold, Gateway, Match, Response, Waiting
from decisions.process import gateway, stop
from decisions.protocols._base import BODY_LIMIT, Request
from decisions.wsgi import PATIENCE

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BEYOND_REASON = 4 * BODY_LIMIT  # bytes


class Gone(Exception):
    """The caller closed the connection in the middle of its request."""


def mount(application: Application) -> Application:
    """Answer the protocols' paths here, and leave the others to `application`."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        front = gateway()
        match = front.find(scope["path"]) if scope["type"] == "http" else None
        if match is None:
            await application(scope, capped(receive), send)
            return
        with suppress(Gone):
            await _send(send, await respond(front, match, scope, receive))

    return mounted


async def _send(send: Send, response: Response) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def capped(receive: Receive) -> Receive:
    """Django writes a whole body to the disk before anybody looks at it. Beyond all reason, the caller has gone."""
    received = 0

    async def receive_capped() -> Any:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        return message if received <= BEYOND_REASON else {"type": "http.disconnect"}

    return receive_capped


async def respond(front: Gateway, match: Match, scope: Scope, receive: Receive) -> Response:
    """Answer one call. What is in memory is answered here; what must be loaded, in a thread."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    request = Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers)
    body = await _body(receive)
    if body is None:
        return front.too_large(match, request)
    request.body = body
    try:
        response = front.respond(match, request)
    except Cold:
        response = await asyncio.to_thread(_load_and_respond, front, match, request)
    return await _settled(front, match, request, response) if isinstance(response, Waiting) else response


def _load_and_respond(front: Gateway, match: Match, request: Request) -> Response | Waiting:
    try:
        return front.respond(match, request, load=True)
    finally:
        connections.close_all()


class Mailbox:
    """Hands results from other threads to an event loop: one wake-up for all that came since the last one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[asyncio.Future[bool]] = deque()
        self._is_coming = False

    def put(self, waiter: asyncio.Future[bool]) -> None:
        """Called in any thread."""
        self._arrived.append(waiter)
        if not self._is_coming:
            self._is_coming = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_coming = False  # before looking, so that whoever comes after the look calls again
        while self._arrived:
            settle(self._arrived.popleft(), True)


def settle(waiter: asyncio.Future[bool], is_done: bool) -> None:
    if not waiter.done():
        waiter.set_result(is_done)


@lru_cache(maxsize=4)
def _mailbox(loop: asyncio.AbstractEventLoop) -> Mailbox:
    return Mailbox(loop)


async def _settled(front: Gateway, match: Match, request: Request, waiting: Waiting) -> Response:
    """Wait for the row, but not for ever."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[bool] = loop.create_future()
    mailbox = _mailbox(loop)
    waiting.pending.future.add_done_callback(lambda done: mailbox.put(waiter))
    patience = loop.call_later(PATIENCE, settle, waiter, False)
    try:
        is_done = await waiter
    finally:
        patience.cancel()
    return waiting.finish() if is_done else front.unavailable(match, request)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is too large. Raises `Gone` if the caller does not finish it."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Start with the server and stop with it, so that no decision that was queued is lost."""
    loop = asyncio.get_running_loop()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await loop.run_in_executor(None, gateway)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await loop.run_in_executor(None, partial(stop))
            await send({"type": "lifespan.shutdown.complete"})
            return
