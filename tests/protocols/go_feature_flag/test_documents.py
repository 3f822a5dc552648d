"""The configuration, its hashes, the manifest, and what the server says of itself."""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from audits.services import SYSTEM
from decisions.engine.types import Feature, Status
from decisions.protocols.go_feature_flag.branches import adds_up
from decisions.protocols.go_feature_flag.configuration import Flag, Part, configuration_of, local_evaluation, moment_of
from decisions.protocols.go_feature_flag.documents import hash_of
from features import services as features
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_feature, a_key, an_environment
from tests.protocols.go_feature_flag.asks import Asker
from tests.protocols.go_feature_flag.builders import a_snapshot
from tests.protocols.wire import Mount, ask

CONFIGURATION = "/v1/flag/configuration"


def test_a_configuration_has_every_flag(server: Asker) -> None:
    flags = server.post(CONFIGURATION, {"flags": []}).json["flags"]

    assert set(flags) == {"banner", "checkout", "dark", "limit", "secret"}
    assert flags["checkout"] | {"version": ""} == {
        "variations": {"control": "old", "new": "new", "on": "x", "off": "none"},
        "defaultRule": {"percentage": {"control": 50, "new": 50}},
        "version": "",
    }
    assert flags["dark"]["disable"] is True
    assert [rule.get("name") for rule in flags["banner"]["targeting"]] == [None, "pros"]
    assert flags["banner"]["targeting"][0]["query"] == '{"in":[{"var":"targetingKey"},["ann"]]}'


def test_what_it_cannot_say_is_off_there(server: Asker) -> None:
    flag = server.post(CONFIGURATION).json["flags"]["limit"]

    assert (flag["variations"], flag["defaultRule"]) == ({"off": 1}, {"variation": "off"})
    assert "targeting" not in flag


def test_some_flags_may_be_asked_for(server: Asker) -> None:
    asked = server.post(CONFIGURATION, {"flags": ["dark", "nothing", "dark"]}).json["flags"]

    assert list(asked) == ["dark"]


def test_without_flags_there_is_still_a_map(mount: Mount, transactional_db: None) -> None:
    empty = Asker(mount, a_key(an_environment(), Kind.SERVER))

    assert empty.post(CONFIGURATION).json == {"flags": {}}
    assert empty.get("/v1/flag/change").json == {"hash": hash_of({}), "flags": {}}
    assert empty.get("/openfeature/v0/manifest").json == {"flags": []}


def test_who_has_the_configuration_is_told_so(server: Asker, shop: Environment) -> None:
    first = server.post(CONFIGURATION, {"flags": []})
    etag = first.headers["etag"]

    again = server.post(CONFIGURATION, {"flags": []}, if_none_match=etag)
    weak = server.post(CONFIGURATION, {"flags": []}, if_none_match=f"W/{etag}")

    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert weak.status == 304
    assert first.headers["last-modified"].endswith(" GMT")
    assert server.post(CONFIGURATION, {"flags": ["dark"]}, if_none_match=etag).status == 200


def test_an_edit_makes_another_configuration_and_a_later_date(server: Asker, shop: Environment) -> None:
    first = server.post(CONFIGURATION)

    features.switch(shop.project.features.get(key="dark"), shop, status="on", actor=SYSTEM)
    second = server.post(CONFIGURATION, if_none_match=first.headers["etag"])

    assert second.status == 200
    dates = [parsedate_to_datetime(answer.headers["last-modified"]) for answer in (first, second)]
    assert dates[0] < dates[1]


def test_hashes_tell_which_flag_changed(server: Asker, client: Asker, shop: Environment) -> None:
    before = server.get("/v1/flag/change")

    features.switch(shop.project.features.get(key="dark"), shop, status="on", actor=SYSTEM)
    after = server.get("/v1/flag/change", if_none_match=before.headers["etag"])

    changed = {key for key, number in after.json["flags"].items() if before.json["flags"][key] != number}
    assert changed == {"dark"}
    assert before.json["hash"] != after.json["hash"]
    assert server.get("/v1/flag/change", if_none_match=after.headers["etag"]).status == 304
    assert "secret" not in client.get("/v1/flag/change").json["flags"]


def test_a_hash_is_that_of_gos_json() -> None:
    flag = Flag(
        variations={"b": 2, "a": "<&>"},
        targeting=[Part(name="r", query='k eq "1"', variation="a")],
        defaultRule=Part(percentage={"b": 50, "a": 50}),
    )
    text = (
        '{"variations":{"a":"\\u003c\\u0026\\u003e","b":2},'
        '"targeting":[{"name":"r","query":"k eq \\"1\\"","variation":"a"}],'
        '"defaultRule":{"percentage":{"a":50,"b":50}}}'
    )
    expected = 0x811C9DC5
    for byte in text.encode():
        expected = (expected ^ byte) * 0x01000193 % 2**32

    assert hash_of(flag) == expected


def test_a_manifest_lists_flags_and_their_types(server: Asker, client: Asker) -> None:
    answer = server.get("/openfeature/v0/manifest")

    assert answer.headers["x-manifest-capabilities"] == "read"
    assert answer.json["flags"] == [
        {"key": "banner", "type": "string", "defaultValue": "bye", "description": "What it says on top"},
        {"key": "checkout", "type": "string", "defaultValue": "none", "description": ""},
        {"key": "dark", "type": "boolean", "defaultValue": False, "description": ""},
        {"key": "limit", "type": "integer", "defaultValue": 1, "description": ""},
        {"key": "secret", "type": "boolean", "defaultValue": False, "description": ""},
    ]
    assert "secret" not in [flag["key"] for flag in client.get("/openfeature/v0/manifest").json["flags"]]


@pytest.mark.parametrize(
    ("value_type", "values", "expected"),
    [("number", (1, 1.5), "float"), ("json", ({"a": 1}, {}), "object"), ("number", (1, 2), "integer")],
)
def test_a_type_in_the_manifest_follows_the_values(
    server: Asker, shop: Environment, value_type: str, values: tuple[object, object], expected: str
) -> None:
    state = {"on_value": values[0], "off_value": values[1]}
    feature = a_feature(shop, value_type=value_type, state=state)

    types = {flag["key"]: flag["type"] for flag in server.get("/openfeature/v0/manifest").json["flags"]}
    assert types[feature.key] == expected


def test_info_tells_when_it_last_looked(mount: Mount, shop: Environment, client: Asker) -> None:
    client.flags()

    looked = datetime.fromisoformat(mount(ask("GET", "/info")).json["cacheRefresh"])

    assert abs((datetime.now(UTC) - looked).total_seconds()) < 60


def test_metrics_count_calls_and_name_nobody(mount: Mount, client: Asker) -> None:
    def counted() -> float:
        answer = mount(ask("GET", "/metrics"))
        assert answer.headers["content-type"].startswith("text/plain")
        lines = [line for line in answer.body.decode().splitlines() if line.startswith("gofeatureflag_flag_eval")]
        assert "banner" not in answer.body.decode()
        return float(lines[0].rpartition(" ")[2])

    before = counted()
    client.flag("banner")

    assert counted() == before + 1


def test_a_whole_number_that_would_be_rounded_stays_here() -> None:
    snapshot = a_snapshot([Feature("big", status=Status.ON, on_value={"a": [2**53 + 1]}, off_value={})])

    assert local_evaluation(snapshot) == {
        "big": ["it has a whole number beyond 2**53, which the evaluator would round"]
    }


def test_percentages_that_waver_in_floating_point_stay_here() -> None:
    assert adds_up([50_000, 50_000])
    assert adds_up([33_375, 66_625])
    assert not adds_up([33_300, 33_300, 33_400])
    assert not adds_up([14_285, 14_285, 14_285, 14_285, 14_285, 14_285, 14_290])


def test_all_that_stands_in_the_way_is_said_at_once() -> None:
    feature = Feature("f", status=Status.ON, rollout=1, rules=(), prerequisites=())
    [reasons] = local_evaluation(a_snapshot([feature])).values()

    assert reasons == ["it is on for a percentage of subjects, which would be others there"]
    assert configuration_of(a_snapshot([feature])).of("f").complaints == tuple(reasons)


def test_a_moment_is_written_as_go_reads_it() -> None:
    assert moment_of(0) == "1970-01-01T00:00:00Z"
    assert json.dumps(moment_of(1.5)) == '"1970-01-01T00:00:01.500000Z"'
