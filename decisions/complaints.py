"""Complaints about what goes on failing: once a minute, and not once for everybody who meets it."""

from collections.abc import Callable
from time import monotonic
from typing import Any

SECONDS = 60.0


class Complaint:
    """One thing to complain of. Of two threads in the same moment both may be heard: it takes no lock."""

    def __init__(self, tell: Callable[..., Any], event: str) -> None:
        self._tell, self._event = tell, event
        self._told_at = -SECONDS

    def __call__(self, error: BaseException, **fields: Any) -> None:
        if monotonic() - self._told_at >= SECONDS:
            self._told_at = monotonic()
            self._tell(self._event, error=repr(error), **fields)
