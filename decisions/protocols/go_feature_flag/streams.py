"""What changed, told as it happens: over a websocket, and as server-sent events."""

from typing import Any

import msgspec

from decisions.protocols._base import Call, Stream
from decisions.protocols.go_feature_flag import counters
from decisions.protocols.go_feature_flag.configuration import Configuration, Flag, configuration_of
from decisions.snapshots import EnvironmentSnapshot, Grant

Told = Flag | dict[str, str]


class Changed(msgspec.Struct):
    """A flag before and after."""

    old_value: Any
    new_value: Any


class Difference(msgspec.Struct):
    """What is gone, new and changed between two configurations."""

    deleted: dict[str, Any] = {}
    added: dict[str, Any] = {}
    updated: dict[str, Changed] = {}


def on_websocket(call: Call) -> Stream:
    """Websocket /stream/v1/ws/flag/change?apiKey=…: one text a change."""
    return Stream(as_text, heartbeat=b"")


def as_events(call: Call) -> Stream:
    """GET /stream/v1/sse/flag/change?apiKey=…: one event a change, of the environment that the key belongs to."""
    return Stream(as_event, first=b": open\n\n")


def as_text(snapshot: EnvironmentSnapshot, before: EnvironmentSnapshot | None, grant: Grant) -> bytes:
    """The difference as JSON; nothing on connecting, and where nothing changed that this key may know of."""
    if before is None:
        return b""
    found = difference(before, snapshot, grant)
    if not (found.deleted or found.added or found.updated):
        return b""
    counters.count("flag_changes")
    return msgspec.json.encode(found)


def as_event(snapshot: EnvironmentSnapshot, before: EnvironmentSnapshot | None, grant: Grant) -> bytes:
    """The same as an event."""
    text = as_text(snapshot, before, grant)
    return b"data: " + text + b"\n\n" if text else b""


def difference(before: EnvironmentSnapshot, after: EnvironmentSnapshot, grant: Grant) -> Difference:
    """Versions are compared, because they tell of everything; flags are only made of what changed."""
    old, new = configuration_of(before), configuration_of(after)
    gone, known = set(before.features_for(grant)), set(after.features_for(grant))
    return Difference(
        deleted={key: told(old, key, grant) for key in sorted(gone - known)},
        added={key: told(new, key, grant) for key in sorted(known - gone)},
        updated={
            key: Changed(told(old, key, grant), told(new, key, grant))
            for key in sorted(gone & known)
            if old.version(key) != new.version(key)
        },
    )


def told(flags: Configuration, key: str, grant: Grant) -> Told:
    """A flag as this key may know it: who is targeted stays with those who may read the configuration."""
    return flags.of(key).flag if grant.can_read else {"version": flags.version(key)}
