"""One tenant at another's door: every address there is, called with a stranger's key."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.db.models import QuerySet
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from audits.models import Change, Decision
from decisions.gateway import Gateway, Waiting
from decisions.protocols._base import Request
from decisions.responses import Response
from experiments.models import Experiment, Variant
from features.models import Feature, FeatureState
from tenants.models import Credential, Environment, Membership, Organisation, Project
from tenants.roles import Kind, Role
from tenants.services import issue_api_token
from tests.audits.builders import a_record, stored
from tests.builders import (
    a_feature,
    a_key,
    a_member,
    a_project,
    a_running_experiment,
    a_variant,
    an_environment,
    an_experiment,
    an_organisation,
)
from tests.remembered import remembered

CANARY = "canary"
ELSEWHERE = {
    "": "leads to the admin",
    "admin/": "has its own tests of who sees what",
    "api/v1/": "the management API has the matrix of permissions, in which another tenant is a column",
    "openapi.json": "the schema is for everybody",
    "docs/": "the schema, for people",
    "swagger/": "the schema, for people",
}


class Visit(NamedTuple):
    """One call. `finds` is what an empty tenant is answered; 404 where there is nothing to find."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    finds: Any = 404
    query: str = ""


REST = {
    ("GET", "features"): Visit("GET", "features", finds=[]),
    ("POST", "features"): Visit("POST", "features", {"key": CANARY + "-key", "name": "Mine"}, finds=200),
    ("GET", "features/<str:feature_id>"): Visit("GET", "features/feat-001"),
    ("PATCH", "features/<str:feature_id>"): Visit("PATCH", "features/feat-001", {"name": "Mine", "status": "off"}),
    ("GET", "features/<str:feature_id>/experiments"): Visit("GET", "features/feat-001/experiments"),
    ("POST", "features/<str:feature_id>/experiments"): Visit(
        "POST", "features/feat-001/experiments", {"name": "Mine", "seed": "s", "rollout_percent": 1}
    ),
    ("GET", "experiments/<str:experiment_id>"): Visit("GET", "experiments/exp-001"),
    ("PATCH", "experiments/<str:experiment_id>"): Visit("PATCH", "experiments/exp-001", {"status": "paused"}),
    ("GET", "experiments/<str:experiment_id>/variants"): Visit("GET", "experiments/exp-001/variants"),
    ("POST", "experiments/<str:experiment_id>/variants"): Visit(
        "POST", "experiments/exp-001/variants", {"key": "mine", "weight": 1, "is_control": False, "payload": {}}
    ),
    ("PATCH", "variants/<str:variant_id>"): Visit("PATCH", "variants/var-001", {"weight": 0, "payload": {"my": 1}}),
    ("GET", "audits"): Visit("GET", "audits", finds={"items": [], "next_cursor": None}, query="feature_id=feat-001"),
}
PROTOCOLS = {  # Feature Hub's, which keeps what it answers; tests/protocols/test_walls.py walks all the others
    ("POST", "/decisions"): Visit(
        "POST", "/decisions", {"request_id": CANARY + "-request", "feature_key": CANARY + "-key", "user_id": "u"}
    ),
}

walk = pytest.mark.parametrize("visit", REST.values(), ids=lambda visit: f"{visit.method} {visit.path}")
walk_protocols = pytest.mark.parametrize("visit", PROTOCOLS.values(), ids=lambda visit: f"{visit.method} {visit.path}")


class Home:
    """A tenant that has one of everything, with the canary in whatever can hold it."""

    def __init__(self) -> None:
        organisation = an_organisation(name=CANARY)
        self.environment = an_environment(a_project(organisation, name=CANARY), name=CANARY)
        feature = a_feature(self.environment, key=CANARY + "-key", name=CANARY, description=CANARY)
        experiment = a_running_experiment(self.environment, feature, name=CANARY, seed=CANARY)
        a_variant(experiment, key=CANARY, payload={CANARY: CANARY}, weight=1)
        self.project_id = self.environment.project_id
        place = {"project_id": self.project_id, "environment_id": self.environment.pk}
        names = dict.fromkeys(["user_id", "feature_key", "feature_name", "experiment_name", "variant_key"], CANARY)
        stored(a_record(request_id=CANARY + "-request", payload={CANARY: 1}, **place, **names))

    def rows(self) -> list[Any]:
        """Everything that is this tenant's."""
        here, project = {"environment": self.environment}, {"project": self.project_id}
        everything: list[QuerySet[Any]] = [
            Organisation.objects.filter(projects=self.project_id),
            Project.objects.filter(pk=self.project_id),
            Environment.objects.filter(**project),
            Credential.objects.filter(**here),
            Membership.objects.filter(organisation__projects=self.project_id),
            Feature.objects.filter(**project),
            FeatureState.objects.filter(**here),
            Experiment.objects.filter(**here),
            Variant.objects.filter(experiment__environment=self.environment),
            Change.objects.filter(project_id=self.project_id),
            Decision.objects.filter(project_id=self.project_id),
        ]
        return [list(rows.order_by("pk").values()) for rows in everything]


@pytest.fixture
def home(transactional_db: None) -> Home:
    return remembered("isolation", Home)


def a_neighbour(*, furnished: bool = False) -> Environment:
    """Another tenant, with nothing, or with things that have the same public ids."""
    environment = an_environment()
    if furnished:
        a_running_experiment(environment, a_feature(environment, key="theirs"))
    return environment


def call(client: APIClient, visit: Visit) -> Any:
    return client.generic(visit.method, f"/{visit.path}?{visit.query}", json.dumps(visit.body), "application/json")


def told(content: bytes, visit: Visit) -> str:
    """What an answer says that the visitor did not say first."""
    text = content.decode()
    for said in (visit.body or {}).values():
        text = text.replace(json.dumps(said), "")
    return text


def keyed(key: str, home: Home) -> APIClient:
    """A client with its own key, that also names the other's environment."""
    return APIClient(headers={"x-environment-key": key, "x-environment-id": str(home.environment.pk)})


def ask(gateway: Gateway, visit: Visit, key: str | None) -> Response:
    """A call of a protocol, with its key wherever any of them looks for one."""
    places = {"x-environment-key": key, "authorization": f"Bearer {key}", "x-api-key": key} if key else {}
    headers = {"content-type": "application/json", **places}
    match = gateway.find(visit.path)
    assert match is not None
    request = Request(visit.method, visit.path, visit.query, headers, json.dumps(visit.body).encode())
    response = gateway.respond(match, request, load=True)
    if isinstance(response, Waiting):
        response.pending.future.exception(timeout=10)
        return response.finish()
    assert isinstance(response, Response)
    return response


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and address of the resolver that is not elsewhere."""
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if address in ELSEWHERE and not (isinstance(pattern, URLResolver) and address == ""):
            continue
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, address)
        else:
            methods = getattr(pattern.callback, "actions", None) or {"get": "", "post": ""}
            yield from ((method.upper(), address) for method in methods if method != "head")


def test_no_address_is_missing_from_the_walk() -> None:
    found = sorted(addresses(get_resolver().url_patterns))

    assert found == sorted(REST)


@walk
@pytest.mark.parametrize("kind", [Kind.MANAGE, Kind.SERVER, Kind.CLIENT])
def test_a_strangers_key_finds_nothing_and_changes_nothing(home: Home, visit: Visit, kind: Kind) -> None:
    key, before = a_key(a_neighbour(), kind), home.rows()

    answer = call(keyed(key, home), visit)

    may = kind is Kind.MANAGE or (kind is Kind.SERVER and visit.method == "GET")
    expected = (visit.finds if isinstance(visit.finds, int) else 200) if may else 403
    assert answer.status_code == expected, answer.content
    assert not may or isinstance(visit.finds, int) or answer.json() == visit.finds
    assert home.rows() == before
    assert CANARY not in told(answer.content, visit)


@walk
def test_a_neighbour_with_the_same_ids_reaches_its_own_things_only(home: Home, visit: Visit) -> None:
    key, before = a_key(a_neighbour(furnished=True), Kind.MANAGE), home.rows()

    answer = call(keyed(key, home), visit)

    assert answer.status_code == 200, answer.content
    assert home.rows() == before
    assert CANARY not in told(answer.content, visit)


@walk
def test_a_stranger_who_names_the_environment_is_told_that_there_is_none(home: Home, visit: Visit) -> None:
    _, token = issue_api_token(a_member(a_neighbour(furnished=True), Role.ADMIN), name="laptop")
    client = APIClient(headers={"authorization": f"Token {token}", "x-environment-id": str(home.environment.pk)})
    before = home.rows()

    answer = call(client, visit)

    assert answer.status_code == 404, answer.content
    assert home.rows() == before
    assert CANARY not in told(answer.content, visit)


@walk
def test_who_has_no_key_is_turned_away(home: Home, visit: Visit) -> None:
    before = home.rows()

    answer = call(APIClient(), visit)

    assert answer.status_code == 401
    assert home.rows() == before
    assert CANARY not in told(answer.content, visit)


@walk_protocols
@pytest.mark.parametrize("kind", [Kind.CLIENT, Kind.SERVER, Kind.MANAGE])
@pytest.mark.parametrize("furnished", [False, True])
def test_a_protocol_tells_a_stranger_nothing(
    home: Home, gateway: Gateway, visit: Visit, kind: Kind, furnished: bool
) -> None:
    key, before = a_key(a_neighbour(furnished=furnished), kind), home.rows()

    answer = ask(gateway, visit, key)

    assert answer.status == visit.finds, answer.body
    assert home.rows() == before
    assert CANARY not in told(answer.body, visit)


@walk_protocols
def test_a_protocol_turns_away_who_has_no_key(home: Home, gateway: Gateway, visit: Visit) -> None:
    before = home.rows()

    for key in (None, "unknown"):
        answer = ask(gateway, visit, key)
        assert answer.status == 401, answer.body
        assert CANARY not in told(answer.body, visit)

    assert home.rows() == before


@walk_protocols
def test_a_request_id_of_one_tenant_is_free_in_another(home: Home, gateway: Gateway, visit: Visit) -> None:
    neighbour = a_neighbour()
    feature = a_feature(neighbour, key=CANARY + "-key")
    own = an_experiment(neighbour, feature)
    a_variant(own, key="mine", payload={"whose": "mine"})
    before = home.rows()

    answer = ask(gateway, visit, a_key(neighbour))

    assert answer.status == 200, answer.body
    assert home.rows() == before
    assert CANARY not in told(answer.body, visit)


def test_the_canary_sings_at_home(home: Home, gateway: Gateway) -> None:
    key = a_key(home.environment, Kind.MANAGE)

    for visit in REST.values():
        if visit.method == "GET":
            assert CANARY in call(keyed(key, home), visit).content.decode()
    for visit in PROTOCOLS.values():
        assert CANARY in ask(gateway, visit, key).body.decode()
