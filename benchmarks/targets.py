"""What was promised, as ratios of lines of one run, and whether it was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import decisions, edits
from benchmarks.comparison import DJANGO, EDGE, FASTAPI, FLOOR, GRANIAN, WEB, Line
from benchmarks.edits import Delays


@dataclass(frozen=True, slots=True)
class Target:
    """A promise, the figure that was measured, and the one that was promised: at least, or at most."""

    promise: str
    measured: float
    wanted: float
    is_least: bool = True

    @property
    def is_met(self) -> bool:
        return self.measured >= self.wanted if self.is_least else self.measured <= self.wanted


def of_comparison(lines: Sequence[Line]) -> Iterator[Target]:
    """Beside the floors and the rivals. Of several protocols the slowest counts."""
    one, one_web = slowest(lines, "one of 10,", EDGE), slowest(lines, "one of 10,", WEB)
    yield Target("edge, one feature / floor", one / rps(lines, "one of 10", FLOOR), 0.55)
    yield Target("web, one feature / floor", one_web / rps(lines, "one of 10", FLOOR), 0.55)
    yield Target("edge, one feature / granian floor", one / rps(lines, "one of 10", GRANIAN), 0.55)
    yield Target("edge, one feature / FastAPI + growthbook", one / rps(lines, "one of 10", FASTAPI), 8)
    yield Target("edge, one feature / Django REST + flagsmith", one / rps(lines, "one of 10", DJANGO), 20)
    whole = [line for line in lines if line.workload.startswith("document,") and line.contender == EDGE]
    least = min(line.figures.rps / rps(lines, line.workload, FLOOR) for line in whole)
    yield Target("edge, document / floor", least, 0.75)
    yield Target("edge, unchanged / floor", slowest(lines, "unchanged,", EDGE) / rps(lines, "unchanged", FLOOR), 0.75)
    all_of_them = slowest(lines, "all 200,", EDGE)
    yield Target("edge, all 200 / FastAPI + growthbook", all_of_them / rps(lines, "all 200", FASTAPI), 8)
    yield Target("edge, all 200 / Django REST + flagsmith", all_of_them / rps(lines, "all 200", DJANGO), 8)


def of_decisions(database: str, lines: Sequence[Line]) -> Iterator[Target]:
    """What keeping them costs."""
    for who in (EDGE, WEB):
        ratio = rps(lines, decisions.DURABLE, who) / rps(lines, decisions.WITHOUT_RECORD, who)
        yield Target(f"{who}, durable / no record, {database}", ratio, 0.6)


def of_growth(lines: Sequence[Line]) -> Iterator[Target]:
    """What does not grow with what there is."""
    places = [line.figures.cpu_us for line in lines if line.workload.endswith("environments")]
    alone = [line for line in lines if line.workload.startswith("one of") and " in " not in line.workload]
    sizes = [line.figures.cpu_us for line in alone]
    yield Target("one feature, CPU in most environments / in one", places[-1] / places[0], 1.25, is_least=False)
    yield Target("one feature, CPU among most features / among 10", sizes[-1] / sizes[0], 1.25, is_least=False)
    within = next(line.figures for line in lines if line.workload.startswith("at 70"))
    yield Target("p99 / p50 at 70 % of capacity", within.p99_ms / within.p50_ms, 5, is_least=False)


def of_footprint(lines: Sequence[Line]) -> Iterator[Target]:
    """What one worker weighs."""
    yield from (Target(f"MB, {line.workload}", line.figures.rss_mb, 150, is_least=False) for line in lines)


REACHED = {edits.SAME_HOST: 10, edits.NOTIFIED: 100, edits.POLLING: 1_500}
"""Milliseconds."""


def of_edits(database: str, delays: Sequence[Delays]) -> Iterator[Target]:
    """How soon others serve an edit."""
    for each in delays:
        promise = f"edit, {each.where}, {database}, median ms"
        yield Target(promise, each.median_ms, REACHED[each.where], is_least=False)


def rps(lines: Sequence[Line], workload: str, contender: str) -> float:
    return next(line.figures.rps for line in lines if (line.workload, line.contender) == (workload, contender))


def slowest(lines: Sequence[Line], beginning: str, contender: str) -> float:
    """Requests per second of the protocol that has the fewest."""
    return min(
        line.figures.rps for line in lines if line.workload.startswith(beginning) and line.contender == contender
    )
