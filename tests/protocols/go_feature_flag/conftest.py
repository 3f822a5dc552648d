"""One environment for all calls: a rule, an override, an experiment, a percentage, an off and a secret flag."""

from collections.abc import Iterator

import pytest

from audits.services import SYSTEM
from decisions.process import stop
from experiments import services as experiments
from features import services as features
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import (
    a_condition,
    a_feature,
    a_key,
    a_project,
    a_rule,
    a_variant,
    an_environment,
    an_experiment,
)
from tests.protocols.go_feature_flag.asks import Asker
from tests.protocols.wire import through_asgi
from tests.remembered import remembered


def a_shop() -> Environment:
    environment = an_environment(a_project(bucketing="go_feature_flag"))
    state = {"status": "on", "on_value": "hello", "off_value": "bye"}
    says = "What it says on top"
    banner = a_feature(environment, key="banner", description=says, value_type="string", state=state)
    a_rule(banner, environment, key="pros", conditions=a_condition("plan", "equals", "pro"), value="hello, pro")
    features.set_override(banner, environment, identifier="ann", value="hello, Ann", actor=SYSTEM)
    checkout = a_feature(environment, key="checkout", value_type="string", state={"on_value": "x", "off_value": "none"})
    experiment = an_experiment(environment, checkout, seed="checkout", key="which-checkout")
    a_variant(experiment, key="control", weight=50, is_control=True, value="old")
    a_variant(experiment, key="new", weight=50, value="new")
    experiments.start(experiment, actor=SYSTEM)
    features.set_state(checkout, environment, status="experiment", active_experiment=experiment, actor=SYSTEM)
    a_feature(environment, key="dark")
    half = {"status": "on", "on_value": 10, "off_value": 1, "rollout_percent": 50}
    a_feature(environment, key="limit", value_type="number", state=half)
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})
    return environment


@pytest.fixture
def shop(transactional_db: None) -> Iterator[Environment]:
    yield remembered("go feature flag", a_shop)
    stop()  # while there still is a database for what it has counted


@pytest.fixture
def client(shop: Environment) -> Asker:
    """An application in somebody's hands."""
    return Asker(through_asgi, a_key(shop))


@pytest.fixture
def server(shop: Environment) -> Asker:
    """An application of one's own."""
    return Asker(through_asgi, a_key(shop, Kind.SERVER))
