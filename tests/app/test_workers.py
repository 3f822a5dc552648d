"""The workers of a server share connections out evenly, and each is left none that nobody else wants."""

import asyncio
import errno
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any

import pytest

from app import workers
from app.workers import SEATS, Seats, Turnstile
from benchmarks.edits import answerer
from benchmarks.process import Server, tree
from tests.faults.world import eventually

Starter = Callable[..., Server]


@contextmanager
def callers(server: Server, count: int) -> Iterator[Counter[str]]:
    """So many callers who connect all at once and stay; by which process each of them is answered."""
    with ExitStack() as stack:
        lines = [
            stack.enter_context(closing(HTTPConnection("127.0.0.1", server.port, timeout=10))) for _ in range(count)
        ]
        for line in lines:
            line.connect()
        yield Counter(answerer(line) for line in lines)


def is_shared(server: Server, count: int, workers: int) -> bool:
    """Whether all of them get something of so many callers, and nobody more than twice as much as another: on a machine
    that is busy with other things, not everybody comes for their own within a millisecond."""
    with callers(server, count) as told:
        return len(told) == workers and max(told.values()) <= 2 * min(told.values())


def test_callers_who_come_together_are_shared_out(start_server: Starter) -> None:
    server = start_server(workers=3)

    assert eventually(lambda: is_shared(server, 24, 3), patience=30), "once all of them have started"
    with callers(server, 12):
        assert eventually(lambda: is_shared(server, 24, 3), patience=30)


def test_a_worker_that_does_not_answer_is_no_reason_to_wait(start_server: Starter) -> None:
    server = start_server(workers=2)
    assert eventually(lambda: is_shared(server, 12, 2), patience=30)
    stuck = next(stat.pid for stat in tree(server.pid) if stat.parent == server.pid)

    os.kill(stuck, signal.SIGSTOP)
    try:
        with callers(server, 9) as told:
            assert str(stuck) not in told
    finally:
        os.kill(stuck, signal.SIGCONT)

    os.kill(stuck, signal.SIGKILL)
    assert eventually(lambda: is_shared(server, 12, 2), patience=30), "with the one that was begun in its place"


def test_without_room_for_another_it_waits_for_somebody_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FULL", 0.01)
    entered: list[socket.socket] = []

    async def script() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            full = Full(listener)
            turnstile = Turnstile(SERVER, full, 0, asyncio.Protocol)  # type: ignore[arg-type]
            monkeypatch.setattr(turnstile, "_enter", entered.append)
            with socket.create_connection(listener.getsockname()):
                async with asyncio.timeout(10):
                    while not entered:
                        await asyncio.sleep(0.001)
            turnstile.close()
        assert full.attempts == 3, "it does not try again and again without a pause"

    asyncio.run(script())
    for connection in entered:
        connection.close()


class Full:
    """A listening socket of a process that has no file left, for the first two callers it takes."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener, self.attempts = listener, 0

    def accept(self) -> Any:
        self.attempts += 1
        if self.attempts < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.listener.accept()

    def setblocking(self, flag: bool) -> None:
        self.listener.setblocking(flag)

    def fileno(self) -> int:
        return self.listener.fileno()


SERVER = SimpleNamespace(server_state=SimpleNamespace(connections=set()))


@pytest.mark.parametrize("seat", [3, SEATS + 3])
def test_only_seats_that_are_taken_count(seat: int) -> None:
    seats = Seats()
    seats.take(seat, 2)
    assert not seats.is_ahead(seat)

    seats.take(7, 0)
    assert seats.is_ahead(seat)
    assert not seats.is_ahead(7)

    seats.leave(7)
    assert not seats.is_ahead(seat)
