"""The gateway in front of a WSGI application, thinly."""

from collections.abc import Callable, Iterable
from concurrent.futures import wait
from http import HTTPStatus
from typing import Any

from decisions.gateway import Gateway, Listening, Match, Response, Waiting
from decisions.process import gateway
from decisions.protocols._base import Kind, Refusal, Request

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

PATIENCE = 15.0  # seconds that a caller waits for the commit of its decision


def mount(application: Application) -> Application:
    """Answer the protocols' paths here, and leave the others to `application`."""

    def mounted(environ: Environ, start_response: Any) -> Iterable[bytes]:
        front = gateway()
        match = front.find(environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace"))
        if match is None:
            return application(environ, start_response)
        response = respond(front, match, environ)
        status = HTTPStatus(response.status)
        start_response(f"{status.value} {status.phrase}", list(response.headers))
        return [response.body]

    return mounted


def respond(front: Gateway, match: Match, environ: Environ) -> Response:
    """Answer one call, waiting for its row if it needs one."""
    request = Request(
        environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""), _headers(environ)
    )
    body = _body(environ, match.body_limit(request.method))
    if body is None:
        return front.too_large(match, request)
    request.body = body
    response = front.respond(match, request, load=True)
    if isinstance(response, Listening):
        return front.refused(match, request, Refusal(Kind.UNAVAILABLE, "streams are open at the web process"))
    if not isinstance(response, Waiting):
        return response
    wait([response.pending.future], timeout=PATIENCE)
    return response.finish() if response.pending.future.done() else front.unavailable(match, request)


def _headers(environ: Environ) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    return headers | {"content-type": environ["CONTENT_TYPE"]} if environ.get("CONTENT_TYPE") else headers


def _body(environ: Environ, limit: int) -> bytes | None:
    """The whole body; None if it is too large. A server ends a chunked one by itself, so reading on is safe there."""
    length = environ.get("CONTENT_LENGTH") or "0"
    announced = int(length[:20]) if length.isascii() and length.isdigit() else 0
    if announced > limit:
        return None
    if "HTTP_TRANSFER_ENCODING" in environ:
        announced = limit + 1
    body: bytes = environ["wsgi.input"].read(announced) if announced else b""
    return None if len(body) > limit else body
