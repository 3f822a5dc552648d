"""What the tests of ABetterChoice share: an environment with a signing key, and somebody who signs."""

import pytest

from decisions.gateway import Gateway
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_key, an_environment, unique
from tests.protocols.abetterchoice.asks import Caller
from tests.protocols.wire import through_asgi


@pytest.fixture
def environment(gateway: Gateway) -> Environment:
    return an_environment()


@pytest.fixture
def caller(environment: Environment) -> Caller:
    name = unique("signer")
    return Caller(through_asgi, name, a_key(environment, Kind.SIGNING, name=name), environment.project.key)
