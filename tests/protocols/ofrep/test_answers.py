"""OFREP's answers: reasons of the enum, always a variant, numbers of one kind, errors in their shapes."""

from typing import Any
from urllib.parse import quote

import pytest

from audits.services import SYSTEM
from experiments import services as experiments
from features.services import archive, set_state
from tenants.models import Environment
from tenants.roles import Kind
from tenants.services import update_environment
from tests.builders import a_feature, a_key, a_running_experiment, a_variant, an_experiment
from tests.protocols.ofrep.asks import Provider

ANN = {"targetingKey": "ann", "country": "DE"}
BOB = {"targetingKey": "bob", "country": "AT"}
REASONS = {"STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN"}


OUTCOMES: list[tuple[str, Any, dict[str, Any]]] = [
    ("asleep", ANN, {"reason": "DISABLED", "variant": "off"}),
    ("awake", ANN, {"reason": "STATIC", "variant": "on", "value": True}),
    ("word", ANN, {"reason": "STATIC", "variant": "on", "value": "blue"}),
    ("shape", ANN, {"reason": "STATIC", "variant": "on", "value": {"a": [1]}}),
    ("nothing", ANN, {"reason": "STATIC", "variant": "on"}),
    ("ruled", BOB, {"reason": "STATIC", "variant": "on", "value": False}),
    ("chosen", ANN, {"reason": "TARGETING_MATCH", "variant": "override", "value": True}),
    ("waiting", ANN, {"reason": "TARGETING_MATCH", "variant": "off", "value": False}),
    ("ruled", ANN, {"reason": "TARGETING_MATCH", "variant": "germans", "value": True, "metadata": {"rule": "germans"}}),
]


def test_each_outcome_is_worded(furnished: Environment, provider: Provider) -> None:
    for feature_key, context, expected in OUTCOMES:
        answer = provider.one(feature_key, context)

        assert (answer.status, answer.json) == (200, {"key": feature_key, **expected})
        assert provider.states(context)[feature_key] == answer.json


def test_a_percentage_and_an_experiment_are_splits(furnished: Environment, provider: Provider) -> None:
    found = [provider.states({"targetingKey": f"u-{number}"}) for number in range(30)]

    halves, tried = [flags["half"] for flags in found], [flags["tried"] for flags in found]
    assert {flag["reason"] for flag in (*halves, *tried)} == {"SPLIT"}
    assert {(flag["variant"], flag["value"]) for flag in halves} == {("on", True), ("off", False)}
    assert {flag["variant"] for flag in tried} == {"control", "treatment"}
    assert {flag["metadata"]["experiment"] for flag in tried} == {"exp-001"}


def test_all_is_what_one_is(furnished: Environment, provider: Provider) -> None:
    for flag in provider.states(ANN).values():
        alone = provider.one(flag["key"], ANN).json

        assert alone == flag
        assert flag["reason"] in REASONS
        assert flag["variant"]


def test_a_number_is_sent_as_it_was_written(furnished: Environment, provider: Provider) -> None:
    for feature_key, on in (("share", b"0.5"), ("count", b"100")):
        assert b'"value":' + on + b"}" in provider.one(feature_key, ANN).body


@pytest.mark.parametrize("fraction", [100.0, 0.5])
def test_a_feature_with_any_fraction_has_one_in_all_its_numbers(
    environment: Environment, provider: Provider, fraction: float
) -> None:
    feature = a_feature(environment, key="share", value_type="number", state={"status": "on", "on_value": 7})
    experiment = an_experiment(environment, feature)
    variant = a_variant(experiment, key="only", weight=1, value=3)
    experiment = experiments.start(experiment, actor=SYSTEM)
    set_state(feature, environment, actor=SYSTEM, status="experiment", active_experiment=experiment)
    assert b'"value":3,' in provider.one("share", ANN).body

    set_state(feature, environment, actor=SYSTEM, off_value=fraction)
    assert b'"value":3.0,' in provider.one("share", ANN).body

    set_state(feature, environment, actor=SYSTEM, off_value=0)
    experiments.update_variant(variant, actor=SYSTEM, value=fraction)
    set_state(feature, environment, actor=SYSTEM, status="on", active_experiment=None)
    assert b'"value":7}' in provider.one("share", ANN).body  # the experiment is not served any more


def test_a_feature_that_needs_a_key_says_so(furnished: Environment, provider: Provider) -> None:
    for context in (None, {}, {"targetingKey": ""}, {"targetingKey": None}):
        answer = provider.one("half", context)

        assert answer.status == 400
        assert answer.json["errorCode"] == "TARGETING_KEY_MISSING"
        assert answer.json.keys() == {"key", "errorCode", "errorDetails"}
        assert provider.one("awake", context).json["value"] is True


def test_an_error_in_bulk_harms_nobody_else(furnished: Environment, provider: Provider) -> None:
    states = provider.states({})

    assert states["half"] == provider.one("half").json
    assert states["tried"]["errorCode"] == "TARGETING_KEY_MISSING"
    assert states["awake"]["value"] is True


def test_an_experiment_that_cannot_assign_anybody_is_an_error(environment: Environment, provider: Provider) -> None:
    experiment = a_running_experiment(environment, a_feature(environment, key="empty"))
    for variant in experiment.variants.all():
        experiments.update_variant(variant, actor=SYSTEM, weight=0)

    answer = provider.one("empty", ANN)

    assert (answer.status, answer.json["errorCode"]) == (400, "GENERAL")
    assert provider.states(ANN)["empty"] == answer.json


def test_a_feature_that_there_is_not_for_this_key_is_not_found(environment: Environment, provider: Provider) -> None:
    archive(a_feature(environment, key="gone"), actor=SYSTEM)
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})

    for feature_key in ("nobody", "gone", "secret", "a.b", "%F0%9F%8E%89", "%E2%80%AE"):
        answer = provider.one(feature_key, ANN)

        assert (answer.status, answer.json["errorCode"]) == (404, "FLAG_NOT_FOUND"), feature_key
        assert "value" not in answer.json
    assert provider.all(ANN).json["flags"] == []


def test_a_server_sees_what_is_only_for_servers(environment: Environment, provider: Provider) -> None:
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})
    server = Provider(provider.mount, a_key(environment, Kind.SERVER))

    assert server.one("secret", ANN).json["value"] is True
    assert server.states(ANN).keys() == {"secret"}


def test_keys_of_all_kinds_are_found(environment: Environment, provider: Provider) -> None:
    keys = ["with.dots", "grüße", "日本語", "a b", "a:b", "a%b", "🎉"]
    for key in keys:
        a_feature(environment, key=key, state={"status": "on"})

    assert [provider.one(quote(key), ANN).json["key"] for key in keys] == keys
    assert provider.states(ANN).keys() == set(keys)


def test_features_that_are_off_are_left_out_where_the_environment_hides_them(
    environment: Environment, provider: Provider
) -> None:
    a_feature(environment, key="asleep")
    update_environment(environment, actor=SYSTEM, hide_disabled_flags=True)

    assert provider.states(ANN) == {}
    assert provider.one("asleep", ANN).json["reason"] == "DISABLED"
