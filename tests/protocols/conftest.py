"""What the protocols' tests share: both mounts."""

import pytest

from tenants.models import Environment
from tests.protocols.wire import MOUNTS, Client, Mount, through_http


@pytest.fixture(params=MOUNTS)
def mount(request: pytest.FixtureRequest) -> Mount:
    """The application behind each kind of server."""
    return MOUNTS[request.param]


@pytest.fixture
def api(open_environment: Environment) -> Client:
    """A caller without a key, of the application as it is deployed."""
    return Client(through_http)
