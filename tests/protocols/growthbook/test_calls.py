"""What GrowthBook's SDKs send, and what they are answered."""

import json
from base64 import b64decode
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC

from audits.services import SYSTEM
from decisions import process
from features import services as features
from tenants import services as tenants
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_feature, a_key, a_running_experiment, an_environment
from tests.protocols.corpus import BODIES, VALUES, with_value
from tests.protocols.wire import Answer, Ask, Mount, ask, through_asgi
from tests.remembered import remembered

INVALID = {"status": 400, "error": "Invalid input"}
CACHE = "public, no-cache, stale-if-error=36000"


def a_few_features() -> Environment:
    """An experiment, a feature that is off, and one for servers."""
    environment = an_environment()
    a_running_experiment(environment, a_feature(environment, key="checkout"))
    a_feature(environment, key="asleep")
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})
    return environment


@pytest.fixture
def environment(open_environment: Environment) -> Environment:
    return remembered("growthbook", a_few_features)


@pytest.fixture
def key(environment: Environment) -> str:
    return a_key(environment)


def document(key: str, **headers: str) -> Answer:
    return through_asgi(Ask("GET", f"/api/features/{key}").but(**headers))


def evaluated(key: str, body: Any) -> Answer:
    return through_asgi(ask("POST", f"/api/eval/{key}", body))


def test_a_client_gets_every_feature_but_those_for_servers(environment: Environment, key: str, mount: Mount) -> None:
    answer = mount(Ask("GET", f"/api/features/{key}"))

    assert (answer.status, answer.json.keys()) == (200, {"status", "features", "dateUpdated"})
    assert answer.json["features"].keys() == {"checkout", "asleep"}
    assert answer.json["features"]["asleep"] == {"defaultValue": False}
    assert answer.headers["cache-control"] == CACHE
    assert answer.headers["x-sse-support"] == "enabled"
    assert answer.headers["access-control-expose-headers"] == "ETag, x-sse-support"


def test_a_server_gets_those_for_servers_too(environment: Environment) -> None:
    answer = document(a_key(environment, Kind.SERVER))

    assert answer.json["features"]["secret"] == {"defaultValue": True}


def test_an_experiment_is_a_rule_and_the_control_is_the_default(key: str) -> None:
    checkout = document(key).json["features"]["checkout"]

    [rule] = checkout["rules"]
    assert checkout["defaultValue"] == "control"
    assert rule == {
        "id": rule["key"],
        "key": rule["key"],
        "seed": rule["key"],
        "hashVersion": 2,
        "hashAttribute": "id",
        "variations": ["control", {"ui": "v2"}],
        "weights": [0.5, 0.5],
        "meta": [{"key": "control"}, {"key": "treatment"}],
    }


def test_who_has_the_document_is_told_so(key: str, mount: Mount) -> None:
    tag = document(key).headers["etag"]

    answer = mount(Ask("GET", f"/api/features/{key}").but(if_none_match=tag))

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
    assert answer.headers["x-sse-support"] == "enabled"


def test_the_date_moves_with_the_content_and_with_nothing_else(environment: Environment, key: str) -> None:
    first = document(key)
    feature = a_feature(environment, key="hidden", is_server_only=True, state={"status": "on"})
    second = document(key)
    features.update_feature(feature, actor=SYSTEM, is_server_only=False)
    third = document(key)
    process.stop()
    fourth = document(key)

    assert first.json["dateUpdated"] == second.json["dateUpdated"]
    assert first.headers["etag"] == second.headers["etag"]
    assert second.json["dateUpdated"] != third.json["dateUpdated"] == fourth.json["dateUpdated"]
    assert datetime.fromisoformat(third.json["dateUpdated"]).tzinfo


def test_an_encrypted_document_is_the_same_inside(environment: Environment, key: str) -> None:
    credential, sealed_key = tenants.issue_credential(
        environment, kind=Kind.CLIENT, name="sealed", is_encrypted=True, actor=SYSTEM
    )

    plain, sealed = document(key).json, document(sealed_key).json

    assert sealed["features"] == {}
    assert sealed["dateUpdated"] == plain["dateUpdated"]
    assert opened(sealed["encryptedFeatures"], credential.encryption_key) == plain["features"]
    process.stop()
    assert document(sealed_key).json == sealed


def opened(sealed: str, key: str) -> Any:
    vector, text = map(b64decode, sealed.split("."))
    decryptor = Cipher(AES128(b64decode(key)), CBC(vector)).decryptor()
    padded = decryptor.update(text) + decryptor.finalize()
    return json.loads(padded[: -padded[-1]])


def test_a_remote_only_key_gets_answers_and_no_document(environment: Environment) -> None:
    key = a_key(environment, is_remote_only=True)

    refused, answered = document(key), evaluated(key, {"attributes": {"id": "ann"}})

    assert (refused.status, refused.json) == (
        400,
        {"status": 400, "error": "Remote evaluation required for this connection"},
    )
    assert answered.status == 200


def test_remote_evaluation_leaves_nothing_to_decide(key: str, mount: Mount) -> None:
    answer = mount(ask("POST", f"/api/eval/{key}", {"attributes": {"id": "ann"}}))

    assert (answer.headers["cache-control"], answer.headers["x-sse-support"]) == ("no-store", "enabled")
    assert answer.json["features"]["asleep"] == {"defaultValue": False}
    [rule] = answer.json["features"]["checkout"]["rules"]
    assert rule.keys() == {"force", "tracks"}


def test_an_exposure_tells_of_the_variation_and_blanks_the_others(key: str) -> None:
    checkout = evaluated(key, {"attributes": {"id": "ann"}}).json["features"]["checkout"]

    [track] = checkout["rules"][0]["tracks"]
    result, experiment = track["result"], track["experiment"]
    assert checkout["defaultValue"] == checkout["rules"][0]["force"] == result["value"]
    assert experiment["variations"][result["variationId"]] == result["value"]
    assert experiment["variations"][1 - result["variationId"]] == {}
    assert (result["hashAttribute"], result["hashValue"], result["hashUsed"]) == ("id", "ann", True)
    assert result["featureId"] == "checkout"


@pytest.mark.parametrize("index", [0, 1])
def test_a_variation_can_be_forced_by_name_and_by_the_pages_address(key: str, index: int) -> None:
    experiment = evaluated(key, {"attributes": {"id": "a"}}).json["features"]["checkout"]
    name = experiment["rules"][0]["tracks"][0]["experiment"]["key"]
    said = {"attributes": {"id": "ann"}}

    by_name = evaluated(key, {**said, "forcedVariations": {name: index}})
    by_address = evaluated(key, {**said, "url": f"https://shop.example/?{name}={index}"})

    assert by_name.json == by_address.json
    assert by_name.json["features"]["checkout"] == {"defaultValue": ["control", {"ui": "v2"}][index]}


def test_a_forced_feature_is_what_it_is_forced_to(key: str) -> None:
    answer = evaluated(key, {"forcedFeatures": [["asleep", "awake"], ["nobody", 1]]})

    assert answer.json["features"]["asleep"] == {"defaultValue": "awake"}
    assert "nobody" not in answer.json["features"]


ODD: list[Any] = [
    {}, {"attributes": {}}, {"attributes": {"id": 0}}, {"attributes": {"id": True}}, {"attributes": {"id": ["a"]}},
    {"attributes": {"id": {}}}, {"attributes": {"id": 1e300}}, {"attributes": {"id": 2**62}}, {"url": "http://[broken"},
    {"attributes": {"id": "ann"}, "forcedVariations": {"x": -1}}, {"url": "?a=" + "9" * 999}, {"unheard": "of"},
    {"attributes": {"id": "x" * 100_000}},
    {"attributes": {"id": "ann", "deep": json.loads('{"a":' * 20 + "1" + "}" * 20)}},
]  # fmt: skip


def test_an_odd_subject_is_a_subject(key: str) -> None:
    for body in ODD:
        assert evaluated(key, body).status == 200, body


BAD: list[Any] = [
    {"attributes": None}, {"attributes": []}, {"attributes": "x"}, {"forcedVariations": []},
    {"forcedVariations": {"x": "1"}},
    {"forcedVariations": {"x": 1.5}}, {"forcedFeatures": {}}, {"forcedFeatures": [["a"]]}, {"forcedFeatures": [[1, 2]]},
    {"url": 7}, {"forcedVariations": {str(number): 0 for number in range(1_001)}},
]  # fmt: skip


def test_a_malformed_question_is_refused(key: str) -> None:
    for body in BAD:
        answer = evaluated(key, body)

        assert (answer.status, answer.json) == (400, INVALID), body


PATHS = [("GET", "/api/features/{}"), ("POST", "/api/eval/{}"), ("GET", "/sub/{}"), ("POST", "/track?client_key={}")]


def test_an_unknown_key_is_a_bad_request(environment: Environment, mount: Mount) -> None:
    for method, path in PATHS:
        for stranger in ("sdk-nobody", "%00", "%FF", "k" * 5_000):
            answer = mount(ask(method, path.format(stranger), {} if method == "POST" else None))

            assert (answer.status, answer.json) == (400, {"status": 400, "error": "Invalid API Key"})


def test_a_missing_key_is_a_bad_request(environment: Environment, mount: Mount) -> None:
    answer = mount(ask("POST", "/track", []))

    assert (answer.status, answer.json) == (400, {"status": 400, "error": "Missing API key in request"})


def test_strangers_cost_no_query(environment: Environment, key: str, django_assert_num_queries: Any) -> None:
    document(key)

    with django_assert_num_queries(0):
        for number in range(50):
            document(f"sdk-{number}")


def test_what_is_no_json_is_refused(key: str) -> None:
    values = {
        name: with_value({"attributes": {}, "event_name": "a"}, "unheard_of", value) for name, value in VALUES.items()
    }
    bodies = {name: body for name, body in (BODIES | values).items() if name != "a list"}
    for path in (f"/api/eval/{key}", f"/track?client_key={key}"):
        for name, body in bodies.items():
            answer = through_asgi(ask("POST", path, body))

            assert (answer.status, answer.json) == (400, INVALID), (path, name)


def test_it_says_that_it_is_healthy(open_environment: Environment, mount: Mount) -> None:
    answer = mount(Ask("GET", "/healthcheck"))

    assert (answer.status, answer.json) == (200, {"status": 200, "healthy": True})
