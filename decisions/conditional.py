"""Conditional requests (RFC 9110, 13): whoever has an answer already is told so, and sent nothing."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from decisions.protocols._base import OF_BODY, Headers, Reply, tag_of


def answer_if_modified(reply: Reply, body: bytes, asked: Mapping[str, str]) -> tuple[int, Headers]:
    """Either 200 or 304, and the headers that make the next such question possible.

    `asked` are the request's headers, with names in lower case. A date is looked at only where no tag was sent.
    """
    tag = f'"{tag_of(body) if reply.etag == OF_BODY else reply.etag}"' if reply.etag else ""
    headers: Headers = (("ETag", tag),) if tag else ()
    if reply.modified:
        headers = (*headers, ("Last-Modified", _http_date(reply.modified)))
    if reply.status != 200:
        return reply.status, headers
    if (tags := asked.get("if-none-match")) is not None:
        return (304 if tag and _names(tags, tag) else 200), headers
    return (304 if _is_as_old(reply, asked.get("if-modified-since")) else 200), headers


@lru_cache(1_024)
def _http_date(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def _names(tags: str, tag: str) -> bool:
    """Whether a list of tags names this one. Proxies that compress an answer make its tag a weak one."""
    return tags == tag or tags.strip() == "*" or tag in (name.strip().removeprefix("W/") for name in tags.split(","))


def _is_as_old(reply: Reply, since: str | None) -> bool:
    if reply.modified is None or since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
        return reply.modified.replace(microsecond=0) <= moment
    except (ValueError, TypeError, OverflowError):
        return False
