"""Callers of the management API."""

from typing import Any

from rest_framework.test import APIClient

from tenants.models import Environment
from tenants.roles import Role
from tenants.services import issue_api_token
from tests.builders import a_member, a_user

ROOT = "/api/v1/"


class Caller(APIClient):
    """A person with a token. Paths begin below /api/v1/."""

    def __init__(self, user: Any) -> None:
        super().__init__(headers={"authorization": f"Token {issue_api_token(user, name='laptop')[1]}"})
        self.user = user

    def generic(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return super().generic(method, ROOT + path, *args, **kwargs)


def somebody(environment: Environment, role: Role = Role.ADMIN) -> Caller:
    """Who has a role in the environment's organisation."""
    return Caller(a_member(environment, role))


def a_superuser() -> Caller:
    return Caller(a_user(superuser=True))


def stranger() -> Caller:
    """Who has no role anywhere."""
    return Caller(a_user())


def ids(answer: Any) -> list[int]:
    """The ids of a page."""
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]
