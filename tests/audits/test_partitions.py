"""Decisions by the week, on PostgreSQL: made ahead, never missed, and made of what there was before."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from audits.models import Decision, Request
from audits.partitions import AHEAD, WEEK, Keeper, create_ahead, partitions, week_of
from audits.records import find, known
from tests.audits.builders import MOMENT, a_record, stored

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite keeps decisions in one table"),
]


def table_of(decision: Decision) -> str:
    """The partition in which a decision lies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audits_decision WHERE id = %s", [decision.pk])
        return str(cursor.fetchone()[0])


def weeks() -> list[str]:
    return [partition.name for partition in partitions()]


def test_the_weeks_to_come_are_made_once() -> None:
    monday = week_of(timezone.now())

    made = create_ahead()

    assert made == [f"audits_decision_{monday + number * WEEK:%Y%m%d}" for number in range(1, AHEAD + 1)]
    assert create_ahead() == []
    assert weeks() == ["audits_decision_first", *made, "audits_decision_default"]


def test_a_decision_lies_in_its_week() -> None:
    [week, *_] = create_ahead()
    stored(a_record(decided_at=week_of(timezone.now()) + WEEK))

    assert table_of(Decision.objects.get()) == week


def test_a_missing_week_stops_nobody_and_takes_its_decisions_when_it_is_made() -> None:
    late, later = (week_of(timezone.now()) + number * WEEK for number in (1, 9))
    stored(a_record(request_id="late", decided_at=late), a_record(request_id="later", decided_at=later))
    before = [table_of(decision) for decision in Decision.objects.order_by("decided_at")]

    create_ahead()

    after = [table_of(decision) for decision in Decision.objects.order_by("decided_at")]
    assert before == ["audits_decision_default"] * 2
    assert after == [f"audits_decision_{late:%Y%m%d}", "audits_decision_default"]
    assert set(find([(1, "late"), (1, "later")])) == {(1, "late"), (1, "later")}


def test_a_request_id_is_unique_across_weeks() -> None:
    create_ahead()
    stored(a_record(decided_at=timezone.now()))

    with pytest.raises(IntegrityError), transaction.atomic():
        stored(a_record(decided_at=timezone.now() + WEEK))


def test_a_stored_answer_is_read_from_one_partition() -> None:
    create_ahead()
    stored(a_record(decided_at=timezone.now() + WEEK))

    plan = Decision.objects.under_requests(1, ["request-1"]).explain()

    assert plan.count("Scan") == 1
    assert "Append" not in plan


def test_what_was_there_before_becomes_the_first_partition_and_whole_again() -> None:
    stored(*(a_record(request_id=str(number), decided_at=MOMENT + number * WEEK) for number in range(100)))
    rows = list(Decision.objects.order_by("id").values())

    with migrated_to("0003_decision_by_time"):
        assert list(Decision.objects.order_by("id").values()) == rows
        assert not Request.objects.exists()
        Decision(**a_record(request_id="plain")._asdict(), number=101).save()
        with pytest.raises(IntegrityError), transaction.atomic():
            Decision(**a_record(request_id="plain", user_id="other")._asdict(), number=102).save()

    assert len(known((1, name) for name in [*map(str, range(100)), "plain"])) == 101
    assert {table_of(decision) for decision in Decision.objects.all()} == {"audits_decision_first"}
    assert Decision.objects.latest("id").pk == rows[-1]["id"] + 1
    stored(a_record(request_id="new"))
    assert Decision.objects.latest("id").request_id == "new"


def test_a_decision_from_beyond_this_week_is_in_the_first_partition_too() -> None:
    with migrated_to("0003_decision_by_time"):
        Decision(**a_record(decided_at=timezone.now() + 30 * WEEK)._asdict(), number=1).save()

    first = partitions()[0]
    assert first.end is not None
    assert first.end == week_of(timezone.now()) + 31 * WEEK
    assert create_ahead() == []


class migrated_to:
    """The audits' tables as an earlier migration left them, for the length of a block."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        MigrationExecutor(connection).migrate([("audits", self.name)])

    def __exit__(self, *_: Any) -> None:
        executor = MigrationExecutor(connection)
        executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] == "audits"])


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        (datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)),
        (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_a_week_begins_on_monday(moment: datetime, monday: datetime) -> None:
    assert week_of(moment) == monday


@pytest.fixture
def keeper(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    monkeypatch.setattr("audits.partitions.uniform", lambda low, high: 0.0)
    keeper = Keeper()
    yield keeper
    keeper.stop()
    for partition in partitions():
        if partition.start:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE {partition.name}")


def test_a_server_that_runs_for_months_makes_weeks_by_itself(keeper: Keeper) -> None:
    keeper.start()

    deadline = timezone.now() + timedelta(seconds=20)
    while len(weeks()) < AHEAD + 2 and timezone.now() < deadline:
        sleep(0.01)

    assert len(weeks()) == AHEAD + 2


def test_a_release_makes_the_weeks_to_come() -> None:
    call_command("bootstrap", verbosity=0)

    assert create_ahead() == []
