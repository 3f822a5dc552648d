"""What is asked of the server itself rather than of a flag."""

import msgspec

from decisions.protocols._base import Call, Host, Reply
from decisions.protocols.go_feature_flag import counters


class Info(msgspec.Struct):
    """When the flags were last looked at, as RFC 3339."""

    cacheRefresh: str


class Refreshed(msgspec.Struct):
    """Whether the flags were read again."""

    refreshed: bool


def info(host: Host) -> Reply:
    """GET /info: when this process last looked whether anything had changed."""
    return Reply(Info(host.refreshed_at().isoformat()))


def refresh(call: Call) -> Reply:
    """POST /admin/v1/retriever/refresh: look for changes now. Every second, it is done anyway."""
    counters.count("force_refresh")
    return Reply(Refreshed(call.host.refresh_quietly()))
