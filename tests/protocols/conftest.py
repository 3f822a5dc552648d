"""What the protocols' tests share: a fresh open environment, and both mounts."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from decisions import process
from tenants.management.commands.bootstrap import environment_at
from tenants.models import Environment
from tests.protocols.wire import MOUNTS, Client, Mount, through_http

OPEN = "local/open/development"


@pytest.fixture
def open_environment(transactional_db: None, settings: Settings) -> Iterator[Environment]:
    """An empty environment that answers calls without a key, as on a new installation."""
    settings.OPEN_ENVIRONMENT = OPEN
    yield environment_at(OPEN, bucketing="feature_hub")
    process.stop()


@pytest.fixture(params=MOUNTS)
def mount(request: pytest.FixtureRequest) -> Mount:
    """The application behind each kind of server."""
    return MOUNTS[request.param]


@pytest.fixture
def api(open_environment: Environment) -> Client:
    """A caller without a key, of the application as it is deployed."""
    return Client(through_http)
