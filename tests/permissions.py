"""The management API as a table: every address, the right that reading and writing takes there, and a tenant to try.

`...` in a body stands for the id of what the field is called.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from audits.models import Change
from audits.services import SYSTEM
from experiments import services as experiments
from features import services as features
from tenants import services as tenants
from tenants.models import Credential
from tenants.roles import Kind, Right, Role
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
    unique,
)
from tests.remembered import remembered

ROOT = "api/v1/"
CANARY = "canary"


class Whose(Enum):
    """What is not a matter of roles."""

    SUPERUSERS = "superusers"  # the others see it, and may not do it
    ONES_OWN = "one's own"  # somebody else's is not there; here, everything is the administrator's


READ, EDIT, ADMINISTER = Right.READ, Right.EDIT, Right.ADMINISTER
SUPERUSERS, ONES_OWN = Whose.SUPERUSERS, Whose.ONES_OWN


@dataclass(frozen=True)
class Row:
    """An address, and a good body for it."""

    read: Right | Whose
    write: Right | Whose
    body: dict[str, Any] = field(default_factory=dict)
    status: int = 0  # of success, where it is not 200, 201 for POST to a list, or 204 for DELETE


NAMED: dict[str, Any] = {"key": "new", "name": "New"}
A_VIEWER: dict[str, Any] = {"username": CANARY, "role": "viewer"}
SERVED: dict[str, Any] = {"status": "experiment", "on_value": True, "off_value": False}
IN_STATE = "features/<int:feature_id>/states/<int:environment_id>/"

TABLE = {
    "organisations/": Row(READ, SUPERUSERS, NAMED),
    "organisations/<int:pk>/": Row(READ, ADMINISTER, {"name": "New"}),
    "projects/": Row(READ, ADMINISTER, NAMED | {"organisation": ...}),
    "projects/<int:pk>/": Row(READ, ADMINISTER, NAMED),
    "environments/": Row(READ, ADMINISTER, NAMED | {"project": ...}),
    "environments/<int:pk>/": Row(READ, ADMINISTER, NAMED),
    "environments/<int:pk>/clone/": Row(READ, ADMINISTER, NAMED, status=201),
    "environments/<int:pk>/promote/": Row(READ, EDIT, {"from": ..., "features": []}),
    "credentials/": Row(READ, ADMINISTER, {"environment": ..., "kind": "client", "name": "new"}),
    "credentials/<int:pk>/": Row(READ, ADMINISTER, {"name": "new"}),
    "credentials/<int:pk>/rotate/": Row(READ, ADMINISTER, status=201),
    "credentials/<int:pk>/revoke/": Row(READ, ADMINISTER),
    "members/": Row(READ, ADMINISTER, {"organisation": ..., "project": ..., "environment": ...} | A_VIEWER),
    "members/<int:pk>/": Row(READ, ADMINISTER, {"role": "editor"}),
    "tokens/": Row(ONES_OWN, ONES_OWN, {"name": "new"}),
    "tokens/<int:pk>/": Row(ONES_OWN, ONES_OWN),
    "features/": Row(READ, EDIT, NAMED | {"project": ...}),
    "features/<int:pk>/": Row(READ, EDIT, {"name": "New"}),
    "features/<int:pk>/archive/": Row(READ, EDIT),
    "features/<int:pk>/restore/": Row(READ, EDIT),
    IN_STATE: Row(READ, EDIT, SERVED | {"active_experiment": ...}),
    IN_STATE + "toggle/": Row(READ, EDIT),
    IN_STATE + "rollout/": Row(READ, EDIT, {"percent": 50}),
    IN_STATE + "rules/": Row(READ, EDIT, {"segment": ..., "experiment": ...}),
    IN_STATE + "rules/reorder/": Row(READ, EDIT, {"keys": [CANARY]}),
    "rules/<int:pk>/": Row(READ, EDIT, {"conditions": EVERYONE, "value": True}),
    IN_STATE + "overrides/": Row(READ, EDIT),
    IN_STATE + "overrides/<path:identifier>/": Row(READ, EDIT, {"value": False}),
    IN_STATE + "prerequisites/": Row(READ, EDIT),
    IN_STATE + "prerequisites/<int:required_id>/": Row(READ, EDIT, {"enabled": False}),
    "segments/": Row(READ, EDIT, NAMED | {"project": ..., "conditions": EVERYONE}),
    "segments/<int:pk>/": Row(READ, EDIT, {"name": "New", "conditions": EVERYONE}),
    "experiments/": Row(READ, EDIT, {"feature": ..., "environment": ..., "name": "New", "audience": ...}),
    "experiments/<int:pk>/": Row(READ, EDIT, {"name": "New", "audience": ...}),
    "experiments/<int:pk>/start/": Row(READ, EDIT),
    "experiments/<int:pk>/pause/": Row(READ, EDIT),
    "experiments/<int:pk>/conclude/": Row(READ, EDIT),
    "experiments/<int:pk>/ship/": Row(READ, EDIT, {"variant": ...}),
    "experiments/<int:pk>/slots/": Row(READ, EDIT, {"layer": ..., "slots": 10}),
    "experiments/<int:pk>/release/": Row(READ, EDIT),
    "experiments/<int:experiment_id>/variants/": Row(READ, EDIT, {"key": "new"}),
    "variants/<int:pk>/": Row(READ, EDIT, {"weight": 2}),
    "layers/": Row(READ, EDIT, NAMED | {"project": ...}),
    "layers/<int:pk>/": Row(READ, EDIT, {"name": "New"}),
    "layers/<int:pk>/holdout/": Row(READ, EDIT, {"environment": ..., "slots": 10}),
    "environments/<int:pk>/explain/": Row(READ, READ, {"user_id": "ann"}),
    "changes/": Row(READ, READ),
    "changes/<int:pk>/": Row(READ, READ),
}

PEOPLE = ("other tenant", *map(str, Role))
KEYS = tuple(f"{kind} key" for kind in Kind)
CALLERS = ("anonymous", *PEOPLE, *KEYS)


class Home:
    """A tenant that has one of everything, and all who call there."""

    def __init__(self, username: str = CANARY) -> None:
        self.environment = an_environment(a_project(an_organisation(name=CANARY), name=CANARY), name=CANARY)
        project = self.environment.project
        people = {role: a_member(self.environment, role) for role in Role}
        other = a_member(an_environment(), Role.ADMIN)
        self.admin = people[Role.ADMIN]
        self.clients = {
            "anonymous": APIClient(),
            "other tenant": by_token(other),
            **{str(role): by_token(person) for role, person in people.items()},
            **{f"{kind} key": by_key(a_key(self.environment, kind, name=unique(CANARY))) for kind in Kind},
        }
        feature, required = a_feature(self.environment, name=CANARY), a_feature(self.environment)
        running, draft = a_running_experiment(self.environment), an_experiment(self.environment, feature, name=CANARY)
        variant, layer = a_variant(draft, weight=1, value=True), a_layer(project, name=CANARY)
        place: dict[str, Any] = {"feature": feature, "environment": self.environment, "actor": SYSTEM}
        rule = a_rule(feature, self.environment, key=CANARY)
        features.set_override(**place, identifier=CANARY, value=True)
        features.set_prerequisite(**place, required=required)
        segment = a_segment(project, name=CANARY, conditions=a_condition())
        member = tenants.set_role(
            a_user(username=username), project.organisation, project=project, role=Role.VIEWER, actor=SYSTEM
        )
        token, _ = tenants.issue_api_token(self.admin, name=CANARY)
        experiments.hold_slots(running, a_layer(project), slots=100, actor=SYSTEM)
        self.ids: dict[str, Any] = {
            "organisation": project.organisation_id,
            "project": project.pk,
            "environment": self.environment.pk,
            "from": an_environment(project).pk,
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
            "audience": segment.pk,
            "active_experiment": draft.pk,
            "change": Change.objects.in_project(project.pk).filter(object_name=CANARY).latest("pk").pk,
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

    def call(self, caller: str, method: str, address: str, **changes: Any) -> tuple[int, str]:
        """The status and the text of an answer; what the call did is undone. `changes` are of the body."""
        body, headers = self.body(TABLE[address]) | changes, {"if-match": "*"}
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


def a_home() -> Home:
    """A tenant that has one of everything, as new."""
    return remembered("management", Home)
