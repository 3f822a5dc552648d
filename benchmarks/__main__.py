"""`python -m benchmarks`: measure, print the tables, end with 1 when any answer was an error."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from benchmarks import audits, comparison, decisions, edits, engine, growth, peers, report, scale, targets
from benchmarks.comparison import Line
from benchmarks.installation import DATABASES, Installation, fresh
from benchmarks.rounds import Pace
from benchmarks.targets import Target

QUICK = Pace(seconds=0.4, warmup=0.3, rounds=1)
THOROUGH = Pace(seconds=3.0, warmup=1.0, rounds=5)
PARTS = ("engine", "comparison", "growth", "decisions", "edits")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of the main things: under two minutes")
    parser.add_argument("--parts", type=Names(PARTS), default=PARTS, help=f"default: {','.join(PARTS)}")
    parser.add_argument("--databases", type=Names(DATABASES), default=DATABASES, help="of the durable decisions")
    parser.add_argument("--connections", type=count, default=QUICK.connections, help="default: 32")
    parser.add_argument("--seconds", type=positive, help="seconds for each thing in each round")
    parser.add_argument("--rounds", type=count, help="the figures are medians of this many rounds")
    parser.add_argument("--workers", type=count, default=2, help="processes of every server; default: 2")
    parser.add_argument("--audits", action="store_true", help="also time GET /audits at 10,000 and 1,000,000 rows")
    return parser.parse_args(arguments)


class Names:
    """Words between commas, each of them one that we know."""

    def __init__(self, known: Sequence[str]) -> None:
        self.known = known

    def __call__(self, text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        if unknown := set(found) - set(self.known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(self.known)}")
        return found


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


def show(title: str, *tables: str) -> None:
    print(f"\n## {title}\n", *tables, sep="\n", flush=True)


def show_engine(*, brief: bool) -> None:
    """The engine without a server."""
    show("engine", report.engine(engine.measure(calls=20_000 if brief else 100_000)))
    if not brief:
        show("engine at scale", report.scale(scale.measure()))
        show("engine beside its peers", report.peers(peers.measure(repeats=15)))


def show_audits(name: str, installation: Installation) -> Iterator[str]:
    """Measure and print the audit's first page on one database; what went wrong."""
    pages = audits.measure(installation)
    show(f"{name}, first page of the audit", report.audits(pages))
    yield from (f"GET /audits at {page.rows:,} rows: {page.result.statuses}" for page in pages if page.result.errors)


class Session:
    """What was measured so far, and what it says of the promises."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.pace = options, pace_of(options)
        self.targets: list[Target] = []
        self.failures: list[str] = []

    def run(self) -> None:
        """Every part that is wanted."""
        brief, parts = self.options.quick, self.options.parts
        if "engine" in parts:
            show_engine(brief=brief)
            self.run_compile(brief=brief)
        if "comparison" in parts:
            with self.installation("sqlite") as installation:
                lines = comparison.measure(installation, self.pace, brief=brief)
            self.take("who answers how much", lines, targets.of_comparison(lines))
        if "growth" in parts:
            self.run_growth(brief=brief)
        if "decisions" in parts:
            for name in self.options.databases:
                with self.installation(name) as installation:
                    lines = decisions.measure(installation, self.pace)
                self.take(f"durable decisions, {name}", lines, targets.of_decisions(name, lines))
        if "edits" in parts:
            for name in self.options.databases:
                with self.installation(name) as installation:
                    delays = list(edits.measure(installation, brief=brief))
                show(f"edits, {name}", report.delays(delays))
                self.targets += targets.of_edits(name, delays)
        if self.options.audits:
            for name in self.options.databases:
                with self.installation(name) as installation:
                    self.failures += show_audits(name, installation)

    def run_compile(self, *, brief: bool) -> None:
        """What it takes to compile from each database."""
        for name in () if brief else self.options.databases:
            with self.installation(name) as installation:
                show(f"compiling, {name}", report.compiled(scale.measure_database(installation)))

    def run_growth(self, *, brief: bool) -> None:
        with self.installation("sqlite") as installation:
            lines = growth.measure_growth(installation, self.pace, brief=brief)
        self.take("as things grow", lines, targets.of_growth(lines))
        with self.installation("sqlite") as installation:
            lines = growth.footprint(installation, self.pace, brief=brief)
        self.take("what a worker weighs", lines, targets.of_footprint(lines))

    def installation(self, database: str) -> AbstractContextManager[Installation]:
        return fresh(database, workers=self.options.workers)

    def take(self, title: str, lines: Sequence[Line], promised: Iterable[Target]) -> None:
        """Print a table, and keep what it says."""
        show(title, report.lines(lines))
        self.targets += promised
        self.failures += report.failures(lines)


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 when every answer was 2xx, or 304 where that was asked for."""
    session = Session(parse(arguments))
    pace = session.pace
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; {session.options.workers} workers, "
        f"{pace.connections} connections; medians of {pace.rounds} rounds of {pace.seconds:g} s"
    )
    session.run()
    if session.targets:
        show("promises", report.targets(session.targets))
    for failure in session.failures:
        print(f"errors in {failure}", file=sys.stderr)
    return 1 if session.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
