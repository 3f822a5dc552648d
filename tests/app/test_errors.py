"""Every exception that a view lets through has one status and one shape."""

from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework.exceptions import NotAuthenticated, PermissionDenied

from app.errors import handler
from decisions.engine.validate import JsonRefused

EXPECTED: list[tuple[Exception, int, Any]] = [
    (ValidationError("no"), 400, "no"),
    (ValidationError({"key": ["taken"], "__all__": ["odd"]}), 400, "key: taken; odd"),
    (Http404("feature not found"), 404, "feature not found"),
    (RequestDataTooBig(), 413, "the body is too large"),
    (OperationalError("gone"), 503, "the database is not available; try again"),
    (InterfaceError("gone"), 503, "the database is not available; try again"),
    (IntegrityError("duplicate key"), 400, "this contradicts what is stored already"),
    (DataError("too long"), 400, "this contradicts what is stored already"),
    (PermissionDenied("not you"), 403, "not you"),
    (NotAuthenticated("who?"), 401, "who?"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status", "detail"), EXPECTED, ids=lambda value: str(value)[:30])
def test_an_exception_becomes_a_status_and_a_sentence(error: Exception, status: int, detail: str) -> None:
    response = handler(error, {})

    assert response is not None
    assert (response.status_code, response.data["detail"]) == (status, detail)


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
