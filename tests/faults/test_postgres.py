"""PostgreSQL is there, but not as it should be: slow, locked, read-only, or full of others."""

from contextlib import ExitStack, suppress

import psycopg
import pytest

from tests.faults.databases import Postgres
from tests.faults.world import Place, World, are_refused, eventually, on_postgres, statuses

pytestmark = on_postgres


@pytest.fixture
def database(world: World) -> Postgres:
    assert isinstance(world.database, Postgres)
    return world.database


def is_well(place: Place) -> bool:
    return statuses(place.writes()) == {200}


def test_locked_read_only_and_full_of_others_are_refused_quickly_and_decisions_go_on(
    world: World, database: Postgres
) -> None:
    with world.web() as place:
        place.evaluate_all()
        assert is_well(place)
        locked(place, database)
        assert eventually(lambda: is_well(place), patience=10)
        read_only(place, database)
        assert eventually(lambda: is_well(place), patience=10)
        full(place, database)
        assert eventually(lambda: is_well(place), patience=10)


def locked(place: Place, database: Postgres) -> None:
    """Somebody holds the tables, as a careless migration does: whoever asks waits for the statement's time-out."""
    with database.connected() as line, line.transaction():
        line.execute("LOCK TABLE tenants_environment, features_feature, audits_decision IN ACCESS EXCLUSIVE MODE")

        assert are_refused([place.switch("off"), place.decide("locked")])
        assert statuses(place.evaluate_all()) == {200}
        assert eventually(lambda: "x-snapshot-age" in place.ask(place.evaluations()[0]).headers)


def read_only(place: Place, database: Postgres) -> None:
    """As after a fail-over to a standby."""
    [[name]] = database.query("SELECT current_database()")
    database.query(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    database.query(HANG_UP)

    assert eventually(lambda: are_refused(place.writes()))
    assert statuses(place.evaluate_all()) == {200}
    assert place.get("/readyz").status == 200

    with database.connected() as line:
        line.execute("SET default_transaction_read_only = off")
        line.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
    database.query(HANG_UP)


def full(place: Place, database: Postgres) -> None:
    """Others have every connection that there is, and ours were lost."""
    with ExitStack() as others:
        first = others.enter_context(database.connected())
        for _ in range(60):
            first.execute(HANG_UP + f" AND application_name <> '{OTHERS}'")
            with suppress(psycopg.OperationalError):
                others.enter_context(database.connected(application_name=OTHERS))

        assert eventually(lambda: are_refused([place.switch("off"), place.decide("full")]))
        assert statuses(place.evaluate_all()) == {200}


OTHERS = "others"
HANG_UP = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
