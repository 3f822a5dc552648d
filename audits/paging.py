"""Pages of a log that begin where the last one ended: a page costs the same however long the log is.

What an index cannot narrow is looked for among a bounded number of rows, and a page then says how far it looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q

from decisions.engine.validate import INTEGER_MAX

WINDOW = 20_000
"""Rows that are looked at for one page, where more is asked for than an index answers."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Position(NamedTuple):
    """A row's place in a log that is ordered by time and id, or by id alone."""

    id: int
    moment: datetime | None = None

    def __str__(self) -> str:
        return str(self.id) if self.moment is None else f"{(self.moment - _EPOCH) // _MICROSECOND}.{self.id}"


class Order(NamedTuple):
    """How a log is ordered, newest first: by id, and before that by the field of its time if it has one."""

    time: str = ""

    def fields(self, *, backwards: bool = False) -> list[str]:
        sign = "" if backwards else "-"
        return [f"{sign}{name}" for name in (self.time, "id") if name]

    def position(self, row: Any) -> Position:
        return Position(row.pk, getattr(row, self.time) if self.time else None)

    def parsed(self, text: str) -> Position | None:
        """The position that an address names; None if it names none."""
        parts = [int(part) for part in text.split(".") if part.isascii() and part.isdigit() and len(part) < 20]
        if len(parts) != len(self.fields()) or len(parts) != text.count(".") + 1 or max(parts) > INTEGER_MAX:
            return None
        try:
            return Position(parts[-1], _EPOCH + parts[0] * _MICROSECOND if self.time else None)
        except OverflowError:
            return None

    def beyond(self, rows: Any, position: Position, *, newer: bool = False, included: bool = False) -> Any:
        """The rows after a position, or before it; a plain bound on the time lets the index find where they begin."""
        word = ("gt" if newer else "lt") + ("e" if included else "")
        if not self.time:
            return rows.filter(**{f"id__{word}": position.id})
        further = Q(**{f"{self.time}__{word[:2]}": position.moment})
        rows = rows.filter(**{f"{self.time}__{word[:2]}e": position.moment})
        return rows.filter(further | Q(**{f"id__{word}": position.id}))


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first, and where the pages on both sides of it begin. `is_cut` says that only part of what could be
    older was looked at, and that `older` goes on from there."""

    rows: Sequence[Any]
    newer: Position | None = None
    older: Position | None = None
    is_cut: bool = False


def page_of(
    rows: Any, narrowed: Q, order: Order, *, size: int, before: Position | None = None, after: Position | None = None
) -> Page:
    """A page of `rows`, which an index finds in order, as far as they are also `narrowed`, which none needs to know.

    The rows on either side of a position are a page; where nothing is newer than `after`, it is the first page.
    """
    if after is not None:
        found, edge = _taken(order.beyond(rows, after, newer=True), narrowed, order, size=size, backwards=True)
        if len(found) > size or edge:
            page = found[:size][::-1]
            newest = order.position(page[0]) if len(found) > size else edge
            return Page(page, newest, order.position(page[-1]) if page else after._replace(id=after.id + 1))
    start = rows if before is None or after is not None else order.beyond(rows, before)
    found, edge = _taken(start, narrowed, order, size=size)
    has_more = len(found) > size
    newer = None
    if start is not rows and before is not None:
        newer = order.position(found[0]) if found else before._replace(id=before.id - 1)
    older = order.position(found[size - 1]) if has_more else edge
    return Page(found[:size], newer, older, is_cut=not has_more and edge is not None)


def _taken(
    rows: Any, narrowed: Q, order: Order, *, size: int, backwards: bool = False
) -> tuple[list[Any], Position | None]:
    """One row more than a page, of those that may be looked at; and the last of these, if there are others."""
    rows, edge = rows.order_by(*order.fields(backwards=backwards)), None
    if narrowed:
        names = [name for name in ("id", order.time) if name]
        last = list(rows.values_list(*names)[WINDOW - 1 : WINDOW + 1])
        if len(last) > 1:
            edge = Position(*last[0])
            rows = order.beyond(rows, edge, newer=not backwards, included=True)
    return list(rows.filter(narrowed)[: size + 1]), edge
