"""The configuration as it is sent: whole or in part, and as hashes by which a client sees that it changed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from decisions.engine.bucketing import go_feature_flag_hash
from decisions.protocols._base import OF_BODY, Call, Kind, Refusal, Reply, tag_of
from decisions.protocols.go_feature_flag import counters
from decisions.protocols.go_feature_flag.configuration import Flag, configuration_of
from decisions.protocols.go_feature_flag.context import check_type
from decisions.snapshots import EnvironmentSnapshot

UNREADABLE = "impossible to read request body: "
_encode = msgspec.json.Encoder(order="deterministic").encode
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_GO = str.maketrans(_ESCAPES)


class Changes(msgspec.Struct):
    """FNV-1a of the whole configuration, and of each flag in it."""

    hash: int
    flags: dict[str, int]


class Wanted(msgspec.Struct):
    """Which flags are asked for; none named means all."""

    flags: list[str] | None = None


class FlagConfiguration(msgspec.Struct):
    """The flags by key. They are there even if there are none, or clients refuse to start."""

    flags: dict[str, Flag]


def configuration(call: Call) -> Reply:
    """POST /v1/flag/configuration: the flags, for providers that evaluate in their own process."""
    try:
        reply = configured(call, wanted(call))
    except Refusal:
        counters.count("flag_configuration")
        raise
    counters.count("flag_configuration")
    return reply


def configured(call: Call, keys: list[str] | None) -> Reply:
    """Some of the flags, or all: those are made once."""
    snapshot = call.snapshot
    if keys is not None:
        call.take_time()
        return Reply(part(snapshot, keys), etag=OF_BODY, modified=snapshot.changed_at)

    def made() -> Reply:
        call.take_time()
        return prepared(whole(snapshot), snapshot.changed_at)

    return snapshot.keep("go_feature_flag.whole", made)


def wanted(call: Call) -> list[str] | None:
    """The keys that are asked for; None for all."""
    if not call.request.body.strip():
        return None
    check_type(call)
    try:
        return msgspec.convert(call.fields(), Wanted).flags or None
    except (Refusal, msgspec.ValidationError) as error:
        said = {"errorCode": "INVALID_REQUEST", "errorDetails": f"{UNREADABLE}{error}"}
        raise Refusal(Kind.MALFORMED, str(error), said) from error


def changes(call: Call) -> Reply:
    """GET /v1/flag/change: hashes of the flags that this key may know of, equal as long as they are."""

    def made() -> Reply:
        call.take_time()
        return prepared(msgspec.json.encode(changes_of(call.snapshot, list(call.features))))

    return call.snapshot.keep(("go_feature_flag.changes", call.grant.can_read), made)


def prepared(body: bytes, modified: datetime | None = None) -> Reply:
    """An answer to all who ask, with its etag."""
    return Reply(body, etag=tag_of(body), modified=modified)


def changes_of(snapshot: EnvironmentSnapshot, keys: Iterable[str]) -> Changes:
    """The hashes of some flags, as Go makes them."""
    flags = {key: configuration_of(snapshot).of(key).flag for key in keys}
    return Changes(hash_of(flags), {key: hash_of(flag) for key, flag in flags.items()})


def hash_of(value: Any) -> int:
    """FNV-1a, 32 bits, of the JSON that Go's encoder writes: keys in order, and what HTML would read escaped."""
    return go_feature_flag_hash(_encode(value).decode().translate(_GO))


def whole(snapshot: EnvironmentSnapshot) -> bytes:
    """The configuration."""
    return part(snapshot, snapshot.definitions)


def part(snapshot: EnvironmentSnapshot, keys: Iterable[str]) -> bytes:
    """The configuration of these features."""
    flags = configuration_of(snapshot)
    return _encode(FlagConfiguration({key: flags.of(key).flag for key in keys if key in snapshot.definitions}))
