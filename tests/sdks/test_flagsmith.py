"""The real Flagsmith client, against this server: it is told the same as it decides by itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from flagsmith import Flagsmith
from flagsmith.analytics import EventProcessorConfig
from flagsmith.offline_handlers import LocalFileHandler

from audits.services import SYSTEM
from benchmarks.process import Server
from decisions.process import stop
from decisions.protocols.flagsmith import local_evaluation
from decisions.snapshots import read
from experiments import services as experiments
from experiments.models import Event, Experiment, Exposure
from features import services as features
from features.models import Feature, Usage
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
from tests.protocols.flagsmith.drawing import a_random_environment, an_identity
from tests.protocols.wire import Client, through_asgi

IDENTITIES = 500
Seen = dict[str, tuple[bool, Any]]


class Document:
    """An offline handler: the document as this server sent it."""

    def __init__(self, document: Any) -> None:
        self.document = document

    def get_environment(self) -> Any:
        return self.document


@pytest.fixture
def environment(transactional_db: None) -> Iterator[Environment]:
    yield a_random_environment()
    stop()


def asked(api: Client, identifier: str, traits: dict[str, Any]) -> Seen:
    body = {
        "identifier": identifier,
        "transient": True,
        "traits": [{"trait_key": key, "trait_value": value} for key, value in traits.items()],
    }
    answer = api.post("/api/v1/identities/", body)
    assert answer.status == 200, answer.body
    return {flag["feature"]["name"]: (flag["enabled"], flag["feature_state_value"]) for flag in answer.json["flags"]}


def decided(client: Flagsmith, identifier: str, traits: dict[str, Any]) -> Seen:
    flags = client.get_identity_flags(identifier, traits).all_flags()
    return {flag.feature_name: (flag.enabled, flag.value) for flag in flags}


def test_a_client_that_decides_by_itself_decides_as_it_would_be_told(environment: Environment, seed: int) -> None:
    api = Client(through_asgi, a_key(environment, Kind.SERVER))
    client = Flagsmith(offline_mode=True, offline_handler=Document(api.get("/api/v1/environment-document/").json))
    snapshot = read(environment.pk)
    assert snapshot is not None
    inexpressible = local_evaluation(snapshot)

    compared = 0
    for identifier, traits in (an_identity() for _ in range(IDENTITIES)):
        told, found = asked(api, identifier, traits), decided(client, identifier, traits)
        assert told.keys() == found.keys()
        wrong = {key for key in told.keys() - inexpressible.keys() if not same(told[key], found[key])}
        assert not wrong, [(key, told[key], found[key], identifier, traits, seed) for key in wrong]
        compared += len(told) - len(inexpressible)

    assert compared > IDENTITIES * 25, "most of what was drawn is inexpressible"


def test_a_client_works_against_a_running_server_in_all_its_modes(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    environment, experiment = a_shop()
    client_key, server_key = a_key(environment), a_key(environment, Kind.SERVER)
    base = f"http://127.0.0.1:{start_server(workers=1).port}"  # after the keys, which it hears of within a second

    with a_client(base, client_key, enable_events=True, event_processor_config=sent_to(base)) as remote:
        check_flags(remote)
        check_traits_are_kept(remote)
        check_events(remote, environment, experiment)
    with a_client(base, client_key, enable_analytics=True) as remote:
        check_analytics(remote, environment)
    with a_client(base, server_key, enable_local_evaluation=True, enable_realtime_updates=True) as local:
        check_flags(local)
        check_a_file(base, server_key, tmp_path)
        check_an_edit_arrives(local, environment)


def a_shop() -> tuple[Environment, Experiment]:
    """A value, a rule, an override and an experiment."""
    environment = an_environment(a_project(bucketing="flagsmith"))
    limit = a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 10})
    a_rule(limit, environment, conditions=a_condition("plan", "equals", "pro"), value=100)
    features.set_override(limit, environment, identifier="ann", value=7, actor=SYSTEM)
    checkout = a_feature(environment, key="checkout", value_type="string", state={"on_value": "x", "off_value": "off"})
    experiment = an_experiment(environment, checkout, seed="12", name="Which checkout?")
    a_variant(experiment, key="control", weight=50, is_control=True, value="old")
    a_variant(experiment, key="new", weight=50, value="new")
    experiments.start(experiment, actor=SYSTEM)
    features.set_state(checkout, environment, status="experiment", active_experiment=experiment, actor=SYSTEM)
    return environment, experiment


@contextmanager
def a_client(base: str, key: str, **options: Any) -> Iterator[Flagsmith]:
    client = Flagsmith(
        environment_key=key,
        api_url=f"{base}/api/v1/",
        realtime_api_url=f"{base}/",
        request_timeout_seconds=5,
        **options,
    )
    try:
        yield client
    finally:
        if hasattr(client, "event_stream_thread"):
            client.event_stream_thread.stop()
        client.session.close()


def sent_to(base: str) -> EventProcessorConfig:
    return EventProcessorConfig(events_api_url=base, flush_interval_seconds=3_600)


def check_flags(client: Flagsmith) -> None:
    assert client.get_environment_flags().get_feature_value("limit") == 10
    assert client.get_identity_flags("bob", {"plan": "pro"}).get_feature_value("limit") == 100
    assert client.get_identity_flags("ann", {"plan": "pro"}).get_feature_value("limit") == 7
    found = {client.get_identity_flags(f"u{number}").get_feature_value("checkout") for number in range(12)}
    assert found == {"old", "new"}


def check_traits_are_kept(client: Flagsmith) -> None:
    client.get_identity_flags("carol", {"plan": "pro", "visits": {"value": 3, "transient": True}})
    assert client.get_identity_flags("carol").get_feature_value("limit") == 100

    client.get_identity_flags("carol", {"plan": None})
    assert client.get_identity_flags("carol").get_feature_value("limit") == 10


def check_events(client: Flagsmith, environment: Environment, experiment: Experiment) -> None:
    flag = client.get_experiment_flag("checkout", "dave")
    client.track_event("bought", identifier="dave", value=12.5, metadata={"currency": "EUR"})
    assert client._event_processor
    client._event_processor.flush()

    exposure = eventually(Exposure.objects.filter(environment_id=environment.pk, subject="dave").first)
    assert (exposure.experiment_number, exposure.variant_key) == (experiment.number, flag.variant)  # type: ignore[union-attr]
    event = eventually(Event.objects.filter(environment_id=environment.pk, name="bought").first)
    assert (event.subject, event.value, event.properties["currency"]) == ("dave", 12.5, "EUR")


def check_analytics(client: Flagsmith, environment: Environment) -> None:
    client.get_environment_flags().is_feature_enabled("limit")
    assert client._analytics_processor
    client._analytics_processor.flush()

    usage = eventually(Usage.objects.filter(environment_id=environment.pk, feature_key="limit").first)
    assert usage.count == 1


def check_a_file(base: str, key: str, folder: Path) -> None:
    document = folder / "document.json"
    headers = {"X-Environment-Key": key}
    document.write_bytes(requests.get(f"{base}/api/v1/environment-document/", headers=headers, timeout=5).content)

    check_flags(Flagsmith(offline_mode=True, offline_handler=LocalFileHandler(str(document))))


def check_an_edit_arrives(client: Flagsmith, environment: Environment) -> None:
    features.set_state(Feature.objects.get(key="limit"), environment, on_value=11, actor=SYSTEM)

    eventually(lambda: client.get_environment_flags().get_feature_value("limit") == 11)


def eventually(ask: Callable[[], Any], patience: float = 10.0) -> Any:
    """The first answer that is one."""
    deadline = time.monotonic() + patience
    while not (found := ask()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


def same(one: tuple[bool, Any], other: tuple[bool, Any]) -> bool:
    """Python takes True for 1."""
    return one == other and isinstance(one[1], bool) is isinstance(other[1], bool)
