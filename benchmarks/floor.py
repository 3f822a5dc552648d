"""The floor: the least an application can do under each server that we use. It reads the body and answers a constant.

`/document/<name>` is answered with the file of that name in the directory DOCUMENTS, `/unchanged` with a 304, and
all else with a small answer.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ANSWER = (
    b'{"request_id":"00000000-0000-0000-0000-000000000000","feature":"feat-001","experiment":"exp-001",'
    b'"variant":"var-001","name":"control","payload":{}}'
)
DOCUMENTS = {path.stem: path.read_bytes() for path in Path(os.environ.get("DOCUMENTS", "/nowhere")).glob("*.json")}


def headers_of(body: bytes) -> list[tuple[str, str]]:
    return [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]


ANSWERS: dict[str, tuple[str, list[tuple[str, str]], bytes]] = {
    **{f"/document/{name}": ("200 OK", headers_of(body), body) for name, body in DOCUMENTS.items()},
    "/unchanged": ("304 Not Modified", [("ETag", '"a-tag-of-some-length"')], b""),
}
USUAL = ("200 OK", headers_of(ANSWER), ANSWER)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Under a WSGI server."""
    if length := environ.get("CONTENT_LENGTH"):
        environ["wsgi.input"].read(int(length))
    status, headers, body = ANSWERS.get(environ["PATH_INFO"], USUAL)
    start_response(status, headers)
    return [body]


def _encoded(answer: tuple[str, list[tuple[str, str]], bytes]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    status, headers, body = answer
    return int(status[:3]), [(name.encode(), value.encode()) for name, value in headers], body


ENCODED = {path: _encoded(answer) for path, answer in ANSWERS.items()}
USUALLY = _encoded(USUAL)


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Under an ASGI server. Declines the lifespan protocol and websockets."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    while (await receive()).get("more_body"):
        pass
    status, headers, body = ENCODED.get(scope["path"], USUALLY)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
