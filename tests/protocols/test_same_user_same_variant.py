"""The heart of it: whatever protocol asks, the same user of the same experiment gets one and the same variant."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import pytest

from audits.services import SYSTEM
from decisions.engine.bucketing import SCHEMES
from decisions.engine.evaluate import decide_all
from decisions.engine.types import Subject
from decisions.gateway import Gateway
from decisions.protocols import protocols
from decisions.snapshots import EnvironmentSnapshot, read
from experiments import services as experiments
from features import services as features
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_condition, a_feature, a_key, a_layer, a_segment, a_variant, an_environment, an_experiment
from tests.protocols.abetterchoice.asks import Caller
from tests.protocols.wire import Ask, ask, through_asgi

SUBJECTS = 200
IN_A_RULE = "in-a-rule"
NAMES = ("user-{}", "{}", "ünï-{}", "用户{}", "{}@example.com", "a b {}", "😀{}", "{}" * 40)


class Told(NamedTuple):
    """What one user got from one feature: the variant's value, and whether they take part, where a protocol tells."""

    variant: str
    takes_part: bool | None = None


@dataclass(frozen=True)
class User:
    """Who asks."""

    key: str
    attributes: dict[str, str]

    @property
    def traits(self) -> list[dict[str, str]]:
        return [{"trait_key": name, "trait_value": value} for name, value in self.attributes.items()]

    @property
    def profiles(self) -> dict[str, Any]:
        return {name: {"user_attrs": [value]} for name, value in self.attributes.items()}


@dataclass(frozen=True)
class Place:
    """What there is to ask: an environment with experiments of every scheme, and its keys."""

    environment: Environment
    snapshot: EnvironmentSnapshot
    key: str
    caller: Caller

    @property
    def feature_keys(self) -> list[str]:
        return list(self.snapshot.features)

    def post(self, target: str, body: Any, **headers: str) -> Any:
        return self.sent(ask("POST", target, body).but(**headers))

    def sent(self, call: Ask) -> Any:
        answer = through_asgi(call)
        assert answer.status == 200, (call.target, answer.body)
        return answer.json

    def engine(self, user: User) -> dict[str, Told]:
        """What the engine says, which everybody has to agree with."""
        decisions = decide_all(self.snapshot.features, Subject(user.key, user.attributes))
        return {key: Told(decision.value, decision.in_experiment) for key, decision in decisions.items()}


def ofrep_one(place: Place, user: User, key: str) -> Told:
    context = {"targetingKey": user.key, **user.attributes}
    return of_ofrep(place.post(f"/ofrep/v1/evaluate/flags/{key}", {"context": context}, x_api_key=place.key))


def ofrep_all(place: Place, user: User) -> dict[str, Told]:
    context = {"targetingKey": user.key, **user.attributes}
    flags = place.post("/ofrep/v1/evaluate/flags", {"context": context}, x_api_key=place.key)["flags"]
    return {flag["key"]: of_ofrep(flag) for flag in flags}


def of_ofrep(flag: dict[str, Any]) -> Told:
    takes_part = "experiment" in flag.get("metadata", {})
    assert flag["variant"] == flag["value"] or not takes_part
    return Told(flag["value"], takes_part)


def relay_one(place: Place, user: User, key: str) -> Told:
    body = {"user": {"key": user.key, "custom": user.attributes}, "defaultValue": "nothing"}
    return of_relay(place.post(f"/v1/feature/{key}/eval", body, x_api_key=place.key))


def relay_all(place: Place, user: User) -> dict[str, Told]:
    body = {"evaluationContext": {"key": user.key, "custom": user.attributes}}
    flags = place.post("/v1/allflags", body, x_api_key=place.key)["flags"]
    return {key: of_relay(flag) for key, flag in flags.items()}


def of_relay(flag: dict[str, Any]) -> Told:
    assert flag["variationType"] in {flag["value"], "on"}
    return Told(flag["value"])


def evaluate_feature(place: Place, user: User, key: str) -> Told:
    body = {"feature_key": key, "user_attributes": {"id": user.key, **user.attributes}}
    result = place.post("/evaluate_feature", body, client_token=place.key)
    return Told(result["value"], result["experiment"] is not None)


def api_eval(place: Place, user: User) -> dict[str, Told]:
    body = {"attributes": {"id": user.key, **user.attributes}}
    found = place.post(f"/api/eval/{quote(place.key)}", body)["features"]
    return {key: of_growthbook(feature) for key, feature in found.items()}


def of_growthbook(feature: dict[str, Any]) -> Told:
    tracks = [track for rule in feature.get("rules", []) for track in rule["tracks"]]
    assert all(track["result"]["key"] == feature["defaultValue"] for track in tracks)
    return Told(feature["defaultValue"], bool(tracks))


def identities(place: Place, user: User) -> dict[str, Told]:
    body = {"identifier": user.key, "traits": user.traits, "transient": True}
    flags = place.post("/api/v1/identities/", body, x_environment_key=place.key)["flags"]
    assert all(flag["variant"] in {flag["feature_state_value"], None} for flag in flags)
    return {flag["feature"]["name"]: Told(flag["feature_state_value"]) for flag in flags}


def decision(place: Place, user: User, key: str) -> Told:
    body = {"request_id": uuid4().hex, "feature_key": key, "user_id": user.key, "context": user.attributes}
    row = place.post("/decisions", body, x_environment_key=place.key)
    if row["reason"] == "feature_on":  # its words for everybody who is not in the rule
        return Told("control", False)
    return Told(row["variant_key"], row["reason"] == "assigned")


def abc_flags(place: Place, user: User) -> dict[str, Told]:
    return {
        key: Told(flag["value"], flag["relative_experiment"] is not None)
        for key, flag in place.caller.flags(unit_id=user.key, profiles=user.profiles).items()
    }


def abc_experiments(place: Place, user: User) -> dict[str, Told]:
    """By experiment; whoever has the default group takes no part, and is told of no variant but that."""
    layers = place.caller.layers(unit_id=user.key, profiles=user.profiles)
    return {group["experiment_key"]: Told(group["group_key"], True) for group in layers.values()}


All = Callable[[Place, User], dict[str, Told]]
One = Callable[[Place, User, str], Told]
ABOUT_ALL: dict[str, tuple[str, All]] = {
    "POST /ofrep/v1/evaluate/flags": ("ofrep", ofrep_all),
    "POST /v1/allflags": ("go_feature_flag", relay_all),
    "POST /api/eval/{key}": ("growthbook", api_eval),
    "POST /api/v1/identities/": ("flagsmith", identities),
    "POST /abc/get_feature_flags": ("abetterchoice", abc_flags),
}
ABOUT_ONE: dict[str, tuple[str, One]] = {
    "POST /ofrep/v1/evaluate/flags/{key}": ("ofrep", ofrep_one),
    "POST /v1/feature/{key}/eval": ("go_feature_flag", relay_one),
    "POST /evaluate_feature": ("growthbook_api", evaluate_feature),
    "POST /decisions": ("feature_hub", decision),
}


def users() -> list[User]:
    """Hundreds of them, of all sorts, others in every run."""
    countries, companies = ("DE", "AT", "FR"), [f"company-{number}" for number in range(40)]
    return [
        User(
            random.choice(NAMES).replace("{}", str(random.randrange(10**9))),
            {"country": random.choice(countries), "company": random.choice(companies)},
        )
        for _ in range(SUBJECTS)
    ]


@pytest.fixture
def place(gateway: Gateway) -> Place:
    environment = an_environment()
    furnish(environment)
    snapshot = read(environment.pk)
    assert snapshot is not None
    token = a_key(environment, Kind.SIGNING, name="signer")
    caller = Caller(through_asgi, "signer", token, environment.project.key)
    return Place(environment, snapshot, a_key(environment), caller)


def furnish(environment: Environment) -> None:
    """An experiment of every scheme: open to all, to some, in a layer, for an audience, by company, in a rule."""
    layer = a_layer(environment.project, key="exclusive")
    audience = a_segment(environment.project, conditions=a_condition("country", "in", ["DE", "AT"]))
    for scheme in SCHEMES:
        a_split(environment, f"{scheme}-all", bucketing=scheme)
        a_split(environment, f"{scheme}-some", bucketing=scheme, rollout_percent=37)
        a_split(environment, f"{scheme}-audience", bucketing=scheme, audience=audience)
        a_split(environment, f"{scheme}-company", bucketing=scheme, hash_attribute="company")
        layered = a_split(environment, f"{scheme}-layer", bucketing=scheme)
        experiments.hold_slots(layered, layer, slots=2_000, actor=SYSTEM)
    in_rule = a_feature(
        environment, key="in-a-rule", value_type="string", state={"status": "on", "on_value": "control"}
    )
    experiment = an_experiment(environment, in_rule, key="in-a-rule")
    arms(experiment)
    rule = {"key": "austrians", "conditions": a_condition("country", "equals", "AT")}
    started = experiments.start(experiment, actor=SYSTEM)
    features.create_rule(in_rule, environment, experiment=started, actor=SYSTEM, **rule)


def a_split(environment: Environment, key: str, **details: Any) -> Any:
    feature = a_feature(environment, key=key, value_type="string")
    experiment = an_experiment(environment, feature, key=key, **details)
    arms(experiment)
    experiment = experiments.start(experiment, actor=SYSTEM)
    features.set_state(feature, environment, actor=SYSTEM, status="experiment", active_experiment=experiment)
    return experiment


def arms(experiment: Any) -> None:
    """Every arm serves its own key, so that protocols that carry values tell of variants."""
    for key, weight in (("control", 40), ("blue", 35), ("green", 25)):
        a_variant(experiment, key=key, weight=weight, value=key, is_control=key == "control")


def agrees(told: Told, engine: Told) -> bool:
    return told.variant == engine.variant and told.takes_part in {None, engine.takes_part}


def test_every_protocol_that_decides_is_asked() -> None:
    asked = {slug for slug, _ in (*ABOUT_ALL.values(), *ABOUT_ONE.values())}

    assert asked == {protocol.slug for protocol in protocols()} - {"health"}


def test_the_same_user_gets_the_same_variant_from_every_protocol(place: Place) -> None:
    met: dict[str, set[str]] = {key: set() for key in place.feature_keys}
    for number, user in enumerate(users()):
        engine = place.engine(user)
        for key, told in engine.items():
            met[key].add(told.variant)

        assert_all_agree(place, user, engine)
        assert_groups_agree(place, user, engine)
        for key in place.feature_keys[number % 3 :: 3]:  # of so many users, every feature is asked of dozens
            for name, (_, one_of) in ABOUT_ONE.items():
                told = one_of(place, user, key)
                assert agrees(told, engine[key]), (name, user, key, told, engine[key])

    assert all(variants == {"control", "blue", "green"} for variants in met.values()), met


def assert_all_agree(place: Place, user: User, engine: dict[str, Told]) -> None:
    for name, (_, all_of) in ABOUT_ALL.items():
        told = all_of(place, user)
        wrong = {key: (told.get(key), engine[key]) for key in engine if not agrees(told[key], engine[key])}
        assert not wrong, (name, user, wrong)


def assert_groups_agree(place: Place, user: User, engine: dict[str, Told]) -> None:
    """By experiment and not by feature; who takes no part has the default group."""
    groups = abc_experiments(place, user)
    groups.pop("default", None)
    assert groups == {key: told for key, told in engine.items() if told.takes_part}, user
