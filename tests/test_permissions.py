"""Who may do what in the management API: every address and method, called by everybody.

The table says which right reading and writing takes. A new address has no row, and fails until it gets one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from audits.services import SYSTEM
from experiments import services as experiments
from features import services as features
from tenants import services as tenants
from tenants.models import Credential
from tenants.roles import RIGHTS, Kind, Right, Role
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_key,
    a_layer,
    a_member,
    a_project,
    a_rule,
    a_running_experiment,
    a_segment,
    a_user,
    a_variant,
    an_environment,
    an_experiment,
    an_organisation,
)

ROOT = "api/v1/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CANARY = "canary"


class Whose(Enum):
    """What is not a matter of roles."""

    SUPERUSERS = "superusers"  # the others see it, and may not do it
    ONES_OWN = "one's own"  # somebody else's is not there; here, everything is the administrator's


READ, EDIT, ADMINISTER = Right.READ, Right.EDIT, Right.ADMINISTER
SUPERUSERS, ONES_OWN = Whose.SUPERUSERS, Whose.ONES_OWN


@dataclass(frozen=True)
class Row:
    """An address. `body` is a good one, in which `...` stands for the id of what the field is called."""

    read: Right | Whose
    write: Right | Whose
    body: dict[str, Any] = field(default_factory=dict)
    status: int = 0  # of success, where it is not 200, 201 for POST to a list, or 204 for DELETE


NAMED: dict[str, Any] = {"key": "new", "name": "New"}
IN_STATE = "features/<int:feature_id>/states/<int:environment_id>/"

TABLE = {
    "organisations/": Row(READ, SUPERUSERS, NAMED),
    "organisations/<int:pk>/": Row(READ, ADMINISTER, {"name": "New"}),
    "projects/": Row(READ, ADMINISTER, NAMED | {"organisation": ...}),
    "projects/<int:pk>/": Row(READ, ADMINISTER, NAMED),
    "environments/": Row(READ, ADMINISTER, NAMED | {"project": ...}),
    "environments/<int:pk>/": Row(READ, ADMINISTER, NAMED),
    "environments/<int:pk>/clone/": Row(READ, ADMINISTER, NAMED, status=201),
    "credentials/": Row(READ, ADMINISTER, {"environment": ..., "kind": "client", "name": "new"}),
    "credentials/<int:pk>/": Row(READ, ADMINISTER, {"name": "new"}),
    "credentials/<int:pk>/rotate/": Row(READ, ADMINISTER, status=201),
    "credentials/<int:pk>/revoke/": Row(READ, ADMINISTER),
    "members/": Row(READ, ADMINISTER, {"organisation": ..., "username": CANARY, "role": "viewer"}),
    "members/<int:pk>/": Row(READ, ADMINISTER, {"role": "editor"}),
    "tokens/": Row(ONES_OWN, ONES_OWN, {"name": "new"}),
    "tokens/<int:pk>/": Row(ONES_OWN, ONES_OWN),
    "features/": Row(READ, EDIT, NAMED | {"project": ...}),
    "features/<int:pk>/": Row(READ, EDIT, {"name": "New"}),
    "features/<int:pk>/archive/": Row(READ, EDIT),
    "features/<int:pk>/restore/": Row(READ, EDIT),
    IN_STATE: Row(READ, EDIT, {"status": "on", "on_value": True, "off_value": False}),
    IN_STATE + "toggle/": Row(READ, EDIT),
    IN_STATE + "rollout/": Row(READ, EDIT, {"percent": 50}),
    IN_STATE + "rules/": Row(READ, EDIT, {"conditions": EVERYONE, "value": True}),
    IN_STATE + "rules/reorder/": Row(READ, EDIT, {"keys": [CANARY]}),
    "rules/<int:pk>/": Row(READ, EDIT, {"conditions": EVERYONE, "value": True}),
    IN_STATE + "overrides/": Row(READ, EDIT),
    IN_STATE + "overrides/<path:identifier>/": Row(READ, EDIT, {"value": False}),
    IN_STATE + "prerequisites/": Row(READ, EDIT),
    IN_STATE + "prerequisites/<int:required_id>/": Row(READ, EDIT, {"enabled": False}),
    "segments/": Row(READ, EDIT, NAMED | {"project": ..., "conditions": EVERYONE}),
    "segments/<int:pk>/": Row(READ, EDIT, {"name": "New", "conditions": EVERYONE}),
}

CALLERS = ("anonymous", "other tenant", "viewer", "editor", "admin", "client key", "server key", "manage key")


class Home:
    """A tenant that has one of everything, and all who call there."""

    def __init__(self) -> None:
        self.environment = an_environment(a_project(an_organisation(name=CANARY), name=CANARY), name=CANARY)
        project = self.environment.project
        people = {role: a_member(self.environment, role) for role in Role}
        other = a_member(an_environment(), Role.ADMIN)
        self.admin = people[Role.ADMIN]
        self.clients = {
            "anonymous": APIClient(),
            "other tenant": by_token(other),
            **{str(role): by_token(person) for role, person in people.items()},
            **{
                f"{kind} key": by_key(a_key(self.environment, kind, name=CANARY))
                for kind in Kind
                if f"{kind} key" in CALLERS
            },
        }
        feature, required = a_feature(self.environment, name=CANARY), a_feature(self.environment)
        running, draft = a_running_experiment(self.environment), an_experiment(self.environment, feature)
        variant, layer = a_variant(draft, weight=1), a_layer(project, name=CANARY)
        place: dict[str, Any] = {"feature": feature, "environment": self.environment, "actor": SYSTEM}
        rule = a_rule(feature, self.environment, key=CANARY)
        features.set_override(**place, identifier=CANARY, value=True)
        features.set_prerequisite(**place, required=required)
        segment = a_segment(project, name=CANARY, conditions=a_condition())
        member = tenants.set_role(
            a_user(username=CANARY), project.organisation, project=project, role=Role.VIEWER, actor=SYSTEM
        )
        token, _ = tenants.issue_api_token(self.admin, name=CANARY)
        experiments.hold_slots(running, layer, slots=100, actor=SYSTEM)
        self.ids: dict[str, Any] = {
            "organisation": project.organisation_id,
            "project": project.pk,
            "environment": self.environment.pk,
            "credential": Credential.objects.filter(kind=Kind.SERVER).latest("pk").pk,
            "member": member.pk,
            "token": token.pk,
            "feature": feature.pk,
            "required": required.pk,
            "identifier": CANARY,
            "rule": rule.pk,
            "segment": segment.pk,
            "experiment": draft.pk,
            "running": running.pk,
            "variant": variant.pk,
            "layer": layer.pk,
        }

    def path(self, address: str) -> str:
        """An address with ids in the place of its parameters; `pk` is one of what the address begins with."""
        kind = address.partition("/")[0].removesuffix("s")
        values = {"pk": self.ids.get(kind), **{f"{name}_id": pk for name, pk in self.ids.items()}, **self.ids}
        for name in parameters(address):
            address = address.replace(f"<{name}>", str(values[name.partition(":")[2]]))
        return f"/{ROOT}{address}"

    def body(self, row: Row) -> dict[str, Any]:
        return {name: self.ids[name] if value is ... else value for name, value in row.body.items()}

    def call(self, caller: str, method: str, address: str) -> tuple[int, str]:
        """The status and the text of an answer; what the call did is undone."""
        body, headers = self.body(TABLE[address]), {"if-match": "*"}
        with transaction.atomic():
            client, path = self.clients[caller], self.path(address)
            answer = client.generic(method, path, json.dumps(body), "application/json", headers=headers)
            transaction.set_rollback(True)
        return answer.status_code, answer.content.decode()


def by_token(user: Any) -> APIClient:
    return APIClient(headers={"authorization": f"Token {tenants.issue_api_token(user, name='laptop')[1]}"})


def by_key(key: str) -> APIClient:
    return APIClient(headers={"x-environment-key": key})


def parameters(address: str) -> list[str]:
    """What stands in angle brackets."""
    return [part.partition(">")[0] for part in address.split("<")[1:]]


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Every address of the management API, and the methods that it answers."""
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, address)
        elif address.startswith(ROOT):
            yield address.removeprefix(ROOT), getattr(pattern.callback, "actions", None) or {}


OFFERED = {
    address: {method.upper() for method in actions} for address, actions in addresses(get_resolver().url_patterns)
}


def expected(caller: str, method: str, address: str) -> int:
    """What the table says that a caller is answered."""
    row, is_list = TABLE[address], not parameters(address)
    if caller not in {"other tenant", *Role}:
        return 401  # keys are for applications; people and their scripts come with tokens
    if method not in OFFERED[address]:
        return 405
    right = row.read if method == "GET" else row.write
    success = row.status or {"GET": 200, "DELETE": 204}.get(method, 201 if made_by(method, address) else 200)
    if right is SUPERUSERS:
        return 403
    if right is ONES_OWN:
        return success if is_list or caller == Role.ADMIN else 404
    if caller == "other tenant":
        return 200 if is_list and method == "GET" else 404
    return success if right in RIGHTS[caller] else 403


def made_by(method: str, address: str) -> bool:
    """Whether a call makes something: a POST where GET lists."""
    return method == "POST" and "GET" in OFFERED[address]


def test_no_address_is_missing_from_the_table() -> None:
    assert OFFERED.keys() == TABLE.keys()


def test_every_address_answers_some_methods_that_are_tried() -> None:
    assert {address for address, methods in OFFERED.items() if not methods or not methods <= set(METHODS)} == set()


@pytest.mark.django_db
@pytest.mark.parametrize("address", TABLE)
def test_everybody_is_answered_as_the_table_says(address: str) -> None:
    home = Home()
    calls = [(caller, method) for caller in CALLERS for method in METHODS]
    answers = {call: home.call(*call, address) for call in calls}

    found = {call: status for call, (status, _) in answers.items()}
    differences = {
        call: (answers[call], "expected", expected(*call, address))
        for call in calls
        if found[call] != expected(*call, address)
    }
    assert differences == {}


@pytest.mark.django_db
@pytest.mark.parametrize("address", TABLE)
def test_another_tenant_is_told_nothing(address: str) -> None:
    home = Home()

    for caller in ("anonymous", "other tenant"):
        for method in METHODS:
            assert CANARY not in home.call(caller, method, address)[1]


@pytest.mark.django_db
@pytest.mark.parametrize("address", [address for address in TABLE if not parameters(address)])
def test_a_list_tells_at_home_what_it_hides_from_others(address: str) -> None:
    assert CANARY in Home().call("admin", "GET", address)[1]


@pytest.mark.django_db
@pytest.mark.parametrize("address", [address for address in TABLE if "GET" in OFFERED[address]])
def test_a_superuser_sees_everything_but_the_tokens_of_others(address: str) -> None:
    home = Home()
    home.clients["superuser"] = by_token(a_user(superuser=True))

    status, _ = home.call("superuser", "GET", address)

    assert status == (404 if address == "tokens/<int:pk>/" else 200)
