"""What Flagsmith's tests share: an environment, and applications with both kinds of key."""

import pytest

from decisions.gateway import Gateway
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_key, a_project, an_environment
from tests.protocols.wire import Client, Mount


@pytest.fixture
def environment(gateway: Gateway) -> Environment:
    return an_environment(a_project(bucketing="flagsmith"))


@pytest.fixture
def client(environment: Environment, mount: Mount) -> Client:
    """An application in other people's hands."""
    return Client(mount, a_key(environment))


@pytest.fixture
def server(environment: Environment, mount: Mount) -> Client:
    """An application on a server."""
    return Client(mount, a_key(environment, Kind.SERVER))
