"""Charts as SVG that the server draws: no script, any width, light and dark, read aloud as a sentence. Text is escaped.

Colours and sizes are in switchyard/admin.css. Words stand in HTML beside the drawing, so that they keep their size.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import floor, log10

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

WIDTH, HEIGHT = 1000.0, 100.0
COLOURS = 6
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of `bars`: how much, and how much was expected, in the same unit."""

    label: str
    value: float
    expected: float | None = None
    note: str = ""


def line_chart(
    series: Mapping[str, Sequence[float]],
    labels: Sequence[str],
    *,
    title: str,
    unit: str = "",
    top: float | None = None,
    empty: str = "Nothing yet.",
) -> SafeString:
    """A line for each series, a value of each for every label from left to right."""
    if not labels or not any(map(any, series.values())):
        return nothing(empty)
    top = top or _round_up(max(max(values) for values in series.values()))
    lines = [[(_across(at, len(labels)), _up(value, top)) for at, value in enumerate(v)] for v in series.values()]
    shown = [_line(points, number, filled=len(series) == 1) for number, points in enumerate(lines)]
    hints = _hints(series, labels, unit)
    totals = ", ".join(f"{name} {short(sum(values))}" for name, values in series.items())
    ends = [labels[0], labels[len(labels) // 2], labels[-1]] if len(labels) > 2 else list(labels)
    legend = _legend(series) if len(series) > 1 else ""
    return _figure(_svg([*shown, hints], f"{title}: {totals}"), title, legend, _scale(top, unit), ends)


def curve(
    points: Sequence[tuple[datetime, float]],
    *,
    title: str,
    unit: str = "%",
    top: float = 100.0,
    now: datetime | None = None,
    stepped: bool = False,
    empty: str = "Nothing is planned.",
) -> SafeString:
    """How one number moves with time, such as a ramp: straight between the points, or in steps. `now` is marked."""
    if not points:
        return nothing(empty)
    begin, end = points[0][0], points[-1][0]
    span = (end - begin).total_seconds() or 1.0
    drawn = [((moment - begin).total_seconds() / span * WIDTH, _up(value, top)) for moment, value in points]
    if len(drawn) == 1:
        drawn.append((WIDTH, drawn[0][1]))
    shown = [_line(_steps(drawn) if stepped else drawn, 0, filled=True)]
    if now and begin <= now <= end:
        shown.append(_mark((now - begin).total_seconds() / span * WIDTH))
    spoken = ", ".join(f"{value:g}{unit} at {_moment(moment)}" for moment, value in points[:10])
    return _figure(
        _svg(shown, f"{title}: {spoken}"), title, "", _scale(top, unit), [_moment(begin), _moment(end)], small=True
    )


def bars(rows: Sequence[Bar], *, title: str, unit: str = "", empty: str = "Nothing yet.") -> SafeString:
    """A horizontal bar for each row; a tick where it was expected to end."""
    if not rows:
        return nothing(empty)
    top = max(max(row.value, row.expected or 0.0) for row in rows) or 1.0
    drawn = format_html_join("", "{}", ((_bar(row, number, top, unit),) for number, row in enumerate(rows)))
    return format_html('<ul class="sy-bars" aria-label="{}">{}</ul>', title, drawn)


def nothing(text: str) -> SafeString:
    """What stands where a chart would."""
    return format_html('<p class="sy-nothing">{}</p>', text)


def short(number: float) -> str:
    """A number as short as a scale needs it: 950, 12.3k, 4M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "")):
        if number >= size and letter:
            return f"{number / size:.3g}{letter}"
        if number >= size:
            return f"{number / 1e3:.0f}k" if number >= 1e5 else f"{number / 1e3:.3g}k"
    return f"{number:,.0f}" if number == int(number) else f"{number:.3g}"


def _round_up(number: float) -> float:
    """The next number that reads well on a scale: 1, 2, 4, 5 or 10 times a power of ten."""
    if number <= 1:
        return 1.0
    power = float(10 ** floor(log10(number)))
    return next(power * step for step in (1, 2, 4, 5, 10) if power * step >= number)


def _across(at: int, count: int) -> float:
    return at / (count - 1) * WIDTH if count > 1 else WIDTH / 2


def _up(value: float, top: float) -> float:
    """From the top of the drawing, where SVG begins to count; a line's own thickness stays inside."""
    return HEIGHT - max(0.0, min(value / top, 1.0)) * (HEIGHT - 2) - 1


def _steps(points: Sequence[Point]) -> list[Point]:
    """Each height holds until the next point."""
    held = [(x, before) for (_, before), (x, _) in pairwise(points)]
    return [points[0], *(point for pair in zip(held, points[1:], strict=True) for point in pair)]


def _line(points: Sequence[Point], number: int, *, filled: bool) -> SafeString:
    path = " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    colour = number % COLOURS + 1
    line = format_html('<path class="sy-line sy-stroke-{}" d="M{}"/>', colour, path)
    if not filled:
        return line
    ground = f"M{points[0][0]:.1f},{HEIGHT:.1f} L{path} L{points[-1][0]:.1f},{HEIGHT:.1f} Z"
    return format_html('<path class="sy-area sy-fill-{}" d="{}"/>{}', colour, ground, line)


def _mark(x: float) -> SafeString:
    return format_html('<path class="sy-now" d="M{},0 V{}"><title>Now</title></path>', f"{x:.1f}", HEIGHT)


def _hints(series: Mapping[str, Sequence[float]], labels: Sequence[str], unit: str) -> SafeString:
    """What a pointer over the drawing is told."""
    step = WIDTH / len(labels)
    told = (
        (f"{at * step:.1f}", f"{step:.1f}", label, " · ".join(f"{n} {short(v[at])}{unit}" for n, v in series.items()))
        for at, label in enumerate(labels)
    )
    return format_html_join(
        "", '<rect class="sy-hint" x="{}" y="0" width="{}" height="100"><title>{}: {}</title></rect>', told
    )


def _svg(parts: Iterable[SafeString], spoken: str) -> SafeString:
    inner = format_html_join("", "{}", ((part,) for part in parts))
    return format_html(
        '<svg class="sy-plot" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        spoken,
        inner,
    )


def _scale(top: float, unit: str) -> SafeString:
    return format_html_join("", "<span>{}{}</span>", ((short(number), unit) for number in (top, top / 2, 0)))


def _legend(names: Iterable[str]) -> SafeString:
    return format_html_join(
        "",
        '<span class="sy-key"><i class="sy-dot sy-back-{}"></i>{}</span>',
        ((number % COLOURS + 1, name) for number, name in enumerate(names)),
    )


def _figure(
    svg: SafeString, title: str, legend: SafeString | str, scale: SafeString, ends: Iterable[str], small: bool = False
) -> SafeString:
    return format_html(
        '<figure class="sy-chart{}"><figcaption><b>{}</b><span class="sy-legend">{}</span></figcaption>'
        '<div class="sy-frame"><div class="sy-scale" aria-hidden="true">{}</div>{}</div>'
        '<div class="sy-ends" aria-hidden="true">{}</div></figure>',
        " sy-small" if small else "",
        title,
        legend,
        scale,
        svg,
        format_html_join("", "<span>{}</span>", ((end,) for end in ends)),
    )


def _bar(row: Bar, number: int, top: float, unit: str) -> SafeString:
    tick: SafeString | str = ""
    if row.expected is not None:
        tick = format_html('<rect class="sy-tick" x="{}%" width="2" height="100%"/>', f"{row.expected / top * 99:.2f}")
    return format_html(
        '<li><span class="sy-bar-label">{}</span><span class="sy-bar-value">{}{}{}</span>'
        '<svg class="sy-bar" aria-hidden="true"><rect class="sy-track" width="100%" height="100%" rx="4"/>'
        '<rect class="sy-solid-{}" width="{}%" height="100%" rx="4"/>{}</svg></li>',
        row.label,
        short(row.value),
        unit,
        format_html(' <span class="sy-quiet">{}</span>', row.note) if row.note else "",
        number % COLOURS + 1,
        f"{row.value / top * 100:.2f}",
        tick,
    )


def _moment(moment: datetime) -> str:
    return f"{localtime(moment):%d %b %H:%M}"
