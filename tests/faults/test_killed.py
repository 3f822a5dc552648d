"""Processes that are killed, or told to stop, at any moment: what was told is stored, and nothing by halves."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections import defaultdict

from django.db import connection

from benchmarks.process import tree
from tests.faults.world import ROOT, Place, World, are_refused, eventually, statuses
from tests.protocols.load import Line, Told

ROUNDS = int(os.environ.get("KILL_ROUNDS", "12"))
CALLERS = 16
EVALUATION = "/ofrep/v1/evaluate/flags/banner"


def told_to_victims(world: World) -> dict[str, list[str]]:
    """What victims were told before they were killed: edits and decisions."""
    path = world.directory / "told"
    command = [sys.executable, "-m", "tests.faults.victim", str(ROUNDS), str(path)]
    variables = {**os.environ, **world.variables(LOG_LEVEL="ERROR")}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    told: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        kind, _, what = line.partition(" ")
        told[kind].append(what)
    return told


def test_an_edit_and_its_record_are_both_there_or_neither_and_no_decision_is_lost(world: World) -> None:
    told = told_to_victims(world)

    changes = world.database.query(
        "SELECT before, after FROM audits_change WHERE action = 'feature.updated' ORDER BY id"
    )
    names = [(read(before)["name"], read(after)["name"]) for before, after in changes]
    [[name]] = world.database.query(
        "SELECT f.name FROM features_feature f JOIN tenants_project p ON p.id = f.project_id "
        "WHERE f.key = 'banner' AND p.key = 'open'"
    )
    assert len(told["edit"]) >= ROUNDS
    assert all(before == after for (before, _), (_, after) in zip(names[1:], names, strict=False))
    assert name == names[-1][1]
    assert set(told["edit"]) <= {after for _, after in names}
    rows = world.database.query("SELECT request_id, number FROM audits_decision")
    assert set(told["decision"]) <= {request_id for request_id, _ in rows}
    assert len({number for _, number in rows}) == len(rows) == len({request_id for request_id, _ in rows})
    assert list(world.state.glob("lastgood/*/*.bad")) == []
    with world.web() as place:
        assert statuses(place.evaluate_all()) == {200}
        assert statuses(place.writes()) == {200}


def read(stored: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(stored) if isinstance(stored, str) else stored  # type: ignore[assignment]
    return found


async def crowd(place: Place, told: list[tuple[str, Told]]) -> None:
    """Callers who go on until they are told that their connection ends. Every one of them asks and decides by turns."""

    key = place.furniture.client

    async def caller(who: int) -> None:
        async with Line(place.server.port) as line:
            for turn in range(100_000):
                request_id = f"c-{who}-{turn}"
                stored = await line.decide(request_id, "ann")
                told.append((request_id, stored))
                if not line.is_open():
                    return
                asked = await line.ask("POST", EVALUATION, {"context": {"targetingKey": "ann"}}, X_API_Key=key)
                told.append(("evaluation", asked))
                if not line.is_open():
                    return

    async def stop() -> None:
        while sum(answer.status == 200 for _, answer in told) < 300:
            await asyncio.sleep(0.01)
        os.kill(place.server.pid, signal.SIGTERM)

    async with asyncio.timeout(60):
        await asyncio.gather(stop(), *(caller(who) for who in range(CALLERS)))


def test_a_server_that_is_told_to_stop_answers_whom_it_heard_and_stores_what_it_saw(world: World) -> None:
    told: list[tuple[str, Told]] = []
    with world.web(workers=2) as place:
        asyncio.run(crowd(place, told))
        assert eventually(lambda: not [stat for stat in tree(place.server.pid) if stat.pid != place.server.pid])

    assert {answer.status for _, answer in told} == {200}, "every call is answered, the last ones with a farewell"
    stored = {row[0] for row in world.database.query("SELECT request_id FROM audits_decision")}
    assert {name for name, answer in told if name != "evaluation" and answer.status == 200} <= stored
    [[counted]] = world.database.query("SELECT sum(count) FROM features_usage WHERE feature_key = 'banner'")
    answered = sum(answer.status == 200 for name, answer in told if name == "evaluation")
    assert counted == answered


def test_while_the_disk_is_full_decisions_go_on_and_afterwards_all_is_well(world: World) -> None:
    with world.web() as place:
        place.evaluate_all()
        assert statuses(place.writes()) == {200}
        assert eventually(world.is_kept)
        before = {path: path.read_bytes() for path in world.lastgood()}

        limit_files(place, 1)

        told = place.writes()
        assert statuses(place.evaluate_all()) == {200}
        if connection.vendor == "sqlite":
            assert are_refused(told), [(one.status, one.headers.get("retry-after"), one.body) for one in told]
        else:
            assert statuses(told) == {200}
        assert {path: path.read_bytes() for path in world.lastgood()} == before
        limit_files(place, resource.RLIM_INFINITY)
        assert eventually(lambda: statuses(place.writes()) == {200}, patience=10)
        assert eventually(world.is_kept)
    if connection.vendor == "sqlite":
        assert world.database.query("PRAGMA integrity_check") == [("ok",)]


def limit_files(place: Place, size: int) -> None:
    """Nobody there may write a file beyond this many bytes: a disk that is full, for our processes alone."""
    for stat in tree(place.server.pid):
        resource.prlimit(stat.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
