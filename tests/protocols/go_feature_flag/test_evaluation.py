"""One flag and all flags, in GO Feature Flag's words."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from audits.services import SYSTEM
from decisions.process import gateway
from experiments.models import Exposure
from features import services as features
from features.models import Usage
from tenants import services as tenants
from tenants.models import Environment
from tests.builders import a_feature
from tests.protocols.go_feature_flag.asks import Asker

FIELDS = ["trackEvents", "variationType", "failed", "version", "reason", "errorCode", "value", "cacheable"]


def told(answer: Any) -> tuple[Any, str, str]:
    return answer.json["value"], answer.json["variationType"], answer.json["reason"]


def test_an_answer_has_upstreams_fields_in_upstreams_order(client: Asker) -> None:
    answer = client.flag("checkout")

    assert list(answer.json) == FIELDS
    assert list(client.flag("banner", plan="pro").json) == [*FIELDS, "metadata"]
    assert list(client.flag("checkout", user=None).json) == [*FIELDS[:6], "errorDetails", *FIELDS[6:]]


def test_every_outcome_has_its_reason(client: Asker) -> None:
    assert told(client.flag("banner")) == ("hello", "on", "DEFAULT")
    assert told(client.flag("banner", plan="pro")) == ("hello, pro", "pros", "TARGETING_MATCH")
    assert told(client.flag("banner", user="ann", plan="pro")) == ("hello, Ann", "override", "TARGETING_MATCH")
    assert told(client.flag("dark", default="mine")) == ("mine", "SdkDefault", "DISABLED")
    assert told(client.flag("checkout", user="u-1"))[2] == "SPLIT"
    assert told(client.flag("limit"))[2] == "SPLIT"
    assert client.flag("banner", plan="pro").json["metadata"] == {"evaluatedRuleName": "pros"}


def test_a_flag_that_there_is_not_is_the_callers_default(client: Asker) -> None:
    answer = client.flag("nothing", default={"my": [1]})

    assert answer.status == 200
    assert answer.json == {
        "trackEvents": True,
        "variationType": "SdkDefault",
        "failed": True,
        "version": "",
        "reason": "ERROR",
        "errorCode": "FLAG_NOT_FOUND",
        "value": {"my": [1]},
        "cacheable": False,
    }


def test_a_flag_for_servers_is_unknown_to_clients(client: Asker, server: Asker) -> None:
    assert client.flag("secret").json["errorCode"] == "FLAG_NOT_FOUND"
    assert server.flag("secret").json["value"] is True
    assert "secret" not in client.flags().json["flags"]
    assert "secret" in server.flags().json["flags"]


def test_the_user_of_older_providers_is_understood(client: Asker) -> None:
    user = {"key": "u-1", "anonymous": False, "custom": {"plan": "pro"}}

    answer = client.post("/v1/feature/banner/eval", {"user": user, "defaultValue": ""})

    assert told(answer) == ("hello, pro", "pros", "TARGETING_MATCH")


def test_of_two_contexts_todays_counts(client: Asker) -> None:
    body = {"user": {"key": "ann"}, "evaluationContext": {"key": "u-1", "custom": {"plan": "pro"}}}

    assert client.post("/v1/feature/banner/eval", body).json["variationType"] == "pros"


def test_whether_somebody_is_anonymous_is_an_attribute(client: Asker, shop: Environment) -> None:
    feature = a_feature(shop, key="greeting", state={"status": "on"})
    hidden = {"attribute": "anonymous", "operator": "equals", "value": True}
    features.create_rule(feature, shop, key="strangers", conditions=hidden, value=False, actor=SYSTEM)
    ask = "/v1/feature/greeting/eval"

    seed = client.post(ask, {"user": {"key": "u", "anonymous": True, "custom": {"anonymous": False}}})
    today = client.flag("greeting", anonymous=True)
    neither = client.flag("greeting", anonymous="yes")

    assert [answer.json["variationType"] for answer in (seed, today, neither)] == ["strangers", "strangers", "on"]


def test_without_a_key_only_a_percentage_is_an_error(client: Asker) -> None:
    assert client.flag("banner", user="").json["value"] == "hello"
    answer = client.flag("checkout", user=None, default="mine").json
    assert (answer["value"], answer["failed"], answer["errorCode"]) == ("mine", True, "TARGETING_KEY_MISSING")
    assert answer["errorDetails"] == "Error: Empty targeting key"


def test_all_flags_are_valid_if_none_is_an_error(client: Asker) -> None:
    good, bad = client.flags().json, client.flags(user="").json

    assert set(good["flags"]) == {"banner", "checkout", "dark", "limit"}
    assert (good["valid"], bad["valid"]) == (True, False)
    assert list(good["flags"]["banner"]) == [
        "value", "timestamp", "variationType", "trackEvents", "errorCode", "reason",
    ]  # fmt: skip
    assert good["flags"]["dark"] | {"timestamp": 0} == {
        "value": None, "timestamp": 0, "variationType": "", "trackEvents": True, "errorCode": "", "reason": "DISABLED",
    }  # fmt: skip
    assert bad["flags"]["checkout"]["errorCode"] == "TARGETING_KEY_MISSING"


def test_all_flags_and_one_flag_say_the_same(client: Asker) -> None:
    for number in range(20):
        everything = client.flags(f"u-{number}", plan="pro").json["flags"]
        for key in ("banner", "checkout", "limit"):
            assert everything[key]["value"] == client.flag(key, f"u-{number}", plan="pro").json["value"]


def test_a_flag_list_limits_all_flags(client: Asker) -> None:
    def asked(flag_list: Any) -> set[str]:
        return set(client.flags(gofeatureflag={"flagList": flag_list}).json["flags"])

    everything = {"banner", "checkout", "dark", "limit"}
    assert asked(["dark", "banner", "nothing", "secret", 7]) == {"dark", "banner"}
    assert asked([]) == asked(None) == asked("banner") == everything


def test_where_nothing_matches_the_list_flags_is_still_there(client: Asker) -> None:
    assert client.flags(gofeatureflag={"flagList": ["nothing"]}).json == {"flags": {}, "valid": True}


def test_an_environment_may_hide_flags_that_are_off(client: Asker, shop: Environment) -> None:
    tenants.update_environment(shop, hide_disabled_flags=True, actor=SYSTEM)

    assert "dark" not in client.flags().json["flags"]
    assert client.flag("dark").json["reason"] == "DISABLED"


def test_only_who_reads_the_configuration_asks_as_of_another_day(
    client: Asker, server: Asker, shop: Environment
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    steps = [{"at": tomorrow.isoformat(), "status": "on"}]
    a_feature(shop, key="winter", state={"status": "off", "steps": steps})
    later = {"currentDateTime": (tomorrow + timedelta(hours=1)).isoformat()}

    assert server.flag("winter", gofeatureflag=later).json["value"] is True
    assert client.flag("winter", gofeatureflag=later).json["reason"] == "DISABLED"
    assert server.flag("winter", gofeatureflag={"currentDateTime": "soon"}).json["reason"] == "DISABLED"


def test_what_changes_with_time_is_not_to_be_cached(server: Asker, shop: Environment) -> None:
    steps = [{"at": "2099-01-01T00:00:00Z", "status": "on"}]
    a_feature(shop, key="winter", state={"status": "off", "steps": steps})

    assert server.flag("winter").json["cacheable"] is False
    assert server.flag("dark").json["cacheable"] is True


def test_a_version_changes_with_the_flag_and_with_nothing_else(client: Asker, shop: Environment) -> None:
    before = {key: client.flag(key).json["version"] for key in ("banner", "checkout")}

    features.set_state(shop.project.features.get(key="banner"), shop, on_value="good day", actor=SYSTEM)

    after = {key: client.flag(key).json["version"] for key in before}
    assert before["banner"] != after["banner"]
    assert before["checkout"] == after["checkout"]
    assert all(len(version) == 8 for version in before.values())


def test_numbers_are_answered_as_they_are_stored(server: Asker, shop: Environment) -> None:
    for value in (100, 100.0, 0.1, 2**53 + 1):
        state = {"status": "on", "on_value": value, "off_value": 0}
        key = a_feature(shop, value_type="number", state=state).key

        answer = server.flag(key)
        assert answer.json["value"] == value
        assert type(answer.json["value"]) is type(shop.feature_states.get(feature__key=key).on_value)


def test_one_flag_counts_and_all_flags_do_not(client: Asker, shop: Environment) -> None:
    client.flags()
    answers = [client.flag("checkout", f"u-{number}").json["variationType"] for number in range(10)]
    client.flag("nothing")
    gateway().observer.flush()

    usage = Usage.objects.filter(environment_id=shop.pk, feature_key="checkout")
    assert {row.outcome: row.count for row in usage} == {key: answers.count(key) for key in set(answers)}
    assert Usage.objects.filter(environment_id=shop.pk).exclude(feature_key="checkout").count() == 0
    assert Exposure.objects.filter(environment_id=shop.pk).count() == 10


@pytest.mark.parametrize("key", ["a.b", "功能 ☃", "café", "%2F", "..", "🎉"])
def test_a_flag_may_have_any_key(server: Asker, shop: Environment, key: str) -> None:
    a_feature(shop, key=key, state={"status": "on"})

    assert server.flag(quote(key, safe="")).json["value"] is True
    assert server.flags().json["flags"][key]["value"] is True
