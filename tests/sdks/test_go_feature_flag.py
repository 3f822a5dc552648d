"""The real OpenFeature SDK with GO Feature Flag's provider, in its own process and remote, against a running server."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from gofeatureflag_python_provider.options import EvaluationType, GoFeatureFlagOptions  # type: ignore[import-untyped]
from gofeatureflag_python_provider.provider import GoFeatureFlagProvider  # type: ignore[import-untyped]
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderFatalError
from openfeature.flag_evaluation import Reason

from audits.services import SYSTEM
from benchmarks.process import Server
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.protocols.go_feature_flag.configuration import local_evaluation
from decisions.snapshots import read
from experiments import services as experiments
from experiments.models import Exposure
from features import services as features
from features.models import Usage
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import (
    a_condition,
    a_feature,
    a_key,
    a_project,
    a_rule,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
    in_segment,
)

USERS = 40
PATIENCE = 20.0  # seconds, of which a machine at rest needs two
ANN = EvaluationContext("ann", {"plan": "pro", "age": 41})


class Clients(NamedTuple):
    """The same application, deciding by itself and being told."""

    local: OpenFeatureClient
    remote: OpenFeatureClient


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    return furnish()


def furnish() -> Environment:
    """One of everything that a provider can decide, and a percentage that it cannot."""
    environment = an_environment(a_project(bucketing="go_feature_flag"))
    adults = a_segment(environment.project, conditions=a_condition("age", "gte", 18))
    state = {"status": "on", "on_value": "hello", "off_value": "bye"}
    greeting = a_feature(environment, key="greeting", value_type="string", state=state)
    tree = {"all": [a_condition("plan", "in", ["pro", "team"]), in_segment(adults.key)]}
    a_rule(greeting, environment, key="pros", conditions=tree, value="hello, pro")
    features.set_override(greeting, environment, identifier="user-7", value="hello, seven", actor=SYSTEM)
    checkout = a_feature(environment, key="checkout", value_type="string", state={"on_value": "x", "off_value": "none"})
    experiment = an_experiment(environment, checkout, seed="checkout")
    a_variant(experiment, key="control", weight=50, is_control=True, value="old")
    a_variant(experiment, key="new", weight=50, value="new")
    experiments.start(experiment, actor=SYSTEM)
    features.set_state(checkout, environment, status="experiment", active_experiment=experiment, actor=SYSTEM)
    a_feature(environment, key="dark")
    a_feature(environment, key="share", value_type="number", state={"status": "on", "on_value": 0.5, "off_value": 0})
    a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 10, "off_value": 1})
    a_feature(
        environment, key="shape", value_type="json", state={"status": "on", "on_value": {"a": [1]}, "off_value": {}}
    )
    a_feature(environment, key="some", state={"status": "on", "rollout_percent": 50})
    return environment


@pytest.fixture
def base(environment: Environment, start_server: Callable[..., Server]) -> Iterator[str]:
    yield f"http://127.0.0.1:{start_server(workers=1).port}"
    api.shutdown()
    api.clear_providers()


def a_client(base: str, key: str, kind: EvaluationType, **options: Any) -> OpenFeatureClient:
    options = {"flag_config_poll_interval_seconds": 1, "wasm_pool_size": 1, **options}
    settings = GoFeatureFlagOptions(endpoint=base, api_key=key, evaluation_type=kind, **options)
    api.set_provider_and_wait(GoFeatureFlagProvider(options=settings), f"domain-{kind.value}")
    return api.get_client(f"domain-{kind.value}")


def test_the_provider_decides_as_it_is_told_and_hears_of_edits(environment: Environment, base: str) -> None:
    key = a_key(environment, Kind.SERVER)
    clients = Clients(a_client(base, key, EvaluationType.INPROCESS), a_client(base, key, EvaluationType.REMOTE))

    check_every_type(clients)
    check_everybody_gets_the_same(clients, environment)
    check_an_edit_arrives(clients.local, environment)
    check_reports_arrive(environment)


def check_every_type(clients: Clients) -> None:
    for client in clients:
        ruled = client.get_string_details("greeting", "mine", ANN)
        assert (ruled.value, ruled.variant, ruled.reason) == ("hello, pro", "pros", Reason.TARGETING_MATCH)
        assert client.get_float_value("share", 1.5, ANN) == 0.5
        assert client.get_integer_value("limit", 5, ANN) == 10
        assert client.get_object_value("shape", {}, ANN) == {"a": [1]}
        off = client.get_boolean_details("dark", True, ANN)
        assert (off.value, off.reason, off.error_code) == (True, Reason.DISABLED, None)
        assert client.get_boolean_details("nothing", True, ANN).error_code == ErrorCode.FLAG_NOT_FOUND
        keyless = client.get_string_details("checkout", "mine")
        assert (keyless.value, keyless.error_code) == ("mine", ErrorCode.TARGETING_KEY_MISSING)


def check_everybody_gets_the_same(clients: Clients, environment: Environment) -> None:
    snapshot = read(environment.pk)
    assert snapshot
    assert local_evaluation(snapshot).keys() == {"some"}
    arms = set()
    for number in range(USERS):
        user = EvaluationContext(f"user-{number}", {"plan": ["pro", "free"][number % 2], "age": 10 + number})
        for key in ("greeting", "checkout"):
            local, remote = (client.get_string_details(key, "mine", user) for client in clients)
            ours = decide(snapshot.features, key, Subject(user.targeting_key, user.attributes)).value
            assert local.value == remote.value == ours, (key, user)
            assert local.variant == remote.variant
            arms.add(local.variant)
    assert arms == {"on", "pros", "override", "control", "new"}


def check_an_edit_arrives(local: OpenFeatureClient, environment: Environment) -> None:
    heard: list[EventDetails] = []
    local.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, heard.append)

    features.switch(environment.project.features.get(key="dark"), environment, status="on", actor=SYSTEM)

    assert within_patience(lambda: heard)
    assert heard[0].flags_changed == ["dark"]
    assert local.get_boolean_details("dark", False, ANN).reason == Reason.STATIC


def check_reports_arrive(environment: Environment) -> None:
    """What was decided in the provider's process is reported when it ends, and what was told is counted here."""
    api.shutdown()

    def counts() -> dict[str, int]:
        rows = Usage.objects.filter(environment_id=environment.pk, feature_key="checkout")
        return {row.outcome: row.count for row in rows}

    exposures = Exposure.objects.filter(environment_id=environment.pk)
    assert within_patience(lambda: sum(counts().values()) >= 2 * USERS)
    assert sum(counts().values()) == 2 * USERS
    assert counts().keys() == {"control", "new"}
    assert exposures.count() == USERS


def within_patience(is_so: Callable[[], Any]) -> bool:
    """Whether something comes true before patience ends."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_key_for_clients_is_told_and_decides_nothing_by_itself(environment: Environment, base: str) -> None:
    key = a_key(environment)

    assert a_client(base, key, EvaluationType.REMOTE).get_string_value("greeting", "mine", ANN) == "hello, pro"
    for wrong in (key, "nobody's"):
        with pytest.raises(ProviderFatalError):
            a_client(base, wrong, EvaluationType.INPROCESS)
