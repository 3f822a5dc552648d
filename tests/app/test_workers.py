"""The workers of a server share connections out evenly, and each is left none that nobody else wants."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

import pytest

from app.workers import SEATS, Seats
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


def answerer(line: HTTPConnection) -> str:
    line.request("GET", "/metrics")
    return line.getresponse().read().decode().partition('pid="')[2].partition('"')[0]


def has_shares(server: Server, *shares: int) -> bool:
    with callers(server, sum(shares)) as told:
        return sorted(told.values()) == sorted(shares)


def test_callers_who_come_together_are_shared_out(start_server: Starter) -> None:
    server = start_server(workers=3)

    assert eventually(lambda: has_shares(server, 8, 8, 8), patience=30), "once all of them have started"
    with callers(server, 12):
        assert eventually(lambda: has_shares(server, 5, 5, 5)), "once those before have been seen to leave"


def test_a_worker_that_does_not_answer_is_no_reason_to_wait(start_server: Starter) -> None:
    server = start_server(workers=2)
    assert eventually(lambda: has_shares(server, 4, 4), patience=30)
    stuck = next(stat.pid for stat in tree(server.pid) if stat.parent == server.pid)

    os.kill(stuck, signal.SIGSTOP)
    try:
        with callers(server, 9) as told:
            assert str(stuck) not in told
    finally:
        os.kill(stuck, signal.SIGCONT)

    os.kill(stuck, signal.SIGKILL)
    assert eventually(lambda: has_shares(server, 4, 4), patience=30), "with the one that was begun in its place"


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
