"""What providers report is counted, and stored once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from audits.services import SYSTEM
from decisions.process import gateway
from decisions.protocols._base import BODY_LIMIT
from experiments import services as experiments
from experiments.models import Event, Experiment, Exposure
from features.models import Usage
from tenants.models import Environment
from tests.builders import a_segment
from tests.protocols.go_feature_flag.asks import Asker
from tests.protocols.wire import Ask

COLLECTOR = "/v1/data/collector"
AT = 1_795_223_619


def evaluation(key: Any = "banner", variation: Any = "on", **changes: Any) -> dict[str, Any]:
    """An event as the provider for Python writes it."""
    return {
        "kind": "feature", "contextKind": "user", "userKey": "u-1", "creationDate": AT, "key": key,
        "variation": variation, "value": "x", "default": False, "version": None, "source": "INPROCESS", **changes,
    }  # fmt: skip


def tracking(**changes: Any) -> dict[str, Any]:
    """An event as the providers for JavaScript write it."""
    return {
        "kind": "tracking", "contextKind": "user", "userKey": "u-1", "creationDate": AT, "key": "bought",
        "evaluationContext": {"email": "ann@example.com"}, "trackingEventDetails": {"value": 9.5, "what": "tea"},
        **changes,
    }  # fmt: skip


def report(asker: Asker, *events: Any, meta: dict[str, Any] | None = None) -> None:
    answer = asker.post(COLLECTOR, {"meta": meta, "events": list(events)})

    assert (answer.status, answer.json) == (200, {"ingestedContentCount": len(events)})


def counted(environment: Environment) -> dict[tuple[str, str], int]:
    gateway().observer.flush()
    rows = Usage.objects.filter(environment_id=environment.pk)
    return {(row.feature_key, row.outcome): row.count for row in rows}


def test_evaluations_are_counted_as_our_own_are(client: Asker, shop: Environment) -> None:
    twice = [evaluation(), evaluation()]

    report(
        client, *twice, evaluation("banner", "pros"), evaluation("checkout", "new"), evaluation("dark", "SdkDefault")
    )

    assert counted(shop) == {("banner", "on"): 3, ("checkout", "new"): 1, ("dark", "off"): 1}


def test_what_no_flag_said_is_not_counted(client: Asker, shop: Environment) -> None:
    report(client, evaluation("nothing"), evaluation("secret"), evaluation("banner", "SdkDefault", default=True))

    assert counted(shop) == {}


def test_who_took_part_in_an_experiment_is_noted_once(client: Asker, shop: Environment) -> None:
    variation = client.flag("checkout", "u-1").json["variationType"]
    other = {"new": "control", "control": "new"}[variation]
    gateway().observer.flush()
    Exposure.objects.all().delete()

    for _ in range(2):
        report(client, evaluation("checkout", variation), evaluation("checkout", other, userKey="u-1"))

    [exposure] = Exposure.objects.all()
    assert (exposure.variant_key, exposure.subject, exposure.source) == (variation, "u-1", "go_feature_flag")
    assert exposure.first_at == datetime.fromtimestamp(AT, UTC)


def test_where_the_key_alone_does_not_decide_nobody_is_noted(client: Asker, shop: Environment) -> None:
    audience = a_segment(shop.project)
    experiments.update_experiment(Experiment.objects.get(), audience=audience, actor=SYSTEM)

    report(client, evaluation("checkout", "control"), evaluation("checkout", "new"))

    assert not Exposure.objects.exists()


def test_what_users_did_is_stored_once_however_often_it_is_sent(client: Asker, shop: Environment) -> None:
    batch = [tracking(), tracking(), tracking(userKey="u-2")]

    for _ in range(3):
        report(client, *batch, meta={"provider": "web"})

    events = Event.objects.filter(environment_id=shop.pk, name="bought")
    assert sorted(event.subject for event in events) == ["u-1", "u-1", "u-2"]
    assert {(event.value, event.source) for event in events} == {(9.5, "go_feature_flag")}
    assert events[0].properties == {"what": "tea", "exporterMetadata": {"provider": "web"}}
    assert events[0].happened_at == datetime.fromtimestamp(AT, UTC)


@pytest.mark.parametrize(
    ("given", "stored"),
    [(AT, AT), (AT * 1000 + 999, AT), (AT + 0.5, AT + 0.5), (0, 0), (9_999_999_999, None), (AT * 1_000_000, AT)],
)
def test_a_date_is_in_seconds_or_milliseconds(client: Asker, given: float, stored: float | None) -> None:
    report(client, tracking(creationDate=given))

    [event] = Event.objects.all()
    assert event.happened_at.year < 2100
    assert stored is None or event.happened_at.timestamp() == stored


BAD: list[Any] = [
    None, 7, "text", [], {}, tracking(key=None), tracking(key=""), tracking(userKey=7), tracking(userKey=""),
    tracking(creationDate=None), tracking(creationDate="today"), tracking(creationDate=True),
    tracking(creationDate=-1), tracking(key="k" * 300), tracking(userKey="u" * 600), tracking(key="a\x00b"),
    tracking(trackingEventDetails={"a": "\x00"}), evaluation(key=7), evaluation(userKey=None),
]  # fmt: skip


def test_a_bad_event_is_passed_over_and_counted_as_come(client: Asker, shop: Environment) -> None:
    report(client, *BAD, tracking(), evaluation(variation=[7]), evaluation(variation=None, value={"deep": [1]}))

    assert Event.objects.count() == 1
    assert counted(shop) == {("banner", "on"): 2}


def test_details_that_are_odd_are_kept_as_they_are(client: Asker) -> None:
    report(client, tracking(trackingEventDetails={"value": "much"}), tracking(trackingEventDetails=[], key="other"))

    stored = {event.name: (event.value, event.properties) for event in Event.objects.all()}
    assert stored == {"bought": (None, {"value": "much"}), "other": (None, {})}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"events":null}', b'{"events":{}}', b'{"events":[NaN]}',
                                  b'{"events":[],"meta":7}', b'{"events":[' + b"[" * 10_000 + b"]}",
                                  b'{"events":["\xff"]}'])  # fmt: skip
def test_a_report_that_is_none_is_refused(client: Asker, body: bytes) -> None:
    answer = client.post(COLLECTOR, body, content_type="application/json")

    assert answer.status == 400
    assert answer.json["message"].startswith("collectEvalData: invalid input data: ")


def test_a_full_report_of_a_busy_minute_is_taken(client: Asker, shop: Environment) -> None:
    events = [evaluation(userKey=f"{number:032d}") for number in range(10_000)]

    report(client, *events)

    assert counted(shop) == {("banner", "on"): 10_000}


def test_beyond_that_it_is_too_large(client: Asker) -> None:
    body = b" " * (8 * BODY_LIMIT + 1)
    for length in (True, False):
        call = Ask("POST", COLLECTOR, body, {"content-type": "application/json", "x-api-key": client.key}, length)
        answer = client.mount(call)

        assert (answer.status, answer.json) == (413, {"message": "Request Entity Too Large"})
