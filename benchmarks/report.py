"""The tables that the benchmark prints, as Markdown, so that they can be pasted into a note."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.audits import Page
from benchmarks.comparison import Line
from benchmarks.edits import Delays
from benchmarks.engine import Cost as DecideCost
from benchmarks.peers import Match
from benchmarks.rounds import Figures
from benchmarks.scale import Compiled, Cost
from benchmarks.targets import Target

LINE_HEADINGS = ("workload", "server", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "RSS MB", "errors")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """A Markdown table: the first columns, which are texts, to the left, the others to the right."""
    lines = [list(headings), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(headings))]
    rule = ["-" * width if at < texts else "-" * (width - 1) + ":" for at, width in enumerate(widths)]
    lines.insert(1, rule)
    return "\n".join("| " + " | ".join(fitted(line, widths, texts)) + " |" for line in lines)


def fitted(cells: Sequence[str], widths: Sequence[int], texts: int) -> list[str]:
    """The cells of one line, each as wide as its column."""
    return [
        cell.ljust(width) if at < texts else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def lines(found: Iterable[Line]) -> str:
    """One line for each thing that was asked of somebody."""
    return table(LINE_HEADINGS, ((line.workload, line.contender, *cells(line.figures)) for line in found), texts=2)


def delays(found: Iterable[Delays]) -> str:
    """One line for each place that edits came to."""
    rows = ((each.where, f"{each.median_ms:.1f}", f"{each.most_ms:.1f}", str(each.edits)) for each in found)
    return table(("until served by every process", "median ms", "most ms", "edits"), rows)


def cells(figures: Figures) -> tuple[str, ...]:
    """The figures of one line."""
    return (
        f"{figures.rps:,.0f}",
        f"{figures.p50_ms:.2f}",
        f"{figures.p99_ms:.2f}",
        f"{figures.cpu_us:.1f}",
        f"{figures.rss_mb:.0f}",
        str(figures.errors),
    )


def targets(found: Iterable[Target]) -> str:
    """One line for each promise."""
    bounds = {True: "≥", False: "≤"}
    rows = (
        (each.promise, f"{each.measured:.2f}", f"{bounds[each.is_least]} {each.wanted:g}", VERDICTS[each.is_met])
        for each in found
    )
    return table(("promise", "measured", "wanted", ""), rows)


VERDICTS = {True: "met", False: "missed"}


def failures(found: Iterable[Line]) -> list[str]:
    """One sentence for each thing that was answered with errors; status 0 is a connection that broke."""
    return [
        f"{line.workload}, {line.contender}: {dict(sorted(line.figures.statuses.items()))}"
        for line in found
        if line.figures.errors
    ]


def engine(costs: Iterable[DecideCost]) -> str:
    """One line for each status and size of the snapshot."""
    rows = ((c.status, f"{c.features:,}", f"{c.min_us:.3f}", f"{c.median_us:.3f}") for c in costs)
    return table(("decide", "features", "min µs", "median µs"), rows)


def peers(matches: Iterable[Match]) -> str:
    """One line for each peer, kind of flags and number of features; the ratio is how many times faster we are."""
    rows = (
        (m.peer, m.flags, str(m.features), f"{m.ours_us:.2f}", f"{m.theirs_us:.2f}", f"{m.ratio:.1f}") for m in matches
    )
    return table(("peer", "flags", "features", "ours µs", "theirs µs", "ratio"), rows)


def scale(cost: Cost) -> str:
    """One line for each thing that is done in a large environment."""
    rows = (
        ("one decision, µs", f"{cost.one_us:.2f}"),
        ("decide_all of 200 features, µs", f"{cost.all_us:.0f}"),
        ("compile, ms", f"{cost.compile_ms:.0f}"),
    )
    return table(("1,000 features, 100 segments, 3 rules each", "best"), rows)


def compiled(found: Compiled) -> str:
    """One sentence."""
    return f"compile {found.features:,} features: {found.compile_ms:.0f} ms in {found.queries} queries"


def audits(pages: Sequence[Page]) -> str:
    """One line for each size of the log, and how much longer the last takes than the first."""
    rows = ((f"{p.rows:,}", f"{p.result.p50_ms:.2f}", f"{p.result.p99_ms:.2f}", str(p.result.errors)) for p in pages)
    ratio = pages[-1].result.p50_ms / pages[0].result.p50_ms
    return table(("rows", "p50 ms", "p99 ms", "errors"), rows) + f"\n\nlongest / shortest log, p50: {ratio:.2f}"
