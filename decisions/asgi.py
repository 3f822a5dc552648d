"""The gateway in front of an ASGI application, thinly."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings

from decisions.gateway import Gateway, Listening, Waiting
from decisions.mailbox import mailbox_of
from decisions.process import gateway, settle_in, stop
from decisions.protocols._base import BODY_LIMIT, WEBSOCKET, Cold, Headers, Refusal, Request
from decisions.responses import Response
from decisions.routing import Match
from decisions.streams import Hub, Shutdown
from decisions.wsgi import PATIENCE, load_and_respond

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BEYOND_REASON = 4 * BODY_LIMIT  # bytes
GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER = 1001, 1008, 1013  # RFC 6455, 7.4.1, and its registry
THREADS = 8
_threads = ThreadPoolExecutor(THREADS, "loading")
"""For what asks the database. They stay, and with them their connections to SQLite."""
_NOT_HERE = b'{"detail":"Not Found"}'
NOT_FOUND = Response(404, (("Content-Type", "application/json"), ("Content-Length", str(len(_NOT_HERE)))), _NOT_HERE)


class Gone(Exception):
    """The caller closed the connection in the middle of its request."""


def mount(application: Application) -> Application:
    """Answer the protocols' paths here, and leave the others to `application`."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        front = gateway()
        match = front.find(scope["path"])
        with suppress(Gone):
            if scope["type"] == "websocket":
                await talk(front, match, scope, receive, send)
            elif match is None:
                await application(scope, capped(receive), send)
            else:
                await _answer(front, match, scope, receive, send)

    return mounted


async def _answer(front: Gateway, match: Match, scope: Scope, receive: Receive, send: Send) -> None:
    request = _request(scope, scope["method"])
    response = await respond(front, match, request, receive)
    if not isinstance(response, Listening):
        await send_response(send, response)
    elif request.method == "HEAD":
        await send_response(send, Response(200, stream_headers(response), b""))
    else:
        await _stream(front, match, request, response, receive, send)


async def send_response(send: Send, response: Response) -> None:
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


def _request(scope: Scope, method: str) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(method, scope["path"], scope["query_string"].decode("latin-1"), headers)


async def respond(front: Gateway, match: Match, request: Request, receive: Receive) -> Response | Listening:
    """Answer one call. What is in memory is answered here; what must be loaded, in a thread."""
    body = await _body(receive, match.body_limit(request.method))
    if body is None:
        return front.too_large(match, request)
    request.body = body
    response = await _respond(front, match, request)
    return await _settled(front, match, request, response) if isinstance(response, Waiting) else response


async def _respond(front: Gateway, match: Match, request: Request) -> Response | Waiting | Listening:
    try:
        return front.respond(match, request)
    except Cold:
        return await asyncio.get_running_loop().run_in_executor(_threads, load_and_respond, front, match, request)


async def _stream(
    front: Gateway, match: Match, request: Request, listening: Listening, receive: Receive, send: Send
) -> None:
    """An answer that goes on, in pieces."""
    try:
        listener = _hub(front).open(listening)
    except Refusal as refusal:
        await send_response(send, front.refused(match, request, refusal))
        return

    async def tell(message: bytes) -> None:
        await send({"type": "http.response.body", "body": message, "more_body": True})

    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in stream_headers(listening)]
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await listener.tell(tell, gone)
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        listener.leave()


def stream_headers(listening: Listening) -> Headers:
    """Nothing between us and the caller is to keep or collect what is sent."""
    stream = listening.stream
    given = (("Content-Type", stream.content_type), ("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))
    return (*given, *stream.headers, *listening.protocol.always)


async def talk(front: Gateway, match: Match | None, scope: Scope, receive: Receive, send: Send) -> None:
    """A websocket: the same as a stream, in texts. One that is refused is closed before it is opened."""
    await receive()
    response = None if match is None else await _respond(front, match, _request(scope, WEBSOCKET))
    if not isinstance(response, Listening):
        await _deny(scope, send, response if isinstance(response, Response) else NOT_FOUND)
        return
    try:
        listener = _hub(front).open(response)
    except Refusal:
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        return

    async def tell(message: bytes) -> None:
        if message:
            await send({"type": "websocket.send", "text": message.decode()})

    await send({"type": "websocket.accept"})
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await listener.tell(tell, gone)
        if not gone.done():
            await send({"type": "websocket.close", "code": GOING_AWAY})
    finally:
        gone.cancel()
        listener.leave()


async def _deny(scope: Scope, send: Send, response: Response) -> None:
    """Say why, where the server can; it answers 403 otherwise."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.body})


async def _until_gone(receive: Receive) -> None:
    """What a listener says is of no interest; that it leaves is."""
    while True:
        message = await receive()
        if message["type"] in {"http.disconnect", "websocket.disconnect"}:
            return


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def _hub(front: Gateway) -> Hub:
    """The hub of this loop, for this gateway."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None or hub.freshness is not front.freshness:
        hub = _hubs[loop] = Hub(front.freshness, settings.STREAM_SLOTS)
    return hub


async def _settled(front: Gateway, match: Match, request: Request, waiting: Waiting) -> Response:
    """Wait for the row, but not for ever."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[bool] = loop.create_future()
    mailbox = mailbox_of(loop)
    waiting.pending.future.add_done_callback(lambda _done: mailbox.put(partial(settle, waiter, True)))
    patience = loop.call_later(PATIENCE, settle, waiter, False)
    try:
        is_done = await waiter
    finally:
        patience.cancel()
    return waiting.finish() if is_done else front.unavailable(match, request)


def settle(waiter: asyncio.Future[bool], is_done: bool) -> None:
    if not waiter.done():
        waiter.set_result(is_done)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None if it is too large. Raises `Gone` if the caller does not finish it."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Start with the server and stop with it, so that no decision that was queued is lost."""
    loop = asyncio.get_running_loop()
    shutdown = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            shutdown = Shutdown(_hub(await loop.run_in_executor(None, settle_in)))
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            if shutdown:
                shutdown.forget()
            if hub := _hubs.pop(loop, None):
                hub.close()
            await loop.run_in_executor(None, partial(stop))
            await send({"type": "lifespan.shutdown.complete"})
            return
