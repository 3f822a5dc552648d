"""The floor: the least an application can do under the server we use. It reads the body and answers a constant."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

ANSWER = (
    b'{"request_id":"00000000-0000-0000-0000-000000000000","feature":"feat-001","experiment":"exp-001",'
    b'"variant":"var-001","name":"control","payload":{}}'
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]

COMMAND = (sys.executable, "-m", "gunicorn", "benchmarks.floor:app", "-c", "gunicorn.conf.py")
"""The same server with the same settings as Switchyard's own."""


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer every HTTP request alike; decline the lifespan protocol and websockets."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})
