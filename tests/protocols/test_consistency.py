"""Real servers with four processes: what was acknowledged is stored, once, and was decided on what was configured."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count, cycle, islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from audits.models import Decision
from benchmarks.process import Server, tree
from tenants.management.commands.bootstrap import environment_at
from tenants.models import Environment
from tests.builders import a_feature, a_running_experiment
from tests.conftest import OPEN
from tests.protocols.load import Line, Told, hang_up, lines

ROUNDS = int(os.environ.get("CONSISTENCY_ROUNDS", "1000"))
CROWD = 64


@pytest.fixture
def furnished(transactional_db: None) -> Environment:
    """feat-001 with exp-001 and exp-002, both running; exp-001 is active."""
    environment = environment_at(OPEN, bucketing="feature_hub")
    feature = a_feature(environment, key="checkout")
    second = a_running_experiment(environment, feature)
    first = a_running_experiment(environment, feature)
    assert (second.public_id, first.public_id) == ("exp-001", "exp-002")
    return environment


@pytest.fixture
def server(furnished: Environment, start_server: Callable[..., Server], tmp_path: Path) -> Iterator[Server]:
    """Four processes, all of them serving: one that answers early would do the work of all."""
    server = start_server(workers=4)
    deadline = monotonic() + 30
    while (serving := (tmp_path / "server-0.log").read_text().count("startup complete")) < 4 and monotonic() < deadline:
        sleep(0.05)
    assert serving == 4
    yield server
    print((tmp_path / "server-0.log").read_text()[-4000:])  # noqa: T201  shown where a test fails


def numbers_are_unique() -> bool:
    numbers = list(Decision.objects.values_list("number", flat=True))
    return len(numbers) == len(set(numbers))


def test_a_crowd_with_one_request_id_gets_one_answer(server: Server) -> None:
    async def crowd() -> list[set[Told]]:
        people = lines(server.port, CROWD)
        rounds = []
        for number in range(50):
            asks = (line.decide(f"round-{number}", f"user-{who}") for who, line in enumerate(people))
            rounds.append(set(await asyncio.gather(*asks)))
        hang_up(people)
        return rounds

    answers = asyncio.run(crowd())

    assert [len(told) for told in answers] == [1] * 50
    assert {told.status for [told] in answers} == {200}
    assert Decision.objects.count() == 50
    assert numbers_are_unique()


@dataclass(frozen=True)
class Edit:
    """One change over the wire, and what a decision must be right after it."""

    target: str
    body: dict[str, Any]
    outcome: tuple[str | None, str, str]


CONTROL = ("control", "experiment_inactive")
EDITS = [
    Edit("/features/feat-001", {"status": "off"}, (None, "control", "feature_off")),
    Edit("/variants/var-003", {"weight": 50}, (None, "control", "feature_off")),
    Edit("/features/feat-001", {"status": "on"}, (None, "enabled", "feature_on")),
    Edit(
        "/features/feat-001",
        {"status": "experiment", "active_experiment_id": "exp-001"},
        ("exp-001", "control", "assigned"),
    ),
    Edit("/variants/var-001", {"weight": 0}, ("exp-001", "treatment", "assigned")),
    Edit("/variants/var-001", {"weight": 50}, ("exp-001", "control", "assigned")),
    Edit("/experiments/exp-001", {"status": "paused"}, ("exp-001", *CONTROL)),
    Edit("/variants/var-003", {"weight": 0}, ("exp-001", *CONTROL)),
    Edit("/features/feat-001", {"active_experiment_id": "exp-002"}, ("exp-002", "treatment", "assigned")),
    Edit("/experiments/exp-002", {"rollout_percent": 0}, ("exp-002", "control", "not in rollout")),
    Edit("/experiments/exp-002", {"rollout_percent": 100}, ("exp-002", "treatment", "assigned")),
    Edit("/experiments/exp-001", {"status": "running"}, ("exp-002", "treatment", "assigned")),
]
"""ann is in the control of exp-001, as long as both variants weigh the same."""


@dataclass
class Caller:
    """One kept connection, and so one process of the server."""

    http: HTTPConnection

    def ask(self, method: str, target: str, body: dict[str, Any]) -> Any:
        self.http.request(method, target, json.dumps(body), {"Content-Type": "application/json"})
        response = self.http.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        return answer


@contextmanager
def callers(port: int, number: int) -> Iterator[list[Caller]]:
    found = [Caller(HTTPConnection("127.0.0.1", port, timeout=30)) for _ in range(number)]
    yield found
    for caller in found:
        caller.http.close()


def test_no_decision_is_made_on_an_older_configuration(server: Server) -> None:
    revisions = []

    with callers(server.port, 9) as (editor, *others):
        for number, edit, caller in zip(range(ROUNDS), cycle(EDITS), cycle(others), strict=False):
            editor.ask("PATCH", edit.target, edit.body)
            revisions.append(Environment.objects.get().revision)
            body = {"request_id": f"r{number:06}", "feature_key": "checkout", "user_id": "ann"}
            told = caller.ask("POST", "/decisions", body)
            assert (told["experiment_id"], told["variant_key"], told["reason"]) == edit.outcome, (number, edit)

    stored = Decision.objects.order_by("request_id").values_list("revision", flat=True)
    assert list(stored) == revisions
    assert len(set(revisions)) > ROUNDS * 0.9


@dataclass
class Traffic:
    """Callers that ask without pause until they are told to stop, and what they were told."""

    port: int
    told: dict[str, Told] = field(default_factory=dict)
    is_over: bool = False
    ids: Iterator[int] = field(default_factory=count)

    async def caller(self) -> None:
        async with Line(self.port) as line:
            while not self.is_over:
                request_id = f"r{next(self.ids)}"
                self.told[request_id] = await line.decide(request_id, f"user of {request_id}")
                if self.told[request_id].status == 0:
                    await asyncio.sleep(0.02)  # a server that is gone answers at once that it is

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for something to be so, for at most 20 seconds."""
        async with asyncio.timeout(20):
            while not wanted():
                await asyncio.sleep(0.01)

    def acknowledged(self) -> set[str]:
        return {request_id for request_id, told in self.told.items() if told.status == 200}

    async def during(self, blow: Callable[[], object], *, and_then: Callable[[], bool]) -> None:
        """Load the server, strike it once 200 calls were answered, and stop when `and_then` is so."""
        tasks = [asyncio.create_task(self.caller()) for _ in range(16)]
        await self.until(lambda: len(self.acknowledged()) >= 200)
        blow()
        await self.until(and_then)
        self.is_over = True
        await asyncio.gather(*tasks)


def missing(acknowledged: set[str]) -> set[str]:
    return acknowledged - set(Decision.objects.values_list("request_id", flat=True))


def workers_of(server: Server) -> list[int]:
    return [stat.pid for stat in tree(server.pid) if stat.parent == server.pid]


def test_a_killed_worker_loses_nothing_it_acknowledged(server: Server) -> None:
    traffic = Traffic(server.port)
    victim = workers_of(server)[0]

    def is_replaced() -> bool:
        return victim not in (workers := workers_of(server)) and len(workers) == 4

    asyncio.run(traffic.during(lambda: os.kill(victim, signal.SIGKILL), and_then=is_replaced))

    assert missing(traffic.acknowledged()) == set()
    assert numbers_are_unique()

    async def replay() -> list[tuple[Told, Told]]:
        async with Line(server.port) as line:
            asked = [*set(traffic.told) - traffic.acknowledged(), *islice(traffic.acknowledged(), 50)]
            return [(await line.decide(one, "somebody else"), traffic.told[one]) for one in asked]

    for again, first in asyncio.run(replay()):
        assert again.status == 200, again.body
        assert first.status == 0 or again == first


def test_a_server_that_is_told_to_stop_stores_what_it_acknowledges(server: Server) -> None:
    traffic = Traffic(server.port)

    def is_gone() -> bool:
        return not workers_of(server)

    asyncio.run(traffic.during(lambda: os.kill(server.pid, signal.SIGTERM), and_then=is_gone))

    assert missing(traffic.acknowledged()) == set()
    assert {told.status for told in traffic.told.values()} <= {0, 200, 503}


def test_a_replay_gets_the_first_answer_from_any_process_after_an_edit(server: Server) -> None:
    async def script() -> list[set[Told]]:
        editor, *others = lines(server.port, 17)
        first = await others[0].decide("r1", "ann")
        await editor.ask("PATCH", "/features/feat-001", {"status": "off"})
        replays = set(await asyncio.gather(*(line.decide("r1", "ann") for line in others)))
        fresh = set(await asyncio.gather(*(line.decide("r2", "ann") for line in others)))
        hang_up([editor, *others])
        return [{first}, replays, fresh]

    first, replays, fresh = asyncio.run(script())

    assert replays == first
    assert [told.json["reason"] for told in fresh] == ["feature_off"]
    assert Decision.objects.count() == 2
