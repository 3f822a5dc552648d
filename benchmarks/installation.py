"""A fresh Switchyard to measure: an empty database, a directory of its own, and the demo's keys."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from benchmarks import postgres, process
from benchmarks.process import Server

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "gunicorn", "app.asgi:application", "-c", "gunicorn.conf.py")
DATABASES = ("sqlite", "postgres")


class CommandFailed(RuntimeError):
    """A management command ended badly; the message holds what it printed."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where it keeps its things, the environment variables that say so, and what `demo --json` printed."""

    directory: Path
    env: Mapping[str, str]
    demo: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The secret key of the development environment."""
        return str(self.demo["environments"]["development"]["server"])

    def serve(self, name: str, **env: str) -> contextlib.AbstractContextManager[Server]:
        """Run the real server command; `name` names its log file."""
        return process.serve(COMMAND, env={**self.env, **env}, cwd=ROOT, log=self.directory / f"{name}.log")


@contextlib.contextmanager
def fresh(database: str, *, workers: int) -> Iterator[Installation]:
    """A migrated installation with the demo's data, gone when the block ends. Raises CommandFailed."""
    with TemporaryDirectory(prefix="switchyard-bench-") as name, database_for(database, Path(name)) as url:
        yield installed(Path(name), url, workers=workers)


def installed(directory: Path, url: str, *, workers: int) -> Installation:
    """An empty database, migrated and filled with the demo's data. Raises CommandFailed."""
    env = {
        "ENV": "local",
        "DATABASE_URL": url,
        "STATE_DIR": str(directory),
        "WEB_CONCURRENCY": str(workers),
        "LOG_LEVEL": "WARNING",
    }
    manage("migrate", env=env)
    manage("bootstrap", env=env)
    return Installation(directory, env, json.loads(manage("demo", "--json", env=env)))


def database_for(name: str, directory: Path) -> contextlib.AbstractContextManager[str]:
    """The DATABASE_URL of a new database of this kind, as a context."""
    if name == "postgres":
        return postgres.throwaway_postgres()
    return contextlib.nullcontext(f"sqlite:///{quote(str(directory / 'bench.sqlite3'))}")


def manage(*arguments: str, env: Mapping[str, str]) -> str:
    """What a management command printed on standard output. Raises CommandFailed."""
    command = (sys.executable, "manage.py", *arguments)
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(
            f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout
