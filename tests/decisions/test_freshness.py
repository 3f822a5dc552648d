"""Freshness: an edit is known at once where it is made, soon on the same host, and by polling everywhere."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from audits.services import SYSTEM
from decisions import freshness, threads
from decisions.bell import Bell, SilentBell, bell
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.freshness import Freshness
from decisions.gateway import Gateway, Listening, Waiting
from decisions.lastgood import LastGood
from decisions.outages import Away
from decisions.protocols._base import Request
from decisions.responses import Response
from decisions.snapshots import Shelf
from features import services as features
from features.models import Feature
from tenants import services
from tenants.credentials import digest
from tenants.models import Environment
from tests.builders import a_feature, a_key, an_environment

PATIENCE = 10.0  # seconds


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so before patience ends."""
    deadline = monotonic() + PATIENCE
    while not is_so() and monotonic() < deadline:
        sleep(0.005)
    return is_so()


def outcome(watch: Freshness, environment: Environment, key: str = "checkout") -> str | None:
    """What a feature does according to the snapshot in memory; None if there is no snapshot or no such feature."""
    snapshot = watch.snapshot(environment.pk)
    return decide(snapshot.features, key, Subject("u")).reason if snapshot and key in snapshot.features else None


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    a_feature(environment, key="checkout")
    return environment


@pytest.fixture
def watch(environment: Environment) -> Freshness:
    """Nobody's thread: it reads when it is told to."""
    watch = Freshness(Shelf())
    watch.refresh()
    watch.shelf.load(environment.pk)
    return watch


@pytest.fixture
def watching(watch: Freshness) -> Iterator[Freshness]:
    watch.start()
    yield watch
    watch.stop()


def switch_on(environment: Environment) -> None:
    feature = Feature.objects.get(project=environment.project, key="checkout")
    features.switch(feature, environment, status="on", actor=SYSTEM)


def switch_on_elsewhere(environment: Environment) -> None:
    """The edit of another process: this one is not told."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE features_featurestate SET status = 'on' WHERE environment_id = %s", [environment.pk])
        cursor.execute("UPDATE tenants_environment SET revision = 'elsewhere' WHERE id = %s", [environment.pk])


def test_an_edit_is_known_at_once_where_it_is_committed(watching: Freshness, environment: Environment) -> None:
    assert outcome(watching, environment) == "off"

    switch_on(environment)

    assert outcome(watching, environment) == "on"


def test_an_edit_elsewhere_is_known_when_the_bell_rings(
    environment: Environment, watch: Freshness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "POLL_SECONDS", 3_600.0)
    watch.start()
    try:
        assert eventually(watch.is_recent)
        switch_on_elsewhere(environment)
        bell().ring()

        assert eventually(lambda: outcome(watch, environment) == "on")
    finally:
        watch.stop()


def test_an_edit_elsewhere_is_known_by_polling_when_the_bell_is_silent(
    environment: Environment, watch: Freshness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "bell", SilentBell)
    monkeypatch.setattr(freshness, "POLL_SECONDS", 0.05)
    watch.start()
    try:
        switch_on_elsewhere(environment)

        assert eventually(lambda: outcome(watch, environment) == "on")
    finally:
        watch.stop()


def test_a_bell_is_heard_in_another_process(tmp_path: Path) -> None:
    here = Bell(tmp_path / "bell")
    before = here.tone()
    ring = "import sys; from pathlib import Path; from mmap import mmap; " \
           "file = open(sys.argv[1], 'r+b'); mmap(file.fileno(), 0)[:8] = b'ding dong'[:8]"  # fmt: skip

    subprocess.run([sys.executable, "-c", ring, str(tmp_path / "bell")], check=True)

    assert here.tone() != before
    assert here.tone() == b"ding don"


def test_two_bells_of_one_file_are_one_bell(tmp_path: Path) -> None:
    here, there = Bell(tmp_path / "state" / "bell"), Bell(tmp_path / "state" / "bell")

    here.ring()

    assert there.tone() == here.tone() != bytes(8)


def test_a_state_folder_that_cannot_be_written_means_no_bell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr("django.conf.settings.STATE_DIR", tmp_path / "file")
    bell.cache_clear()

    assert isinstance(bell(), SilentBell)
    bell.cache_clear()


UNREADABLE = {"sqlite": "9e999", "postgresql": "'NaN'"}


def poison(environment: Environment) -> None:
    """A percentage that no snapshot can be compiled from."""
    with connection.cursor() as cursor:
        worth = UNREADABLE[connection.vendor]
        cursor.execute(
            f"UPDATE features_featurestate SET rollout_percent = {worth}, status = 'on' WHERE environment_id = %s",
            [environment.pk],
        )
        cursor.execute("UPDATE tenants_environment SET revision = 'poisoned' WHERE id = %s", [environment.pk])


def cure(environment: Environment) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE features_featurestate SET rollout_percent = 100")
        cursor.execute("UPDATE tenants_environment SET revision = 'cured' WHERE id = %s", [environment.pk])


def test_an_environment_that_cannot_be_compiled_stays_as_it_was(watch: Freshness, environment: Environment) -> None:
    poison(environment)
    assert watch.refresh_quietly()
    assert outcome(watch, environment) == "off"
    assert watch.broken == {environment.pk}

    cure(environment)
    watch.refresh_quietly()

    assert outcome(watch, environment) == "on"
    assert watch.broken == set()


def test_one_poisoned_environment_does_not_hold_up_another(watch: Freshness, environment: Environment) -> None:
    other = an_environment()
    a_feature(other, key="checkout")
    watch.shelf.load(other.pk)
    poison(environment)
    switch_on_elsewhere(other)

    watch.refresh_quietly()

    assert (outcome(watch, environment), outcome(watch, other)) == ("off", "on")


def test_a_notice_of_postgresql_is_heard_without_bell_and_poll(
    environment: Environment, watch: Freshness, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite calls nothing out")
    monkeypatch.setattr(freshness, "bell", SilentBell)
    monkeypatch.setattr(freshness, "POLL_SECONDS", 3_600.0)
    watch.start()
    try:
        assert eventually(lambda: listeners() == 1)
        services.advanced.remove(watch.refresh_quietly)  # the edit of another host

        switch_on(environment)

        assert eventually(lambda: outcome(watch, environment) == "on")
        hang_up_on_listeners()
        a_feature(environment, key="later")
        assert eventually(lambda: outcome(watch, environment, "later") == "off")
    finally:
        watch.stop()
    assert eventually(lambda: listeners() == 0)


LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"


def listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {LISTENERS}")
        return int(cursor.fetchone()[0])


def hang_up_on_listeners() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) {LISTENERS}")


def test_what_this_process_committed_itself_is_no_news(watch: Freshness, environment: Environment) -> None:
    environment.refresh_from_db()
    watch._notice(f"{environment.pk}:{environment.revision}")
    assert not watch._is_noticed

    for said in (f"{environment.pk}:other", "", "nonsense", "999999:x"):
        watch._is_noticed = False
        watch._notice(said)
        assert watch._is_noticed, said


def test_an_older_revision_is_not_taken_over_unless_it_stays(
    watch: Freshness, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE features_featurestate SET status = 'on'")
        cursor.execute(
            "UPDATE tenants_environment SET revision = 'before', changed_at = %s", [a_minute_before(environment)]
        )

    watch.refresh()
    assert outcome(watch, environment) == "off"

    monkeypatch.setattr(freshness, "BACK_SECONDS", -1.0)  # as a backup that was restored
    watch.refresh()
    watch.refresh()
    assert outcome(watch, environment) == "on"


def a_minute_before(environment: Environment) -> Any:
    return connection.ops.adapt_datetimefield_value(environment.changed_at - timedelta(minutes=1))


def test_a_watch_that_dies_is_begun_again(
    environment: Environment, watch: Freshness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(freshness, "POLL_SECONDS", 0.05)
    heard = bell
    strikes = iter([SystemExit(1), KeyboardInterrupt(), ValueError("no")])

    def struck() -> Any:
        if (strike := next(strikes, None)) and threading.current_thread().name == "freshness":
            raise strike
        return heard()

    watch.start()
    try:
        monkeypatch.setattr(freshness, "bell", struck)
        assert eventually(lambda: next(strikes, None) is None)
        switch_on_elsewhere(environment)

        assert eventually(lambda: outcome(watch, environment) == "on")
    finally:
        watch.stop()


def test_while_the_database_is_away_what_is_not_in_memory_comes_from_the_disk(
    environment: Environment, watch: Freshness, tmp_path: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    LastGood(tmp_path).keep(watch._index, watch.refreshed_at(), watch.shelf.held())
    later = Freshness(Shelf(), LastGood(tmp_path))
    later._restore_index()
    later.is_away = later.is_stale = True

    with django_assert_num_queries(0):
        snapshot = later.load(environment.pk)
        with pytest.raises(Away):
            later.load(environment.pk + 1)
        with pytest.raises(Away):
            later.look_again()

    assert snapshot is not None
    assert watch._index is not None
    assert snapshot.revision == watch._index.revisions[environment.pk]
    assert (later.is_ready(), later.age() < 60) == (True, True)
    assert later.refresh_quietly()
    assert (later.is_away, later.is_stale) == (False, False)


def test_an_answer_tells_its_age_only_while_nobody_can_look(gateway: Gateway, environment: Environment) -> None:
    key, headers = a_key(environment), {"content-type": "application/json"}
    match = gateway.find("/ofrep/v1/evaluate/flags")
    assert match is not None
    asked = Request("POST", "/ofrep/v1/evaluate/flags", "", {**headers, "x-api-key": key}, b"{}")

    fresh = gateway.respond(match, asked, load=True)
    gateway.freshness.is_stale = True
    stale = gateway.respond(match, asked)

    assert isinstance(fresh, Response)
    assert isinstance(stale, Response)
    assert "X-Snapshot-Age" not in dict(fresh.headers)
    assert 0 <= int(dict(stale.headers)["X-Snapshot-Age"]) < 600


def test_a_key_is_known_where_it_belongs_and_forgotten_when_revoked(watch: Freshness, environment: Environment) -> None:
    key = digest(a_key(environment))
    watch.refresh()
    assert watch.environment_of_key(key) == environment.pk

    environment.credentials.update(is_active=False)
    switch_on_elsewhere(environment)
    watch.refresh()

    assert watch.environment_of_key(key) is None


def test_an_environment_is_found_by_its_path(watch: Freshness, environment: Environment) -> None:
    project = environment.project

    assert watch.environment_at(f"{project.organisation.key}/{project.key}/{environment.key}") == environment.pk
    assert watch.environment_at("no/such/place") is None


def test_a_quiet_refresh_costs_one_query(watch: Freshness, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        watch.refresh()


def respond(gateway: Gateway, key: str, request_id: str) -> Response | Waiting | Listening:
    body = {"request_id": request_id, "feature_key": "checkout", "user_id": "u"}
    headers = {"content-type": "application/json", "x-environment-key": key}
    match = gateway.find("/decisions")
    assert match is not None
    return gateway.respond(match, Request("POST", "/decisions", "", headers, json.dumps(body).encode()), load=True)


def test_a_warm_decision_runs_no_query_before_its_commit(
    gateway: Gateway, environment: Environment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key = a_key(environment)
    first = respond(gateway, key, "r1")
    assert isinstance(first, Waiting)
    first.pending.future.result(10)

    with django_assert_num_queries(0):
        second = respond(gateway, key, "r2")

    assert isinstance(second, Waiting)
    assert second.pending.future.result(10).request_id == "r2"


def test_unknown_keys_run_no_query_each(
    gateway: Gateway,
    environment: Environment,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(freshness, "UNKNOWN_KEY_SECONDS", 60.0)
    gateway.freshness.refresh()

    with django_assert_num_queries(0):
        answers = [respond(gateway, f"sdk-stranger-{number}", "r1") for number in range(50)]

    assert {answer.status for answer in answers if isinstance(answer, Response)} == {401}
