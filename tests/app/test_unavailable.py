"""Where Django itself meets a database that is away, people get a page and programs a sentence."""

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from app.urls import server_error


def test_people_get_a_page_and_programs_a_sentence() -> None:
    answers = {}
    for accept in ("text/html,*/*", "application/json"):
        try:
            raise OperationalError("gone")
        except OperationalError:
            answers[accept] = server_error(RequestFactory().get("/admin/", headers={"accept": accept}))

    page, sentence = answers.values()
    assert (page.status_code, page["Retry-After"]) == (sentence.status_code, sentence["Retry-After"]) == (503, "1")
    assert b"<h1>The database is not available</h1>" in page.content
    assert sentence.content == b'{"detail":"the database is not available; try again"}'


def test_any_other_fault_is_an_internal_error() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        answer = server_error(RequestFactory().get("/"))

    assert (answer.status_code, answer.content) == (500, b'{"detail":"internal error"}')


@pytest.mark.django_db
def test_a_page_of_the_admin_is_unavailable_while_its_session_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", gone)
    client = Client(raise_request_exception=False, headers={"accept": "text/html"})
    client.cookies["sessionid"] = "somebody"

    answer = client.get("/admin/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
