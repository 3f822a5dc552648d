"""Whether the first page of the audit costs the same however long the log is."""

from __future__ import annotations

import contextlib
import http.client
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import psycopg

from benchmarks import load
from benchmarks.decisions import ask_for_decision
from benchmarks.installation import Installation
from benchmarks.load import Ask, Load, Result

SIZES = (10_000, 1_000_000)
LIMIT = 50
VARIED = ("id", "request_id", "user_id", "number", "decided_at")


@dataclass(frozen=True, slots=True)
class Log:
    """The table of decisions in one database, past Django: how to run SQL, and what each database words its own way."""

    execute: Callable[[str], list[tuple[Any, ...]]]
    columns_of: str
    seconds_before: str

    def count(self) -> int:
        """How many decisions there are."""
        ((rows,),) = self.execute("SELECT COUNT(*) FROM audits_decision")
        return int(rows)

    def feature(self) -> str:
        """The public id of the feature that the last decision was about, such as feat-001."""
        ((number,),) = self.execute("SELECT feature_number FROM audits_decision ORDER BY id DESC LIMIT 1")
        return f"feat-{number:03d}"

    def fill(self, rows: int) -> None:
        """Copy the newest decision until there are `rows`, each copy with an id, a user and an instant of its own."""
        same = ", ".join(name for (name,) in self.execute(self.columns_of) if name not in VARIED)
        self.execute(f"""
            WITH RECURSIVE
              series(n) AS (SELECT {self.count() + 1} UNION ALL SELECT n + 1 FROM series WHERE n < {rows}),
              newest AS (SELECT * FROM audits_decision ORDER BY id DESC LIMIT 1)
            INSERT INTO audits_decision (request_id, user_id, number, decided_at, {same})
            SELECT 'filled-' || n, 'filled-' || n % 10000, number + n, {self.seconds_before}, {same}
            FROM newest CROSS JOIN series
        """)
        self.execute("ANALYZE audits_decision")


@dataclass(frozen=True, slots=True)
class Page:
    """The first page at one size of the log: milliseconds at the median and the 99th percentile, one connection."""

    rows: int
    result: Result


def measure(installation: Installation, *, seconds: float = 2.0) -> list[Page]:
    """Grow the log from size to size under a running server, and time the page at each."""
    key = installation.key
    with installation.serve("audits") as server, open_log(installation.env["DATABASE_URL"]) as log:
        load.run(Load(server.port, ask_for_decision(key), connections=1, warmup=0.0, seconds=0.2))
        page = Ask("GET", f"/audits?feature_id={log.feature()}&limit={LIMIT}", (("X-Environment-Key", key),))
        return [page_at(rows, log, server.port, page, seconds=seconds) for rows in SIZES]


def page_at(rows: int, log: Log, port: int, page: Ask, *, seconds: float) -> Page:
    """Fill the log up to `rows`, look at the page once, then ask for it again and again on one connection."""
    log.fill(rows)
    check(port, page)
    return Page(log.count(), load.run(Load(port, page, connections=1, warmup=0.5, seconds=seconds)))


@contextlib.contextmanager
def open_log(url: str) -> Iterator[Log]:
    """The log behind a DATABASE_URL; each statement is committed on its own."""
    if url.startswith("sqlite:///"):
        path = unquote(url.removeprefix("sqlite:///"))
        with contextlib.closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as lite:
            yield Log(
                lambda sql: lite.execute(sql).fetchall(),
                columns_of="SELECT name FROM pragma_table_info('audits_decision')",
                seconds_before="datetime(decided_at, '-' || n || ' seconds')",
            )
        return
    with psycopg.connect(url, autocommit=True) as postgres:
        yield Log(
            lambda sql: rows_of(postgres.execute(sql.encode())),
            columns_of="SELECT column_name FROM information_schema.columns WHERE table_name = 'audits_decision'",
            seconds_before="decided_at - n * interval '1 second'",
        )


def rows_of(cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What a statement gave, if it is one that gives rows."""
    return cursor.fetchall() if cursor.description else []


def check(port: int, page: Ask) -> None:
    """A benchmark of an empty page would look fast. Raises AssertionError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(page.method, page.path, headers=dict(page.headers))
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != 200 or len(json.loads(body)["items"]) != LIMIT:
        raise AssertionError(f"GET {page.path} answered {answer.status}, not {LIMIT} items: {body[:200]!r}")
