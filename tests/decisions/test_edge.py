"""The edge as it is deployed: the Procfile's own command, over a real database."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from django.conf import settings

from audits.models import Decision
from benchmarks.contenders import edge_command
from benchmarks.process import Server, serve, tree
from decisions.edge import APPS
from decisions.gateway import Gateway
from experiments.models import Exposure
from features.models import Usage
from tenants.management.commands.bootstrap import environment_at
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_feature, a_key, a_running_experiment
from tests.conftest import OPEN, ROOT, database_url
from tests.protocols.load import Line
from tests.protocols.test_contract import EVERY, SAMPLES, a_key_for
from tests.protocols.wire import Answer, Ask, ask, through_wsgi


def variables(**changes: str) -> dict[str, str]:
    return {
        "ENV": "local",
        "DJANGO_SETTINGS_MODULE": "app.settings.local",
        "DATABASE_URL": database_url(),
        "STATE_DIR": str(settings.STATE_DIR),
        "SECRET_KEY": settings.SECRET_KEY,  # signing keys are sealed with it
        "OPEN_ENVIRONMENT": OPEN,
        "WEB_CONCURRENCY": "2",
        "BIND": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        **changes,
    }


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = environment_at(OPEN, bucketing="feature_hub")
    a_running_experiment(environment, a_feature(environment, key="checkout"))
    return environment


@pytest.fixture
def edge(environment: Environment, tmp_path: Path) -> Iterator[Server]:
    command = edge_command()
    with serve(command, env=variables(), cwd=ROOT, log=tmp_path / "edge.log", path="/readyz") as server:
        yield server


def through_edge(edge: Server, call: Ask) -> Answer:
    connection = HTTPConnection("127.0.0.1", edge.port, timeout=20)
    try:
        connection.request(call.method, call.target, call.body, dict(call.headers))
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def without_dates(answer: Answer) -> tuple[int, dict[str, str], Any]:
    """What does not depend on when it was said: the server's own header and timestamps left out."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "server"}}
    return answer.status, headers, json.loads(answer.body) if answer.body else None


def test_every_protocol_answers_its_sample_as_the_web_process_does(
    gateway: Gateway, edge: Server, environment: Environment
) -> None:
    for slug, sample in SAMPLES.items():
        call = sample(a_key_for(EVERY[slug], environment))

        assert without_dates(through_edge(edge, call)) == without_dates(through_wsgi(call)), slug


def test_there_is_nothing_but_decisions(edge: Server) -> None:
    for target in ("/admin/", "/features", "/api/v1/projects/", "/docs/", "/openapi.json", "/nothing"):
        answer = through_edge(edge, ask("GET", target))

        assert (answer.status, answer.json) == (404, {"detail": "Not Found"}), target


def test_what_asks_the_database_is_answered_too_and_so_is_what_goes_on(edge: Server, environment: Environment) -> None:
    key = a_key(environment, Kind.SERVER)
    trait = {"identity": {"identifier": "ann"}, "trait_key": "plan", "trait_value": "pro"}

    kept = [through_edge(edge, ask("POST", "/api/v1/traits/", trait, key)) for _ in range(40)]
    stream = urlopen(f"http://127.0.0.1:{edge.port}/sub/{key}", timeout=10)

    assert {answer.status for answer in kept} == {200}, "more than the pool has connections, and each is given back"
    with stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.readline() == b"retry: 10000\n"


def test_an_edit_elsewhere_reaches_every_worker(edge: Server, environment: Environment) -> None:
    call = SAMPLES["go_feature_flag"](a_key(environment))
    a_feature(environment, key="later", state={"status": "on"})
    later = Ask(call.method, call.target.replace("checkout", "later"), call.body, call.headers)

    async def until_all_know() -> None:
        async with asyncio.timeout(10):
            while {through_edge(edge, later).json["reason"] for _ in range(8)} != {"STATIC"}:
                await asyncio.sleep(0.01)

    asyncio.run(until_all_know())


def test_metrics_are_those_of_the_process_that_answers(edge: Server) -> None:
    answer = through_edge(edge, ask("GET", "/metrics"))

    workers = {stat.pid for stat in tree(edge.pid)}
    told = {
        line.partition('pid="')[2].partition('"')[0] for line in answer.body.decode().splitlines() if "pid=" in line
    }
    assert answer.status == 200
    assert {int(pid) for pid in told} <= workers


def test_told_to_stop_it_loses_nothing_and_stores_what_it_saw(edge: Server, environment: Environment) -> None:
    told: dict[str, int] = {}

    async def decider(number: int) -> None:
        async with Line(edge.port) as line:
            for n in range(10_000):
                name = f"{number}-{n}"
                body = {"request_id": name, "feature_key": "checkout", "user_id": name}
                told[name] = (await line.ask("POST", "/decisions", body)).status
                if not line.is_open():
                    return

    async def script() -> None:
        callers = [asyncio.create_task(decider(number)) for number in range(8)]
        async with asyncio.timeout(20):
            while len(told) < 200:
                await asyncio.sleep(0.01)
        os.kill(edge.pid, signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(*callers), 20)

    asked = SAMPLES["go_feature_flag"](a_key(environment))
    assert through_edge(edge, asked).status == 200
    asyncio.run(script())
    while len(tree(edge.pid)) > 1:
        os.waitpid(edge.pid, os.WNOHANG)

    assert set(told.values()) == {200}, "every call is answered, the last ones with a farewell"
    assert set(told) - set(Decision.objects.values_list("request_id", flat=True)) == set()
    assert sum(Usage.objects.filter(feature_key="checkout").values_list("count", flat=True)) == 1
    assert Exposure.objects.filter(subject="u-123").exists()


def test_it_loads_no_app_that_is_for_people() -> None:
    assert {name for name in settings.INSTALLED_APPS if not name.startswith(("django.", "unfold"))} >= APPS - {
        name for name in APPS if name.startswith("django.")
    }
    assert not [name for name in APPS if "admin" in name or "rest_framework" in name]
