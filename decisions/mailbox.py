"""What other threads want done in an event loop: one wake-up for all that came since the last one."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import lru_cache


class Mailbox:
    """Calls that are made in a loop, in the order in which they came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[Callable[[], object]] = deque()
        self._is_coming = False

    def put(self, call: Callable[[], object]) -> None:
        """Called in any thread."""
        self._arrived.append(call)
        if not self._is_coming:
            self._is_coming = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_coming = False  # before looking, so that whoever comes after the look calls again
        while self._arrived:
            self._arrived.popleft()()


@lru_cache(maxsize=4)
def mailbox_of(loop: asyncio.AbstractEventLoop) -> Mailbox:
    """The mailbox of a loop."""
    return Mailbox(loop)
