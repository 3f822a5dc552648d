"""What the SDKs' tracking plugins report, in every dialect, and what is kept of it."""

import json
from typing import Any

import pytest

from decisions import process
from experiments.models import Event, Exposure
from features.models import Usage
from tenants.models import Environment
from tests.builders import a_feature, a_key, a_running_experiment, an_environment
from tests.protocols.wire import Answer, ask, through_asgi

INVALID = {"status": 400, "error": "Invalid input"}


@pytest.fixture
def environment(open_environment: Environment) -> Environment:
    """An experiment, and a feature that is off."""
    environment = an_environment()
    a_running_experiment(environment, a_feature(environment, key="checkout"))
    a_feature(environment, key="asleep")
    return environment


@pytest.fixture
def key(environment: Environment) -> str:
    return a_key(environment)


def tracked(key: str, events: Any, **headers: str) -> Answer:
    call = ask("POST", f"/track?client_key={key}", events)
    return through_asgi(call.but(**{"content_type": "text/plain", **headers}))


VIEWED = {
    "javascript": {
        "event_name": "Experiment Viewed",
        "properties_json": {"experimentId": "KEY", "variationId": "treatment", "hashAttribute": "id",
                            "hashValue": "ann"},
        "device_id": "ann", "user_id": None, "sdk_language": "js",
    },
    "python": {
        "event_name": "$$experiment_viewed",
        "properties_json": {"experiment_id": "KEY", "variation_id": 1, "variation_key": "treatment",
                            "in_experiment": True, "hash_used": True, "hash_attribute": "id", "hash_value": "ann"},
        "device_id": "ann", "sdk_language": "python",
    },
    "a caller without a plugin": {
        "event_name": "Experiment Viewed",
        "properties": {"experimentId": "KEY", "variationId": "treatment", "hashValue": "ann"},
        "attributes": {"id": "ann"},
    },
}  # fmt: skip


@pytest.mark.parametrize("dialect", VIEWED)
def test_an_exposure_is_stored_in_every_dialect(environment: Environment, key: str, dialect: str) -> None:
    experiment = environment.experiments.get()
    event = json.loads(json.dumps(VIEWED[dialect]).replace("KEY", experiment.key))

    for content_type in ("text/plain", "application/json", "text/plain;charset=UTF-8", ""):
        answer = tracked(key, [event, event], content_type=content_type)

        assert (answer.status, answer.json) == (200, {"status": 200})
    exposure = Exposure.objects.get()
    assert (exposure.environment_id, exposure.experiment_number) == (environment.pk, experiment.number)
    assert (exposure.variant_key, exposure.subject, exposure.source) == ("treatment", "ann", "growthbook")
    assert not Event.objects.exists()


def test_an_event_of_ones_own_is_stored(environment: Environment, key: str) -> None:
    bought = {"event_name": "Bought", "properties_json": {"value": 9.5, "sku": "x"}, "user_id": "u-1", "url": "/cart"}
    raw = {"event_name": "Left", "properties": {}, "attributes": {"id": 17}}

    assert tracked(key, [bought, bought]).status == 200
    assert tracked(key, raw).status == 200

    first, second = Event.objects.filter(name="Bought")
    assert (first.subject, first.value, first.properties) == ("u-1", 9.5, {"value": 9.5, "sku": "x", "url": "/cart"})
    assert first.event_id != second.event_id
    assert Event.objects.get(name="Left").subject == "17"


def test_evaluations_are_counted_for_features_that_there_are(environment: Environment, key: str) -> None:
    js = {"feature": "checkout", "source": "experiment", "value": True, "variationId": "treatment"}
    python = {"feature_key": "asleep", "feature_value": False, "source": "defaultValue"}
    unknown = {"feature": "nobody", "value": True}
    events = [{"event_name": "Feature Evaluated", "properties_json": js},
              {"event_name": "$$feature_evaluated", "properties_json": python},
              {"event_name": "Feature Evaluated", "properties_json": unknown}]  # fmt: skip

    tracked(key, events)
    process.gateway().observer.flush()

    counted = set(Usage.objects.values_list("feature_key", "outcome", "count"))
    assert counted == {("checkout", "treatment", 1), ("asleep", "off", 1)}
    assert not Event.objects.exists()


UNTRACKABLE: list[Any] = [
    None, 1, "x", [1], [None], [{}], [{"event_name": 1}], [{"event_name": "a", "properties_json": []}],
    {"properties": {}}, [{"event_name": "a"}] * 1_001,
]  # fmt: skip


def test_what_is_no_event_is_refused_and_nothing_stored(key: str) -> None:
    for body in UNTRACKABLE:
        answer = tracked(key, json.dumps(body).encode())

        assert (answer.status, answer.json) == (400, INVALID), body
    assert not Event.objects.exists()


def test_odd_events_are_kept_or_dropped_but_never_break(key: str) -> None:
    odd = [
        {"event_name": "", "user_id": {"a": 1}, "url": 5},
        {"event_name": "x" * 10_000},
        {"event_name": "Experiment Viewed", "properties_json": {"experimentId": 1, "variationId": None}},
        {
            "event_name": "Experiment Viewed",
            "properties_json": {"experimentId": "?", "variationId": "?", "hashValue": "?"},
        },
        {"event_name": "Feature Evaluated", "properties_json": {"feature": ["x"]}},
        {"event_name": "number", "properties_json": {"value": 1e308}},
        {"event_name": "number", "properties_json": {"value": True}},
    ]

    assert tracked(key, odd).status == 200
