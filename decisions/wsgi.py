"""The gateway in front of a WSGI application, thinly."""

from collections.abc import Callable, Iterable
from concurrent.futures import wait
from http import HTTPStatus
from typing import Any

from decisions.gateway import Gateway, Match, Response, Waiting
from decisions.process import gateway
from decisions.protocols._base import BODY_LIMIT, Request

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
    request = _request(environ)
    if request is None:
        return front.too_large(match, _request(environ | {"CONTENT_LENGTH": "0"}) or Request("POST", "", "", {}))
    response = front.respond(match, request, load=True)
    if not isinstance(response, Waiting):
        return response
    wait([response.pending.future], timeout=PATIENCE)
    return response.finish() if response.pending.future.done() else front.unavailable(match, request)


def _request(environ: Environ) -> Request | None:
    """The request; None if its body is too large."""
    length = environ.get("CONTENT_LENGTH") or ("0" if "HTTP_TRANSFER_ENCODING" not in environ else str(BODY_LIMIT + 1))
    wanted = int(length) if length.isdigit() else 0
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    if wanted > BODY_LIMIT and not chunked:
        return None
    body = environ["wsgi.input"].read(wanted) if wanted else b""
    if len(body) > BODY_LIMIT:
        return None
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if content_type := environ.get("CONTENT_TYPE"):
        headers["content-type"] = content_type
    return Request(
        environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""), headers, body
    )
