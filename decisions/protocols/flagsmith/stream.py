"""The stream: that an environment was updated, and when. Clients fetch what is new by themselves."""

from time import time

from decisions.protocols._base import Call, Stream
from decisions.protocols.flagsmith.moments import phase_at, phases
from decisions.snapshots import EnvironmentSnapshot, Grant

HEADERS = (("Cache-Control", "no-cache, no-transform"), ("X-Accel-Buffering", "no"))


def watch(call: Call, key: str) -> Stream:
    """GET /sse/environments/{key}/stream: when the environment was updated last, and again when it changes."""
    return Stream(updated, headers=HEADERS, until=until)


def updated(snapshot: EnvironmentSnapshot, before: EnvironmentSnapshot | None, grant: Grant) -> bytes:
    """The time in seconds: Flagsmith's documentation says milliseconds, its clients for Python cannot read those."""
    at = phase_at(snapshot, time()).updated_at.timestamp()
    return b'event: environment_updated\ndata: {"updated_at": %r}\n\n' % at


def until(snapshot: EnvironmentSnapshot, grant: Grant) -> float:
    """When a schedule next changes something."""
    return phases(snapshot).end(time())
