"""Forgetting: exactly what is old enough, with its request ids, and nothing unless somebody says so."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audits import retention
from audits.models import Change, Decision, Request
from audits.partitions import WEEK, create_ahead, is_partitioned, partitions, week_of
from audits.records import find, known
from tests.audits.builders import a_record, stored
from tests.builders import an_environment

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite keeps decisions in one table")
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL keeps request ids apart")


def prune(**options: Any) -> str:
    told = StringIO()
    call_command("prune", stdout=told, **options)
    return told.getvalue()


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def store(*days: float) -> None:
    """A decision for each number of days ago, that is its request id too."""
    stored(*(a_record(request_id=str(number), decided_at=days_ago(number)) for number in days))


def left() -> list[str]:
    return list(Decision.objects.order_by("id").values_list("request_id", flat=True))


def test_nothing_is_forgotten_by_itself() -> None:
    store(10_000, 1)

    prune()

    assert left() == ["10000", "1"]


def test_what_is_older_is_forgotten_with_its_request_id() -> None:
    store(400, 200, 40, 1)

    told = prune(keep_days=100)

    assert left() == ["40", "1"]
    assert known((1, name) for name in ("400", "200", "40", "1")) == {(1, "40"), (1, "1")}
    assert "Forgot 2 decisions" in told
    assert Request.objects.count() == (2 if is_partitioned() else 0)


def test_a_rehearsal_counts_and_forgets_nothing() -> None:
    store(400, 200, 1)

    told = prune(keep_days=100, dry_run=True)

    assert "Would forget 2 decisions" in told
    assert left() == ["400", "200", "1"]
    assert len(find((1, name) for name in left())) == 3


def test_a_request_that_was_forgotten_may_come_again() -> None:
    store(400)
    prune(keep_days=100)

    stored(a_record(request_id="400", user_id="somebody else"))

    assert find([(1, "400")])[1, "400"].user_id == "somebody else"


def test_many_rows_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 7)
    monkeypatch.setattr(retention, "PAGES", 1)
    store(*range(400, 300, -1), 1)

    prune(keep_days=100)

    assert left() == ["1"]
    assert known((1, str(number)) for number in range(1, 401)) == {(1, "1")}


def test_changes_are_never_forgotten() -> None:
    an_environment()
    before = Change.objects.count()

    prune(keep_days=1)

    assert Change.objects.count() == before > 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"keep_days": 0}, "from 1 to"),
        ({"keep_days": -1}, "from 1 to"),
        ({"keep_days": 10**9}, "from 1 to"),
        ({"keep_days": 10, "keep_request_days": 0}, "from 1 to"),
        ({"keep_request_days": 3}, "give --keep-days"),
        ({"keep_days": 3, "keep_request_days": 4}, "not longer"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], complaint: str) -> None:
    store(400)

    with pytest.raises(CommandError, match=complaint):
        prune(**options)

    assert left() == ["400"]


@on_sqlite
def test_sqlite_keeps_a_request_id_with_its_decision() -> None:
    with pytest.raises(CommandError, match="SQLite"):
        prune(keep_days=3, keep_request_days=2)


@on_postgresql
def test_whole_weeks_are_dropped() -> None:
    create_ahead()
    future = week_of(timezone.now()) + WEEK
    stored(a_record(request_id="next", decided_at=future), a_record(request_id="after", decided_at=future + WEEK))
    names = [partition.name for partition in partitions()]

    retention.prune(future + WEEK + timedelta(days=3))

    assert [partition.name for partition in partitions()] == names[2:]
    assert left() == ["after"]
    assert known([(1, "next"), (1, "after")]) == {(1, "after")}


@on_postgresql
def test_decisions_without_a_week_are_forgotten_too() -> None:
    stored(a_record(decided_at=week_of(timezone.now()) + 20 * WEEK))

    retention.prune(week_of(timezone.now()) + 21 * WEEK)

    assert left() == []


@on_postgresql
def test_request_ids_may_be_forgotten_sooner() -> None:
    store(40, 20, 1)

    prune(keep_days=100, keep_request_days=30)

    assert left() == ["40", "20", "1"]
    assert known((1, name) for name in left()) == {(1, "20"), (1, "1")}


@on_postgresql
def test_a_rehearsal_names_the_weeks_that_would_go() -> None:
    create_ahead()
    before = len(partitions())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audits_decision")

    told = retention.prune(week_of(timezone.now()) + 2 * WEEK, is_rehearsal=True)

    assert len(told.partitions) == 2
    assert len(partitions()) == before
