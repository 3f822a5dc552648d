"""Analytics and events: what clients tell of themselves is counted and kept, each thing once."""

from typing import Any

import pytest

from decisions.process import gateway
from experiments.models import Event, Exposure
from features.models import Usage
from tenants.models import Environment
from tests.builders import a_feature
from tests.protocols.flagsmith.asks import a_split
from tests.protocols.wire import Client

EVENTS = ("/api/v1/events", "/v1/events", "/api/v1/events/", "/v1/events/")


def an_event(event: str = "bought", **changes: Any) -> dict[str, Any]:
    told = {"identifier": "ann", "value": "12.5", "traits": None, "metadata": {"sdk_version": "6.3.0"}}
    return {"event": event, "feature_name": None, **told, "timestamp": 1_790_000_000_123, **changes}


def counted() -> dict[tuple[str, str], int]:
    gateway().observer.flush()
    return {(row.feature_key, row.outcome): row.count for row in Usage.objects.all()}


def test_a_client_counts_its_flags(client: Client, environment: Environment) -> None:
    a_feature(environment, key="limit")
    counts = {"limit": 3, "unknown": 5, "x" * 300: 1}

    answer = client.post("/api/v1/analytics/flags/", counts)

    assert (answer.status, answer.body) == (200, b"")
    assert counted() == {("limit", "evaluated"): 3}


@pytest.mark.parametrize("count", ["3", 1.5, None, True, [], -1, 10**12])
def test_what_is_no_count_is_passed_over(client: Client, environment: Environment, count: object) -> None:
    a_feature(environment, key="limit")

    assert client.post("/api/v1/analytics/flags/", {"limit": count}).status == 200
    assert counted() == {}


def test_counts_are_an_object(client: Client) -> None:
    answer = client.post("/api/v1/analytics/flags/", [1])

    assert (answer.status, answer.json) == (400, {"non_field_errors": ["Expected a JSON object."]})


def test_the_second_version_says_to_what_it_came(client: Client, environment: Environment) -> None:
    a_feature(environment, key="limit")
    told = [
        {"feature_name": "limit", "count": 2, "enabled_when_evaluated": True},
        {"feature_name": "limit", "count": 1, "enabled_when_evaluated": False, "identity_identifier": "ann"},
    ]

    answer = client.post("/api/v2/analytics/flags/", {"evaluations": told})

    assert answer.status == 204
    assert counted() == {("limit", "on"): 2, ("limit", "off"): 1}


def test_the_second_version_complains_by_field(client: Client) -> None:
    answer = client.post("/api/v2/analytics/flags/", {"evaluations": [{"feature_name": "x"}, 7]})

    assert answer.status == 400
    assert answer.json["evaluations"][0]["count"] == ["This field is required."]


@pytest.mark.parametrize("path", EVENTS)
def test_an_event_is_kept_once(client: Client, path: str) -> None:
    for _ in range(2):
        answer = client.post(path, {"events": [an_event()]})
        assert (answer.status, answer.json) == (200, {"accepted": 1})

    event = Event.objects.get()
    assert (event.name, event.subject, event.value) == ("bought", "ann", 12.5)
    assert event.happened_at.isoformat() == "2026-09-21T14:13:20.123000+00:00"
    assert event.properties == {"sdk_version": "6.3.0", "value": "12.5"}


def test_an_exposure_is_one_of_its_experiment(client: Client, environment: Environment) -> None:
    experiment = a_split(environment)
    met = an_event("$flag_exposure", feature_name="checkout", value="new")

    client.post("/v1/events", {"events": [met, met | {"identifier": "bob", "value": "control"}]})

    found = Exposure.objects.filter(experiment_number=experiment.number).order_by("subject")
    assert [(row.subject, row.variant_key) for row in found] == [("ann", "new"), ("bob", "control")]
    assert not Event.objects.exists()


def test_an_exposure_to_nothing_known_is_not_lost(client: Client, environment: Environment) -> None:
    a_split(environment)
    told = [an_event("$flag_exposure", feature_name=name, value=value)
            for name, value in (("nothing", "new"), ("checkout", "purple"), (None, None))]  # fmt: skip

    assert client.post("/v1/events", {"events": told}).json == {"accepted": 3}
    assert Event.objects.filter(name="$flag_exposure").count() == 3


def test_what_cannot_be_read_does_not_hold_up_the_rest(client: Client) -> None:
    told = [an_event(), 7, None, {}, {"event": ""}, {"event": "x" * 5_000}, an_event("left", timestamp="soon")]

    assert client.post("/v1/events", {"events": told}).json == {"accepted": 2}
    assert {event.name for event in Event.objects.all()} == {"bought", "left"}


def test_a_full_buffer_is_taken_at_once(client: Client) -> None:
    """A client sends a thousand events at a time, and again until they are taken."""
    told = [an_event(identifier=f"user-{number}") for number in range(1_000)]

    assert client.post("/v1/events", {"events": told}).json == {"accepted": 1_000}


@pytest.mark.parametrize("events", [None, {}, "x", 7])
def test_events_are_a_list(client: Client, events: object) -> None:
    answer = client.post("/v1/events", {"events": events})

    assert answer.status == 400
    assert answer.json.keys() == {"events"}
