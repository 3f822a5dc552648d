"""The real OpenFeature SDK with its OFREP provider, against a running server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from pytest_django import Settings

from audits.services import SYSTEM
from benchmarks.process import Server
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.snapshots import read
from features.models import Feature
from features.services import set_state
from tenants.models import Environment
from tests.builders import a_key, an_environment
from tests.protocols.ofrep.asks import furnish

ANN = EvaluationContext("ann", {"country": "DE"})
Connect = Callable[[dict[str, str]], OpenFeatureClient]


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    furnish(environment)
    return environment


@pytest.fixture
def connect(environment: Environment, start_server: Callable[..., Server], settings: Settings) -> Iterator[Connect]:
    """Clients of the SDK that send these headers. The server hears of edits here at once."""
    server = start_server(workers=1, STATE_DIR=str(settings.STATE_DIR))
    url, providers = f"http://127.0.0.1:{server.port}", []

    def connected(headers: dict[str, str]) -> OpenFeatureClient:
        provider = OFREPProvider(url, headers_factory=lambda: headers)
        providers.append(provider)
        api.set_provider(provider, f"domain-{len(providers)}")
        return api.get_client(f"domain-{len(providers)}")

    yield connected
    api.shutdown()
    api.clear_providers()
    for provider in providers:
        provider.session.close()


def test_the_sdk_is_told_what_it_asks_for(environment: Environment, connect: Connect) -> None:
    key = a_key(environment)
    client = connect({"X-API-Key": key})

    assert_every_type_is_served(client)
    assert_every_fault_is_named(client)
    assert_the_engine_is_told(environment, client)
    assert_an_edit_is_seen(environment, client)
    assert_only_keys_are_answered(key, connect)


def assert_every_type_is_served(client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("awake", False, ANN) is True
    assert client.get_boolean_value("awake", False) is True
    assert client.get_string_value("word", "", ANN) == "blue"
    assert client.get_float_value("share", 0.0, ANN) == 0.5
    assert client.get_integer_value("count", 0, ANN) == 100
    assert client.get_object_value("shape", {}, ANN) == {"a": [1]}

    ruled = client.get_boolean_details("ruled", False, ANN)
    assert (ruled.value, ruled.reason, ruled.variant) == (True, Reason.TARGETING_MATCH, "germans")
    assert ruled.flag_metadata == {"rule": "germans"}
    asleep = client.get_boolean_details("asleep", True, ANN)
    assert (asleep.value, asleep.reason, asleep.variant) == (True, Reason.DISABLED, "off")
    assert asleep.error_code is None


def assert_every_fault_is_named(client: OpenFeatureClient) -> None:
    def code(feature_key: str, context: EvaluationContext | None = None) -> Any:
        details = client.get_boolean_details(feature_key, True, context)
        assert details.value is True
        return details.error_code

    assert code("nowhere", ANN) == ErrorCode.FLAG_NOT_FOUND
    assert code("half") == code("half", EvaluationContext("")) == ErrorCode.TARGETING_KEY_MISSING
    assert code("awake", EvaluationContext("k" * 600)) == ErrorCode.INVALID_CONTEXT
    assert code("awake", EvaluationContext("ann", {"text": "a\x00b"})) == ErrorCode.PARSE_ERROR
    assert code("word", ANN) == ErrorCode.TYPE_MISMATCH


def assert_the_engine_is_told(environment: Environment, client: OpenFeatureClient) -> None:
    snapshot = read(environment.pk)
    assert snapshot
    for number in range(100):
        decision = decide(snapshot.features, "tried", Subject(f"user-{number}"))
        ask = client.get_string_details if isinstance(decision.value, str) else client.get_object_details
        details = ask("tried", type(decision.value)(), EvaluationContext(f"user-{number}"))

        assert decision.variant is not None
        assert (details.variant, details.reason) == (decision.variant.key, Reason.SPLIT)


def assert_an_edit_is_seen(environment: Environment, client: OpenFeatureClient) -> None:
    feature = Feature.objects.get(key="word")
    set_state(feature, environment, actor=SYSTEM, on_value="red")

    answers = (client.get_string_value("word", "", ANN) for _ in range(10_000))
    assert next(answer for answer in answers if answer != "blue") == "red"


def assert_only_keys_are_answered(key: str, connect: Connect) -> None:
    good = [{"Authorization": f"Bearer {key}"}, {"X-API-Key": key, "Authorization": "Bearer nobody"}]
    bad = [{}, {"X-API-Key": "nobody", "Authorization": f"Bearer {key}"}, {"Authorization": "Basic nobody"}]

    def first_answer(headers: dict[str, str]) -> Any:
        return connect(headers).get_boolean_details("awake", False, ANN)

    assert [first_answer(headers).value for headers in good] == [True, True]
    assert [first_answer(headers).error_code for headers in bad] == [ErrorCode.GENERAL] * 3
