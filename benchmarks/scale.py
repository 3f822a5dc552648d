"""An environment of a thousand features, each with three rules on a hundred segments: deciding in it, and compiling it.

`python -m benchmarks.scale` fills the database that DATABASE_URL names, compiles from there, and prints as JSON what
that took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from time import perf_counter
from timeit import Timer

import django

from app.env import select_settings
from benchmarks import filling, peers
from benchmarks.installation import ROOT, CommandFailed, Installation
from decisions.engine.evaluate import compile_snapshot, decide, decide_all

FEATURES = 1_000
RULES = 3
REPEATS = 10
SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Cost:
    """The best of several: microseconds for a subject of one feature and of `peers.ALL`, milliseconds to compile."""

    one_us: float
    all_us: float
    compile_ms: float


@dataclass(frozen=True, slots=True)
class Compiled:
    """What it takes to compile the same from a database: the best time in milliseconds, and every query counted."""

    features: int
    queries: int
    compile_ms: float


def measure() -> Cost:
    """The engine alone."""
    subjects = peers.some_subjects()
    large, small = (compile_snapshot(peers.targeted("growthbook", count)) for count in (FEATURES, peers.ALL))
    one_us, all_us = peers.best_of(
        lambda n: decide(large, f"feature_{n}", subjects[n]), lambda n: decide_all(small, subjects[n]), REPEATS, SECONDS
    )
    times = Timer(lambda: compile_snapshot(peers.targeted("growthbook", FEATURES))).repeat(REPEATS, 1)
    return Cost(one_us, all_us, compile_ms=min(times) * 1e3)


def measure_database(installation: Installation) -> Compiled:
    """The same from an installation's own database, in a process of its own. Raises CommandFailed."""
    command = (sys.executable, "-m", "benchmarks.scale")
    env = {**os.environ, **installation.env}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"benchmarks.scale ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return Compiled(**json.loads(done.stdout))


def fill() -> int:
    """Store what `measure` decides about; the environment's id."""
    from tenants.models import Environment  # noqa: PLC0415  models are there only after django.setup()

    made = filling.make(filling.Wanted("scale", FEATURES, rules=RULES))
    return int(Environment.objects.get(project__key=made.project).pk)


def compile_it(environment_id: int) -> Compiled:
    """Compile once to count, and then to time. Raises AssertionError when something else would be measured."""
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from decisions.snapshots import read  # noqa: PLC0415

    with CaptureQueriesContext(connection) as queries:
        snapshot = read(environment_id)
    if snapshot is None or len(snapshot.features) < FEATURES:
        raise AssertionError(f"environment {environment_id} has not got {FEATURES} features")
    times = []
    for _ in range(REPEATS):
        started = perf_counter()
        read(environment_id)
        times.append(perf_counter() - started)
    return Compiled(len(snapshot.features), len(queries), min(times) * 1e3)


if __name__ == "__main__":
    if "DATABASE_URL" not in os.environ:
        sys.exit("DATABASE_URL must name a database to fill, one that can be thrown away")
    select_settings(os.environ, default="local")
    django.setup()
    print(json.dumps(asdict(compile_it(fill()))))
