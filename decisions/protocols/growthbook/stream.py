"""The stream of features: all of them on connect, and again after every edit that changed them."""

from decisions.protocols._base import Call, Stream
from decisions.protocols.growthbook.document import document_for
from decisions.snapshots import EnvironmentSnapshot, Grant

STREAMS = ("x-sse-support", "enabled")
"""The header by which SDKs learn that there is a stream."""
RETRY = b"retry: 10000\n\n"
REFETCH = b"event: features-updated\ndata: \n\n"


def subscribe(call: Call, client_key: str) -> Stream:
    """GET /sub/{client_key}: the features document now and after every change, as server-sent events."""
    headers = (("Cache-Control", "no-cache, no-transform"), ("X-Accel-Buffering", "no"))
    return Stream(render, first=RETRY, headers=headers, until=until)


def until(snapshot: EnvironmentSnapshot, grant: Grant) -> float:
    """When a schedule next changes the features."""
    return document_for(snapshot, grant).until


def render(snapshot: EnvironmentSnapshot, before: EnvironmentSnapshot | None, grant: Grant) -> bytes:
    """The event that brings a subscriber up to date; nothing if what it knows still holds."""
    if grant.is_remote_only:
        return REFETCH
    document = document_for(snapshot, grant)
    if before is not None and document_for(before, grant).version == document.version:
        return b""
    lines = b"".join(b"data: %b\n" % line for line in document.lines().split(b"\n"))
    return b"id: %b\nevent: features\n%b\n" % (document.version.encode(), lines)
