"""What OFREP's tests share: an environment with everything in it, and an application that asks."""

import pytest

from decisions.gateway import Gateway
from tenants.models import Environment
from tests.builders import a_key, an_environment
from tests.protocols.ofrep.asks import Provider, furnish
from tests.protocols.wire import through_asgi
from tests.remembered import remembered


def everything() -> Environment:
    environment = an_environment()
    furnish(environment)
    return environment


@pytest.fixture
def environment(gateway: Gateway, request: pytest.FixtureRequest) -> Environment:
    """An environment with nothing in it, unless the test asks for a furnished one."""
    return remembered("ofrep", everything) if "furnished" in request.fixturenames else an_environment()


@pytest.fixture
def furnished(environment: Environment) -> Environment:
    """The environment, with everything in it."""
    return environment


@pytest.fixture
def provider(environment: Environment) -> Provider:
    return Provider(through_asgi, a_key(environment))
