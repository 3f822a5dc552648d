"""The short cut: what takes it, what does not, and that nobody can tell which it was."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from audits.models import Decision
from decisions import process, shortcut
from tenants.models import Environment
from tests.builders import a_feature, a_running_experiment
from tests.protocols.line import Connection
from tests.protocols.test_contract import EVERY, SAMPLES, a_key_for
from tests.protocols.wire import Answer, Ask, ask, written

pytestmark = pytest.mark.django_db(transaction=True)

OPTIONS = ask("OPTIONS", "/ofrep/v1/evaluate/flags")
ELSEWHERE = ask("GET", "/nothing/of/ours")


@pytest.fixture
def environment(open_environment: Environment) -> Environment:
    a_running_experiment(open_environment, a_feature(open_environment, key="checkout"))
    return open_environment


@pytest.fixture
def evaluation(environment: Environment) -> Ask:
    """A call that is answered from memory, which has it already."""
    call = SAMPLES["ofrep"](a_key_for(EVERY["ofrep"], environment))
    assert talk(call)[0].status == 200
    return call


@pytest.fixture
def decision(evaluation: Ask) -> Ask:
    return ask("POST", "/decisions", {"request_id": "r1", "feature_key": "checkout", "user_id": "ann"})


def talk(*calls: Ask, piece: int = 65_536) -> list[Answer]:
    """What a caller hears who asks all of these before it listens."""

    async def script() -> list[Answer]:
        connection = Connection()
        connection.send(b"".join(map(written, calls)), piece)
        heard = await connection.hear(*(call.method for call in calls))
        await connection.leave()
        return heard

    return asyncio.run(script())


def test_what_is_in_memory_is_answered_in_the_same_turn_of_the_loop(evaluation: Ask) -> None:
    async def script() -> None:
        connection = Connection()
        connection.send(written(evaluation))

        assert connection.wire.written.startswith(b"HTTP/1.1 200 OK\r\n")
        assert not connection.state.tasks
        assert connection.state.total_requests == 1

    asyncio.run(script())


def test_calls_that_are_sent_together_are_answered_in_their_order(decision: Ask, evaluation: Ask) -> None:
    calls = [evaluation, decision, evaluation, ELSEWHERE, OPTIONS, decision, evaluation]

    heard = talk(*calls)

    assert [answer.status for answer in heard] == [200, 200, 200, 404, 204, 200, 200]
    assert heard[0].body == heard[2].body == heard[6].body
    assert heard[1] == heard[5]
    assert b'"request_id":"r1"' in heard[1].body
    assert Decision.objects.count() == 1


@pytest.mark.parametrize("piece", [1, 7])
def test_bytes_may_come_one_by_one(decision: Ask, evaluation: Ask, piece: int) -> None:
    calls = [evaluation, decision, ELSEWHERE, evaluation]

    assert talk(*calls, piece=piece) == talk(*calls)


def test_whoever_sends_very_much_together_waits_like_all_others(evaluation: Ask) -> None:
    many = 4 * shortcut.AT_ONCE

    async def script() -> None:
        connection = Connection()
        connection.send(written(evaluation) * many)

        assert connection.wire.written.count(b"HTTP/1.1 200 OK") == shortcut.AT_ONCE
        assert connection.wire.is_paused
        assert {answer.status for answer in await connection.hear(*["POST"] * many)} == {200}
        assert not connection.wire.is_paused

    asyncio.run(script())


def test_whoever_does_not_read_is_not_written_to(evaluation: Ask) -> None:
    async def script() -> None:
        connection = Connection()
        connection.server.pause_writing()
        connection.send(written(evaluation))
        await asyncio.sleep(0)
        assert not connection.wire.written

        connection.server.resume_writing()
        assert (await connection.hear("POST"))[0].status == 200

    asyncio.run(script())


@pytest.mark.parametrize("is_measured", [True, False])
def test_a_body_beyond_the_limit_is_refused_before_it_is_read(evaluation: Ask, is_measured: bool) -> None:
    (answer,) = talk(Ask("POST", evaluation.target, b"[" * 2_000_000, evaluation.headers, length=is_measured))

    assert answer.status == 413


def test_a_caller_who_asks_whether_to_go_on_is_told_so(evaluation: Ask) -> None:
    async def script() -> None:
        connection = Connection()
        head, _, body = written(evaluation.but(expect="100-continue")).partition(b"\r\n\r\n")
        connection.send(head + b"\r\n\r\n")
        while not connection.wire.written:
            await asyncio.sleep(0)
        assert bytes(connection.wire.written) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.wire.written.clear()

        connection.send(body)
        assert (await connection.hear("POST"))[0].status == 200

    asyncio.run(script())


@pytest.mark.parametrize(("version", "header"), [("1.1", "close"), ("1.0", "keep-alive"), ("1.0", "close")])
def test_whoever_wants_no_more_is_let_go(evaluation: Ask, version: str, header: str) -> None:
    async def script() -> None:
        connection = Connection()
        connection.send(written(evaluation.but(connection=header)).replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1))

        (answer,) = await connection.hear("POST")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.wire.is_closed

    asyncio.run(script())


def test_what_is_no_http_is_refused(environment: Environment) -> None:
    (answer,) = talk(Ask("GET", "/health HTTP/9.9\r\nX: \x00"))

    assert answer.status == 400


def test_a_head_without_end_is_refused(environment: Environment) -> None:
    async def script() -> None:
        for beginning in (b"GET /health HTTP/1.1\r\nX-Long: ", b"GET /", b"POST /v1/allflags HTTP/1.1\r\n"):
            connection = Connection()
            connection.send(beginning)
            while not connection.wire.is_closed:
                connection.send(b"X-Many: a\r\n" * 100 if beginning.endswith(b"\n") else b"x" * 1_000)

            assert bytes(connection.wire.written).startswith(b"HTTP/1.1 431 ")

    asyncio.run(script())


def test_many_calls_are_no_long_head(evaluation: Ask) -> None:
    async def script() -> None:
        connection = Connection()
        for _ in range(400):
            connection.send(written(evaluation)[:-1])
            connection.send(written(evaluation)[-1:])

        assert {answer.status for answer in await connection.hear(*["POST"] * 400)} == {200}

    asyncio.run(script())


@pytest.mark.parametrize("cut", [5, 120, -1])
def test_whoever_dawdles_is_turned_away(evaluation: Ask, cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcut, "DAWDLING", 0.01)

    async def script() -> None:
        connection = Connection()
        connection.send(written(evaluation))
        await connection.hear("POST")
        await asyncio.sleep(0.02)
        assert not connection.wire.is_closed, "nobody has begun anything"

        connection.send(written(evaluation)[:cut])
        (answer,) = await connection.hear("POST")
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert connection.wire.is_closed

    asyncio.run(script())


def test_a_server_that_stops_says_farewell_with_the_next_answer(evaluation: Ask) -> None:
    async def script() -> None:
        connection = Connection()
        connection.send(written(evaluation))
        await connection.hear("POST")
        connection.server.shutdown()
        assert not connection.wire.is_closed, "a call may be on its way"

        connection.send(written(evaluation))
        (answer,) = await connection.hear("POST")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.wire.is_closed

    asyncio.run(script())


def test_a_server_that_stops_answers_one_more_call_and_not_two(evaluation: Ask) -> None:
    async def script() -> None:
        connection = Connection()
        connection.server.shutdown()
        connection.send(written(evaluation) * 3)
        (answer,) = await connection.hear("POST")
        assert (answer.status, answer.headers["connection"]) == (200, "close")

    asyncio.run(script())


def test_whoever_says_nothing_is_let_go(environment: Environment) -> None:
    async def script() -> None:
        connection = Connection(timeout_keep_alive=0.01)
        await asyncio.wait_for(connection.wire.has_more.wait(), 10)
        assert connection.wire.is_closed
        assert not connection.wire.written

    asyncio.run(script())


def test_a_server_that_stops_lets_go_of_who_says_nothing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcut, "FAREWELL", 0.01)

    async def script() -> None:
        connection = Connection()
        connection.server.shutdown()
        await asyncio.wait_for(connection.wire.has_more.wait(), 10)
        assert connection.wire.is_closed

    asyncio.run(script())


def test_a_server_that_stops_answers_what_it_has_begun_to_read(evaluation: Ask, decision: Ask) -> None:
    async def script() -> None:
        for call in (evaluation, decision):
            connection = Connection()
            connection.send(written(call)[:-5])
            connection.server.shutdown()
            connection.send(written(call)[-5:])
            (answer,) = await connection.hear("POST")
            assert (answer.status, answer.headers["connection"]) == (200, "close")

    asyncio.run(script())


def test_while_a_row_is_stored_the_others_queue_up_and_the_caller_may_leave(
    decision: Ask, evaluation: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: Future[Any] = Future()
    front = process.gateway()
    submit = front.recorder.submit

    def delayed(*arguments: Any) -> Future[Any]:
        submit(*arguments).add_done_callback(lambda done: rows.append(done.result()))
        return held

    rows: list[Any] = []
    monkeypatch.setattr(front.recorder, "submit", delayed)

    async def script() -> None:
        stays, leaves = Connection(), Connection()
        for connection in (stays, leaves):
            connection.send(written(decision) + written(evaluation))
            assert connection.wire.is_paused
        await leaves.leave()
        while not rows:
            await asyncio.sleep(0.001)
        assert not stays.wire.written

        held.set_result(rows[0])
        assert [answer.status for answer in await stays.hear("POST", "POST")] == [200, 200]
        assert not leaves.wire.written

    asyncio.run(script())


def test_a_row_that_is_not_stored_in_time_is_said_not_to_be(decision: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcut, "PATIENCE", 0.01)
    held: Future[Any] = Future()
    monkeypatch.setattr(process.gateway().recorder, "submit", lambda *_: held)

    (answer,) = talk(decision)

    assert answer.status == 503


@pytest.mark.parametrize("pair", [("X-A", "a\r\nX-B: b"), ("X-A\n", "a"), ("X-A", "\x00")])
def test_no_header_can_become_two(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="control characters"):
        shortcut.head_of(200, (pair,), keep_alive=True)
