"""Signed requests: the name of a key, a moment, and the MD5 of the token, the name and the moment."""

import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import md5
from hmac import compare_digest
from time import time
from typing import TYPE_CHECKING

from decisions.protocols._base import Kind, Refusal, Request
from tenants.credentials import SIGNING_NAME

if TYPE_CHECKING:
    from decisions.snapshots import Grant

NO_PERMISSION = "no permission"
AS_IT_IS = "as it is"
"""Marks a refusal whose sentence is sent as it stands."""

# Exactly so many digits: they stand between the name and the end of what is signed, so that nothing can be moved over.
_MOMENT = re.compile(r"[0-9]{10}(?:[0-9]{3})?")
# md5sum prints a dash behind the digits for its standard input, and scripts send what it prints.
_SIGNATURE = re.compile(r"([0-9a-fA-F]{32})(?: [ *]-)?")


def find_key(request: Request) -> str | None:
    """The name of the key; none where the headers are not complete."""
    get = request.headers.get
    name = get("x-ak")
    return SIGNING_NAME + name if name and get("x-et") and get("x-es") else None


@lru_cache(1_024)  # a caller signs all its calls of one second alike
def signature(token: str, name: str, moment: str) -> str:
    """The hexadecimal MD5 that the protocol asks for; the strength is the token's 256 bits, which are never sent."""
    return md5((token + name + moment).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def verifier(clock_skew: int) -> Callable[[Request, "Grant"], None]:
    """Checks signatures, at most so many seconds old or early; 0 is any age. Raises `Refusal`."""

    def verify(request: Request, grant: "Grant") -> None:
        get = request.headers.get
        name, moment, given = get("x-ak", ""), get("x-et", ""), get("x-es", "")
        if not _MOMENT.fullmatch(moment):
            raise denied("X-Et must be a Unix timestamp, in seconds or milliseconds")
        now = time()
        if clock_skew and abs(now - seconds(moment)) > clock_skew:
            raise denied(f"timestamp expired (server time {now:.0f})")
        found = _SIGNATURE.fullmatch(given)
        if found is None:
            raise denied("X-Es must be 32 hex digits")
        if grant.secret is None or not compare_digest(signature(grant.secret, name, moment), found[1].lower()):
            raise Refusal(Kind.UNAUTHENTICATED, NO_PERMISSION)

    return verify


def seconds(moment: str) -> float:
    """The moment as seconds since the epoch; with 13 digits it came in milliseconds."""
    return int(moment) / 1000 if len(moment) == 13 else int(moment)


def denied(why: str) -> Refusal:
    return Refusal(Kind.UNAUTHENTICATED, f"{NO_PERMISSION}: {why}", AS_IT_IS)
