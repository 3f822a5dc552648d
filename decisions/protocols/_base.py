"""What a protocol is made of. It turns bytes into a question and an answer into bytes, and knows no framework."""

import typing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.parse import parse_qs

import msgspec

from decisions.engine import validate
from decisions.engine.evaluate import Snapshot, decide, decide_all
from decisions.engine.types import Decision, Feature, Subject
from tenants.roles import Right

if TYPE_CHECKING:
    from audits.records import Record
    from decisions.observer import Event, Exposed, Observer
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
    TOO_MANY = "too_many"
    TOO_BUSY = "too_busy"
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
    Kind.TOO_MANY: 429,
    Kind.TOO_BUSY: 503,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}


class Refusal(Exception):
    """A call that gets no answer, and why. `details` is whatever the protocol that raised it wants to say of it.

    The gateway's own details: the allowed methods of METHOD_NOT_ALLOWED, the seconds to wait of TOO_MANY and TOO_BUSY,
    and MISSING or UNKNOWN of UNAUTHENTICATED.
    """

    def __init__(self, kind: Kind, detail: str, details: Any = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.details = kind, detail, details

    @property
    def status(self) -> int:
        return STATUSES[self.kind]


MISSING, UNKNOWN = "missing", "unknown"


class Cold(Exception):
    """The answer takes something that is not in memory. Ask again with `load=True` where blocking is allowed."""


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are in lower case; `named` are the parts of the path that its route names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    named: Mapping[str, str] = field(default_factory=dict)

    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(self.query, keep_blank_values=True)


OF_BODY = "of the body"


def tag_of(body: bytes) -> str:
    """An etag that another body has not got, without quotes."""
    return sha256(body).hexdigest()[:32]  # of those that are long enough, processors are fastest at this one


class Reply(NamedTuple):
    """An answer: bytes are sent as they are, None is an empty body, and all else is encoded as JSON.

    With an `etag`, unquoted, a caller who has this answer already is told so with a 304; `OF_BODY` makes it from the
    body. `modified` does the same for those who only know dates, and never moves back.
    """

    body: Any
    status: int = 200
    headers: Headers = ()
    content_type: str = "application/json"
    etag: str = ""
    modified: datetime | None = None


Render = Callable[["EnvironmentSnapshot", "EnvironmentSnapshot | None", "Grant"], bytes]
Until = Callable[["EnvironmentSnapshot", "Grant"], float]


class Stream(NamedTuple):
    """An answer that goes on: what is true now, and again after every change.

    `render` is a function of a module, because what it makes is shared by all who listen to the same: it is given
    the snapshot, the one that was sent before it (None at first) and the caller's grant, and may answer b"" to send
    nothing. A websocket sends each of its results as one text. Where time alone changes what is true, `until` tells
    when it will next, in seconds since the epoch; then all is said again.
    """

    render: Render
    heartbeat: bytes = b": \n\n"
    first: bytes = b""
    headers: Headers = ()
    content_type: str = "text/event-stream"
    until: Until | None = None


class Pending(NamedTuple):
    """An answer that waits for a row to be stored."""

    future: "Future[Record]"
    finish: "Callable[[Record], Reply]"


class Host(typing.Protocol):
    """The process that answers, which is all that a call without a key may know."""

    def is_ready(self) -> bool: ...

    def refreshed_at(self) -> datetime:
        """When it last looked whether anything had changed."""

    def vitals(self) -> Mapping[str, float]:
        """How it is, in numbers that name nobody."""

    def refresh_quietly(self) -> bool:
        """Look now; whether that went well. Asks the database."""


class Traits(typing.Protocol):
    """What is kept of an environment's subjects. Asks the database: for routes that may block."""

    def read(self, identifier: str) -> dict[str, Any] | None:
        """What is kept; None if nothing ever was."""

    def merge(self, identifier: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Add these to what is kept, and forget those that are None. Answers all of them."""

    def increment(self, identifier: str, name: str, by: int) -> int:
        """Add to a whole number. Raises ValueError if it is something else."""


@dataclass(slots=True)
class Call:
    """A request that found its environment: what a handler works with."""

    request: Request
    snapshot: "EnvironmentSnapshot"
    grant: "Grant"
    record: "Callable[..., Future[Record]]"
    observer: "Observer"
    slug: str
    host: Host
    is_unhurried: bool = True
    """Whether nobody else waits while this one is answered."""

    @property
    def features(self) -> Snapshot:
        """The features that this key may see, ready to decide."""
        return self.snapshot.features_for(self.grant)

    @property
    def definitions(self) -> Mapping[str, Feature]:
        """The features that this key may see, as they are defined, in the order of their numbers."""
        everything = self.snapshot.definitions
        if self.grant.can_read:
            return everything
        return {key: feature for key, feature in everything.items() if not feature.is_server_only}

    @property
    def traits(self) -> Traits:
        return self.observer.traits(self.snapshot.environment_id)

    def take_time(self) -> None:
        """What comes next computes for long: no loop is to wait for it. Raises `Cold` where one would."""
        if not self.is_unhurried:
            raise Cold

    def query(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return self.request.parameters().get(name, [None])[0] if self.request.query else None

    def subject(self, key: str | None, attributes: Mapping[str, Any], *, at: float | None = None) -> Subject:
        """Who asks, now or at another moment (seconds since the epoch)."""
        return Subject(key, attributes, time() if at is None else at)

    def seen(self, decision: Decision, subject: Subject) -> None:
        """Count an evaluation, and the exposure if it assigned a variant. Never waits.

        For answers about one feature: whoever asks for all of them at once has not used any of them yet.
        """
        self.observer.seen(self.snapshot.environment_id, decision, subject, self.slug)

    def count(self, feature_key: str, outcome: str, times: int = 1) -> None:
        """Count evaluations that a client reports of itself. Never waits."""
        self.observer.count(self.snapshot.environment_id, feature_key, outcome, times)

    def report(self, events: "Sequence[Event | Exposed]") -> int:
        """Store what a client says that happened, and answer how much could be. It asks the database."""
        return self.observer.report(self.snapshot, events, self.slug)

    def body(self, shape: type[Shape], *, nodes: int = validate.JSON_NODES) -> Shape:
        """The JSON body in the given shape; refused as malformed if it is not JSON, or not of that shape.

        `nodes` are how many values it may hold, for calls that take many things at once.
        """
        body = self.request.body
        if needs_a_closer_look(body):
            _look_closely(body, nodes)
        try:
            return cast(Shape, _decoder(cast(Any, shape)).decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(Kind.MALFORMED, str(error)) from error

    def fields(self) -> dict[str, Any]:
        """The JSON object in the body, for those who read it by hand; refused as malformed if it is none."""
        return self.body(_FIELDS)

    def decide(self, feature_key: str, subject: Subject) -> Decision:
        """What a subject gets from a feature, as far as this key may know of it."""
        return decide(self.features, feature_key, subject)

    def decide_all(self, subject: Subject) -> dict[str, Decision]:
        """What a subject gets from every feature that this key may know of."""
        return decide_all(self.features, subject)


def needs_a_closer_look(body: bytes) -> bool:
    """Whether a body could hold what no decoder refuses: NUL characters, deep nesting, very many values."""
    return (
        body.count(b"{") + body.count(b"[") > validate.JSON_DEPTH
        or b"\\u0000" in body
        or body.count(b",") >= validate.JSON_NODES // 2
    )


def _look_closely(body: bytes, nodes: int) -> None:
    try:
        validate.parse_json(body, nodes=nodes)
    except validate.JsonRefused as error:
        raise Refusal(Kind.MALFORMED, error.message) from error


_FIELDS = dict[str, Any]


@cache
def _decoder(shape: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(shape)


class Question(NamedTuple):
    """One feature for one subject, as people ask who try things out. Without a key of its own a subject is nobody.

    `key` opens the environment; where requests are signed, it is the token of the key named `signer`.
    """

    feature_key: str
    subject_key: str
    attributes: Mapping[str, Any]
    key: str
    signer: str
    project_key: str


class Told(NamedTuple):
    """What an answer says, in the protocol's own words."""

    value: Any
    reason: str = ""
    variant: str | None = None


class Example(NamedTuple):
    """The call that asks a question with a body of JSON, and how its answer is read. It asks that nothing be kept of
    the subject, where the protocol has words for that.

    What only a shell can make when it is run, such as a signature, stands in the lines of `prelude`, and in the
    headers of `in_shell` by the name of a variable.
    """

    target: str
    body: Any
    headers: Headers
    read: Callable[[Any], Told]
    prelude: tuple[str, ...] = ()
    in_shell: Headers = ()


Handler = Callable[..., Reply | Pending | Stream]
FindKey = Callable[[Request], str | None]


@dataclass(frozen=True, slots=True)
class Route:
    """One call of a protocol. The shapes describe it in the schema.

    Its handler is given a `Call` and the path's parameters; where `right` is None no key is needed, and it is given
    the `Host` instead. One that asks the database says that it `is_blocking`. The method of a websocket is WEBSOCKET.
    """

    method: str
    path: str
    handler: Handler
    right: Right | None = Right.DECIDE
    request: Any = None
    response: Any = None
    statuses: Mapping[int, str] = field(default_factory=dict)
    is_blocking: bool = False
    find_key: FindKey | None = None
    """Where its key is, if that is not where the protocol's others are."""
    is_alias: bool = False
    """Another way to write a path: it is not described twice."""
    body_limit: int = BODY_LIMIT
    """Bytes; more only where clients collect what they have to say."""

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
    exposed: tuple[str, ...] = ()
    """The headers of its answers that such pages may read."""
    verify: "Callable[[Request, Grant], None] | None" = None
    """Checks what a caller without a key of its own proves instead; raises a `Refusal`."""
    local_evaluation: "Callable[[EnvironmentSnapshot], Mapping[str, Sequence[str]]] | None" = None
    """The features that its documents for deciding elsewhere cannot express, each with the reasons."""
    local_right: Right | None = None
    """What a key must be good for to get those documents."""
    example: Callable[[Question], Example] | None = None
    """How one feature is asked for."""
    always: Headers = field(init=False)
    """The headers of all its answers: what pages of other origins need to read them."""

    def __post_init__(self) -> None:
        exposed = (("Access-Control-Expose-Headers", ", ".join(self.exposed)),) if self.exposed else ()
        allowed = (("Access-Control-Allow-Origin", "*"), *exposed) if self.for_browsers else ()
        object.__setattr__(self, "always", allowed)


WEBSOCKET = "WEBSOCKET"


def either_slash(route: Route) -> tuple[Route, Route]:
    """A route whose path ends in a slash, and the same without it."""
    return route, replace(route, path=route.path.removesuffix("/"), is_alias=True)


def header(name: str) -> FindKey:
    """The key is the value of a header."""
    lower = name.lower()
    return lambda request: request.headers.get(lower) or None


def bearer(request: Request) -> str | None:
    """The key is in `Authorization: Bearer …`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def in_path(name: str) -> FindKey:
    """The key is a part of the path."""
    return lambda request: request.named.get(name) or None


def in_query(name: str) -> FindKey:
    """The key is a query parameter."""
    return lambda request: request.parameters().get(name, [""])[0] or None


def first_of(*finders: FindKey) -> FindKey:
    """The key is where the first of these finds one."""

    def find(request: Request) -> str | None:
        for finder in finders:
            if key := finder(request):
                return key
        return None

    return find


def no_key(request: Request) -> str | None:
    """The protocol has no key."""
    return None
