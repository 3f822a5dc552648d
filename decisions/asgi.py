"""The gateway in front of an ASGI application, thinly."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
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


def mount(application: Application) -> Application:
    """Answer the protocols' paths here, and leave the others to `application`."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        front = gateway()
        match = front.find(scope["path"]) if scope["type"] == "http" else None
        if match is None:
            await application(scope, receive, send)
            return
        response = await respond(front, match, scope, receive)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    return mounted


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


async def _settled(front: Gateway, match: Match, request: Request, waiting: Waiting) -> Response:
    done, _ = await asyncio.wait([asyncio.wrap_future(waiting.pending.future)], timeout=PATIENCE)
    for future in done:
        future.exception()  # seen here, worded by `finish`
    return waiting.finish() if done else front.unavailable(match, request)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is too large."""
    body = bytearray()
    while True:
        message = await receive()
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
