"""`python -m benchmarks`: measure, print the tables, end with 1 when any answer was an error."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from benchmarks import audits, decisions, engine, peers, report, scale
from benchmarks.installation import DATABASES, Installation, fresh
from benchmarks.rounds import Pace

QUICK = Pace(seconds=2.0, warmup=0.5, rounds=3)
THOROUGH = Pace(seconds=5.0, warmup=1.0, rounds=5)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 2 seconds: under two minutes in all")
    parser.add_argument("--databases", type=databases, default=DATABASES, help="default: sqlite,postgres")
    parser.add_argument("--connections", type=count, default=QUICK.connections, help="default: 32")
    parser.add_argument("--seconds", type=positive, help="seconds for each thing in each round")
    parser.add_argument("--rounds", type=count, help="the figures are medians of this many rounds")
    parser.add_argument("--workers", type=count, default=2, help="WEB_CONCURRENCY of every server; default: 2")
    parser.add_argument("--audits", action="store_true", help="also time GET /audits at 10,000 and 1,000,000 rows")
    return parser.parse_args(arguments)


def databases(text: str) -> tuple[str, ...]:
    """Names between commas, each one that we can start."""
    names = tuple(text.split(","))
    if unknown := set(names) - set(DATABASES):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(DATABASES)}")
    return names


def positive(text: str) -> float:
    """A number above zero."""
    if (number := float(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def count(text: str) -> int:
    """A whole number above zero."""
    if (number := int(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def pace_of(options: argparse.Namespace) -> Pace:
    """What --quick or its absence suggests, with what was said in so many words."""
    base = QUICK if options.quick else THOROUGH
    return Pace(
        connections=options.connections,
        seconds=options.seconds or base.seconds,
        warmup=base.warmup,
        rounds=options.rounds or base.rounds,
    )


def show_decisions(name: str, installation: Installation, pace: Pace) -> list[str]:
    """Measure and print what decisions cost on one database; what went wrong."""
    figures = decisions.measure(installation, pace)
    print(f"\n## {name}\n", report.servers(figures), "", report.ratios(decisions.ratios(figures)), sep="\n", flush=True)
    return report.failures(figures)


def show_audits(name: str, installation: Installation) -> list[str]:
    """Measure and print the audit's first page on one database; what went wrong."""
    pages = audits.measure(installation)
    print(f"\n## {name}, first page of the audit\n", report.audits(pages), sep="\n", flush=True)
    return [f"GET /audits at {page.rows:,} rows: {page.result.statuses}" for page in pages if page.result.errors]


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 when every answer was 2xx."""
    options = parse(arguments)
    pace = pace_of(options)
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; {options.workers} workers, "
        f"{pace.connections} connections; medians of {pace.rounds} rounds of {pace.seconds:g} s"
    )
    print(
        "\n## engine\n", report.engine(engine.measure(calls=20_000 if options.quick else 100_000)), sep="\n", flush=True
    )
    print("\n## engine at scale\n", report.scale(scale.measure()), sep="\n", flush=True)
    matches = peers.measure(repeats=5 if options.quick else 15)
    print("\n## engine beside its peers\n", report.peers(matches), sep="\n", flush=True)
    failures: list[str] = []
    for name in options.databases:
        with fresh(name, workers=options.workers) as installation:
            failures += show_decisions(name, installation, pace)
            print("", report.compiled(scale.measure_database(installation)), sep="\n", flush=True)
        if options.audits:
            with fresh(name, workers=options.workers) as installation:
                failures += show_audits(name, installation)
    for failure in failures:
        print(f"errors in {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
