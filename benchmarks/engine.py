"""The engine alone: microseconds of one `decide`, without a server, a database or JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from timeit import Timer

from decisions.engine.evaluate import Snapshot, compile_snapshot, decide
from decisions.engine.types import Experiment, Feature, Reason, Status, Subject, Variant

SIZES = (1, 1_000)
SUBJECTS = 1_000
EXPECTED = {Status.OFF: Reason.OFF, Status.ON: Reason.ON, Status.EXPERIMENT: Reason.ASSIGNED}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call took, in microseconds: the best repeat and the median of all repeats."""

    status: str
    features: int
    min_us: float
    median_us: float


def measure(*, repeats: int = 7, calls: int = 100_000) -> list[Cost]:
    """Every status, in a snapshot of every size. Raises AssertionError when something else would be measured."""
    return [
        cost(status, size, repeats=repeats, calls=calls)
        for size, status in itertools.product(SIZES, (Status.OFF, Status.ON, Status.EXPERIMENT))
    ]


def cost(status: Status, size: int, *, repeats: int, calls: int) -> Cost:
    """Time `decide` over subjects that differ, less the time that choosing the next subject takes."""
    snapshot, key = a_snapshot(status, size), f"feature_{size - 1}"
    subjects = [Subject(key=f"u-{n}") for n in range(SUBJECTS)]
    check(snapshot, key, subjects[0], status)
    following = itertools.cycle(subjects).__next__
    timer = Timer("decide(snapshot, key, following())", globals={**locals(), "decide": decide})
    empty = min(Timer(following).repeat(repeats, calls)) / calls
    seconds = [total / calls - empty for total in timer.repeat(repeats, calls)]
    return Cost(status.value, size, min_us=min(seconds) * 1e6, median_us=median(seconds) * 1e6)


def check(snapshot: Snapshot, key: str, subject: Subject, status: Status) -> None:
    """A benchmark of the wrong branch would look fast."""
    reason = decide(snapshot, key, subject).reason
    if reason is not EXPECTED[status]:
        raise AssertionError(f"{key} is {status}, yet its decision is {reason}")


def a_snapshot(status: Status, size: int) -> Snapshot:
    """Features `feature_0` to `feature_<size - 1>`, all alike but for their keys and seeds."""
    return compile_snapshot(features(status, size))


def features(status: Status, size: int) -> Iterator[Feature]:
    """Each has a running 50/50 experiment, which only the status `experiment` uses."""
    variants = (
        Variant("control", 50, number=1, is_control=True, payload={"color": "blue"}),
        Variant("treatment", 50, number=2, payload={"color": "green"}),
    )
    for n in range(size):
        experiment = Experiment(f"exp-{n + 1:03d}", f"experiment_{n}", seed=f"seed-{n}", variants=variants)
        yield Feature(f"feature_{n}", number=n + 1, status=status, experiment=experiment)
