"""The load generator against a tiny server in the same event loop."""

import asyncio
import contextlib
import itertools
import json
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from benchmarks.load import (
    Ask,
    Load,
    Mix,
    Result,
    Sample,
    Unframed,
    drive,
    percentile,
    read_answer,
    run,
    shares,
    summarise,
)
from benchmarks.process import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

BRIEF = Load(port=0, ask=Ask(), connections=3, warmup=0.0, seconds=0.05)


@dataclass
class Teller:
    """Answers every request with the next of its answers, in pieces if asked; None hangs up instead."""

    answers: Iterator[bytes | None]
    piece: int = 1_000
    connections: int = 0
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.converse(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until one side has enough."""
        while (body := await read_request(reader)) is not None:
            self.bodies.append(body)
            answer = next(self.answers)
            if answer is None:
                return
            for piece in pieces(answer, self.piece):
                writer.write(piece)
                await asyncio.sleep(0)
            if answer == LAST:
                return


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """`data` cut into slices."""
    return (data[at : at + size] for at in range(0, len(data), size))


async def read_request(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next request; None when the client hung up."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    _, _, length = head.lower().partition(b"content-length: ")
    return await reader.readexactly(int(length.split()[0])) if length else b""


@contextlib.asynccontextmanager
async def serving(teller: Teller) -> AsyncIterator[int]:
    """The port of a server made of `teller`; all its conversations are over when the block has ended."""
    conversations: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(teller(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
        await asyncio.gather(*conversations)


def ask_it(teller: Teller, load: Load, when_warm: Callable[[], None] = lambda: None) -> Result:
    """Load a server made of `teller`."""

    async def main() -> Result:
        async with serving(teller) as port:
            return await drive(replace(load, port=port), when_warm=when_warm)

    return asyncio.run(main())


def test_every_answer_is_counted_once() -> None:
    teller = Teller(itertools.repeat(OK))

    result = ask_it(teller, BRIEF)

    assert result.requests == len(teller.bodies) > 0
    assert result.statuses == {200: result.requests}
    assert result.errors == 0
    assert result.rps == pytest.approx(result.requests / result.seconds)


def test_connections_are_kept_and_reused() -> None:
    teller = Teller(itertools.repeat(OK))

    result = ask_it(teller, replace(BRIEF, warmup=0.02))

    assert teller.connections == BRIEF.connections
    assert result.requests > BRIEF.connections


def test_answers_to_the_warm_up_are_not_counted() -> None:
    teller = Teller(itertools.repeat(OK))
    seen: list[int] = []

    result = ask_it(teller, replace(BRIEF, warmup=0.03), lambda: seen.append(len(teller.bodies)))

    assert seen[0] > 0
    assert result.requests == len(teller.bodies) - seen[0]


def test_other_statuses_than_2xx_are_errors() -> None:
    teller = Teller(itertools.cycle([OK, BUSY]))

    result = ask_it(teller, replace(BRIEF, connections=1))

    assert result.errors == result.statuses[503] > 0
    assert result.requests == result.statuses[200] + result.statuses[503]


def test_a_connection_lost_before_its_answer_is_an_error_and_is_opened_again() -> None:
    teller = Teller(itertools.chain([OK, None], itertools.repeat(OK)))

    result = ask_it(teller, replace(BRIEF, connections=1, seconds=0.12))

    assert result.errors == result.statuses[0] == 1
    assert teller.connections == 2
    assert result.requests == len(teller.bodies) - 1


def test_a_server_that_announces_the_end_of_the_connection_makes_no_error() -> None:
    teller = Teller(itertools.cycle([OK, LAST]))

    result = ask_it(teller, replace(BRIEF, connections=1))

    assert result.errors == 0
    assert teller.connections > 1


def test_an_answer_in_pieces_is_one_answer() -> None:
    teller = Teller(itertools.repeat(OK), piece=7)

    result = ask_it(teller, BRIEF)

    assert result.requests == len(teller.bodies) > 0
    assert result.errors == 0


def test_no_server_is_an_error_for_every_attempt() -> None:
    result = asyncio.run(drive(replace(BRIEF, port=free_port())))

    assert result.requests == 0
    assert result.errors == result.statuses[0] >= BRIEF.connections


@dataclass(frozen=True)
class Numbered:
    """Bodies that differ, so many of them."""

    many: int

    def __call__(self) -> Iterator[bytes]:
        return (json.dumps({"n": n}).encode() for n in range(self.many))


def test_each_body_is_sent_once_and_their_end_ends_the_run() -> None:
    teller = Teller(itertools.repeat(OK))

    result = ask_it(teller, replace(BRIEF, ask=Ask("POST", "/", bodies=Numbered(40)), seconds=10.0))

    assert sorted(json.loads(body)["n"] for body in teller.bodies) == list(range(40))
    assert result.requests == 40


def test_the_processes_of_a_run_are_summed() -> None:
    teller = Teller(itertools.repeat(OK))

    async def main() -> Result:
        async with serving(teller) as port:
            return await asyncio.to_thread(run, replace(BRIEF, port=port, processes=2))

    result = asyncio.run(main())

    assert result.requests == len(teller.bodies) > 0
    assert teller.connections == 3
    assert result.errors == 0


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_a_summary_sorts_the_latencies_of_all_processes() -> None:
    quick = Sample(array("d", [0.001] * 98), Counter({200: 98}), seconds=1.0)
    slow = Sample(array("d", [0.009, 0.008]), Counter({500: 2}), seconds=2.0)

    result = summarise([slow, quick])

    assert (result.requests, result.rps, result.errors) == (100, 50.0, 2)
    assert [result.p50_ms, result.p99_ms] == pytest.approx([1.0, 8.0])


@pytest.mark.parametrize("missing", range(1, 12))
def test_a_chunked_answer_is_complete_with_its_last_chunk(missing: int) -> None:
    answer = b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"

    whole, part = read_answer(answer), read_answer(answer[:-missing])

    assert whole is not None
    assert whole.status == 201
    assert part is None


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nbody", b"SSH-2.0-OpenSSH\r\n\r\n"])
def test_an_answer_without_an_end_is_refused(answer: bytes) -> None:
    with pytest.raises(Unframed):
        read_answer(answer)


def test_connections_are_shared_out_evenly() -> None:
    assert shares(7, 3) == [2, 2, 3]
    assert shares(1, 3) == [1]


def test_a_mix_asks_for_each_part_as_often_as_its_share_says() -> None:
    often, seldom = Ask(path="/often"), Ask(path="/seldom")

    requests = list(itertools.islice(Mix(((often, 3), (seldom, 1))).requests(), 400))

    assert Counter(request.split()[1] for request in requests) == {b"/often": 300, b"/seldom": 100}


def test_a_rhythm_is_kept_though_answers_come_sooner() -> None:
    teller = Teller(itertools.repeat(OK))

    result = ask_it(teller, replace(BRIEF, rate=200.0, seconds=0.2))

    assert 0 < result.requests < 100
    assert result.errors == 0


def test_an_answer_that_is_known_already_is_no_error() -> None:
    teller = Teller(itertools.repeat(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"))

    result = ask_it(teller, BRIEF)

    assert (set(result.statuses), result.errors) == ({304}, 0)
