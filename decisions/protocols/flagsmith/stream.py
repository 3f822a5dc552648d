"""The stream: that an environment was updated, and when. Clients fetch what is new by themselves."""

from decisions.protocols._base import Call, Stream
from decisions.snapshots import EnvironmentSnapshot, Grant


def watch(call: Call, key: str) -> Stream:
    """GET /sse/environments/{key}/stream: when the environment was updated last, and again after every edit."""
    return Stream(updated, headers=(("Cache-Control", "no-cache, no-transform"), ("X-Accel-Buffering", "no")))


def updated(snapshot: EnvironmentSnapshot, before: EnvironmentSnapshot | None, grant: Grant) -> bytes:
    """The time in seconds: Flagsmith's documentation says milliseconds, its clients for Python cannot read those."""
    return b'event: environment_updated\ndata: {"updated_at": %r}\n\n' % snapshot.changed_at.timestamp()
