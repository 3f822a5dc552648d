"""What tests of several apps share: a gateway of their own, an open environment, and real servers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import Settings

from benchmarks.process import Server, serve
from decisions import process
from decisions.bell import bell
from decisions.gateway import Gateway
from tenants.management.commands.bootstrap import environment_at
from tenants.models import Environment
from tests.emptying import empty_quickly

ROOT = Path(__file__).parent.parent
OPEN = "local/open/development"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """The databases of pytest-django, emptied our way."""
    empty_quickly()


@pytest.fixture(autouse=True)
def _no_gateway_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that started this process's gateway does not hand its memory to the next one.

    The gateway ends before the database is emptied, because it stores what it has counted when it ends.
    """
    for database in {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue(database)
    yield
    process.stop()


@pytest.fixture
def gateway(transactional_db: None) -> Iterator[Gateway]:
    """This process's gateway, over a database in which commits are real."""
    bell.cache_clear()
    yield process.gateway()
    process.stop()


@pytest.fixture
def open_environment(transactional_db: None, settings: Settings) -> Iterator[Environment]:
    """An empty environment that answers calls without a key, as on a new installation."""
    settings.OPEN_ENVIRONMENT = OPEN
    yield environment_at(OPEN, bucketing="feature_hub")
    process.stop()


@pytest.fixture
def start_server(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start real servers over the test's own database: `start_server(workers=4)`. They end with the test."""
    with ExitStack() as running:

        def start(workers: int = 2, **env: str) -> Server:
            command = [str(ROOT / ".venv/bin/gunicorn"), "app.asgi:application", "-c", "gunicorn.conf.py"]
            variables = {
                "ENV": "local",
                "DJANGO_SETTINGS_MODULE": "app.settings.local",
                "DATABASE_URL": database_url(),
                "STATE_DIR": str(settings.STATE_DIR),
                "WEB_CONCURRENCY": str(workers),
                "LOG_LEVEL": "WARNING",
                **env,
            }
            log = tmp_path / f"server-{len(list(tmp_path.glob('server-*')))}.log"
            return running.enter_context(serve(command, env=variables, cwd=ROOT, log=log))

        yield start


def database_url() -> str:
    """Where this worker's test database is, for another process."""
    from urllib.parse import quote  # noqa: PLC0415

    where = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{where['NAME']}"
    return f"postgresql://{where['USER']}@{quote(where['HOST'], safe='')}/{where['NAME']}"
