"""Pages by position: every row once, in both directions, and a bounded number of rows looked at."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q

from audits import paging
from audits.models import Decision
from audits.paging import Order, Page, Position, page_of
from tests.audits.builders import MOMENT, a_record, stored

pytestmark = pytest.mark.django_db

TIMED, BY_ID = Order("decided_at"), Order()
orders = pytest.mark.parametrize("order", [TIMED, BY_ID], ids=["by time", "by id"])


def fill(rows: int, **changes: Any) -> None:
    """Rows of which three share each moment."""
    moments = [MOMENT + timedelta(seconds=number // 3) for number in range(rows)]
    stored(
        *(
            a_record(request_id=str(number), user_id=str(number), decided_at=moment, **changes)
            for number, moment in enumerate(moments)
        )
    )


def page(order: Order, narrowed: Q | None = None, **where: Position | None) -> Page:
    return page_of(Decision.objects.all(), narrowed or Q(), order, size=7, **where)


def names(found: Page) -> list[int]:
    return [int(row.request_id) for row in found.rows]


@orders
def test_walking_to_the_end_and_back_meets_every_row_once(order: Order) -> None:
    fill(40)

    walked, found = [], page(order)
    while True:
        walked.append(names(found))
        if found.older is None:
            break
        found = page(order, before=found.older)
    back = [names(found)]
    while found.newer is not None:
        found = page(order, after=found.newer)
        back.append(names(found))

    assert [number for each in walked for number in each] == list(range(39, -1, -1))
    assert back[-1] == walked[0]
    assert sorted({number for each in back for number in each}) == list(range(40))


@orders
def test_what_arrives_meanwhile_moves_no_page(order: Order) -> None:
    fill(20)
    first = page(order)
    stored(a_record(request_id="99", decided_at=MOMENT + timedelta(days=1)))

    assert names(page(order, before=first.older)) == list(range(12, 5, -1))


@orders
def test_the_first_page_has_nothing_newer_and_the_last_nothing_older(order: Order) -> None:
    fill(7)

    found = page(order)

    assert (found.newer, found.older, found.is_cut) == (None, None, False)
    assert page(order, after=order.position(found.rows[0])) == found


@orders
def test_what_is_rare_is_looked_for_among_so_many_rows_and_no_more(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "WINDOW", 10)
    fill(30)
    rare = Q(request_id__in=["3", "29"])

    first = page(order, rare)
    second = page(order, rare, before=first.older)
    third = page(order, rare, before=second.older)

    assert [names(found) for found in (first, second, third)] == [[29], [], [3]]
    assert [found.is_cut for found in (first, second, third)] == [True, True, False]
    nearer = page(order, rare, after=third.newer)
    assert names(nearer) == []
    assert names(page(order, rare, after=page(order, rare, after=nearer.newer).newer)) == [29]


@orders
@pytest.mark.parametrize("text", ["", "x", "-1", "1.2.3", "1.", ".", "9" * 40, "9" * 19 + ".1", "1.9e9", "²", "1.²"])
def test_a_position_that_is_none_is_the_first_page(order: Order, text: str) -> None:
    assert order.parsed(text) is None


@orders
def test_a_position_is_read_as_it_was_written(order: Order) -> None:
    fill(2)

    for row in Decision.objects.all():
        position = order.position(row)
        assert order.parsed(str(position)) == position
