"""Calls as Flagsmith's clients make them, and what they read of the answers."""

from typing import Any

from audits.services import SYSTEM
from experiments import services as experiments
from experiments.models import Experiment
from features import services as features
from features.models import Feature
from tenants.models import Environment
from tests.builders import a_feature, a_variant, an_experiment
from tests.protocols.wire import Answer, Client, ask

Flags = dict[str, dict[str, Any]]


def identify(api: Client, identifier: str | None = "ann", traits: dict[str, Any] | None = None, **body: Any) -> Answer:
    """POST /api/v1/identities/; a trait may be given as {"value": …, "transient": True}."""
    sent = [{"trait_key": key, **_value(value)} for key, value in (traits or {}).items()]
    return api.post("/api/v1/identities/", {"identifier": identifier, "traits": sent, **body})


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and "transient" in value:
        return {"trait_value": value["value"], "transient": value["transient"]}
    return {"trait_value": value}


def by_name(answer: Answer) -> Flags:
    """The flags of an answer."""
    assert answer.status == 200, answer.body
    found = answer.json["flags"] if isinstance(answer.json, dict) else answer.json
    return {flag["feature"]["name"]: flag for flag in found}


def traits_of(answer: Answer) -> dict[str, Any]:
    return {trait["trait_key"]: trait["trait_value"] for trait in answer.json["traits"]}


def put(api: Client, target: str, body: Any) -> Answer:
    return api.mount(ask("PUT", target, body, api.key))


def a_split(environment: Environment, key: str = "checkout", seed: str = "12", **changes: Any) -> Experiment:
    """A running experiment on a feature with text, half and half."""
    feature = a_feature(environment, key=key, value_type="string", state={"on_value": "on", "off_value": "off"})
    experiment = an_experiment(environment, feature, seed=seed, name="Which one?", **changes)
    a_variant(experiment, key="control", weight=50, is_control=True, value="old")
    a_variant(experiment, key="new", weight=50, value="new")
    experiments.start(experiment, actor=SYSTEM)
    features.set_state(feature, environment, status="experiment", active_experiment=experiment, actor=SYSTEM)
    return experiment


def switch(feature: Feature, environment: Environment, **state: Any) -> None:
    features.set_state(feature, environment, actor=SYSTEM, **state)
