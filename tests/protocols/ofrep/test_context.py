"""What may stand in a context, and what may not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from audits.services import SYSTEM
from features.services import set_state
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_feature, a_key
from tests.protocols.ofrep.asks import BULK, ONE, Provider
from tests.protocols.wire import Ask

ANN = {"targetingKey": "ann"}


def test_a_context_that_is_no_object_is_refused(furnished: Environment, provider: Provider) -> None:
    for context in ([], [1], 7, 1.5, "ann", True, False):
        alone, together = provider.one("awake", context), provider.all(context)

        assert (alone.status, together.status) == (400, 400)
        assert together.json.keys() == {"errorCode", "errorDetails"}
        assert alone.json == {"key": "awake", **together.json}
        assert together.json["errorCode"] == "INVALID_CONTEXT"


def test_no_context_is_an_empty_one(furnished: Environment, provider: Provider) -> None:
    headers = {"content-type": "application/json", "x-api-key": provider.key}

    for body in (b"{}", b'{"context":null}', b'{"context":{}}', b'{"else":1}'):
        assert provider.mount(Ask("POST", ONE + "awake", body, headers)).json["value"] is True
        assert provider.mount(Ask("POST", BULK, body, headers)).status == 200


def test_a_targeting_key_that_is_none_is_refused(furnished: Environment, provider: Provider) -> None:
    wrong: list[Any] = [7, 0, 1.5, True, False, [], ["ann"], {}, "k" * 513, "k" * 1_000_000]
    for key in wrong:
        answer = provider.one("awake", {"targetingKey": key})

        assert (answer.status, answer.json["errorCode"]) == (400, "INVALID_CONTEXT")
        assert answer.json["errorDetails"].startswith("targetingKey must be")


def test_a_context_beyond_the_limits_is_refused(furnished: Environment, provider: Provider) -> None:
    wide = {str(number): number for number in range(10_000)}
    deep = json.loads('{"a":' * 40 + "1" + "}" * 40)

    for context in (wide, deep, {"text": "x\x00"}):
        answer = provider.one("awake", context)

        assert (answer.status, answer.json["errorCode"]) == (400, "PARSE_ERROR")
    assert provider.one("awake", {"text": "x" * 2_000_000}).status == 413
    assert provider.one("awake", {str(number): number for number in range(2_000)}).status == 200


def test_a_body_that_is_no_json_names_the_feature_all_the_same(furnished: Environment, provider: Provider) -> None:
    answer = provider.mount(Ask("POST", ONE + "awake", b"{", {"x-api-key": provider.key}))

    assert answer.status == 400
    assert answer.json["key"] == "awake"
    assert answer.json["errorCode"] == "PARSE_ERROR"
    assert answer.json["errorDetails"]


def test_a_list_of_flags_limits_the_answer(furnished: Environment, provider: Provider) -> None:
    def asked(flag_list: Any) -> Any:
        return provider.all({**ANN, "gofeatureflag": {"flagList": flag_list, "exporterMetadata": {"a": 1}}})

    assert [flag["key"] for flag in asked(["word", "awake", "unknown"]).json["flags"]] == ["awake", "word"]
    assert len(asked([]).json["flags"]) == len(asked(None).json["flags"]) == len(provider.states(ANN))
    wrong: list[Any] = ["awake", 7, [7], {}]
    for flag_list in wrong:
        assert asked(flag_list).json["errorCode"] == "INVALID_CONTEXT"


def test_only_servers_ask_as_of_another_day(environment: Environment, provider: Provider) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    feature = a_feature(environment, key="soon")
    steps = [{"at": (later - timedelta(days=1)).isoformat(), "status": "on"}]
    set_state(feature, environment, actor=SYSTEM, steps=steps)
    server = Provider(provider.mount, a_key(environment, Kind.SERVER))
    then = {**ANN, "gofeatureflag": {"currentDateTime": later.isoformat()}}

    assert provider.one("soon", then).json["reason"] == "DISABLED"
    assert server.one("soon", then).json["value"] is True
    assert server.one("soon", ANN).json["reason"] == "DISABLED"
    assert server.one("soon", {"gofeatureflag": {"currentDateTime": "soon"}}).json["errorCode"] == "INVALID_CONTEXT"
