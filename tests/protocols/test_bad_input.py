"""Whatever comes in, Feature Hub's shape goes out: a clear 4xx, nothing stored, and every list still renders."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from django.apps import apps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.models import Decision
from benchmarks.process import Server
from features.models import Feature
from tenants.management.commands.bootstrap import environment_at
from tenants.models import Environment
from tests.builders import a_feature, a_running_experiment, an_environment, an_experiment
from tests.conftest import OPEN
from tests.protocols.corpus import BEYOND_LIMIT, BODIES, VALUES, with_value
from tests.protocols.wire import Answer, Ask, Client, ask, through_asgi, through_wsgi

LISTS = ["/features", "/features/feat-001/experiments", "/experiments/exp-001/variants", "/audits?feature_id=feat-001"]
TABLES = ["features.Feature", "features.FeatureState", "experiments.Experiment", "experiments.Variant",
          "audits.Decision", "audits.Change", "tenants.Environment"]  # fmt: skip
COMPLAINT = {"type", "loc", "msg", "input"}

NOT_TEXT: list[Any] = [1, 1.5, True, [], {}]
NOT_WHOLE: list[Any] = ["", "half", "٥٠", "1e3", 1.5, 1e308, 2**31, 2**63, 2**70, True, False, [], {}]
NOT_A_KEY: list[Any] = ["", " ", " a", "a ", "a/b", "a?b", "a#b", "a\tb", "a\nb", "a\x7fb", "a\u200bb", "a\u2028b",
                        "cafe\u0301", "k" * 129, "k" * 300, None, *NOT_TEXT]  # fmt: skip
LONG = "n" * 256
FAT: dict[str, Any] = {"text": "x" * 65_537}
WIDE: dict[str, Any] = {str(number): number for number in range(5_001)}
DEEP: dict[str, Any] = json.loads('{"a":' * 33 + "1" + "}" * 33)
HUGE: dict[str, Any] = {"number": 2**63}


@dataclass(frozen=True)
class Endpoint:
    """Where something is written: a body that is good, and for each field what is not."""

    method: str
    target: str
    good: Mapping[str, Any]
    bad: Mapping[str, list[Any]]

    def call(self, body: bytes | Mapping[str, Any]) -> Ask:
        return ask(self.method, self.target, body)


EXPERIMENT_FAULTS = {
    "name": ["", LONG, *NOT_TEXT],
    "seed": [LONG, *NOT_TEXT],
    "rollout_percent": [-1, 101, 10**9, 100.5, *NOT_WHOLE[:-5], True, False, [], {}],
}
VARIANT_FAULTS = {
    "weight": [-1, 1_000_001, *NOT_WHOLE],
    "is_control": ["perhaps", 2, [], {}],
    "payload": [[], "text", 1, True, FAT, WIDE, DEEP, HUGE],
}
NULLS: dict[str, list[Any]] = {"name": [None], "seed": [None], "rollout_percent": [None]}

ENDPOINTS = {
    "create a feature": Endpoint(
        "POST", "/features", {"key": "k", "name": "n"}, {"key": NOT_A_KEY, "name": ["", LONG, None, *NOT_TEXT]}
    ),
    "change a feature": Endpoint(
        "PATCH",
        "/features/feat-001",
        {"name": "n", "status": "on"},
        {
            "name": ["", LONG, *NOT_TEXT],
            "status": ["", "ON", "sleeping", *NOT_TEXT],
            "active_experiment_id": NOT_TEXT,
        },
    ),
    "create an experiment": Endpoint(
        "POST",
        "/features/feat-001/experiments",
        {"name": "n", "seed": "s", "rollout_percent": 50},
        {name: EXPERIMENT_FAULTS[name] + NULLS[name] for name in EXPERIMENT_FAULTS},
    ),
    "change an experiment": Endpoint(
        "PATCH",
        "/experiments/exp-001",
        {"name": "n", "status": "paused"},
        {**EXPERIMENT_FAULTS, "status": ["", "RUNNING", "sleeping", *NOT_TEXT]},
    ),
    "create a variant": Endpoint(
        "POST",
        "/experiments/exp-001/variants",
        {"key": "k", "weight": 1, "is_control": False, "payload": {}},
        {**VARIANT_FAULTS, "key": NOT_A_KEY},
    ),
    "change a variant": Endpoint("PATCH", "/variants/var-001", {"weight": 3}, VARIANT_FAULTS),
    "decide": Endpoint(
        "POST",
        "/decisions",
        {"request_id": "r1", "feature_key": "checkout", "user_id": "u", "context": {}},
        {
            "request_id": ["", "r" * 256, None, *NOT_TEXT],
            "feature_key": ["", "k" * 129, "nothing", None, *NOT_TEXT],
            "user_id": ["", "u" * 513, None, *NOT_TEXT],
            "context": [[], "text", 1, True, DEEP],
        },
    ),
}


@pytest.fixture(params=ENDPOINTS)
def endpoint(request: pytest.FixtureRequest, furnished: Environment) -> Endpoint:
    return ENDPOINTS[request.param]


@pytest.fixture
def furnished(open_environment: Environment) -> Environment:
    """feat-001 with exp-001 and var-001, running; exp-002 belongs to feat-002."""
    a_running_experiment(open_environment, a_feature(open_environment, key="checkout"))
    an_experiment(open_environment)
    return open_environment


def stored() -> dict[str, Any]:
    """How many rows there are of everything, and which revision."""
    counts = {label: apps.get_model(label)._default_manager.count() for label in TABLES}
    return counts | {"revision": Environment.objects.named(OPEN).get().revision}


def fault_of(answer: Answer) -> str | None:
    """What is wrong with a refusal; None if it is a clear 4xx in Feature Hub's shape."""
    if answer.status not in {400, 404, 413, 415, 422}:
        return f"status {answer.status}"
    if set(answer.json) != {"detail"} or answer.headers["content-type"] != "application/json":
        return "not its shape"
    detail = answer.json["detail"]
    if answer.status != 422:
        return None if isinstance(detail, str) and detail else "no sentence"
    return None if detail and all(item.keys() >= COMPLAINT for item in detail) else "no complaints"


def check_refused(calls: Iterator[tuple[str, Ask]]) -> None:
    """Each call is refused, nothing is stored by any, and every list renders afterwards."""
    before = stored()
    faults = []
    for name, call in calls:
        answer = through_wsgi(call)
        if fault := fault_of(answer):
            faults.append(f"{name}: {fault}: {answer.body[:200]!r}")
    assert not faults, "\n".join(faults)
    assert stored() == before
    assert [through_wsgi(ask("GET", target)).status for target in LISTS] == [200] * len(LISTS)


def test_the_good_bodies_are_good(furnished: Environment) -> None:
    for name, endpoint in ENDPOINTS.items():
        answer = through_wsgi(endpoint.call(endpoint.good))

        assert answer.status == 200, (name, answer.body)


def test_a_body_that_is_no_object_is_refused(endpoint: Endpoint) -> None:
    check_refused((name, endpoint.call(body)) for name, body in BODIES.items())


def test_a_value_that_cannot_be_stored_is_refused_in_every_field(endpoint: Endpoint) -> None:
    fields = [*endpoint.good, *endpoint.bad, "unheard_of"]

    check_refused(
        (f"{field}: {name}", endpoint.call(with_value(endpoint.good, field, value)))
        for field in fields
        for name, value in VALUES.items()
    )


def test_a_value_out_of_bounds_is_refused(endpoint: Endpoint) -> None:
    check_refused(
        (f"{field}: {str(value)[:40]!r}", endpoint.call({**endpoint.good, field: value}))
        for field, values in endpoint.bad.items()
        for value in values
    )


def test_a_required_field_is_missed(endpoint: Endpoint) -> None:
    if endpoint.method == "POST":
        names = [name for name in endpoint.good if name != "context"]

        check_refused(
            (name, endpoint.call({other: endpoint.good[other] for other in endpoint.good if other != name}))
            for name in names
        )


@pytest.mark.parametrize("length", [True, False])
def test_a_body_over_a_mebibyte_is_too_large(endpoint: Endpoint, length: bool) -> None:
    before = stored()
    body = json.dumps(endpoint.good).encode().ljust(BEYOND_LIMIT)

    answer = through_asgi(replace(endpoint.call(body), length=length))

    assert (answer.status, set(answer.json)) == (413, {"detail"})
    assert stored() == before


def test_a_body_of_another_type_is_refused(endpoint: Endpoint) -> None:
    body = json.dumps(endpoint.good).encode()
    types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "/",
    ]

    check_refused((name, endpoint.call(body).but(content_type=name)) for name in types)


def test_a_compressed_body_is_refused(endpoint: Endpoint) -> None:
    check_refused(iter([("gzip", endpoint.call(b"\x1f\x8b\x08").but(content_encoding="gzip"))]))


IDS = ["nothing", "0", "-1", "feat-1", "feat-0001", "feat-000", "feat--01", "feat-999", "feat-2147483648",
       "feat-99999999999999999999", "feat-" + "9" * 5_000, "exp-001x", "FEAT-001", "feat-%D9%A0%D9%A0%D9%A1",
       "feat-001%00", "feat-001%0A", "%00", "%FF", "%ED%A0%80", "%20", "a" * 5_000]  # fmt: skip


@pytest.mark.parametrize("target", ["/features/{}", "/features/{}/experiments", "/experiments/{}",
                                    "/experiments/{}/variants", "/variants/{}"])  # fmt: skip
def test_an_id_nobody_has_is_not_found(furnished: Environment, target: str) -> None:
    method = "PATCH" if target.startswith("/variants") else "GET"
    body = b"{}" if method == "PATCH" else b""

    for public_id in IDS:
        answer = through_wsgi(ask(method, target.format(public_id), body))

        assert (answer.status, set(answer.json)) == (404, {"detail"}), public_id


EXPERIMENT_IDS = ["exp-002", "exp-009", "exp-1", "feat-001", "", "nothing", "exp-" + "9" * 5_000]


def test_a_foreign_or_unknown_experiment_is_refused(furnished: Environment) -> None:
    change = ENDPOINTS["change a feature"]

    check_refused(
        (named, change.call({"status": "experiment", "active_experiment_id": named})) for named in EXPERIMENT_IDS
    )


def test_an_experiment_of_another_tenant_is_unknown(furnished: Environment) -> None:
    elsewhere = an_environment()
    for _ in range(3):
        an_experiment(elsewhere)
    body = {"status": "experiment", "active_experiment_id": "exp-003"}

    answer = through_wsgi(ask("PATCH", "/features/feat-001", body))

    assert (answer.status, answer.json) == (404, {"detail": "experiment not found"})


LIMITS = ["limit=0", "limit=-1", "limit=", "limit=abc", "limit=1.5", "limit=true", "limit=%D9%A3", "limit=%00",
          "limit=1%00", "limit=" + "9" * 5_000, "limit=1e3", "limit=NaN"]  # fmt: skip
QUERIES = ["cursor=!!!", "cursor=-5", "cursor=%D9%A3", "cursor=%C2%B2", "cursor=W10=", "cursor=eyJvZmZzZXQiOi01fQ==",
           "cursor=eyJvZmZzZXQiOiJhYmMifQ==", "cursor=eyJvZmZzZXQiOnRydWV9", "cursor=99999999999999999999999",
           "cursor=" + "9" * 5_000, "cursor=%00", "cursor=bnVsbA==", "from=soon", "to=soon", "from=%00", "from=1e999",
           "from=nan", "from=inf", "from=0000-01-01", "from=10000-01-01", "from=9999-12-31T23:59:59-08:00",
           "to=0001-01-01T00:00:00%2B08:00", "from=2026-02-30T00:00:00Z", "from=2031-01-01&to=2030-01-01",
           "from=" + "9" * 5_000, "include_payload=perhaps", "include_payload=2", "variant_id=var-001&variant_key=a",
           "user_id=%00", "request_id=a%00b", "variant_key=%00", "variant_id=%00", "experiment_id=%00", "reason=%00",
           "reason=assigned&reason=%00"]  # fmt: skip


def test_a_bad_query_is_refused(furnished: Environment) -> None:
    audits = [f"/audits?feature_id=feat-001&{query}" for query in LIMITS + QUERIES]
    features = [f"/features?{query}" for query in [*LIMITS, "status=", "status=ON", "status=%00", "status=off%00"]]
    others = ["/audits", "/audits?feature_id=%00", "/audits?limit=1"]

    check_refused((target, ask("GET", target)) for target in audits + features + others)


HARMLESS = ["user_id=%ED%A0%80", "user_id=%FF", "x=%00", "%00=%00", "variant_id=nothing", "feature_id=exp-001",
            "feature_id=feat-" + "9" * 999, "from=2020-01-01T00:00:00+08:00", "from=9999-12-31T23:59:59Z",
            "reason=" + "r" * 5_000, "limit=1000000000", "limit=99999999999999999999",
            "cursor=1000000000000000"]  # fmt: skip


@pytest.mark.parametrize("query", HARMLESS)
def test_an_odd_query_matches_little_and_harms_nothing(furnished: Environment, query: str) -> None:
    assert through_wsgi(ask("GET", f"/audits?feature_id=feat-001&{query}")).status == 200


def test_no_list_is_longer_than_a_thousand(furnished: Environment) -> None:
    project = furnished.project
    numbers = range(10, 1_020)
    Feature.objects.bulk_create(Feature(project=project, number=n, key=f"f{n}", name=f"f{n}") for n in numbers)

    for limit in (10**9, 10**20):
        assert len(through_wsgi(ask("GET", f"/features?limit={limit}")).json) == 1_000
    assert len(through_wsgi(ask("GET", "/features")).json) == 200


@pytest.mark.parametrize("weight", [None, 0])
def test_a_decision_that_cannot_be_made_leaves_no_row(api: Client, open_environment: Environment, weight: Any) -> None:
    a_feature(open_environment, key="checkout")
    api.post("/features/feat-001/experiments", {"name": "n", "seed": "s", "rollout_percent": 100})
    if weight is not None:
        api.post("/experiments/exp-001/variants", {"key": "a", "weight": weight, "is_control": True, "payload": {}})
    api.patch("/experiments/exp-001", {"status": "running"})
    api.patch("/features/feat-001", {"status": "experiment", "active_experiment_id": "exp-001"})

    check_refused(iter([("decide", ENDPOINTS["decide"].call(ENDPOINTS["decide"].good))]))


@pytest.mark.parametrize(
    "key", ["k", "k" * 128, "功能 ☃", "العربية", "🎉", "..", "__proto__", "constructor", "K", "%2F"]
)
def test_an_unusual_key_is_as_good_as_any(api: Client, key: str) -> None:
    created = api.post("/features", {"key": key, "name": "n"})
    decided = api.decide("r1", feature_key=key)

    assert (created.status, created.json["key"]) == (200, key)
    assert (decided.status, decided.json["feature_key"]) == (200, key)
    assert api.get("/audits?feature_id=feat-001").json["items"][0]["feature_key"] == key


def test_of_fifty_that_race_for_a_key_one_gets_it(start_server: Callable[..., Server]) -> None:
    environment_at(OPEN, bucketing="feature_hub")
    server = start_server(workers=4)

    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client, ThreadPoolExecutor(50) as pool:
        post = lambda number: client.post("/features", json={"key": "checkout", "name": f"Racer {number}"})  # noqa: E731
        answers = list(pool.map(post, range(50)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    assert {type(answer.json()["detail"]) for answer in answers if answer.status_code == 400} == {str}
    assert Feature.objects.count() == 1


WORDS = st.sampled_from(
    ["checkout", "exp-001", "exp-002", "on", "off", "experiment", "running", "", "\x00", "a/b", "☃"]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.integers(-2, 120) | st.floats(allow_nan=True)
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=20)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4))
FIELDS = sorted({name for endpoint in ENDPOINTS.values() for name in endpoint.bad})


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(ENDPOINTS)), changes=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3))
def test_no_body_makes_an_endpoint_fail(furnished: Environment, name: str, changes: dict[str, Any]) -> None:
    endpoint = ENDPOINTS[name]

    answer = through_wsgi(endpoint.call({**endpoint.good, **changes}))

    assert answer.status < 500, answer.body
    assert answer.status == 200 or fault_of(answer) is None


def test_what_was_decided_is_what_was_counted(api: Client, furnished: Environment) -> None:
    assert api.decide("r1").status == 200
    assert Decision.objects.count() == 1
