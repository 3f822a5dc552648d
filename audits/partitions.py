"""PostgreSQL keeps decisions by the week: a week is made before it begins, and dropped as a whole. SQLite has no weeks.

Nothing waits for a week that is missing: its decisions go to the default partition, and move when it is made.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import uniform
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

log = structlog.get_logger(__name__)

WEEK = timedelta(days=7)
AHEAD = 4
DEFAULT = "audits_decision_default"
_TURN = 5_208_211  # of the advisory lock: two processes never make the same week
_BOUNDS = re.compile(r"FROM \((.+)\) TO \((.+)\)")


@dataclass(frozen=True, slots=True)
class Partition:
    """A table of decisions from `start` to `end`, where None is open; the default partition has neither."""

    name: str
    start: datetime | None
    end: datetime | None

    def covers(self, moment: datetime) -> bool:
        is_after = self.start is None or self.start <= moment
        return self.name != DEFAULT and is_after and (self.end is None or moment < self.end)


def is_partitioned() -> bool:
    return connection.vendor == "postgresql"


def partitions() -> list[Partition]:
    """What there is, oldest first; nothing on SQLite."""
    if not is_partitioned():
        return []
    found = [Partition(name, *_bounds(text)) for name, text in _execute(_LIST)]
    return sorted(found, key=lambda partition: partition.end or datetime.max.replace(tzinfo=UTC))


def create_ahead(*, weeks: int = AHEAD) -> list[str]:
    """Make this week's partition and the next ones, where they are missing; answers their names.

    Costs one query where there is nothing to do. Whoever is writing waits for two seconds at most.
    """
    existing, this_week = partitions(), week_of(timezone.now())
    starts = [this_week + number * WEEK for number in range(weeks + 1)] if is_partitioned() else []
    missing = [start for start in starts if not any(partition.covers(start) for partition in existing)]
    return [name for start in missing if (name := _create(start))]


def create_ahead_quietly() -> None:
    """The same, where it must not be in the way: decisions have somewhere to go without it."""
    try:
        create_ahead()
    except (DatabaseError, InterfaceError) as error:
        log.warning("partitions not made; decisions go to the default one", error=repr(error))


def week_of(moment: datetime) -> datetime:
    """The Monday on which a moment's week began, in UTC."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def drop(partition: Partition) -> None:
    """Drop a partition with all that is in it."""
    with _hurried():
        _execute(f'DROP TABLE "{partition.name}"')


class Keeper:
    """A thread that makes partitions ahead once in a while, in a server that nobody restarts for months."""

    SECONDS = 6 * 3600.0

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if is_partitioned():
            self._thread = threading.Thread(target=self._run, name="partitions", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        """The first time after a minute or so: until then, a server that has just started has better things to do."""
        seconds = uniform(60, 600)  # noqa: S311  not a secret; it keeps processes apart
        while not self._stopping.wait(seconds):
            create_ahead_quietly()
            connection.close()
            seconds = uniform(0.5, 1.5) * self.SECONDS  # noqa: S311


_LIST = """
SELECT relname, pg_get_expr(relpartbound, pg_class.oid)
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'audits_decision'::regclass
"""

# Attaching locks the default partition and nothing else. What it holds of this week moves first: a row may be in one
# place only, and PostgreSQL looks.
_CREATE = """
CREATE TABLE {name} (LIKE audits_decision INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
LOCK TABLE audits_decision_default IN ACCESS EXCLUSIVE MODE;
WITH moved AS (
    DELETE FROM audits_decision_default WHERE decided_at >= '{start}' AND decided_at < '{end}' RETURNING *
) INSERT INTO {name} SELECT * FROM moved;
ALTER TABLE audits_decision ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')
"""


def _create(start: datetime) -> str | None:
    """Make one week; None if another process did meanwhile."""
    name = f"audits_decision_{start:%Y%m%d}"
    with _hurried():
        _execute(f"SELECT pg_advisory_xact_lock({_TURN})")
        if any(partition.covers(start) for partition in partitions()):
            return None
        _execute(_CREATE.format(name=name, start=start.isoformat(), end=(start + WEEK).isoformat()))
    log.info("partition made", partition=name)
    return name


@contextmanager
def _hurried() -> Iterator[None]:
    """A transaction that gives up after two seconds rather than keep writers waiting behind it."""
    with transaction.atomic():
        _execute("SET LOCAL lock_timeout = '2s'")
        yield


def _execute(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _bounds(text: str) -> tuple[datetime | None, datetime | None]:
    """Bounds as PostgreSQL writes them: `FOR VALUES FROM ('2026-11-16 00:00:00+00') TO (MAXVALUE)`, or `DEFAULT`."""
    found = _BOUNDS.search(text)
    start, end = found.groups() if found else ("MINVALUE", "MAXVALUE")
    return _moment(start), _moment(end)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text.strip("'")) if text.startswith("'") else None
