"""Keys, browsers, streams, usage, recorded exchanges, and the refusals of OFREP."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from audits.services import SYSTEM
from decisions import process
from decisions.protocols._base import Kind, Refusal
from decisions.protocols.ofrep import PROTOCOL, told
from decisions.snapshots import read
from experiments.models import Exposure
from features.models import Usage
from features.services import set_state
from tenants.models import Environment
from tests.builders import a_feature, a_key, a_running_experiment
from tests.protocols.ofrep.asks import BULK, ONE, Provider, flags
from tests.protocols.wire import Ask, Mount, ask

RECORDED = json.loads((Path(__file__).parent / "observed.json").read_text(encoding="utf-8"))


def test_what_providers_were_seen_to_exchange_is_exchanged(
    furnished: Environment, provider: Provider, mount: Mount
) -> None:
    for step in RECORDED:
        method, _, target = step["call"].partition(" ")
        answer = mount(ask(method, target, step["body"]).but(x_api_key=provider.key))

        expected = json.dumps(step["answer"], separators=(",", ":"), ensure_ascii=False).encode()
        assert (answer.status, answer.body) == (step["status"], expected), step["title"]


def test_either_header_carries_the_key_and_the_first_counts(furnished: Environment, provider: Provider) -> None:
    good, bad = provider.key, "sdk-nobody"
    statuses = {
        None: {None: 401, bad: 401, good: 200},
        bad: {None: 401, bad: 401, good: 401},
        good: {None: 200, bad: 200, good: 200},
    }

    for first, others in statuses.items():
        for second, status in others.items():
            call = flags(first, {})
            call = call.but(authorization=f"bearer {second}") if second else call
            answer = provider.mount(call)

            assert answer.status == status, (first, second)
            assert status == 200 or answer.json.keys() == {"errorCode", "errorDetails"}
    for header in ("", "Bearer", "Bearer ", f"Basic {good}", good, f"Bearer{good}"):
        assert provider.mount(flags(None, {}).but(authorization=header)).status == 401, header


def test_the_environments_public_name_opens_only_the_stream(furnished: Environment, provider: Provider) -> None:
    for context in ({}, {"targetingKey": "ann"}):
        assert Provider(provider.mount, furnished.public_id).all(context).status == 403


def test_a_page_of_another_origin_may_ask(furnished: Environment, provider: Provider) -> None:
    headers = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,if-none-match,x-api-key",
    }

    preflight = provider.mount(Ask("OPTIONS", BULK, b"", headers))
    answer = provider.all({}, origin="https://shop.example")

    assert preflight.status == 204
    assert preflight.headers["access-control-allow-headers"] == "content-type,if-none-match,x-api-key"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-max-age"] == "86400"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "ETag, Retry-After"


def test_refusals_are_worded_by_the_specification() -> None:
    def worded(kind: Kind, details: Any = None) -> tuple[int, Any]:
        reply = PROTOCOL.refuse(Refusal(kind, "because", details))
        return reply.status, reply.body["errorCode"]

    assert worded(Kind.MALFORMED) == (400, "PARSE_ERROR")
    assert worded(Kind.INVALID, "INVALID_CONTEXT") == (400, "INVALID_CONTEXT")
    assert worded(Kind.TOO_MANY, 7) == (429, "GENERAL")
    assert worded(Kind.UNAUTHENTICATED, "missing") == (401, "GENERAL")
    assert worded(Kind.INTERNAL) == (500, "GENERAL")
    assert PROTOCOL.refuse(Refusal(Kind.UNAVAILABLE, "later")).headers == (("Retry-After", "1"),)


def test_who_calls_too_often_is_told_when_to_come_back(
    furnished: Environment, provider: Provider, settings: Settings
) -> None:
    process.stop()
    settings.RATE_LIMIT = 1

    answers = [provider.all({}) for _ in range(5)]

    assert {answer.status for answer in answers} == {200, 429}
    refused = answers[-1]
    assert refused.json["errorCode"] == "GENERAL"
    assert int(refused.headers["retry-after"]) > 0
    assert "Retry-After" in refused.headers["access-control-expose-headers"]


def test_the_answer_says_where_to_wait_for_the_next(furnished: Environment, provider: Provider) -> None:
    [stream] = provider.all({}).json["eventStreams"]

    assert stream["type"] == "sse"
    assert stream["endpoint"] == {"requestUri": f"/ofrep/v1/stream?key={furnished.public_id}"}
    assert provider.key not in json.dumps(stream)


@pytest.mark.django_db
def test_the_stream_tells_to_ask_again(environment: Environment) -> None:
    snapshot = read(environment.pk)
    assert snapshot is not None

    lines = told(snapshot, None, next(iter(snapshot.grants.values()))).decode().splitlines()

    assert lines[0] == f"id: {snapshot.revision}"
    assert lines[1] == "event: message"
    event = json.loads(lines[2].removeprefix("data: "))
    moment = int(snapshot.changed_at.timestamp())
    assert event == {"type": "refetchEvaluation", "etag": snapshot.revision, "lastModified": moment}


def test_a_single_question_is_a_use_and_a_list_is_not(environment: Environment, provider: Provider) -> None:
    a_running_experiment(environment, a_feature(environment, key="tried"))
    a_feature(environment, key="awake", state={"status": "on"})

    for _ in range(3):
        provider.one("tried", {"targetingKey": "ann"})
        provider.one("awake")
        provider.all({"targetingKey": "bob"})
    provider.one("tried")  # nobody
    provider.one("unknown", {"targetingKey": "ann"})
    process.gateway().observer.flush()

    counts = {row.feature_key: row.count for row in Usage.objects.filter(environment_id=environment.pk)}
    assert counts == {"tried": 3, "awake": 3}
    assert [(row.subject, row.source) for row in Exposure.objects.all()] == [("ann", "ofrep")]


def test_an_edit_is_seen_by_the_next_question(environment: Environment, provider: Provider) -> None:
    feature = a_feature(environment, key="awake", state={"status": "on"})
    assert provider.one("awake").json["value"] is True

    set_state(feature, environment, actor=SYSTEM, status="off")

    assert provider.one("awake").json == {"key": "awake", "reason": "DISABLED", "variant": "off"}


def test_a_key_to_elsewhere_sees_what_is_there(furnished: Environment, provider: Provider) -> None:
    from tests.builders import an_environment  # noqa: PLC0415

    elsewhere = Provider(provider.mount, a_key(an_environment()))

    assert elsewhere.all({}).json["flags"] == []
    assert elsewhere.mount(flags(elsewhere.key, {}, ONE + "awake")).status == 404
