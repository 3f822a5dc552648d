"""A log as a CSV file: sent while it is read, bounded, and harmless to open in a spreadsheet."""

import csv
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Q
from django.http import HttpRequest, StreamingHttpResponse

from audits.paging import Order, Position, page_of

EXPORT_MAX = 100_000
CHUNK = 1_000
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
Item = TypeVar("Item")


def harmless(value: object) -> str:
    """A cell that stays text wherever the file is opened."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULAS) else text


def lines(header: list[str], rows: Iterable[list[object]]) -> Iterator[str]:
    """The lines of a file."""
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow(list(map(harmless, row)))


def everything(rows: Any, narrowed: Q, order: Order, *, told: Callable[[Position], list[object]]) -> Iterator[Any]:
    """Row after row, newest first, in many short queries. After the last that is sent, `told` is asked for a line that
    says where to go on, if there is more."""
    before, left = None, EXPORT_MAX
    while left > 0:
        page = page_of(rows, narrowed, order, size=min(CHUNK, left), before=before)
        yield from page.rows
        left, before = left - len(page.rows), page.older
        if before is None:
            return
    if before is not None:
        yield told(before)


def csv_file(request: HttpRequest, name: str, content: Iterator[str]) -> StreamingHttpResponse:
    """A download. A server that is asynchronous would read all of an ordinary iterator before it sends anything."""
    streamed: Any = _one_by_one(content) if isinstance(request, ASGIRequest) else content
    response = StreamingHttpResponse(streamed, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


async def _one_by_one(items: Iterator[Item]) -> AsyncIterator[list[Item] | Item | bytes]:
    """Several at a time: each change of threads costs more than a line."""
    while batch := await sync_to_async(_some)(items):
        yield "".join(map(str, batch)).encode()


def _some(items: Iterator[Item]) -> list[Item]:
    return [item for _, item in zip(range(CHUNK), items, strict=False)]
