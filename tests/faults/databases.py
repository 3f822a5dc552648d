"""Databases of our own that may be stopped, hidden, filled and poisoned, with a copy of what a test database holds."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from benchmarks.postgres import Cluster, throwaway_cluster


class Database(Protocol):
    """What a fault test does to a database, whichever it is."""

    url: str

    def stop(self) -> None:
        """Be away, at once and without a good-bye. Again is no harm."""

    def start(self) -> None:
        """Be back. Again is no harm."""

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        """The rows that a statement gives, past the application; it is committed."""


class Postgres:
    """A cluster of our own. Stopped, it is gone as if it had crashed."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.url = cluster.url.rpartition("/")[0] + f"/{name}"
        self._dsn = {"host": str(cluster.server.get_uri()).rpartition("host=")[2], "user": "postgres", "dbname": name}
        self._is_running = True

    def stop(self) -> None:
        if self._is_running:
            self.cluster.stop()
        self._is_running = False

    def start(self) -> None:
        self.cluster.start()
        self._is_running = True

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        with self.connected() as line:
            found = line.execute(sql.encode(), parameters)
            return found.fetchall() if found.description else []

    @contextmanager
    def connected(self, **options: str) -> Iterator["psycopg.Connection[Any]"]:
        """A session of our own, beside the application."""
        with psycopg.connect(make_conninfo(**{**self._dsn, **options}), autocommit=True) as line:
            yield line


class Sqlite:
    """A file in a folder of its own. Stopped, the folder is elsewhere, as where a volume is not mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._elsewhere = folder, folder.with_name("elsewhere")
        self.url = f"sqlite:///{quote(str(folder / 'db.sqlite3'))}"

    def stop(self) -> None:
        if self.folder.exists():
            self.folder.rename(self._elsewhere)

    def start(self) -> None:
        if self._elsewhere.exists():
            self._elsewhere.rename(self.folder)

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as line:
            rows = line.execute(sql.replace("%s", "?"), parameters).fetchall()
            line.commit()
            return rows


@contextmanager
def copies(directory: Path) -> Iterator["Copies"]:
    """Copies of what the test database holds now, to be harmed."""
    if connection.vendor == "postgresql":
        with throwaway_cluster() as cluster:
            cluster.run("psql", "-h", _socket(cluster), "-U", "postgres", "-c", "ALTER SYSTEM SET max_connections = 30")
            cluster.run("psql", "-h", _socket(cluster), "-U", "postgres", "-c", "ALTER SYSTEM SET fsync = off")
            cluster.stop()
            cluster.start()
            yield PostgresCopies(cluster)
    else:
        yield SqliteCopies(directory)


class Copies(Protocol):
    """Makes copies."""

    def new(self, name: str) -> Database:
        """One that nobody else harms."""


class SqliteCopies:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with closing(sqlite3.connect(directory / "original.sqlite3")) as target:
            connection.ensure_connection()
            connection.connection.backup(target)

    def new(self, name: str) -> Sqlite:
        folder = self.directory / name / "database"
        folder.mkdir(parents=True)
        shutil.copy(self.directory / "original.sqlite3", folder / "db.sqlite3")
        return Sqlite(folder)


class PostgresCopies:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        where = connection.settings_dict
        told = cluster.run("pg_dump", "-h", where["HOST"], "-U", where["USER"], "--no-owner", where["NAME"])
        dump = Path(cluster.server.pgdata).parent / "dump.sql"
        dump.write_text(told)
        dump.chmod(0o644)
        self._psql("postgres", "-c", "CREATE DATABASE original")
        self._psql("original", "-f", str(dump))

    def new(self, name: str) -> Postgres:
        self.cluster.start()
        self._psql("postgres", "-c", f'CREATE DATABASE "{name}" TEMPLATE original')
        return Postgres(self.cluster, name)

    def _psql(self, database: str, *arguments: str) -> None:
        everything = ("-q", "-v", "ON_ERROR_STOP=1", "-h", _socket(self.cluster), "-U", "postgres", "-d", database)
        self.cluster.run("psql", *everything, *arguments)


def _socket(cluster: Cluster) -> str:
    return str(cluster.server.get_uri()).rpartition("host=")[2]
