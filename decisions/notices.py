"""What PostgreSQL calls out when an edit commits (LISTEN and NOTIFY), so that other hosts need not wait for their poll.

Nothing depends on it. Where nothing can be heard, as behind PgBouncer in transaction mode, everybody polls as before.
"""

import selectors
import socket
import threading
from collections.abc import Callable
from random import SystemRandom

import psycopg
import structlog
from django.db import connection

from tenants.services import CHANNEL

log = structlog.get_logger(__name__)

PAUSE_SECONDS = (0.5, 30.0)
"""How long to wait after a connection was lost, at first and at most."""
_jitter = SystemRandom().uniform  # of the system, so that processes forked from one do not come back in step


class Notices:
    """Hears notices on a connection of its own, and passes them on: the empty one when it begins to listen again."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._stopping = threading.Event()
        self._wake, self._woken = socket.socketpair()

    def listen(self) -> None:
        """Listen until told to stop, and come back whenever the connection is lost."""
        shortest, longest = PAUSE_SECONDS
        pause = shortest
        while not self._stopping.is_set():
            try:
                with self._connected() as line:
                    pause = shortest
                    self._tell("")  # who knows what was missed
                    self._hear(line)
            except (psycopg.Error, OSError) as error:
                log.info("not listening for notices", error=str(error))
            self._stopping.wait(pause * _jitter(0.5, 1.5))
            pause = min(2 * pause, longest)

    def stop(self) -> None:
        self._stopping.set()
        self._wake.send(b"!")

    def close(self) -> None:
        """Once nobody listens any more."""
        self._wake.close()
        self._woken.close()

    @staticmethod
    def _connected() -> "psycopg.Connection[tuple[object, ...]]":
        line = psycopg.connect(**{**connection.get_connection_params(), "autocommit": True})
        try:
            line.execute(f"LISTEN {CHANNEL}".encode())
        except BaseException:
            line.close()
            raise
        return line

    def _hear(self, line: "psycopg.Connection[tuple[object, ...]]") -> None:
        """Sleeps until there is something to hear: no time-out, no waking up for nothing."""
        with selectors.DefaultSelector() as selector:
            selector.register(line.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                line.pgconn.consume_input()
                while notice := line.pgconn.notifies():
                    self._tell(notice.extra.decode())
