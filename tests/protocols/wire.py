"""The whole application as a server sees it, in process: one call through the short cut, which is HTTP, through the
ASGI mount behind it, or through the WSGI mount."""

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.client import responses
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from asgiref.sync import async_to_sync


class Answer(NamedTuple):
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Ask:
    """One call. `length` tells whether the size of the body is announced; without, it comes in chunks."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: bool = True

    def but(self, **headers: str) -> "Ask":
        """The same call with other headers, given with underscores."""
        return replace(self, headers={**self.headers, **{name.replace("_", "-"): headers[name] for name in headers}})

    @property
    def path(self) -> bytes:
        return unquote_to_bytes(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


Mount = Callable[[Ask], Answer]


def ask(method: str, target: str, body: Any = None, key: str | None = None) -> Ask:
    """A call with a JSON body, or with the given bytes."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} if content or method in {"POST", "PATCH"} else {}
    return Ask(method, target, content, headers | ({"x-environment-key": key} if key else {}))


def through_wsgi(call: Ask) -> Answer:
    """As a WSGI server calls it."""
    from app.wsgi import application  # noqa: PLC0415  it sets Django up

    started: list[tuple[int, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        code, _, phrase = status.partition(" ")
        assert phrase == responses[int(code)]
        started.append((int(code), {name.lower(): value for name, value in headers}))

    chunks = application(_environ(call), start_response)
    try:
        body = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return Answer(*started[0], body)


def _environ(call: Ask) -> dict[str, Any]:
    names = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in call.headers}
    environ: dict[str, Any] = {names[name]: value for name, value in call.headers.items()}
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    sized = {"CONTENT_LENGTH": str(len(call.body))} if call.length else {"HTTP_TRANSFER_ENCODING": "chunked"}
    return {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": call.path.decode("latin-1"),
        "QUERY_STRING": call.query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.input_terminated": True,
        **sized,
        **environ,
    }


def through_asgi(call: Ask) -> Answer:
    """As an ASGI server calls it."""
    return async_to_sync(_asgi)(call)


async def _asgi(call: Ask) -> Answer:
    from app.asgi import application  # noqa: PLC0415  it sets Django up

    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": piece, "more_body": more} for piece, more in _pieces(call.body)]

    async def receive() -> Any:
        return waiting.pop(0) if waiting else await asyncio.Event().wait()  # the client stays, and says no more

    async def send(message: Any) -> None:
        sent.append(message)

    await application(_scope(call), receive, send)
    start, *rest = sent
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


def through_http(call: Ask) -> Answer:
    """As it comes over a connection: what the web process and the edge do."""
    return async_to_sync(_http)(call)


async def _http(call: Ask) -> Answer:
    from tests.protocols.line import Connection  # noqa: PLC0415  as above

    connection = Connection()
    connection.send(written(call))
    (answer,) = await connection.hear(call.method)
    await connection.leave()
    return answer


def written(call: Ask) -> bytes:
    """A call as it is sent."""
    chunks = [piece for piece, _ in _pieces(call.body, 1_000) if piece]
    sized = {"content-length": str(len(call.body))} if call.length else {"transfer-encoding": "chunked"}
    lines = [f"{call.method} {call.target} HTTP/1.1", "host: testserver"]
    lines += [f"{name}: {value}" for name, value in (sized | dict(call.headers)).items()]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    if call.length:
        return head + call.body
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def _scope(call: Ask) -> dict[str, Any]:
    sized = {"content-length": str(len(call.body))} if call.length else {"transfer-encoding": "chunked"}
    headers = {"host": "testserver", **sized, **call.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http",
        "method": call.method,
        "path": call.path.decode("utf-8", "replace"),
        "raw_path": call.target.partition("?")[0].encode(),
        "root_path": "",
        "query_string": call.query.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }


def _pieces(body: bytes, size: int = 65_536) -> list[tuple[bytes, bool]]:
    starts = range(0, max(len(body), 1), size)
    return [(body[at : at + size], at + size < len(body)) for at in starts]


@dataclass(frozen=True)
class Client:
    """An application that calls, with a key or without."""

    mount: Mount
    key: str | None = None

    def get(self, target: str) -> Answer:
        return self.mount(ask("GET", target, key=self.key))

    def post(self, target: str, body: Any) -> Answer:
        return self.mount(ask("POST", target, body, self.key))

    def patch(self, target: str, body: Any) -> Answer:
        return self.mount(ask("PATCH", target, body, self.key))

    def decide(self, request_id: str, feature_key: str = "checkout", user_id: str = "u-123") -> Answer:
        """One decision."""
        return self.post("/decisions", {"request_id": request_id, "feature_key": feature_key, "user_id": user_id})


MOUNTS: dict[str, Mount] = {"http": through_http, "wsgi": through_wsgi}
