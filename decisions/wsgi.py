"""The gateway in front of a WSGI application, thinly."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.db import connection

from decisions.gateway import Gateway, Listening, Waiting
from decisions.process import gateway
from decisions.protocols._base import Cold, Kind, Refusal, Request
from decisions.responses import Response
from decisions.routing import Match

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

PATIENCE = 15.0  # seconds that a caller waits for the commit of its decision
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def mount(application: Application) -> Application:
    """Answer the protocols' paths here, and leave the others to `application`."""

    def mounted(environ: Environ, start_response: Any) -> Iterable[bytes]:
        front = gateway()
        path = environ.get("PATH_INFO", "")
        match = front.find(path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace"))
        if match is None:
            return application(environ, start_response)
        status, headers, body = respond(front, match, environ)
        start_response(STATUS_LINES[status], list(headers))
        return [body]

    return mounted


def respond(front: Gateway, match: Match, environ: Environ) -> Response:
    """Answer one call, waiting for its row if it needs one."""
    request = Request(
        environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""), Headers(environ)
    )
    body = _body(environ, match.body_limit(request.method))
    if body is None:
        return front.too_large(match, request)
    request.body = body
    try:
        response = front.respond(match, request)
    except Cold:
        response = load_and_respond(front, match, request)
    if isinstance(response, Response):
        return response
    if isinstance(response, Listening):
        return front.refused(match, request, Refusal(Kind.UNAVAILABLE, "streams are open at the web process"))
    return _settled(front, match, request, response)


def load_and_respond(front: Gateway, match: Match, request: Request) -> Response | Waiting | Listening:
    """With the database. The pool is smaller than the number of threads, so each gives its connection back; SQLite has
    none, and what a thread has opened there stays open."""
    try:
        return front.respond(match, request, load=True)
    finally:
        if connection.vendor == "postgresql":
            connection.close()


def _settled(front: Gateway, match: Match, request: Request, waiting: Waiting) -> Response:
    """Wait for the row, but not for ever."""
    try:
        waiting.pending.future.exception(timeout=PATIENCE)
    except TimeoutError:
        return front.unavailable(match, request)
    return waiting.finish()


class _Variables(dict[str, str]):
    """The names of headers as an environ has them; the protocols' code asks for a few dozen at most."""

    def __missing__(self, name: str) -> str:
        self[name] = f"HTTP_{name.upper().replace('-', '_')}"
        return self[name]


_VARIABLES = _Variables({"content-type": "CONTENT_TYPE"})


class Headers(Mapping[str, str]):
    """The headers of a call by their names in lower case, looked up when somebody asks: most are of no interest."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def get(self, name: str, default: Any = None) -> Any:
        return self._environ.get(_VARIABLES[name], default)

    def __getitem__(self, name: str) -> str:
        value: str = self._environ[_VARIABLES[name]]
        return value

    def __iter__(self) -> Iterator[str]:
        yield from (name for name, variable in _VARIABLES.items() if variable in self._environ)

    def __len__(self) -> int:
        return sum(1 for _ in self)


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
