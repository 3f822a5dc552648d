"""Measures several servers in turns, so that a slow minute of the machine is shared by all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks import load
from benchmarks.load import Asks, Load
from benchmarks.process import Server


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to measure: what is asked of which server."""

    name: str
    server: Server
    ask: Asks
    connections: int | None = None
    """Where it is not the pace's number of them."""
    rate: float = 0.0
    """Requests a second; 0 is as many as there can be."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard and how long: seconds are for one subject in one round."""

    connections: int = 32
    seconds: float = 5.0
    warmup: float = 1.0
    rounds: int = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """One subject in one round, or the medians of its rounds. `cpu_us` and `rss_mb` are the server's whole tree."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    rss_mb: float
    errors: int
    statuses: Counter[int]


def interleave(subjects: Sequence[Subject], pace: Pace) -> dict[str, Figures]:
    """The medians of every subject, by its name."""
    seen: dict[str, list[Figures]] = {subject.name: [] for subject in subjects}
    for turn in range(pace.rounds):
        # Every other round goes backwards, so that no subject always follows the same one.
        for subject in subjects if turn % 2 == 0 else reversed(subjects):
            seen[subject.name].append(measure(subject, pace))
    return {name: medians(figures) for name, figures in seen.items()}


def measure(subject: Subject, pace: Pace) -> Figures:
    """One round of one subject. Processor time is taken while nothing is in flight, before and after."""
    marks: list[float] = []
    asked = Load(
        port=subject.server.port,
        ask=subject.ask,
        connections=subject.connections or pace.connections,
        rate=subject.rate,
        warmup=pace.warmup,
        seconds=pace.seconds,
    )
    result = load.run(asked, when_warm=lambda: marks.append(subject.server.cpu_seconds()))
    used = subject.server.cpu_seconds() - marks[0]
    return Figures(
        rps=result.rps,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        cpu_us=used * 1e6 / result.requests if result.requests else float("nan"),
        rss_mb=subject.server.rss_mb(),
        errors=result.errors,
        statuses=Counter(result.statuses),
    )


def medians(figures: Iterable[Figures]) -> Figures:
    """The median of every figure on its own; errors and statuses are added up, none may hide in a median."""
    seen = list(figures)
    return Figures(
        rps=median(each.rps for each in seen),
        p50_ms=median(each.p50_ms for each in seen),
        p99_ms=median(each.p99_ms for each in seen),
        cpu_us=median(each.cpu_us for each in seen),
        rss_mb=median(each.rss_mb for each in seen),
        errors=sum(each.errors for each in seen),
        statuses=sum((each.statuses for each in seen), Counter[int]()),
    )
