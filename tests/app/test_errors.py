"""Every exception that a view lets through has one status and one shape."""

from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, InternalError, OperationalError
from django.http import Http404
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.exceptions import ValidationError as Invalid

from app.errors import by_field, handler
from audits.api import ChangeApi
from decisions.engine.validate import JsonRefused
from decisions.snapshots import Moved
from tenants.views import ProjectApi

EXPECTED: list[tuple[Exception, int, Any]] = [
    (ValidationError("no"), 400, "no"),
    (ValidationError({"key": ["taken"], "__all__": ["odd"]}), 400, "key: taken; odd"),
    (Http404("feature not found"), 404, "feature not found"),
    (RequestDataTooBig(), 413, "the body is too large"),
    (OperationalError("gone"), 503, "the database is not available; try again"),
    (InterfaceError("gone"), 503, "the database is not available; try again"),
    (InternalError("read-only"), 503, "the database is not available; try again"),
    (DatabaseError("not a database"), 503, "the database is not available; try again"),
    (IntegrityError("duplicate key"), 400, "this contradicts what is stored already"),
    (DataError("too long"), 400, "this contradicts what is stored already"),
    (PermissionDenied("not you"), 403, "not you"),
    (NotAuthenticated("who?"), 401, "who?"),
    (Moved("environment 1"), 503, "the environment is changing too fast to be read; try again"),
]
REFUSED: list[tuple[Exception, int, dict[str, Any]]] = [
    (ValidationError("no"), 400, {"detail": "no"}),
    (ValidationError("in use", code="in_use"), 409, {"detail": "in use"}),
    (ValidationError({"key": ["taken", "odd"]}), 400, {"key": ["taken", "odd"]}),
    (ValidationError({"key": ["taken"], "__all__": ["a", "b"]}), 400, {"key": ["taken"], "detail": "a; b"}),
    (Invalid({"key": ["taken"], "non_field_errors": ["odd"]}), 400, {"key": ["taken"], "detail": "odd"}),
    (Invalid(["odd", "no"]), 400, {"detail": "odd; no"}),
    (Invalid({"tags": {"1": ["not text"]}}), 400, {"tags": ["1: not text"]}),
    (Http404("feature not found"), 404, {"detail": "feature not found"}),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status", "detail"), EXPECTED, ids=lambda value: str(value)[:30])
def test_an_exception_becomes_a_status_and_a_sentence(error: Exception, status: int, detail: str) -> None:
    response = handler(error, {})

    assert response is not None
    assert (response.status_code, response.data["detail"]) == (status, detail)


@pytest.mark.django_db
@pytest.mark.parametrize("view", [ProjectApi(), ChangeApi()], ids=lambda view: type(view).__name__)
@pytest.mark.parametrize(("error", "status", "body"), REFUSED, ids=lambda value: str(value)[:30])
def test_the_management_api_complains_under_the_fields(
    view: object, error: Exception, status: int, body: dict[str, Any]
) -> None:
    response = handler(error, {"view": view})

    assert response is not None
    assert (response.status_code, response.data) == (status, body)


def test_complaints_are_sentences_however_deep_they_stand() -> None:
    found = by_field({"rules": [{}, {"value": ["odd"], "steps": {"0": ["late"]}}]})

    assert found == {"rules": ["value: odd", "steps: 0: late"]}


def test_bytes_that_are_no_json_become_fastapis_complaint() -> None:
    response = handler(JsonRefused("Expecting value", 3), {})

    assert response is not None
    assert response.status_code == 422
    assert response.data["detail"] == [
        {
            "type": "json_invalid",
            "loc": ["body", 3],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": "Expecting value"},
        }
    ]


def test_an_exception_that_nobody_expected_is_not_hidden() -> None:
    assert handler(RuntimeError("a bug"), {}) is None
