"""The workers of web and edge: uvicorn under gunicorn, among whom connections are shared out evenly.

All workers of a server listen on one socket. Left to themselves, whoever wakes first takes every connection that is
there, and one core may serve all callers of a service that has just opened its connections, while the others have none.
"""

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

SEATS = 512
WAIT = 0.001
"""Seconds that a worker leaves a connection to those who have fewer. If nobody comes for it, it takes it."""

FULL = 1.0
"""Seconds to wait for others to leave where there is no room for another connection (too many open files)."""

logger = logging.getLogger("uvicorn.error")


class Seats:
    """How many connections each worker has, in memory that a server and all its workers share."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * SEATS)).cast("I")  # one more than there are: 0 is an empty seat

    def take(self, seat: int, connections: int) -> None:
        self._counts[seat % SEATS] = connections + 1

    def leave(self, seat: int) -> None:
        self._counts[seat % SEATS] = 0

    def is_ahead(self, seat: int) -> bool:
        """Whether another worker has fewer connections."""
        return self._counts[seat % SEATS] > min(filter(None, self._counts))


seats = Seats()


class Turnstile:
    """Takes connections of a listening socket, one at a time; while others have fewer, only those that they leave."""

    def __init__(self, server: Server, listener: socket.socket, seat: int, protocol: Callable[[], Any]) -> None:
        self._server, self._listener, self._seat, self._protocol = server, listener, seat, protocol
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[Any]] = set()
        self._has_waited = self._is_closed = False
        listener.setblocking(False)
        self._open()

    def close(self) -> None:
        self._is_closed = True
        self._loop.remove_reader(self._listener)
        seats.leave(self._seat)

    async def wait_closed(self) -> None:
        """There is nothing to wait for."""

    def _open(self) -> None:
        if not self._is_closed:
            self._count()
            self._loop.add_reader(self._listener, self._turn)

    def _count(self) -> None:
        seats.take(self._seat, len(self._server.server_state.connections) + len(self._entering))

    def _turn(self) -> None:
        self._count()
        if not self._has_waited and seats.is_ahead(self._seat):
            self._has_waited = True
            self._pause(WAIT)
            return
        self._has_waited = False
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the caller has left again
        except OSError as error:
            logger.error("no connection can be taken: %s", error)
            self._pause(FULL)
            return
        self._enter(connection)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._loop.call_later(seconds, self._open)

    def _enter(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = self._server.config
        entering = self._loop.connect_accepted_socket(self._protocol, connection, ssl=config.ssl)
        task = self._loop.create_task(entering)
        self._entering.add(task)
        task.add_done_callback(self._entered)
        self._count()

    def _entered(self, task: "asyncio.Task[Any]") -> None:
        self._entering.discard(task)
        with suppress(OSError, asyncio.CancelledError):  # the caller has left again
            task.result()


class FairServer(Server):
    """uvicorn's server behind turnstiles."""

    seat = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        config, state = self.config, self.server_state

        def protocol() -> Any:
            return config.http_protocol_class(config=config, server_state=state, app_state=self.lifespan.state)  # type: ignore[call-arg]

        self.servers = [Turnstile(self, listener, self.seat, protocol) for listener in sockets or ()]  # type: ignore[misc]


class Worker(UvicornWorker):  # type: ignore[misc] # it has no types
    """A process that serves."""

    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "decisions.shortcut:ShortCut",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 15,  # streams never end by themselves: close them before gunicorn kills the worker
        "ws_max_size": 1024 * 1024,
    }

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = FairServer(self.config)
        server.seat = self.age
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR)
