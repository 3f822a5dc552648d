"""One feature over HTTP: six fields on success, FastAPI's complaints on everything else."""

import json
from pathlib import Path
from typing import Any

import pytest

from audits.services import SYSTEM
from decisions import process
from experiments import services as experiments
from experiments.models import Exposure
from features import services as features
from features.models import Usage
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import (
    a_condition,
    a_feature,
    a_key,
    a_rule,
    a_variant,
    an_environment,
    an_experiment,
)
from tests.protocols.wire import Answer, Ask, Mount, ask, through_asgi

PATH = "/evaluate_feature"
OBSERVED = json.loads((Path(__file__).parent / "growthbook" / "evaluate_feature.json").read_text())
ON = {"status": "on", "on_value": True, "off_value": False}


@pytest.fixture
def environment(open_environment: Environment) -> Environment:
    """What the recorded exchanges ask about."""
    environment = an_environment()
    a_feature(environment, key="plain", value_type="string", state=ON | {"on_value": "A", "off_value": ""})
    a_feature(environment, key="asleep")
    ruled = a_feature(environment, key="ruled", state=ON | {"on_value": False})
    a_rule(ruled, environment, key="fr_1", conditions=a_condition(), value=True)
    features.set_override(ruled, environment, identifier="ann", value=True, actor=SYSTEM)
    waiting = a_feature(environment, key="waiting", state=ON)
    features.set_prerequisite(waiting, environment, required=a_feature(environment, key="never"), actor=SYSTEM)
    a_feature(environment, key="secret", is_server_only=True, state=ON)
    prototype = a_feature(environment, key="prototype-feature", value_type="string")
    experiment = an_experiment(
        environment,
        prototype,
        name="test-experiment",
        seed="6a2bc50c-1d6a-406f-a8df-8f270ec6d08c",
        hash_attribute="whatsapp_id",
    )
    for arm, weight in (("A", 3334), ("B", 3333), ("C", 3333)):
        a_variant(experiment, key=arm, value=arm, weight=weight, is_control=arm == "A")
    experiment = experiments.start(experiment, actor=SYSTEM)
    rule = {"key": "test-ruleid", "experiment": experiment}
    features.set_state(prototype, environment, actor=SYSTEM, status="on", on_value="A", off_value="A")
    a_rule(prototype, environment, **rule)
    return environment


@pytest.fixture
def token(environment: Environment) -> str:
    return a_key(environment)


def evaluated(token: str | None, body: Any, mount: Mount = through_asgi, **headers: str) -> Answer:
    named = {"CLIENT_TOKEN": token} if token is not None else {}
    return mount(ask("POST", PATH, body).but(**{name.lower(): value for name, value in (named | headers).items()}))


def one(key: str, **attributes: Any) -> dict[str, Any]:
    return {"feature_key": key, "user_attributes": attributes}


def test_what_was_observed_is_answered_again(environment: Environment, token: str, mount: Mount) -> None:
    experiment = environment.experiments.get()
    for step in OBSERVED:
        body = step["raw"].encode() if "raw" in step else json.dumps(step["body"]).encode()
        headers = {"content-type": "application/json", "client-token": token} | step.get("headers", {})
        call = Ask("POST", PATH, body, {name: value for name, value in headers.items() if value is not None})

        answer = mount(call)

        expected = json.loads(json.dumps(step["answer"]).replace("EXPERIMENT", experiment.key))
        assert (answer.status, answer.json) == (step["status"], expected), step["title"]
        if step["status"] == 200:
            assert list(answer.json) == ["value", "source", "on", "off", "ruleId", "experiment"], step["title"]


def test_a_token_nobody_has_is_refused(environment: Environment, mount: Mount) -> None:
    for token in ("sdk-nobody", "", " ", "k" * 5_000):
        answer = evaluated(token, one("plain"), mount)

        assert (answer.status, answer.json) == (401, {"detail": "Invalid client token"})


def test_other_methods_are_refused_and_a_slash_is_forgiven(token: str, mount: Mount) -> None:
    refused = mount(Ask("GET", PATH))
    forgiven = mount(ask("POST", f"{PATH}/", one("plain")).but(client_token=token))

    assert (refused.status, refused.json, refused.headers["allow"]) == (405, {"detail": "Method Not Allowed"}, "POST")
    assert (forgiven.status, forgiven.json["value"]) == (200, "A")


def test_what_only_servers_see_is_unknown_to_clients(environment: Environment, token: str) -> None:
    assert evaluated(token, one("secret")).json["source"] == "unknownFeature"
    assert evaluated(a_key(environment, Kind.SERVER), one("secret")).json["value"] is True


def test_an_answer_of_an_experiment_is_an_exposure_and_every_answer_counts(
    environment: Environment, token: str
) -> None:
    for _ in range(2):
        evaluated(token, one("prototype-feature", whatsapp_id="27820001001"))
    evaluated(token, one("plain", id="ann"))
    evaluated(token, one("nobody"))
    process.gateway().observer.flush()

    exposure = Exposure.objects.get()
    assert (exposure.variant_key, exposure.subject, exposure.source) == ("B", "27820001001", "growthbook_api")
    counted = set(Usage.objects.values_list("feature_key", "outcome", "count"))
    assert counted == {("prototype-feature", "B", 2), ("plain", "on", 1)}


def test_a_change_is_in_the_next_answer(environment: Environment, token: str) -> None:
    before = evaluated(token, one("plain")).json["value"]
    features.set_state(environment.project.features.get(key="plain"), environment, actor=SYSTEM, on_value="Z")

    assert (before, evaluated(token, one("plain")).json["value"]) == ("A", "Z")


def test_tenants_never_see_each_other(environment: Environment) -> None:
    stranger = a_key(an_environment())

    assert evaluated(stranger, one("plain")).json["source"] == "unknownFeature"


def test_what_is_empty_is_off(environment: Environment, token: str) -> None:
    values: list[Any] = [{}, [], 0, "", None, False]
    for value in values:
        key = f"empty-{value!r}"
        a_feature(environment, key=key, value_type="json", state={"status": "on", "on_value": value})

        answer = evaluated(token, one(key)).json

        assert (answer["value"], answer["on"], answer["off"]) == (value, False, True)


def test_a_mebibyte_of_attributes_is_too_much_and_so_is_a_very_long_text(token: str) -> None:
    long = {str(number): "x" * 40_000 for number in range(20)}

    assert evaluated(token, one("plain", **long)).status == 200
    assert evaluated(token, one("plain", id="x" * 70_000)).status == 422
    assert evaluated(token, one("plain", id="x" * 1_048_577)).status == 413
