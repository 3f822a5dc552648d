"""What a protocol is made of. It turns bytes into a question and an answer into bytes, and knows no framework."""

import typing
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.parse import parse_qs

import msgspec

from decisions.engine import validate
from decisions.engine.evaluate import decide
from decisions.engine.types import Decision, Subject
from tenants.roles import Right

if TYPE_CHECKING:
    from audits.records import Record
    from decisions.snapshots import EnvironmentSnapshot, Grant

Shape = TypeVar("Shape")
Headers = tuple[tuple[str, str], ...]

BODY_LIMIT = validate.BODY_LIMIT


class Kind(StrEnum):
    """Why a call is refused. A protocol words each kind in its own way."""

    MALFORMED = "malformed"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


STATUSES = {
    Kind.MALFORMED: 400,
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}


class Refusal(Exception):
    """A call that gets no answer, and why. `details` is whatever the protocol that raised it wants to say of it."""

    def __init__(self, kind: Kind, detail: str, details: Any = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.details = kind, detail, details

    @property
    def status(self) -> int:
        return STATUSES[self.kind]


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(self.query, keep_blank_values=True)


class Reply(NamedTuple):
    """An answer, before it is encoded as JSON."""

    body: Any
    status: int = 200
    headers: Headers = ()


class Pending(NamedTuple):
    """An answer that waits for a row to be stored."""

    future: "Future[Record]"
    finish: "Callable[[Record], Reply]"


class Host(typing.Protocol):
    """What a call that needs no key may know: the process that answers it."""

    def is_ready(self) -> bool: ...


@dataclass(slots=True)
class Call:
    """A request that found its environment: what a handler works with."""

    request: Request
    snapshot: "EnvironmentSnapshot"
    grant: "Grant"
    record: "Callable[..., Future[Record]]"

    def body(self, shape: type[Shape]) -> Shape:
        """The JSON body in the given shape; refused as malformed if it is not JSON, or not of that shape."""
        body = self.request.body
        if needs_a_closer_look(body):
            _look_closely(body)
        try:
            return cast(Shape, _decoder(cast(Any, shape)).decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(Kind.MALFORMED, str(error)) from error

    def decide(self, feature_key: str, subject: Subject) -> Decision:
        return decide(self.snapshot.features, feature_key, subject)


def needs_a_closer_look(body: bytes) -> bool:
    """Whether a body could hold what no decoder refuses: NUL characters, deep nesting, very many values."""
    return (
        body.count(b"{") + body.count(b"[") > validate.JSON_DEPTH
        or b"\\u0000" in body
        or body.count(b",") >= validate.JSON_NODES // 2
    )


def _look_closely(body: bytes) -> None:
    try:
        validate.parse_json(body)
    except validate.JsonRefused as error:
        raise Refusal(Kind.MALFORMED, error.message) from error


@cache
def _decoder(shape: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(shape)


Handler = Callable[..., Reply | Pending]
FindKey = Callable[[Request], str | None]


@dataclass(frozen=True, slots=True)
class Route:
    """One call of a protocol. The shapes describe it in the schema.

    Its handler is given a `Call` and the path's parameters; where `right` is None no key is needed, and it is given
    the `Host` instead.
    """

    method: str
    path: str
    handler: Handler
    right: Right | None = Right.DECIDE
    request: Any = None
    response: Any = None
    statuses: Mapping[int, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A wire protocol: where its key is, what it answers, and how it words a refusal."""

    slug: str
    title: str
    find_key: FindKey
    routes: tuple[Route, ...]
    refuse: Callable[[Refusal], Reply]
    is_open: bool = False
    """Whether a call without a key is answered by the open environment, where there is one."""
    for_browsers: bool = False
    """Whether pages of any origin may call it."""


def header(name: str) -> FindKey:
    """The key is the value of a header."""
    lower = name.lower()
    return lambda request: request.headers.get(lower) or None


def no_key(request: Request) -> str | None:
    """The protocol has no key."""
    return None
