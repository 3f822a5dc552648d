"""A closed-loop HTTP/1.1 load generator in processes of its own: every connection asks again once it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing.connection import Connection as Pipe
from random import Random, random
from time import perf_counter
from typing import NamedTuple, cast

import uvloop

BROKEN = 0
"""The status counted when a connection was refused, or ended before the answer was complete."""

RECONNECT_PAUSE = 0.05
"""Seconds a connection waits after a failure, so that a dead server is not asked in a tight loop."""

Bodies = Callable[[], Iterator[bytes]]
"""Makes the bodies of one process. It is sent to that process, so it must be a value that pickle can carry."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What every connection sends: one request again and again, or one whose body is new every time."""

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    bodies: Bodies | None = None

    def requests(self) -> Iterator[bytes]:
        """Whole requests as bytes, without end unless the bodies end."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in self.headers)]
        head = "\r\n".join(lines).encode()
        if self.bodies is None:
            while True:
                yield head + b"\r\n\r\n"
        for body in self.bodies():
            yield b"%b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


@dataclass(frozen=True, slots=True)
class Mix:
    """Several requests by turns, each as often as its share says; the same order every time."""

    parts: tuple[tuple[Ask, int], ...]

    def requests(self) -> Iterator[bytes]:
        """Whole requests as bytes, without end unless those of one part end."""
        turns = [requests for ask, share in self.parts for requests in [ask.requests()] * share]
        Random(len(turns)).shuffle(turns)
        for requests in cycle(turns):
            yield next(requests)


Asks = Ask | Mix


@dataclass(frozen=True, slots=True)
class Load:
    """How hard to ask, and for how long. `warmup` and `seconds` are in seconds; processes share the connections."""

    port: int
    ask: Asks
    host: str = "127.0.0.1"
    connections: int = 32
    processes: int = 1
    warmup: float = 1.0
    seconds: float = 5.0
    rate: float = 0.0
    """Requests a second in all, evenly; 0 is each as soon as the one before is answered."""

    @property
    def interval(self) -> float:
        """Seconds from one request of a connection to its next."""
        return self.connections / self.rate if self.rate else 0.0


@dataclass(slots=True)
class Sample:
    """What was seen: one latency in seconds per answer, how often each status came, and how long it took in seconds."""

    latencies: array[float] = field(default_factory=lambda: array("d"))
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """One measured run. `requests` counts complete answers; `errors`, those not 2xx or 304, and the broken ones."""

    requests: int
    seconds: float
    rps: float
    p50_ms: float
    p99_ms: float
    errors: int
    statuses: dict[int, int]


class Answer(NamedTuple):
    """A complete answer at the start of a buffer: its status, and whether the server closes the connection after it."""

    status: int
    closes: bool


class Unframed(ValueError):
    """An answer that does not say where it ends, or that is not HTTP/1.1."""


LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
BODILESS = frozenset({204, 304})


def read_answer(data: bytes) -> Answer | None:
    """The answer in `data`, or None while some of it is missing. Raises Unframed."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    status = read_status(data)
    if status not in BODILESS and not is_complete(data, head):
        return None
    return Answer(status, CLOSES.search(data, 0, head) is not None)


def read_status(data: bytes) -> int:
    """The number in `HTTP/1.1 200 OK`."""
    if not data.startswith(b"HTTP/1.1 ") or not data[9:12].isdigit():
        raise Unframed(f"not a status line: {data[:40]!r}")
    return int(data[9:12])


def is_complete(data: bytes, head: int) -> bool:
    """Whether the whole body is there; `head` is where the headers end."""
    if length := LENGTH.search(data, 0, head):
        return len(data) >= head + 4 + int(length[1])
    if CHUNKED.search(data, 0, head):
        return has_last_chunk(data, head + 4)
    raise Unframed(f"neither a length nor chunks: {data[:head]!r}")


def has_last_chunk(data: bytes, at: int) -> bool:
    """Walk the chunks from `at`, without trailers, to the empty one that ends the body."""
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].partition(b";")[0], 16)
        at = line + 2 + size + 2
        if size == 0:
            return len(data) >= at
    return False


class Connection(asyncio.Protocol):
    """One keep-alive connection: it asks, waits, notes the latency and asks again until it is told to rest."""

    def __init__(self, requests: Iterator[bytes], interval: float = 0.0) -> None:
        self.requests = requests
        self.interval, self.due = interval, 0.0
        self.sample = Sample()
        self.deadline = 0.0
        self.started = 0.0
        self.data = b""
        self.transport: asyncio.Transport | None = None
        self.rested: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.data or self.is_waiting:
            self.sample.statuses[BROKEN] += 1
        self.rest()

    def data_received(self, data: bytes) -> None:
        if self.data:
            data = self.data + data
        try:
            answer = read_answer(data)
        except ValueError:
            self.data = data
            self.close()
            return
        if answer is None:
            self.data = data
            return
        self.note(answer)

    @property
    def is_waiting(self) -> bool:
        """Whether a request is out and its answer not in."""
        return self.started > 0.0

    def note(self, answer: Answer) -> None:
        """Take the time of a complete answer, then go on while there is time."""
        now = perf_counter()
        self.sample.latencies.append(now - self.started)
        self.sample.statuses[answer.status] += 1
        self.started, self.data = 0.0, b""
        if answer.closes:
            self.close()
        elif now < self.deadline:
            self.send_when_due(now)
        else:
            self.rest()

    def send_when_due(self, now: float) -> None:
        """Ask the next question at once, or at its time where there is a rhythm."""
        self.due += self.interval
        if self.due <= now:
            self.send()
        else:
            asyncio.get_running_loop().call_later(self.due - now, self.send)

    def send(self) -> None:
        """Ask the next question; rest when there is none left."""
        request = next(self.requests, None)
        if request is None or self.transport is None:
            self.deadline = 0.0
            self.rest()
            return
        self.started = perf_counter()
        self.transport.write(request)

    def close(self) -> None:
        """Hang up; `connection_lost` follows."""
        if self.transport is not None:
            self.transport.close()

    def rest(self) -> None:
        """Wake the one who waits for this connection to stand still."""
        if self.rested is not None and not self.rested.done():
            self.rested.set_result(None)

    async def ask_until(self, deadline: float, sample: Sample) -> None:
        """Ask until `deadline` (of `perf_counter`) or until the connection is lost. The last answer is waited for."""
        self.sample, self.deadline, self.started, self.data = sample, deadline, 0.0, b""
        self.rested = asyncio.get_running_loop().create_future()
        now = perf_counter()
        self.due = now - self.interval * random()  # so that the connections do not ask in step
        self.send_when_due(now)
        await self.rested


class Client:
    """One process's connections, opened as they are needed and kept between phases."""

    def __init__(self, load: Load, *, connections: int) -> None:
        self.load = load
        self.requests = load.ask.requests()
        self.open: list[Connection | None] = [None] * connections

    async def phase(self, seconds: float) -> Sample:
        """Load the server for `seconds`; every request that was sent is answered, or lost, when this returns."""
        sample, began = Sample(), perf_counter()
        await asyncio.gather(*(self.keep_asking(at, began + seconds, sample) for at in range(len(self.open))))
        sample.seconds = perf_counter() - began
        return sample

    async def keep_asking(self, at: int, deadline: float, sample: Sample) -> None:
        """Use one place in the pool until `deadline`, with a new connection whenever the server ended the old one."""
        while perf_counter() < deadline:
            broken = sample.statuses[BROKEN]
            connection = await self.connection(at, sample)
            if connection is not None:
                await connection.ask_until(deadline, sample)
                if connection.deadline == 0.0 and connection.transport is not None:
                    return
            if sample.statuses[BROKEN] > broken:
                await asyncio.sleep(RECONNECT_PAUSE)

    async def connection(self, at: int, sample: Sample) -> Connection | None:
        """The open connection in this place, or a new one; None, and one broken request, when there is no server."""
        kept = self.open[at]
        if kept is not None and kept.transport is not None:
            return kept
        try:
            _, kept = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self.requests, self.load.interval), self.load.host, self.load.port
            )
        except OSError:
            sample.statuses[BROKEN] += 1
            return None
        self.open[at] = kept
        return kept

    def close(self) -> None:
        """Hang up everywhere."""
        for connection in self.open:
            if connection is not None:
                connection.close()


def is_good(status: int) -> bool:
    """Whether it is an answer; nobody here minds that he has it already."""
    return 200 <= status < 300 or status == 304


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order: the smallest that `percent` of them do not exceed."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summarise(samples: Iterable[Sample]) -> Result:
    """One result from what several processes saw at the same time."""
    latencies, statuses, seconds = array("d"), Counter[int](), 0.0
    for sample in samples:
        latencies.extend(sample.latencies)
        statuses.update(sample.statuses)
        seconds = max(seconds, sample.seconds)
    ordered = sorted(latencies)
    return Result(
        requests=len(ordered),
        seconds=seconds,
        rps=len(ordered) / seconds if seconds else 0.0,
        p50_ms=percentile(ordered, 50) * 1000,
        p99_ms=percentile(ordered, 99) * 1000,
        errors=sum(count for status, count in statuses.items() if not is_good(status)),
        statuses={status: count for status, count in sorted(statuses.items()) if count},
    )


async def drive(load: Load, *, when_warm: Callable[[], None] = lambda: None) -> Result:
    """Warm up, call `when_warm` while nothing is in flight, and measure; all in this event loop."""
    client = Client(load, connections=load.connections)
    await client.phase(load.warmup)
    when_warm()
    sample = await client.phase(load.seconds)
    client.close()
    return summarise([sample])


def run(load: Load, *, when_warm: Callable[[], None] = lambda: None) -> Result:
    """The same in `load.processes` processes, which begin to measure together, after `when_warm` returned."""
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        pipes = []
        for connections in shares(load.connections, load.processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(load, connections, theirs), daemon=True)
            process.start()
            theirs.close()
            stack.callback(process.join)
            stack.callback(ours.close)
            pipes.append(ours)
        for pipe in pipes:
            pipe.recv()
        when_warm()
        for pipe in pipes:
            pipe.send(None)
        return summarise([pipe.recv() for pipe in pipes])


def work(load: Load, connections: int, pipe: Pipe) -> None:
    """One process of `run`: warm up, say so, wait for the word, measure, hand the sample over."""

    async def main() -> None:
        client = Client(load, connections=connections)
        await client.phase(load.warmup)
        pipe.send(None)
        pipe.recv()
        pipe.send(await client.phase(load.seconds))
        client.close()

    uvloop.run(main())


def shares(whole: int, parts: int) -> list[int]:
    """`whole` in `parts` nearly equal parts, none of them zero."""
    return [share for part in range(parts) if (share := (whole + part) // parts)]
