"""Charts are drawings that say what they show, whatever they are called."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from audits.charts import Bar, bars, curve, line_chart, short

XSS = '"><script>alert(1)</script>'
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def points(drawing: str) -> list[tuple[float, float]]:
    """Where the first line goes."""
    path = next(part for part in ElementTree.fromstring(drawing).iter("path") if "sy-line" in part.attrib["class"])
    pairs = path.attrib["d"].removeprefix("M").split(" L")
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in pairs)]


def test_a_line_rises_with_its_values_from_left_to_right() -> None:
    drawn = points(line_chart({"on": [0, 5, 10]}, ["a", "b", "c"], title="Evaluations"))

    assert [x for x, _ in drawn] == [0, 500, 1000]
    assert [y for _, y in drawn] == [99, 50, 1]


def test_a_chart_says_its_totals_to_those_who_do_not_see_it() -> None:
    drawn = ElementTree.fromstring(line_chart({"on": [1, 2], "off": [3, 4]}, ["a", "b"], title="Evaluations"))

    (plot,) = drawn.iter("svg")
    assert plot.attrib["aria-label"] == "Evaluations: on 3, off 7"


def test_nothing_is_said_in_words() -> None:
    assert "Quiet." in line_chart({"on": [0, 0]}, ["a", "b"], title="Evaluations", empty="Quiet.")
    assert "Quiet." in bars([], title="Split", empty="Quiet.")
    assert "Quiet." in curve([], title="Ramp", empty="Quiet.")


def test_a_ramp_is_straight_and_a_schedule_has_steps() -> None:
    plan = [(NOON, 0.0), (NOON + timedelta(hours=1), 100.0)]

    assert points(curve(plan, title="Ramp")) == [(0, 99), (1000, 1)]
    assert points(curve(plan, title="Steps", stepped=True)) == [(0, 99), (1000, 99), (1000, 1)]


def test_now_is_marked_where_it_is_within_the_plan() -> None:
    plan = [(NOON, 0.0), (NOON + timedelta(hours=1), 100.0)]

    assert "sy-now" in curve(plan, title="Ramp", now=NOON + timedelta(minutes=30))
    assert "sy-now" not in curve(plan, title="Ramp", now=NOON + timedelta(hours=2))


def test_a_bar_is_as_long_as_its_part_of_the_longest() -> None:
    drawn = bars([Bar("control", 50, expected=75), Bar("treatment", 100, expected=75)], title="Split")

    widths = [
        part.attrib["width"] for part in ElementTree.fromstring(drawn).iter("rect") if "sy-solid" in str(part.attrib)
    ]
    assert widths == ["50.00%", "100.00%"]
    assert drawn.count("sy-tick") == 2


@pytest.mark.parametrize(
    "drawn",
    [
        line_chart({XSS: [1, 2], "b": [1, 2]}, [XSS, "b"], title=XSS, unit=XSS),
        bars([Bar(XSS, 1, 2, XSS)], title=XSS, unit=XSS),
        curve([(NOON, 1.0)], title=XSS, unit=XSS),
    ],
)
def test_names_stay_text(drawn: str) -> None:
    parts = {part.tag for part in ElementTree.fromstring(drawn).iter()}

    assert "script" not in parts
    assert "<script" not in drawn


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.5, "0.5"), (950, "950"), (9_999, "9,999"), (12_345, "12.3k"), (250_000, "250k"), (4e6, "4M")],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert short(number) == text
