"""Files that are downloaded: everything, as text, bounded, and sent while it is read."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.db.models import Q
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from audits import exports
from audits.exports import csv_file, everything, harmless, lines
from audits.models import Decision
from audits.paging import Order
from tests.audits.builders import MOMENT, a_record, stored

ORDER = Order("decided_at")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")'])
def test_a_formula_is_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=1", "1", 0, True, "ü☃", " =1", "'=1"])
def test_anything_else_is_as_it_was(value: object) -> None:
    assert harmless(value) == str(value)


def test_nothing_is_an_empty_cell() -> None:
    assert harmless(None) == ""


def test_cells_keep_commas_quotes_and_lines() -> None:
    rows: list[list[object]] = [["a,b", 'c"d', "e\nf", None, "=x"]]

    read = list(csv.reader(io.StringIO("".join(lines(["h"], rows)), newline="")))

    assert read == [["h"], ["a,b", 'c"d', "e\nf", "", "'=x"]]


def fill(rows: int) -> None:
    stored(*(a_record(request_id=str(n), decided_at=MOMENT + timedelta(seconds=n)) for n in range(rows)))


def exported() -> list[Any]:
    rows: Any = everything(Decision.objects.all(), Q(), ORDER, told=lambda position: ["more", position.id])
    return [row if isinstance(row, list) else row.request_id for row in rows]


@pytest.mark.django_db
def test_everything_is_sent_in_several_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "CHUNK", 10)
    fill(35)

    with CaptureQueriesContext(connection) as queries:
        found = exported()

    assert found == [str(number) for number in range(34, -1, -1)]
    assert len(queries) == 4


@pytest.mark.django_db
def test_what_is_too_much_is_told_in_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "CHUNK", 10)
    monkeypatch.setattr(exports, "EXPORT_MAX", 25)
    fill(30)

    found = exported()

    last = Decision.objects.get(request_id="5")
    assert found == [*(str(number) for number in range(29, 4, -1)), ["more", last.pk]]


def test_an_asynchronous_server_sends_it_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "CHUNK", 2)
    request = ASGIRequest(
        {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}, io.BytesIO()
    )
    taken: list[int] = []

    def content() -> Iterator[str]:
        for n in range(5):
            taken.append(n)
            yield f"{n}\n"

    response = csv_file(request, "x.csv", content())

    assert response.is_async
    assert taken == []
    assert _read(response.streaming_content) == [b"0\n1\n", b"2\n3\n", b"4\n"]


def test_the_answer_is_a_download() -> None:
    response = csv_file(RequestFactory().get("/"), "decisions.csv", iter(["a\n"]))

    assert response.headers["Content-Disposition"] == 'attachment; filename="decisions.csv"'
    assert response.getvalue() == b"a\n"


def _read(pieces: Any) -> list[bytes]:
    from asgiref.sync import async_to_sync  # noqa: PLC0415

    async def read(pieces: AsyncIterator[bytes]) -> list[bytes]:
        return [piece async for piece in pieces]

    return async_to_sync(read)(pieces)
